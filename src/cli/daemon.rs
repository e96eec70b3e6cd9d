//! `rainline daemon`: runs, starts, stops and asks the process behind every line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{output, say};
use crate::daemon::status::Status;
use crate::daemon::{self, Options};
use crate::error::Error;
use crate::quote::word;
use rainline_client::protocol::{Admin, ReplyKind};
use rainline_client::runtime::{self, Runtime};
use rainline_client::{self, Why, spawn, sys};

/// How long an answer of the daemon is waited for.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The same, to find out whether one runs.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a daemon that was just started is asked, and how long each answer may take.
const START_POLL: Duration = Duration::from_millis(10);
const START_PING: Duration = Duration::from_millis(200);

/// Run, start, stop or inspect the process behind every line.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Run it here, in the foreground.
    Run(Run),
    /// Start it in the background, unless it runs.
    Start(Settings),
    /// Save its history and end it.
    Stop,
    /// Show its state: clients, segments, configs, problems.
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Read the configs again.
    Reload,
}

#[derive(Debug, clap::Args)]
struct Run {
    #[command(flatten)]
    settings: Settings,
    /// First step of starting in the background
    #[arg(long, hide = true)]
    detached: bool,
    /// This step, once more
    #[arg(long, hide = true)]
    outside: bool,
}

#[derive(Debug, clap::Args)]
struct Settings {
    /// Stands for `/` in what segments read
    #[arg(long, hide = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Leave after so many seconds without requests
    #[arg(long, hide = true, value_name = "SECONDS")]
    idle: Option<u64>,
}

impl Settings {
    fn options(&self) -> Options {
        let idle = self.idle.map_or(daemon::IDLE, Duration::from_secs);
        // A worker runs in `/`.
        let root = self.root.as_ref().map(|root| std::path::absolute(root).unwrap_or(root.clone()));
        Options { root, idle }
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(root) = &self.root {
            arguments.extend(["--root".into(), root.clone().into_os_string()]);
        }
        if let Some(idle) = self.idle {
            arguments.extend(["--idle".into(), idle.to_string().into()]);
        }
        arguments
    }
}

pub fn run(args: Args) -> Result<i32, Error> {
    match args.what {
        What::Run(run) if run.detached => Ok(detach(&run)),
        What::Run(run) => {
            daemon::run(run.settings.options()).map_err(Error::Failed)?;
            Ok(0)
        }
        What::Start(settings) => with_runtime(|runtime| start(runtime, &settings)),
        What::Stop => with_runtime(stop),
        What::Status { json } => with_runtime(|runtime| {
            let answer = text(runtime, rainline_client::admin(runtime, Admin::Status, TIMEOUT))?;
            if json {
                output(&format!("{}\n", crate::quote::json(&answer)));
                return Ok(0);
            }
            match serde_json::from_str::<Status>(&answer) {
                Ok(status) => print(&status.to_string()),
                Err(_) => failed("the daemon is of another version; `--json` shows its answer"),
            }
        }),
        What::Reload => with_runtime(|runtime| {
            told(runtime, rainline_client::admin(runtime, Admin::Reload, TIMEOUT), "reloading\n")
        }),
    }
}

/// Leaves everything inherited behind and runs the daemon as a child that leads no session.
fn detach(Run { settings, outside, .. }: &Run) -> i32 {
    daemon::detach();
    if !outside {
        daemon::leave_checkpoint(&settings.arguments());
    }
    let Ok(exe) = spawn::executable() else { return 1 };
    let mut command = Command::new(exe);
    command.args(["daemon", "run"]).args(settings.arguments());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Not waited for: this process ends, and init reaps the child.
    i32::from(command.spawn().is_err())
}

fn start(runtime: &Runtime, settings: &Settings) -> Result<i32, Error> {
    if answers(runtime, PING_TIMEOUT) {
        return print("The daemon runs already.\n");
    }
    spawn::reset(runtime);
    spawn::launch(&settings.arguments()).map_err(Error::io("the daemon cannot be started"))?;
    let until = sys::awake() + TIMEOUT;
    while sys::awake() < until {
        if answers(runtime, START_PING) {
            return print("The daemon runs.\n");
        }
        std::thread::sleep(START_POLL);
    }
    failed("no daemon answers; `rainline doctor` says why")
}

fn stop(runtime: &Runtime) -> Result<i32, Error> {
    // One that has just been started does not listen yet.
    let until = sys::awake() + TIMEOUT;
    loop {
        match rainline_client::admin(runtime, Admin::Stop, TIMEOUT) {
            Err(Why::Absent) if !may_run(runtime) => return print("The daemon does not run.\n"),
            Err(Why::Absent) if sys::awake() < until => std::thread::sleep(START_POLL),
            answer => return told(runtime, answer, "stopped\n"),
        }
    }
}

/// Whether a daemon may be there although no socket leads to it: its lock is taken or cannot be looked
/// at, or it was removed and the daemon still hears a knock.
fn may_run(runtime: &Runtime) -> bool {
    !matches!(runtime.lock(runtime::LOCK), Ok(Some(_))) || runtime.knock()
}

/// Whether a daemon answers. One that says farewell is about to be followed by another.
fn answers(runtime: &Runtime, timeout: Duration) -> bool {
    let answer = rainline_client::admin(runtime, Admin::Ping, timeout);
    matches!(answer, Ok((ReplyKind::Text, _)))
}

fn with_runtime(act: impl FnOnce(&Runtime) -> Result<i32, Error>) -> Result<i32, Error> {
    match runtime::open() {
        Ok(runtime) => act(&runtime),
        Err((path, why)) => failed(&format!("{} {why}", word(&path))),
    }
}

/// Says in our own words that it was done.
fn told(
    runtime: &Runtime,
    answer: Result<(ReplyKind, Vec<u8>), Why>,
    done: &str,
) -> Result<i32, Error> {
    text(runtime, answer)?;
    print(done)
}

/// The text of an answer.
fn text(runtime: &Runtime, answer: Result<(ReplyKind, Vec<u8>), Why>) -> Result<String, Error> {
    let failed = |why: &str| Err(Error::Failed(why.trim_end().into()));
    match answer {
        Ok((ReplyKind::Text, text)) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Ok((_, why)) => failed(&String::from_utf8_lossy(&why)),
        Err(Why::Absent) if may_run(runtime) => {
            failed("no daemon is reached, and one may run; `rainline doctor` says more")
        }
        Err(Why::Late) => failed("the daemon does not answer; `rainline doctor` says why"),
        Err(why) => failed(&why.to_string()),
    }
}

fn print(text: &str) -> Result<i32, Error> {
    say(text);
    Ok(0)
}

fn failed(why: &str) -> Result<i32, Error> {
    Err(Error::Failed(why.trim_end().into()))
}

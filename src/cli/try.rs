//! `rainline try`

use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;

use super::{init, say};
use crate::error::Error;
use crate::{hosts, paths};

/// Try Rainline in a sandboxed host.
///
/// It has a home, a server and a daemon of its own and touches nothing of yours. Leave it as you
/// leave the host; without a terminal the captured screen is printed.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_parser = PossibleValuesParser::new(hosts::ALL.iter().map(|host| host.name)))]
    host: String,
    /// A config file to try.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Columns of the captured screen, where there is no terminal.
    #[arg(long, default_value_t = 120)]
    columns: u16,
}

pub fn run(args: Args) -> Result<i32, Error> {
    let host = hosts::find(&args.host).ok_or_else(|| Error::Usage("unknown host".into()))?;
    let missing = || Error::Failed(format!("{} is not installed", host.program));
    Command::new(host.program).arg("-V").output().map_err(|_| missing())?;
    let sandbox = Sandbox::new()?;
    let lines = init::lines(&args.host, args.config)?;
    let file = sandbox.dir.join("host.conf");
    fs::write(&file, lines).map_err(Error::io(file.display().to_string()))?;
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        let status = sandbox.tmux("inner").args(["new-session", "-s", SESSION]).status();
        status.map_err(Error::io(host.program))?;
    } else {
        say(&captured(&sandbox, args.columns)?);
    }
    Ok(0)
}

/// The name of the sandboxed session.
const SESSION: &str = "rainline";

/// A folder with a home, a runtime directory and servers of its own; gone when it is dropped.
struct Sandbox {
    dir: PathBuf,
}

impl Sandbox {
    fn new() -> Result<Sandbox, Error> {
        let base = std::env::temp_dir();
        for number in 0..100 {
            let dir = base.join(format!("rainline-try-{}-{number}", std::process::id()));
            if fs::DirBuilder::new().mode(0o700).create(&dir).is_ok() {
                for name in ["home", "run"] {
                    let dir = dir.join(name);
                    let made = fs::DirBuilder::new().mode(0o700).create(&dir);
                    made.map_err(Error::io(dir.display().to_string()))?;
                }
                return Ok(Sandbox { dir });
            }
        }
        Err(Error::Failed(format!("{}: cannot make a folder there", base.display())))
    }

    /// tmux with a server of this sandbox, named `server`.
    fn tmux(&self, server: &str) -> Command {
        let mut command = Command::new("tmux");
        self.home(&mut command);
        command.arg("-S").arg(self.dir.join(server)).arg("-f").arg(self.dir.join("host.conf"));
        command
    }

    fn home(&self, command: &mut Command) {
        for name in ["TMUX", "TMUX_PANE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "RAINLINE_CONFIG"] {
            command.env_remove(name);
        }
        command
            .env("HOME", self.dir.join("home"))
            .env("RAINLINE_RUNTIME_DIR", self.dir.join("run"));
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for server in ["inner", "outer"] {
            let mut kill = self.tmux(server);
            kill.arg("kill-server").stdout(Stdio::null()).stderr(Stdio::null());
            let _ = kill.status();
        }
        let mut stop = Command::new(paths::program());
        self.home(&mut stop);
        stop.args(["daemon", "stop"]).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = stop.status();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The screen of the sandboxed tmux as an outer one sees it, with its colours.
fn captured(sandbox: &Sandbox, columns: u16) -> Result<String, Error> {
    let outer = |args: &[&str]| -> Result<String, Error> {
        let mut command = sandbox.tmux("outer");
        let output = command.args(args).stdin(Stdio::null()).output().map_err(Error::io("tmux"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // The outer one shows no line of its own.
    let plain = sandbox.dir.join("outer.conf");
    let text = "set -g status off\nset -g default-terminal tmux-256color\n\
                set -as terminal-features ',*:RGB'\n";
    fs::write(&plain, text).map_err(Error::io("the outer tmux's config"))?;
    let inner = format!(
        "exec tmux -S {} -f {} new-session -s {SESSION}",
        word(&sandbox.dir.join("inner")),
        word(&sandbox.dir.join("host.conf"))
    );
    let mut start = sandbox.tmux_with("outer", &plain);
    start.args(["new-session", "-d", "-x"]).arg(columns.to_string()).args(["-y", "10", &inner]);
    start.stdin(Stdio::null()).status().map_err(Error::io("tmux"))?;
    // Whole is a line with a true percentage and the session's name in it.
    let deadline = Instant::now() + Duration::from_secs(8);
    loop {
        let screen = outer(&["capture-pane", "-p", "-e", "-t", ":0.0"])?;
        let last = screen.trim_end().lines().last().unwrap_or_default();
        let digit = |at| last[..at].ends_with(|c: char| c.is_ascii_digit());
        let read = last.match_indices('%').any(|(at, _)| digit(at));
        if (read && last.contains(SESSION)) || Instant::now() > deadline {
            return Ok(screen);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Sandbox {
    fn tmux_with(&self, server: &str, conf: &Path) -> Command {
        let mut command = Command::new("tmux");
        self.home(&mut command);
        command.arg("-S").arg(self.dir.join(server)).arg("-f").arg(conf);
        command
    }
}

fn word(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}

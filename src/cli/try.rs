//! `rainline try`
//!
//! How each host is run is in its file in `src/hosts`. Here is the sandbox it runs in, and how its
//! screen is captured where there is no terminal.

use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;

use super::{init, output};
use crate::error::Error;
use crate::hosts::{Host, Ready, Trial};
use crate::{hosts, paths, quote};

/// Try Rainline in a sandboxed host.
///
/// It has its own home, server and daemon, and changes nothing of yours. Quit it as you quit the
/// host. Without a terminal its screen is captured and printed.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_parser = PossibleValuesParser::new(hosts::ALL.iter().map(|host| host.name)))]
    host: String,
    /// A config file to try.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Width of the captured screen, without a terminal.
    #[arg(long, default_value_t = 120)]
    columns: u16,
}

/// Runs the host in a sandbox, or prints its screen.
pub fn run(args: Args) -> Result<i32, Error> {
    let host = hosts::find(&args.host)
        .ok_or_else(|| Error::Usage(format!("there is no host `{}`", args.host)))?;
    let missing = |program: &str| Error::Failed(format!("{program} is not installed"));
    init::version(host).ok_or_else(|| missing(host.program))?;
    let sandbox = Sandbox::new(host)?;
    let file = sandbox.dir.join(host.trial.file);
    let within = file.parent().unwrap_or(&sandbox.dir);
    fs::create_dir_all(within).map_err(Error::io(within.display().to_string()))?;
    fs::write(&file, init::lines(&args.host, args.config)?)
        .map_err(Error::io(file.display().to_string()))?;
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        let words = sandbox.words(host.trial.argv);
        let mut command = Command::new(&words[0]);
        sandbox.home(&mut command);
        command.args(&words[1..]).status().map_err(Error::io(host.program))?;
    } else {
        // The screen is that of a tmux around the host, which draws nothing of its own.
        let tmux = hosts::find("tmux").and_then(init::version);
        tmux.ok_or_else(|| missing("tmux, which captures the screen,"))?;
        output(&captured(&sandbox, args.columns)?);
    }
    Ok(0)
}

/// A directory with its own home, runtime directory and servers; removed when dropped.
struct Sandbox {
    dir: PathBuf,
    trial: &'static Trial,
}

impl Sandbox {
    fn new(host: &'static Host) -> Result<Sandbox, Error> {
        let base = std::env::temp_dir();
        for number in 0..100 {
            let dir = base.join(format!("rainline-try-{}-{number}", std::process::id()));
            if fs::DirBuilder::new().mode(0o700).create(&dir).is_ok() {
                for name in ["home", "run"] {
                    let dir = dir.join(name);
                    let made = fs::DirBuilder::new().mode(0o700).create(&dir);
                    made.map_err(Error::io(dir.display().to_string()))?;
                }
                return Ok(Sandbox { dir, trial: &host.trial });
            }
        }
        Err(Error::Failed(format!("{}: cannot make a directory there", base.display())))
    }

    /// A text of a [`Trial`] with its paths filled in.
    fn filled(&self, text: &str) -> String {
        let dir = self.dir.display().to_string();
        text.replace("{file}", &format!("{{dir}}/{}", self.trial.file)).replace("{dir}", &dir)
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        words.iter().map(|word| self.filled(word)).collect()
    }

    /// The tmux around the host.
    fn outer(&self) -> Command {
        let mut command = Command::new("tmux");
        self.home(&mut command);
        command.arg("-S").arg(self.dir.join("outer")).arg("-f").arg(self.dir.join("outer.conf"));
        command
    }

    /// The environment of everything in here.
    fn home(&self, command: &mut Command) {
        for name in [
            "TMUX",
            "TMUX_PANE",
            "STY",
            "WINDOW",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "ZDOTDIR",
            "BASH_ENV",
            "ENV",
            "PROMPT_COMMAND",
            "RAINLINE_CONFIG",
        ] {
            command.env_remove(name);
        }
        command
            .env("HOME", self.dir.join("home"))
            .env("HISTFILE", self.dir.join("history"))
            .env("RAINLINE_RUNTIME_DIR", self.dir.join("run"));
        for (name, value) in self.trial.env {
            command.env(name, self.filled(value));
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let quiet = |mut command: Command| {
            let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        };
        if let [program, words @ ..] = &self.words(self.trial.end)[..] {
            let mut end = Command::new(program);
            self.home(&mut end);
            end.args(words);
            quiet(end);
        }
        if self.dir.join("outer.conf").exists() {
            let mut kill = self.outer();
            kill.arg("kill-server");
            quiet(kill);
        }
        // A stream that outlives the daemon may start another one before it ends itself.
        for _ in 0..20 {
            let mut stop = Command::new(paths::program());
            self.home(&mut stop);
            stop.args(["daemon", "stop"]);
            quiet(stop);
            let _ = fs::remove_dir_all(&self.dir);
            std::thread::sleep(Duration::from_millis(50));
            if !self.dir.exists() {
                break;
            }
        }
    }
}

/// How long to wait for a screen to be ready.
const TIMEOUT: Duration = Duration::from_secs(8);
/// A screen that has not changed for this long is done.
const STILL: Duration = Duration::from_millis(900);

/// The screen of the sandboxed host, captured by a tmux around it, with its colours.
fn captured(sandbox: &Sandbox, columns: u16) -> Result<String, Error> {
    let outer = |args: &[&str]| -> Result<String, Error> {
        let mut command = sandbox.outer();
        let output = command.args(args).stdin(Stdio::null()).output().map_err(Error::io("tmux"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let text = "set -g status off\nset -g default-terminal tmux-256color\n\
                set -as terminal-features ',*:RGB'\n";
    fs::write(sandbox.dir.join("outer.conf"), text)
        .map_err(Error::io("the outer tmux's config"))?;
    let words = sandbox.words(sandbox.trial.argv);
    let inner: Vec<String> = words.iter().map(|word| quote::sh(word.as_ref())).collect();
    // The host must not believe that it runs inside tmux.
    let inner = format!("unset TMUX TMUX_PANE; exec {}", inner.join(" "));
    let mut start = sandbox.outer();
    start.args(["new-session", "-d", "-x"]).arg(columns.to_string()).args(["-y", "10", &inner]);
    start.stdin(Stdio::null()).status().map_err(Error::io("tmux"))?;
    let capture = || outer(&["capture-pane", "-p", "-e", "-t", ":0.0"]);
    let mut screen = when_ready(sandbox.trial.ready, &capture)?;
    for keys in sandbox.trial.typed {
        outer(&["send-keys", "-t", ":0.0", "-l", keys])?;
        screen = when_ready(Ready::Still, &capture)?;
    }
    Ok(screen)
}

/// The screen as soon as it is ready, or as it is when that takes too long.
fn when_ready(ready: Ready, capture: &dyn Fn() -> Result<String, Error>) -> Result<String, Error> {
    let start = Instant::now();
    let (mut before, mut changed) = (String::new(), start);
    loop {
        let screen = capture()?;
        let last = screen.trim_end().lines().last().unwrap_or_default();
        let digit = |at| last[..at].ends_with(|c: char| c.is_ascii_digit());
        let done = match ready {
            Ready::Bar(text) => {
                last.contains(text) && last.match_indices('%').any(|(at, _)| digit(at))
            }
            Ready::Still => {
                if screen != before {
                    (before, changed) = (screen.clone(), Instant::now());
                }
                !screen.trim().is_empty() && changed.elapsed() > STILL
            }
        };
        if done || start.elapsed() > TIMEOUT {
            return Ok(screen);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

//! `rainline try`
//!
//! How each host is run is said in its file below `src/hosts`; here is the sandbox it runs in, and
//! the picture that is taken where there is no terminal.

use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;

use super::{init, say};
use crate::error::Error;
use crate::hosts::{Host, Trial, Whole};
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
        // The picture is taken by a tmux around the host, which draws nothing of its own.
        let tmux = hosts::find("tmux").and_then(init::version);
        tmux.ok_or_else(|| missing("tmux, which takes the picture,"))?;
        say(&captured(&sandbox, args.columns)?);
    }
    Ok(0)
}

/// A folder with a home, a runtime directory and servers of its own; gone when it is dropped.
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
        Err(Error::Failed(format!("{}: cannot make a folder there", base.display())))
    }

    /// A text of a [`Trial`] with its places filled in.
    fn place(&self, text: &str) -> String {
        let dir = self.dir.display().to_string();
        text.replace("{file}", &format!("{{dir}}/{}", self.trial.file)).replace("{dir}", &dir)
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        words.iter().map(|word| self.place(word)).collect()
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
            command.env(name, self.place(value));
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
        // What still streams as the daemon goes may start another before it goes itself.
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

/// How long a picture may take to become whole.
const PATIENCE: Duration = Duration::from_secs(8);
/// A screen that does not change for this long is not about to.
const STILL: Duration = Duration::from_millis(900);

/// The screen of the sandboxed host as a tmux around it sees it, with its colours.
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
    let inner: Vec<String> = words.iter().map(|text| word(text)).collect();
    // The host shall not take itself for one inside of tmux.
    let inner = format!("unset TMUX TMUX_PANE; exec {}", inner.join(" "));
    let mut start = sandbox.outer();
    start.args(["new-session", "-d", "-x"]).arg(columns.to_string()).args(["-y", "10", &inner]);
    start.stdin(Stdio::null()).status().map_err(Error::io("tmux"))?;
    let look = || outer(&["capture-pane", "-p", "-e", "-t", ":0.0"]);
    let mut screen = whole(sandbox.trial.whole, &look)?;
    for keys in sandbox.trial.typed {
        outer(&["send-keys", "-t", ":0.0", "-l", keys])?;
        screen = whole(Whole::Still, &look)?;
    }
    Ok(screen)
}

/// The screen as soon as it is whole, or as it is when that takes too long.
fn whole(whole: Whole, look: &dyn Fn() -> Result<String, Error>) -> Result<String, Error> {
    let start = Instant::now();
    let mut since = (String::new(), start);
    loop {
        let screen = look()?;
        let last = screen.trim_end().lines().last().unwrap_or_default();
        let digit = |at| last[..at].ends_with(|c: char| c.is_ascii_digit());
        let done = match whole {
            Whole::Bar(text) => {
                last.contains(text) && last.match_indices('%').any(|(at, _)| digit(at))
            }
            Whole::Still => {
                if screen != since.0 {
                    since = (screen.clone(), Instant::now());
                }
                !screen.trim().is_empty() && since.1.elapsed() > STILL
            }
        };
        if done || start.elapsed() > PATIENCE {
            return Ok(screen);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

//! The command line: one file for each subcommand, and one way to print.
//!
//! A subcommand's file has `Args`, which clap reads, and `run`, which takes them. It is registered by
//! two lines here: `mod NAME;` and a line of `subcommands`.
//!
//! Nothing here is on the fast path. Only this layer prints for people, through [`say`] and
//! [`complain`], since a closed pipe is no reason to panic.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};

use clap::{ArgMatches, Command};

use crate::error::Error;

mod compat;
mod completions;
mod config;
mod daemon;
mod doctor;
mod init;
mod live;
mod man;
mod preview;
mod print;
mod segments;
mod set;
mod stream;
mod themes;
mod r#try;
mod worker;

pub use set::push;

/// The subcommands, in the order of the help.
fn subcommands() -> Vec<Subcommand> {
    vec![
        subcommand("print", print::run),
        subcommand("stream", stream::run),
        subcommand("set", set::run),
        subcommand("init", init::run),
        subcommand("try", r#try::run),
        subcommand("daemon", daemon::run),
        subcommand("segments", segments::run),
        subcommand("themes", themes::run),
        subcommand("preview", preview::run),
        subcommand("config", config::run),
        subcommand("doctor", doctor::run),
        subcommand("compat", compat::run),
        subcommand("completions", completions::run),
        subcommand("man", man::run),
        // What the daemon runs; not for people.
        Subcommand { is_hidden: true, ..subcommand("worker", worker::run) },
    ]
}

/// A subcommand: what it takes, and what it does with that.
struct Subcommand {
    name: &'static str,
    /// Whether the help leaves it out.
    is_hidden: bool,
    arguments: fn(Command) -> Command,
    run: Run,
}

type Run = Box<dyn Fn(&ArgMatches) -> clap::error::Result<Done>>;

/// An exit code, or why a command failed.
type Done = Result<i32, Error>;

fn subcommand<Args: clap::Args + 'static>(name: &'static str, run: fn(Args) -> Done) -> Subcommand {
    let run = Box::new(move |matches: &ArgMatches| Ok(run(Args::from_arg_matches(matches)?)));
    Subcommand { name, is_hidden: false, arguments: Args::augment_args, run }
}

const ABOUT: &str = "Status lines and prompts for every terminal program, from one daemon";

const EXAMPLES: &str = "Examples:
  rainline try tmux        a sandboxed tmux with Rainline in it
  rainline init tmux >> ~/.tmux.conf
  rainline print tmux right";

/// The whole command line, as clap knows it.
fn command() -> Command {
    let command = Command::new("rainline")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(format!(
            "{ABOUT}.\n\nWithout a command it shows this terminal's own line, live, and what to do \
             next."
        ))
        .max_term_width(80)
        .after_help(EXAMPLES);
    subcommands().into_iter().fold(command, |command, sub| {
        command.subcommand((sub.arguments)(Command::new(sub.name)).hide(sub.is_hidden))
    })
}

/// Runs the command line (`args` with the program's name first) and returns the exit code.
pub fn main(args: Vec<OsString>) -> i32 {
    match parse_and_run(args) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            complain(&format!("rainline: {error}\n"));
            error.code()
        }
        // Help and the version are not mistakes, though clap calls them errors.
        Err(text) if !text.use_stderr() => {
            let _ = text.print();
            text.exit_code()
        }
        Err(mistake) => {
            let text = mistake.render();
            let text = match std::io::stderr().is_terminal() {
                true => text.ansi().to_string(),
                false => text.to_string(),
            };
            complain(&text.replacen("error:", "rainline:", 1));
            mistake.exit_code()
        }
    }
}

fn parse_and_run(args: Vec<OsString>) -> clap::error::Result<Done> {
    let matches = command().try_get_matches_from(args)?;
    let Some((name, matches)) = matches.subcommand() else { return Ok(live::run()) };
    let subcommands = subcommands();
    // clap lets no other name pass.
    let Some(subcommand) = subcommands.iter().find(|sub| sub.name == name) else {
        return Ok(Ok(2));
    };
    (subcommand.run)(matches)
}

/// Writes to stdout. A reader that has gone is no error.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes to stderr.
pub fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

//! The command line: one file for each subcommand, and one way to print.
//!
//! A subcommand's file has `Args`, which clap reads, and `run`, which takes them. It is registered by
//! two lines here: `mod NAME;` and a line of `subcommands`.
//!
//! Nothing here is on the fast path. Only this layer prints: for people through [`say`] and
//! [`complain`], which make control characters visible, for programs through [`output`].

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write};

use clap::{ArgMatches, Command};

use crate::error::Error;
use crate::quote::{visible, word};

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
    // clap quotes words as they are: one with a new line in it would make a line of its own.
    let shown: Vec<OsString> = args.iter().map(|arg| word(arg).into()).collect();
    let parsed =
        parse_and_run(args).map_err(|mistake| match command().try_get_matches_from(shown) {
            Err(same) if mistake.use_stderr() && same.kind() == mistake.kind() => same,
            _ => mistake,
        });
    match parsed {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            let text = error.to_string();
            // What is wrong with the words on the command line quotes them, and is one line.
            let text = if let Error::Usage(_) = error { word(text) } else { text };
            complain(&format!("rainline: {text}\n"));
            error.code()
        }
        // Help and the version are not mistakes, though clap calls them errors.
        Err(text) if !text.use_stderr() => {
            let _ = text.print();
            text.exit_code()
        }
        Err(mistake) => {
            let text = mistake.render();
            let plain = text.to_string().replacen("error:", "rainline:", 1);
            // In colour unless it quotes something that must not reach a terminal.
            if std::io::stderr().is_terminal() && visible(&plain) == plain {
                write(
                    std::io::stderr(),
                    &text.ansi().to_string().replacen("error:", "rainline:", 1),
                );
            } else {
                complain(&plain);
            }
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

/// Tells a person something, on stdout. Whatever it quotes, nothing in it acts on the terminal.
pub fn say(text: &str) {
    write(std::io::stdout(), &visible(text));
}

/// The most characters of a complaint: it may quote what another process said, or a whole file.
const MOST_OF_A_COMPLAINT: usize = 4000;

/// Tells a person what is wrong, on stderr, in the same way.
pub fn complain(text: &str) {
    let text = visible(text);
    match text.char_indices().nth(MOST_OF_A_COMPLAINT) {
        Some((end, _)) => write(std::io::stderr(), &format!("{}…\n", &text[..end])),
        None => write(std::io::stderr(), &text),
    }
}

/// Writes to stdout what a program reads, or what has our own escape sequences in it: exactly these
/// bytes, so texts of others in it must have been quoted for where they go.
pub fn output(text: &str) {
    write(std::io::stdout(), text);
}

/// A reader that has gone is no error.
fn write(mut to: impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
    let _ = to.flush();
}

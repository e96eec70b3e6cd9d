//! The command line: what clap reads, one file a subcommand, one way to print.
//!
//! Everything here is off the hot path. Only this layer prints, and it does so through [`say`]:
//! a closed pipe is no reason to panic.

use std::ffi::OsString;
use std::io::Write as _;

use clap::{Parser, Subcommand};

mod compat;
mod completions;
mod config;
mod daemon;
mod doctor;
mod here;
mod init;
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

/// Status lines and prompts for every terminal place, from one daemon.
///
/// Without a command: this terminal's own line, live, and what to do next.
#[derive(Parser)]
#[command(name = "rainline", version, max_term_width = 80, after_help = AFTER)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER: &str = "Examples:
  rainline try tmux        a sandboxed tmux with Rainline in it
  rainline init tmux >> ~/.tmux.conf
  rainline print tmux right";

#[derive(Subcommand)]
enum Command {
    Print(print::Args),
    Stream(stream::Args),
    Set(set::Args),
    Init(init::Args),
    Try(r#try::Args),
    Daemon(daemon::Args),
    Segments(segments::Args),
    Themes(themes::Args),
    Preview(preview::Args),
    Config(config::Args),
    Doctor(doctor::Args),
    Compat(compat::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Worker(worker::Args),
}

/// Runs the command line (`args` with the program's name first) and returns the exit code.
pub fn main(args: Vec<OsString>) -> i32 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with code 0, mistakes to stderr with code 2.
            let _ = error.print();
            return error.exit_code();
        }
    };
    let done = match cli.command {
        None => here::run(),
        Some(Command::Print(args)) => print::run(args),
        Some(Command::Stream(args)) => stream::run(args),
        Some(Command::Set(args)) => set::run(args),
        Some(Command::Init(args)) => init::run(args),
        Some(Command::Try(args)) => r#try::run(args),
        Some(Command::Daemon(args)) => daemon::run(args),
        Some(Command::Segments(args)) => segments::run(args),
        Some(Command::Themes(args)) => themes::run(args),
        Some(Command::Preview(args)) => preview::run(args),
        Some(Command::Config(args)) => config::run(args),
        Some(Command::Doctor(args)) => doctor::run(args),
        Some(Command::Compat(args)) => compat::run(args),
        Some(Command::Completions(args)) => completions::run(args),
        Some(Command::Man(args)) => man::run(args),
        Some(Command::Worker(args)) => worker::run(args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("rainline: {error}\n"));
            error.code()
        }
    }
}

/// Writes to stdout. A reader that has gone is nobody's fault.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes to stderr.
pub fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

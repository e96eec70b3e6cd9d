//! The command line beyond the fast path.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub mod daemon;
pub mod worker;

#[derive(Parser)]
#[command(name = "rainline", version, about = "A status line for every terminal")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Daemon(daemon::Args),
    #[command(hide = true)]
    Worker(worker::Args),
}

/// Runs the command line; the exit code.
pub fn main(args: Vec<OsString>) -> i32 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return error.exit_code();
        }
    };
    match cli.command {
        Command::Daemon(args) => daemon::main(args),
        Command::Worker(args) => worker::main(args),
    }
}

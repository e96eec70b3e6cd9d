//! `rainline completions SHELL`

use super::{Cli, say};
use crate::error::Error;
use clap::CommandFactory as _;

/// Print a completion script for a shell.
#[derive(clap::Args)]
pub struct Args {
    shell: clap_complete::Shell,
}

pub fn run(args: Args) -> Result<i32, Error> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rainline", &mut out);
    say(&String::from_utf8_lossy(&out));
    Ok(0)
}

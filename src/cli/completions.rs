//! `rainline completions SHELL`

use super::{command, output};
use crate::error::Error;

/// Print a completion script for a shell.
#[derive(clap::Args)]
pub struct Args {
    shell: clap_complete::Shell,
}

/// Prints the script.
pub fn run(args: Args) -> Result<i32, Error> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "rainline", &mut out);
    output(&String::from_utf8_lossy(&out));
    Ok(0)
}

//! `rainline worker`: a process that may hang in the daemon's place. It is not run by hand.

use std::path::PathBuf;

use crate::error::Error;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stands for `/` in what sources read
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<i32, Error> {
    Ok(crate::worker::main(args.root))
}

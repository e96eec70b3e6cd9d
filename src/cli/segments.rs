//! `rainline segments`

use rainline_segments::{ALL, Kind, find};

use super::say;
use crate::docs;
use crate::error::Error;
use rainline_render::diagnostic::nearest;

/// List the segments, or describe one.
#[derive(clap::Args)]
pub struct Args {
    /// The segment to describe.
    name: Option<String>,
}

pub fn run(args: Args) -> Result<i32, Error> {
    match args.name {
        None => {
            let width = ALL.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
            for kind in ALL {
                say(&format!("{:width$}  {}\n", kind.name, kind.about));
            }
        }
        Some(name) => say(&docs::segment_text(known(&name)?)),
    }
    Ok(0)
}

fn known(name: &str) -> Result<&'static Kind, Error> {
    find(name).ok_or_else(|| {
        let hint = nearest(name, ALL.iter().map(|kind| kind.name));
        let hint = hint.map_or(String::new(), |hint| format!("; did you mean `{hint}`?"));
        Error::Usage(format!("there is no segment `{name}`{hint}"))
    })
}

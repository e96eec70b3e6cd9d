//! `rainline man`

use super::{Cli, say};
use crate::error::Error;
use clap::CommandFactory as _;

/// Print the manual page, as roff.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_: Args) -> Result<i32, Error> {
    let mut out = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut out).map_err(Error::io("manual page"))?;
    let segments = crate::docs::man_segments();
    out.extend_from_slice(segments.as_bytes());
    say(&String::from_utf8_lossy(&out));
    Ok(0)
}

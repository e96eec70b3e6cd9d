//! `rainline man`

use super::{command, output};
use crate::docs;
use crate::error::Error;

/// Print the manual page, as roff.
#[derive(clap::Args)]
pub struct Args {}

/// Prints the page.
pub fn run(_: Args) -> Result<i32, Error> {
    let mut out = Vec::new();
    clap_mangen::Man::new(command()).render(&mut out).map_err(Error::io("manual page"))?;
    output(&(String::from_utf8_lossy(&out).into_owned() + &docs::man_segments()));
    Ok(0)
}

//! `rainline init`

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use super::say;
use crate::error::Error;
use crate::hosts::{self, Wiring};
use crate::{client, config, paths};

/// Print the lines that wire a host.
///
/// Safe to be read twice. Nothing is written anywhere: put them where the first one says.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_parser = PossibleValuesParser::new(hosts::ALL.iter().map(|host| host.name)))]
    host: String,
    /// A config file to name in the lines.
    #[arg(long)]
    config: Option<PathBuf>,
}

pub fn run(args: Args) -> Result<i32, Error> {
    say(&lines(&args.host, args.config)?);
    Ok(0)
}

/// The wiring lines of a host, styled by the theme in force.
pub fn lines(host: &str, named: Option<PathBuf>) -> Result<String, Error> {
    let host = hosts::find(host).ok_or_else(|| Error::Usage(format!("unknown host `{host}`")))?;
    let named = named
        .map(|path| std::path::absolute(path).map_err(Error::io("the config's path")))
        .transpose()?;
    let config = match named.clone().or_else(paths::config) {
        Some(path) => config::build(&config::gather(&path)),
        None => config::Config::built_in(),
    };
    let version = version(host.program).unwrap_or_default();
    let wiring = Wiring { program: paths::program(), config: named, theme: &config.theme, version };
    Ok((host.init)(&wiring))
}

/// The version that a host's program says it has; lines written for a host that is not here are for
/// a recent one.
fn version(program: &str) -> Option<(u16, u16)> {
    let output = std::process::Command::new(program).arg("-V").output().ok()?;
    client::version(&String::from_utf8_lossy(&output.stdout))
}

//! `rainline init`

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::builder::PossibleValuesParser;
use rainline_segments::{Ask, Machine, Pace, Sample};

use super::say;
use crate::compat::tmux_plugins;
use crate::config::{Config, Instance};
use crate::error::Error;
use crate::hosts::{self, Host, Wiring};
use crate::line::rows;
use crate::line::rows::{Age, Reading, Readings, Want};
use crate::{config, paths};
use rainline_caps::{Caps, Version};
use rainline_render::frame::InstanceId;
use rainline_render::targets;

/// Print the lines that wire a host.
///
/// Safe to be read twice. Nothing is written anywhere: put them where the first one says.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    host: String,
    /// A config file to name in the lines.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// The hosts, and the plugins' names of one of them.
fn names() -> impl Iterator<Item = &'static str> {
    hosts::ALL.iter().map(|host| host.name).chain([tmux_plugins::NAME])
}

pub fn run(args: Args) -> Result<i32, Error> {
    if args.host == tmux_plugins::NAME {
        say(&tmux_plugins::init(&paths::program()));
        return Ok(0);
    }
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
    let version = if host.versioned { version(host).map(|(_, number)| number) } else { None };
    let version = version.unwrap_or_default();
    let wiring = Wiring {
        config: named,
        windows: windows(host, &config, version),
        further: further(host, &config),
        shares: config.lines.get(host.shows()).map(|line| line.shares.clone()).unwrap_or_default(),
        version,
        ..Wiring::new(paths::program(), &config.theme)
    };
    Ok((host.init)(&wiring))
}

/// The config's line of a window, in the host's language: only what the host fills in itself is in
/// it, so no reading of ours is needed, now or later.
fn windows(host: &Host, config: &Config, version: Version) -> String {
    let line = format!("{}.windows", host.shows());
    // One that is not here, or does not say, is taken for a recent one.
    let version = if version == (0, 0) { (u16::MAX, 0) } else { version };
    let target = targets::find(host.shows()).filter(|target| target.fills_in(version));
    let Some(target) = target.filter(|_| config.lines.contains_key(&line)) else {
        return String::new();
    };
    let caps = Caps {
        policy: (target.policy)(version),
        glyphs: config.glyphs.unwrap_or_default().min(target.glyphs),
        columns: usize::from(u16::MAX),
        version,
        live: true,
        ..Caps::default()
    };
    let want = Want { line: &line, slot: "left", theme: "" };
    let rows = rows::rows(config, want, &Unread::of(config), &caps);
    rows::encode(&rows, target, &caps)
}

/// Readings of what needs no machine: each source asked once by nobody.
struct Unread(Vec<Option<Sample>>);

impl Unread {
    fn of(config: &Config) -> Unread {
        let (host, ask) = (Machine::real(), Ask::default());
        let sample = |instance: &Instance| match instance.kind.pace {
            Pace::Ask => instance.open().ok()?.sample(&host, &ask).ok().flatten(),
            _ => None,
        };
        Unread(config.instances.iter().map(sample).collect())
    }
}

impl Readings for Unread {
    fn reading(&self, id: InstanceId) -> Reading<'_> {
        let sample = self.0.get(usize::from(id)).and_then(Option::as_ref);
        Reading { sample, age: Age::Fresh, rings: &[] }
    }

    fn trouble(&self) -> bool {
        false
    }
}

/// `tmux.2`, `tmux.3` … as far as the config has them one after the other; a host has five at most.
fn further(host: &Host, config: &Config) -> Vec<String> {
    let names = (2..=5).map(|number| format!("{}.{number}", host.shows()));
    names.take_while(|name| config.lines.contains_key(name)).collect()
}

/// What a host says of its version, and the number in it; `None` where it is not installed.
pub fn version(host: &Host) -> Option<(String, Version)> {
    if let Some(base) = host.base {
        let paths = std::env::var_os("PATH")?;
        let there = std::env::split_paths(&paths).any(|dir| dir.join(host.program).is_file());
        return if there { version(base) } else { None };
    }
    let output = Command::new(host.program)
        .arg(host.version)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    // dvtm says it on standard error.
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| !line.trim().is_empty())?.trim().to_owned();
    let number = number(&line);
    Some((line, number))
}

/// The first `5.2` of a text: `Screen version 4.09.00 (GNU)` is 4.9.
fn number(said: &str) -> Version {
    let digits = said.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts = digits.split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    (next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_hosts_say() {
        for (said, version) in [
            ("tmux 3.3a", (3, 3)),
            ("tmux next-3.8", (3, 8)),
            ("Screen version 4.09.00 (GNU) 30-Jan-22", (4, 9)),
            ("GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", (5, 2)),
            ("dvtm-0.15+40 \u{a9} 2007-2016", (0, 15)),
            ("zsh 5.9 (x86_64-debian-linux-gnu)", (5, 9)),
            ("nothing", (0, 0)),
        ] {
            assert_eq!(number(said), version, "{said}");
        }
    }
}

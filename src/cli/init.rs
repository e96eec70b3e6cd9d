//! `rainline init`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use rainline_segments::{Ask, Machine, Pace, RunsIn, Sample};

use super::output;
use crate::compat::tmux_plugins;
use crate::config::{Config, Instance};
use crate::error::Error;
use crate::hosts::{self, Host, Wiring};
use crate::line::rows;
use crate::line::rows::{Age, Reading, Readings, Want};
use crate::{paths, worker};
use rainline_caps::{Caps, Version, parse_version};
use rainline_render::frame::InstanceId;
use rainline_render::targets;

/// A shell that starts waits for us: without the config by then it gets the built-in theme.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a host may take to give its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(2);

/// Print the lines that wire a host.
///
/// They may be read twice. Nothing is written to a file: the first line says where they go.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    host: String,
    /// A config file for the lines to name.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// The hosts, and the drop-in that is wired like one.
fn names() -> impl Iterator<Item = &'static str> {
    hosts::ALL.iter().map(|host| host.name).chain([tmux_plugins::NAME])
}

/// Prints the lines.
pub fn run(args: Args) -> Result<i32, Error> {
    if args.host == tmux_plugins::NAME {
        speakable(&paths::program())?;
        output(&tmux_plugins::init(&paths::program()));
        return Ok(0);
    }
    output(&lines(&args.host, args.config)?);
    Ok(0)
}

/// The wiring lines of a host, styled by the theme in force.
pub fn lines(host: &str, named: Option<PathBuf>) -> Result<String, Error> {
    let host =
        hosts::find(host).ok_or_else(|| Error::Usage(format!("there is no host `{host}`")))?;
    let named = named
        .map(|path| std::path::absolute(path).map_err(Error::io("the config's path")))
        .transpose()?;
    named.iter().chain([&paths::program()]).try_for_each(|path| speakable(path))?;
    let path = named.clone().or_else(paths::config);
    let config = worker::load_config(path.as_deref(), CONFIG_TIMEOUT);
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

/// Refuses a path that no config file can name: in a screenrc a line's end ends the command, whatever
/// is around it, and what is no UTF-8 would come out as another path.
fn speakable(path: &Path) -> Result<(), Error> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_control) => Ok(()),
        _ => Err(Error::Usage(format!(
            "the lines of a host cannot name {path:?}: give it a name of UTF-8 in one line"
        ))),
    }
}

/// The config's line of a window, in the host's language. It holds only what the host fills in by
/// itself, so no reading is needed.
fn windows(host: &Host, config: &Config, version: Version) -> String {
    let line = format!("{}.windows", host.shows());
    // An unknown version is taken for a recent one.
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
    let rows = rows::rows(config, want, &Static::of(config), &caps);
    rows::encode(&rows, target, &caps)
}

/// Readings of the segments that only reshape a request, for an empty one.
struct Static(Vec<Option<Sample>>);

impl Static {
    fn of(config: &Config) -> Static {
        let (machine, ask) = (Machine::real(), Ask::default());
        let sample = |instance: &Instance| match (instance.kind.pace, instance.kind.runs_in) {
            (Pace::Ask, RunsIn::Daemon) => {
                let mut source = (instance.kind.open)(&instance.options).ok()?;
                source.sample(&machine, &ask).ok().flatten()
            }
            _ => None,
        };
        Static(config.instances.iter().map(sample).collect())
    }
}

impl Readings for Static {
    fn reading(&self, id: InstanceId) -> Reading<'_> {
        let sample = self.0.get(usize::from(id)).and_then(Option::as_ref);
        Reading { sample, age: Age::Fresh, rings: &[] }
    }
}

/// `tmux.2`, `tmux.3` … as far as the config has them without a gap; a host has five lines at most.
fn further(host: &Host, config: &Config) -> Vec<String> {
    let names = (2..=5).map(|number| format!("{}.{number}", host.shows()));
    names.take_while(|name| config.lines.contains_key(name)).collect()
}

/// The text in which a host gives its version, and that version; `None` where it is not installed.
pub fn version(host: &Host) -> Option<(String, Version)> {
    let base = host.base.unwrap_or(host);
    let beside = host.base.map(|_| host.program);
    let text = worker::describe_program(&[base.program, base.version], beside, VERSION_TIMEOUT)?;
    let line = text.lines().find(|line| !line.trim().is_empty())?.trim().to_owned();
    let number = parse_version(&line).unwrap_or_default();
    Some((line, number))
}

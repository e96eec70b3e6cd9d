//! `rainline preview`
//!
//! Themes are shown here, segments in `preview/segments.rs`.

use clap::builder::PossibleValuesParser;
use rainline_segments::ALL;

use super::{here, say};
use crate::config::{self, Config};
use crate::error::Error;
use crate::example::Example;
use crate::line::rows::{self, FULL, Want};
use crate::paths;
use rainline_caps::{Caps, Glyphs};
use rainline_client::environment::Environment;
use rainline_render::targets::{self, Target};

mod segments;

/// The word that stands for all segments, where a theme's name could.
const SEGMENTS: &str = "segments";

/// Show every theme with made-up values, as this terminal draws it.
///
/// `rainline preview segments` shows every segment in every graph that its fields offer.
#[derive(clap::Args)]
pub struct Args {
    /// One theme only; or `segments`.
    what: Option<String>,
    /// After `segments`: these only.
    #[arg(value_parser = PossibleValuesParser::new(ALL.iter().map(|kind| kind.name)))]
    names: Vec<String>,
    /// After `segments`: in this theme.
    #[arg(long)]
    theme: Option<String>,
    /// What another target writes, its escapes made visible.
    #[arg(long, value_parser = PossibleValuesParser::new(targets::ALL.iter().map(|t| t.name)))]
    target: Option<String>,
    /// The line of the config that is shown.
    #[arg(long, default_value = "terminal")]
    line: String,
    /// Cells; without it this terminal's.
    #[arg(long)]
    columns: Option<u16>,
    /// Which glyphs may be used.
    #[arg(long, value_parser = PossibleValuesParser::new(Glyphs::NAMES.iter().map(|(n, _)| *n)))]
    glyphs: Option<String>,
}

pub fn run(args: Args) -> Result<i32, Error> {
    if args.what.as_deref() == Some(SEGMENTS) {
        return segments::run(&args);
    }
    let config = match paths::config() {
        Some(path) => config::build(&config::gather(&path)),
        None => Config::built_in(),
    };
    let target = match &args.target {
        Some(name) => targets::find(name),
        None => targets::find("ansi"),
    };
    let target: &Target = target.ok_or_else(|| Error::Usage("unknown target".into()))?;
    let glyphs = args.glyphs.as_deref().and_then(Glyphs::named).or(config.glyphs);
    let caps = Caps {
        depth: if target.adapts_colour { Default::default() } else { here::depth() },
        policy: (target.policy)((0, 0)),
        glyphs: glyphs.unwrap_or_default(),
        columns: usize::from(args.columns.unwrap_or_else(|| Environment::current().columns())),
        ..Caps::default()
    };
    let example = Example::of(&config);
    let names = match &args.what {
        Some(name) if config.theme_named(name).is_none() => {
            return Err(Error::Usage(format!("there is no theme `{name}`; see rainline themes")));
        }
        Some(name) => vec![name.as_str()],
        None => config.theme_names(),
    };
    for name in names {
        let want = Want { line: &args.line, slot: FULL, theme: name };
        let rows = rows::rows(&config, want, &example, &caps);
        let line = rows::encode(&rows, target, &caps);
        let about = config.theme_named(name).map(|theme| theme.about.clone()).unwrap_or_default();
        let line = if args.target.is_some() { visible(&line) } else { line };
        say(&format!("{name}: {about}\n{line}\n\n"));
    }
    Ok(0)
}

/// The line with its control characters as `\x1b`.
fn visible(line: &str) -> String {
    let shown = |c: char| match c {
        '\n' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    line.chars().map(shown).collect()
}

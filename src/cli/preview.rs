//! `rainline preview`
//!
//! Themes are shown here, segments in `preview/segments.rs`.

use clap::builder::PossibleValuesParser;
use rainline_segments::ALL;

use super::{live, output, themes};
use crate::error::Error;
use crate::line::rows::{self, FULL, Want};
use crate::paths;
use crate::sample_data::SampleData;
use crate::worker::{self, CONFIG_TIMEOUT};
use rainline_caps::{Caps, Glyphs};
use rainline_client::environment::Environment;
use rainline_render::targets::{self, Target};

mod segments;

/// The word that asks for the segments in place of a theme.
const SEGMENTS: &str = "segments";

/// Show every theme with made-up values, as this terminal draws it.
///
/// `rainline preview segments` shows every segment, and its fields in every graph that can draw
/// them.
#[derive(clap::Args)]
pub struct Args {
    /// Only this theme; or the word `segments`.
    what: Option<String>,
    /// With `segments`: only these.
    #[arg(value_parser = PossibleValuesParser::new(ALL.iter().map(|kind| kind.name)))]
    names: Vec<String>,
    /// With `segments`: the theme to show them in.
    #[arg(long)]
    theme: Option<String>,
    /// Show what another target writes, its escape sequences made visible.
    #[arg(long, value_parser = PossibleValuesParser::new(targets::ALL.iter().map(|t| t.name)))]
    target: Option<String>,
    /// The line of the config to show.
    #[arg(long, default_value = "terminal")]
    line: String,
    /// Width in cells [default: this terminal's].
    #[arg(long)]
    columns: Option<u16>,
    /// The glyphs that may be used.
    #[arg(long, value_parser = PossibleValuesParser::new(Glyphs::NAMES.iter().map(|(n, _)| *n)))]
    glyphs: Option<String>,
}

/// Prints the themes or the segments.
pub fn run(args: Args) -> Result<i32, Error> {
    if args.what.as_deref() == Some(SEGMENTS) {
        return segments::run(&args);
    }
    let config = worker::load_config(paths::config().as_deref(), CONFIG_TIMEOUT);
    let target = target(args.target.as_deref().unwrap_or("ansi"))?;
    let glyphs = args.glyphs.as_deref().and_then(Glyphs::named).or(config.glyphs);
    let caps = Caps {
        depth: if target.adapts_colour { Default::default() } else { live::depth() },
        policy: (target.policy)((0, 0)),
        glyphs: glyphs.unwrap_or_default(),
        columns: usize::from(args.columns.unwrap_or_else(|| Environment::current().columns())),
        ..Caps::default()
    };
    let samples = SampleData::of(&config);
    let names = match &args.what {
        Some(name) => {
            themes::find(&config, name)?;
            vec![name.as_str()]
        }
        None => config.theme_names(),
    };
    for name in names {
        let want = Want { line: &args.line, slot: FULL, theme: name };
        let rows = rows::rows(&config, want, &samples, &caps);
        let line = rows::encode(&rows, target, &caps);
        let line = if args.target.is_some() { visible(&line) } else { line };
        output(&format!("{}\n{line}\n\n", themes::heading(&config, name)));
    }
    Ok(0)
}

/// The target of this name.
fn target(name: &str) -> Result<&'static Target, Error> {
    targets::find(name).ok_or_else(|| Error::Usage(format!("there is no target `{name}`")))
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

//! `rainline preview segments`: every segment, and its fields in every graph that can draw them,
//! with many colours, few and none. Made from the tables of segments and formatters; no single one
//! is known here.

use rainline_segments::{ALL, Field, Kind};

use super::{Args, target};
use crate::cli::{output, themes};
use crate::config::{self, Config, Gathered, SourceFile};
use crate::error::Error;
use crate::line::rows::{self, Want};
use crate::paths;
use crate::sample_data::SampleData;
use crate::worker::{self, CONFIG_TIMEOUT};
use rainline_caps::Depth;
use rainline_caps::{Caps, Glyphs};
use rainline_render::format::Format;
use rainline_render::format::formatter::{Entry, TABLE};
use rainline_render::frame::Frame;
use rainline_render::targets::Target;

/// What each row is shown in.
const LOOKS: [(&str, Depth, Option<Glyphs>); 4] = [
    ("24-bit", Depth::True, None),
    ("256", Depth::Ansi256, None),
    ("16", Depth::Ansi16, None),
    ("ASCII", Depth::Mono, Some(Glyphs::Ascii)),
];

/// Cells of a graph, and of the column it stands in.
const WIDTH: usize = 16;
const COLUMN: usize = WIDTH + 2;

/// A line of the preview: what it shows, and the segment's format unless it is the kind's own.
struct Shown {
    kind: &'static Kind,
    label: String,
    format: Option<String>,
}

/// Prints the segments.
pub fn run(args: &Args) -> Result<i32, Error> {
    let kinds = ALL.iter().copied();
    let wanted =
        |kind: &&Kind| args.names.is_empty() || args.names.iter().any(|name| name == kind.name);
    let shown: Vec<Shown> = kinds.filter(wanted).flat_map(all_of).collect();
    let own = paths::config().and_then(|path| worker::read_config(&path, CONFIG_TIMEOUT).ok());
    let own = own.unwrap_or_default();
    let config = config::build(&Gathered {
        files: vec![SourceFile { path: "preview.toml".into(), text: written(&shown) }],
        ..own
    });
    let theme = args.theme.as_deref().unwrap_or_default();
    if !theme.is_empty() {
        themes::find(&config, theme)?;
    }
    let target = target("ansi")?;
    let glyphs = args.glyphs.as_deref().and_then(Glyphs::named).unwrap_or_default();
    let samples = SampleData::of(&config);
    let labels = shown.iter().map(|shown| shown.label.len()).max().unwrap_or(0) + 2;
    for (index, shown) in shown.iter().enumerate() {
        let drawn = LOOKS.map(|(_, depth, least)| {
            let caps = Caps {
                depth,
                glyphs: least.unwrap_or(glyphs),
                policy: (target.policy)((0, 0)),
                columns: usize::from(args.columns.unwrap_or(MOST)),
                ..Caps::default()
            };
            draw(&config, index, theme, &samples, target, &caps)
        });
        if shown.format.is_none() {
            output(&format!("\n{}: {}\n", shown.kind.name, shown.kind.about));
            for ((name, ..), (line, _)) in LOOKS.iter().zip(&drawn) {
                output(&format!("  {name:<labels$}{line}\n"));
            }
            continue;
        }
        // A number without a known maximum has no bar.
        if drawn.iter().all(|(_, cells)| *cells == 0) {
            continue;
        }
        let mut row = format!("  {:<labels$}", shown.label);
        for (line, cells) in &drawn {
            row.push_str(line);
            row.push_str(&" ".repeat(COLUMN.saturating_sub(*cells)));
        }
        output(&format!("{}\n", row.trim_end()));
    }
    Ok(0)
}

/// Cells of the widest line.
const MOST: u16 = 120;

/// The usual format of a kind, then each of its fields in each graph.
fn all_of(kind: &'static Kind) -> Vec<Shown> {
    let usual = Shown { kind, label: String::new(), format: None };
    let graphs = kind.fields.iter().flat_map(|field| {
        let entries = TABLE.iter().filter(|entry| entry.graph && (entry.takes)(field.unit));
        entries.flat_map(|entry| uses(kind, field, entry))
    });
    std::iter::once(usual).chain(graphs).collect()
}

/// The ways in which this formatter can be used on this field: one, or one for each second field.
fn uses(kind: &'static Kind, field: &'static Field, entry: &'static Entry) -> Vec<Shown> {
    let place = |field: &Field| kind.fields.iter().position(|known| known.name == field.name);
    let width = entry.args.iter().any(|(name, ..)| *name == "w");
    let width = if width { format!("w:{WIDTH}") } else { String::new() };
    let seconds: Vec<Option<&Field>> = match entry.second {
        None => vec![None],
        // Where the two fields may be swapped, one order is enough.
        Some((_, fits)) => kind
            .fields
            .iter()
            .filter(|other| fits(other.unit))
            .filter(|other| !(entry.takes)(other.unit) || place(field) < place(other))
            .map(Some)
            .collect(),
    };
    let shown = |second: Option<&Field>| {
        let (args, and) = match (entry.second, second) {
            (Some((arg, _)), Some(other)) => {
                (format!("{width},{arg}:{}", other.name), format!(" {}", other.name))
            }
            _ => (width.clone(), String::new()),
        };
        let format = format!("${{{}}}.{}({args})", field.name, entry.name);
        // Two fields may each fit, but not together.
        Format::parse(&format, kind).ok()?;
        let label = format!("{}.{}{and}", field.name, entry.name);
        Some(Shown { kind, label, format: Some(format) })
    };
    seconds.into_iter().filter_map(shown).collect()
}

/// A config in which each is an instance in a line of its own.
fn written(shown: &[Shown]) -> String {
    let mut text = String::new();
    for (index, shown) in shown.iter().enumerate() {
        let name = shown.kind.name;
        text.push_str(&format!("[line.preview-{index}]\nleft = [\"preview-{index}\"]\n"));
        text.push_str(&format!("[segment.preview-{index}]\nuse = \"{name}\"\n"));
        if let Some(format) = &shown.format {
            text.push_str(&format!("format = '{format}'\n"));
        }
    }
    text
}

/// The line of this number, and its width.
fn draw(
    config: &Config,
    index: usize,
    theme: &str,
    samples: &SampleData,
    target: &Target,
    caps: &Caps,
) -> (String, usize) {
    let line = format!("preview-{index}");
    let want = Want { line: &line, slot: "left", theme };
    let rows: Vec<Frame> = rows::rows(config, want, samples, caps);
    let cells = rows.iter().map(|row| row.width(caps.policy)).max().unwrap_or(0);
    (rows::encode(&rows, target, caps), cells)
}

//! What graphs of a history share: which readings make up a cell, and what full height is.

use std::sync::Arc;

use rainline_caps::Glyphs;
use rainline_segments::{Cell, Kind, Ring, Unit};

use super::args::Args;
use super::formatter::Formatter;
use super::{Content, Context};
use crate::diagnostic::Fault;
use crate::graph::{Canvas, Curve, GraphCell, Scale};

type Declared = (&'static str, &'static str, &'static str);

pub(super) const MAX: Declared =
    ("max", "auto", "what full height means: `auto`, `p95` or a number");
pub(super) const SCALE: Declared = ("scale", "linear", "`linear` or `log`");
pub(super) const EVERY: Declared = ("every", "1", "readings in one");
pub(super) const STEP: Declared =
    ("step", "0", "minutes in one; 0: as many readings as `every` says");

/// The readings that a graph shows, and their scale.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// In cells.
    pub width: usize,
    max: Max,
    curve: Curve,
    bucket: Bucket,
}

/// What the full height of a history graph means.
#[derive(Clone, Copy, Debug)]
enum Max {
    /// The field's own 100 %, else the highest reading shown.
    Auto,
    /// The highest but for one reading in twenty, so that one spike does not flatten the rest.
    P95,
    Number(f64),
}

/// How many readings become one.
#[derive(Clone, Copy, Debug)]
enum Bucket {
    Readings(usize),
    Minutes(usize),
}

impl Window {
    /// From the arguments `w`, `max`, `scale`, `every` and `step`.
    pub fn read(args: &Args) -> Result<Window, Fault> {
        let max = match args.text("max") {
            "auto" => Max::Auto,
            "p95" => Max::P95,
            text => match text.parse::<f64>() {
                Ok(number) if number > 0.0 && number.is_finite() => Max::Number(number),
                _ => {
                    let message = format!("expected auto, p95 or a number, found `{text}`");
                    return Err(Fault::new(args.span("max"), message));
                }
            },
        };
        let bucket = match args.count("step")? {
            0 => Bucket::Readings(args.count("every")?.max(1)),
            minutes => Bucket::Minutes(minutes),
        };
        let curve = args.choice("scale", Curve::NAMES)?;
        Ok(Window { width: args.count("w")?, max, curve, bucket })
    }

    /// The newest readings of the field `of` that `width` cells show, oldest first. Without Unicode
    /// a cell shows one.
    pub fn cells(&self, of: &str, width: usize, per_cell: usize, context: &Context) -> Vec<Cell> {
        let count = if context.glyphs == Glyphs::Ascii { width } else { per_cell * width };
        let Some(ring) = context.ring(of) else { return Vec::new() };
        match self.bucket {
            Bucket::Readings(1) => ring.recent(count).collect(),
            Bucket::Readings(every) => ring.merged(count, every),
            Bucket::Minutes(minutes) => merged_minutes(ring, count, minutes),
        }
    }

    /// The scale of these readings of the field `of`.
    pub fn scale(&self, of: &str, cells: &[Cell], context: &Context) -> Scale {
        let max = match self.max {
            Max::Number(max) => max,
            Max::Auto => full(context.kind, of).unwrap_or_else(|| highest(cells, 1.0)),
            Max::P95 => highest(cells, 0.95),
        };
        Scale { max, curve: self.curve }
    }
}

/// A formatter that draws one history, with `per_cell` readings a cell.
pub(super) fn single(
    args: &Args,
    per_cell: usize,
    draw: Draw,
) -> Result<Arc<dyn Formatter>, Fault> {
    Ok(Arc::new(Single { window: Window::read(args)?, per_cell, draw }))
}

type Draw = fn(&[Cell], usize, Scale, Canvas) -> Vec<GraphCell>;

#[derive(Debug)]
struct Single {
    window: Window,
    per_cell: usize,
    draw: Draw,
}

impl Formatter for Single {
    fn history(&self, of: &str, context: &Context) -> Option<Content> {
        let width = context.cells(self.window.width);
        let cells = self.window.cells(of, width, self.per_cell, context);
        let scale = self.window.scale(of, &cells, context);
        Some(Content::graph((self.draw)(&cells, width, scale, context.canvas())))
    }
}

fn merged_minutes(ring: &Ring, count: usize, minutes: usize) -> Vec<Cell> {
    let all: Vec<Cell> = ring.minutes(count * minutes).collect();
    let stretches = all.rchunks(minutes).map(|stretch| Cell::merge(stretch.iter().copied()));
    let mut cells: Vec<Cell> = stretches.collect();
    cells.reverse();
    cells
}

/// The field that the history `field` is of.
pub(super) fn field_of<'a>(kind: &'a Kind, field: &'a str) -> &'a str {
    let known = kind.fields.iter().find(|known| known.name == field);
    match known.map(|known| known.unit) {
        Some(Unit::History(of)) => of,
        _ => field,
    }
}

/// The value of 100 % of a field, if its unit has one.
fn full(kind: &Kind, field: &str) -> Option<f64> {
    let unit = kind.fields.iter().find(|known| known.name == field).map(|field| field.unit);
    (unit == Some(Unit::Percent)).then_some(100.0)
}

/// The least value that a share of the readings does not exceed; more than zero, so that a history
/// of zeros is drawn at the bottom.
fn highest(cells: &[Cell], share: f64) -> f64 {
    let mut tops: Vec<f32> =
        cells.iter().filter(|cell| !cell.is_gap()).map(|cell| cell.max).collect();
    tops.sort_unstable_by(f32::total_cmp);
    let index = ((tops.len() as f64 * share).ceil() as usize).clamp(1, tops.len().max(1)) - 1;
    f64::from(tops.get(index).copied().unwrap_or(1.0)).max(f64::MIN_POSITIVE)
}

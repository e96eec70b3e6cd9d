//! Graphs of a history: which readings a cell is made of, what full height is, which shape.

use rainline_segments::{Cell, Kind, Ring, Unit, Value};

use crate::format::{Content, Context, Graphs};
use crate::graph::{self, Classes, Curve, Dot, Scale};
use rainline_caps::Glyphs;

/// A graph of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    pub shape: Shape,
    pub width: usize,
    pub top: Top,
    pub curve: Curve,
    pub stretch: Stretch,
}

impl Default for Past {
    fn default() -> Past {
        Past {
            shape: Shape::Spark,
            width: 10,
            top: Top::Auto,
            curve: Curve::Linear,
            stretch: Stretch::Readings(1),
        }
    }
}

/// What a history is drawn as; the names are of other fields of the same kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Spark,
    Braille,
    Whisker,
    Pair { with: String },
    Mirror { with: String },
    Rain { over: String, hue: Option<String> },
}

/// What the full height of a history graph means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Top {
    /// The field's own 100 %, else the highest reading shown.
    Auto,
    /// The highest but for one reading in twenty, so that one spike does not flatten the rest.
    P95,
    Number(f64),
}

/// How much of a history is drawn as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stretch {
    Readings(usize),
    Minutes(usize),
}

impl Past {
    /// Draws the history of the field `of`; where nothing was read yet its cells are blank.
    pub(in crate::format) fn draw(&self, of: &str, context: &Context) -> Content {
        let (width, pen) = (self.width(context), context.pen());
        let cells = self.cells(of, context);
        let scale = self.scale(of, &cells, context);
        let plain = |dots: Vec<Dot>| Content::Graph { dots, parts: Vec::new() };
        match &self.shape {
            Shape::Spark => plain(graph::spark(&cells, width, scale, pen)),
            Shape::Braille => plain(graph::braille(&cells, width, scale, pen)),
            Shape::Whisker => plain(graph::whisker(&cells, width, scale, pen)),
            Shape::Pair { with } => {
                let with = past_of(context.kind, with);
                let below = self.cells(with, context);
                let scales = [scale, self.scale(with, &below, context)];
                plain(graph::pair(&cells, &below, width, scales, pen))
            }
            Shape::Mirror { with } => {
                let with = past_of(context.kind, with);
                let below = self.cells(with, context);
                // Both by one measure, or they could not be compared.
                let other = self.scale(with, &below, context);
                let scale = Scale { max: scale.max.max(other.max), ..scale };
                plain(graph::mirror(&cells, &below, width, scale, pen))
            }
            Shape::Rain { over, hue } => {
                let hue = hue.as_deref().map(|hue| past_of(context.kind, hue));
                let hues = hue.map_or_else(Vec::new, |hue| self.cells(hue, context));
                let (parts, whole) = match context.sample.get(over) {
                    Some(Value::Parts { parts, whole }) => (parts.as_slice(), *whole),
                    _ => (&[][..], 0.0),
                };
                let values: Vec<f64> = parts.iter().map(|part| part.value).collect();
                let classes = Classes { parts: &values, whole };
                let dots = graph::rain(&cells, &hues, classes, width, scale, pen);
                let parts = parts.iter().map(|part| part.name.clone()).collect();
                Content::Graph { dots, parts }
            }
        }
    }

    /// The other fields that it draws.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match &self.shape {
            Shape::Spark | Shape::Braille | Shape::Whisker => (None, None),
            Shape::Pair { with } | Shape::Mirror { with } => (Some(with), None),
            Shape::Rain { over, hue } => (Some(over), hue.as_ref()),
        };
        first.into_iter().chain(second).map(String::as_str)
    }

    /// How many cells it gets. In a few the edges of the parts leave the past of `rain` no room.
    fn width(&self, context: &Context) -> usize {
        match self.shape {
            Shape::Rain { .. } => context.cells_at(context.graphs.min(Graphs::Slim), self.width),
            _ => context.cells(self.width),
        }
    }

    fn cells(&self, of: &str, context: &Context) -> Vec<Cell> {
        let twice = matches!(self.shape, Shape::Braille | Shape::Mirror { .. });
        let width = self.width(context);
        let count = if twice && context.glyphs != Glyphs::Ascii { 2 * width } else { width };
        let Some(ring) = context.ring(of) else { return Vec::new() };
        match self.stretch {
            Stretch::Readings(1) => ring.recent(count).collect(),
            Stretch::Readings(every) => ring.merged(count, every),
            Stretch::Minutes(minutes) => merged_minutes(ring, count, minutes),
        }
    }

    fn scale(&self, of: &str, cells: &[Cell], context: &Context) -> Scale {
        let max = match self.top {
            Top::Number(max) => max,
            Top::Auto => full(context.kind, of).unwrap_or_else(|| highest(cells, 1.0)),
            Top::P95 => highest(cells, 0.95),
        };
        Scale { max, curve: self.curve }
    }
}

fn merged_minutes(ring: &Ring, count: usize, minutes: usize) -> Vec<Cell> {
    let all: Vec<Cell> = ring.minutes(count * minutes).collect();
    let stretches = all.rchunks(minutes).map(|stretch| Cell::merge(stretch.iter().copied()));
    let mut cells: Vec<Cell> = stretches.collect();
    cells.reverse();
    cells
}

/// The field whose past the history `field` is.
fn past_of<'a>(kind: &'a Kind, field: &'a str) -> &'a str {
    let known = kind.fields.iter().find(|known| known.name == field);
    match known.map(|known| known.unit) {
        Some(Unit::History(of)) => of,
        _ => field,
    }
}

/// What 100 % of a field is, as far as its unit says.
fn full(kind: &Kind, field: &str) -> Option<f64> {
    let unit = kind.fields.iter().find(|known| known.name == field).map(|field| field.unit);
    (unit == Some(Unit::Percent)).then_some(100.0)
}

/// The value that a share of the readings does not exceed; at least a little, so that a flat line
/// at zero stays a line at zero.
fn highest(cells: &[Cell], share: f64) -> f64 {
    let mut tops: Vec<f32> =
        cells.iter().filter(|cell| !cell.is_gap()).map(|cell| cell.max).collect();
    tops.sort_unstable_by(f32::total_cmp);
    let index = ((tops.len() as f64 * share).ceil() as usize).clamp(1, tops.len().max(1)) - 1;
    f64::from(tops.get(index).copied().unwrap_or(1.0)).max(f64::MIN_POSITIVE)
}

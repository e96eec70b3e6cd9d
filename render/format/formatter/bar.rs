//! `bar`: a bar that fills from the left.

use std::sync::Arc;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, blank};
use crate::diagnostic::Fault;
use crate::format::args::Args;
use crate::graph::{Canvas, EMPTY_ASCII, FILLING, GraphCell, STEPS, Tint, position};

pub(super) static ENTRY: Entry = Entry {
    name: "bar",
    about: "a bar that fills from the left",
    graph: true,
    args: &[("w", "8", "cells"), ("marker", "", "a number or a field to mark on it")],
    takes: Unit::is_number,
    second: None,
    make: |args| Ok(Arc::new(Bar { width: args.count("w")?, marker: marker(args)? })),
};

#[derive(Debug)]
struct Bar {
    width: usize,
    marker: Option<Marker>,
}

/// What the line across the bar stands for.
#[derive(Debug)]
enum Marker {
    /// In the unit of the bar's own field.
    Number(f64),
    /// The value of this field of the same sample.
    Field(String),
}

fn marker(args: &Args) -> Result<Option<Marker>, Fault> {
    match args.text("marker").parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(Marker::Number(number))),
        _ => Ok(args.field("marker", |unit| unit == args.unit)?.map(Marker::Field)),
    }
}

impl Marker {
    /// Its position on the bar of this value, 0–1.
    fn position(&self, bar: &Value, context: &Context) -> Option<f64> {
        let number = match self {
            Marker::Number(number) => *number,
            Marker::Field(name) => context.sample.get(name)?.as_number()?,
        };
        match bar {
            Value::Number { full: Some(full), .. } => Some(number / full),
            _ => None,
        }
    }
}

impl Formatter for Bar {
    fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let marker = self.marker.as_ref().and_then(|marker| marker.position(value, context));
        let (width, canvas) = (context.cells(self.width), context.canvas());
        Some(Content::graph(bar(value.position()?, marker, width, canvas)))
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        blank(context.cells(self.width))
    }

    fn other_fields(&self) -> Vec<&str> {
        match &self.marker {
            Some(Marker::Field(name)) => vec![name],
            _ => Vec::new(),
        }
    }
}

/// A bar filled from the left up to `full`, 0–1, in eighths of a cell; `marker`, 0–1, is a bright
/// line at the nearest edge between two cells.
pub fn bar(full: f64, marker: Option<f64>, width: usize, canvas: Canvas) -> Vec<GraphCell> {
    let full = position(full, 1.0).unwrap_or(0.0);
    let steps = if canvas.ascii() { 1 } else { STEPS };
    let filled = filled(full, width * steps);
    let cell = |index: usize| match filled.saturating_sub(index * steps).min(steps) {
        0 if canvas.ascii() => GraphCell::new(EMPTY_ASCII, Tint::Base),
        0 => GraphCell::BLANK,
        _ if canvas.ascii() => GraphCell::new('#', Tint::At(full)),
        eighths => GraphCell::new(FILLING[eighths], Tint::At(full)),
    };
    let mut dots: Vec<GraphCell> = (0..width).map(cell).collect();
    if let Some(at) = marker.and_then(|marker| position(marker, 1.0)) {
        mark(&mut dots, at, canvas);
    }
    dots
}

/// Draws the marker at the edge of its cell. A cell has two colours, so behind the line it is either
/// filled or not: as most of it was.
fn mark(dots: &mut [GraphCell], at: f64, canvas: Canvas) {
    let edge = (at * dots.len() as f64).round() as usize;
    let last = dots.len().saturating_sub(1);
    let Some(dot) = dots.get_mut(edge.min(last)) else { return };
    let held = FILLING.iter().position(|glyph| *glyph == dot.glyph).unwrap_or(0);
    // The last cell looks full only when it is, the first one empty only when it is.
    let enough = match edge {
        0 => 1,
        edge if edge >= last => STEPS,
        _ => STEPS / 2,
    };
    let glyph = match edge > last {
        _ if canvas.ascii() => '|',
        false => '▏',
        true => '▕',
    };
    *dot =
        GraphCell { glyph, fg: Tint::Strong, bg: if held >= enough { dot.fg } else { Tint::Base } };
}

/// How many of `units` are filled: some if there is something, all only if it is full.
fn filled(full: f64, units: usize) -> usize {
    if full <= 0.0 || units == 0 {
        0
    } else if full >= 1.0 {
        units
    } else {
        ((full * units as f64).round() as usize).min(units - 1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, text};

    #[test]
    fn a_bar_is_full_only_when_it_is() {
        let bar = |full| text(&bar(full, None, 4, COLOUR));
        assert_eq!(bar(0.0), "    ");
        assert_eq!(bar(0.000_1), "▏   ");
        assert_eq!(bar(0.5), "██  ");
        assert_eq!(bar(0.999_9), "███▉");
        assert_eq!(bar(1.0), "████");
        assert_eq!(text(&super::bar(0.5, None, 4, ASCII)), "##--");
    }

    #[test]
    fn a_marker_stands_at_the_nearest_edge() {
        let bar = |full, at, canvas| bar(full, Some(at), 4, canvas);
        assert_eq!(text(&bar(0.25, 0.8, COLOUR)), "█  ▏");
        assert_eq!(text(&bar(0.25, 1.0, COLOUR)), "█  ▕");
        assert_eq!(text(&bar(0.25, 7.0, ASCII)), "#--|");
        // What was in the cell is seen behind the line.
        assert_eq!(
            bar(1.0, 0.5, COLOUR)[2],
            GraphCell { glyph: '▏', fg: Tint::Strong, bg: Tint::At(1.0) }
        );
        assert_eq!(
            bar(0.5, 0.5, COLOUR)[2],
            GraphCell { glyph: '▏', fg: Tint::Strong, bg: Tint::Base }
        );
        assert_eq!(bar(0.97, 1.0, COLOUR)[3].bg, Tint::Base);
        assert_eq!(bar(0.01, 0.0, COLOUR)[0].bg, Tint::At(0.01));
        assert_eq!(text(&bar(0.5, f64::NAN, COLOUR)), "██  ");
    }
}

//! `mirror`: two histories around a mid-line, in one row of text.

use std::sync::Arc;

use rainline_segments::Cell;

use super::braille::pairs;
use super::{Content, Context, Entry, Formatter, is_history};
use crate::diagnostic::Fault;
use crate::format::args::Args;
use crate::format::history::{EVERY, MAX, SCALE, STEP, Window, field_of};
use crate::graph::{BRAILLE, Canvas, Gradient, GraphCell, Scale, Tint, at_the_right, dotted, step};

pub(super) static ENTRY: Entry = Entry {
    name: "mirror",
    about: "two histories in dots: this up from the middle, another down",
    graph: true,
    args: &[
        ("w", "10", "cells"),
        ("with", "", "the history that goes down, of the same unit"),
        MAX,
        SCALE,
        EVERY,
        STEP,
    ],
    takes: is_history,
    second: Some(("with", is_history)),
    make: |args| {
        let with = args.second()?;
        check_unit(args, &with)?;
        Ok(Arc::new(Mirror { with, window: Window::read(args)? }))
    },
};

/// An error unless both histories are of one unit.
fn check_unit(args: &Args, with: &str) -> Result<(), Fault> {
    let other = args.unit_of(with).and_then(|unit| args.history_unit(unit));
    match (args.history_unit(args.unit), other) {
        (Some(mine), Some(its)) if mine != its => {
            let (mine, its) = (mine.name(), its.name());
            let message = format!("`{with}` is of {its}, what stands above it of {mine}");
            Err(Fault::new(args.span("with"), message))
        }
        _ => Ok(()),
    }
}

#[derive(Debug)]
struct Mirror {
    with: String,
    window: Window,
}

impl Formatter for Mirror {
    fn history(&self, of: &str, context: &Context) -> Option<Content> {
        let (window, with) = (&self.window, field_of(context.kind, &self.with));
        let width = context.cells(window.width);
        let [up, down] = [of, with].map(|of| window.cells(of, width, 2, context));
        // One scale for both, so that they can be compared.
        let [scale, other] = [window.scale(of, &up, context), window.scale(with, &down, context)];
        let scale = Scale { max: scale.max.max(other.max), ..scale };
        Some(Content::graph(mirror(&up, &down, width, scale, context.canvas())))
    }

    fn other_fields(&self) -> Vec<&str> {
        vec![&self.with]
    }
}

/// One series up from the middle of the row, the other down, two readings a cell: one dot for more
/// than zero, two from half on. A cell has one colour: that of the series that is higher there.
/// Where both are zero one dot shows that they were read.
///
/// Without Unicode a cell is one reading: `'` or `^` up, `.` or `v` down, `:` or `|` both.
pub fn mirror(
    up: &[Cell],
    down: &[Cell],
    width: usize,
    scale: Scale,
    canvas: Canvas,
) -> Vec<GraphCell> {
    if canvas.ascii() {
        let both = at_the_right(up, width).zip(at_the_right(down, width));
        return both.map(|(up, down)| sign(up, down, scale)).collect();
    }
    let cell = |(up, down): (&[Cell], &[Cell])| {
        let mut bits = 0;
        let mut most = [0.0f64; 2];
        // From the right, so that readings of one time share a column.
        for (index, column) in BRAILLE.iter().rev().enumerate() {
            let [lowest, lower, upper, top] = *column;
            let from_right = |cells: &[Cell]| cells.iter().rev().nth(index).copied();
            let (a, b) = (peak(from_right(up), scale), peak(from_right(down), scale));
            bits |= [0, upper, upper | top][dots(a)] | [0, lower, lower | lowest][dots(b)];
            if dots(a) + dots(b) == 0 && (a.is_some() || b.is_some()) {
                bits |= lower;
            }
            most = [most[0].max(a.unwrap_or(0.0)), most[1].max(b.unwrap_or(0.0))];
        }
        dotted(bits).map_or(GraphCell::BLANK, |glyph| GraphCell::new(glyph, higher(most)))
    };
    pairs(up, width).zip(pairs(down, width)).map(cell).collect()
}

/// How high a reading is at its highest.
fn peak(cell: Option<Cell>, scale: Scale) -> Option<f64> {
    scale.position(f64::from(cell?.max))
}

fn dots(position: Option<f64>) -> usize {
    position.filter(|at| *at > 0.0).map_or(0, |at| 1 + step(at, 2))
}

/// The colour of the higher series. Gradients begin near the background, where dots could not be
/// seen: positions begin a third above.
fn higher([up, down]: [f64; 2]) -> Tint {
    const SEEN: f64 = 0.35;
    let gradient = if up >= down { Gradient::Heat } else { Gradient::Tide };
    Tint::On(gradient, SEEN + (1.0 - SEEN) * up.max(down))
}

fn sign(up: Option<Cell>, down: Option<Cell>, scale: Scale) -> GraphCell {
    let (a, b) = (peak(up, scale), peak(down, scale));
    if a.is_none() && b.is_none() {
        return GraphCell::BLANK;
    }
    let glyph = match (dots(a), dots(b)) {
        (0, 0) => '-',
        (1, 0) => '\'',
        (0, 1) => '.',
        (2, 0 | 1) => '^',
        (0 | 1, 2) => 'v',
        (1, 1) => ':',
        _ => '|',
    };
    GraphCell::new(glyph, higher([a.unwrap_or(0.0), b.unwrap_or(0.0)]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, cells, hundred, text};
    use crate::graph::Curve;

    #[test]
    fn a_mirror_goes_up_and_down() {
        let (up, down) = (cells(&[0.0, 100.0, 10.0, 0.0]), cells(&[0.0, 0.0, 10.0, 100.0]));
        let dots = mirror(&up, &down, 3, hundred(), COLOUR);
        assert_eq!(text(&dots), " ⠜⢦");
        assert_eq!(
            [dots[1].fg, dots[2].fg].map(|tint| matches!(tint, Tint::On(Gradient::Heat, _))),
            [true, false]
        );
        assert_eq!(text(&mirror(&up, &down, 5, hundred(), ASCII)), " -^:v");
    }

    proptest! {
        #[test]
        fn a_mirror_grows_away_from_its_middle(
            a in 0.0..1000.0f64,
            b in 0.0..1000.0f64,
            other in 0.0..1000.0f64,
            curve in prop::sample::select(vec![Curve::Linear, Curve::Log]),
        ) {
            // Of each half, both columns.
            const UPPER: u32 = 0x1b;
            const LOWER: u32 = 0xe4;
            let scale = Scale { max: 800.0, curve };
            let bits = |up: f64, down: f64| {
                mirror(&cells(&[up, up]), &cells(&[down, down]), 1, scale, COLOUR)[0].glyph as u32
            };
            let (low, high) = (a.min(b), a.max(b));
            let upper = |value: f64| (bits(value, other) & UPPER).count_ones();
            let lower = |value: f64| (bits(other, value) & LOWER).count_ones();
            prop_assert!(upper(low) <= upper(high));
            prop_assert!(lower(low) <= lower(high));
            // The other half does not move.
            prop_assert_eq!(bits(low, other) & LOWER & !0x24, bits(high, other) & LOWER & !0x24);
            prop_assert_eq!(bits(other, low) & UPPER, bits(other, high) & UPPER);
        }
    }
}

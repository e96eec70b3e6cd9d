//! `pair`: two histories in one row of text.

use std::sync::Arc;

use rainline_segments::Cell;

use super::{Content, Context, Entry, Formatter, is_history};
use crate::format::history::{EVERY, MAX, SCALE, STEP, Window, field_of};
use crate::graph::{Canvas, Gradient, GraphCell, Scale, Tint, at_the_right};

pub(super) static ENTRY: Entry = Entry {
    name: "pair",
    about: "two histories by colour in one row: this above, another below",
    graph: true,
    args: &[("w", "10", "cells"), ("with", "", "the history below"), MAX, SCALE, EVERY, STEP],
    takes: is_history,
    second: Some(("with", is_history)),
    make: |args| Ok(Arc::new(Pair { with: args.second()?, window: Window::read(args)? })),
};

#[derive(Debug)]
struct Pair {
    with: String,
    window: Window,
}

impl Formatter for Pair {
    fn history(&self, of: &str, context: &Context) -> Option<Content> {
        let (window, with) = (&self.window, field_of(context.kind, &self.with));
        let width = context.cells(window.width);
        let [upper, lower] = [of, with].map(|of| window.cells(of, width, 1, context));
        let scales = [window.scale(of, &upper, context), window.scale(with, &lower, context)];
        Some(Content::graph(pair(&upper, &lower, width, scales, context.canvas())))
    }

    fn other_fields(&self) -> Vec<&str> {
        vec![&self.with]
    }
}

/// Two rows of colours in one of text: the upper half of a cell is a reading of `upper`, the lower
/// half the reading of `lower` at the same time, each coloured by its value.
///
/// Without colours or Unicode a cell shows which of them are above half: `'` the upper, `.` the
/// lower, `:` both, `-` neither.
pub fn pair(
    upper: &[Cell],
    lower: &[Cell],
    width: usize,
    scales: [Scale; 2],
    canvas: Canvas,
) -> Vec<GraphCell> {
    // By the maximum, so that a spike is seen.
    let peak = |scale: Scale, cell: Option<Cell>| scale.position(f64::from(cell?.max));
    let both = at_the_right(upper, width).zip(at_the_right(lower, width));
    both.map(|(a, b)| {
        let (a, b) = (peak(scales[0], a), peak(scales[1], b));
        if canvas.ascii() || !canvas.colour {
            return signs(a, b);
        }
        let heat = |at| Tint::On(Gradient::Heat, at);
        let tide = |at| Tint::On(Gradient::Tide, at);
        match (a, b) {
            (Some(a), Some(b)) => GraphCell { glyph: '▀', fg: heat(a), bg: tide(b) },
            (Some(a), None) => GraphCell::new('▀', heat(a)),
            (None, Some(b)) => GraphCell::new('▄', tide(b)),
            (None, None) => GraphCell::BLANK,
        }
    })
    .collect()
}

fn signs(upper: Option<f64>, lower: Option<f64>) -> GraphCell {
    const HALF: f64 = 0.5;
    let (a, b) = (upper.unwrap_or(0.0), lower.unwrap_or(0.0));
    let glyph = match (a >= HALF, b >= HALF) {
        _ if upper.is_none() && lower.is_none() => return GraphCell::BLANK,
        (false, false) => '-',
        (true, false) => '\'',
        (false, true) => '.',
        (true, true) => ':',
    };
    GraphCell::new(glyph, Tint::At(a.max(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{COLOUR, MONO, cells, hundred, text};

    #[test]
    fn a_pair_is_two_readings_of_one_time() {
        let (a, b) = (cells(&[100.0, f64::NAN, 0.0]), cells(&[50.0, 100.0]));
        let dots = pair(&a, &b, 4, [hundred(); 2], COLOUR);
        let (heat, tide) = (|at| Tint::On(Gradient::Heat, at), |at| Tint::On(Gradient::Tide, at));
        let expected = [
            GraphCell::BLANK,
            GraphCell { glyph: '▀', fg: heat(1.0), bg: Tint::Base },
            GraphCell { glyph: '▄', fg: tide(0.5), bg: Tint::Base },
            GraphCell { glyph: '▀', fg: heat(0.0), bg: tide(1.0) },
        ];
        assert_eq!(dots, expected);
        assert_eq!(text(&pair(&a, &b, 4, [hundred(); 2], MONO)), " '..");
    }
}

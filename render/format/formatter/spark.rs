//! `spark`: a line of heights.

use rainline_segments::Cell;

use super::{Entry, is_history};
use crate::format::history::{EVERY, MAX, SCALE, STEP, single};
use crate::graph::{Canvas, GraphCell, STEPS, Scale, Tint, at_the_right, step};

pub(super) static ENTRY: Entry = Entry {
    name: "spark",
    about: "a history, one bar a cell",
    graph: true,
    args: &[("w", "10", "cells"), MAX, SCALE, EVERY, STEP],
    takes: is_history,
    second: None,
    make: |args| single(args, 1, spark),
};

/// A line of heights, one reading a cell, the newest at the right edge. The height is the mean of
/// a cell's stretch, the colour its maximum, so that a spike is seen.
pub fn spark(values: &[Cell], width: usize, scale: Scale, canvas: Canvas) -> Vec<GraphCell> {
    let height = |cell: Cell| {
        let height = scale.mean(&cell)?;
        Some(GraphCell::new(canvas.ladder()[step(height, STEPS)], Tint::At(scale.peak(&cell))))
    };
    at_the_right(values, width)
        .map(|cell| cell.and_then(height).unwrap_or(GraphCell::BLANK))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, cells, hundred, text};
    use crate::graph::Curve;

    #[test]
    fn the_newest_is_at_the_right_edge() {
        let values = cells(&[100.0, 0.0, f64::NAN, 50.0, 99.0]);
        assert_eq!(text(&spark(&values, 7, hundred(), COLOUR)), "  █▁ ▅█");
        assert_eq!(text(&spark(&values, 2, hundred(), COLOUR)), "▅█");
        assert_eq!(text(&spark(&values, 7, hundred(), ASCII)), "  #_ =#");
    }

    #[test]
    fn a_spike_in_a_long_stretch_is_seen_in_the_tint() {
        let minute = Cell { min: 0.0, mean: 10.0, max: 100.0 };
        let dots = spark(&[minute], 1, hundred(), COLOUR);
        assert_eq!((dots[0].glyph, dots[0].fg), ('▁', Tint::At(1.0)));
    }

    #[test]
    fn a_logarithm_shows_what_a_line_does_not() {
        let values = cells(&[0.0, 0.1, 1.0, 10.0, 100.0]);
        let log = Scale { max: 100.0, curve: Curve::Log };
        assert_eq!(text(&spark(&values, 5, hundred(), COLOUR)), "▁▁▁▁█");
        assert_eq!(text(&spark(&values, 5, log, COLOUR)), "▁▁▃▆█");
    }
}

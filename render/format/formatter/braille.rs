//! `braille`: a line of heights in dots, two readings a cell.

use rainline_segments::Cell;

use super::spark::spark;
use super::{Entry, is_history};
use crate::format::history::{EVERY, MAX, SCALE, STEP, single};
use crate::graph::{BRAILLE, Canvas, GraphCell, Scale, Tint, dotted, step};

pub(super) static ENTRY: Entry = Entry {
    name: "braille",
    about: "a history in dots, two readings a cell",
    graph: true,
    args: &[("w", "10", "cells"), MAX, SCALE, EVERY, STEP],
    takes: is_history,
    second: None,
    make: |args| single(args, 2, braille),
};

/// A line of heights with two readings a cell and four heights, in braille dots. Falls back to
/// [`spark`] without Unicode.
pub fn braille(values: &[Cell], width: usize, scale: Scale, canvas: Canvas) -> Vec<GraphCell> {
    if canvas.ascii() {
        return spark(values, width, scale, canvas);
    }
    pairs(values, width)
        .map(|pair| {
            let mut bits = 0;
            let mut tint: f64 = 0.0;
            for (cell, column) in pair.iter().rev().zip(BRAILLE.iter().rev()) {
                if let Some(height) = scale.mean(cell) {
                    bits |= column[..=step(height, 4)].iter().sum::<u32>();
                    tint = tint.max(scale.peak(cell));
                }
            }
            dotted(bits).map_or(GraphCell::BLANK, |glyph| GraphCell::new(glyph, Tint::At(tint)))
        })
        .collect()
}

/// The newest values in pairs, one for each of `width` cells, counted from the right edge: where the
/// number is odd the oldest is alone, at the right of its cell.
pub(super) fn pairs(values: &[Cell], width: usize) -> impl Iterator<Item = &[Cell]> {
    let newest = &values[values.len().saturating_sub(2 * width)..];
    let count = newest.len().div_ceil(2);
    let odd = newest.len() % 2;
    let pair = move |index: usize| &newest[(2 * index).saturating_sub(odd)..2 * index + 2 - odd];
    std::iter::repeat_n(&[][..], width - count).chain((0..count).map(pair))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, cells, hundred, text};

    #[test]
    fn braille_draws_two_readings_a_cell() {
        let values = cells(&[0.0, 100.0, 100.0]);
        assert_eq!(text(&braille(&values, 3, hundred(), COLOUR)), " ⢀⣿");
        assert_eq!(braille(&values, 3, hundred(), ASCII), spark(&values, 3, hundred(), ASCII));
    }
}

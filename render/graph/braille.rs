//! A line of heights in dots, two readings a cell.

use rainline_segments::Cell;

use super::{BRAILLE, Dot, Ink, Pen, Scale, dotted, spark, step};

/// A line of heights with two readings a cell and four heights, in braille dots. Falls back to
/// [`spark`] without Unicode.
pub fn braille(values: &[Cell], width: usize, scale: Scale, pen: Pen) -> Vec<Dot> {
    if pen.ascii() {
        return spark(values, width, scale, pen);
    }
    pairs(values, width)
        .map(|pair| {
            let mut bits = 0;
            let mut ink: f64 = 0.0;
            for (cell, column) in pair.iter().rev().zip(BRAILLE.iter().rev()) {
                if let Some(height) = scale.mean(cell) {
                    bits |= column[..=step(height, 4)].iter().sum::<u32>();
                    ink = ink.max(scale.peak(cell));
                }
            }
            dotted(bits).map_or(Dot::BLANK, |glyph| Dot::new(glyph, Ink::At(ink)))
        })
        .collect()
}

/// The newest values by twos, one for each of `width` cells. They are counted from the right edge:
/// with an odd number the oldest stands alone, at the right of its cell.
pub(super) fn pairs(values: &[Cell], width: usize) -> impl Iterator<Item = &[Cell]> {
    let newest = &values[values.len().saturating_sub(2 * width)..];
    let count = newest.len().div_ceil(2);
    let odd = newest.len() % 2;
    let pair = move |index: usize| &newest[(2 * index).saturating_sub(odd)..2 * index + 2 - odd];
    std::iter::repeat_n(&[][..], width - count).chain((0..count).map(pair))
}

//! A line of heights.

use rainline_segments::Cell;

use super::{Dot, Ink, Pen, STEPS, Scale, at_the_right, step};

/// A line of heights, one reading a cell, the newest at the right edge. The height is the mean of
/// a cell's stretch; its ink stands where the maximum does, so that a spike is seen in the colour.
pub fn spark(values: &[Cell], width: usize, scale: Scale, pen: Pen) -> Vec<Dot> {
    let height = |cell: Cell| {
        let height = scale.mean(&cell)?;
        Some(Dot::new(pen.ladder()[step(height, STEPS)], Ink::At(scale.peak(&cell))))
    };
    at_the_right(values, width).map(|cell| cell.and_then(height).unwrap_or(Dot::BLANK)).collect()
}

//! Values side by side.

use super::{Dot, Ink, Pen, STEPS, Scale, highest, step};

/// Values side by side from the left, one a cell: one processor core each, say. With more values
/// than cells a cell shows the highest of its share.
pub fn columns(values: &[f64], width: usize, scale: Scale, pen: Pen) -> Vec<Dot> {
    let cells = width.min(values.len());
    let cell = |index: usize| match scale.position(highest(values, index, cells)) {
        Some(height) => Dot::new(pen.ladder()[step(height, STEPS)], Ink::At(height)),
        None => Dot::BLANK,
    };
    (0..width).map(|index| if index < cells { cell(index) } else { Dot::BLANK }).collect()
}

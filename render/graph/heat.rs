//! Many values in few cells, by colour.

use super::{Dot, Gradient, Ink, Pen, Scale, highest};

/// Values from the left by their colours alone, two a cell, the first of them above: 64 cores in 32
/// cells. With more values than that a half shows the highest of its share.
///
/// Without colours or Unicode a cell is a digit: the tenth that the higher of its two is in.
pub fn heat(values: &[f64], width: usize, scale: Scale, pen: Pen) -> Vec<Dot> {
    let halves = values.len().min(2 * width);
    let at = |half: usize| {
        let at = (half < halves).then(|| highest(values, half, halves))?;
        scale.position(at)
    };
    let ink = |at| Ink::On(Gradient::Heat, at);
    let cell = |index: usize| {
        let (upper, lower) = (at(2 * index), at(2 * index + 1));
        if pen.ascii() || !pen.colour {
            let most = match (upper, lower) {
                (Some(a), Some(b)) => a.max(b),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => return Dot::BLANK,
            };
            let tenth = ((most * 10.0) as u32).min(9);
            return Dot::new(char::from_digit(tenth, 10).unwrap_or('9'), ink(most));
        }
        match (upper, lower) {
            (Some(a), Some(b)) => Dot { glyph: '▀', fg: ink(a), bg: ink(b) },
            (Some(a), None) => Dot::new('▀', ink(a)),
            (None, Some(b)) => Dot::new('▄', ink(b)),
            (None, None) => Dot::BLANK,
        }
    };
    (0..width).map(cell).collect()
}

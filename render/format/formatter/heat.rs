//! `heat`: many values in few cells, by colour.

use rainline_segments::Unit;

use super::Entry;
use super::columns::of_parts;
use crate::format::history::SCALE;
use crate::graph::{Canvas, Gradient, GraphCell, Scale, Tint, highest};

pub(super) static ENTRY: Entry = Entry {
    name: "heat",
    about: "the same by colour, two a cell; digits without colours",
    graph: true,
    args: &[("w", "32", "the most cells"), SCALE],
    takes: |unit| unit == Unit::Parts,
    second: None,
    make: |args| of_parts(args, 2, heat),
};

/// Values from the left by colour alone, two a cell, the first in its upper half: 64 cores in 32
/// cells. With more values than halves each half shows the highest of its share.
///
/// Without colours or Unicode a cell is a digit: the tenth of full of the higher of its two.
pub fn heat(values: &[f64], width: usize, scale: Scale, canvas: Canvas) -> Vec<GraphCell> {
    let halves = values.len().min(2 * width);
    let at = |half: usize| {
        let at = (half < halves).then(|| highest(values, half, halves))?;
        scale.position(at)
    };
    let tint = |at| Tint::On(Gradient::Heat, at);
    let cell = |index: usize| {
        let (upper, lower) = (at(2 * index), at(2 * index + 1));
        if canvas.ascii() || !canvas.colour {
            let most = match (upper, lower) {
                (Some(a), Some(b)) => a.max(b),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => return GraphCell::BLANK,
            };
            let tenth = ((most * 10.0) as u32).min(9);
            return GraphCell::new(char::from_digit(tenth, 10).unwrap_or('9'), tint(most));
        }
        match (upper, lower) {
            (Some(a), Some(b)) => GraphCell { glyph: '▀', fg: tint(a), bg: tint(b) },
            (Some(a), None) => GraphCell::new('▀', tint(a)),
            (None, Some(b)) => GraphCell::new('▄', tint(b)),
            (None, None) => GraphCell::BLANK,
        }
    };
    (0..width).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, hundred, text};

    #[test]
    fn heat_has_two_values_a_cell() {
        let tint = |at| Tint::On(Gradient::Heat, at);
        let dots = heat(&[0.0, 100.0, 50.0], 3, hundred(), COLOUR);
        assert_eq!(dots[0], GraphCell { glyph: '▀', fg: tint(0.0), bg: tint(1.0) });
        assert_eq!(dots[1], GraphCell { glyph: '▀', fg: tint(0.5), bg: Tint::Base });
        assert_eq!(dots[2], GraphCell::BLANK);
        assert_eq!(text(&heat(&[0.0, 19.0, 99.0, 100.0, 5.0], 4, hundred(), ASCII)), "190 ");
        // Sixty-four cores, one of them busy, in 32 cells and in fewer.
        let mut cores = [0.0; 64];
        cores[40] = 100.0;
        let busy = |dots: Vec<GraphCell>| {
            dots.iter().filter(|dot| dot.fg == tint(1.0) || dot.bg == tint(1.0)).count()
        };
        assert_eq!([32, 10, 1].map(|width| busy(heat(&cores, width, hundred(), COLOUR))), [1; 3]);
    }
}

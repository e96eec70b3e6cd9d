//! `whisker`: a line of means with their peaks behind them.

use rainline_segments::Cell;

use super::{Entry, is_history};
use crate::format::history::{MAX, SCALE, STEP, single};
use crate::graph::{BRAILLE, Canvas, GraphCell, STEPS, Scale, Tint, at_the_right, dotted, step};

pub(super) static ENTRY: Entry = Entry {
    name: "whisker",
    about: "a history of means, and behind them in a faint colour how high it got",
    graph: true,
    args: &[("w", "10", "cells"), MAX, SCALE, ("every", "5", "readings in one"), STEP],
    takes: is_history,
    second: None,
    make: |args| single(args, 1, whisker),
};

/// A line of heights: the mean of each stretch solid and, where it once was higher, a faint
/// background coloured by the peak. So no spike between two draws is lost.
///
/// Without colours both columns of a braille cell are filled up to the mean, and a single dot in
/// the right one is the peak. Without Unicode a peak far above the mean is a `^`.
pub fn whisker(values: &[Cell], width: usize, scale: Scale, canvas: Canvas) -> Vec<GraphCell> {
    let cell = |cell: Cell| {
        let (mean, peak) = (scale.mean(&cell)?, scale.peak(&cell));
        let (low, high) = (step(mean, STEPS), step(peak, STEPS));
        if canvas.ascii() {
            let spike = high >= low + STEPS / 2;
            return Some(GraphCell::new(
                if spike { '^' } else { canvas.ladder()[low] },
                Tint::At(peak),
            ));
        }
        if !canvas.colour {
            let [left, right] = BRAILLE;
            let filled: u32 = [left, right].iter().flat_map(|dots| &dots[..=step(mean, 4)]).sum();
            let glyph = dotted(filled | right[step(peak, 4)])?;
            return Some(GraphCell::new(glyph, Tint::At(peak)));
        }
        let bg = if high > low { Tint::Faint(peak) } else { Tint::Base };
        Some(GraphCell { glyph: canvas.ladder()[low], fg: Tint::At(mean), bg })
    };
    at_the_right(values, width)
        .map(|value| value.and_then(cell).unwrap_or(GraphCell::BLANK))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, MONO, hundred, text};

    #[test]
    fn a_whisker_stands_behind_its_mean() {
        let values =
            [Cell { min: 0.0, mean: 10.0, max: 100.0 }, Cell { min: 9.0, mean: 10.0, max: 11.0 }];
        let dots = whisker(&values, 2, hundred(), COLOUR);
        assert_eq!(text(&dots), "▁▁");
        assert_eq!([dots[0].bg, dots[1].bg], [Tint::Faint(1.0), Tint::Base]);
        assert_eq!(text(&whisker(&values, 2, hundred(), MONO)), "⣈⣀");
        assert_eq!(text(&whisker(&values, 2, hundred(), ASCII)), "^_");
    }

    proptest! {
        #[test]
        fn no_peak_is_lost(mean in 0.0..100.0f32, above in 0.0..100.0f32) {
            let calm = Cell { min: mean, mean, max: mean };
            let spike = Cell { max: (mean + above).min(100.0), ..calm };
            let draw = |cell, canvas| whisker(&[cell], 1, hundred(), canvas)[0];
            let steps = |value: f32, count| step(f64::from(value) / 100.0, count);
            if steps(spike.max, STEPS) > steps(mean, STEPS) {
                prop_assert!(matches!(draw(spike, COLOUR).bg, Tint::Faint(at) if at > 0.0));
            }
            if steps(spike.max, 4) > steps(mean, 4) {
                prop_assert_ne!(draw(spike, MONO).glyph, draw(calm, MONO).glyph);
            }
            if steps(spike.max, STEPS) >= steps(mean, STEPS) + STEPS / 2 {
                prop_assert_eq!(draw(spike, ASCII).glyph, '^');
            }
        }
    }
}

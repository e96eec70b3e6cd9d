//! A line of means with their peaks behind them.

use rainline_segments::Cell;

use super::{BRAILLE, Dot, Ink, Pen, STEPS, Scale, at_the_right, dotted, step};

/// A line of heights: the mean of each stretch solid, and behind it, in a faint colour that stands
/// where the peak does, that it once was higher. So no spike between two draws is lost.
///
/// Without colours both columns of a braille cell are filled up to the mean, and a single dot in
/// the right one is the peak. Without Unicode a peak far above the mean is a `^`.
pub fn whisker(values: &[Cell], width: usize, scale: Scale, pen: Pen) -> Vec<Dot> {
    let cell = |cell: Cell| {
        let (mean, peak) = (scale.mean(&cell)?, scale.peak(&cell));
        let (low, high) = (step(mean, STEPS), step(peak, STEPS));
        if pen.ascii() {
            let spike = high >= low + STEPS / 2;
            return Some(Dot::new(if spike { '^' } else { pen.ladder()[low] }, Ink::At(peak)));
        }
        if !pen.colour {
            let [left, right] = BRAILLE;
            let filled: u32 = [left, right].iter().flat_map(|dots| &dots[..=step(mean, 4)]).sum();
            let glyph = dotted(filled | right[step(peak, 4)])?;
            return Some(Dot::new(glyph, Ink::At(peak)));
        }
        let bg = if high > low { Ink::Faint(peak) } else { Ink::Base };
        Some(Dot { glyph: pen.ladder()[low], fg: Ink::At(mean), bg })
    };
    at_the_right(values, width).map(|value| value.and_then(cell).unwrap_or(Dot::BLANK)).collect()
}

//! Two histories in one row of text.

use rainline_segments::Cell;

use super::{Dot, Gradient, Ink, Pen, Scale, at_the_right};

/// Two rows of colours in one of text: the upper half of a cell is a reading of `upper`, the lower
/// half the reading of `lower` at that time, each coloured by its own value.
///
/// Without colours or Unicode a cell says of each whether it is above its half: `'`, `.`, `:` for
/// both, `-` for neither.
pub fn pair(
    upper: &[Cell],
    lower: &[Cell],
    width: usize,
    scales: [Scale; 2],
    pen: Pen,
) -> Vec<Dot> {
    // A spike counts as what it was.
    let peak = |scale: Scale, cell: Option<Cell>| scale.position(f64::from(cell?.max));
    let both = at_the_right(upper, width).zip(at_the_right(lower, width));
    both.map(|(a, b)| {
        let (a, b) = (peak(scales[0], a), peak(scales[1], b));
        if pen.ascii() || !pen.colour {
            return signs(a, b);
        }
        let heat = |at| Ink::On(Gradient::Heat, at);
        let tide = |at| Ink::On(Gradient::Tide, at);
        match (a, b) {
            (Some(a), Some(b)) => Dot { glyph: '▀', fg: heat(a), bg: tide(b) },
            (Some(a), None) => Dot::new('▀', heat(a)),
            (None, Some(b)) => Dot::new('▄', tide(b)),
            (None, None) => Dot::BLANK,
        }
    })
    .collect()
}

fn signs(upper: Option<f64>, lower: Option<f64>) -> Dot {
    const HALF: f64 = 0.5;
    let (a, b) = (upper.unwrap_or(0.0), lower.unwrap_or(0.0));
    let glyph = match (a >= HALF, b >= HALF) {
        _ if upper.is_none() && lower.is_none() => return Dot::BLANK,
        (false, false) => '-',
        (true, false) => '\'',
        (false, true) => '.',
        (true, true) => ':',
    };
    Dot::new(glyph, Ink::At(a.max(b)))
}

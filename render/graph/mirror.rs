//! Two histories around a mid-line, in one row of text.

use rainline_segments::Cell;

use super::braille::pairs;
use super::{BRAILLE, Dot, Gradient, Ink, Pen, Scale, at_the_right, dotted, step};

/// One series up from the middle of the row, the other down, two readings a cell: a dot for
/// something, two from half on. A cell has one colour; it is that of the series that is stronger
/// there, by its value. Where both are nothing one dot holds the place.
///
/// Without Unicode a cell is one reading: `'` or `^` up, `.` or `v` down, `:` or `|` both.
pub fn mirror(up: &[Cell], down: &[Cell], width: usize, scale: Scale, pen: Pen) -> Vec<Dot> {
    if pen.ascii() {
        let both = at_the_right(up, width).zip(at_the_right(down, width));
        return both.map(|(up, down)| sign(up, down, scale)).collect();
    }
    let cell = |(up, down): (&[Cell], &[Cell])| {
        let mut bits = 0;
        let mut most = [0.0f64; 2];
        // From the right, so that the halves of an odd end stand beside each other.
        for (index, column) in BRAILLE.iter().rev().enumerate() {
            let [lowest, lower, upper, top] = *column;
            let from_right = |cells: &[Cell]| cells.iter().rev().nth(index).copied();
            let (a, b) = (peak(from_right(up), scale), peak(from_right(down), scale));
            bits |= [0, upper, upper | top][dots(a)] | [0, lower, lower | lowest][dots(b)];
            if dots(a) + dots(b) == 0 && (a.is_some() || b.is_some()) {
                bits |= lower;
            }
            most = [most[0].max(a.unwrap_or(0.0)), most[1].max(b.unwrap_or(0.0))];
        }
        dotted(bits).map_or(Dot::BLANK, |glyph| Dot::new(glyph, stronger(most)))
    };
    pairs(up, width).zip(pairs(down, width)).map(cell).collect()
}

/// How high a reading is at its highest.
fn peak(cell: Option<Cell>, scale: Scale) -> Option<f64> {
    scale.position(f64::from(cell?.max))
}

fn dots(position: Option<f64>) -> usize {
    position.filter(|at| *at > 0.0).map_or(0, |at| 1 + step(at, 2))
}

/// The colour of the stronger series. Gradients begin near the background: shapes keep away from
/// there.
fn stronger([up, down]: [f64; 2]) -> Ink {
    const SEEN: f64 = 0.35;
    let gradient = if up >= down { Gradient::Heat } else { Gradient::Tide };
    Ink::On(gradient, SEEN + (1.0 - SEEN) * up.max(down))
}

fn sign(up: Option<Cell>, down: Option<Cell>, scale: Scale) -> Dot {
    let (a, b) = (peak(up, scale), peak(down, scale));
    if a.is_none() && b.is_none() {
        return Dot::BLANK;
    }
    let glyph = match (dots(a), dots(b)) {
        (0, 0) => '-',
        (1, 0) => '\'',
        (0, 1) => '.',
        (2, 0 | 1) => '^',
        (0 | 1, 2) => 'v',
        (1, 1) => ':',
        _ => '|',
    };
    Dot::new(glyph, stronger([a.unwrap_or(0.0), b.unwrap_or(0.0)]))
}

//! A history over the parts of a whole: both in the same cells.

use rainline_segments::Cell;

use super::stack::{Strip, Unit};
use super::{Dot, FILLING, Gradient, Ink, Pen, STEPS, Scale, step};

/// What lies behind the history.
#[derive(Clone, Copy, Debug)]
pub struct Classes<'a> {
    pub parts: &'a [f64],
    pub whole: f64,
}

/// One less than a cell has: the ground is seen above the highest, too.
const HEIGHTS: usize = STEPS - 1;

/// The heights of `values` before a ground that is divided among the parts as a stack is. A cell
/// with an edge between two parts in it shows the edge, to an eighth; the readings take the other
/// cells, the newest at the right, so that none is left out between two that are shown.
///
/// `hues` says for each reading where between 0 and 100 its kind of work stands; without them it is
/// coloured by its height. Where cells cannot be divided (ASCII) each belongs to one part; without
/// colours a line stands where a part begins.
pub fn rain(
    values: &[Cell],
    hues: &[Cell],
    classes: Classes,
    width: usize,
    scale: Scale,
    pen: Pen,
) -> Vec<Dot> {
    let unit = if pen.ascii() || !pen.colour { Unit::Cell } else { Unit::Eighth };
    let ground = Strip::of(classes.parts, classes.whole, width, unit);
    let behind = |part: Option<usize>| part.map_or(Ink::Base, Ink::Ground);
    let mut readings = values.iter().rev();
    let mut kinds = hues.iter().rev();
    let mut dots = vec![Dot::BLANK; width];
    for index in (0..width).rev() {
        let (first, last, eighths) = ground.cell(index);
        let begins = index > 0 && ground.cell(index - 1).1 != last;
        dots[index] = if first != last {
            Dot { glyph: FILLING[eighths], fg: behind(first), bg: behind(last) }
        } else if !pen.colour && begins {
            Dot::new(if pen.ascii() { '|' } else { '▏' }, Ink::Base)
        } else {
            let hue = kinds.next().and_then(|hue| Scale::linear(100.0).mean(hue));
            let reading = readings.next();
            let height = reading.and_then(|cell| Some((scale.mean(cell)?, scale.peak(cell))));
            let (glyph, fg) = match height {
                Some((mean, peak)) => (
                    pen.ladder()[step(mean, HEIGHTS)],
                    hue.map_or(Ink::At(peak), |hue| Ink::On(Gradient::Work, hue)),
                ),
                None => (' ', Ink::Base),
            };
            Dot { glyph, fg, bg: behind(first) }
        };
    }
    dots
}

//! Graphs from numbers: each a pure function that gives exactly `width` cells, one file a graph.
//!
//! A graph knows shapes, not colours: it says of each cell where its value stands or which part it
//! belongs to, and the painter asks the theme. A reading that is not there (NaN) is a blank cell; a
//! reading that is nothing still draws the lowest glyph, so that the two can be told apart.
//! A bar or a stack shows "full" only when it is, and "something" whenever there is something.
//!
//! All glyphs are older than Unicode 15 and one cell wide, except that terminals with wide East
//! Asian ambiguous characters draw blocks two cells wide: those want [`Glyphs::Ascii`].

use rainline_segments::Cell;

use rainline_caps::Glyphs;

mod bar;
mod braille;
mod columns;
mod gauge;
mod heat;
mod mirror;
mod pair;
mod rain;
mod spark;
mod stack;
mod whisker;

pub use bar::bar;
pub use braille::braille;
pub use columns::columns;
pub use gauge::{Form, gauge};
pub use heat::heat;
pub use mirror::mirror;
pub use pair::pair;
pub use rain::{Classes, rain};
pub use spark::spark;
pub use stack::stack;
pub use whisker::whisker;

/// What a half of a cell (its glyph, or what is behind it) is coloured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The span's own style.
    Base,
    /// A position on the span's gradient, 0–1.
    At(f64),
    /// The same, half gone into the background.
    Faint(f64),
    /// A position on the span's gradient or, where its style names none, on this one: for cells
    /// that have nothing but their colour to say something with.
    On(Gradient, f64),
    /// The colour of the part with this index.
    Part(usize),
    /// The same colour as a ground on which shapes can be read.
    Ground(usize),
    /// What is to stand out from everything around it.
    Mark,
}

/// The gradients that graphs have by themselves; a theme may have them under their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// From nothing to full, quiet at its beginning.
    Heat,
    /// The same for a second series, told apart from the first by its hues. A style that names a
    /// gradient for the background means this one.
    Tide,
    /// What kind of work was done: programs, the kernel, waiting.
    Work,
}

impl Gradient {
    pub const ALL: [Gradient; 3] = [Gradient::Heat, Gradient::Tide, Gradient::Work];

    /// The name that themes use.
    pub fn name(self) -> &'static str {
        match self {
            Gradient::Heat => "heat",
            Gradient::Tide => "tide",
            Gradient::Work => "work",
        }
    }
}

/// One cell of a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    pub glyph: char,
    pub fg: Ink,
    pub bg: Ink,
}

impl Dot {
    const BLANK: Dot = Dot { glyph: ' ', fg: Ink::Base, bg: Ink::Base };

    fn new(glyph: char, fg: Ink) -> Dot {
        Dot { glyph, fg, bg: Ink::Base }
    }
}

/// What a graph is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pen {
    pub glyphs: Glyphs,
    /// Whether the place shows colours: without them shapes alone must tell things apart.
    pub colour: bool,
}

impl Default for Pen {
    fn default() -> Pen {
        Pen { glyphs: Glyphs::default(), colour: true }
    }
}

impl Pen {
    fn ascii(self) -> bool {
        self.glyphs == Glyphs::Ascii
    }

    /// The heights of one cell.
    fn ladder(self) -> &'static [char; STEPS] {
        if self.ascii() { &RISING_ASCII } else { &RISING }
    }
}

/// What full height is, and how the way there is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub max: f64,
    pub curve: Curve,
}

/// How heights follow values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    #[default]
    Linear,
    /// By the logarithm, over three powers of ten below full: half height is a thirtieth of it.
    Log,
}

impl Scale {
    pub fn linear(max: f64) -> Scale {
        Scale { max, curve: Curve::Linear }
    }

    /// Where `value` stands between nothing and full; `None` for a gap.
    fn position(self, value: f64) -> Option<f64> {
        /// What the value is multiplied by before its logarithm is taken, at full: 0 stays 0.
        const REACH: f64 = 999.0;
        let position = position(value, self.max)?;
        Some(match self.curve {
            Curve::Linear => position,
            Curve::Log => ((REACH * position).ln_1p() / REACH.ln_1p()).clamp(0.0, 1.0),
        })
    }

    /// Where the mean of a stretch stands.
    fn mean(self, cell: &Cell) -> Option<f64> {
        self.position(f64::from(cell.mean))
    }

    /// Where the highest reading of the stretch stands.
    fn peak(self, cell: &Cell) -> f64 {
        self.position(f64::from(cell.max)).unwrap_or(0.0)
    }
}

/// Heights of one cell, lowest first.
const RISING: [char; STEPS] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same without Unicode: from lying low to dense.
const RISING_ASCII: [char; STEPS] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// Left parts of one cell by eighths, 0–8.
const FILLING: [char; STEPS + 1] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// What is left empty without Unicode.
const EMPTY_ASCII: char = '-';
/// The steps of one cell.
const STEPS: usize = 8;
/// Braille dots of the left and of the right column, lowest first.
const BRAILLE: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// The braille pattern of these dots; `None` for none, which some fonts draw as eight rings.
fn dotted(bits: u32) -> Option<char> {
    char::from_u32(0x2800 + bits).filter(|_| bits > 0)
}

/// The newest `width` of `values`, so that the last stands in the last cell; `None` in cells for
/// which there are not yet any.
fn at_the_right<T: Copy>(values: &[T], width: usize) -> impl Iterator<Item = Option<T>> + '_ {
    let newest = &values[values.len().saturating_sub(width)..];
    std::iter::repeat_n(None, width - newest.len()).chain(newest.iter().copied().map(Some))
}

/// Where `value` stands between 0 and `max`; `None` for a gap.
fn position(value: f64, max: f64) -> Option<f64> {
    if value.is_nan() {
        None
    } else if max.is_nan() || max <= 0.0 || value <= 0.0 {
        Some(0.0)
    } else if value >= max {
        Some(1.0)
    } else {
        Some(value / max)
    }
}

/// Which of `steps` equal steps a position falls into.
fn step(position: f64, steps: usize) -> usize {
    ((position * steps as f64) as usize).min(steps - 1)
}

/// The highest of the `index`th of `count` equal shares; NaN where all are.
fn highest(values: &[f64], index: usize, count: usize) -> f64 {
    let share = &values[index * values.len() / count..(index + 1) * values.len() / count];
    // `f64::max` passes over NaN.
    share.iter().copied().fold(f64::NAN, f64::max)
}

#[cfg(test)]
mod tests;

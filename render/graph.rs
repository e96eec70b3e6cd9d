//! What graphs are drawn with: cells, scales, ladders of glyphs, and a whole divided into parts.
//!
//! A graph is exactly as many cells wide as was asked for. It knows shapes and no colours: each half
//! of a cell names a [`Tint`] (a position on a gradient, a part), which [`paint`](crate::paint) turns
//! into a colour of the theme. A reading that is missing (NaN) is a blank cell; a reading of zero
//! draws the lowest glyph, so that the two differ. A bar or a stack looks full only when it is, and
//! shows something whenever there is something. The graphs themselves are formatters, a file each in
//! [`formatter`](crate::format::formatter).
//!
//! All glyphs are older than Unicode 15 and one cell wide, except that terminals with wide East
//! Asian ambiguous characters draw blocks two cells wide: those want [`Glyphs::Ascii`].

use rainline_caps::Glyphs;
use rainline_segments::Cell;

pub(crate) mod strip;

/// What the glyph of a cell, or its background, is coloured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tint {
    /// The span's own style.
    Base,
    /// A position on the span's gradient, 0–1.
    At(f64),
    /// The same, close to the background.
    Faint(f64),
    /// A position on the span's gradient or, where its style names none, on this one: for graphs
    /// that show values by colour alone.
    On(Gradient, f64),
    /// The colour of the part with this index.
    Part(usize),
    /// The colour of the part as a background, quiet enough that glyphs can be read on it.
    Ground(usize),
    /// The theme's style `strong`: stands out from everything around it.
    Strong,
}

/// The gradients that graphs use unless a style names another; a theme defines them by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// From nothing to full, quiet at its beginning.
    Heat,
    /// The same in other hues, for a second series. A style that names a gradient for the background
    /// replaces this one.
    Tide,
    /// What kind of work was done: programs, the kernel, waiting.
    Work,
}

impl Gradient {
    /// Every gradient.
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
pub struct GraphCell {
    /// One cell wide.
    pub glyph: char,
    /// Colours the glyph.
    pub fg: Tint,
    /// Colours what is behind the glyph.
    pub bg: Tint,
}

impl GraphCell {
    pub(crate) const BLANK: GraphCell = GraphCell { glyph: ' ', fg: Tint::Base, bg: Tint::Base };

    pub(crate) fn new(glyph: char, fg: Tint) -> GraphCell {
        GraphCell { glyph, fg, bg: Tint::Base }
    }
}

/// What a graph can be drawn with where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// The richest glyphs there are.
    pub glyphs: Glyphs,
    /// Whether there are colours: without them shapes alone must differ.
    pub colour: bool,
}

impl Default for Canvas {
    fn default() -> Canvas {
        Canvas { glyphs: Glyphs::default(), colour: true }
    }
}

impl Canvas {
    pub(crate) fn ascii(self) -> bool {
        self.glyphs == Glyphs::Ascii
    }

    /// The heights of one cell.
    pub(crate) fn ladder(self) -> &'static [char; STEPS] {
        if self.ascii() { &RISING_ASCII } else { &RISING }
    }
}

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The value of full height, in the unit of the field.
    pub max: f64,
    /// How heights between nothing and full follow values.
    pub curve: Curve,
}

/// How heights follow values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// In proportion.
    #[default]
    Linear,
    /// By the logarithm, over three powers of ten below full: half height is a thirtieth of it.
    Log,
}

impl Curve {
    /// The words of the argument `scale`; the first is the default.
    pub(crate) const NAMES: &'static [(&'static str, Curve)] =
        &[("linear", Curve::Linear), ("log", Curve::Log)];
}

impl Scale {
    /// In proportion to `max`.
    pub fn linear(max: f64) -> Scale {
        Scale { max, curve: Curve::Linear }
    }

    /// Where `value` stands between nothing and full; `None` for a gap.
    pub(crate) fn position(self, value: f64) -> Option<f64> {
        /// Full is multiplied by it before its logarithm is taken; 0 stays 0.
        const REACH: f64 = 999.0;
        let position = position(value, self.max)?;
        Some(match self.curve {
            Curve::Linear => position,
            Curve::Log => ((REACH * position).ln_1p() / REACH.ln_1p()).clamp(0.0, 1.0),
        })
    }

    /// Where the mean of a stretch stands.
    pub(crate) fn mean(self, cell: &Cell) -> Option<f64> {
        self.position(f64::from(cell.mean))
    }

    /// Where the highest reading of the stretch stands.
    pub(crate) fn peak(self, cell: &Cell) -> f64 {
        self.position(f64::from(cell.max)).unwrap_or(0.0)
    }
}

/// Heights of one cell, lowest first.
pub(crate) const RISING: [char; STEPS] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same without Unicode, from low to dense.
pub(crate) const RISING_ASCII: [char; STEPS] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// Left parts of one cell by eighths, 0–8.
pub(crate) const FILLING: [char; STEPS + 1] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// What is left empty without Unicode.
pub(crate) const EMPTY_ASCII: char = '-';
/// The steps of one cell.
pub(crate) const STEPS: usize = 8;
/// Braille dots of the left and of the right column, lowest first.
pub(crate) const BRAILLE: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// The braille pattern of these dots; `None` for none, which some fonts draw as eight rings.
pub(crate) fn dotted(bits: u32) -> Option<char> {
    char::from_u32(0x2800 + bits).filter(|_| bits > 0)
}

/// The newest `width` of `values`, so that the last stands in the last cell; `None` in cells for
/// which there are not yet any.
pub(crate) fn at_the_right<T: Copy>(
    values: &[T],
    width: usize,
) -> impl Iterator<Item = Option<T>> + '_ {
    let newest = &values[values.len().saturating_sub(width)..];
    std::iter::repeat_n(None, width - newest.len()).chain(newest.iter().copied().map(Some))
}

/// Where `value` stands between 0 and `max`; `None` for a gap.
pub(crate) fn position(value: f64, max: f64) -> Option<f64> {
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
pub(crate) fn step(position: f64, steps: usize) -> usize {
    ((position * steps as f64) as usize).min(steps - 1)
}

/// The highest of the `index`th of `count` equal shares; NaN where all are.
pub(crate) fn highest(values: &[f64], index: usize, count: usize) -> f64 {
    let share = &values[index * values.len() / count..(index + 1) * values.len() / count];
    // `f64::max` passes over NaN.
    share.iter().copied().fold(f64::NAN, f64::max)
}

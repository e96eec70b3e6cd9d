//! Graphs from numbers: each a pure function that gives exactly `width` cells.
//!
//! A graph knows shapes, not colours: it says of each cell where its value stands or which part it
//! belongs to, and the painter asks the theme.

/// What a half of a cell (its glyph, or what is behind it) is coloured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The span's own style.
    Base,
    /// A position on the span's gradient, 0–1.
    At(f64),
    /// The colour of the part with this index.
    Part(usize),
}

/// One cell of a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    pub glyph: char,
    pub fg: Ink,
    pub bg: Ink,
}

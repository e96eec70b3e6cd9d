//! A percentage in one cell.

use super::{Dot, Ink, Pen, STEPS, dotted, position, step};

/// What a gauge is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A block that rises.
    #[default]
    Block,
    /// Braille dots that are set one by one.
    Dots,
}

/// The dots of a cell as water would reach them.
const RISING_DOTS: [u32; STEPS] = [0x40, 0x80, 0x04, 0x20, 0x02, 0x10, 0x01, 0x08];

/// One cell in which eight steps show `full`, 0–1.
pub fn gauge(full: f64, form: Form, pen: Pen) -> Dot {
    let Some(full) = position(full, 1.0) else { return Dot::BLANK };
    let reached = step(full, STEPS);
    let glyph = match form {
        Form::Dots if !pen.ascii() => dotted(RISING_DOTS[..=reached].iter().sum()),
        _ => Some(pen.ladder()[reached]),
    };
    glyph.map_or(Dot::BLANK, |glyph| Dot::new(glyph, Ink::At(full)))
}

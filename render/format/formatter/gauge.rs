//! `gauge`: a percentage in one cell.

use std::sync::Arc;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, blank};
use crate::graph::{Canvas, GraphCell, STEPS, Tint, dotted, position, step};

pub(super) static ENTRY: Entry = Entry {
    name: "gauge",
    about: "one cell that fills from below",
    graph: true,
    args: &[("form", "block", "`block`, or `dots` that are set one by one")],
    takes: Unit::is_number,
    second: None,
    make: |args| {
        let forms = [("block", Form::Block), ("dots", Form::Dots)];
        Ok(Arc::new(Gauge { form: args.choice("form", &forms)? }))
    },
};

#[derive(Debug)]
struct Gauge {
    form: Form,
}

impl Formatter for Gauge {
    fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let cell = gauge(value.position()?, self.form, context.canvas());
        Some(Content::graph(vec![cell]))
    }

    fn placeholder(&self, _: &Context) -> Option<Content> {
        blank(1)
    }
}

/// What a gauge is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A block that rises.
    #[default]
    Block,
    /// Braille dots that are set one by one.
    Dots,
}

/// The dots of a cell from the lowest up, of each row the left one first.
const RISING_DOTS: [u32; STEPS] = [0x40, 0x80, 0x04, 0x20, 0x02, 0x10, 0x01, 0x08];

/// One cell in which eight steps show `full`, 0–1.
pub fn gauge(full: f64, form: Form, canvas: Canvas) -> GraphCell {
    let Some(full) = position(full, 1.0) else { return GraphCell::BLANK };
    let reached = step(full, STEPS);
    let glyph = match form {
        Form::Dots if !canvas.ascii() => dotted(RISING_DOTS[..=reached].iter().sum()),
        _ => Some(canvas.ladder()[reached]),
    };
    glyph.map_or(GraphCell::BLANK, |glyph| GraphCell::new(glyph, Tint::At(full)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR};

    #[test]
    fn eight_dots_are_eight_steps() {
        let dots = |tenth: u32| gauge(f64::from(tenth) / 8.0, Form::Dots, COLOUR).glyph;
        assert_eq!((0..=8).map(dots).collect::<String>(), "⡀⣀⣄⣤⣦⣶⣷⣿⣿");
        assert_eq!(gauge(0.5, Form::Dots, ASCII), gauge(0.5, Form::Block, ASCII));
    }
}

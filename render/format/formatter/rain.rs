//! `rain`: a history over the parts of a whole, both in the same cells.

use std::sync::Arc;

use rainline_segments::{Cell, Unit, Value};

use super::{Content, Context, Entry, Formatter, is_history};
use crate::format::Graphs;
use crate::format::history::{EVERY, MAX, SCALE, STEP, Window, field_of};
use crate::graph::strip::{self, Strip};
use crate::graph::{Canvas, FILLING, Gradient, GraphCell, STEPS, Scale, Tint, step};

pub(super) static ENTRY: Entry = Entry {
    name: "rain",
    about: "a history in front of the parts of a whole",
    graph: true,
    args: &[
        ("w", "38", "cells"),
        ("over", "", "the parts behind"),
        ("hue", "", "a history of percentages that colours the cells by `work`"),
        MAX,
        SCALE,
        EVERY,
        STEP,
    ],
    takes: is_history,
    second: Some(("over", |unit| unit == Unit::Parts)),
    make: |args| {
        let over = args.second()?;
        let hue = args.field("hue", |unit| args.history_unit(unit) == Some(Unit::Percent))?;
        Ok(Arc::new(Rain { over, hue, window: Window::read(args)? }))
    },
};

#[derive(Debug)]
struct Rain {
    over: String,
    hue: Option<String>,
    window: Window,
}

impl Formatter for Rain {
    fn history(&self, of: &str, context: &Context) -> Option<Content> {
        let window = &self.window;
        // In fewer cells the edges between parts would leave hardly any to the history.
        let width = context.cells_at(context.graphs.min(Graphs::Slim), window.width);
        let cells = window.cells(of, width, 1, context);
        let hue = self.hue.as_deref().map(|hue| field_of(context.kind, hue));
        let hues = hue.map_or_else(Vec::new, |hue| window.cells(hue, width, 1, context));
        let (parts, whole) = match context.sample.get(&self.over) {
            Some(Value::Parts { parts, whole }) => (parts.as_slice(), *whole),
            _ => (&[][..], 0.0),
        };
        let values: Vec<f64> = parts.iter().map(|part| part.value).collect();
        let classes = Classes { parts: &values, whole };
        let scale = window.scale(of, &cells, context);
        let cells = rain(&cells, &hues, classes, width, scale, context.canvas());
        let parts = parts.iter().map(|part| part.name.clone()).collect();
        Some(Content::Graph { cells, parts })
    }

    fn other_fields(&self) -> Vec<&str> {
        [&self.over].into_iter().chain(&self.hue).map(String::as_str).collect()
    }
}

/// What lies behind the history.
#[derive(Clone, Copy, Debug)]
pub struct Classes<'a> {
    /// The size of each part, in the unit of `whole`.
    pub parts: &'a [f64],
    /// What the parts are parts of; what they leave is empty.
    pub whole: f64,
}

/// One less than a cell has, so that the part is seen above the highest reading, too.
const HEIGHTS: usize = STEPS - 1;

/// The heights of `values` before a background that is divided among the parts as a stack is. A cell
/// with an edge between two parts shows the edge, to an eighth; the readings take the other cells in
/// turn, the newest at the right, and none is left out between two that are shown.
///
/// `hues` has a percentage for each reading, by which it is coloured; without them the height does
/// that. Where cells cannot be divided (ASCII) each belongs to one part; without colours a line
/// stands where a part begins.
pub fn rain(
    values: &[Cell],
    hues: &[Cell],
    classes: Classes,
    width: usize,
    scale: Scale,
    canvas: Canvas,
) -> Vec<GraphCell> {
    let unit =
        if canvas.ascii() || !canvas.colour { strip::Unit::Cell } else { strip::Unit::Eighth };
    let ground = Strip::of(classes.parts, classes.whole, width, unit);
    let behind = |part: Option<usize>| part.map_or(Tint::Base, Tint::Ground);
    let mut readings = values.iter().rev();
    let mut kinds = hues.iter().rev();
    let mut dots = vec![GraphCell::BLANK; width];
    for index in (0..width).rev() {
        let (first, last, eighths) = ground.cell(index);
        let begins = index > 0 && ground.cell(index - 1).1 != last;
        dots[index] = if first != last {
            GraphCell { glyph: FILLING[eighths], fg: behind(first), bg: behind(last) }
        } else if !canvas.colour && begins {
            GraphCell::new(if canvas.ascii() { '|' } else { '▏' }, Tint::Base)
        } else {
            let hue = kinds.next().and_then(|hue| Scale::linear(100.0).mean(hue));
            let reading = readings.next();
            let height = reading.and_then(|cell| Some((scale.mean(cell)?, scale.peak(cell))));
            let (glyph, fg) = match height {
                Some((mean, peak)) => (
                    canvas.ladder()[step(mean, HEIGHTS)],
                    hue.map_or(Tint::At(peak), |hue| Tint::On(Gradient::Work, hue)),
                ),
                None => (' ', Tint::Base),
            };
            GraphCell { glyph, fg, bg: behind(first) }
        };
    }
    dots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, MONO, canvas, cells, hundred, text};

    #[test]
    fn rain_falls_before_its_ground() {
        let values = cells(&[0.0, 100.0, 50.0]);
        let hues = cells(&[0.0, 50.0, 100.0]);
        let classes = Classes { parts: &[3.0, 5.0], whole: 8.0 };
        let dots = rain(&values, &hues, classes, 4, hundred(), COLOUR);
        assert_eq!(text(&dots), "▁▌▇▄");
        let work = |at| Tint::On(Gradient::Work, at);
        assert_eq!(dots[0], GraphCell { glyph: '▁', fg: work(0.0), bg: Tint::Ground(0) });
        assert_eq!(dots[1], GraphCell { glyph: '▌', fg: Tint::Ground(0), bg: Tint::Ground(1) });
        assert_eq!(dots[3], GraphCell { glyph: '▄', fg: work(1.0), bg: Tint::Ground(1) });
        assert_eq!(text(&rain(&values, &[], classes, 4, hundred(), ASCII)), " _*-");
        assert_eq!(text(&rain(&values, &[], classes, 4, hundred(), MONO)), "▁▇▏▄");
        let mono = Canvas { colour: false, ..ASCII };
        assert_eq!(text(&rain(&values, &[], classes, 4, hundred(), mono)), "_*|-");
        assert_eq!(rain(&values, &[], classes, 4, hundred(), COLOUR)[3].fg, Tint::At(0.5));
    }

    proptest! {
        /// Between the oldest and the newest reading that are shown none is left out.
        #[test]
        fn rain_leaves_out_no_reading(
            parts in prop::collection::vec(0.001..1000.0f64, 1..8),
            width in 4usize..60,
            canvas in canvas(),
        ) {
            let values: Vec<f64> = (0..80).map(|index| f64::from(index % 7) * 100.0 / 7.0 + 1.0).collect();
            let whole = parts.iter().sum();
            let dots = rain(&cells(&values), &[], Classes { parts: &parts, whole }, width, hundred(), canvas);
            let ladder = canvas.ladder();
            let drawn: Vec<usize> = dots
                .iter()
                .filter(|dot| matches!(dot.fg, Tint::At(_)))
                .map(|dot| ladder.iter().position(|glyph| *glyph == dot.glyph).expect("a height"))
                .collect();
            let expected: Vec<usize> = (80 - drawn.len()..80).map(|index| index % 7).collect();
            prop_assert!(drawn.len() + parts.len() > width);
            prop_assert_eq!(drawn, expected);
        }
    }
}

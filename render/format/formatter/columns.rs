//! `columns`: values side by side.

use std::sync::Arc;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter};
use crate::diagnostic::Fault;
use crate::format::args::Args;
use crate::format::history::SCALE;
use crate::graph::{Canvas, Curve, GraphCell, STEPS, Scale, Tint, highest, step};

pub(super) static ENTRY: Entry = Entry {
    name: "columns",
    about: "the height of each part of its share, one a cell: processor cores",
    graph: true,
    args: &[("w", "32", "the most cells"), SCALE],
    takes: |unit| unit == Unit::Parts,
    second: None,
    make: |args| of_parts(args, 1, columns),
};

/// A formatter that draws the value of each part of its share of the whole, `per_cell` a cell.
pub(super) fn of_parts(
    args: &Args,
    per_cell: usize,
    draw: Draw,
) -> Result<Arc<dyn Formatter>, Fault> {
    let (width, curve) = (args.count("w")?, args.choice("scale", Curve::NAMES)?);
    Ok(Arc::new(OfParts { width, curve, per_cell, draw }))
}

type Draw = fn(&[f64], usize, Scale, Canvas) -> Vec<GraphCell>;

#[derive(Debug)]
struct OfParts {
    width: usize,
    curve: Curve,
    per_cell: usize,
    draw: Draw,
}

impl Formatter for OfParts {
    fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let Value::Parts { parts, whole } = value else { return None };
        let values: Vec<f64> = parts.iter().map(|part| part.value).collect();
        let scale = Scale { max: whole / values.len().max(1) as f64, curve: self.curve };
        let width = values.len().div_ceil(self.per_cell).min(context.cells(self.width));
        Some(Content::graph((self.draw)(&values, width, scale, context.canvas())))
    }
}

/// Values side by side from the left, one a cell, such as processor cores. With more values than
/// cells each cell shows the highest of its share.
pub fn columns(values: &[f64], width: usize, scale: Scale, canvas: Canvas) -> Vec<GraphCell> {
    let cells = width.min(values.len());
    let cell = |index: usize| match scale.position(highest(values, index, cells)) {
        Some(height) => GraphCell::new(canvas.ladder()[step(height, STEPS)], Tint::At(height)),
        None => GraphCell::BLANK,
    };
    (0..width).map(|index| if index < cells { cell(index) } else { GraphCell::BLANK }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{COLOUR, hundred, text};

    #[test]
    fn columns_never_lose_the_highest() {
        let columns = |values: &[f64], width| text(&columns(values, width, hundred(), COLOUR));
        assert_eq!(columns(&[0.0, 100.0, f64::NAN], 4), "▁█  ");
        assert_eq!(columns(&[0.0, 100.0, 0.0, 0.0, 50.0], 2), "█▅");
    }
}

//! `stack`: disjoint parts of a whole, side by side.

use std::sync::Arc;

use rainline_caps::Glyphs;
use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, blank};
use crate::graph::strip::{self, Strip};
use crate::graph::{Canvas, EMPTY_ASCII, FILLING, GraphCell, Tint};

pub(super) static ENTRY: Entry = Entry {
    name: "stack",
    about: "disjoint parts of a whole, side by side, edges to an eighth of a cell",
    graph: true,
    args: &[("w", "10", "cells")],
    takes: |unit| unit == Unit::Parts,
    second: None,
    make: |args| Ok(Arc::new(Stack { width: args.count("w")? })),
};

#[derive(Debug)]
struct Stack {
    width: usize,
}

impl Formatter for Stack {
    fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let Value::Parts { parts, whole } = value else { return None };
        let mut values: Vec<f64> = parts.iter().map(|part| part.value).collect();
        let signs = context.glyphs == Glyphs::Ascii || !context.colour;
        if signs && parts.last().is_some_and(|part| part.name == "free") {
            // A sign for it would look like something in use.
            values.pop();
        }
        let cells = stack(&values, *whole, context.cells(self.width), context.canvas());
        let parts = parts.iter().map(|part| part.name.clone()).collect();
        Some(Content::Graph { cells, parts })
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        blank(context.cells(self.width))
    }
}

/// Parts of a stack without Unicode, in turn.
const PARTS_ASCII: [char; 8] = ['#', '=', '+', 'o', '*', 'x', ':', '~'];

/// Disjoint parts of `whole` side by side, in eighths of a cell; what they leave is empty. A cell
/// with a boundary in it is one eighth-block: the left part before, the right part behind.
///
/// Eighths are divided by largest remainder, so that their sum is exact. A cell can show two parts
/// at most, so of two boundaries in one cell one moves to the next, by as little as possible. Every
/// part that is not zero is seen, if there are at most twice as many parts (the empty one included)
/// as cells.
///
/// Without colours or Unicode each part has a sign of its own.
pub fn stack(parts: &[f64], whole: f64, width: usize, canvas: Canvas) -> Vec<GraphCell> {
    let signs = canvas.ascii() || !canvas.colour;
    let strip =
        Strip::of(parts, whole, width, if signs { strip::Unit::Cell } else { strip::Unit::Eighth });
    let tint = |part: Option<usize>| part.map_or(Tint::Base, Tint::Part);
    let cell = |index: usize| match strip.cell(index) {
        (None, None, _) if signs => GraphCell::new(EMPTY_ASCII, Tint::Base),
        (None, None, _) => GraphCell::BLANK,
        (Some(part), _, _) if signs => {
            GraphCell::new(PARTS_ASCII[part % PARTS_ASCII.len()], Tint::Part(part))
        }
        // Coloured behind as well: fonts leave hairlines between full blocks.
        (first, last, _) if first == last => {
            GraphCell { glyph: '█', fg: tint(first), bg: tint(first) }
        }
        (first, last, eighths) => {
            GraphCell { glyph: FILLING[eighths], fg: tint(first), bg: tint(last) }
        }
    };
    (0..width).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::formatter::tests::{ASCII, COLOUR, MONO, eighths_by_part, text};
    use crate::graph::STEPS;

    #[test]
    fn a_boundary_cell_shows_both_parts() {
        let dots = stack(&[3.0, 3.0], 8.0, 2, COLOUR);
        assert_eq!(text(&dots), "▊▌");
        assert_eq!((dots[0].fg, dots[0].bg), (Tint::Part(0), Tint::Part(1)));
        assert_eq!((dots[1].fg, dots[1].bg), (Tint::Part(1), Tint::Base));
        assert_eq!(text(&stack(&[3.0, 3.0], 8.0, 8, ASCII)), "###===--");
        assert_eq!(text(&stack(&[3.0, 3.0], 8.0, 8, MONO)), "###===--");
    }

    #[test]
    fn small_parts_make_way_for_each_other() {
        let dots = stack(&[1.0, 1.0, 1.0, 1.0], 1000.0, 3, COLOUR);
        assert_eq!(eighths_by_part(&dots), [1, 7, 1, 7, 8]);
    }

    /// The error of what is drawn of each part, over 20 000 random splits of the whole. Eighths alone
    /// make 0.17 %; the rest comes from a cell having only two colours.
    #[test]
    fn a_stack_of_twenty_cells_is_as_exact_as_cells_can_be() {
        const SPLITS: usize = 20_000;
        const WIDTH: usize = 20;
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        // xorshift64*: the same splits each time.
        let mut random = move || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
        };
        for (count, most) in [(2, 0.17), (3, 0.20), (4, 0.22), (5, 0.25)] {
            let (mut sum, mut worst, mut vanished) = (0.0, 0.0f64, 0);
            for _ in 0..SPLITS {
                let mut cuts: Vec<f64> = (1..count).map(|_| random()).collect();
                cuts.extend([0.0, 1.0]);
                cuts.sort_by(f64::total_cmp);
                let parts: Vec<f64> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
                let drawn = eighths_by_part(&stack(&parts, 1.0, WIDTH, COLOUR));
                for (part, eighths) in parts.iter().zip(&drawn) {
                    let error = (part - *eighths as f64 / (WIDTH * STEPS) as f64).abs();
                    sum += error;
                    worst = worst.max(error);
                    vanished += usize::from(*eighths == 0 && *part > 0.0);
                }
            }
            let mean = 100.0 * sum / (SPLITS * count) as f64;
            let worst = 100.0 * worst;
            println!(
                "{count} parts: mean error {mean:.3} %, worst {worst:.2} %, {vanished} vanished"
            );
            assert!(mean <= most, "{count} parts: {mean}");
            assert_eq!(vanished, 0);
        }
    }
}

//! What stands between two blocks.

use std::rc::Rc;

use super::{Block, Layout, Side};
use crate::frame::{Piece, Span};
use crate::style::{Color, Style};
use crate::theme::Separators;

/// What stands between two blocks.
#[derive(Clone, Copy)]
pub(super) struct Separator<'a> {
    pub text: &'a str,
    pub style: Style,
}

impl Separator<'_> {
    pub fn piece(self) -> Piece {
        Piece::Span(Span::ours(self.text, self.style))
    }
}

/// What stands before each of the blocks, and behind the last.
pub(super) fn boundaries<'a>(
    blocks: &'a [Rc<Block>],
    layout: &Layout<'a>,
) -> impl Iterator<Item = Option<Separator<'a>>> {
    let layout = *layout;
    let separators = layout.theme.separators(layout.caps.glyphs);
    let count = if blocks.is_empty() { 0 } else { blocks.len() + 1 };
    (0..count).map(move |at| {
        let before = at.checked_sub(1).and_then(|at| blocks[at].edge(Side::Right));
        let after = blocks.get(at).and_then(|block| block.edge(Side::Left));
        boundary(before, after, separators, &layout)
    })
}

/// The separator between two blocks, or between a block and the bare line (`None`), by their
/// backgrounds.
pub(super) fn boundary<'a>(
    before: Option<Color>,
    after: Option<Color>,
    separators: &'a Separators,
    layout: &Layout,
) -> Option<Separator<'a>> {
    let line = layout.line.bg;
    let (left, right) = (before.unwrap_or(line), after.unwrap_or(line));
    let (hard, soft) = match layout.side {
        Side::Left => (&separators.left_hard, &separators.left_soft),
        Side::Right => (&separators.right_hard, &separators.right_soft),
    };
    if left != right {
        // The arrow belongs to the block it points away from.
        let style = match layout.side {
            Side::Left => Style { fg: left, bg: right, ..Style::default() },
            Side::Right => Style { fg: right, bg: left, ..Style::default() },
        };
        let outer_edge = match layout.side {
            Side::Left => before.is_none(),
            Side::Right => after.is_none(),
        };
        return (!hard.is_empty() && !outer_edge).then_some(Separator { text: hard, style });
    }
    let inner = before.is_some() && after.is_some();
    let style = Style { bg: left, ..layout.separator };
    (inner && !soft.is_empty()).then_some(Separator { text: soft, style })
}

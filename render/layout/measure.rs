//! The cells of a row that is not joined yet.
//!
//! A row too narrow for its blocks is tried again and again: with smaller graphs, shorter names,
//! fewer blocks. Each try adds up cells and joins nothing. `cargo bench --bench micro`, "the same
//! into 60 cells": 949 µs where each try is joined and measured, 157 µs this way (musl, busy
//! machine). What the sums must come to is in `reference.rs`, which joins.

use std::borrow::Cow;
use std::rc::Rc;

use rainline_caps::Policy;

use super::separator::{Separator, boundaries};
use super::{Block, Layout};
use crate::frame::{Piece, SpanKey};
use crate::width::width;

/// The cells that the blocks take with their separators.
pub(super) fn cells(blocks: &[Rc<Block>], layout: &Layout) -> usize {
    let mut counter = Counter { policy: layout.caps.policy, cells: 0, last: None };
    let mut boundaries = boundaries(blocks, layout);
    for block in blocks {
        boundaries.next().flatten().into_iter().for_each(|separator| counter.separator(separator));
        counter.block(block);
    }
    boundaries.next().flatten().into_iter().for_each(|separator| counter.separator(separator));
    counter.cells
}

/// Adds up cells. Two spans that joining makes one are measured as one, because a grapheme may begin
/// in the first and end in the second.
struct Counter<'a> {
    policy: Policy,
    cells: usize,
    /// The span that the next one of its key would be joined to.
    last: Option<(SpanKey<'a>, Cow<'a, str>)>,
}

impl<'a> Counter<'a> {
    fn separator(&mut self, separator: Separator<'a>) {
        self.cells += width(separator.text, self.policy);
        if self.policy == Policy::Unicode {
            self.join((separator.style, 0, None, None), separator.text);
        }
    }

    fn block(&mut self, block: &'a Block) {
        self.cells += block.cells;
        // The other policies count code points, which joining does not change.
        if self.policy != Policy::Unicode {
            return;
        }
        let joint = |piece: &'a Piece| match piece {
            Piece::Span(span) => span.key().map(|key| (key, span.text.known())),
            _ => None,
        };
        let [first, .., last] = &*block.pieces else {
            match block.pieces.first().map(joint) {
                Some(Some((key, text))) => self.join(key, text),
                Some(None) => self.last = None,
                None => {}
            }
            return;
        };
        if let Some((key, text)) = joint(first) {
            self.join(key, text);
        }
        self.last = joint(last).map(|(key, text)| (key, text.into()));
    }

    /// Corrects the sum for a text that was counted alone and becomes a part of the last span.
    fn join(&mut self, key: SpanKey<'a>, text: &'a str) {
        match &mut self.last {
            Some((known, before)) if *known == key => {
                let both = format!("{before}{text}");
                let cells = |text| width(text, self.policy);
                self.cells = self.cells + cells(&both) - cells(before) - cells(text);
                *before = both.into();
            }
            _ => self.last = Some((key, text.into())),
        }
    }
}

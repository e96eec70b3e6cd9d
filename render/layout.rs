//! Blocks into a row: separators, what to leave out when the row is too narrow, exact width.
//!
//! A block is what one instance shows. Priority decides which of two neighbours stays; no block is
//! cut as long as another can be left out, only the last one left is.

use std::rc::Rc;

use rainline_caps::Caps;

use crate::frame::{Frame, Piece, Span};
use crate::style::Style;
use crate::theme::Theme;

mod block;
mod cut;
mod fitting;
mod measure;
#[cfg(test)]
mod reference;
mod separator;

pub use block::Block;
pub use fitting::Fitting;
use separator::boundaries;

/// At which side of its host's bar a row stands: which way separators point, and which of two
/// equals is left out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It begins at the left edge.
    Left,
    /// It ends at the right edge.
    Right,
}

/// What a row is laid out by.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    /// Has the separators.
    pub theme: &'a Theme,
    /// What the host can show; a row takes at most its columns.
    pub caps: &'a Caps,
    /// Where the row stands.
    pub side: Side,
    /// The style of the line where no segment is.
    pub line: Style,
    /// The style of a separator between two blocks of one background.
    pub separator: Style,
}

/// Cells in which most names are whole; with fewer they are cut beyond recognition.
const GOOD_NAME: u16 = 8;

impl Layout<'_> {
    /// Lays a left and a right row into one that fills the columns exactly.
    pub fn full(&self, left: Frame, right: Frame) -> Frame {
        let policy = self.caps.policy;
        let used = left.width(policy) + right.width(policy);
        let mut frame = left;
        match self.caps.columns.checked_sub(used) {
            Some(0) => {}
            Some(gap) => frame.push(Span::ours(" ".repeat(gap), self.line)),
            // Callers give each side its share; if both still do not fit, the right one is dropped.
            None => return self.fill(cut::cut(frame, self)),
        }
        frame.extend(right.pieces);
        frame
    }

    /// Fills a row up to the columns, at its right for a left side and the other way round.
    fn fill(&self, mut frame: Frame) -> Frame {
        let gap = self.caps.columns.saturating_sub(frame.width(self.caps.policy));
        if gap > 0 {
            let blank = Span::ours(" ".repeat(gap), self.line);
            match self.side {
                Side::Left => frame.push(blank),
                Side::Right => frame.pieces.insert(0, Piece::Span(blank)),
            }
        }
        frame
    }

    /// The blocks in a row as they are, if the columns are enough.
    fn whole(&self, blocks: &[Rc<Block>]) -> Option<Frame> {
        (self.excess(blocks) == 0).then(|| self.join(blocks))
    }

    /// Whether the columns are enough for all the blocks with shorter names.
    fn fits(&self, blocks: &[Rc<Block>]) -> bool {
        let mut blocks = blocks.to_vec();
        while let excess @ 1.. = self.excess(&blocks) {
            if !self.shrink_one(&mut blocks, excess) {
                return false;
            }
        }
        true
    }

    /// Lays the blocks out in at most the columns there are.
    fn row(&self, blocks: Vec<Rc<Block>>) -> Frame {
        let kept = self.kept(blocks);
        let frame = self.join(&kept);
        if self.excess(&kept) == 0 { frame } else { cut::cut(frame, self) }
    }

    /// The blocks that fit, their names as short as that takes; the last one stays in any case.
    fn kept(&self, mut blocks: Vec<Rc<Block>>) -> Vec<Rc<Block>> {
        blocks.retain(|block| !block.pieces.is_empty());
        loop {
            let excess = self.excess(&blocks);
            if excess == 0 || blocks.is_empty() {
                return blocks;
            }
            if self.shrink_one(&mut blocks, excess) {
                continue;
            }
            if blocks.len() == 1 {
                return blocks;
            }
            blocks.remove(self.first_to_go(&blocks));
        }
    }

    /// How many cells too wide a row of these blocks is.
    fn excess(&self, blocks: &[Rc<Block>]) -> usize {
        measure::cells(blocks, self).saturating_sub(self.caps.columns)
    }

    /// Shortens names of the first block that has some to shorten. `false`: none has.
    fn shrink_one(&self, blocks: &mut [Rc<Block>], excess: usize) -> bool {
        let least = if blocks.len() > 1 { GOOD_NAME } else { 1 };
        blocks.iter_mut().any(|block| block.shrink(excess, least, self.caps.policy))
    }

    /// The least important block; among equals the one farthest from the edge of the screen.
    fn first_to_go(&self, blocks: &[Rc<Block>]) -> usize {
        let least = blocks.iter().map(|block| block.priority).min().unwrap_or(0);
        let least = |block: &Rc<Block>| block.priority == least;
        match self.side {
            Side::Left => blocks.iter().rposition(least),
            Side::Right => blocks.iter().position(least),
        }
        .unwrap_or(0)
    }

    fn join(&self, blocks: &[Rc<Block>]) -> Frame {
        let pieces = blocks.iter().map(|block| block.pieces.len() + 1).sum::<usize>() + 1;
        let mut frame = Frame { pieces: Vec::with_capacity(pieces) };
        let mut boundaries = boundaries(blocks, self);
        for block in blocks {
            frame.extend(boundaries.next().flatten().map(|separator| separator.piece()));
            frame.extend(block.pieces.iter().cloned());
        }
        frame.extend(boundaries.next().flatten().map(|separator| separator.piece()));
        frame
    }
}

#[cfg(test)]
mod tests;

//! What one instance shows, measured once.

use std::rc::Rc;

use rainline_caps::Policy;

use super::Side;
use crate::frame::{Frame, InstanceId, Piece, Span, Text};
use crate::style::Color;

/// What one instance shows.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub(super) pieces: Vec<Piece>,
    pub(super) priority: u8,
    pub(super) origin: InstanceId,
    /// The cells of all the pieces.
    pub(super) cells: usize,
}

impl Block {
    /// What the instance `origin` shows. Where the row is too narrow, the block of the lowest
    /// priority is left out first.
    pub fn new(
        pieces: impl IntoIterator<Item = Piece>,
        priority: u8,
        origin: InstanceId,
        policy: Policy,
    ) -> Block {
        let mut frame = Frame::default();
        frame.extend(pieces);
        let cells = frame.width(policy);
        Block { pieces: frame.pieces, priority, origin, cells }
    }

    /// Takes up to `excess` cells from names that the host fills in, and says whether there were any
    /// to take. Such a name counts as long as it may get, which it rarely is: to take some of that
    /// away costs nothing, while a cut row or a lost neighbour is seen.
    pub(super) fn shrink(self: &mut Rc<Block>, excess: usize, least: u16, policy: Policy) -> bool {
        if !self.has_long_name(least) {
            return false;
        }
        let block = Rc::make_mut(self);
        for piece in &mut block.pieces {
            let mut shrunk = false;
            match piece {
                Piece::Span(span) => shrunk = shrink(std::slice::from_mut(span), excess, least),
                Piece::Choice(choice) => {
                    for arm in &mut choice.arms {
                        shrunk |= shrink(&mut arm.spans, excess, least);
                    }
                }
                Piece::Mark(_) => {}
            }
            if shrunk {
                break;
            }
        }
        block.cells = block.pieces.iter().map(|piece| piece.width(policy)).sum();
        true
    }

    /// Whether a name that the host fills in has more than `least` cells.
    fn has_long_name(&self, least: u16) -> bool {
        let long = |span: &Span| matches!(span.text, Text::Live { most, .. } if most > least);
        self.pieces.iter().any(|piece| match piece {
            Piece::Span(span) => long(span),
            Piece::Choice(choice) => choice.arms.iter().any(|arm| arm.spans.iter().any(long)),
            Piece::Mark(_) => false,
        })
    }

    /// The background at its first or last cell.
    pub(super) fn edge(&self, side: Side) -> Option<Color> {
        let mut pieces = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Span(span) => Some(span.style.bg),
            Piece::Choice(choice) => {
                choice.arms.last().and_then(|arm| arm.spans.first()).map(|span| span.style.bg)
            }
            Piece::Mark(_) => None,
        });
        match side {
            Side::Left => pieces.next(),
            Side::Right => pieces.next_back(),
        }
    }
}

/// Takes up to `excess` cells from the live texts among the spans, from the longest first.
fn shrink(spans: &mut [Span], excess: usize, least: u16) -> bool {
    let mut taken = 0;
    while taken < excess {
        let lives = spans.iter_mut().filter_map(|span| match &mut span.text {
            Text::Live { most, .. } if *most > least => Some(most),
            _ => None,
        });
        let Some(longest) = lives.max_by_key(|most| **most) else { break };
        *longest -= 1;
        taken += 1;
    }
    taken > 0
}

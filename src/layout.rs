//! Blocks into a row: separators, what to leave out when there is no room, exact width.
//!
//! A block is what one instance shows. Which of two neighbours stays is decided by priority, never
//! by cutting through both; only the last one left is cut.

use crate::format::formatter::ellipsis;
use crate::frame::{Arm, Choice, Frame, InstanceId, Piece, Span, Text};
use crate::style::{Color, Style};
use crate::targets::Caps;
use crate::theme::{Separators, Theme};
use crate::width;

/// What one instance shows.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub pieces: Vec<Piece>,
    pub priority: u8,
    pub origin: InstanceId,
}

/// At which side of its place a row stands: which way separators point and who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

/// Everything a row is laid out with.
pub struct Room<'a> {
    pub theme: &'a Theme,
    pub caps: &'a Caps,
    pub side: Side,
    /// The look of the line where no segment is.
    pub line: Style,
    pub separator: Style,
}

impl Block {
    /// The background at its first or last cell.
    fn edge(&self, side: Side) -> Option<Color> {
        let mut pieces = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Span(span) => Some(span.style.bg),
            Piece::Choice(choice) => {
                choice.arms.last().and_then(|arm| arm.spans.first()).map(|span| span.style.bg)
            }
            Piece::Mark(_) => None,
        });
        match side {
            Side::Left => pieces.next(),
            Side::Right => pieces.last(),
        }
    }
}

/// Lays the blocks out in at most `caps.columns` cells.
pub fn row(mut blocks: Vec<Block>, room: &Room) -> Frame {
    blocks.retain(|block| !block.pieces.is_empty());
    loop {
        let frame = join(&blocks, room);
        if frame.width(room.caps.policy) <= room.caps.columns {
            return frame;
        }
        if blocks.len() > 1 {
            blocks.remove(first_to_go(&blocks, room.side));
        } else {
            return cut(frame, room);
        }
    }
}

/// Lays a left and a right row into one that fills `caps.columns` exactly.
pub fn full(left: Frame, right: Frame, room: &Room) -> Frame {
    let policy = room.caps.policy;
    let used = left.width(policy) + right.width(policy);
    let mut frame = left;
    match room.caps.columns.checked_sub(used) {
        Some(0) => {}
        Some(gap) => frame.push(Span::ours(" ".repeat(gap), room.line)),
        // Callers give each side its share; should both not fit all the same, the right one goes.
        None => return fill(cut(frame, room), room),
    }
    for piece in right.pieces {
        match piece {
            Piece::Span(span) => frame.push(span),
            other => frame.pieces.push(other),
        }
    }
    frame
}

/// Fills a row up to `caps.columns` cells, at its right for a left side and the other way round.
pub fn fill(mut frame: Frame, room: &Room) -> Frame {
    let gap = room.caps.columns.saturating_sub(frame.width(room.caps.policy));
    if gap > 0 {
        let blank = Span::ours(" ".repeat(gap), room.line);
        match room.side {
            Side::Left => frame.push(blank),
            Side::Right => frame.pieces.insert(0, Piece::Span(blank)),
        }
    }
    frame
}

/// The least important block; among equals the one farthest from the edge of the screen.
fn first_to_go(blocks: &[Block], side: Side) -> usize {
    let least = blocks.iter().map(|block| block.priority).min().unwrap_or(0);
    let least = |block: &Block| block.priority == least;
    match side {
        Side::Left => blocks.iter().rposition(least),
        Side::Right => blocks.iter().position(least),
    }
    .unwrap_or(0)
}

fn join(blocks: &[Block], room: &Room) -> Frame {
    let separators = room.theme.separators(room.caps.glyphs);
    let mut frame = Frame::default();
    let mut before: Option<Color> = None;
    for block in blocks {
        let after = block.edge(Side::Left);
        boundary(&mut frame, before, after, separators, room);
        for piece in &block.pieces {
            match piece {
                Piece::Span(span) => frame.push(span.clone()),
                other => frame.pieces.push(other.clone()),
            }
        }
        before = block.edge(Side::Right);
    }
    if !blocks.is_empty() {
        boundary(&mut frame, before, None, separators, room);
    }
    frame
}

/// The separator between two blocks, or between a block and the bare line (`None`).
fn boundary(
    frame: &mut Frame,
    before: Option<Color>,
    after: Option<Color>,
    separators: &Separators,
    room: &Room,
) {
    let line = room.line.bg;
    let (left, right) = (before.unwrap_or(line), after.unwrap_or(line));
    let (hard, soft) = match room.side {
        Side::Left => (&separators.left_hard, &separators.left_soft),
        Side::Right => (&separators.right_hard, &separators.right_soft),
    };
    let inner = before.is_some() && after.is_some();
    if left != right {
        // The arrow belongs to the block it points away from.
        let style = match room.side {
            Side::Left => Style { fg: left, bg: right, ..Style::default() },
            Side::Right => Style { fg: right, bg: left, ..Style::default() },
        };
        let outer_edge = match room.side {
            Side::Left => before.is_none(),
            Side::Right => after.is_none(),
        };
        if !hard.is_empty() && !outer_edge {
            frame.push(Span::ours(hard.as_str(), style));
        }
    } else if inner && !soft.is_empty() {
        frame.push(Span::ours(soft.as_str(), Style { bg: left, ..room.separator }));
    }
}

/// Cuts a row to `caps.columns` cells, with a mark where something was cut away.
fn cut(frame: Frame, room: &Room) -> Frame {
    let caps = room.caps;
    let mark = ellipsis(caps.glyphs);
    let keep = caps.columns.saturating_sub(width::width(mark, caps.policy));
    let mut out = Frame::default();
    let mut left = keep;
    let mut style = room.line;
    for piece in frame.pieces {
        let cells = piece.width(caps.policy);
        if cells <= left {
            left -= cells;
            if let Piece::Span(span) = &piece {
                style = span.style;
            }
            out.pieces.push(piece);
            continue;
        }
        if let Piece::Span(span) = piece {
            style = span.style;
            let text = match &span.text {
                Text::Live { what, known, .. } if left > 0 => {
                    let most = left as u16;
                    let known = width::prefix(known.reveal(), left, caps.policy).0.into();
                    Some(Text::Live { what: *what, most, known })
                }
                Text::Live { .. } => None,
                Text::Outside(text) => {
                    Some(Text::Outside(width::prefix(text.reveal(), left, caps.policy).0.into()))
                }
                Text::Ours(text) => {
                    Some(Text::Ours(width::prefix(text, left, caps.policy).0.into()))
                }
            };
            out.pieces.extend(text.map(|text| Piece::Span(Span { text, ..span })));
        }
        break;
    }
    if caps.columns > 0 && width::width(mark, caps.policy) <= caps.columns {
        out.push(Span::ours(mark, style));
    }
    out
}

/// A choice whose arms are all as wide as the widest.
pub fn choice(on: crate::frame::On, mut arms: Vec<Arm>, caps: &Caps) -> Choice {
    let cells = |arm: &Arm| arm.spans.iter().map(|span| span.width(caps.policy)).sum::<usize>();
    let widest = arms.iter().map(&cells).max().unwrap_or(0);
    for arm in &mut arms {
        let gap = widest - cells(arm);
        if gap > 0 {
            let style = arm.spans.last().map_or(Style::default(), |span| span.style);
            arm.spans.push(Span::ours(" ".repeat(gap), style));
        }
    }
    arms.truncate(Choice::MOST_ARMS);
    Choice { on, arms }
}

#[cfg(test)]
mod tests;

//! Blocks into a row: separators, what to leave out when there is no room, exact width.
//!
//! A block is what one instance shows. Which of two neighbours stays is decided by priority, never
//! by cutting through both; only the last one left is cut.

use crate::format::Graphs;
use crate::frame::{Arm, Choice, Frame, InstanceId, Piece, Span, Text};
use crate::style::{Color, Style};
use crate::targets::Caps;
use crate::theme::Theme;
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
#[derive(Clone, Copy)]
pub struct Room<'a> {
    pub theme: &'a Theme,
    pub caps: &'a Caps,
    pub side: Side,
    /// The look of the line where no segment is.
    pub line: Style,
    pub separator: Style,
    pub graphs: Graphs,
}

/// Cells in which most names are whole; what has fewer is a stump.
const GOOD_NAME: u16 = 8;

impl Block {
    /// Takes up to `over` cells from names that the host fills in, and says whether there were any
    /// to take. Such a name counts as long as it may get, which it rarely is: giving some of that
    /// away costs nothing, while a cut row or a lost neighbour is seen.
    fn shrink(&mut self, over: usize, least: u16) -> bool {
        let mut shrunk = false;
        for piece in &mut self.pieces {
            match piece {
                Piece::Span(span) => shrunk = shrink(std::slice::from_mut(span), over, least),
                Piece::Choice(choice) => {
                    for arm in &mut choice.arms {
                        shrunk |= shrink(&mut arm.spans, over, least);
                    }
                }
                Piece::Mark(_) => {}
            }
            if shrunk {
                break;
            }
        }
        shrunk
    }

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
            Side::Right => pieces.next_back(),
        }
    }
}

/// The blocks in a row as they are, if they have room; else they come back.
pub fn whole(blocks: Vec<Block>, room: &Room) -> Result<Frame, Vec<Block>> {
    if over(&blocks, room) > 0 { Err(blocks) } else { Ok(joined(blocks, room)) }
}

/// Whether all the blocks have room with shorter names.
pub fn fits(blocks: &[Block], room: &Room) -> bool {
    let mut blocks = blocks.to_vec();
    while let more @ 1.. = over(&blocks, room) {
        let least = least_name(&blocks);
        if !blocks.iter_mut().any(|block| block.shrink(more, least)) {
            return false;
        }
    }
    true
}

/// How many cells too wide the blocks are in a row.
fn over(blocks: &[Block], room: &Room) -> usize {
    let policy = room.caps.policy;
    let pieces = blocks.iter().flat_map(|block| &block.pieces).map(|piece| piece.width(policy));
    let boundaries = (0..=blocks.len()).filter_map(|index| boundary(blocks, index, room));
    let separators = boundaries.map(|(text, _)| width::width(text, policy));
    (pieces.sum::<usize>() + separators.sum::<usize>()).saturating_sub(room.caps.columns)
}

fn least_name(blocks: &[Block]) -> u16 {
    if blocks.len() > 1 { GOOD_NAME } else { 1 }
}

/// Lays the blocks out in at most `caps.columns` cells.
pub fn row(blocks: Vec<Block>, room: &Room) -> Frame {
    joined(kept(blocks, room), room)
}

/// The blocks that have room, their names as short as that takes; the last one stays in any case.
pub fn kept(mut blocks: Vec<Block>, room: &Room) -> Vec<Block> {
    blocks.retain(|block| !block.pieces.is_empty());
    loop {
        let over = over(&blocks, room);
        if over == 0 || blocks.is_empty() {
            return blocks;
        }
        let least = least_name(&blocks);
        if blocks.iter_mut().any(|block| block.shrink(over, least)) {
            continue;
        }
        if blocks.len() == 1 {
            return blocks;
        }
        blocks.remove(first_to_go(&blocks, room.side));
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
    right.pieces.into_iter().for_each(|piece| frame.add(piece));
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

/// Takes up to `over` cells from the live texts among the spans, from the longest first.
fn shrink(spans: &mut [Span], over: usize, least: u16) -> bool {
    let mut taken = 0;
    while taken < over {
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

/// The blocks in a row, cut where they have no room all the same.
fn joined(blocks: Vec<Block>, room: &Room) -> Frame {
    let separators: Vec<_> =
        (0..=blocks.len()).map(|index| boundary(&blocks, index, room)).collect();
    let most = blocks.iter().map(|block| block.pieces.len()).sum::<usize>() + separators.len();
    let mut frame = Frame { pieces: Vec::with_capacity(most) };
    let separate = |frame: &mut Frame, index: usize| {
        if let Some((text, style)) = separators[index] {
            frame.push(Span::ours(text, style));
        }
    };
    let last = blocks.len();
    for (index, block) in blocks.into_iter().enumerate() {
        separate(&mut frame, index);
        block.pieces.into_iter().for_each(|piece| frame.add(piece));
    }
    separate(&mut frame, last);
    if frame.width(room.caps.policy) > room.caps.columns { cut(frame, room) } else { frame }
}

/// The separator before the block of this index, or after the last one; at the ends it stands
/// between a block and the bare line.
fn boundary<'a>(blocks: &[Block], index: usize, room: &Room<'a>) -> Option<(&'a str, Style)> {
    let before = index.checked_sub(1).and_then(|last| blocks[last].edge(Side::Right));
    let after = blocks.get(index).and_then(|block| block.edge(Side::Left));
    let separators = room.theme.separators(room.caps.glyphs);
    let line = room.line.bg;
    let (left, right) = (before.unwrap_or(line), after.unwrap_or(line));
    let (hard, soft) = match room.side {
        Side::Left => (&separators.left_hard, &separators.left_soft),
        Side::Right => (&separators.right_hard, &separators.right_soft),
    };
    if left == right {
        let inner = before.is_some() && after.is_some() && !soft.is_empty();
        return inner.then_some((soft.as_str(), Style { bg: left, ..room.separator }));
    }
    // The arrow belongs to the block it points away from.
    let (style, outer_edge) = match room.side {
        Side::Left => (Style { fg: left, bg: right, ..Style::default() }, before.is_none()),
        Side::Right => (Style { fg: right, bg: left, ..Style::default() }, after.is_none()),
    };
    (!hard.is_empty() && !outer_edge).then_some((hard, style))
}

/// Cuts a row to `caps.columns` cells, with a mark where something was cut away.
fn cut(frame: Frame, room: &Room) -> Frame {
    let caps = room.caps;
    let mark = caps.glyphs.ellipsis(caps.policy);
    let mut left = caps.columns.saturating_sub(width::width(mark, caps.policy));
    let mut out = Frame::default();
    let mut style = room.line;
    for piece in frame.pieces {
        let cells = piece.width(caps.policy);
        match piece {
            Piece::Span(span) => {
                style = span.style;
                out.pieces.extend(start(span, left, caps).map(Piece::Span));
            }
            Piece::Choice(mut whole) => {
                for arm in &mut whole.arms {
                    let mut room = left;
                    let spans = std::mem::take(&mut arm.spans).into_iter();
                    let cut = |span: Span| {
                        let cells = span.width(caps.policy);
                        let span = start(span, room, caps);
                        room = room.saturating_sub(cells);
                        span
                    };
                    arm.spans = spans.filter_map(cut).collect();
                }
                let whole = choice(whole.on, whole.arms, caps);
                style = whole.pick(&[]).last().map_or(style, |span| span.style);
                out.pieces.push(Piece::Choice(whole));
            }
            Piece::Mark(_) => out.pieces.push(piece),
        }
        if cells > left {
            break;
        }
        left -= cells;
    }
    if caps.columns > 0 && width::width(mark, caps.policy) <= caps.columns {
        out.push(Span::ours(mark, style));
    }
    out
}

/// The start of a span that fits into `cells`.
fn start(span: Span, cells: usize, caps: &Caps) -> Option<Span> {
    if span.width(caps.policy) <= cells {
        return Some(span);
    }
    if cells == 0 {
        return None;
    }
    let fitting = |text: &str| width::prefix(text, cells, caps.policy).0.to_owned();
    let text = match &span.text {
        Text::Live { what, known, .. } => {
            let most = u16::try_from(cells).unwrap_or(u16::MAX);
            Text::Live { what: *what, most, known: fitting(known.reveal()).into() }
        }
        Text::Outside(text) => Text::Outside(fitting(text.reveal()).into()),
        Text::Ours(text) => Text::Ours(fitting(text).into()),
    };
    Some(Span { text, ..span })
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

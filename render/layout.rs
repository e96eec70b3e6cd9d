//! Blocks into a row: separators, what to leave out when there is no room, exact width.
//!
//! A block is what one instance shows. Which of two neighbours stays is decided by priority, never
//! by cutting through both; only the last one left is cut.

use std::borrow::Cow;
use std::rc::Rc;

use crate::format::Graphs;
use crate::frame::{Arm, Choice, Frame, InstanceId, Look, Piece, Span, Text};
use crate::style::{Color, Style};
use crate::theme::{Separators, Theme};
use crate::width;
use rainline_caps::Caps;
use rainline_caps::Policy;

/// What one instance shows.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pieces: Vec<Piece>,
    priority: u8,
    pub origin: InstanceId,
    /// The cells of all the pieces.
    cells: usize,
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
    /// Pieces that look alike become one, as in a [`Frame`], and are measured here once for all.
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

    /// Takes up to `over` cells from names that the host fills in, and says whether there were any
    /// to take. Such a name counts as long as it may get, which it rarely is: giving some of that
    /// away costs nothing, while a cut row or a lost neighbour is seen.
    fn shrink(self: &mut Rc<Block>, over: usize, least: u16, policy: Policy) -> bool {
        if !self.gives(least) {
            return false;
        }
        let block = Rc::make_mut(self);
        for piece in &mut block.pieces {
            let mut shrunk = false;
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
        block.cells = block.pieces.iter().map(|piece| piece.width(policy)).sum();
        true
    }

    /// Whether a name in it has more than `least` cells.
    fn gives(&self, least: u16) -> bool {
        let long = |span: &Span| matches!(span.text, Text::Live { most, .. } if most > least);
        self.pieces.iter().any(|piece| match piece {
            Piece::Span(span) => long(span),
            Piece::Choice(choice) => choice.arms.iter().any(|arm| arm.spans.iter().any(long)),
            Piece::Mark(_) => false,
        })
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

/// The blocks in a row as they are, if they have room.
pub fn whole(blocks: &[Rc<Block>], room: &Room) -> Option<Frame> {
    (over(blocks, room) == 0).then(|| join(blocks, room))
}

/// Whether all the blocks have room with shorter names.
pub fn fits(blocks: &[Rc<Block>], room: &Room) -> bool {
    let mut blocks = blocks.to_vec();
    while let more @ 1.. = over(&blocks, room) {
        let least = least_name(&blocks);
        if !blocks.iter_mut().any(|block| block.shrink(more, least, room.caps.policy)) {
            return false;
        }
    }
    true
}

/// How many cells too wide a row of these blocks is.
fn over(blocks: &[Rc<Block>], room: &Room) -> usize {
    cells(blocks, room).saturating_sub(room.caps.columns)
}

fn least_name(blocks: &[Rc<Block>]) -> u16 {
    if blocks.len() > 1 { GOOD_NAME } else { 1 }
}

/// Lays the blocks out in at most `caps.columns` cells.
pub fn row(blocks: Vec<Rc<Block>>, room: &Room) -> Frame {
    let kept = kept(blocks, room);
    let frame = join(&kept, room);
    if over(&kept, room) == 0 { frame } else { cut(frame, room) }
}

/// The blocks that have room, their names as short as that takes; the last one stays in any case.
pub fn kept(mut blocks: Vec<Rc<Block>>, room: &Room) -> Vec<Rc<Block>> {
    blocks.retain(|block| !block.pieces.is_empty());
    loop {
        let over = over(&blocks, room);
        if over == 0 || blocks.is_empty() {
            return blocks;
        }
        let least = least_name(&blocks);
        if blocks.iter_mut().any(|block| block.shrink(over, least, room.caps.policy)) {
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
    frame.extend(right.pieces);
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
fn first_to_go(blocks: &[Rc<Block>], side: Side) -> usize {
    let least = blocks.iter().map(|block| block.priority).min().unwrap_or(0);
    let least = |block: &Rc<Block>| block.priority == least;
    match side {
        Side::Left => blocks.iter().rposition(least),
        Side::Right => blocks.iter().position(least),
    }
    .unwrap_or(0)
}

fn join(blocks: &[Rc<Block>], room: &Room) -> Frame {
    let pieces = blocks.iter().map(|block| block.pieces.len() + 1).sum::<usize>() + 1;
    let mut frame = Frame { pieces: Vec::with_capacity(pieces) };
    let mut boundaries = boundaries(blocks, room);
    for block in blocks {
        frame.extend(boundaries.next().flatten().map(Separator::piece));
        frame.extend(block.pieces.iter().cloned());
    }
    frame.extend(boundaries.next().flatten().map(Separator::piece));
    frame
}

/// The cells that [`join`] takes, without joining.
fn cells(blocks: &[Rc<Block>], room: &Room) -> usize {
    let mut tape = Tape { policy: room.caps.policy, cells: 0, last: None };
    let mut boundaries = boundaries(blocks, room);
    for block in blocks {
        boundaries.next().flatten().into_iter().for_each(|separator| tape.separator(separator));
        tape.block(block);
    }
    boundaries.next().flatten().into_iter().for_each(|separator| tape.separator(separator));
    tape.cells
}

/// Adds up cells. What grows together is measured as one where a grapheme could begin in one part and
/// end in the other.
struct Tape<'a> {
    policy: Policy,
    cells: usize,
    /// The span that the next one of its look would become a part of.
    last: Option<(Look<'a>, Cow<'a, str>)>,
}

impl<'a> Tape<'a> {
    fn separator(&mut self, separator: Separator<'a>) {
        self.cells += width::width(separator.text, self.policy);
        if self.policy == Policy::Unicode {
            self.meet((separator.style, 0, None, None), separator.text);
        }
    }

    fn block(&mut self, block: &'a Block) {
        self.cells += block.cells;
        // The others count code point by code point.
        if self.policy != Policy::Unicode {
            return;
        }
        let part = |piece: &'a Piece| match piece {
            Piece::Span(span) => span.look().map(|look| (look, span.text.known())),
            _ => None,
        };
        let [first, .., last] = &*block.pieces else {
            match block.pieces.first().map(part) {
                Some(Some((look, text))) => self.meet(look, text),
                Some(None) => self.last = None,
                None => {}
            }
            return;
        };
        if let Some((look, text)) = part(first) {
            self.meet(look, text);
        }
        self.last = part(last).map(|(look, text)| (look, text.into()));
    }

    /// Takes a text that was measured alone, and is right about it where it grows the one before.
    fn meet(&mut self, look: Look<'a>, text: &'a str) {
        match &mut self.last {
            Some((known, before)) if *known == look => {
                let both = format!("{before}{text}");
                let cells = |text| width::width(text, self.policy);
                self.cells = self.cells + cells(&both) - cells(before) - cells(text);
                *before = both.into();
            }
            _ => self.last = Some((look, text.into())),
        }
    }
}

/// What stands between two blocks.
#[derive(Clone, Copy)]
struct Separator<'a> {
    text: &'a str,
    style: Style,
}

impl Separator<'_> {
    fn piece(self) -> Piece {
        Piece::Span(Span::ours(self.text, self.style))
    }
}

/// What stands before each of the blocks, and behind the last.
fn boundaries<'a>(
    blocks: &'a [Rc<Block>],
    room: &Room<'a>,
) -> impl Iterator<Item = Option<Separator<'a>>> {
    let room = *room;
    let separators = room.theme.separators(room.caps.glyphs);
    let count = if blocks.is_empty() { 0 } else { blocks.len() + 1 };
    (0..count).map(move |at| {
        let before = at.checked_sub(1).and_then(|at| blocks[at].edge(Side::Right));
        let after = blocks.get(at).and_then(|block| block.edge(Side::Left));
        boundary(before, after, separators, &room)
    })
}

/// The separator between two blocks, or between a block and the bare line (`None`).
fn boundary<'a>(
    before: Option<Color>,
    after: Option<Color>,
    separators: &'a Separators,
    room: &Room,
) -> Option<Separator<'a>> {
    let line = room.line.bg;
    let (left, right) = (before.unwrap_or(line), after.unwrap_or(line));
    let (hard, soft) = match room.side {
        Side::Left => (&separators.left_hard, &separators.left_soft),
        Side::Right => (&separators.right_hard, &separators.right_soft),
    };
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
        return (!hard.is_empty() && !outer_edge).then_some(Separator { text: hard, style });
    }
    let inner = before.is_some() && after.is_some();
    let style = Style { bg: left, ..room.separator };
    (inner && !soft.is_empty()).then_some(Separator { text: soft, style })
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
pub fn choice(on: rainline_caps::On, mut arms: Vec<Arm>, caps: &Caps) -> Choice {
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

#[doc(hidden)]
pub mod reference;
#[cfg(test)]
mod tests;

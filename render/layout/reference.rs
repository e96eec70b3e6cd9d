//! The same rows laid out plainly: every try is joined and measured whole. Slow, and what the numbers
//! of `layout` must come to.

use super::*;

fn join(blocks: &[Rc<Block>], room: &Room) -> Frame {
    let separators = room.theme.separators(room.caps.glyphs);
    let mut frame = Frame::default();
    let mut before: Option<Color> = None;
    let place = |frame: &mut Frame, before, after| {
        if let Some(Separator { text, style }) = boundary(before, after, separators, room) {
            frame.push(Span::ours(text, style));
        }
    };
    for block in blocks {
        place(&mut frame, before, block.edge(Side::Left));
        for piece in &block.pieces {
            match piece {
                Piece::Span(span) => frame.push(span.clone()),
                other => frame.pieces.push(other.clone()),
            }
        }
        before = block.edge(Side::Right);
    }
    if !blocks.is_empty() {
        place(&mut frame, before, None);
    }
    frame
}

pub fn cells(blocks: &[Rc<Block>], room: &Room) -> usize {
    join(blocks, room).width(room.caps.policy)
}

fn over(blocks: &[Rc<Block>], room: &Room) -> usize {
    cells(blocks, room).saturating_sub(room.caps.columns)
}

fn whole(blocks: &[Rc<Block>], room: &Room) -> Option<Frame> {
    let frame = join(blocks, room);
    (frame.width(room.caps.policy) <= room.caps.columns).then_some(frame)
}

fn fits(blocks: &[Rc<Block>], room: &Room) -> bool {
    let mut blocks = blocks.to_vec();
    loop {
        let over = over(&blocks, room);
        if over == 0 {
            return true;
        }
        let least = least_name(&blocks);
        if !blocks.iter_mut().any(|block| block.shrink(over, least, room.caps.policy)) {
            return false;
        }
    }
}

fn kept(mut blocks: Vec<Rc<Block>>, room: &Room) -> Vec<Rc<Block>> {
    blocks.retain(|block| !block.pieces.is_empty());
    while over(&blocks, room) > 0 && !blocks.is_empty() {
        let (over, least) = (over(&blocks, room), least_name(&blocks));
        if blocks.iter_mut().any(|block| block.shrink(over, least, room.caps.policy)) {
            continue;
        }
        if blocks.len() == 1 {
            break;
        }
        blocks.remove(first_to_go(&blocks, room.side));
    }
    blocks
}

fn row(blocks: Vec<Rc<Block>>, room: &Room) -> Frame {
    let frame = join(&kept(blocks, room), room);
    match frame.width(room.caps.policy) <= room.caps.columns {
        true => frame,
        false => cut(frame, room),
    }
}

/// The row of these instances, of which `blocks` draws some at a size of graphs.
pub fn fitted(
    ids: &[InstanceId],
    room: &Room,
    blocks: impl Fn(&[InstanceId], Graphs) -> Vec<Rc<Block>>,
) -> Frame {
    let fitting = |ids: &[InstanceId]| {
        let mut sizes = Graphs::ALL.into_iter().map(|graphs| blocks(ids, graphs));
        sizes.find_map(|blocks| {
            let fitting = || fits(&blocks, room).then(|| row(blocks.clone(), room));
            whole(&blocks, room).or_else(fitting)
        })
    };
    if let Some(row) = fitting(ids) {
        return row;
    }
    let kept = kept(blocks(ids, Graphs::Least), room);
    let ids: Vec<InstanceId> = kept.iter().map(|block| block.origin).collect();
    fitting(&ids).unwrap_or_else(|| row(kept, room))
}

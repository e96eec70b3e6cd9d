//! The same rows laid out plainly: every try is joined and measured whole. Slow; what `layout` and
//! its sums must come to.

use std::rc::Rc;

use super::cut::cut;
use super::separator::{Separator, boundary};
use super::{Block, GOOD_NAME, Layout, Side};
use crate::format::Graphs;
use crate::frame::{Frame, InstanceId, Piece, Span};
use crate::style::Color;

fn least_name(blocks: &[Rc<Block>]) -> u16 {
    if blocks.len() > 1 { GOOD_NAME } else { 1 }
}

fn join(blocks: &[Rc<Block>], layout: &Layout) -> Frame {
    let separators = layout.theme.separators(layout.caps.glyphs);
    let mut frame = Frame::default();
    let mut before: Option<Color> = None;
    let place = |frame: &mut Frame, before, after| {
        if let Some(Separator { text, style }) = boundary(before, after, separators, layout) {
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

pub fn cells(blocks: &[Rc<Block>], layout: &Layout) -> usize {
    join(blocks, layout).width(layout.caps.policy)
}

fn over(blocks: &[Rc<Block>], layout: &Layout) -> usize {
    cells(blocks, layout).saturating_sub(layout.caps.columns)
}

fn whole(blocks: &[Rc<Block>], layout: &Layout) -> Option<Frame> {
    let frame = join(blocks, layout);
    (frame.width(layout.caps.policy) <= layout.caps.columns).then_some(frame)
}

fn fits(blocks: &[Rc<Block>], layout: &Layout) -> bool {
    let mut blocks = blocks.to_vec();
    loop {
        let over = over(&blocks, layout);
        if over == 0 {
            return true;
        }
        let least = least_name(&blocks);
        if !blocks.iter_mut().any(|block| block.shrink(over, least, layout.caps.policy)) {
            return false;
        }
    }
}

fn kept(mut blocks: Vec<Rc<Block>>, layout: &Layout) -> Vec<Rc<Block>> {
    blocks.retain(|block| !block.pieces.is_empty());
    while over(&blocks, layout) > 0 && !blocks.is_empty() {
        let (over, least) = (over(&blocks, layout), least_name(&blocks));
        if blocks.iter_mut().any(|block| block.shrink(over, least, layout.caps.policy)) {
            continue;
        }
        if blocks.len() == 1 {
            break;
        }
        blocks.remove(layout.first_to_go(&blocks));
    }
    blocks
}

fn row(blocks: Vec<Rc<Block>>, layout: &Layout) -> Frame {
    let frame = join(&kept(blocks, layout), layout);
    match frame.width(layout.caps.policy) <= layout.caps.columns {
        true => frame,
        false => cut(frame, layout),
    }
}

/// The row of these instances, of which `blocks` draws some at a size of graphs.
pub fn fitted(
    ids: &[InstanceId],
    layout: &Layout,
    blocks: impl Fn(&[InstanceId], Graphs) -> Vec<Rc<Block>>,
) -> Frame {
    let fitting = |ids: &[InstanceId]| {
        let mut sizes = Graphs::ALL.into_iter().map(|graphs| blocks(ids, graphs));
        sizes.find_map(|blocks| {
            let fitting = || fits(&blocks, layout).then(|| row(blocks.clone(), layout));
            whole(&blocks, layout).or_else(fitting)
        })
    };
    if let Some(row) = fitting(ids) {
        return row;
    }
    let kept = kept(blocks(ids, Graphs::Least), layout);
    let ids: Vec<InstanceId> = kept.iter().map(|block| block.origin).collect();
    fitting(&ids).unwrap_or_else(|| row(kept, layout))
}

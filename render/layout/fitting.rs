//! Which instances a row has columns for, and how large their graphs are.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Block, Layout};
use crate::format::Graphs;
use crate::frame::{Frame, InstanceId};

/// What an instance shows at a size of graphs (`None`: nothing), and the cells that the widest of
/// its graphs asks for.
pub type Drawn = (Option<Block>, usize);

/// Fits instances into rows. Rows try which of them fit at which size of graphs, so each instance is
/// drawn once at each size that makes a difference.
pub struct Fitting<'a> {
    draw: &'a dyn Fn(InstanceId, Graphs) -> Drawn,
    known: RefCell<Vec<(InstanceId, Known)>>,
}

/// What is known of one instance.
struct Known {
    /// By the size of graphs; the inner `None`: it shows nothing.
    blocks: [Option<Option<Rc<Block>>>; Graphs::ALL.len()],
    /// The cells that its widest graph asks for.
    asked: usize,
}

impl<'a> Fitting<'a> {
    /// `draw` must give the same for the same arguments.
    pub fn new(draw: &'a dyn Fn(InstanceId, Graphs) -> Drawn) -> Fitting<'a> {
        Fitting { draw, known: RefCell::default() }
    }

    /// These instances in a row of at most the layout's columns. Graphs shrink before a neighbour
    /// is left out; what one that was left out had is shared again.
    pub fn row(&self, ids: &[InstanceId], layout: &Layout) -> Frame {
        if let Some(row) = self.all(ids, layout) {
            return row;
        }
        let kept = layout.kept(self.blocks(ids, Graphs::Least));
        let ids: Vec<InstanceId> = kept.iter().map(|block| block.origin).collect();
        self.all(&ids, layout).unwrap_or_else(|| layout.row(kept))
    }

    /// The row with all of them, if there is one that is narrow enough.
    fn all(&self, ids: &[InstanceId], layout: &Layout) -> Option<Frame> {
        let mut sizes = Graphs::ALL.into_iter().map(|graphs| self.blocks(ids, graphs));
        sizes.find_map(|blocks| {
            let shrunk = || layout.fits(&blocks).then(|| layout.row(blocks.clone()));
            layout.whole(&blocks).or_else(shrunk)
        })
    }

    fn blocks(&self, ids: &[InstanceId], graphs: Graphs) -> Vec<Rc<Block>> {
        ids.iter().filter_map(|id| self.block(*id, graphs)).collect()
    }

    fn block(&self, id: InstanceId, graphs: Graphs) -> Option<Rc<Block>> {
        let mut known = self.known.borrow_mut();
        let at = known.iter().position(|(other, _)| *other == id).unwrap_or_else(|| {
            let (block, asked) = (self.draw)(id, Graphs::Whole);
            known.push((id, Known { blocks: [Some(block.map(Rc::new)), None, None], asked }));
            known.len() - 1
        });
        let Known { blocks, asked } = &mut known[at].1;
        // Where no graph gives cells away it looks the same.
        let graphs = if graphs.cells(*asked) == *asked { Graphs::Whole } else { graphs };
        let draw = || (self.draw)(id, graphs).0.map(Rc::new);
        blocks[graphs as usize].get_or_insert_with(draw).clone()
    }
}

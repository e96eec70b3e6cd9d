//! Lines: the instances of each slot.

use std::collections::BTreeMap;

use super::layers::{LineLayer, Rows};
use super::segment::Instances;
use crate::config::Line;

/// The lines, without the names that mean nothing.
pub fn lines(
    layers: BTreeMap<String, LineLayer>,
    instances: &mut Instances,
) -> BTreeMap<String, Line> {
    let mut slot = |rows: Rows| {
        let mut id = |(name, place): &(String, _)| instances.id(name, place);
        rows.iter().map(|row| row.iter().filter_map(&mut id).collect()).collect()
    };
    // One of which only a share is known has nothing to show.
    let there = layers.into_iter().filter(|(_, line)| !line.slots.is_empty());
    there
        .map(|(name, LineLayer { slots, shares })| {
            let slots = slots.into_iter().map(|(name, rows)| (name, slot(rows))).collect();
            (name, Line { slots, shares })
        })
        .collect()
}

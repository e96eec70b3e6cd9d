//! All readings, by identity. Others look at them; only the sampler changes them.

use std::collections::HashMap;

use super::entry::Entry;
use crate::readings::id::ReadingId;

/// The last reading of each instance.
#[derive(Default)]
pub struct Cache {
    pub(super) entries: HashMap<ReadingId, Entry>,
}

impl Cache {
    pub fn get(&self, id: &ReadingId) -> Option<&Entry> {
        self.entries.get(id)
    }
}

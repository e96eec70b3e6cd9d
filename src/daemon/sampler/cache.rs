//! All readings, by identity. Others look at them; only the sampler changes them.

use std::collections::HashMap;

use super::entry::CachedReading;
use crate::readings::id::ReadingId;

/// The last reading of each instance.
#[derive(Default)]
pub struct Cache {
    pub(super) entries: HashMap<ReadingId, CachedReading>,
}

impl Cache {
    pub fn get(&self, id: &ReadingId) -> Option<&CachedReading> {
        self.entries.get(id)
    }
}

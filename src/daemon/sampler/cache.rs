//! All readings, by identity. Others look at them; only the sampler changes them.

use super::entry::CachedReading;
use crate::daemon::lru::{Lru, Weigh};
use crate::readings::id::ReadingId;

/// How many bytes the readings for single askers and directories may take; about a thousand each.
const BUDGET: usize = 2 << 20;

/// The last reading of each instance.
pub struct Cache {
    pub(super) entries: Lru<ReadingId, CachedReading>,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache { entries: Lru::new(BUDGET) }
    }
}

impl Weigh for ReadingId {
    /// Its name and its directory are in places of their own.
    fn weight(&self) -> usize {
        size_of::<ReadingId>() + 2 * 32 + self.instance.len() + self.directory.as_os_str().len()
    }
}

impl Cache {
    pub fn get(&self, id: &ReadingId) -> Option<&CachedReading> {
        self.entries.get(id)
    }
}

//! What tests of several owners need: moments, configs and readings.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use rainline_segments::Sample;

use super::{Cache, CachedReading};
use crate::config::{self, Config, Gathered, SourceFile};
use crate::readings::id::{ConfigId, ReadingId};
use crate::readings::schedule::Now;

/// A moment at which all clocks say the same.
pub fn at(seconds: u32) -> Now {
    let time = Duration::from_secs(seconds.into());
    Now { boot: time, awake: time, wall: time }
}

/// What a worker would read of a config with this text.
pub fn gathered(text: &str) -> Gathered {
    let file = SourceFile { path: "/config".into(), text: text.into() };
    Gathered { files: vec![file], ..Gathered::default() }
}

pub fn config(text: &str) -> Rc<Config> {
    let config = config::build(&gathered(text));
    assert_eq!(config.problems, [""; 0]);
    Rc::new(config)
}

pub fn config_id() -> ConfigId {
    Path::new("/config").into()
}

/// The reading of an instance, and the instance's number.
pub fn reading(config: &Config, name: &str) -> (ReadingId, u16) {
    let index = config.instance(name).expect("an instance");
    (ReadingId::shared_by_all(&config_id(), &config.instances[usize::from(index)]), index)
}

/// A cache with one reading, taken at a moment.
pub fn cache_with(
    id: ReadingId,
    config: &Rc<Config>,
    index: u16,
    sampled: Result<Option<Sample>, String>,
    now: &Now,
) -> Cache {
    let mut entry = CachedReading::new(config, index, Vec::new());
    entry.record(sampled, now);
    let mut cache = Cache::default();
    cache.entries.insert(id, entry);
    cache
}

/// Notes that a reading failed so often in a row.
pub fn fail(cache: &mut Cache, id: &ReadingId, times: u32) {
    let entry = cache.entries.get_mut(id).expect("a reading");
    (0..times).for_each(|second| entry.record(Err("gone".into()), &at(second)));
}

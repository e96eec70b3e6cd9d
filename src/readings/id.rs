//! Which reading is meant: the one identity that cache, workers, back-off and history share.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rainline_segments::base::path_bytes;
use serde::{Deserialize, Serialize};

use crate::config::Instance;

/// A config, by the path that requests name; empty for the built-in one.
pub type ConfigId = Arc<Path>;

/// A reading: an instance of a config, and with whom it is shared. It stays the same over a reload
/// and over a restart, as long as config, name and kind do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadingId {
    /// The config that has the instance.
    #[serde(with = "path_bytes")]
    pub config: ConfigId,
    /// The instance's name in the config.
    pub instance: Arc<str>,
    /// The name of its kind.
    pub kind: Cow<'static, str>,
    /// The terminal or the moment that it belongs to; 0 if it depends on neither.
    pub asker: u64,
    /// The directory that it belongs to; empty if it depends on none.
    #[serde(with = "path_bytes")]
    pub directory: Arc<Path>,
}

impl ReadingId {
    /// The reading of an instance that is the same for all requests.
    pub fn shared_by_all(config: &ConfigId, instance: &Instance) -> ReadingId {
        ReadingId {
            config: config.clone(),
            instance: instance.name.as_str().into(),
            kind: Cow::Borrowed(instance.kind.name),
            asker: 0,
            directory: Path::new("").into(),
        }
    }

    /// The reading of the same instance for one asker and one directory.
    pub fn of_asker(&self, asker: u64, directory: Option<PathBuf>) -> ReadingId {
        let directory = directory.map_or_else(|| Path::new("").into(), Arc::from);
        ReadingId { asker, directory, ..self.clone() }
    }

    /// Whether it is the same for all requests.
    pub fn is_shared_by_all(&self) -> bool {
        self.asker == 0 && self.directory.as_os_str().is_empty()
    }

    /// Whether it is a reading of this instance of its config.
    pub fn is_of(&self, instance: &Instance) -> bool {
        *self.instance == *instance.name && self.kind == instance.kind.name
    }
}

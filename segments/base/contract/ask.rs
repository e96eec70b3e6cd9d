//! What a request tells about the one who asks.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::path_bytes;
use crate::base::untrusted::Untrusted;

/// What a request tells about the one who asks. Times and texts are the asker's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ask {
    /// Same number, same asker: for sources of [`Scope::Client`](super::Scope::Client).
    pub client: u64,
    /// The asker's process, 0 if unknown.
    /// [`Machine::lineage`](crate::machine::Machine::lineage) starts from it.
    pub pid: u32,
    /// Any bytes: a directory's name need not be UTF-8.
    #[serde(with = "path_bytes::option")]
    pub cwd: Option<PathBuf>,
    /// The declared variables that are set, sorted by name.
    pub env: Vec<(String, Untrusted)>,
    /// The terminal's width in cells.
    pub columns: u16,
    /// Exit status of the last command.
    pub status: Option<i32>,
    /// Exit status of each command of the last pipe.
    pub pipestatus: Vec<i32>,
    /// How long the last command ran.
    pub duration: Option<Duration>,
    /// How many jobs the shell has in the background.
    pub jobs: u32,
    /// The keymap that the shell's line editor is in (`vicmd`).
    pub keymap: Option<Untrusted>,
    /// The pane that asks, as the multiplexer names it (`%3`).
    pub pane: Option<Untrusted>,
}

impl Ask {
    /// A declared environment variable, if it is set and not empty.
    pub fn env(&self, name: &str) -> Option<&str> {
        let (_, value) = self.env.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then(|| value.reveal())
    }
}

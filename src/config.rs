//! The config, typed and compiled: what each line shows and how.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rainline_segments::{Kind, Pace};
use serde::{Deserialize, Serialize};

use crate::frame::InstanceId;

/// The files that a config is made from, as read. Reading may block, so it is apart from building.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gathered {
    pub files: Vec<SourceFile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceFile {
    pub path: PathBuf,
    pub text: String,
}

/// Reads the config at `path` and what it includes. Never fails: what cannot be read is a problem
/// that the built config carries.
pub fn gather(path: &Path) -> Gathered {
    let _ = path;
    Gathered::default()
}

/// Builds a config from what was read. Never fails: what is wrong is in `problems`, the rest works.
pub fn build(gathered: &Gathered) -> Config {
    let _ = gathered;
    Config::default()
}

#[derive(Default)]
pub struct Config {
    pub instances: Vec<Instance>,
    pub lines: BTreeMap<String, Line>,
    /// Messages for a person, each with its place.
    pub problems: Vec<String>,
    /// Whether something is so broken that a config in force before should stay in force.
    pub unusable: bool,
    /// The files it was made from (and those it wanted), to be watched.
    pub files: Vec<PathBuf>,
}

pub struct Instance {
    pub name: String,
    pub kind: &'static Kind,
    /// The kind's own options, checked.
    pub options: toml::Table,
    pub priority: u8,
    pub pace: Pace,
}

/// A place with ordered segments: slot name → rows → instances.
#[derive(Default)]
pub struct Line {
    pub slots: BTreeMap<String, Vec<Vec<InstanceId>>>,
}

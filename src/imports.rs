//! Configs made from other programs' settings: one file each, a `mod` line and a line of [`ALL`]. The
//! settings are read as text and nothing in them is run. Scripts are only named in the new config,
//! for the user to see before they run.

use std::path::Path;

mod byobu;

/// Every program that is understood, by name.
pub static ALL: &[&Import] = &[&byobu::IMPORT];

/// A program whose settings become a config.
pub struct Import {
    /// What `rainline config import` calls it.
    pub name: &'static str,
    /// What is imported.
    pub about: &'static str,
    /// Folders below the home in which its settings may be; the first that exists is read.
    pub folders: &'static [&'static str],
    /// Makes the config from such a folder; `Err` says what is missing.
    pub read: fn(&Path) -> Result<String, String>,
}

/// The import of this name.
pub fn find(name: &str) -> Option<&'static Import> {
    ALL.iter().copied().find(|import| import.name == name)
}

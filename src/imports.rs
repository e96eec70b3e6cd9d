//! Configs made from those of other programs: one file each. What it reads is text; nothing in it
//! is ever run, and a script is named in the new config only for its user to see and keep.

use std::path::Path;

mod byobu;

/// Every program that is understood, by name.
pub static ALL: &[&Import] = &[&byobu::IMPORT];

/// A program whose settings become a config.
pub struct Import {
    pub name: &'static str,
    pub about: &'static str,
    /// Folders below the home in which its settings may be; the first that is there counts.
    pub folders: &'static [&'static str],
    /// The config, from such a folder; `Err` says what is missing.
    pub read: fn(&Path) -> Result<String, String>,
}

/// The import of this name.
pub fn find(name: &str) -> Option<&'static Import> {
    ALL.iter().copied().find(|import| import.name == name)
}

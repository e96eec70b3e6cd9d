//! The hosts that can be wired: one file each, with the lines that wire it.
//!
//! A host file writes text in the host's own config language and starts nothing. Running a host for
//! a try is the command line's business.

use std::path::PathBuf;

use crate::theme::Theme;

mod tmux;

/// Every host, by name.
pub static ALL: &[&Host] = &[&tmux::HOST];

/// The host of this name.
pub fn find(name: &str) -> Option<&'static Host> {
    ALL.iter().copied().find(|host| host.name == name)
}

/// A host that shows our lines.
pub struct Host {
    pub name: &'static str,
    pub about: &'static str,
    /// The program that must be there.
    pub program: &'static str,
    /// Where the wiring lines go, as a person would say it.
    pub wired_in: &'static str,
    /// Files below the home in which they may stand.
    pub files: &'static [&'static str],
    /// The lines that wire it; safe to be read twice.
    pub init: fn(&Wiring) -> String,
}

/// What the wiring lines depend on.
pub struct Wiring<'a> {
    /// The absolute path of this program.
    pub program: PathBuf,
    /// The config to name in the lines; `None`: wherever it is looked for.
    pub config: Option<PathBuf>,
    pub theme: &'a Theme,
    /// The host's version, major and minor; `(0, 0)` is unknown and taken for a recent one.
    pub version: (u16, u16),
}

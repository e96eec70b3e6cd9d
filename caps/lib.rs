//! What a host can show and how long it waits: the words that the asking side and the drawing side
//! share. std only.
//!
//! A *host* is the program that shows a line: tmux, screen, a shell, a terminal.

mod condition;
mod depth;
mod glyphs;
pub mod hosts;
pub mod pacing;
mod policy;
mod version;

pub use condition::{On, STATES};
pub use depth::Depth;
pub use glyphs::Glyphs;
pub use policy::Policy;
pub use version::{Version, parse_version};

/// What the place that asked can show.
#[derive(Clone, Debug, PartialEq)]
pub struct Caps {
    /// How many colours it has.
    pub depth: Depth,
    /// How it counts cells.
    pub policy: Policy,
    /// Which characters its font has.
    pub glyphs: Glyphs,
    /// The cells there are for this slot.
    pub columns: usize,
    /// The host's version.
    pub version: Version,
    /// Whether the host fills live texts in ([`hosts::Host::is_live`]); where not, they are cut to
    /// what is known.
    pub live: bool,
    /// For hosts without live conditions: what holds at the moment of the request, with its case.
    pub holds: Vec<(On, Box<str>)>,
}

impl Caps {
    /// Whether a state or a pane holds, where that had to be said with the request.
    pub fn holds(&self, on: On, case: &str) -> bool {
        self.holds.iter().any(|(held, known)| *held == on && &**known == case)
    }
}

impl Default for Caps {
    fn default() -> Self {
        Caps {
            depth: Depth::True,
            policy: Policy::Wcwidth,
            glyphs: Glyphs::Unicode,
            columns: 80,
            version: (0, 0),
            live: false,
            holds: Vec::new(),
        }
    }
}

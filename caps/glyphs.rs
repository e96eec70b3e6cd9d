//! Which characters a font has.

use crate::Policy;

/// Which glyphs may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Glyphs {
    /// Printable ASCII.
    Ascii,
    /// What every terminal font has: blocks, braille, arrows.
    #[default]
    Unicode,
    /// A patched font: Powerline arrows and Nerd Font icons.
    Nerd,
}

impl Glyphs {
    /// Every set under the name that users and requests call it by.
    pub const NAMES: &'static [(&'static str, Glyphs)] =
        &[("ascii", Glyphs::Ascii), ("unicode", Glyphs::Unicode), ("nerd", Glyphs::Nerd)];

    /// What stands where text was cut away: one cell under every policy.
    pub fn ellipsis(self, policy: Policy) -> &'static str {
        if self == Glyphs::Ascii || policy == Policy::Cjk { "~" } else { "…" }
    }

    /// The set of this name.
    pub fn named(name: &str) -> Option<Glyphs> {
        Glyphs::NAMES.iter().find(|(known, _)| *known == name).map(|(_, glyphs)| *glyphs)
    }
}

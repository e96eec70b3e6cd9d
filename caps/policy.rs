//! How a host counts cells.

/// How many cells a text takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The sum over code points, as tmux ≤ 3.3, screen and dvtm do.
    #[default]
    Wcwidth,
    /// Per grapheme cluster, as modern terminals do.
    Unicode,
    /// As `Wcwidth`, with East Asian ambiguous characters two cells wide.
    Cjk,
}

impl Policy {
    /// Every policy under the name that users and requests call it by.
    pub const NAMES: &'static [(&'static str, Policy)] =
        &[("wcwidth", Policy::Wcwidth), ("unicode", Policy::Unicode), ("cjk", Policy::Cjk)];

    /// The policy of this name.
    pub fn named(name: &str) -> Option<Policy> {
        Policy::NAMES.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy)
    }
}

//! How a host counts cells.

/// Who counts the cells.
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
    pub const NAMES: &'static [(&'static str, Policy)] =
        &[("wcwidth", Policy::Wcwidth), ("unicode", Policy::Unicode), ("cjk", Policy::Cjk)];
}

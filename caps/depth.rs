//! How many colours a terminal has.

/// How many colours a place can show. Ordered: poorer is less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// None: bold, dim, reverse, underline only.
    Mono,
    /// The palette of 16 that every terminal names.
    Ansi16,
    /// The palette of 256.
    Ansi256,
    /// 24 bits.
    #[default]
    True,
}

impl Depth {
    /// Every depth under the name that users and requests call it by.
    pub const NAMES: &'static [(&'static str, Depth)] = &[
        ("mono", Depth::Mono),
        ("16", Depth::Ansi16),
        ("256", Depth::Ansi256),
        ("true", Depth::True),
    ];

    /// The depth of this name.
    pub fn named(name: &str) -> Option<Depth> {
        Depth::NAMES.iter().find(|(known, _)| *known == name).map(|(_, depth)| *depth)
    }
}

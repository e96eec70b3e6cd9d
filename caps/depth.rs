//! How many colours a terminal has.

/// How many colours a place can show. Ordered: poorer is less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// None: bold, dim, reverse, underline only.
    Mono,
    /// The terminal's own sixteen.
    Ansi16,
    /// Those, the xterm cube and greys.
    Ansi256,
    /// 24 bits.
    #[default]
    True,
}

impl Depth {
    /// The words of options and requests.
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

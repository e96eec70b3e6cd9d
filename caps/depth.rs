//! How many colours a terminal has.

/// How many colours a place can show. Ordered: poorer is less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// None: bold, dim, reverse, underline only.
    Mono,
    Ansi16,
    Ansi256,
    #[default]
    True,
}

impl Depth {
    pub const NAMES: &'static [(&'static str, Depth)] = &[
        ("mono", Depth::Mono),
        ("16", Depth::Ansi16),
        ("256", Depth::Ansi256),
        ("true", Depth::True),
    ];

    pub fn named(name: &str) -> Option<Depth> {
        Depth::NAMES.iter().find(|(known, _)| *known == name).map(|(_, depth)| *depth)
    }
}

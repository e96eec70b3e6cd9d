//! The options that every instance has, whatever its kind.

use rainline_segments::{Opt, OptionType, OptionValue};

pub(super) const USE: Opt =
    option("use", "The kind, where the instance has a name of its own.", OptionType::Text);
pub(super) const FORMAT: Opt =
    option("format", "The template, in the format language.", OptionType::Text);
pub(super) const ICON: Opt =
    option("icon", "What `$icon` shows, instead of the kind's or the theme's.", OptionType::Text);
pub(super) const STYLE: Opt = option("style", "A style on top of the kind's.", OptionType::Text);
pub(super) const PRIORITY: Opt = option(
    "priority",
    "What stays when the line is narrow: 0 goes first, 100 last.",
    OptionType::Integer,
);
pub(super) const INTERVAL: Opt = option(
    "interval",
    "How long between two readings, for kinds that are read at fixed intervals.",
    OptionType::TimeSpan,
);
pub(super) const REACT: Opt = Opt {
    default: || Vec::<String>::new().to_toml(),
    ..option(
        "react",
        "States in which it takes the theme's style of that mode: prefix, copy-mode, synced, zoomed …",
        OptionType::List,
    )
};

/// All of them. An empty text as the default means "the kind's own".
pub const OPTIONS: &[Opt] = &[USE, FORMAT, ICON, STYLE, PRIORITY, INTERVAL, REACT];

/// An option without a default of its own.
pub(super) const fn option(name: &'static str, about: &'static str, accepts: OptionType) -> Opt {
    Opt { name, about, accepts, default: || "".into() }
}

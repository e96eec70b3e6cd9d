//! The options that every instance has, whatever its kind.

use rainline_segments::{Opt, OptionType, Shape};

pub(super) const USE: Opt = text("use", "The kind, where the instance has a name of its own.");
pub(super) const FORMAT: Opt = text("format", "The template, in the format language.");
pub(super) const ICON: Opt =
    text("icon", "What `$icon` shows, instead of the kind's or the theme's.");
pub(super) const STYLE: Opt = text("style", "A style on top of the kind's.");
pub(super) const PRIORITY: Opt = Opt {
    name: "priority",
    about: "What stays when the line is narrow: 0 goes first, 100 last.",
    shape: Shape::Integer,
    default: || 50.into(),
};
pub(super) const INTERVAL: Opt = Opt {
    name: "interval",
    about: "Seconds between two readings, for kinds that are read at fixed intervals.",
    shape: Shape::Number,
    default: || 1.into(),
};
pub(super) const REACT: Opt = Opt {
    name: "react",
    about: "States in which it takes the theme's style of that mode: prefix, copy-mode, synced, zoomed …",
    shape: Shape::List,
    default: || Vec::<String>::new().to_toml(),
};

/// All of them. An empty text means "the kind's own".
pub const OPTIONS: &[Opt] = &[USE, FORMAT, ICON, STYLE, PRIORITY, INTERVAL, REACT];

const fn text(name: &'static str, about: &'static str) -> Opt {
    Opt { name, about, shape: Shape::Text, default: || "".into() }
}

//! The options that every instance has, whatever its kind.

use std::time::Duration;

use rainline_segments::{Opt, OptionType, OptionValue};

fn empty() -> toml::Value {
    String::new().to_toml()
}

/// Options of every instance. An empty text means "the kind's own".
pub const OPTIONS: &[Opt] = &[
    Opt {
        name: "use",
        about: "The kind, where the instance has a name of its own.",
        accepts: OptionType::Text,
        default: empty,
    },
    Opt {
        name: "format",
        about: "The template, in the format language.",
        accepts: OptionType::Text,
        default: empty,
    },
    Opt {
        name: "icon",
        about: "What `$icon` shows, instead of the kind's or the theme's.",
        accepts: OptionType::Text,
        default: empty,
    },
    Opt {
        name: "style",
        about: "A style on top of the kind's.",
        accepts: OptionType::Text,
        default: empty,
    },
    Opt {
        name: "priority",
        about: "Who stays when the line is narrow: 0 goes first, 100 last.",
        accepts: OptionType::Integer,
        default: || 50.into(),
    },
    Opt {
        name: "interval",
        about: "How long between two readings, for kinds that are read periodically.",
        accepts: OptionType::TimeSpan,
        default: || Duration::from_secs(1).to_toml(),
    },
    Opt {
        name: "react",
        about: "States in which it takes the theme's style of that mode: prefix, copy-mode, synced, zoomed …",
        accepts: OptionType::List,
        default: || Vec::<String>::new().to_toml(),
    },
];

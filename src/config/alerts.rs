//! `[alert.NAME]`: what is told to somebody who does not look.

use std::time::Duration;

use rainline_segments::Level;
use serde::{Deserialize, Serialize};

use rainline_render::frame::InstanceId;

/// The keys of an alert.
pub const KEYS: &[(&str, &str)] = &[
    ("segment", "the segment whose level counts; one that is the same for everybody"),
    ("level", "the level from which it rings: good, info, warning or critical (the default)"),
    (
        "hold",
        "how long the level must hold before it rings, and be left before it is over: \"30s\"",
    ),
    ("again", "it rings again so often while it lasts; without it once"),
    (
        "do",
        "\"bell\" in your terminals, \"tmux\" for a message there, \"desktop\" for a notification, or \
         a command as a list of words; the words {alert}, {segment}, {level}, {state} and {text} \
         stand for what happened, as do RAINLINE_ALERT … RAINLINE_TEXT in its environment",
    ),
    ("back", "whether it also rings when the level is left again"),
];

/// One alert, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub name: String,
    pub instance: InstanceId,
    pub level: Level,
    pub hold: Duration,
    pub again: Option<Duration>,
    pub action: Action,
    pub back: bool,
}

/// How it rings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    Bell,
    Tmux,
    Desktop,
    /// No shell reads it.
    Command(Vec<String>),
}

impl Action {
    /// The actions that have a name.
    pub const NAMED: &[(&str, Action)] =
        &[("bell", Action::Bell), ("tmux", Action::Tmux), ("desktop", Action::Desktop)];
}

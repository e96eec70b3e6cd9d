//! `[alert.NAME]`: what happens when a segment reaches a level.

use std::time::Duration;

use rainline_segments::{Level, Opt, OptionType};
use serde::{Deserialize, Serialize};

use rainline_render::frame::InstanceId;

use super::common::option;

pub(super) const SEGMENT: Opt = option(
    "segment",
    "the segment whose level is watched; it must be the same for all clients",
    OptionType::Text,
);
pub(super) const LEVEL: Opt = option(
    "level",
    "the level from which it fires: good, info, warning or critical (the default)",
    OptionType::Text,
);
pub(super) const HOLD: Opt = option(
    "hold",
    "how long the level must hold before it fires, and must be left before it is over: \"30s\"",
    OptionType::TimeSpan,
);
pub(super) const AGAIN: Opt = option(
    "again",
    "how often it fires again while the level lasts; if not set, it fires once",
    OptionType::TimeSpan,
);
pub(super) const DO: Opt = option(
    "do",
    "\"bell\" in your terminals, \"tmux\" for a message there, \"desktop\" for a notification, or \
     a command as a list of words; the words {alert}, {segment}, {level}, {state} and {text} \
     stand for what happened, as do RAINLINE_ALERT … RAINLINE_TEXT in its environment",
    OptionType::List,
);
pub(super) const BACK: Opt =
    option("back", "whether it also fires when the level is left again", OptionType::Bool);

/// The options of an alert.
pub const OPTIONS: &[Opt] = &[SEGMENT, LEVEL, HOLD, AGAIN, DO, BACK];

/// One alert, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The NAME of `[alert.NAME]`.
    pub name: String,
    /// The instance whose level is watched.
    pub instance: InstanceId,
    /// The level from which it fires.
    pub level: Level,
    /// How long the level must hold, and must be left.
    pub hold: Duration,
    /// How often it fires again while the level lasts.
    pub again: Option<Duration>,
    /// What it does.
    pub action: Action,
    /// Whether it fires when the level is left again, too.
    pub back: bool,
}

/// What an alert does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Rings the bell of the user's terminals.
    Bell,
    /// Shows a message in tmux.
    Tmux,
    /// Sends a desktop notification.
    Desktop,
    /// Runs a command, without a shell.
    Command(Vec<String>),
}

impl Action {
    /// The actions that have a name.
    pub const NAMED: &[(&str, Action)] =
        &[("bell", Action::Bell), ("tmux", Action::Tmux), ("desktop", Action::Desktop)];
}

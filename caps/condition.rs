//! What a host knows at the moment it draws.

/// What the host knows at the moment it draws, and picks an arm by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// A state, by its name in [`STATES`].
    State,
    /// Which pane is active, by its id (`%3`).
    Pane,
}

/// The states of a multiplexer that an arm can be for.
pub const STATES: &[(&str, &str)] = &[
    ("prefix", "the prefix key was pressed"),
    ("copy-mode", "the pane is in copy mode or the like"),
    ("synced", "typing goes to all panes"),
    ("zoomed", "one pane has the whole window"),
    ("current", "of the window list: this window is the current one"),
    ("bell", "of the window list: this window rang"),
    ("activity", "of the window list: something happened in this window"),
    ("last", "of the window list: this window was the current one before"),
];

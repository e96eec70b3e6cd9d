//! The tools that can be around a shell.

use std::path::PathBuf;

use crate::base::value::Value;

/// A tool that can be around a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    Abduco,
    Dtach,
    Dvtm,
    Mosh,
    Screen,
    Ssh,
    Tmux,
    Xpra,
}

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Tool::Abduco => "abduco",
            Tool::Dtach => "dtach",
            Tool::Dvtm => "dvtm",
            Tool::Mosh => "mosh",
            Tool::Screen => "screen",
            Tool::Ssh => "ssh",
            Tool::Tmux => "tmux",
            Tool::Xpra => "xpra",
        }
    }

    /// The tool whose server has this name in `/proc`.
    pub fn of(comm: &str) -> Option<Tool> {
        match comm {
            "tmux: server" | "tmux" => Some(Tool::Tmux),
            "screen" | "SCREEN" => Some(Tool::Screen),
            "abduco" => Some(Tool::Abduco),
            "dtach" => Some(Tool::Dtach),
            "dvtm" => Some(Tool::Dvtm),
            "mosh-server" => Some(Tool::Mosh),
            "sshd" | "sshd-session" | "dropbear" => Some(Tool::Ssh),
            "xpra" => Some(Tool::Xpra),
            _ => None,
        }
    }

    /// Whether it keeps running without the terminal that it was started in.
    pub fn detaches(self) -> bool {
        matches!(self, Tool::Tmux | Tool::Screen | Tool::Abduco | Tool::Dtach)
    }
}

/// One tool around the asker.
#[derive(Clone, Debug)]
pub struct Layer {
    pub tool: Tool,
    pub name: Option<Value>,
    /// Window and pane, as fields and their values.
    pub fields: Vec<(&'static str, Value)>,
    /// Where its server listens, to distinguish it from other sessions.
    pub socket: Option<PathBuf>,
}

/// The display in the name of a socket of xpra, `HOST-NUMBER`.
pub fn display(socket: &str) -> String {
    match socket.rsplit_once('-') {
        Some((_, number)) if number.bytes().all(|b| b.is_ascii_digit()) => format!(":{number}"),
        _ => socket.into(),
    }
}

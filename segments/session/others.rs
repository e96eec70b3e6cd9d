//! The user's other sessions, found by their sockets.
//!
//! tmux, screen, abduco and dtach set the owner's x bit of their socket while a client is attached,
//! and clear it when the last one leaves. A socket without a listener is that of a server that was
//! killed. Directories are searched in the order of the tools themselves.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::tool::{Layer, Tool, display};
use crate::base::contract::Ask;
use crate::machine::{DirEntry, Machine};

/// A session that is not ours.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Other {
    pub tool: Tool,
    pub name: String,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Attached,
    Detached,
    /// abduco keeps an ended session until its exit status is asked for.
    Ended,
    /// Its server is gone, but its socket is left.
    Dead,
    /// It runs; its socket does not show whether it is attached.
    Alive,
}

impl Other {
    /// `TOOL:NAME` and a mark: `*` attached (as in abduco and screen), `+` ended, `!` dead.
    pub fn label(&self) -> String {
        let mark = match self.state {
            State::Attached => "*",
            State::Ended => "+",
            State::Dead => "!",
            State::Detached | State::Alive => "",
        };
        format!("{}:{}{mark}", self.tool.name(), self.name)
    }
}

/// The user's other sessions, by tool and name.
pub fn find(machine: &Machine, ask: &Ask, own: &[Layer], dtach: &[String]) -> Vec<Other> {
    let directories = directories(machine, ask, dtach);
    let uid = machine.uid();
    let mut sockets: Vec<(Tool, PathBuf, DirEntry)> = Vec::new();
    for (tool, dir) in directories {
        // Most of the directories do not exist on most machines.
        let entries = machine.list(&dir).unwrap_or_default().into_iter();
        let ours = entries.filter(|entry| entry.is_socket && entry.uid == uid);
        sockets.extend(ours.map(|entry| (tool, dir.join(&entry.name), entry)));
    }
    sockets.retain(|(tool, path, entry)| !own.iter().any(|l| is_own(l, *tool, path, &entry.name)));
    if sockets.is_empty() {
        return Vec::new();
    }
    let listeners = machine.listeners();
    let mut others: Vec<Other> = sockets
        .iter()
        .map(|(tool, path, entry)| {
            let dead = listeners.as_ref().is_some_and(|listeners| !listeners.has(path));
            let state = if dead { State::Dead } else { state(*tool, entry.mode) };
            Other { tool: *tool, name: name(*tool, &entry.name.to_string_lossy()), state }
        })
        .collect();
    others.sort_unstable();
    // xpra creates a socket in each of its directories.
    others.dedup_by(|a, b| a.tool == Tool::Xpra && a.tool == b.tool && a.name == b.name);
    others
}

/// The directories in which each tool creates its sockets.
fn directories(machine: &Machine, ask: &Ask, dtach: &[String]) -> Vec<(Tool, PathBuf)> {
    let uid = machine.uid();
    let user = machine.user(uid);
    let mut directories = Vec::new();
    let tmux = Path::new(ask.env("TMUX_TMPDIR").unwrap_or("/tmp"));
    directories.push((Tool::Tmux, tmux.join(format!("tmux-{uid}"))));
    directories.push((Tool::Xpra, format!("/run/user/{uid}/xpra").into()));
    directories.push((Tool::Xpra, "/run/xpra".into()));
    let screen = ask.env("SCREENDIR").map(PathBuf::from);
    let abduco = ask.env("ABDUCO_SOCKET_DIR").map(PathBuf::from);
    if let Some(user) = &user {
        let shared = PathBuf::from("/run/screen").join(format!("S-{}", user.name));
        directories.push((Tool::Screen, screen.unwrap_or(shared)));
        for dir in abduco.into_iter().chain([PathBuf::from("/tmp")]) {
            directories.push((Tool::Abduco, dir.join("abduco").join(&user.name)));
        }
        directories.push((Tool::Abduco, user.home.join(".abduco")));
        directories.push((Tool::Xpra, user.home.join(".xpra")));
    } else if let Some(screen) = screen {
        directories.push((Tool::Screen, screen));
    }
    for dir in dtach {
        match (dir.strip_prefix("~/"), &user) {
            (Some(rest), Some(user)) => directories.push((Tool::Dtach, user.home.join(rest))),
            (Some(_), None) => {}
            (None, _) => directories.push((Tool::Dtach, dir.into())),
        }
    }
    directories
}

fn is_own(layer: &Layer, tool: Tool, path: &Path, name: &OsStr) -> bool {
    let Some(own) = &layer.socket else { return false };
    // A tool may have a relative path, or only the socket's name.
    layer.tool == tool && (own == path || (own.is_relative() && own.file_name() == Some(name)))
}

fn state(tool: Tool, mode: u32) -> State {
    match tool {
        Tool::Xpra => State::Alive,
        _ if mode & 0o100 != 0 => State::Attached,
        // 0610; of screen's modes 0601 is a session shared with other users.
        Tool::Abduco if mode & 0o010 != 0 => State::Ended,
        _ => State::Detached,
    }
}

/// The session's name in the name of its socket.
fn name(tool: Tool, socket: &str) -> String {
    match tool {
        Tool::Screen => socket.split_once('.').map_or(socket, |(_, name)| name).into(),
        Tool::Abduco => socket.rsplit_once('@').map_or(socket, |(name, _)| name).into(),
        Tool::Xpra => display(socket),
        _ => socket.into(),
    }
}

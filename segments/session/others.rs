//! Who else is there: the sessions whose sockets lie where the tools put them.
//!
//! tmux, screen, abduco and dtach all keep the owner's x bit of their socket set while somebody is
//! attached, and clear it when the last one leaves. A socket on which nobody listens was left by a
//! server that was killed. The order of directories is the tools' own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::tool::{Layer, Tool, display};
use crate::base::contract::Ask;
use crate::machine::{Entry, Machine};

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
    /// abduco keeps what ended until somebody asks for its exit status.
    Ended,
    /// Its server is gone and its socket is not.
    Dead,
    /// It lives; whether somebody looks at it its socket does not say.
    Alive,
}

impl Other {
    /// `TOOL:NAME` and a mark: `*` attached (abduco's and screen's own sign), `+` ended, `!` dead.
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
    let places = places(machine, ask, dtach);
    let uid = machine.uid();
    let mut sockets: Vec<(Tool, PathBuf, Entry)> = Vec::new();
    for (tool, dir) in places {
        // Most of the places do not exist on most machines.
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
    // xpra makes a socket in each of its places.
    others.dedup_by(|a, b| a.tool == Tool::Xpra && a.tool == b.tool && a.name == b.name);
    others
}

/// Where each tool puts its sockets.
fn places(machine: &Machine, ask: &Ask, dtach: &[String]) -> Vec<(Tool, PathBuf)> {
    let uid = machine.uid();
    let user = machine.user(uid);
    let mut places = Vec::new();
    let tmux = Path::new(ask.env("TMUX_TMPDIR").unwrap_or("/tmp"));
    places.push((Tool::Tmux, tmux.join(format!("tmux-{uid}"))));
    places.push((Tool::Xpra, format!("/run/user/{uid}/xpra").into()));
    places.push((Tool::Xpra, "/run/xpra".into()));
    let screen = ask.env("SCREENDIR").map(PathBuf::from);
    let abduco = ask.env("ABDUCO_SOCKET_DIR").map(PathBuf::from);
    if let Some(user) = &user {
        let shared = PathBuf::from("/run/screen").join(format!("S-{}", user.name));
        places.push((Tool::Screen, screen.unwrap_or(shared)));
        for dir in abduco.into_iter().chain([PathBuf::from("/tmp")]) {
            places.push((Tool::Abduco, dir.join("abduco").join(&user.name)));
        }
        places.push((Tool::Abduco, user.home.join(".abduco")));
        places.push((Tool::Xpra, user.home.join(".xpra")));
    } else if let Some(screen) = screen {
        places.push((Tool::Screen, screen));
    }
    for dir in dtach {
        match (dir.strip_prefix("~/"), &user) {
            (Some(rest), Some(user)) => places.push((Tool::Dtach, user.home.join(rest))),
            (Some(_), None) => {}
            (None, _) => places.push((Tool::Dtach, dir.into())),
        }
    }
    places
}

fn is_own(layer: &Layer, tool: Tool, path: &Path, name: &OsStr) -> bool {
    let Some(own) = &layer.socket else { return false };
    // A tool may have been told a relative path, or say only the socket's name.
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

/// A session's name in its socket's.
fn name(tool: Tool, socket: &str) -> String {
    match tool {
        Tool::Screen => socket.split_once('.').map_or(socket, |(_, name)| name).into(),
        Tool::Abduco => socket.rsplit_once('@').map_or(socket, |(name, _)| name).into(),
        Tool::Xpra => display(socket),
        _ => socket.into(),
    }
}

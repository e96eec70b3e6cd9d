//! The tools around the asker, outermost first.
//!
//! The servers of tools that detach (tmux, screen, abduco, dtach) leave their parent, so the line
//! of ancestors ends at the innermost of them, unless the terminal that started it is still
//! attached. That is right: what was around the server when it was started may not be around it
//! now. Only ssh is taken from the environment alone, as a login comes before anything else. For
//! tmux, whose server leaves its parent at once, a screen around it counts if a client of tmux runs
//! in that screen now.

use std::path::{Path, PathBuf};

use super::tool::{Layer, Tool, display};
use crate::base::contract::Ask;
use crate::base::untrusted::Untrusted;
use crate::base::value::{Live, Value};
use crate::machine::{Machine, Process};

/// The tools around the asker, outermost first. If its ancestors are unknown (`None`), the tools in
/// the environment are taken, in the order in which they are usually nested.
pub fn find(machine: &Machine, ask: &Ask, ancestors: Option<&[Process]>) -> Vec<Layer> {
    let mut layers = match ancestors {
        Some(ancestors) => by_ancestors(machine, ask, ancestors),
        None => by_environment(ask),
    };
    let seen = |layers: &[Layer], tool| layers.iter().any(|layer| layer.tool == tool);
    if ancestors.is_some()
        && layers.first().is_some_and(|layer| layer.tool == Tool::Tmux)
        && screen_server(ask).is_some_and(|server| has_tmux_client(machine, server))
    {
        layers.splice(0..0, screen(ask));
    }
    if !seen(&layers, Tool::Xpra) && !layers.iter().any(|layer| layer.tool.detaches()) {
        layers.splice(0..0, xpra(ask));
    }
    let remote = ask.env("SSH_CONNECTION").or(ask.env("SSH_TTY")).is_some();
    if remote && !seen(&layers, Tool::Ssh) && !seen(&layers, Tool::Mosh) {
        layers.insert(0, bare(Tool::Ssh));
    }
    // There is one login by ssh: mosh is started through it, and both have the same address.
    if let Some(first) = layers.iter_mut().find(|l| matches!(l.tool, Tool::Ssh | Tool::Mosh)) {
        let client = ask.env("SSH_CONNECTION").and_then(|text| text.split(' ').next());
        first.name = client.and_then(named);
    }
    layers
}

fn by_ancestors(machine: &Machine, ask: &Ask, ancestors: &[Process]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut inner = None;
    for process in ancestors {
        let tool = match tmux_server(ask) {
            Some(pid) if pid == process.pid => Some(Tool::Tmux),
            _ => Tool::of(&process.comm),
        };
        // Several processes of one tool in a row, such as a client below its server, are one tool.
        if let Some(tool) = tool
            && inner != Some(tool)
        {
            // The environment is about the innermost one of a tool.
            let first = !layers.iter().any(|layer| layer.tool == tool);
            layers.push(if first { known(machine, ask, tool, process.pid) } else { bare(tool) });
        }
        inner = tool;
    }
    layers.reverse();
    // A status job of tmux has no parent. It has no pane either, so `TMUX` is right about it.
    if ask.env("TMUX_PANE").is_none() && !layers.iter().any(|layer| layer.tool == Tool::Tmux) {
        layers.extend(tmux(ask));
    }
    layers
}

fn by_environment(ask: &Ask) -> Vec<Layer> {
    [xpra(ask), screen(ask), tmux(ask), abduco(ask), dvtm(ask)].into_iter().flatten().collect()
}

/// What the environment says of the tool with this process, if it is about that process.
fn known(machine: &Machine, ask: &Ask, tool: Tool, pid: u32) -> Layer {
    let layer = match tool {
        Tool::Tmux if tmux_server(ask) == Some(pid) => tmux(ask),
        Tool::Tmux => None,
        Tool::Screen if screen_server(ask) == Some(pid) => screen(ask),
        // A backtick command has no `STY`; the socket's name begins with the server's process ID.
        Tool::Screen => screen_by_socket(machine, ask, pid),
        Tool::Abduco => abduco(ask),
        Tool::Dvtm => dvtm(ask),
        Tool::Xpra => xpra(ask),
        Tool::Dtach => dtach(machine, pid),
        Tool::Mosh | Tool::Ssh => None,
    };
    layer.unwrap_or_else(|| bare(tool))
}

fn bare(tool: Tool) -> Layer {
    Layer { tool, name: None, fields: Vec::new(), socket: None }
}

/// `$TMUX` is `SOCKET,PID,SESSION`, and the socket may hold commas.
fn tmux_fields(ask: &Ask) -> Option<(&str, u32, &str)> {
    let mut fields = ask.env("TMUX")?.rsplitn(3, ',');
    let (session, pid, socket) = (fields.next()?, fields.next()?, fields.next()?);
    Some((socket, pid.parse().ok()?, session))
}

fn tmux_server(ask: &Ask) -> Option<u32> {
    tmux_fields(ask).map(|(_, pid, _)| pid)
}

fn tmux(ask: &Ask) -> Option<Layer> {
    let (socket, _, session) = tmux_fields(ask)?;
    // A session's number never changes, but its name may. A job of the server itself has -1.
    let session = session.parse::<u32>().map(|number| format!("${number}")).unwrap_or_default();
    let pane =
        ask.env("TMUX_PANE").or(ask.pane.as_ref().map(Untrusted::reveal)).unwrap_or_default();
    let live = |what, known: &str| Value::Live { what, known: known.into() };
    Some(Layer {
        tool: Tool::Tmux,
        name: Some(live(Live::SessionName, &session)),
        fields: vec![
            ("window", live(Live::WindowIndex, "")),
            ("window_name", live(Live::WindowName, "")),
            ("pane", live(Live::PaneIndex, pane)),
            ("pane_title", live(Live::PaneTitle, "")),
        ],
        socket: Some(socket.into()),
    })
}

fn screen_server(ask: &Ask) -> Option<u32> {
    ask.env("STY")?.split('.').next()?.parse().ok()
}

/// Whether a client of tmux runs somewhere below this process.
fn has_tmux_client(machine: &Machine, server: u32) -> bool {
    let entries = machine.list("/proc").unwrap_or_default();
    let pids = entries.iter().filter_map(|entry| entry.name.to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let comm = machine.read(format!("/proc/{pid}/comm")).unwrap_or_default();
        comm.starts_with(b"tmux: client")
    })
    .filter_map(|pid| machine.lineage(pid))
    .any(|ancestors| ancestors.iter().any(|process| process.pid == server))
}

fn screen_by_socket(machine: &Machine, ask: &Ask, pid: u32) -> Option<Layer> {
    let dir = match ask.env("SCREENDIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new("/run/screen").join(format!("S-{}", machine.user(machine.uid())?.name)),
    };
    let entries = machine.list(dir).ok()?;
    let of_server = |name: &str| name.split('.').next().and_then(|n| n.parse().ok()) == Some(pid);
    let sockets = entries.iter().filter(|entry| entry.is_socket);
    let socket = sockets.filter_map(|entry| entry.name.to_str()).find(|name| of_server(name))?;
    let (_, name) = socket.split_once('.')?;
    Some(Layer { name: named(name), socket: Some(socket.into()), ..bare(Tool::Screen) })
}

/// `$STY` is `PID.NAME`, like the socket's name.
fn screen(ask: &Ask) -> Option<Layer> {
    let sty = ask.env("STY")?;
    let name = sty.split_once('.').map_or(sty, |(_, name)| name);
    Some(Layer {
        tool: Tool::Screen,
        name: named(name),
        fields: window(ask, "WINDOW"),
        // The directory is unknown, but the name is unique: it contains the server's process ID.
        socket: Some(sty.into()),
    })
}

fn abduco(ask: &Ask) -> Option<Layer> {
    let name = named(ask.env("ABDUCO_SESSION")?);
    let socket = ask.env("ABDUCO_SOCKET").map(PathBuf::from);
    Some(Layer { name, socket, ..bare(Tool::Abduco) })
}

fn dvtm(ask: &Ask) -> Option<Layer> {
    ask.env("DVTM")?;
    Some(Layer { fields: window(ask, "DVTM_WINDOW_ID"), ..bare(Tool::Dvtm) })
}

fn xpra(ask: &Ask) -> Option<Layer> {
    let socket = Path::new(ask.env("XPRA_SERVER_SOCKET")?);
    let name = socket.file_name().and_then(|name| named(&display(name.to_str()?)));
    Some(Layer { name, socket: Some(socket.into()), ..bare(Tool::Xpra) })
}

/// dtach sets no variables; its command line begins with `dtach -MODE SOCKET`.
fn dtach(machine: &Machine, pid: u32) -> Option<Layer> {
    let line = machine.read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    let socket = Path::new(line.split('\0').nth(2)?);
    let name = named(&socket.file_name()?.to_string_lossy());
    Some(Layer { name, socket: Some(socket.into()), ..bare(Tool::Dtach) })
}

fn window(ask: &Ask, variable: &str) -> Vec<(&'static str, Value)> {
    ask.env(variable).map(|number| ("window", Value::text(number))).into_iter().collect()
}

fn named(name: &str) -> Option<Value> {
    (!name.is_empty()).then(|| Value::text(name))
}

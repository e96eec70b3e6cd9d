//! What is known of each host before it is asked: one table for the client (which target, how long
//! to wait), for the targets (live texts) and for the writer of a stream's lines (pacing).

use crate::Version;
use crate::pacing::Pacing;

/// The facts of one host.
#[derive(Debug)]
pub struct Host {
    /// Its name, which is also that of its target.
    pub name: &'static str,
    /// The lines of a config that it shows: those with this name, alone or before a dot.
    pub line: &'static str,
    /// Milliseconds that it can wait for a line.
    pub deadline: u16,
    /// When it takes the lines of a stream.
    pub pacing: Pacing,
    /// The version from which on it fills live texts in by itself; `None`: it never does.
    pub live_from: Option<Version>,
}

impl Host {
    /// Whether a host of this version fills live texts in, see [`Caps::live`](crate::Caps::live).
    pub fn is_live(&self, version: Version) -> bool {
        self.live_from.is_some_and(|least| version >= least)
    }
}

/// The first tmux whose `#()` output may hold a choice that is decided anew at each redraw.
pub const TMUX_CHOICES: Version = (2, 9);
/// The first tmux with `q/h`, which makes a name safe to draw.
pub const TMUX_LIVE_TEXTS: Version = (3, 2);
/// Milliseconds that a host waits that is not in the table.
pub const DEADLINE: u16 = 200;
/// The target of a line that no single host shows.
pub const TARGET: &str = "ansi";

/// Every host. A prompt or a screen backtick holds up typing, so it waits shortly.
pub static ALL: &[Host] = &[
    Host { line: "prompt", deadline: 30, ..usual("bash") },
    usual("dvtm"),
    Host { line: "prompt", deadline: 30, ..usual("fish") },
    Host { deadline: 50, ..usual("screen") },
    Host { pacing: Pacing::OncePerSecond, live_from: Some(TMUX_LIVE_TEXTS), ..usual("tmux") },
    Host { line: "prompt", deadline: 30, ..usual("zsh") },
];

const fn usual(name: &'static str) -> Host {
    Host { name, line: name, deadline: DEADLINE, pacing: Pacing::Immediate, live_from: None }
}

/// The host of this name.
pub fn find(name: &str) -> Option<&'static Host> {
    ALL.iter().find(|host| host.name == name)
}

/// The first host that shows a line: `tmux.windows` is tmux's.
pub fn of_line(line: &str) -> Option<&'static Host> {
    let name = line.split('.').next().unwrap_or(line);
    ALL.iter().find(|host| host.line == name)
}

/// The target of a line unless another is asked for. A prompt's depends on the shell, which says so.
pub fn target(line: &str) -> &'static str {
    of_line(line).filter(|host| host.line == host.name).map_or(TARGET, |host| host.name)
}

/// Milliseconds that the host of a line waits for it.
pub fn deadline(line: &str) -> u16 {
    of_line(line).map_or(DEADLINE, |host| host.deadline)
}

/// When lines for a target may be written.
pub fn pacing(target: &str) -> Pacing {
    find(target).map_or(Pacing::Immediate, |host| host.pacing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_knows_its_target_and_how_long_it_may_take() {
        assert_eq!((target("tmux.windows"), deadline("tmux.windows")), ("tmux", 200));
        assert_eq!((target("screen"), deadline("screen")), ("screen", 50));
        assert_eq!((target("prompt"), deadline("prompt.right")), ("ansi", 30));
        assert_eq!((target("terminal"), deadline("terminal")), ("ansi", 200));
    }

    #[test]
    fn live_texts_depend_on_the_version() {
        let is_live = |name, version| find(name).is_some_and(|host| host.is_live(version));
        assert!(is_live("tmux", (3, 2)) && !is_live("tmux", (3, 1)));
        assert!(!is_live("screen", (5, 0)));
    }
}

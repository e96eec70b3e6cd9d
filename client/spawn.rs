//! Starting the daemon, at most one at a time and ever more rarely if it does not last.
//!
//! The child is our own program again: it becomes its own session, forks once more by running
//! itself, and closes what it inherited. It is not waited for; a prompt draws its own line meanwhile.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::runtime::{Runtime, SPAWN_LOCK, SPAWN_STATE};
use crate::sys;

/// Starts within this many seconds are remembered.
const WINDOW: u64 = 600;
/// So many starts in a window are enough.
const MOST_STARTS: usize = 5;
/// More of them are no accident.
pub const MANY_STARTS: usize = 2;
/// The longest pause between two starts, in seconds.
const MOST_PAUSE: u64 = 300;

/// What came of trying.
#[derive(Debug)]
pub enum Started {
    /// A daemon is on its way; the child is the first of its two steps and ends at once.
    Yes(Child),
    /// Another process is starting one.
    Busy,
    /// Daemons died too often lately.
    Paused,
    /// It cannot be started.
    Failed(std::io::Error),
}

/// Starts a daemon, unless another process does or the last ones did not last.
pub fn start(runtime: &Runtime) -> Started {
    let _lock = match runtime.lock(SPAWN_LOCK) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Started::Busy,
        Err(errno) => return Started::Failed(errno.into()),
    };
    let now = sys::boot().as_secs();
    let mut starts = recent(&runtime.read(SPAWN_STATE).unwrap_or_default(), now);
    if !may_start(&starts, now) {
        return Started::Paused;
    }
    starts.push(now);
    let text: String = starts.iter().map(|at| format!("{at}\n")).collect();
    // If starts cannot be counted none is made: there would be no end to them.
    if let Err(error) = runtime.write(SPAWN_STATE, text.as_bytes()) {
        return Started::Failed(error);
    }
    match launch(&[]) {
        Ok(child) => Started::Yes(child),
        Err(error) => Started::Failed(error),
    }
}

/// Starts a daemon, however often that failed before; `more` are further arguments of `daemon run`.
pub fn launch(more: &[OsString]) -> std::io::Result<Child> {
    let mut command = Command::new(executable()?);
    command.args(["daemon", "run", "--detached"]).args(more);
    command.env_clear().envs(environment());
    command.current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()
}

/// Forgets the starts so far: the daemon lasted, or was stopped on purpose.
pub fn reset(runtime: &Runtime) {
    runtime.remove(SPAWN_STATE);
}

/// How often daemons were started lately without one that lasted.
pub fn starts(runtime: &Runtime) -> usize {
    recent(&runtime.read(SPAWN_STATE).unwrap_or_default(), sys::boot().as_secs()).len()
}

/// Whether no daemon can be started, or too many did not last.
pub fn fails(runtime: &Runtime) -> bool {
    let is_there = runtime.identity(SPAWN_STATE).is_some();
    let is_unreadable = is_there && runtime.read(SPAWN_STATE).is_none();
    is_unreadable || runtime.lock(SPAWN_LOCK).is_err() || starts(runtime) > MANY_STARTS
}

/// Whether no daemon is started just now, because those before did not last.
pub fn is_paused(runtime: &Runtime) -> bool {
    let now = sys::boot().as_secs();
    !may_start(&recent(&runtime.read(SPAWN_STATE).unwrap_or_default(), now), now)
}

/// The starts of this window. One in the future is of another boot.
fn recent(text: &[u8], now: u64) -> Vec<u64> {
    let lines = text.split(|byte| *byte == b'\n');
    let times = lines.filter_map(|line| std::str::from_utf8(line).ok()?.parse::<u64>().ok());
    times.filter(|at| *at <= now && now - at < WINDOW).collect()
}

/// 1, 2, 4 … seconds after the last start, and five in a window.
fn may_start(starts: &[u64], now: u64) -> bool {
    let Some(last) = starts.last() else { return true };
    let pause = (1_u64 << (starts.len() - 1).min(16)).min(MOST_PAUSE);
    starts.len() < MOST_STARTS && now - last >= pause
}

/// Our own program, also after it was replaced by a newer one.
pub fn executable() -> std::io::Result<PathBuf> {
    if let Ok(link) = std::fs::read_link("/proc/self/exe") {
        let bytes = link.as_os_str().as_bytes();
        let bare = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
        let path = PathBuf::from(OsString::from_vec(bare.to_vec()));
        if path.is_file() {
            return Ok(path);
        }
    }
    let name = sys::program();
    let name = Path::new(&name);
    if name.is_absolute() && name.is_file() {
        return Ok(name.to_owned());
    }
    let file = name.file_name().unwrap_or(OsStr::new("rainline"));
    sys::find_program(file)
        .ok_or_else(|| std::io::Error::other("the program's own file cannot be found"))
}

/// What a daemon may know of the environment it is started from: it serves every terminal of the
/// user, so nothing of this one terminal, and nothing secret.
pub fn environment() -> Vec<(OsString, OsString)> {
    reduced(std::env::vars_os())
}

fn reduced(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    const NAMES: &[&str] = &[
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PATH",
        "LANG",
        "TZ",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        // The desktop's, for commands of the user's and for notifications.
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
    ];
    const STARTS: &[&str] = &["LC_", "XDG_", "RAINLINE_"];
    let mut kept = Vec::new();
    let mut preload = None;
    for (name, value) in all {
        let Some(text) = name.to_str() else { continue };
        if text == "LD_PRELOAD" || text == "DMTCP_ORIG_LD_PRELOAD" {
            let clean = without_dmtcp(&value);
            if !clean.is_empty() {
                preload.get_or_insert(clean);
            }
        } else if NAMES.contains(&text) || STARTS.iter().any(|start| text.starts_with(start)) {
            kept.push((name, value));
        }
    }
    kept.extend(preload.map(|value| (OsString::from("LD_PRELOAD"), value)));
    kept
}

/// DMTCP's library makes a daemon part of the user's checkpoint, and every command it runs abort.
fn without_dmtcp(preload: &OsStr) -> OsString {
    let entries = preload.as_bytes().split(|byte| matches!(byte, b':' | b' '));
    let foreign = entries
        .filter(|entry| !entry.is_empty() && !entry.windows(8).any(|window| window == b"libdmtcp"));
    OsString::from_vec(foreign.collect::<Vec<_>>().join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_come_ever_more_rarely_and_then_not_at_all() {
        assert!(may_start(&[], 100));
        assert!(!may_start(&[100], 100));
        assert!(may_start(&[100], 101));
        assert!(!may_start(&[100, 101], 102));
        assert!(may_start(&[100, 101], 103));
        assert!(!may_start(&[100, 101, 103, 107, 115], 590));
    }

    #[test]
    fn old_starts_and_those_of_another_boot_are_forgotten() {
        assert_eq!(recent(b"10\n500\nnonsense\n99999\n", 700), [500]);
    }

    #[test]
    fn a_client_polling_every_second_starts_few_daemons() {
        let mut starts: Vec<u64> = Vec::new();
        let mut spawned = 0;
        for now in 1000..1600 {
            starts.retain(|at| now - at < WINDOW);
            if may_start(&starts, now) {
                starts.push(now);
                spawned += 1;
            }
        }
        assert_eq!(spawned, MOST_STARTS);
    }

    #[test]
    fn the_environment_is_reduced_and_the_preload_cleaned() {
        let given = [
            ("HOME", "/home/u"),
            ("AWS_SECRET", "x"),
            ("TMUX", "/tmp/t"),
            ("LC_ALL", "C"),
            ("LD_PRELOAD", "/opt/libdmtcp.so:/opt/other.so"),
        ];
        let given = given.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let kept = reduced(given.into_iter());
        let names: Vec<_> = kept.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(names, ["HOME", "LC_ALL", "LD_PRELOAD"]);
        assert_eq!(kept[2].1, "/opt/other.so");
    }
}

//! How many workers, and commands of workers, hang in the kernel and cannot be killed. A daemon counts
//! its own; lines that are drawn without one come from many processes, each of which would leave one
//! more behind.
//!
//! A process that leaves a worker behind writes its number into a file of the runtime directory. Only
//! while there is that file, or no such directory, the processes are looked through: workers have a
//! name of their own ([`name`]), and what a worker's commands left is in the file.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rainline_client::runtime::Runtime;
use rainline_client::sys;
use rainline_segments::family::{self, Killed, Stat};

use crate::worker::name;

/// So many are enough, as in the daemon.
pub const MOST: usize = 4;
/// The file: a number and a start, as in [`Stat::start`], a line.
const FILE: &str = "hung";
/// How many that were left behind are remembered.
const MAX_LISTED: usize = 64;

/// How many there are, as far as can be told until a moment of [`sys::awake`].
pub fn count(runtime: Option<&Runtime>, until: Duration) -> usize {
    let listed = match runtime {
        None => Vec::new(),
        Some(runtime) => match runtime.read(FILE) {
            None => return 0,
            Some(text) => alive(&text),
        },
    };
    let mut found: HashSet<u32> = listed.iter().map(|killed| killed.pid).collect();
    let name = name();
    for pid in family::all() {
        if found.len() >= MOST || sys::awake() >= until {
            break;
        }
        if is_hung_worker(pid, &name) {
            found.insert(pid);
        }
    }
    if let Some(runtime) = runtime.filter(|_| found.is_empty()) {
        runtime.remove(FILE);
    }
    found.len()
}

/// Notes processes that were killed and are not gone yet.
pub fn note(runtime: &Runtime, killed: &[Killed]) {
    let mut all = alive(&runtime.read(FILE).unwrap_or_default());
    all.extend(killed);
    let first = all.len().saturating_sub(MAX_LISTED);
    let text: String =
        all[first..].iter().map(|killed| format!("{} {}\n", killed.pid, killed.start)).collect();
    // Without space for it they are looked for by their name once a later one is noted.
    let _ = runtime.write(FILE, text.as_bytes());
}

/// Those of the file that are still there.
fn alive(text: &[u8]) -> Vec<Killed> {
    let parse = |line: &str| {
        let (pid, start) = line.split_once(' ')?;
        Some(Killed { pid: pid.parse().ok()?, start: start.parse().ok()? })
    };
    let text = String::from_utf8_lossy(text);
    let is_alive = |killed: &Killed| {
        let stat = Stat::of(killed.pid).filter(|stat| stat.start == killed.start);
        stat.is_some_and(|stat| !stat.is_zombie())
    };
    text.lines().take(MAX_LISTED).filter_map(parse).filter(is_alive).collect()
}

fn is_hung_worker(pid: u32, name: &str) -> bool {
    let is_hung = |stat: Stat| stat.state == b'D' && stat.name == name;
    let is_ours = || std::fs::metadata(format!("/proc/{pid}")).map(|meta| meta.uid());
    Stat::of(pid).is_some_and(is_hung) && is_ours().ok() == Some(sys::uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_or_has_the_number_of_another_counts_no_more() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        let soon = || sys::awake() + Duration::from_secs(20);
        assert_eq!(count(Some(&runtime), soon()), 0);
        let pid = std::process::id();
        let start = Stat::of(pid).expect("we are there").start;
        note(&runtime, &[Killed { pid, start }]);
        assert_eq!(count(Some(&runtime), soon()), 1);
        note(&runtime, &[Killed { pid, start: start + 1 }]);
        assert_eq!(count(Some(&runtime), soon()), 1, "one of the two");
        runtime.write(FILE, b"nonsense\n1\n-1 0\n\xff 7\n").expect("written");
        assert_eq!(count(Some(&runtime), soon()), 0);
        assert_eq!(runtime.read(FILE), None, "nothing hangs: nothing is looked through any more");
    }
}

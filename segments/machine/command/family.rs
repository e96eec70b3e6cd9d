//! What a process started, and what that started in turn, by the kernel's own list of parents and
//! children. A process that left its group and session, or that lost its parent, is still in it: the
//! orphans of a worker's commands become the worker's children, and those of a worker the daemon's
//! ([`adopt_orphans`](crate::adopt_orphans)).
//!
//! Where there is no `/proc` every process has no children, and process groups are all there is.

use std::collections::HashSet;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};

use super::child::timespec;
use crate::machine::native::{os, processes::columns};

/// The most processes that are killed of a family in which new ones keep appearing.
const MAX_KILLED: usize = 10_000;
/// How often a process is looked at again where the kernel does not report its end.
const INTERVAL: Duration = Duration::from_millis(20);

/// A process that was killed.
#[derive(Clone, Copy, Debug)]
pub struct Killed {
    /// Its number.
    pub pid: u32,
    /// See [`Stat::start`].
    pub start: u64,
}

impl Killed {
    /// Whether it has ended. A child of this process is waited for here and leaves no zombie;
    /// any other is waited for by its own parent.
    pub fn has_ended(&self) -> bool {
        let Some(stat) = Stat::of(self.pid).filter(|stat| stat.start == self.start) else {
            return true;
        };
        let Some(pid) = Pid::from_raw(self.pid.cast_signed()) else { return true };
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(ended) => ended.is_some(),
            Err(_) => stat.is_zombie(),
        }
    }
}

/// What the kernel says about a process, see proc_pid_stat(5).
pub struct Stat {
    /// Its file's name, or what it calls itself: 15 bytes at most.
    pub name: String,
    /// One letter.
    pub state: u8,
    parent: u32,
    /// When it was started, in ticks since boot: of two processes of one number each has its own.
    pub start: u64,
}

impl Stat {
    /// `None`: there is no such process, or no `/proc`.
    pub fn of(pid: u32) -> Option<Stat> {
        Stat::parse(&read(&format!("/proc/{pid}/stat"))?)
    }

    fn parse(stat: &[u8]) -> Option<Stat> {
        let (_, name, mut columns) = columns(stat)?;
        let state = *columns.next()?.as_bytes().first()?;
        let parent = columns.next()?.parse().ok()?;
        let start = columns.nth(17)?.parse().ok()?;
        Some(Stat { name, state, parent, start })
    }

    /// Whether it has ended and only waits to be collected.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn read(path: &str) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// The numbers in a directory's names.
#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn numbers(directory: &str) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The numbers of all processes.
pub fn all() -> impl Iterator<Item = u32> {
    numbers("/proc")
}

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let (mut children, mut listed) = (Vec::new(), true);
    for task in numbers(&format!("/proc/{pid}/task")) {
        match read(&format!("/proc/{pid}/task/{task}/children")) {
            Some(text) => {
                let numbers = String::from_utf8_lossy(&text);
                let numbers = numbers.split_ascii_whitespace();
                children.extend(numbers.filter_map(|number| number.parse::<u32>().ok()));
            }
            None => listed = false,
        }
    }
    if !listed && Stat::of(pid).is_some() {
        // A kernel without that list (CONFIG_PROC_CHILDREN).
        let is_child = |other: &u32| Stat::of(*other).is_some_and(|stat| stat.parent == pid);
        children = all().filter(is_child).collect();
    }
    children
}

/// Kills all that a process started, but not itself. Best called while that process lives and is
/// stopped: it starts nothing more, and where it adopts orphans those of its children are found below it.
pub fn kill_descendants(pid: u32) -> Vec<Killed> {
    let mut all: Vec<Killed> = Vec::new();
    let mut known = HashSet::from([pid]);
    // Again until none is new: a process that was just being forked is in no list yet.
    loop {
        let before = known.len();
        let mut parents = vec![pid];
        let mut seen = HashSet::from([pid]);
        while let Some(parent) = parents.pop() {
            for child in children(parent).into_iter().filter(|child| seen.insert(*child)) {
                parents.push(child);
                if known.insert(child) {
                    all.extend(
                        Stat::of(child).map(|stat| Killed { pid: child, start: stat.start }),
                    );
                    kill(child);
                }
            }
        }
        if known.len() == before || known.len() > MAX_KILLED {
            return all;
        }
    }
}

/// Kills a child of this process and all that it started.
pub fn kill_tree(child: u32) -> Vec<Killed> {
    let itself = Stat::of(child).map(|stat| Killed { pid: child, start: stat.start });
    let mut all = kill_descendants(child);
    if itself.is_some() {
        kill(child);
    }
    all.extend(itself);
    all
}

fn kill(pid: u32) {
    let _ = Pid::from_raw(pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
}

/// Ends everything that this process has started and waits until it is gone, or until standard
/// input ends. Only for a process whose every child may be ended.
pub fn end_all() {
    let stdin = rustix::stdio::stdin();
    loop {
        kill_descendants(std::process::id());
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        let child = children(std::process::id()).into_iter().next().and_then(os::end_of);
        let most = if child.is_some() { None } else { Some(timespec(INTERVAL)) };
        // Without a flag only the other side's end is reported.
        let mut fds = vec![PollFd::from_borrowed_fd(stdin, PollFlags::empty())];
        fds.extend(child.iter().map(|child| PollFd::new(child, PollFlags::IN)));
        let _ = poll(&mut fds, most.as_ref());
        if !fds[0].revents().is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_name_with_brackets_hides_nothing() {
        let stat = "7 (a) Z 1 (b) R 4 7 7 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 991 0 0";
        let stat = Stat::parse(stat.as_bytes()).expect("understood");
        assert_eq!((stat.state, stat.parent, stat.start), (b'R', 4, 991));
        assert_eq!(stat.name, "a) Z 1 (b");
        assert!(Stat::parse(b"7 (a) R 4").is_none() && Stat::parse(b"").is_none());
    }

    /// A process whose name was cut off within a letter was taken for one that is gone.
    #[test]
    fn a_name_of_no_utf8_hides_no_process() {
        let stat = b"7 (\xe6\x97) R 4 7 7 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 991 0 0";
        assert_eq!(Stat::parse(stat).expect("understood").start, 991);
    }

    #[test]
    fn a_name_that_is_no_text_is_a_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        std::os::unix::fs::symlink("/bin/sh", &path).expect("linked");
        #[allow(clippy::disallowed_methods, reason = "a test starts what it kills")]
        let mut command = Command::new(path);
        let mut shell =
            command.args(["-c", "read x"]).stdin(Stdio::piped()).spawn().expect("it runs");
        assert_eq!(Stat::of(shell.id()).expect("it lives").name, "caf\u{fffd}");
        assert_eq!(kill_tree(shell.id()).len(), 1);
        shell.wait().expect("its end");
    }

    #[test]
    fn what_left_the_session_is_of_the_family_all_the_same() {
        let script = "setsid -w sleep 600 & sleep 600 & echo; wait";
        #[allow(clippy::disallowed_methods, reason = "a test starts what it kills")]
        let mut command = Command::new("sh");
        let mut shell =
            command.args(["-c", script]).stdout(Stdio::piped()).spawn().expect("a shell");
        shell.stdout.take().expect("a pipe").read_exact(&mut [0]).expect("it has begun");
        let killed = kill_tree(shell.id());
        assert!(killed.len() >= 3, "{killed:?}");
        shell.wait().expect("its end");
        while !killed.iter().all(Killed::has_ended) {
            std::thread::yield_now();
        }
    }
}

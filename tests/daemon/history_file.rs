//! The history file, whenever its writer is killed.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use super::print;
use crate::support::hostile::Dice;
use crate::support::{Sandbox, rounds, signal, until, until_true, wait_end};

/// Where the running daemon keeps its history.
fn path(sandbox: &Sandbox) -> PathBuf {
    let status = sandbox.status().expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("history ")).expect("a history");
    PathBuf::from(line.trim_end_matches(" (not read)"))
}

/// The writer is killed at any moment of its writing: the file is the old one or the new one, and the
/// next daemon starts with it. `RAINLINE_LONG=1`: 200 times.
#[test]
fn a_daemon_killed_while_it_writes_leaves_a_whole_history() {
    let rounds = rounds(12, 200);
    let sandbox = Sandbox::running("");
    let path = path(&sandbox);
    let mut dice = Dice(7);
    let mut lost = 0;
    for round in 0..rounds {
        sandbox.until_history_is_read();
        print(&sandbox);
        let processes = [sandbox.daemons(), sandbox.workers()].concat();
        let daemon = sandbox.daemon().expect("it runs");
        let had_one = path.exists();
        // It saves, and dies some time on the way, with all that works for it.
        signal(daemon, Signal::TERM);
        std::thread::sleep(std::time::Duration::from_micros(dice.below(30_000) as u64));
        processes.iter().for_each(|pid| signal(*pid, Signal::KILL));
        processes.into_iter().for_each(wait_end);
        assert!(path.exists() || !had_one, "{round}");
        sandbox.start_daemon(&[]);
        until("an answer", || sandbox.daemon());
        sandbox.until_history_is_read();
        lost += usize::from(path.with_extension("bad").exists());
    }
    assert_eq!(lost, 0, "of {rounds} histories");
    let dir = path.parent().expect("a directory");
    // One whose writer was not collected yet is the next daemon's.
    until_true("the end of all drafts", || {
        sandbox.stop_daemon();
        sandbox.start_daemon(&[]);
        sandbox.until_history_is_read();
        fs::read_dir(dir).expect("a directory").count() == 1
    });
}

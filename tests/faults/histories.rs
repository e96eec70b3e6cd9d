//! A history that is not what was written, T59: it is put aside, and nothing comes of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rainline::readings::history::History;

use super::print;
use crate::support::process::peak_memory;
use crate::support::{Sandbox, lives, make_fifo, until_true};

/// The history that a daemon leaves.
fn written() -> Vec<u8> {
    let sandbox = Sandbox::running("");
    sandbox.until_history_is_read();
    print(&sandbox);
    sandbox.stop_daemon();
    fs::read(history_file(&sandbox)).expect("a history")
}

fn history_file(sandbox: &Sandbox) -> PathBuf {
    let state = sandbox.home().join(".local/state/rainline");
    let mut entries = fs::read_dir(state).expect("a directory").flatten();
    entries.next().expect("a file").path()
}

#[test]
fn t59_no_changed_byte_of_a_history_is_taken_or_fatal() {
    let mut whole = written();
    assert!(History::decode(&whole).is_some());
    // Longer ones say nothing more.
    assert!(whole.len() <= 64 << 10, "{} bytes", whole.len());
    for length in 0..whole.len() {
        assert!(History::decode(&whole[..length]).is_none(), "cut to {length}");
    }
    for index in 0..whole.len() {
        for bits in [0x01, 0x80, 0xff] {
            whole[index] ^= bits;
            assert!(History::decode(&whole).is_none(), "byte {index}");
            whole[index] ^= bits;
        }
    }
    // A sum that is right over contents that are not.
    for index in 8..whole.len() {
        for byte in [0x00, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[index] = byte;
            let sum = crc32fast::hash(&changed[8..]).to_le_bytes();
            changed[4..8].copy_from_slice(&sum);
            let _ = History::decode(&changed);
        }
    }
}

#[test]
fn t59_a_daemon_starts_empty_where_its_history_is_none() {
    type Make = fn(&Path);
    let makes: [(&str, Make); 8] = [
        ("nothing", |path| fs::write(path, "").expect("written")),
        ("garbage", |path| fs::write(path, "x".repeat(8 << 10)).expect("written")),
        ("another version", |path| fs::write(path, b"RLh\x7f0123456789").expect("written")),
        ("/dev/zero", |path| symlink("/dev/zero", path).expect("linked")),
        ("a loop", |path| symlink(path, path).expect("linked")),
        ("a directory", |path| fs::create_dir(path).expect("made")),
        ("a FIFO", make_fifo),
        ("a large file", |path| {
            fs::File::create(path).and_then(|file| file.set_len(1 << 40)).expect("sparse");
        }),
    ];
    for (name, make) in makes {
        let sandbox = Sandbox::running("");
        sandbox.until_history_is_read();
        print(&sandbox);
        sandbox.stop_daemon();
        let path = history_file(&sandbox);
        fs::remove_file(&path).expect("removed");
        make(&path);
        for _ in 0..2 {
            sandbox.start_daemon(&[]);
            let pid = sandbox.daemon().expect("it runs");
            until_true(&format!("an end of reading {name}"), || {
                for pid in sandbox.workers().into_iter().chain([pid]) {
                    let peak = peak_memory(pid);
                    assert!(peak < 64 << 10, "{name}: {peak} kB");
                }
                let status = sandbox.status().expect("it runs");
                !status.contains("(not read)") || status.contains("the history")
            });
            print(&sandbox);
            assert!(lives(pid), "{name}");
            sandbox.stop_daemon();
        }
        // It was put aside once, and a history is in its place.
        let about = path.symlink_metadata().expect("saved");
        assert!(about.is_file() && about.len() < 1 << 20, "{name}: {about:?}");
        let files = fs::read_dir(path.parent().expect("a directory")).expect("listed").flatten();
        let mut names: Vec<_> = files.map(|file| file.path()).collect();
        names.sort_unstable();
        assert_eq!(names, [path.clone(), path.with_extension("bad")], "{name}");
    }
}

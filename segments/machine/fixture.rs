//! A directory that stands for a machine; its rules are at [`super::Machine::rooted`].

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, FixedOffset};

use super::{DirEntry, Stat};

pub struct Fixture {
    root: PathBuf,
    pub clock: Option<DateTime<FixedOffset>>,
    uid: u32,
    /// The table `sockets`; `None` if there is none.
    sockets: Option<Vec<Socket>>,
    /// How often each path was read, and the file that its last read took.
    reads: Mutex<HashMap<PathBuf, (u32, PathBuf)>>,
    /// Every path that was looked at.
    #[cfg(test)]
    touched: Mutex<std::collections::BTreeSet<PathBuf>>,
}

struct Socket {
    path: PathBuf,
    mode: u32,
    listening: bool,
}

impl Fixture {
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn new(root: PathBuf) -> Fixture {
        let text = |name: &str| std::fs::read_to_string(root.join(name)).ok();
        let clock = text("clock").and_then(|t| DateTime::parse_from_rfc3339(t.trim()).ok());
        let uid = text("proc/self/status").and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        });
        let sockets = text("sockets").map(|table| table.lines().filter_map(socket).collect());
        let reads = Mutex::default();
        let uid = uid.unwrap_or(1000);
        #[cfg(test)]
        let touched = Mutex::default();
        Fixture {
            root,
            clock,
            uid,
            sockets,
            reads,
            #[cfg(test)]
            touched,
        }
    }

    /// Where the next read of `path` finds it.
    pub fn next(&self, path: &Path) -> PathBuf {
        let plain = self.path(path);
        // A panic elsewhere leaves the counts whole.
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, current) = reads.entry(plain.clone()).or_insert_with(|| (0, plain.clone()));
        *count += 1;
        let mut numbered = OsString::from(plain);
        numbered.push(format!("@{count}"));
        let numbered = PathBuf::from(numbered);
        if numbered.is_file() {
            *current = numbered;
        }
        current.clone()
    }

    /// How often `path` was read.
    #[cfg(test)]
    pub fn reads(&self, path: &Path) -> u32 {
        let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.get(&self.path(path)).map_or(0, |(count, _)| *count)
    }

    /// Every path that was looked at.
    #[cfg(test)]
    pub fn touched(&self) -> Vec<PathBuf> {
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.iter().cloned().collect()
    }

    /// Where `path` is below the root; `..` leads nowhere.
    pub fn path(&self, path: &Path) -> PathBuf {
        #[cfg(test)]
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        let inside = path.components().filter(|part| matches!(part, Component::Normal(_)));
        self.root.join(inside.collect::<PathBuf>())
    }

    pub fn uid(&self) -> u32 {
        self.uid
    }

    pub fn socket(&self, path: &Path) -> Option<Stat> {
        self.sockets.iter().flatten().find(|socket| socket.path == path).map(|s| self.stat(s))
    }

    pub fn sockets_in(&self, dir: &Path) -> Vec<DirEntry> {
        let inside = self.sockets.iter().flatten().filter(|s| s.path.parent() == Some(dir));
        let entries = inside.filter_map(|socket| {
            let Stat { mode, uid, is_socket, is_dir } = self.stat(socket);
            Some(DirEntry { name: socket.path.file_name()?.into(), mode, uid, is_socket, is_dir })
        });
        entries.collect()
    }

    pub fn listening(&self) -> Option<impl Iterator<Item = PathBuf> + '_> {
        let sockets = self.sockets.as_ref()?;
        Some(sockets.iter().filter(|socket| socket.listening).map(|socket| socket.path.clone()))
    }

    fn stat(&self, socket: &Socket) -> Stat {
        Stat { mode: socket.mode, uid: self.uid, is_socket: true, is_dir: false }
    }
}

/// A row of the table, read from its end: the path may hold spaces.
fn socket(row: &str) -> Option<Socket> {
    let row = row.trim();
    let (row, listening) = match row.strip_suffix(" listening") {
        Some(row) => (row.trim_end(), true),
        None => (row, false),
    };
    let (path, mode) = row.rsplit_once(' ')?;
    let mode = u32::from_str_radix(mode, 8).ok()?;
    Some(Socket { path: path.trim().into(), mode, listening })
}

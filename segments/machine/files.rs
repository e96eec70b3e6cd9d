//! Plain files and directories: what is read, listed and looked at, with bounds.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;

use super::{Machine, World};

/// The most bytes that are read of one file.
pub const MAX_FILE: usize = 1024 * 1024;
/// The most entries that are listed of one directory.
pub const MAX_ENTRIES: usize = 4096;

/// What `lstat` tells of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Permission bits, 0o7777 at most.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// Whether it is a socket.
    pub is_socket: bool,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// A directory's entry and its [`Stat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name in the directory, any bytes.
    pub name: OsString,
    /// Permission bits, 0o7777 at most.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// Whether it is a socket.
    pub is_socket: bool,
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl Machine {
    /// A regular file's first [`MAX_FILE`] bytes. Never waits for a FIFO's other end.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let path = path.as_ref();
        let file = match &self.world {
            World::Real => open(path)?,
            World::Fixture(fixture) => open(&fixture.next(path))?,
        };
        // Most files fit: one read takes them, and a second one sees their end.
        let mut bytes = Vec::with_capacity(4096);
        file.take(MAX_FILE as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A directory's entries by name, each looked at without following it. What vanishes meanwhile
    /// is left out; beyond [`MAX_ENTRIES`] nothing more is listed.
    pub fn list(&self, dir: impl AsRef<Path>) -> io::Result<Vec<DirEntry>> {
        let dir = dir.as_ref();
        let mut entries = match &self.world {
            World::Real => list(dir)?,
            World::Fixture(fixture) => {
                let sockets = fixture.sockets_in(dir);
                match list(&fixture.path(dir)) {
                    Ok(mut entries) => {
                        entries.iter_mut().for_each(|entry| entry.uid = self.uid());
                        entries.extend(sockets);
                        entries
                    }
                    Err(_) if !sockets.is_empty() => sockets,
                    Err(error) => return Err(error),
                }
            }
        };
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What is at `path`, not following a link there.
    pub fn lstat(&self, path: impl AsRef<Path>) -> io::Result<Stat> {
        let path = path.as_ref();
        match &self.world {
            World::Real => lstat(path),
            World::Fixture(fixture) => match fixture.socket(path) {
                Some(stat) => Ok(stat),
                None => Ok(Stat { uid: fixture.uid(), ..lstat(&fixture.path(path))? }),
            },
        }
    }
}

/// Opens a regular file for reading, without waiting for a writer.
pub(super) fn open(path: &Path) -> io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    let file = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn lstat(path: &Path) -> io::Result<Stat> {
    Ok(stat_of(&std::fs::symlink_metadata(path)?))
}

fn stat_of(metadata: &std::fs::Metadata) -> Stat {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    Stat {
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        is_socket: metadata.file_type().is_socket(),
        is_dir: metadata.is_dir(),
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn list(dir: &Path) -> io::Result<Vec<DirEntry>> {
    let entries = std::fs::read_dir(dir)?.take(MAX_ENTRIES).filter_map(|entry| {
        let entry = entry.ok()?;
        // `DirEntry::metadata` does not follow links.
        let Stat { mode, uid, is_socket, is_dir } = stat_of(&entry.metadata().ok()?);
        Some(DirEntry { name: entry.file_name(), mode, uid, is_socket, is_dir })
    });
    Ok(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn the_kth_read_takes_the_kth_file() {
        let (_dir, machine) = machine_with(&[("a", "1"), ("a@2", "2"), ("a@4", "4")]);
        let read: Vec<_> = (0..5).map(|_| machine.read("/a").expect("readable")).collect();
        assert_eq!(read, [b"1", b"2", b"2", b"4", b"4"]);
    }

    #[test]
    fn no_path_leads_out_of_a_fixture() {
        let (_dir, machine) = machine_with(&[("etc/passwd", "me:x:7:7::/home/me:/bin/sh\n")]);
        assert_eq!(machine.user_name(7).as_deref(), Some("me"));
        assert_eq!(machine.read("/../../etc/passwd").expect("readable").len(), 27);
    }

    #[test]
    fn a_fifo_is_refused_at_once() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
        let error = Machine::real().read(&path).expect_err("no regular file");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

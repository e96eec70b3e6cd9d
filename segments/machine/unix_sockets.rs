//! Which sockets in the file system a server listens on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{MAX_FILE, Machine, World};

/// The sockets with a server, by the path they were bound to.
#[derive(Debug, Default)]
pub struct Listeners(HashSet<PathBuf>);

impl Listeners {
    /// Whether a server listens on `path`. One that bound a relative path is found by its file name:
    /// a dead socket of the same name may then pass as living, never a living one as dead.
    pub fn has(&self, path: &Path) -> bool {
        self.0.contains(path)
            || path.file_name().is_some_and(|name| self.0.contains(Path::new(name)))
    }
}

impl Machine {
    /// The sockets with a server. `None`: it is not known, so no socket may be called dead.
    pub fn listeners(&self) -> Option<Listeners> {
        let mut found = match self.read("/proc/net/unix") {
            Ok(table) if table.len() < MAX_FILE => Some(listening(&table)),
            _ => None,
        };
        if let World::Fixture(fixture) = &self.world
            && let Some(paths) = fixture.listening()
        {
            found.get_or_insert_default().extend(paths);
        }
        found.map(Listeners)
    }
}

/// The bound paths of listening sockets in the text of `/proc/net/unix`. Abstract names (`@…`) are
/// no files and left out.
fn listening(table: &[u8]) -> HashSet<PathBuf> {
    /// `__SO_ACCEPTCON` of the kernel's `net.h`: the flag of a socket that listens.
    const LISTENS: u32 = 0x1_0000;
    let text = String::from_utf8_lossy(table);
    let rows = text.lines().skip(1).filter_map(|row| {
        // Num RefCount Protocol Flags Type St Inode Path; the path may hold spaces.
        let mut rest = row;
        let mut flags = 0;
        for column in 0..7 {
            let (word, after) = rest.trim_start().split_once(' ')?;
            if column == 3 {
                flags = u32::from_str_radix(word, 16).ok()?;
            }
            rest = after;
        }
        (flags & LISTENS != 0 && !rest.starts_with('@')).then(|| PathBuf::from(rest))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn sockets_come_from_the_table() {
        let table = "/run/x/one 700 listening\n/run/x/two with space 600\n";
        let (_dir, machine) = machine_with(&[("sockets", table), ("run/x/file", "")]);
        let names: Vec<_> =
            machine.list("/run/x").expect("listed").into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["file", "one", "two with space"]);
        let stat = machine.lstat("/run/x/one").expect("there");
        assert_eq!((stat.mode, stat.is_socket, stat.uid), (0o700, true, 1000));
        let listeners = machine.listeners().expect("known");
        assert!(listeners.has(Path::new("/run/x/one")));
        assert!(!listeners.has(Path::new("/run/x/two with space")));
    }

    #[test]
    fn without_a_table_of_sockets_dead_ones_cannot_be_told() {
        let (_dir, machine) = machine_with(&[]);
        assert!(machine.listeners().is_none());
    }

    #[test]
    fn a_listener_is_told_from_a_connection_by_its_flag() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/a b\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 22 /run/c\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 23 @abstract\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 24 relative\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 25\n";
        let listeners = Listeners(listening(table));
        assert!(listeners.has(Path::new("/run/a b")));
        assert!(!listeners.has(Path::new("/run/c")));
        assert!(listeners.has(Path::new("/anywhere/relative")));
        assert_eq!(listeners.0.len(), 2);
    }

    #[test]
    fn a_real_socket_is_seen_with_its_bits_and_its_listener() {
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        let machine = Machine::real();
        let stat = machine.lstat(&path).expect("there");
        assert!(stat.is_socket && stat.uid == machine.uid());
        assert!(machine.listeners().expect("a table").has(&path));
        drop(listener);
        // A process that is just being started by another test holds it for a moment.
        while machine.listeners().expect("a table").has(&path) {
            std::thread::yield_now();
        }
    }
}

//! A file's kind, size and times. Links are followed, so a dead mount may block: only sources that
//! run in workers may ask about a path that a user named.

use std::io;
use std::path::Path;

use super::{Machine, World};

/// What is at a path, links followed. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Its size in bytes.
    pub size: u64,
    /// When its content last changed.
    pub modified: i128,
    /// When it was last read.
    pub accessed: i128,
}

impl Machine {
    /// What is at `path`. In a fixture the table `times` may set what no repository keeps:
    /// `PATH MODIFIED ACCESSED` a line, in seconds since 1970.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        use std::os::unix::fs::MetadataExt;
        let metadata = match &self.world {
            World::Real => std::fs::metadata(path)?,
            World::Fixture(fixture) => std::fs::metadata(fixture.path(path))?,
        };
        let time = |seconds: i64, nanoseconds: i64| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
        };
        let mut found = Metadata {
            is_dir: metadata.is_dir(),
            size: metadata.size(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            accessed: time(metadata.atime(), metadata.atime_nsec()),
        };
        if let World::Fixture(_) = &self.world {
            let table = self.read("/times").unwrap_or_default();
            let text = String::from_utf8_lossy(&table);
            let set = text.lines().find_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let named = Path::new(words.next()?) == path;
                let (modified, accessed) =
                    (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                named.then(|| (time(modified, 0), time(accessed, 0)))
            });
            if let Some(set) = set {
                (found.modified, found.accessed) = set;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn a_fixture_says_when_a_file_was_read() {
        let (_dir, machine) =
            machine_with(&[("times", "/a 20 10\n/b x\n"), ("a", "text"), ("b", "")]);
        let metadata = machine.metadata(Path::new("/a")).expect("there");
        assert_eq!(
            (metadata.size, metadata.modified, metadata.accessed),
            (4, 20 * 1_000_000_000, 10 * 1_000_000_000)
        );
        assert!(machine.metadata(Path::new("/b")).expect("there").modified > 0);
        assert!(machine.metadata(Path::new("/c")).is_err());
    }

    #[test]
    fn the_real_root_is_a_directory() {
        let metadata = Machine::real().metadata(Path::new("/")).expect("there");
        assert!(metadata.is_dir && metadata.modified > 0);
    }
}

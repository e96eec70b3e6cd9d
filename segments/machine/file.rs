//! The door to what a file's inode tells: kind, size and times. It follows links and may hang on a
//! dead mount: only sources that run in workers may ask about a path that somebody named.

use std::io;
use std::path::Path;

use super::{Machine, World};

/// What is at a path, links followed. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    pub is_dir: bool,
    pub size: u64,
    pub modified: i128,
    pub accessed: i128,
}

impl Machine {
    /// The facts about a file. In a fixture the table `times` may set what no repository keeps:
    /// `PATH MODIFIED ACCESSED` a line, in seconds since 1970.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        use std::os::unix::fs::MetadataExt;
        let metadata = match &self.world {
            World::Real => std::fs::metadata(path)?,
            World::Fixture(fixture) => std::fs::metadata(fixture.path(path))?,
        };
        let time = |seconds: i64, nanoseconds: i64| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
        };
        let mut facts = FileFacts {
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
                (facts.modified, facts.accessed) = set;
            }
        }
        Ok(facts)
    }

    /// What the processor calls itself (`x86_64`); empty if there is no telling.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn architecture(&self) -> String {
        match &self.world {
            World::Real => rustix::system::uname().machine().to_string_lossy().into_owned(),
            World::Fixture(_) => {
                let word = self.read("/proc/sys/kernel/arch").unwrap_or_default();
                String::from_utf8_lossy(&word).trim().to_owned()
            }
        }
    }

    /// What the kernel calls itself (`Linux`).
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn system(&self) -> String {
        match &self.world {
            World::Real => rustix::system::uname().sysname().to_string_lossy().into_owned(),
            World::Fixture(_) => "Linux".into(),
        }
    }

    /// The version of the running kernel (`6.1.0-13-amd64`); empty if there is no telling.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn kernel(&self) -> String {
        match &self.world {
            World::Real => rustix::system::uname().release().to_string_lossy().into_owned(),
            World::Fixture(_) => {
                let word = self.read("/proc/sys/kernel/osrelease").unwrap_or_default();
                String::from_utf8_lossy(&word).trim().to_owned()
            }
        }
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
        let facts = machine.facts(Path::new("/a")).expect("there");
        assert_eq!(
            (facts.size, facts.modified, facts.accessed),
            (4, 20 * 1_000_000_000, 10 * 1_000_000_000)
        );
        assert!(machine.facts(Path::new("/b")).expect("there").modified > 0);
        assert!(machine.facts(Path::new("/c")).is_err());
    }

    #[test]
    fn the_real_machine_has_a_name_for_its_kernel_and_processor() {
        let machine = Machine::real();
        assert!(!machine.kernel().is_empty() && !machine.architecture().is_empty());
        let facts = machine.facts(Path::new("/")).expect("there");
        assert!(facts.is_dir && facts.modified > 0);
    }
}

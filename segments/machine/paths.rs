//! Questions about a path: whether two paths lead to the same directory, whether it can be written,
//! and which work tree it is in.
//!
//! A dead mount may block any of them: only sources that run in workers may ask about a path that a
//! user named.

use std::path::{Path, PathBuf};

use super::{Machine, World};

/// What marks the root of a work tree. In a linked work tree or a submodule `.git` is a file.
const MARKS: [&str; 3] = [".git", ".jj", ".hg"];

/// The most directories that are watched for a mark that may appear in them.
const MOST_ABOVE: usize = 20;

impl Machine {
    /// Whether both paths lead to one directory, links followed.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn is_same_place(&self, a: &Path, b: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| {
            let metadata = std::fs::metadata(self.inside(path)).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        identity(a).is_some_and(|a| identity(b) == Some(a))
    }

    /// Whether we may make files in this directory; `None` if it is not known.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn is_writable(&self, dir: &Path) -> Option<bool> {
        use rustix::fs::{Access, access};
        match &self.world {
            World::Real => match access(dir, Access::WRITE_OK) {
                Ok(()) => Some(true),
                Err(rustix::io::Errno::ACCESS | rustix::io::Errno::ROFS) => Some(false),
                Err(_) => None,
            },
            // Everything belongs to the fixture's user, and root may do anything.
            World::Fixture(fixture) => {
                let mode = self.lstat(dir).ok()?.mode;
                Some(fixture.uid() == 0 || mode & 0o200 != 0)
            }
        }
    }

    /// The nearest directory, from `dir` upwards, that is the root of a work tree. Nothing in it is
    /// read, let alone run.
    pub fn work_tree(&self, dir: &Path) -> Option<PathBuf> {
        let marked = |dir: &&Path| MARKS.iter().any(|mark| self.lstat(dir.join(mark)).is_ok());
        dir.ancestors().find(marked).map(Path::to_owned)
    }

    /// The paths whose appearance would make [`Machine::work_tree`] find another tree than `tree`,
    /// nearest first; not far above a deep directory.
    pub fn work_tree_marks(&self, dir: &Path, tree: Option<&Path>) -> Vec<PathBuf> {
        let above = |at: &&Path| tree.is_none_or(|tree| at.starts_with(tree));
        let dirs = dir.ancestors().take_while(above).take(MOST_ABOVE);
        dirs.flat_map(|dir| MARKS.map(|mark| dir.join(mark))).collect()
    }

    fn inside(&self, path: &Path) -> PathBuf {
        match &self.world {
            World::Real => path.to_owned(),
            World::Fixture(fixture) => fixture.path(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn a_link_leads_to_the_same_place() {
        let (dir, machine) = machine_with(&[("there/file", ""), ("other/file", "")]);
        #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
        std::os::unix::fs::symlink("there", dir.path().join("link")).expect("a link");
        let same = |a: &str, b: &str| machine.is_same_place(Path::new(a), Path::new(b));
        assert!(same("/there", "/link") && same("/there", "/there/"));
        assert!(!same("/there", "/other") && !same("/none", "/none"));
    }

    #[test]
    fn the_nearest_mark_makes_the_work_tree() {
        let (_dir, machine) = machine_with(&[
            ("src/.git/HEAD", ""),
            ("src/a/b/file", ""),
            ("src/sub/.git", "gitdir: ../.git/modules/sub"),
            ("else/file", ""),
        ]);
        let root = |dir: &str| machine.work_tree(Path::new(dir));
        assert_eq!(root("/src/a/b"), Some("/src".into()));
        assert_eq!(root("/src/sub"), Some("/src/sub".into()));
        assert_eq!(root("/else"), None);
        assert_eq!(root("/nowhere/at/all"), None);
        let marks = machine.work_tree_marks(Path::new("/src/a/b"), Some(Path::new("/src")));
        assert_eq!((marks.len(), &*marks[0]), (9, Path::new("/src/a/b/.git")));
        assert_eq!(marks[8], Path::new("/src/.hg"));
        assert_eq!(machine.work_tree_marks(Path::new("/a"), None).len(), 6);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn a_directory_without_its_bit_cannot_be_written() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, machine) = machine_with(&[("shut/file", ""), ("open/file", "")]);
        let mode = |mode| {
            let path = dir.path().join("shut");
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
        };
        mode(0o500);
        let writable = |dir: &str| machine.is_writable(Path::new(dir));
        assert_eq!(
            [writable("/shut"), writable("/open"), writable("/none")],
            [Some(false), Some(true), None]
        );
        mode(0o700);
        assert_eq!(Machine::real().is_writable(dir.path()), Some(true));
        assert_eq!(Machine::real().is_writable(Path::new("/proc/self/none")), None);
    }
}

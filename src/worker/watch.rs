//! Watching files, in workers because `inotify_add_watch` on a dead mount hangs. Here the files of a
//! config, watched by a worker of its own; in `dependencies` what readings depend on, watched by the
//! worker that takes them; in `inotify` the system's interface.
//!
//! Directories are watched and not files, because editors write a new file and rename it over the
//! old one. Where a directory is missing, the nearest one above it is watched until it appears.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

mod dependencies;
mod inotify;

pub use dependencies::Dependencies;
use inotify::Watcher;

/// Which names in a directory matter; none: all of them.
type Names = HashMap<PathBuf, HashSet<OsString>>;

/// Calls `changed` once the files are watched and whenever one of these files may have changed, until
/// standard input ends.
pub fn run(
    paths: &[PathBuf],
    mut changed: impl FnMut() -> std::io::Result<()>,
) -> std::io::Result<()> {
    loop {
        let watcher = Watcher::open();
        let mut watched = HashMap::new();
        for (dir, names) in names(paths) {
            if let Some(watch) = watcher.as_ref().and_then(|watcher| watcher.add(&dir)) {
                watched.insert(watch, names);
            }
        }
        // Everything is watched anew after each change, as a missing directory may have appeared.
        // `changed` comes after that: what changes from here on is seen.
        changed()?;
        if !wait(watcher.as_ref(), &watched)? {
            return Ok(());
        }
    }
}

/// For each file the nearest directory that exists, and the name in it that leads to the file.
fn names(paths: &[PathBuf]) -> Names {
    let mut names = Names::new();
    for path in paths {
        add_nearest(path, &mut names);
        if path.is_dir() {
            names.entry(path.clone()).or_default().clear();
            continue;
        }
        // A link's file changes where it really is.
        if let Ok(real) = std::fs::canonicalize(path)
            && let (Some(dir), Some(name)) = (real.parent(), real.file_name())
        {
            names.entry(dir.to_owned()).or_default().insert(name.to_owned());
        }
    }
    names
}

/// Adds the nearest directory above a path that exists, and the name in it that leads there.
fn add_nearest(path: &Path, names: &mut Names) {
    let mut below: &Path = path;
    while let (Some(dir), Some(name)) = (below.parent(), below.file_name()) {
        if dir.is_dir() {
            names.entry(dir.to_owned()).or_default().insert(name.to_owned());
            return;
        }
        below = dir;
    }
}

/// Waits for an event that matters; `false` when standard input ended.
fn wait(
    watcher: Option<&Watcher>,
    watched: &HashMap<i32, HashSet<OsString>>,
) -> std::io::Result<bool> {
    loop {
        let mut fds = vec![PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
        fds.extend(watcher.map(|watcher| PollFd::from_borrowed_fd(watcher.fd(), PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        if !fds[0].revents().is_empty() {
            return Ok(false);
        }
        let events = watcher.map_or(Ok(Vec::new()), Watcher::events)?;
        let matters = events.iter().any(|event| {
            let names = event.watch.and_then(|watch| watched.get(&watch));
            match (names, &event.name) {
                (Some(names), Some(name)) => names.is_empty() || names.contains(name),
                // The directory itself was created or removed, or events were lost.
                _ => true,
            }
        });
        if matters {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_directory_that_exists_is_watched_for_the_next_name() {
        let root = tempfile::tempdir().expect("a directory");
        let real = std::fs::canonicalize(root.path()).expect("a path");
        let missing = real.join("rainline/config.toml");
        let names = names(&[missing, real.join("other.toml")]);
        let expected: HashSet<OsString> = ["rainline".into(), "other.toml".into()].into();
        assert_eq!(names, HashMap::from([(real, expected)]));
    }
}

//! Watching config files, in a worker: `inotify_add_watch` on a dead mount hangs.
//!
//! Directories are watched and not files, because editors write a new file and rename it over the
//! old one. Where a directory is missing, the nearest one above it is watched until it appears.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

/// Which names in a directory matter; none: all of them.
type Names = HashMap<PathBuf, HashSet<OsString>>;

/// Calls `changed` once the watch stands and whenever one of these files may have changed, until
/// standard input ends.
pub fn run(
    paths: &[PathBuf],
    mut changed: impl FnMut() -> std::io::Result<()>,
) -> std::io::Result<()> {
    loop {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut watched = HashMap::new();
        for (dir, names) in names(paths) {
            let flags = WatchFlags::CREATE
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ATTRIB
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            if let Ok(watch) = inotify::add_watch(&inotify, &dir, flags) {
                watched.insert(watch, names);
            }
        }
        // Everything is watched anew after each change, as a missing directory may have appeared,
        // and only then is it told: what changes from here on is seen.
        changed()?;
        if !wait(&inotify, &watched)? {
            return Ok(());
        }
    }
}

/// For each file the nearest directory that exists, and the name in it that leads to the file.
fn names(paths: &[PathBuf]) -> Names {
    let mut names = Names::new();
    for path in paths {
        let mut below: &Path = path;
        while let (Some(dir), Some(name)) = (below.parent(), below.file_name()) {
            if dir.is_dir() {
                names.entry(dir.to_owned()).or_default().insert(name.to_owned());
                break;
            }
            below = dir;
        }
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

/// Waits for an event that matters; `false` when standard input ended.
fn wait(
    inotify: &rustix::fd::OwnedFd,
    watched: &HashMap<i32, HashSet<OsString>>,
) -> std::io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    loop {
        let mut fds = [
            PollFd::new(inotify, PollFlags::IN),
            PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        if !fds[1].revents().is_empty() {
            return Ok(false);
        }
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        let mut matters = false;
        loop {
            match events.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_bytes().to_vec());
                    matters |= match (watched.get(&event.wd()), name) {
                        (Some(names), Some(name)) => {
                            names.is_empty() || names.contains(&OsString::from_vec(name))
                        }
                        // The directory itself came or went, or events were lost.
                        _ => true,
                    };
                }
                Err(Errno::WOULDBLOCK) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
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

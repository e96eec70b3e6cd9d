//! Watching files, in workers because `inotify_add_watch` on a dead mount hangs. Here the files of a
//! config, watched by a worker of its own; in `dependencies` what readings depend on, watched by the
//! worker that takes them; in `inotify` the system's interface.
//!
//! Directories are watched and not files, because editors write a new file and rename it over the
//! old one: all of them on the way to a file, because each may be renamed, closed or, where it is a
//! link, lead elsewhere. Where the system does not tell what happens in the last of them, the files are
//! looked at now and then.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rainline_client::{sys, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

mod dependencies;
mod inotify;

pub use dependencies::Dependencies;
use inotify::Watcher;

/// Which names in a directory matter; none: all of them.
type Names = HashMap<PathBuf, HashSet<OsString>>;

/// The most links on the way to a file, as the system has it.
const MAX_LINKS: usize = 40;
/// How often files are looked at of whose changes the system does not tell: where it has no watch left,
/// or in a directory that may be entered and not read. One further up, as `/home` often is, hardly ever
/// changes: its own changes are not worth waking up each second.
const LOOK: Duration = Duration::from_secs(1);

/// Calls `changed` once the files are watched and whenever one of these files may have changed, until
/// standard input ends.
pub fn run(
    paths: &[PathBuf],
    mut changed: impl FnMut() -> std::io::Result<()>,
) -> std::io::Result<()> {
    loop {
        let watcher = Watcher::open();
        let mut watched: HashMap<i32, HashSet<OsString>> = HashMap::new();
        let (names, last) = names(paths);
        let mut unseen = HashSet::new();
        for (dir, names) in names {
            match watcher.as_ref().and_then(|watcher| watcher.add(&dir)) {
                // One directory may have several paths.
                Some(watch) if watched.get(&watch).is_some_and(HashSet::is_empty) => {}
                Some(watch) if names.is_empty() => drop(watched.insert(watch, names)),
                Some(watch) => watched.entry(watch).or_default().extend(names),
                None => drop(unseen.insert(dir)),
            }
        }
        let looks = last.iter().any(|dir| unseen.contains(dir));
        let seen = looks.then(|| look(paths));
        // Everything is watched anew after each change, as what is on the way may be another.
        // `changed` comes after that: what changes from here on is seen.
        changed()?;
        let is_as_seen = || seen.as_ref().is_none_or(|seen| *seen == look(paths));
        if !wait(watcher.as_ref(), &watched, looks.then_some(LOOK), is_as_seen)? {
            return Ok(());
        }
    }
}

/// On the way to each file the directories, and the names in them that lead on; and in which of them
/// the ways end.
fn names(paths: &[PathBuf]) -> (Names, HashSet<PathBuf>) {
    let (mut names, mut last) = (Names::new(), HashSet::new());
    for path in paths {
        let (mut links, mut at) = (0, PathBuf::from("/"));
        let mut left: Vec<OsString> = components(path);
        while let Some(name) = left.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let known = names.entry(at.clone());
            // All names in it matter already, if it is there with none.
            let is_whole = matches!(&known, Entry::Occupied(known) if known.get().is_empty());
            let known = known.or_default();
            if !is_whole {
                known.insert(name.clone());
            }
            let below = at.join(&name);
            match std::fs::read_link(&below) {
                Ok(target) if links < MAX_LINKS => {
                    links += 1;
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    left.extend(components(&target));
                }
                _ if below.is_dir() => {
                    at = below;
                    if left.is_empty() {
                        names.entry(at.clone()).or_default().clear();
                    }
                }
                _ => break,
            }
        }
        last.insert(at);
    }
    (names, last)
}

/// The names of a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let named = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(named).collect()
}

/// What changes with each of these files: which one it is, and its times, length, mode and owner.
fn look(paths: &[PathBuf]) -> Vec<Option<[i64; 8]>> {
    let one = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        let (file, owner) = ([meta.dev(), meta.ino(), meta.len()], [meta.mode(), meta.uid()]);
        let [dev, ino, len] = file.map(|number| number as i64);
        let [mode, uid] = owner.map(i64::from);
        let changed = [meta.ctime(), meta.ctime_nsec()];
        Some([dev, ino, len, mode, uid, changed[0], changed[1], meta.mtime()])
    };
    paths.iter().map(one).collect()
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
    look: Option<Duration>,
    is_as_seen: impl Fn() -> bool,
) -> std::io::Result<bool> {
    let mut looked = sys::awake();
    loop {
        let left = look.map(|every| (looked + every).saturating_sub(sys::awake()));
        let mut fds = vec![PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
        fds.extend(watcher.map(|watcher| PollFd::from_borrowed_fd(watcher.fd(), PollFlags::IN)));
        match poll(&mut fds, left.map(timespec).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        if !fds[0].revents().is_empty() {
            return Ok(false);
        }
        // Also where events that do not matter never end.
        if look.is_some_and(|every| sys::awake() >= looked + every) {
            if !is_as_seen() {
                return Ok(true);
            }
            looked = sys::awake();
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
    fn each_directory_on_the_way_is_watched_for_the_name_that_leads_on() {
        let root = tempfile::tempdir().expect("a directory");
        let real = std::fs::canonicalize(root.path()).expect("a path");
        std::fs::create_dir(real.join("real")).expect("made");
        std::os::unix::fs::symlink("there/../real", real.join("link")).expect("linked");
        std::fs::create_dir(real.join("there")).expect("made");
        let set = |names: &[&str]| names.iter().map(OsString::from).collect::<HashSet<_>>();
        let (found, last) = names(&[real.join("link/a.toml"), real.join("no/b.toml")]);
        assert_eq!(found[&real], set(&["link", "there", "real", "no"]));
        assert_eq!(found[&real.join("real")], set(&["a.toml"]));
        assert_eq!(last, [real.join("real"), real.clone()].into());
        let above = real.parent().expect("a directory");
        let name = real.file_name().expect("a name").to_str().expect("UTF-8");
        assert_eq!(found[above], set(&[name]));
        // Of a directory everything matters, in whatever order the paths come.
        for paths in [["real", "real/a.toml"], ["real/a.toml", "real"]] {
            let (found, _) = names(&paths.map(|path| real.join(path)));
            assert_eq!(found[&real.join("real")], set(&[]), "{paths:?}");
        }
        std::os::unix::fs::symlink("loop", real.join("loop")).expect("linked");
        assert_eq!(names(&[real.join("loop/x")]).0[&real], set(&["loop"]), "it ends");
    }
}

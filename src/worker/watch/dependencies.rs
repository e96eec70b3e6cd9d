//! Watching what readings depend on, in the worker that takes them: a path that hangs when it is
//! watched has hung when it was read, and holds up this worker only.
//!
//! A reading is reported once when something it depends on changes. Its watches end then, until it
//! is taken again. Watches are few, and those of a reading that is not taken any more expire.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use rainline_client::{sys, timespec};

use super::inotify::Watcher;
use super::{Names, add_nearest};
use crate::readings::id::ReadingId;

/// The most directories that are watched for one reading.
const MAX_EACH: usize = 24;
/// The most that are watched at all.
const MAX_ALL: usize = 256;
/// Watches of a reading that was not taken for this time expire: twice the slowest interval, and more.
const EXPIRY: Duration = Duration::from_secs(150);
/// In a busy directory events are read no more often than this.
const PAUSE: Duration = Duration::from_millis(250);

/// What the readings of a worker depend on.
#[derive(Default)]
pub struct Dependencies {
    watcher: Option<Watcher>,
    all: HashMap<ReadingId, Watched>,
    /// Until when no events are read, by the clock that stops in suspend.
    paused_until: Duration,
}

#[derive(Default)]
struct Watched {
    paths: Vec<PathBuf>,
    /// Watches, and which names in each matter; none once a change was reported.
    watches: Vec<(i32, HashSet<OsString>)>,
    expires: Duration,
}

impl Dependencies {
    /// Before a reading is taken: watches what it depended on the last time, so that no change from
    /// here on is missed.
    pub fn watch_again(&mut self, id: &ReadingId) {
        if let Some(watched) = self.all.get(id) {
            let paths = watched.paths.clone();
            self.watch(id, paths);
        }
    }

    /// After it was taken: watches what it depends on now. Whether anything is watched that was not
    /// before, where a change may have been missed meanwhile.
    pub fn watch(&mut self, id: &ReadingId, paths: Vec<PathBuf>) -> bool {
        let expires = sys::awake() + EXPIRY;
        let known = self.all.entry(id.clone()).or_default();
        known.expires = expires;
        if known.paths == paths && (paths.is_empty() || !known.watches.is_empty()) {
            return false;
        }
        self.unwatch(id);
        let mut names = Names::new();
        for path in &paths {
            add_nearest(path, &mut names);
        }
        let count = self.all.values().map(|watched| watched.watches.len()).sum();
        let room = MAX_ALL.saturating_sub(count);
        if !names.is_empty() && self.watcher.is_none() {
            self.watcher = Watcher::open();
        }
        let mut watches = Vec::new();
        if let Some(watcher) = &self.watcher {
            // The deepest first: they are likelier to change.
            let mut names: Vec<_> = names.into_iter().collect();
            names.sort_by_key(|(dir, _)| std::cmp::Reverse(dir.components().count()));
            for (dir, names) in names.into_iter().take(MAX_EACH.min(room)) {
                watches.extend(watcher.add(&dir).map(|watch| (watch, names)));
            }
        }
        let any = !watches.is_empty();
        self.all.insert(id.clone(), Watched { paths, watches, expires });
        any
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Dependencies::default();
    }

    fn unwatch(&mut self, id: &ReadingId) {
        let Some(watched) = self.all.get_mut(id) else { return };
        for (watch, _) in std::mem::take(&mut watched.watches) {
            let mut others = self.all.values().flat_map(|watched| &watched.watches);
            if !others.any(|(other, _)| *other == watch)
                && let Some(watcher) = &self.watcher
            {
                watcher.remove(watch);
            }
        }
    }

    /// Waits for standard input. Until then `outdated` is called with each reading whose dependencies
    /// changed.
    pub fn wait_for_input(
        &mut self,
        mut outdated: impl FnMut(ReadingId) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        loop {
            let any = self.all.values().any(|watched| !watched.watches.is_empty());
            let Some(watcher) = self.watcher.as_ref().filter(|_| any) else { return Ok(()) };
            let left = self.paused_until.saturating_sub(sys::awake());
            let mut fds = vec![PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
            if left.is_zero() {
                fds.push(PollFd::from_borrowed_fd(watcher.fd(), PollFlags::IN));
            }
            let left = (!left.is_zero()).then(|| timespec(left));
            match poll(&mut fds, left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if !fds[0].revents().is_empty() {
                return Ok(());
            }
            if fds.get(1).is_some_and(|watcher| !watcher.revents().is_empty()) {
                for id in self.changed()? {
                    outdated(id)?;
                }
            }
        }
    }

    /// The readings whose dependencies changed; they are not watched any more.
    fn changed(&mut self) -> std::io::Result<Vec<ReadingId>> {
        let Some(watcher) = &self.watcher else { return Ok(Vec::new()) };
        let events = watcher.events()?;
        let now = sys::awake();
        let matters = |watched: &Watched| {
            events.iter().any(|event| match (event.watch, &event.name) {
                (None, _) => true,
                (Some(watch), name) => watched.watches.iter().any(|(known, names)| {
                    *known == watch && name.as_ref().is_none_or(|name| names.contains(name))
                }),
            })
        };
        let (mut changed, mut expired) = (Vec::new(), Vec::new());
        for (id, watched) in self.all.iter().filter(|(_, watched)| !watched.watches.is_empty()) {
            if matters(watched) {
                changed.push(id.clone());
            } else if now > watched.expires {
                expired.push(id.clone());
            }
        }
        if changed.is_empty() {
            self.paused_until = now + PAUSE;
        }
        changed.iter().chain(&expired).for_each(|id| self.unwatch(id));
        expired.iter().for_each(|id| drop(self.all.remove(id)));
        Ok(changed)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn id(asker: u64) -> ReadingId {
        let config = crate::config::Config::built_in();
        let id = ReadingId::shared_by_all(&Path::new("").into(), &config.instances[0]);
        id.of_asker(asker, None)
    }

    #[test]
    fn a_change_is_reported_once_until_the_reading_is_taken_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let mark = dir.path().join(".git");
        let mut dependencies = Dependencies::default();
        assert!(dependencies.watch(&id(7), vec![mark.clone()]), "new at first");
        assert!(!dependencies.watch(&id(7), vec![mark.clone()]), "and then not");
        fs::write(dir.path().join("other"), "").expect("written");
        assert_eq!(dependencies.changed().expect("events"), []);
        fs::create_dir(&mark).expect("made");
        assert_eq!(dependencies.changed().expect("events"), [id(7)]);
        fs::remove_dir(&mark).expect("removed");
        assert_eq!(dependencies.changed().expect("events"), []);
        dependencies.watch_again(&id(7));
        assert!(!dependencies.watch(&id(7), vec![mark.clone()]), "it is watched already");
        fs::create_dir(&mark).expect("made");
        assert_eq!(dependencies.changed().expect("events"), [id(7)]);
    }

    #[test]
    fn readings_share_watches_and_each_is_reported() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let mut dependencies = Dependencies::default();
        dependencies.watch(&id(1), vec![a.clone(), b.clone()]);
        dependencies.watch(&id(2), vec![b.clone()]);
        fs::write(&a, "").expect("written");
        assert_eq!(dependencies.changed().expect("events"), [id(1)]);
        fs::write(&b, "").expect("written");
        assert_eq!(dependencies.changed().expect("events"), [id(2)], "its watch is left");
        dependencies.watch_again(&id(1));
        dependencies.watch_again(&id(2));
        fs::remove_dir_all(dir.path()).expect("removed");
        let mut changed = dependencies.changed().expect("events");
        changed.sort();
        assert_eq!(changed, [id(1), id(2)]);
    }

    #[test]
    fn watches_are_few_and_nonsense_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |n: usize| dir.path().join(n.to_string()).join("file");
        (0..300).for_each(|n| fs::create_dir(dir.path().join(n.to_string())).expect("made"));
        let mut dependencies = Dependencies::default();
        dependencies.watch(&id(0), (0..300).map(path).collect());
        assert_eq!(dependencies.all[&id(0)].watches.len(), MAX_EACH);
        for n in 1..20 {
            dependencies.watch(&id(n), (0..300).map(path).collect());
        }
        let all: usize = dependencies.all.values().map(|watched| watched.watches.len()).sum();
        assert!(all <= MAX_ALL, "{all}");
        assert!(!dependencies.watch(&id(99), Vec::new()));
        assert!(!dependencies.watch(&id(98), vec!["".into(), "/".into(), "a/../b".into()]));
    }
}

//! Watching what readings depend on, in the worker that reads: a path that hangs when it is watched
//! has hung when it was read, and hangs here and nowhere else.
//!
//! Each source is told of once: then its watches end, until it is read again. Watches are few, and
//! those of a source that nobody reads any more end by themselves.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::edge::Eyes;
use super::{Names, lead};
use rainline_client::sys;
use rainline_client::timespec;

/// The most directories that are watched for one source.
const MOST: usize = 24;
/// The most that are watched at all.
const MOST_ALL: usize = 256;
/// A source that was not read for so long is not watched any more; the slow look comes twice in it.
const LASTS: Duration = Duration::from_secs(150);
/// In a busy directory we look no more often than this for a name that matters.
const PAUSE: Duration = Duration::from_millis(250);

/// What the sources of a worker depend on.
#[derive(Default)]
pub struct Places {
    eyes: Option<Eyes>,
    each: HashMap<u64, Place>,
    /// Until when nothing is looked at, by the clock that does not run in sleep.
    pause: Duration,
}

#[derive(Default)]
struct Place {
    paths: Vec<PathBuf>,
    /// Watches, and which names in each matter; none once it was told of.
    armed: Vec<(i32, HashSet<OsString>)>,
    until: Duration,
}

impl Places {
    /// Before a source is read: watches what it depended on the last time, so that nothing that
    /// happens from here on is missed.
    pub fn again(&mut self, source: u64) {
        if let Some(place) = self.each.get(&source) {
            let paths = place.paths.clone();
            self.arm(source, paths);
        }
    }

    /// After it was read: watches what it depends on now. Whether that is anything else than before,
    /// and what happened meanwhile unseen.
    pub fn arm(&mut self, source: u64, paths: Vec<PathBuf>) -> bool {
        let until = sys::awake() + LASTS;
        let known = self.each.entry(source).or_default();
        known.until = until;
        if known.paths == paths && (paths.is_empty() || !known.armed.is_empty()) {
            return false;
        }
        self.disarm(source);
        let mut names = Names::new();
        for path in &paths {
            lead(path, &mut names);
        }
        let room = MOST_ALL.saturating_sub(self.each.values().map(|place| place.armed.len()).sum());
        if !names.is_empty() && self.eyes.is_none() {
            self.eyes = Eyes::open();
        }
        let mut armed = Vec::new();
        if let Some(eyes) = &self.eyes {
            // The deepest first: they are likelier to change.
            let mut names: Vec<_> = names.into_iter().collect();
            names.sort_by_key(|(dir, _)| std::cmp::Reverse(dir.components().count()));
            for (dir, names) in names.into_iter().take(MOST.min(room)) {
                armed.extend(eyes.add(&dir).map(|watch| (watch, names)));
            }
        }
        let any = !armed.is_empty();
        self.each.insert(source, Place { paths, armed, until });
        any
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Places::default();
    }

    fn disarm(&mut self, source: u64) {
        let Some(place) = self.each.get_mut(&source) else { return };
        let armed = std::mem::take(&mut place.armed);
        for (watch, _) in armed {
            let mut others = self.each.values().flat_map(|place| &place.armed);
            if !others.any(|(other, _)| *other == watch)
                && let Some(eyes) = &self.eyes
            {
                eyes.remove(watch);
            }
        }
    }

    /// Waits until there is standard input; which sources are to be read again until then goes to
    /// `touched`.
    pub fn wait(
        &mut self,
        mut touched: impl FnMut(u64) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        loop {
            let armed = self.each.values().any(|place| !place.armed.is_empty());
            let Some(eyes) = self.eyes.as_ref().filter(|_| armed) else { return Ok(()) };
            let left = self.pause.saturating_sub(sys::awake());
            let mut fds = vec![PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
            if left.is_zero() {
                fds.push(PollFd::from_borrowed_fd(eyes.fd(), PollFlags::IN));
            }
            let left = (!left.is_zero()).then(|| timespec(left));
            match poll(&mut fds, left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if !fds[0].revents().is_empty() {
                return Ok(());
            }
            if fds.get(1).is_some_and(|eyes| !eyes.revents().is_empty()) {
                for source in self.look()? {
                    touched(source)?;
                }
            }
        }
    }

    /// The sources to which something happened, which are not watched any more.
    fn look(&mut self) -> std::io::Result<Vec<u64>> {
        let Some(eyes) = &self.eyes else { return Ok(Vec::new()) };
        let events = eyes.events()?;
        let now = sys::awake();
        let matters = |place: &Place| {
            events.iter().any(|event| match (event.watch, &event.name) {
                (None, _) => true,
                (Some(watch), name) => place.armed.iter().any(|(known, names)| {
                    *known == watch && name.as_ref().is_none_or(|name| names.contains(name))
                }),
            })
        };
        let mut hit = Vec::new();
        let mut over = Vec::new();
        for (source, place) in self.each.iter().filter(|(_, place)| !place.armed.is_empty()) {
            match matters(place) {
                true => hit.push(*source),
                false if now > place.until => over.push(*source),
                false => {}
            }
        }
        if hit.is_empty() {
            self.pause = now + PAUSE;
        }
        hit.iter().chain(&over).for_each(|source| self.disarm(*source));
        over.iter().for_each(|source| drop(self.each.remove(source)));
        Ok(hit)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_matters_is_told_once_until_it_is_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let mark = dir.path().join(".git");
        let mut places = Places::default();
        assert!(places.arm(7, vec![mark.clone()]), "the first time it is new");
        assert!(!places.arm(7, vec![mark.clone()]), "and then it is not");
        fs::write(dir.path().join("other"), "").expect("written");
        assert_eq!(places.look().expect("events"), Vec::<u64>::new());
        fs::create_dir(&mark).expect("made");
        assert_eq!(places.look().expect("events"), [7]);
        fs::remove_dir(&mark).expect("removed");
        assert_eq!(places.look().expect("events"), Vec::<u64>::new());
        places.again(7);
        assert!(!places.arm(7, vec![mark.clone()]), "what happened since was seen");
        fs::create_dir(&mark).expect("made");
        assert_eq!(places.look().expect("events"), [7]);
    }

    #[test]
    fn sources_share_watches_and_each_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let mut places = Places::default();
        places.arm(1, vec![a.clone(), b.clone()]);
        places.arm(2, vec![b.clone()]);
        fs::write(&a, "").expect("written");
        assert_eq!(places.look().expect("events"), [1]);
        fs::write(&b, "").expect("written");
        assert_eq!(places.look().expect("events"), [2], "the other's watch is left");
        places.again(1);
        places.again(2);
        fs::remove_dir_all(dir.path()).expect("removed");
        let mut hit = places.look().expect("events");
        hit.sort();
        assert_eq!(hit, [1, 2]);
    }

    #[test]
    fn watches_are_few_and_nonsense_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |n: usize| dir.path().join(n.to_string()).join("file");
        (0..300).for_each(|n| fs::create_dir(dir.path().join(n.to_string())).expect("made"));
        let mut places = Places::default();
        places.arm(0, (0..300).map(path).collect());
        assert_eq!(places.each[&0].armed.len(), MOST);
        for n in 1..20 {
            places.arm(n, (0..300).map(path).collect());
        }
        let all: usize = places.each.values().map(|place| place.armed.len()).sum();
        assert!(all <= MOST_ALL, "{all}");
        assert!(!places.arm(99, Vec::new()));
        assert!(!places.arm(98, vec!["".into(), "/".into(), "a/../b".into()]));
    }
}

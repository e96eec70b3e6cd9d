//! The configs that requests name: one for each file, at most eight.
//!
//! Files are read by workers; this decides what is in force. A config that cannot be used, or that
//! breaks the drawing of a test frame, leaves the one before it in force, or the built-in one.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::config::{self, Config, Gathered, Instance};
use crate::line::drawing;

/// The most configs at a time.
const MOST: usize = 8;
/// How long a config may take to be read. Each attempt after a failure has twice the time, so that
/// a machine which is merely slow gets its config in the end.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_PATIENCE: Duration = Duration::from_secs(40);
/// The longest pause between two attempts.
const MOST_PAUSE: Duration = Duration::from_secs(30);

/// One config file and what is in force of it.
pub struct Slot {
    pub id: u32,
    pub path: PathBuf,
    pub config: Rc<Config>,
    /// Whether it was read at all; until then the built-in one stands in.
    pub loaded: bool,
    /// What is wrong beyond what the config in force says itself.
    pub problems: Vec<String>,
    /// The files as read last.
    gathered: Option<Gathered>,
    /// The tickets of the worker that reads it and of the one that watches its files.
    pub loading: Option<u64>,
    pub watch: Option<u64>,
    pub watched: Vec<PathBuf>,
    /// Whether it changed while it was being read.
    pub again: bool,
    /// When it was asked for last, and when to try again after a failure; by the boot clock.
    pub used: Duration,
    pub retry: Option<Duration>,
    /// How often in a row it could not be read.
    failures: u32,
}

impl Slot {
    /// Whether what is in force is the file's own, or that there is none.
    pub fn is_read(&self) -> bool {
        self.gathered.is_some() || self.path.as_os_str().is_empty()
    }

    /// How long the next attempt to read it may take.
    pub fn patience(&self) -> Duration {
        (PATIENCE * (1 << self.failures.min(10))).min(MOST_PATIENCE)
    }
}

/// All configs, by number.
#[derive(Default)]
pub struct Configs {
    pub slots: HashMap<u32, Slot>,
    /// A path as requests write it → the slot of the file that it means.
    aliases: HashMap<PathBuf, u32>,
    last: u32,
}

/// What came of reading a config.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Another config is in force now.
    Swapped,
    /// What was in force stays.
    Kept,
    /// The file is that of another slot, which stands for both now.
    SameAs(u32),
}

impl Configs {
    /// An instance as the config in force has it, with its slot.
    pub fn instance(&self, config: u32, instance: u16) -> Option<(&Slot, &Instance)> {
        let slot = self.slots.get(&config)?;
        Some((slot, slot.config.instances.get(usize::from(instance))?))
    }

    pub fn find(&self, path: &Path) -> Option<u32> {
        self.aliases.get(path).copied()
    }

    /// A new slot for a path; the built-in config is in force in it. With it the slot that had to
    /// go, if there were too many; `None` if all are in use by `busy`.
    pub fn add(
        &mut self,
        path: &Path,
        boot: Duration,
        busy: impl Fn(u32) -> bool,
    ) -> Option<(u32, Option<Slot>)> {
        let mut gone = None;
        if self.slots.len() >= MOST {
            let idle = self.slots.values().filter(|slot| !busy(slot.id));
            let oldest = idle.min_by_key(|slot| slot.used)?.id;
            gone = self.remove(oldest);
        }
        self.last += 1;
        let slot = Slot {
            id: self.last,
            path: path.to_owned(),
            config: Rc::new(Config::built_in()),
            // Without a file the built-in config is all there is.
            loaded: path.as_os_str().is_empty(),
            problems: Vec::new(),
            gathered: None,
            loading: None,
            watch: None,
            watched: Vec::new(),
            again: false,
            used: boot,
            retry: None,
            failures: 0,
        };
        self.slots.insert(self.last, slot);
        self.aliases.insert(path.to_owned(), self.last);
        Some((self.last, gone))
    }

    pub fn remove(&mut self, id: u32) -> Option<Slot> {
        self.aliases.retain(|_, known| *known != id);
        self.slots.remove(&id)
    }

    /// Takes what a worker read for a slot.
    pub fn take(&mut self, id: u32, canonical: PathBuf, gathered: Gathered) -> Taken {
        let twin = self.slots.values().find(|slot| slot.id != id && slot.path == canonical);
        if let (Some(twin), Some(slot)) = (twin.map(|twin| twin.id), self.slots.get(&id))
            && !slot.loaded
        {
            let path = slot.path.clone();
            self.remove(id);
            self.aliases.insert(path, twin);
            return Taken::SameAs(twin);
        }
        let Some(slot) = self.slots.get_mut(&id) else { return Taken::Kept };
        slot.failures = 0;
        if !slot.loaded {
            slot.path = canonical;
        }
        let same = slot.gathered.as_ref().is_some_and(|before| same(before, &gathered));
        if same && slot.loaded {
            return Taken::Kept;
        }
        let built = catch_unwind(AssertUnwindSafe(|| config::build(&gathered))).ok();
        slot.gathered = Some(gathered);
        slot.problems.clear();
        let usable = built.filter(|config| {
            let usable = !config.unusable && drawing::test_frames(config);
            if !usable {
                slot.problems.extend(config.problems.iter().cloned());
                slot.problems.push("The config in force before stays in force.".into());
                slot.watched = config.files.clone();
            }
            usable
        });
        slot.loaded = true;
        match usable {
            Some(config) => {
                slot.watched = config.files.clone();
                slot.config = Rc::new(config);
                Taken::Swapped
            }
            None => Taken::Kept,
        }
    }

    /// Notes that a config could not be read at all. It is tried again soon, and then ever more
    /// rarely: more often than a dead mount it is a machine that was busy for a moment.
    pub fn fail(&mut self, id: u32, why: &str, boot: Duration) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.problems = vec![format!("{}: cannot be read: {why}", slot.path.display())];
            slot.loaded = true;
            slot.failures = slot.failures.saturating_add(1);
            // After 1, 2, 4 … seconds.
            let pause = Duration::from_secs(1 << (slot.failures - 1).min(10));
            slot.retry = Some(boot + pause.min(MOST_PAUSE));
        }
    }

    /// When one of them is to be tried again.
    pub fn wake(&self) -> Option<Duration> {
        self.slots.values().filter_map(|slot| slot.retry).min()
    }

    /// Those whose time for another attempt has come.
    pub fn due(&self, boot: Duration) -> Vec<u32> {
        let due = self.slots.values().filter(|slot| slot.retry.is_some_and(|at| boot >= at));
        due.map(|slot| slot.id).collect()
    }
}

/// Whether two readings of a config say the same.
fn same(one: &Gathered, other: &Gathered) -> bool {
    let texts = |gathered: &Gathered| {
        let themes = gathered.themes.iter().map(|(_, file)| file);
        let all = gathered.files.iter().chain(themes);
        all.map(|file| (file.path.clone(), file.text.clone())).collect::<Vec<_>>()
    };
    one.problems == other.problems && one.host == other.host && texts(one) == texts(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_one_unused_for_longest_makes_room() {
        let mut configs = Configs::default();
        for n in 0..MOST as u64 {
            configs.add(Path::new(&format!("/{n}")), second(n), |_| false).expect("room");
        }
        assert!(configs.add(Path::new("/x"), second(9), |_| true).is_none());
        let (_, gone) = configs.add(Path::new("/x"), second(9), |_| false).expect("room");
        assert_eq!(gone.map(|slot| slot.path), Some(PathBuf::from("/0")));
        assert_eq!(configs.find(Path::new("/0")), None);
    }

    #[test]
    fn two_names_of_one_file_share_a_slot() {
        let mut configs = Configs::default();
        let (one, _) = configs.add(Path::new("/a"), second(0), |_| false).expect("room");
        let (two, _) = configs.add(Path::new("/link"), second(0), |_| false).expect("room");
        configs.take(one, "/a".into(), Gathered::default());
        let taken = configs.take(two, "/a".into(), Gathered::default());
        assert_eq!(taken, Taken::SameAs(one));
        assert_eq!(configs.find(Path::new("/link")), Some(one));
    }

    #[test]
    fn one_that_cannot_be_read_is_tried_again_soon_and_with_more_patience() {
        let mut configs = Configs::default();
        let (id, _) = configs.add(Path::new("/a"), second(0), |_| false).expect("room");
        let mut tried = Vec::new();
        let mut boot = second(100);
        for _ in 0..7 {
            let patience = configs.slots[&id].patience();
            configs.fail(id, "it took too long", boot);
            let wake = configs.wake().expect("a retry");
            assert_eq!(configs.due(wake - second(1)), [0; 0]);
            assert_eq!(configs.due(wake), [id]);
            tried.push((patience.as_secs(), (wake - boot).as_secs()));
            boot = wake;
        }
        assert_eq!(tried, [(5, 1), (10, 2), (20, 4), (40, 8), (40, 16), (40, 30), (40, 30)]);
        configs.take(id, "/a".into(), Gathered::default());
        assert_eq!(configs.slots[&id].patience(), PATIENCE);
    }

    #[test]
    fn the_same_text_again_changes_nothing() {
        let mut configs = Configs::default();
        let (id, _) = configs.add(Path::new("/a"), second(0), |_| false).expect("room");
        let mut take = || configs.take(id, "/a".into(), Gathered::default());
        assert_eq!(take(), Taken::Swapped);
        assert_eq!(take(), Taken::Kept);
    }
}

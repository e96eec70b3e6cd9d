//! The configs that requests name: one for each path, at most eight.
//!
//! Files are read and watched by workers; this decides what is in force. A config that cannot be
//! used, or that breaks the drawing of a test frame, leaves the one before it in force, or the
//! built-in one.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::jobs::{Jobs, Outcome, Purpose, Ticket};
use super::status::ConfigStatus;
use crate::config::{self, Config, Gathered};
use crate::line::drawing;
use crate::readings::id::ConfigId;
use crate::readings::schedule::{self, Now};
use crate::worker::{Answer, Job};

/// The most configs at a time.
const MAX_CONFIGS: usize = 8;
/// How long a config may take to be read. Each attempt after a failure has twice the time, so that
/// a machine which is merely slow gets its config in the end.
const FIRST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: Duration = Duration::from_secs(40);
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How long a config must be gone until the built-in one takes its place: some programs remove a file and
/// then write it anew.
const GONE: Duration = Duration::from_millis(500);
/// When files that could not be watched are tried again.
const WATCH_RETRY: Duration = Duration::from_secs(30);

/// One config file and what is in force of it.
struct Slot {
    config: Rc<Config>,
    /// Whether an attempt to read it ended; until then the built-in one stands in.
    loaded: bool,
    /// Whether what is in force was read from its file.
    is_read: bool,
    /// What is wrong beyond what the config in force says itself.
    problems: Vec<String>,
    /// Why its files could not be looked at the last time; `None`: they were.
    failure: Option<String>,
    /// The files as read last.
    gathered: Option<Gathered>,
    /// The jobs that read it and that watch its files.
    reading: Option<Ticket>,
    watching: Option<Ticket>,
    watched: Vec<PathBuf>,
    /// Whether it changed while it was being read.
    outdated: bool,
    /// How many attempts to read it began, and ended.
    begun: u64,
    ended: u64,
    /// When it was asked for last, by the boot clock.
    used: Duration,
    /// When to try again after a failure.
    retry: Option<Duration>,
    /// How often in a row it could not be read.
    failures: u32,
    /// Since when its file is not there any more.
    gone: Option<Duration>,
}

impl Slot {
    fn new(path: &Path, boot: Duration) -> Slot {
        Slot {
            config: Rc::new(Config::built_in()),
            // Without a file the built-in config is all there is.
            loaded: path.as_os_str().is_empty(),
            is_read: false,
            problems: Vec::new(),
            failure: None,
            gathered: None,
            reading: None,
            watching: None,
            watched: Vec::new(),
            outdated: false,
            begun: 0,
            ended: 0,
            used: boot,
            retry: None,
            failures: 0,
            gone: None,
        }
    }

    /// How long the next attempt to read it may take.
    fn timeout(&self) -> Duration {
        (FIRST_TIMEOUT * (1 << self.failures.min(10))).min(MAX_TIMEOUT)
    }

    /// Notes that it could not be read at all. It is tried again soon, and then ever more rarely:
    /// more often than a dead mount it is a machine that was busy for a moment.
    fn fail(&mut self, id: &Path, why: &str, boot: Duration) {
        self.failure = Some(format!("{}: cannot be read: {why}", id.display()));
        self.loaded = true;
        self.failures = self.failures.saturating_add(1);
        self.retry = Some(boot + schedule::restart_pause(self.failures).min(MAX_PAUSE));
    }

    /// What is wrong with the config in force and with the file.
    fn all_problems(&self) -> impl Iterator<Item = &String> {
        self.config.problems.iter().chain(&self.problems).chain(&self.failure)
    }

    /// Whether its file is not there any more, and may be back in a moment.
    fn may_be_back(&mut self, gathered: &Gathered, boot: Duration) -> bool {
        let had_one = self.gathered.as_ref().is_some_and(|before| !before.files.is_empty());
        if !had_one || !gathered.files.is_empty() || gathered.unreadable {
            self.gone = None;
            return false;
        }
        let until = *self.gone.get_or_insert(boot) + GONE;
        self.retry = (boot < until).then_some(until);
        self.retry.is_some()
    }

    /// Takes what was read. Whether another config is in force now.
    fn take(&mut self, mut gathered: Gathered) -> bool {
        (self.failures, self.failure) = (0, None);
        let before = self.gathered.as_ref();
        before.into_iter().for_each(|before| keep_themes(before, &mut gathered));
        if self.loaded && before.is_some_and(|before| is_same(before, &gathered)) {
            return false;
        }
        let built = catch_unwind(AssertUnwindSafe(|| config::build(&gathered))).ok();
        self.gathered = Some(gathered);
        self.loaded = true;
        self.problems.clear();
        let Some(config) = built else {
            self.stay(vec!["The config cannot be read (a bug).".into()]);
            return false;
        };
        self.watched = config.files.clone();
        if config.unusable || (config.incomplete && self.is_read) {
            self.stay(config.problems);
            return false;
        }
        if !drawing::test_frames(&config) {
            self.stay(vec!["The config's lines cannot be drawn (a bug).".into()]);
            return false;
        }
        self.config = Rc::new(config);
        self.is_read = true;
        true
    }

    /// Notes why what is in force stays so.
    fn stay(&mut self, why: Vec<String>) {
        self.problems = why;
        self.problems.push(match self.is_read {
            true => "The config in force before stays in force.".into(),
            false => "The built-in config is in force.".into(),
        });
    }

    /// Whether a file of it was there and could not be read. A watcher does not see everything that
    /// may change that.
    fn is_unreadable(&self) -> bool {
        let gathered = self.gathered.as_ref();
        gathered.is_some_and(|gathered| {
            gathered.unreadable || gathered.incomplete || gathered.no_themes
        })
    }
}

/// A config that a request found.
#[derive(Default)]
pub struct Found {
    /// `None` while it is being read for the first time, or while all others are.
    pub config: Option<(ConfigId, Rc<Config>)>,
    /// One that had to make room for it.
    pub removed: Option<ConfigId>,
}

/// What came of reading a config.
pub enum Change {
    /// Another config is in force now.
    Swapped {
        id: ConfigId,
        before: Rc<Config>,
        config: Rc<Config>,
    },
    None,
}

/// All configs, by the path that requests name. Where a link on the way leads may change, and a file
/// includes others from where it was named: so two names of one file are two configs.
#[derive(Default)]
pub struct Configs {
    slots: HashMap<ConfigId, Slot>,
}

impl Configs {
    /// The config of a path, read if it is not known. `is_used` says which cannot make room for it.
    pub fn request(
        &mut self,
        path: &Path,
        now: &Now,
        is_used: impl Fn(&ConfigId) -> bool,
        jobs: &mut Jobs,
    ) -> Result<Found, String> {
        let mut removed = None;
        let id = match self.find(path) {
            Some(id) => id,
            None => {
                if self.slots.len() >= MAX_CONFIGS {
                    let mut idle: Vec<_> =
                        self.slots.iter().filter(|(id, _)| !is_used(id)).collect();
                    if idle.is_empty() {
                        return Err("too many configs are in use".into());
                    }
                    // Nine that are asked for in turn would otherwise put each other out before one
                    // of them was read. The built-in one needs no reading.
                    idle.retain(|(_, slot)| slot.loaded || path.as_os_str().is_empty());
                    let oldest = idle.into_iter().min_by_key(|(_, slot)| slot.used);
                    let Some((oldest, _)) = oldest else { return Ok(Found::default()) };
                    let oldest = oldest.clone();
                    self.remove(&oldest, jobs);
                    removed = Some(oldest);
                }
                let id: ConfigId = path.into();
                self.slots.insert(id.clone(), Slot::new(path, now.boot));
                self.read(&id, jobs);
                id
            }
        };
        let Some(slot) = self.slots.get_mut(&id) else { return Ok(Found::default()) };
        slot.used = now.boot;
        let config = slot.loaded.then(|| (id, slot.config.clone()));
        Ok(Found { config, removed })
    }

    /// The config of a path, if it is known.
    pub fn find(&self, path: &Path) -> Option<ConfigId> {
        self.slots.get_key_value(path).map(|(id, _)| id.clone())
    }

    /// Whether what is in force of a config is its file's own, or there is no file to have one.
    pub fn is_own(&self, id: &ConfigId) -> bool {
        let slot = self.slots.get(id);
        id.as_os_str().is_empty() || slot.is_some_and(|slot| slot.gathered.is_some())
    }

    /// Those with which something is wrong.
    pub fn troubled(&self) -> HashSet<ConfigId> {
        let is_troubled = |slot: &Slot| slot.all_problems().next().is_some();
        let troubled = self.slots.iter().filter(|(_, slot)| is_troubled(slot));
        troubled.map(|(id, _)| id.clone()).collect()
    }

    /// Reads all configs again.
    pub fn reload(&mut self, jobs: &mut Jobs) {
        let ids: Vec<ConfigId> = self.slots.keys().cloned().collect();
        ids.iter().for_each(|id| self.read(id, jobs));
    }

    /// The number of the next attempt to read a config, for [`is_read`](Configs::is_read).
    pub fn next_attempt(&self, id: &ConfigId) -> u64 {
        self.slots.get(id).map_or(0, |slot| slot.begun + 1)
    }

    /// Whether an attempt to read a config has ended, or a later one; if not, it is made. It says how
    /// the file was after the number was given out.
    pub fn is_read(&mut self, id: &ConfigId, attempt: u64, jobs: &mut Jobs) -> bool {
        let Some(slot) = self.slots.get(id).filter(|_| !id.as_os_str().is_empty()) else {
            return true;
        };
        if slot.begun < attempt && !slot.outdated {
            self.read(id, jobs);
        }
        self.slots.get(id).is_none_or(|slot| slot.ended >= attempt)
    }

    /// Tries again to read the configs whose time for that has come.
    pub fn retry(&mut self, now: &Now, jobs: &mut Jobs) {
        let is_due = |slot: &Slot| slot.retry.is_some_and(|at| now.boot >= at);
        let due = self.slots.iter().filter(|(_, slot)| is_due(slot));
        let due: Vec<ConfigId> = due.map(|(id, _)| id.clone()).collect();
        due.iter().for_each(|id| self.read(id, jobs));
    }

    /// When one of them is to be tried again.
    pub fn wake(&self) -> Option<Duration> {
        self.slots.values().filter_map(|slot| slot.retry).min()
    }

    fn read(&mut self, id: &ConfigId, jobs: &mut Jobs) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.retry = None;
        if id.as_os_str().is_empty() {
            return;
        }
        if slot.reading.is_some() {
            slot.outdated = true;
            return;
        }
        slot.begun += 1;
        let job = Job::ReadConfig { path: id.to_path_buf() };
        slot.reading =
            Some(jobs.submit(Purpose::ReadConfig(id.clone()), job, Some(slot.timeout())));
    }

    /// Takes what came of reading a config.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        id: &ConfigId,
        outcome: Outcome,
        now: &Now,
        jobs: &mut Jobs,
    ) -> Change {
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.reading == Some(ticket)) else {
            return Change::None;
        };
        slot.reading = None;
        slot.ended = slot.begun;
        let watched = slot.watched.clone();
        let mut change = Change::None;
        match outcome {
            Ok(Answer::ConfigRead(gathered)) if slot.may_be_back(&gathered, now.boot) => {}
            Ok(Answer::ConfigRead(gathered)) => {
                let before = slot.config.clone();
                if slot.take(gathered) {
                    let config = slot.config.clone();
                    change = Change::Swapped { id: id.clone(), before, config };
                }
            }
            Ok(_) => slot.fail(id, "its worker gave an unexpected answer", now.boot),
            Err(why) => slot.fail(id, &why, now.boot),
        }
        if (slot.watching.is_none() || slot.watched != watched) && slot.retry.is_none() {
            watch(id, slot, jobs);
        }
        if slot.retry.is_none() && slot.is_unreadable() {
            slot.retry = Some(now.boot + MAX_PAUSE);
        }
        if std::mem::take(&mut slot.outdated) {
            self.read(id, jobs);
        }
        change
    }

    /// Takes what the worker that watches a config's files answered.
    pub fn watched(
        &mut self,
        ticket: Ticket,
        id: &ConfigId,
        outcome: &Outcome,
        now: &Now,
        jobs: &mut Jobs,
    ) {
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.watching == Some(ticket)) else {
            return;
        };
        if outcome.is_ok() {
            self.read(id, jobs);
        } else {
            slot.watching = None;
            slot.retry = Some(now.boot + WATCH_RETRY);
        }
    }

    fn remove(&mut self, id: &ConfigId, jobs: &mut Jobs) {
        let Some(slot) = self.slots.remove(id) else { return };
        slot.watching.into_iter().for_each(|ticket| jobs.cancel(ticket));
        slot.reading.into_iter().for_each(|ticket| jobs.withdraw(ticket));
    }

    /// All of them, by path.
    pub fn status(&self) -> Vec<ConfigStatus> {
        let status = |(id, slot): (&ConfigId, &Slot)| ConfigStatus {
            path: Some(id.to_path_buf()).filter(|path| !path.as_os_str().is_empty()),
            loaded: slot.loaded,
            problems: slot.all_problems().cloned().collect(),
        };
        let mut all: Vec<ConfigStatus> = self.slots.iter().map(status).collect();
        all.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        all
    }
}

/// Watches the files of a config, in place of those watched before.
fn watch(id: &ConfigId, slot: &mut Slot, jobs: &mut Jobs) {
    slot.watching.take().into_iter().for_each(|ticket| jobs.cancel(ticket));
    let mut paths = slot.watched.clone();
    if !paths.iter().any(|path| **path == **id) {
        paths.push(id.to_path_buf());
    }
    let purpose = Purpose::WatchConfig(id.clone());
    slot.watching = Some(jobs.submit(purpose, Job::Watch { paths }, None));
}

/// Puts the themes that were read before in place of those that cannot be read.
fn keep_themes(before: &Gathered, gathered: &mut Gathered) {
    if gathered.no_themes {
        gathered.themes.clone_from(&before.themes);
    }
    let mut unreadable = std::mem::take(&mut gathered.unreadable_themes);
    unreadable.retain(|name| {
        let kept = before.themes.iter().find(|(known, _)| known == name);
        gathered.themes.extend(kept.cloned());
        kept.is_none()
    });
    gathered.unreadable_themes = unreadable;
}

/// Whether two readings of a config hold the same.
fn is_same(one: &Gathered, other: &Gathered) -> bool {
    let texts = |gathered: &Gathered| {
        let themes = gathered.themes.iter().map(|(_, file)| file);
        let all = gathered.files.iter().chain(themes);
        all.map(|file| (file.path.clone(), file.text.clone())).collect::<Vec<_>>()
    };
    let failed = |gathered: &Gathered| (gathered.unreadable, gathered.incomplete);
    let is_told = one.problems == other.problems && failed(one) == failed(other);
    is_told && one.host == other.host && texts(one) == texts(other)
}

#[cfg(test)]
mod tests;

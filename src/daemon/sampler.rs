//! Takes readings: those that are wanted and due, here or by a worker, or followed by a worker of
//! their own. It owns the last readings, their history and the machine; who wants a reading and what
//! is drawn from it is not known here.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::LineRequest;
use rainline_segments::{Machine, Pace, RunsIn, Sample, SetValue};

use super::jobs::{Jobs, Outcome, Purpose, Ticket};
use super::status::{SegmentStatus, note};
use crate::config::Config;
use crate::line::drawing;
use crate::readings::history::History;
use crate::readings::id::{ConfigId, ReadingId};
use crate::readings::schedule::{self, Now};
use crate::readings::source;
use crate::worker::{Answer, Job};

mod cache;
mod entry;
#[cfg(test)]
pub mod test_support;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use entry::CachedReading;
use entry::Following;

/// How many bytes of a status readings for single askers may take.
const MAX_STATUS: usize = 32 << 10;
/// Margin so that a pushed value has expired when the timer fires.
const AFTER_END: Duration = Duration::from_millis(5);

/// The readings and what takes them.
pub struct Sampler {
    cache: Cache,
    history: History,
    machine: Machine,
    /// Whether what is read of the machine here may block, so that workers read it.
    may_block: bool,
}

impl Sampler {
    pub fn new(machine: Machine, history: History) -> Sampler {
        let mut sampler = Sampler { cache: Cache::default(), history, machine, may_block: false };
        sampler.look_at_machine();
        sampler
    }

    /// Has workers read the machine from now on if it may block. Something may be mounted over its
    /// files at any time.
    pub fn look_at_machine(&mut self) {
        if !self.may_block
            && let Some(why) = self.machine.may_block()
        {
            note(format!("the machine is read by workers: {why}"));
            self.may_block = true;
        }
    }

    /// The readings as they are.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Makes room for a reading of an instance, unless there is.
    pub fn add(&mut self, id: &ReadingId, config: &Rc<Config>, index: u16) {
        if self.cache.entries.contains_key(id) {
            return;
        }
        let kind = config.instances[usize::from(index)].kind;
        let shared = id.is_shared_by_all();
        let rings = if shared { self.history.take_rings(id, kind, false) } else { Vec::new() };
        self.cache.entries.insert(id.clone(), CachedReading::new(config, index, rings));
    }

    /// Takes the readings that a request shows, as far as they are due.
    pub fn request<'a>(
        &mut self,
        shown: impl Iterator<Item = &'a ReadingId>,
        request: &LineRequest,
        now: &Now,
        jobs: &mut Jobs,
    ) {
        for id in shown {
            let is_due = self.cache.entries.change(id, |entry| {
                let instance = entry.instance();
                if !id.is_shared_by_all() || instance.pace == Pace::Ask {
                    entry.ask = drawing::ask(request, instance.kind);
                }
                entry.is_due_for_request(now.boot)
            });
            if is_due == Some(true) {
                self.read(id, now, jobs);
            }
        }
    }

    /// Takes the wanted readings that are due; how many that were. One may be wanted several times.
    pub fn read_due<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a ReadingId>,
        now: &Now,
        jobs: &mut Jobs,
    ) -> usize {
        let mut count = 0;
        for id in wanted {
            let entry = self.cache.entries.get(id);
            if entry.is_some_and(|entry| entry.is_timed() && now.boot >= entry.due) {
                self.read(id, now, jobs);
                count += 1;
            }
        }
        count
    }

    /// When the next of the wanted readings is due.
    pub fn wake<'a>(&self, wanted: impl Iterator<Item = &'a ReadingId>) -> Option<Duration> {
        let entries = wanted.filter_map(|id| self.cache.entries.get(id));
        entries.filter(|entry| entry.is_timed()).map(|entry| entry.due).min()
    }

    /// Takes a reading now, or has a worker take it.
    fn read(&mut self, id: &ReadingId, now: &Now, jobs: &mut Jobs) {
        let Sampler { cache, history, machine, may_block } = self;
        cache.entries.change(id, |entry| match runs_in(entry, id, *may_block) {
            RunsIn::OwnWorker => follow(entry, id, now, jobs),
            RunsIn::Worker => submit(entry, id, history, now, jobs),
            RunsIn::Daemon => {
                if let Err(why) = open(entry, id, history) {
                    return entry.record(Err(why), now);
                }
                // All that is read in this pass of the loop is of one moment.
                let machine = machine.by(entry.reader()).at(now.boot);
                if let Some(source) = &mut entry.source {
                    let sampled = source::sample(source.as_mut(), machine, &entry.ask);
                    entry.record(sampled, now);
                }
            }
        });
    }

    /// Takes what a worker answered for a reading.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        id: &ReadingId,
        outcome: Outcome,
        now: &Now,
        jobs: &mut Jobs,
    ) {
        self.cache.entries.change(id, |entry| {
            if entry.running == Some(ticket) {
                sampled(entry, id, outcome, now, jobs);
            } else if entry.following.is_some_and(|following| following.ticket == ticket) {
                followed(entry, ticket, outcome, now, jobs);
            }
        });
    }

    /// Makes readings due whose dependencies changed. One that is on its way is taken after that.
    pub fn outdated(&mut self, ids: &[ReadingId]) {
        for id in ids {
            if let Some(entry) = self.cache.entries.get_mut(id)
                && entry.running.is_none()
            {
                entry.due = Duration::ZERO;
            }
        }
    }

    /// Stops following readings that are not wanted any more.
    pub fn stop_unwanted<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a ReadingId>,
        jobs: &mut Jobs,
    ) {
        if !self.is_following() {
            return;
        }
        let wanted: HashSet<&ReadingId> = wanted.collect();
        for (id, entry) in self.cache.entries.iter_mut() {
            if !wanted.contains(id)
                && let Some(following) = entry.following.take()
            {
                entry.due = Duration::ZERO;
                jobs.cancel(following.ticket);
            }
        }
    }

    /// Whether any reading is being followed.
    pub fn is_following(&self) -> bool {
        self.cache.entries.values().any(|entry| entry.following.is_some())
    }

    /// The clocks jumped: the time between is a gap, and everything is due.
    pub fn jump(&mut self) {
        self.cache.entries.values_mut().for_each(CachedReading::jump);
    }

    /// Makes everything due, as if it had never failed.
    pub fn reload(&mut self) {
        self.cache.entries.values_mut().for_each(CachedReading::reload);
    }

    /// Gives a reading a value from outside, which shows at once.
    pub fn push(&mut self, id: &ReadingId, pushed: &SetValue, now: &Now) -> Result<(), String> {
        let Some(entry) = self.cache.entries.get_mut(id) else { return Ok(()) };
        open(entry, id, &self.history)?;
        let Some(source) = &mut entry.source else { return Ok(()) };
        let sample = source::push(source.as_mut(), &self.machine, pushed)?;
        if entry.following.is_some() {
            entry.receive(Ok(sample), now);
        } else {
            // This forgets a reading that is on its way: it is older.
            entry.record(Ok(sample), now);
        }
        if let Some(lasts) = pushed.valid_for {
            let end = now.boot.saturating_add(lasts).saturating_add(AFTER_END);
            let own = entry.runs_in() == RunsIn::Daemon;
            // Where a command takes the readings, the next one is due at the end.
            entry.due = if own { entry.due.min(end) } else { end };
        }
        Ok(())
    }

    /// Takes over a changed config: readings of unchanged instances go on, others are dropped.
    pub fn config_changed(
        &mut self,
        id: &ConfigId,
        before: &Config,
        config: &Rc<Config>,
        jobs: &mut Jobs,
    ) {
        let unchanged = |id: &ReadingId| {
            let old = before.instances.iter().find(|instance| id.is_of(instance))?;
            let index = config.instances.iter().position(|instance| id.is_of(instance))?;
            let new = &config.instances[index];
            (old.options == new.options && old.pace == new.pace).then_some(index as u16)
        };
        let history = &mut self.history;
        self.cache.entries.retain(|reading, entry| {
            if reading.config != *id {
                return true;
            }
            if let Some(index) = unchanged(reading) {
                entry.move_to(config, index);
                return true;
            }
            if reading.is_shared_by_all() {
                history.put_rings(reading, &entry.rings);
            }
            // What was pushed a moment before is the new instance's, if it fits. Other kinds save
            // what they read with the options as they were.
            let saved = entry.source.as_ref().filter(|_| reading.kind == "custom");
            if let Some(saved) = saved.and_then(|source| source.save()) {
                history.put_saved(reading, saved);
            }
            drop_entry(entry, jobs);
            false
        });
    }

    /// Drops all readings of a config; their history is kept.
    pub fn forget_config(&mut self, id: &ConfigId, now: &Now, jobs: &mut Jobs) {
        self.keep_history(now, |reading| reading.config == *id);
        self.history.retire(id);
        self.cache.entries.retain(|reading, entry| {
            let other = reading.config != *id;
            if !other {
                drop_entry(entry, jobs);
            }
            other
        });
    }

    /// How many readings there are.
    pub fn size(&self) -> usize {
        self.cache.entries.len()
    }

    /// Whether there are too many readings for single askers.
    pub fn is_over(&self) -> bool {
        self.cache.entries.is_over()
    }

    /// Drops readings for single askers that were used longest ago, but for these, if there are too
    /// many. What was dropped.
    pub fn make_room<'a>(
        &mut self,
        held: impl Iterator<Item = &'a ReadingId>,
        jobs: &mut Jobs,
    ) -> HashSet<ReadingId> {
        let held: HashSet<&ReadingId> = held.collect();
        let stays = |id: &ReadingId, _: &_| id.is_shared_by_all() || held.contains(id);
        let dropped = self.cache.entries.make_room(stays).into_iter();
        let end = |(id, mut entry)| {
            drop_entry(&mut entry, jobs);
            id
        };
        dropped.map(end).collect()
    }

    /// Drops readings for single askers that are not wanted any more. Readings shared by all stay:
    /// they are few, and their counters and rings are worth keeping.
    pub fn sweep<'a>(&mut self, wanted: impl Iterator<Item = &'a ReadingId>, now: &Now) {
        let wanted: HashSet<&ReadingId> = wanted.collect();
        self.cache.entries.retain(|id, entry| {
            entry.recover(now);
            id.is_shared_by_all() || entry.running.is_some() || wanted.contains(id)
        });
        self.cache.entries.shrink();
    }

    /// Takes over what the history file holds. Readings that were taken before it was read get
    /// their older part anyway.
    pub fn adopt_history(&mut self, history: History) {
        self.history.adopt(history);
        for (id, entry) in self.cache.entries.iter_mut().filter(|(id, _)| id.is_shared_by_all()) {
            let older = self.history.take_rings(id, entry.instance().kind, false);
            entry.prepend(older);
        }
    }

    /// The readings, in the order of their identities; of those for single askers only so
    /// many that the answer stays short.
    pub fn status(&self, boot: Duration) -> Vec<SegmentStatus> {
        let mut all: Vec<_> = self.cache.entries.iter().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        let mut left = MAX_STATUS;
        all.retain(|(id, entry)| {
            let error = entry.error.as_ref().map_or(0, String::len);
            let bytes = id.instance.len() + id.directory.as_os_str().len() + error + 80;
            let fits = id.is_shared_by_all() || bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        });
        let age = |taken| boot.saturating_sub(taken).as_secs_f64();
        let status = |(id, entry): (&ReadingId, &CachedReading)| SegmentStatus {
            name: id.instance.to_string(),
            asker: id.asker,
            directory: Some(id.directory.to_path_buf()).filter(|path| !path.as_os_str().is_empty()),
            age_seconds: entry.taken().map(age),
            error: entry.error.clone(),
        };
        all.into_iter().map(status).collect()
    }

    /// Everything worth keeping, as of now.
    pub fn history(&mut self, now: &Now) -> &History {
        self.keep_history(now, |_| true);
        &self.history
    }

    fn keep_history(&mut self, now: &Now, is_meant: impl Fn(&ReadingId) -> bool) {
        let shared = |(id, _): &(&ReadingId, &CachedReading)| id.is_shared_by_all() && is_meant(id);
        for (id, entry) in self.cache.entries.iter().filter(shared) {
            self.history.put_rings(id, &entry.rings);
            if entry.runs_in() == RunsIn::OwnWorker {
                if let Some(last) = entry.last_sample(now) {
                    self.history.put_last(id, last);
                }
                continue;
            }
            let saved = match &entry.source {
                Some(source) => source.save(),
                None => entry.saved.clone().filter(|saved| !saved.is_empty()),
            };
            if let Some(saved) = saved {
                self.history.put_saved(id, saved);
            }
        }
    }
}

/// Opens the source of an instance in the daemon, unless it is open.
fn open(entry: &mut CachedReading, id: &ReadingId, history: &History) -> Result<(), String> {
    if entry.source.is_some() {
        return Ok(());
    }
    let instance = entry.instance();
    let mut source = source::open(instance.kind, &instance.options)
        .map_err(|why| format!("its options are invalid: {why}"))?;
    if let Some(saved) = history.saved(id) {
        source::restore(source.as_mut(), saved);
    }
    entry.source = Some(source);
    Ok(())
}

/// Where a reading is taken: elsewhere than it says where the daemon might wait for it.
fn runs_in(entry: &CachedReading, id: &ReadingId, may_block: bool) -> RunsIn {
    let is_of_machine = matches!(entry.pace(), Pace::Tick(_)) && id.is_shared_by_all();
    match entry.runs_in() {
        RunsIn::Daemon if may_block && is_of_machine => RunsIn::Worker,
        runs_in => runs_in,
    }
}

/// Has a worker take a reading.
fn submit(
    entry: &mut CachedReading,
    id: &ReadingId,
    history: &History,
    now: &Now,
    jobs: &mut Jobs,
) {
    entry.plan(now);
    if entry.running.is_some() {
        return;
    }
    if entry.runs_in() == RunsIn::Daemon
        && let Some(source) = entry.source.take()
    {
        entry.saved = source.save();
    }
    if entry.saved.is_none() {
        let saved = history.saved(id).filter(|_| id.is_shared_by_all());
        entry.saved = Some(saved.unwrap_or_default().to_owned());
    }
    let saved = entry.saved.clone().unwrap_or_default();
    let (options, ask) = (entry.options(), entry.ask.clone());
    let instance = entry.instance();
    let timeout = instance.timeout.unwrap_or(schedule::timeout(instance.kind.pace));
    let reader = entry.reader();
    let job = Job::Sample { id: id.clone(), options, ask, saved, reader };
    let ticket = jobs.submit(Purpose::Reading(id.clone()), job, Some(timeout));
    entry.running = Some(ticket);
}

/// Has a worker of its own follow a reading.
fn follow(entry: &mut CachedReading, id: &ReadingId, now: &Now, jobs: &mut Jobs) {
    if entry.following.is_some() {
        return;
    }
    let interval = schedule::interval(entry.pace());
    let (options, ask) = (entry.options(), entry.ask.clone());
    let job = Job::Follow { kind: id.kind.to_string(), options, ask, interval };
    let ticket = jobs.submit(Purpose::Reading(id.clone()), job, None);
    entry.following = Some(Following { ticket, since: now.boot });
}

/// Takes what came of a single reading.
fn sampled(
    entry: &mut CachedReading,
    id: &ReadingId,
    outcome: Outcome,
    now: &Now,
    jobs: &mut Jobs,
) {
    let sampled = match outcome {
        Ok(Answer::WantsFollowing) => {
            entry.running = None;
            return follow(entry, id, now, jobs);
        }
        Ok(Answer::Sampled { sample, saved }) => {
            if sample.is_ok() {
                entry.saved = Some(saved.unwrap_or_default());
            }
            unpacked(entry, sample)
        }
        Ok(_) => Err("its worker gave an unexpected answer".into()),
        Err(why) => Err(why),
    };
    entry.record(sampled, now);
}

/// Takes what came from a worker that follows a reading.
fn followed(
    entry: &mut CachedReading,
    ticket: Ticket,
    outcome: Outcome,
    now: &Now,
    jobs: &mut Jobs,
) {
    let why = match outcome {
        Ok(Answer::Sampled { sample, .. }) => {
            let sample = unpacked(entry, sample);
            return entry.receive(sample, now);
        }
        Ok(Answer::Ended(Err(why))) | Err(why) => why,
        Ok(Answer::Ended(Ok(()))) => "it ended although it should stay".into(),
        Ok(_) => "its worker gave an unexpected answer".into(),
    };
    entry.exited(why, now);
    jobs.cancel(ticket);
}

/// A worker's sample, with the names of its kind.
fn unpacked(
    entry: &CachedReading,
    sample: Result<Option<crate::readings::sample::PortableSample>, String>,
) -> Result<Option<Sample>, String> {
    let kind = entry.instance().kind;
    sample.map(|sample| sample.map(|sample| sample.sample(kind)))
}

/// Ends what a dropped reading has running.
fn drop_entry(entry: &mut CachedReading, jobs: &mut Jobs) {
    if let Some(following) = entry.following.take() {
        jobs.cancel(following.ticket);
    }
    if let Some(ticket) = entry.running.take() {
        jobs.withdraw(ticket);
    }
}

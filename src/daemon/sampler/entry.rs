//! The last reading of an instance: what it gave, how old that is, and when the next one is due.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rainline_segments::{Ask, Pace, Reader, RunsIn, Sample, Source, Untrusted, Value};

use super::super::jobs::Ticket;
use crate::config::{Config, Instance};
use crate::daemon::lru::Weigh;
use crate::line::rows::{Age, Reading};
use crate::readings::history::{self, Rings};
use crate::readings::sample::{LastSample, PortableSample};
use crate::readings::schedule::{self, Now};

/// A followed source that has run this long has recovered from its exits.
const STABLE: Duration = Duration::from_secs(30);
/// After this many failures in a row the line shows the sign of trouble.
const TROUBLE: u32 = 3;

/// A job that follows a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Following {
    pub ticket: Ticket,
    pub since: Duration,
}

/// The last reading of an instance.
pub struct CachedReading {
    config: Rc<Config>,
    index: u16,
    /// The instance's options as text, made when a worker needs them.
    options: Option<Arc<str>>,
    /// Open once it was needed, and only where it runs in the daemon.
    pub(super) source: Option<Box<dyn Source>>,
    /// What its source in a worker saved; `None` until the history was asked.
    pub(super) saved: Option<String>,
    pub(super) ask: Ask,
    sample: Option<Sample>,
    /// When the sample was taken, by the boot clock.
    taken: Option<Duration>,
    pub(super) error: Option<String>,
    /// Failures in a row.
    errors: u32,
    /// The worker's job while it is being read.
    pub(super) running: Option<Ticket>,
    pub(super) following: Option<Following>,
    /// How often in a row a job that followed it ended.
    exits: u32,
    /// When it should be read next, by the boot clock.
    pub(super) due: Duration,
    /// Grows with each sample that differs from the last.
    version: u64,
    pub(super) rings: Rings,
}

impl Weigh for CachedReading {
    /// Its rings are not in it: only readings that are shared by all keep numbers, and of those there
    /// are as many as the configs have.
    fn weight(&self) -> usize {
        let Ask { cwd, env, pipestatus, keymap, pane, .. } = &self.ask;
        let variable = |(name, value): &(String, Untrusted)| {
            size_of::<(String, Untrusted)>() + name.len() + value.reveal().len()
        };
        let texts =
            [keymap, pane].into_iter().flatten().map(|text| text.reveal().len()).sum::<usize>();
        let cwd = cwd.as_ref().map_or(0, |cwd| cwd.as_os_str().len());
        let asked = env.iter().map(variable).sum::<usize>() + 4 * pipestatus.len() + texts + cwd;
        let value = |(_, value): &(&str, Value)| {
            let text = match value {
                Value::Text(text) | Value::Live { known: text, .. } => text.reveal().len(),
                Value::Styled(pieces) => pieces.iter().map(|piece| piece.text.reveal().len()).sum(),
                _ => 0,
            };
            size_of::<(&str, Value)>() + text
        };
        let sample = self.sample.iter().flat_map(|sample| &sample.values).map(value).sum::<usize>();
        let texts =
            [&self.error, &self.saved].into_iter().flatten().map(String::len).sum::<usize>();
        let options = self.options.as_ref().map_or(0, |options| options.len());
        size_of::<CachedReading>() + asked + sample + texts + options
    }
}

impl CachedReading {
    pub fn new(config: &Rc<Config>, index: u16, rings: Rings) -> CachedReading {
        CachedReading {
            config: config.clone(),
            index,
            options: None,
            source: None,
            saved: None,
            ask: Ask::default(),
            sample: None,
            taken: None,
            error: None,
            errors: 0,
            running: None,
            following: None,
            exits: 0,
            due: Duration::ZERO,
            version: 0,
            rings,
        }
    }

    pub fn instance(&self) -> &Instance {
        &self.config.instances[usize::from(self.index)]
    }

    pub fn sample(&self) -> Option<&Sample> {
        self.sample.as_ref()
    }

    pub fn taken(&self) -> Option<Duration> {
        self.taken
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// The recent numbers of each field that keeps them.
    pub fn rings(&self) -> &Rings {
        &self.rings
    }

    /// The reading as it is drawn.
    pub fn reading(&self, boot: Duration) -> Reading<'_> {
        Reading { sample: self.sample.as_ref(), age: self.age(boot), rings: &self.rings }
    }

    /// Whether it fails often enough for a bar to hint at it.
    pub fn is_in_trouble(&self) -> bool {
        self.errors >= TROUBLE
    }

    /// Whether a reading is on its way.
    pub fn is_running(&self) -> bool {
        self.running.is_some() || self.awaits_first()
    }

    /// Whether the very first reading is on its way.
    pub fn awaits_first(&self) -> bool {
        let on_its_way = self.running.is_some() || self.following.is_some();
        self.taken.is_none() && self.errors == 0 && on_its_way
    }

    pub fn age(&self, boot: Duration) -> Age {
        let since = self.taken.map(|taken| boot.saturating_sub(taken));
        // A source that reports changes is right as long as it is silent.
        let reports = self.following.is_some() && self.pace() == Pace::Change;
        let since = since.map(|since| if reports { Duration::ZERO } else { since });
        // A sample from before the source's last exit may be wrong by now.
        let of_this_run = |following: Following| self.taken >= Some(following.since);
        let outlived = self.exits > 0 && !self.following.is_some_and(of_this_run);
        match schedule::age(self.pace(), since, self.errors) {
            Age::Fresh if outlived => Age::Stale,
            age => age,
        }
    }

    /// The last sample of a followed source and when it was last known to be right.
    pub(super) fn last_sample(&self, now: &Now) -> Option<LastSample> {
        let taken = self.taken?;
        let is_right = self.following.is_some() && self.exits == 0;
        let since = if is_right { Duration::ZERO } else { now.boot.saturating_sub(taken) };
        let sample = self.sample.clone().map(PortableSample::new);
        Some(LastSample { at: now.wall.saturating_sub(since), sample })
    }

    /// Where its source runs.
    pub(super) fn runs_in(&self) -> RunsIn {
        self.config.runs_in(self.instance())
    }

    /// How the machine is read for it.
    pub(super) fn reader(&self) -> Reader {
        self.config.reader
    }

    pub(super) fn pace(&self) -> Pace {
        self.instance().pace
    }

    /// The instance's options, as a worker gets them.
    pub(super) fn options(&mut self) -> Arc<str> {
        let options = &self.config.instances[usize::from(self.index)].options;
        self.options.get_or_insert_with(|| options.to_string().into()).clone()
    }

    /// Whether it is read by time: not with each request, nor by following it.
    pub(super) fn is_timed(&self) -> bool {
        self.pace() != Pace::Ask && self.following.is_none()
    }

    /// Whether a request has it read now.
    pub(super) fn is_due_for_request(&self, boot: Duration) -> bool {
        let due = boot >= self.due && self.running.is_none() && self.following.is_none();
        // What only reshapes the request costs nothing and is never old.
        due || self.pace() == Pace::Ask && self.runs_in() == RunsIn::Daemon
    }

    /// Takes what a source gave.
    pub fn record(&mut self, sampled: Result<Option<Sample>, String>, now: &Now) {
        match sampled {
            Ok(sample) => {
                self.show(sample, now);
                (self.error, self.errors, self.exits) = (None, 0, 0);
            }
            Err(why) => {
                // The old sample stays and looks older and older.
                self.fail(why);
                self.source = None;
            }
        }
        self.running = None;
        self.plan(now);
    }

    /// Takes a reading of a followed source. One that exited before has recovered only once it runs
    /// for a while.
    pub(super) fn receive(&mut self, sampled: Result<Option<Sample>, String>, now: &Now) {
        self.recover(now);
        match sampled {
            Ok(sample) => {
                self.show(sample, now);
                if self.exits == 0 {
                    (self.error, self.errors) = (None, 0);
                }
            }
            Err(why) => self.fail(why),
        }
    }

    /// Notes that a followed source exited; it is due after a pause.
    pub(super) fn exited(&mut self, why: String, now: &Now) {
        self.recover(now);
        self.following = None;
        self.fail(why);
        self.exits = self.exits.saturating_add(1);
        self.due = now.boot.saturating_add(schedule::restart_pause(self.exits));
    }

    /// Forgets the exits of a source that has been followed for a while since.
    pub(super) fn recover(&mut self, now: &Now) {
        let stable = |following: Following| now.boot.saturating_sub(following.since) >= STABLE;
        if self.exits > 0 && self.following.is_some_and(stable) {
            (self.exits, self.error, self.errors) = (0, None, 0);
        }
    }

    /// Sets when it is due next.
    pub(super) fn plan(&mut self, now: &Now) {
        self.due = now.boot.saturating_add(schedule::next(self.pace(), self.errors, now.wall));
    }

    /// Makes it due now, as if it had never failed.
    pub(super) fn reload(&mut self) {
        (self.due, self.errors) = (Duration::ZERO, 0);
    }

    /// Marks that time passed in which nothing was read, and makes it due.
    pub(super) fn jump(&mut self) {
        self.rings.iter_mut().for_each(|(_, ring)| ring.gap());
        self.due = Duration::ZERO;
    }

    /// Goes on as the same instance of a changed config. A reading that is on its way is taken anew:
    /// its worker was given the old config's options.
    pub(super) fn move_to(&mut self, config: &Rc<Config>, index: u16) {
        (self.config, self.index) = (config.clone(), index);
        if self.running.take().is_some() {
            self.due = Duration::ZERO;
        }
    }

    /// Puts older readings in front of those that there are.
    pub(super) fn prepend(&mut self, mut older: Rings) {
        let seconds = self.taken.unwrap_or_default().as_secs();
        for ((_, old), (_, new)) in older.iter_mut().zip(&self.rings) {
            new.recent(usize::MAX).for_each(|cell| old.push(cell.mean.into(), seconds));
        }
        self.rings = older;
        self.version += 1;
    }

    fn show(&mut self, sample: Option<Sample>, now: &Now) {
        let pause = self.taken.map_or(Duration::ZERO, |taken| now.boot.saturating_sub(taken));
        let interval = schedule::interval(self.pace());
        history::push(&mut self.rings, sample.as_ref(), now.boot, pause, interval);
        if self.sample != sample || self.taken.is_none() || !self.rings.is_empty() {
            self.version += 1;
        }
        self.sample = sample;
        self.taken = Some(now.boot);
    }

    fn fail(&mut self, why: String) {
        self.error = Some(why);
        self.errors = self.errors.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::sampler::test_support::at;
    use rainline_segments::{Level, Value};

    const SECOND: Duration = Duration::from_secs(1);

    fn entry(pace: Pace) -> CachedReading {
        let mut config = Config::built_in();
        config.instances[0].pace = pace;
        CachedReading::new(&Rc::new(config), 0, Vec::new())
    }

    fn follow(entry: &mut CachedReading, ticket: Ticket, since: Duration) {
        entry.following = Some(Following { ticket, since });
    }

    #[test]
    fn a_failure_keeps_the_sample_and_lets_it_grow_old() {
        let mut entry = entry(Pace::Tick(SECOND));
        let sample = Sample::new(Level::Good).with("usage", Value::percent(5.0));
        entry.record(Ok(Some(sample.clone())), &at(10));
        entry.record(Err("gone".into()), &at(14));
        assert_eq!(entry.sample, Some(sample));
        assert_eq!(entry.age(SECOND * 14), Age::Stale);
        assert_eq!(entry.error.as_deref(), Some("gone"));
    }

    #[test]
    fn a_followed_source_is_right_while_it_is_silent_and_old_once_it_exited() {
        let mut entry = entry(Pace::Change);
        follow(&mut entry, 1, SECOND);
        assert!(entry.awaits_first() && !entry.is_timed());
        entry.receive(Ok(Some(Sample::new(Level::Good))), &at(1));
        assert_eq!(entry.age(SECOND * 90_000), Age::Fresh);
        entry.exited("gone".into(), &at(2));
        assert_eq!((entry.age(SECOND * 2), entry.due), (Age::Stale, SECOND * 3));
        assert!(entry.is_timed());
    }

    #[test]
    fn a_followed_source_with_an_interval_grows_old_in_silence() {
        let mut entry = entry(Pace::Tick(SECOND));
        follow(&mut entry, 1, SECOND);
        entry.receive(Ok(Some(Sample::new(Level::Good))), &at(1));
        assert_eq!([2, 6, 20].map(|s| entry.age(SECOND * s)), [Age::Fresh, Age::Stale, Age::Lost]);
        entry.receive(Ok(None), &at(20));
        entry.exited("gone".into(), &at(20));
        // Started anew it has yet to give a reading.
        follow(&mut entry, 2, SECOND * 21);
        assert_eq!(entry.age(SECOND * 21), Age::Stale);
        entry.receive(Ok(None), &at(22));
        assert_eq!(entry.age(SECOND * 22), Age::Fresh);
    }

    #[test]
    fn the_last_sample_was_right_until_its_source_exited() {
        let mut entry = entry(Pace::Change);
        assert_eq!(entry.last_sample(&at(1)), None, "there was none");
        follow(&mut entry, 1, SECOND);
        entry.receive(Ok(None), &at(2));
        let last = |at, sample| Some(LastSample { at, sample });
        assert_eq!(entry.last_sample(&at(9)), last(SECOND * 9, None));
        entry.exited("gone".into(), &at(9));
        assert_eq!(entry.last_sample(&at(12)), last(SECOND * 2, None));
    }

    #[test]
    fn only_a_source_that_lasts_has_recovered_from_its_exits() {
        let mut entry = entry(Pace::Change);
        for n in 0..3 {
            follow(&mut entry, n, SECOND * 10);
            entry.receive(Ok(None), &at(10));
            entry.exited("gone".into(), &at(10));
        }
        assert_eq!((entry.due, entry.errors), (SECOND * 14, 3));
        follow(&mut entry, 9, SECOND * 14);
        entry.receive(Ok(None), &at(15));
        assert_eq!(entry.error.as_deref(), Some("gone"));
        entry.recover(&at(14 + 30));
        assert_eq!((entry.error.as_deref(), entry.errors, entry.exits), (None, 0, 0));
    }

    #[test]
    fn wrong_lines_of_a_followed_source_are_failures_until_a_right_one() {
        let mut entry = entry(Pace::Change);
        follow(&mut entry, 1, SECOND);
        entry.receive(Err("no JSON".into()), &at(1));
        assert!(!entry.awaits_first(), "no request waits for it any more");
        assert_eq!((entry.age(SECOND), entry.errors), (Age::Lost, 1));
        entry.receive(Ok(None), &at(2));
        assert_eq!((entry.errors, entry.error), (0, None));
    }

    #[test]
    fn the_same_sample_again_is_nothing_new() {
        let mut entry = entry(Pace::Tick(SECOND));
        entry.record(Ok(None), &at(1));
        let version = entry.version;
        entry.record(Ok(None), &at(2));
        assert_eq!(entry.version, version);
        entry.record(Ok(Some(Sample::new(Level::Good))), &at(3));
        assert!(entry.version > version);
    }
}

//! What was read and what was drawn from it.
//!
//! An [`Entry`] is the last sample of an instance, shared by everybody for whom it is the same. A
//! [`View`] is a line that somebody looks at: the same bytes for the same request, drawn again only
//! when one of its readings changed. Whoever looks (a stream, or a lease that requests renew) keeps
//! the entries of the view going; nothing else is ever read.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rainline_segments::{Ask, Pace, Sample, Source};
use rustc_hash::FxBuildHasher;

use super::history::{self, Rings};
use super::schedule::{self, Now};
use crate::config::Config;
use crate::line::drawing::Drawing;
use crate::line::identity::LineKey;
use crate::line::rows::{Age, Reading, Readings};

/// The most views; the one whose lease ends first makes room.
const MOST_VIEWS: usize = 256;
/// A followed source that goes on for so long has overcome its failures.
const LASTED: Duration = Duration::from_secs(30);
/// So many failures in a row are trouble that a bar may hint at.
const TROUBLE: u32 = 3;

/// The last reading of each instance. Keys are made from our own user's requests: nobody gains by
/// making his own collide.
pub type Entries = HashMap<Key, Entry, FxBuildHasher>;

/// Whose reading it is: an instance of a config, and with whom it is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub config: u32,
    pub instance: u16,
    /// The client or the moment; 0 for everybody.
    pub who: u64,
    pub place: Option<PathBuf>,
}

impl Key {
    /// Whether everybody on this machine shares it.
    pub fn is_host(&self) -> bool {
        self.who == 0 && self.place.is_none()
    }
}

/// The last reading of an instance.
pub struct Entry {
    pub pace: Pace,
    /// Open once it was needed, and only where it runs in the daemon.
    pub source: Option<Box<dyn Source>>,
    /// The number of its source in a worker.
    pub number: Option<u64>,
    /// What its source in a worker wants to be told next time: the worker may be another then.
    pub memo: Option<String>,
    /// How a worker is told what to read: always the same.
    pub order: Option<Rc<Order>>,
    pub sample: Option<Sample>,
    /// When the sample was taken, by the boot clock.
    pub taken: Option<Duration>,
    pub error: Option<String>,
    /// Failures in a row.
    pub errors: u32,
    /// The worker's ticket while it is being read.
    pub busy: Option<u64>,
    /// The ticket of the worker that follows it, and since when.
    pub follows: Option<(u64, Duration)>,
    /// How often in a row that ended.
    pub ends: u32,
    /// When it should be read next, by the boot clock.
    pub due: Duration,
    /// Grows with each sample that differs from the last.
    pub version: u64,
    pub rings: Rings,
    pub ask: Ask,
}

/// What a worker is told of an instance.
pub struct Order {
    /// Under which it keeps the source open.
    pub number: u64,
    pub options: String,
    /// Whose jobs share its luck.
    pub provider: String,
}

impl Entry {
    pub fn new(pace: Pace, rings: Rings) -> Entry {
        Entry {
            pace,
            source: None,
            number: None,
            memo: None,
            order: None,
            sample: None,
            taken: None,
            error: None,
            errors: 0,
            busy: None,
            follows: None,
            ends: 0,
            due: Duration::ZERO,
            version: 0,
            rings,
            ask: Ask::default(),
        }
    }

    /// Takes what a source gave.
    pub fn record(&mut self, sampled: Result<Option<Sample>, String>, now: &Now) {
        match sampled {
            Ok(sample) => {
                self.show(sample, now);
                (self.error, self.errors, self.ends) = (None, 0, 0);
            }
            Err(why) => {
                // The old sample stays and grows visibly old.
                self.error = Some(why);
                self.errors = self.errors.saturating_add(1);
                self.source = None;
            }
        }
        self.busy = None;
        self.plan(now);
    }

    fn show(&mut self, sample: Option<Sample>, now: &Now) {
        let pause = self.taken.map_or(Duration::ZERO, |taken| now.boot.saturating_sub(taken));
        let pace = schedule::interval(self.pace);
        history::push(&mut self.rings, sample.as_ref(), now.boot, pause, pace);
        if self.sample != sample || self.taken.is_none() || !self.rings.is_empty() {
            self.version += 1;
        }
        self.sample = sample;
        self.taken = Some(now.boot);
    }

    /// Takes what a followed source said. Where it ended before, only one that lasts is well again.
    pub fn hear(&mut self, sampled: Result<Option<Sample>, String>, now: &Now) {
        self.settle(now);
        match sampled {
            Ok(sample) => {
                self.show(sample, now);
                if self.ends == 0 {
                    (self.error, self.errors) = (None, 0);
                }
            }
            Err(why) => {
                self.error = Some(why);
                self.errors = self.errors.saturating_add(1);
            }
        }
    }

    /// Notes that a followed source ended; it is due after a pause.
    pub fn lose(&mut self, why: String, now: &Now) {
        self.settle(now);
        self.follows = None;
        self.error = Some(why);
        self.errors = self.errors.saturating_add(1);
        self.ends = self.ends.saturating_add(1);
        self.due = now.boot + schedule::restart(self.ends);
    }

    /// Forgets that a source ended that has been followed for a while since.
    pub fn settle(&mut self, now: &Now) {
        let lasts = |(_, since)| now.boot.saturating_sub(since) >= LASTED;
        if self.ends > 0 && self.follows.is_some_and(lasts) {
            (self.ends, self.error, self.errors) = (0, None, 0);
        }
    }

    /// Sets when it is due next.
    pub fn plan(&mut self, now: &Now) {
        self.due = now.boot + schedule::next(self.pace, self.errors, now.wall);
    }

    /// Whether it is read by time: not with each request, nor when it says so itself.
    pub fn is_timed(&self) -> bool {
        self.pace != Pace::Ask && self.follows.is_none()
    }

    pub fn age(&self, boot: Duration) -> Age {
        let since = self.taken.map(|taken| boot.saturating_sub(taken));
        // One that says when something is new is right as long as it says nothing.
        let silent = self.follows.is_some() && self.pace == Pace::Change;
        let since = since.map(|since| if silent { Duration::ZERO } else { since });
        // What an earlier start said: nobody would say that it is another by now.
        let heard = |(_, start)| self.taken >= Some(start);
        let outlived = self.ends > 0 && !self.follows.is_some_and(heard);
        match schedule::age(self.pace, since, self.errors) {
            Age::Fresh if outlived => Age::Stale,
            age => age,
        }
    }

    /// The last sample and when it was right, by the wall clock. One that says when something is new
    /// is right as long as it says nothing.
    pub fn right_at(&self, now: &Now) -> Option<(Duration, Option<Sample>)> {
        let taken = self.taken?;
        let silent = self.follows.is_some() && self.ends == 0;
        let since = if silent { Duration::ZERO } else { now.boot.saturating_sub(taken) };
        Some((now.wall.saturating_sub(since), self.sample.clone()))
    }

    /// Whether nothing is known yet, and something is on its way.
    pub fn is_awaited(&self) -> bool {
        self.taken.is_none() && self.errors == 0 && (self.busy.is_some() || self.follows.is_some())
    }
}

/// A line that somebody looks at.
pub struct View {
    pub config: u32,
    /// That of every request that shares it.
    pub drawing: Drawing,
    /// In the order of their instances.
    pub keys: Vec<Key>,
    pub streams: usize,
    /// Until when requests keep it going.
    pub lease: Duration,
    /// The bytes drawn last, and what they were drawn from.
    drawn: Option<(u64, Rc<[u8]>)>,
}

/// All entries and views.
#[derive(Default)]
pub struct Cache {
    pub entries: Entries,
    pub views: HashMap<u64, View>,
    /// The readings that alerts look at, whoever else does.
    pub alerted: Vec<Key>,
    /// How often a line was drawn.
    pub drawings: u64,
}

impl Cache {
    /// The view that shows these readings in this line of a config; `drawing` makes it if there
    /// is none.
    pub fn view(
        &mut self,
        (config, line): (u32, LineKey),
        keys: Vec<Key>,
        drawing: impl FnOnce() -> Drawing,
    ) -> u64 {
        let mut hasher = DefaultHasher::new();
        (config, line, &keys).hash(&mut hasher);
        let id = hasher.finish();
        if !self.views.contains_key(&id) {
            let drawing = drawing();
            if self.views.len() >= MOST_VIEWS {
                let idle = self.views.iter().filter(|(_, view)| view.streams == 0);
                let first = idle.min_by_key(|(_, view)| view.lease).map(|(id, _)| *id);
                first.and_then(|id| self.views.remove(&id));
            }
            let (streams, lease, drawn) = (0, Duration::ZERO, None);
            self.views.insert(id, View { config, drawing, keys, streams, lease, drawn });
        }
        id
    }

    /// The bytes of a view, drawn again if something it shows is new. `None`: drawing broke down
    /// and there is no older line.
    pub fn draw(&mut self, id: u64, config: &Config, now: &Now) -> Option<Rc<[u8]>> {
        let view = self.views.get(&id)?;
        let shown = Shown { entries: &self.entries, view, config, boot: now.boot };
        let stamp = shown.stamp();
        if let Some((known, line)) = &view.drawn
            && *known == stamp
        {
            return Some(line.clone());
        }
        self.drawings += 1;
        let drawn = view.drawing.draw(config, &shown).map(|line| Rc::from(line.into_bytes()));
        let view = self.views.get_mut(&id)?;
        match drawn {
            Some(line) => view.drawn = Some((stamp, line)),
            None => view.drawn.as_mut()?.0 = stamp,
        }
        view.drawn.as_ref().map(|(_, line)| line.clone())
    }

    /// The readings that somebody looks at; one that several views show comes several times.
    pub fn shown(&self, boot: Duration) -> impl Iterator<Item = &Key> {
        let live = self.views.values().filter(move |view| view.streams > 0 || view.lease > boot);
        live.flat_map(|view| &view.keys).chain(&self.alerted)
    }

    /// Those of them that are due.
    pub fn due(&self, boot: Duration) -> Vec<Key> {
        let is_due = |key: &&Key| {
            let entry = self.entries.get(key);
            entry.is_some_and(|entry| entry.is_timed() && boot >= entry.due)
        };
        self.shown(boot).filter(is_due).cloned().collect()
    }

    /// When the next of them is.
    pub fn wake(&self, boot: Duration) -> Option<Duration> {
        let entries = self.shown(boot).filter_map(|key| self.entries.get(key));
        entries.filter(|entry| entry.is_timed()).map(|entry| entry.due).min()
    }

    /// What is followed although nobody looks at it.
    pub fn unseen(&self, boot: Duration) -> Vec<Key> {
        let followed = self.entries.iter().filter(|(_, entry)| entry.follows.is_some());
        let unseen = followed.filter(|(key, _)| !self.shown(boot).any(|shown| shown == *key));
        unseen.map(|(key, _)| key.clone()).collect()
    }

    /// When what is followed may have nobody any more who looks at it.
    pub fn parting(&self, boot: Duration) -> Option<Duration> {
        if !self.entries.values().any(|entry| entry.follows.is_some()) {
            return None;
        }
        let leased = self.views.values().filter(|view| view.streams == 0 && view.lease > boot);
        leased.map(|view| view.lease).min()
    }

    /// Drops what nobody looks at any more. Readings for everybody stay: they are few, and their
    /// counters and rings are worth keeping.
    pub fn sweep(&mut self, boot: Duration) {
        self.views.retain(|_, view| view.streams > 0 || view.lease > boot);
        let shown: HashSet<Key> = self.shown(boot).cloned().collect();
        self.entries
            .retain(|key, entry| key.is_host() || entry.busy.is_some() || shown.contains(key));
    }
}

/// A view's readings at a moment.
struct Shown<'a> {
    entries: &'a Entries,
    view: &'a View,
    config: &'a Config,
    boot: Duration,
}

impl Shown<'_> {
    /// A number that changes whenever the line may.
    fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for key in &self.view.keys {
            if let Some(entry) = self.entries.get(key) {
                (entry.version, entry.age(self.boot), entry.errors >= TROUBLE).hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

impl Readings for Shown<'_> {
    fn reading(&self, instance: u16) -> Reading<'_> {
        let index = self.view.keys.binary_search_by_key(&instance, |key| key.instance);
        let entry = index.ok().and_then(|index| self.entries.get(&self.view.keys[index]));
        let Some(entry) = entry else { return Reading::default() };
        Reading { sample: entry.sample.as_ref(), age: entry.age(self.boot), rings: &entry.rings }
    }

    fn trouble(&self) -> bool {
        let failing = |key| self.entries.get(key).is_some_and(|entry| entry.errors >= TROUBLE);
        !self.config.problems.is_empty()
            || !self.view.drawing.unknown.is_empty()
            || self.view.keys.iter().any(failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_segments::{Level, Value};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Now {
        Now { boot: SECOND * seconds, awake: SECOND * seconds, wall: SECOND * seconds }
    }

    fn key(instance: u16, who: u64) -> Key {
        Key { config: 0, instance, who, place: None }
    }

    fn line() -> LineKey {
        rainline_client::protocol::LineRequest::default().key()
    }

    fn drawing() -> Drawing {
        let target = rainline_render::targets::ALL[0].name.to_owned();
        let request = rainline_client::protocol::LineRequest {
            line: "tmux".into(),
            target,
            ..Default::default()
        };
        Drawing::of(&request, &Config::built_in())
    }

    #[test]
    fn a_failure_keeps_the_sample_and_lets_it_grow_old() {
        let mut entry = Entry::new(Pace::Tick(SECOND), Vec::new());
        let sample = Sample::new(Level::Good).with("usage", Value::percent(5.0));
        entry.record(Ok(Some(sample.clone())), &at(10));
        entry.record(Err("gone".into()), &at(14));
        assert_eq!(entry.sample, Some(sample));
        assert_eq!(entry.age(SECOND * 14), Age::Stale);
        assert_eq!(entry.error.as_deref(), Some("gone"));
    }

    #[test]
    fn one_that_is_followed_is_right_as_long_as_it_says_nothing_and_old_once_it_ended() {
        let mut entry = Entry::new(Pace::Change, Vec::new());
        entry.follows = Some((1, SECOND));
        assert!(entry.is_awaited() && !entry.is_timed());
        entry.hear(Ok(Some(Sample::new(Level::Good))), &at(1));
        assert_eq!(entry.age(SECOND * 90_000), Age::Fresh);
        entry.lose("gone".into(), &at(2));
        assert_eq!((entry.age(SECOND * 2), entry.due), (Age::Stale, SECOND * 3));
        assert!(entry.is_timed());
    }

    #[test]
    fn one_that_has_a_pace_and_is_followed_all_the_same_grows_old_in_silence() {
        let mut entry = Entry::new(Pace::Tick(SECOND), Vec::new());
        entry.follows = Some((1, SECOND));
        entry.hear(Ok(Some(Sample::new(Level::Good))), &at(1));
        assert_eq!([2, 6, 20].map(|s| entry.age(SECOND * s)), [Age::Fresh, Age::Stale, Age::Lost]);
        entry.hear(Ok(None), &at(20));
        entry.lose("gone".into(), &at(20));
        // Started anew it has yet to say something.
        entry.follows = Some((2, SECOND * 21));
        assert_eq!(entry.age(SECOND * 21), Age::Stale);
        entry.hear(Ok(None), &at(22));
        assert_eq!(entry.age(SECOND * 22), Age::Fresh);
    }

    #[test]
    fn what_is_followed_is_let_go_when_its_last_lease_ends() {
        let mut cache = Cache::default();
        let id = cache.view((0, line()), vec![key(0, 0), key(1, 0)], drawing);
        cache.entries.insert(key(0, 0), Entry::new(Pace::Change, Vec::new()));
        cache.views.get_mut(&id).expect("a view").lease = SECOND * 5;
        assert_eq!(cache.parting(SECOND), None, "nothing is followed");
        cache.entries.get_mut(&key(0, 0)).expect("an entry").follows = Some((1, SECOND));
        assert_eq!((cache.parting(SECOND), cache.unseen(SECOND)), (Some(SECOND * 5), Vec::new()));
        assert_eq!((cache.parting(SECOND * 5), cache.unseen(SECOND * 5)), (None, vec![key(0, 0)]));
        cache.views.get_mut(&id).expect("a view").streams = 1;
        assert_eq!((cache.parting(SECOND * 9), cache.unseen(SECOND * 9)), (None, Vec::new()));
    }

    #[test]
    fn what_is_followed_was_right_until_it_ended() {
        let mut entry = Entry::new(Pace::Change, Vec::new());
        assert_eq!(entry.right_at(&at(1)), None, "nothing was heard");
        entry.follows = Some((1, SECOND));
        entry.hear(Ok(None), &at(2));
        assert_eq!(entry.right_at(&at(9)), Some((SECOND * 9, None)));
        entry.lose("gone".into(), &at(9));
        assert_eq!(entry.right_at(&at(12)), Some((SECOND * 2, None)));
    }

    #[test]
    fn only_one_that_lasts_has_overcome_its_ends() {
        let mut entry = Entry::new(Pace::Change, Vec::new());
        for n in 0..3 {
            entry.follows = Some((n, SECOND * 10));
            entry.hear(Ok(None), &at(10));
            entry.lose("gone".into(), &at(10));
        }
        assert_eq!((entry.due, entry.errors), (SECOND * 14, 3));
        entry.follows = Some((9, SECOND * 14));
        entry.hear(Ok(None), &at(15));
        assert_eq!(entry.error.as_deref(), Some("gone"));
        entry.settle(&at(14 + 30));
        assert_eq!((entry.error.as_deref(), entry.errors, entry.ends), (None, 0, 0));
    }

    #[test]
    fn wrong_lines_of_one_that_goes_on_are_failures_until_a_right_one() {
        let mut entry = Entry::new(Pace::Change, Vec::new());
        entry.follows = Some((1, SECOND));
        entry.hear(Err("no JSON".into()), &at(1));
        assert!(!entry.is_awaited(), "nobody waits for it any more");
        assert_eq!((entry.age(SECOND), entry.errors), (Age::Lost, 1));
        entry.hear(Ok(None), &at(2));
        assert_eq!((entry.errors, entry.error), (0, None));
    }

    #[test]
    fn the_same_sample_again_is_nothing_new() {
        let mut entry = Entry::new(Pace::Tick(SECOND), Vec::new());
        entry.record(Ok(None), &at(1));
        let version = entry.version;
        entry.record(Ok(None), &at(2));
        assert_eq!(entry.version, version);
        entry.record(Ok(Some(Sample::new(Level::Good))), &at(3));
        assert!(entry.version > version);
    }

    #[test]
    fn requests_that_show_the_same_share_a_view() {
        let mut cache = Cache::default();
        let mut view = |who| cache.view((0, line()), vec![key(0, who)], drawing);
        assert_eq!(view(0), view(0));
        assert_ne!(view(0), view(1));
    }

    #[test]
    fn what_nobody_looks_at_is_dropped_but_for_what_everybody_shares() {
        let mut cache = Cache::default();
        let id = cache.view((0, line()), vec![key(0, 0), key(1, 5)], drawing);
        for who in [key(0, 0), key(1, 5)] {
            cache.entries.insert(who, Entry::new(Pace::Ask, Vec::new()));
        }
        cache.views.get_mut(&id).expect("a view").lease = SECOND * 60;
        cache.sweep(SECOND * 59);
        assert_eq!((cache.views.len(), cache.entries.len()), (1, 2));
        cache.sweep(SECOND * 61);
        assert_eq!((cache.views.len(), cache.entries.len()), (0, 1));
    }
}

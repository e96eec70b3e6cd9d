//! Readings: who is due is read here or by a worker, or followed by a worker of its own, and what
//! came of it goes into the cache. Who asked over which connection, and what is drawn from it, is
//! not known here.

use std::rc::Rc;
use std::time::Duration;

use rainline_segments::{Pace, RunsIn, Source};

use crate::config::{Config, Instance};
use crate::daemon::cache::{Entry, Key, Order};
use crate::daemon::configs::Configs;
use crate::daemon::engine::{Engine, Errand};
use crate::daemon::history::{self, Past};
use crate::daemon::jobs;
use crate::daemon::schedule::{self, Now};
use crate::daemon::workers::{Answer, Job, Outcome};
use crate::line::drawing;
use rainline_client::protocol::LineRequest;

impl Engine {
    /// Reads what the view shows and is due, and keeps it going for so long (`None`: as long as its
    /// readings say).
    pub(super) fn renew(
        &mut self,
        view: u64,
        request: &LineRequest,
        lease: Option<Duration>,
        now: &Now,
    ) {
        let Some(found) = self.cache.views.get(&view) else { return };
        let config = self.configs.slots[&found.config].config.clone();
        let keys = found.keys.clone();
        let mut usual = Duration::ZERO;
        for key in &keys {
            let instance = &config.instances[usize::from(key.instance)];
            usual = usual.max(schedule::lease(instance.pace));
            let entry = self.entry(key, &config);
            if !key.is_host() || instance.pace == Pace::Ask {
                entry.ask = drawing::ask(request, instance.kind);
            }
            let due = now.boot >= entry.due && entry.busy.is_none() && entry.follows.is_none();
            // What only reshapes the request costs nothing and is never old.
            let asked = instance.pace == Pace::Ask && instance.kind.runs_in == RunsIn::Daemon;
            if due || asked {
                self.sample(key, &config, now);
            }
        }
        if let Some(view) = self.cache.views.get_mut(&view) {
            view.lease = view.lease.max(now.boot + lease.unwrap_or(usual));
        }
    }

    /// Reads everything that somebody looks at and that is due; how much that was.
    pub(in crate::daemon) fn tick(&mut self, now: &Now) -> usize {
        let mut count = 0;
        for key in self.cache.due(now.boot) {
            // Another view shows it, too, and it was read a moment ago.
            if self.cache.entries.get(&key).is_none_or(|entry| now.boot < entry.due) {
                continue;
            }
            let config = self.configs.slots[&key.config].config.clone();
            self.sample(&key, &config, now);
            count += 1;
        }
        count
    }

    /// Reads an instance now, or has a worker read it.
    pub(super) fn sample(&mut self, key: &Key, config: &Config, now: &Now) {
        let instance = &config.instances[usize::from(key.instance)];
        if instance.kind.runs_in == RunsIn::OwnWorker {
            return self.follow(key, instance, now);
        }
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if instance.kind.runs_in == RunsIn::Worker {
            entry.plan(now);
            if entry.busy.is_some() {
                return;
            }
            let order = entry.order.get_or_insert_with(|| Rc::new(order(key, instance))).clone();
            entry.number = Some(order.number);
            let (kind, options) = (instance.kind.name.to_owned(), order.options.clone());
            let (ask, reader) = (entry.ask.clone(), config.reader);
            let job = Job::Sample { key: order.number, kind, options, ask, reader };
            let memo = entry.memo.get_or_insert_with(|| {
                let slot = self.configs.slots.get(&key.config).filter(|_| key.is_host());
                let memo = slot.and_then(|slot| {
                    self.past.memos.get(&history::key(&slot.path, instance)).cloned()
                });
                memo.unwrap_or_default()
            });
            let patience = instance.timeout.unwrap_or(schedule::patience(instance.kind.pace));
            let raw = memo.clone().into_bytes();
            let ticket = self.pool.submit(&order.provider, job, raw, Some(patience));
            entry.busy = Some(ticket);
            self.errands.insert(ticket, Errand::Sample(key.clone()));
            return;
        }
        if entry.source.is_none() {
            entry.source = opened(key, instance, &self.configs, &self.past);
        }
        let Some(source) = &mut entry.source else {
            return entry.record(Err("its options make no sense".into()), now);
        };
        // All that is read in this turn of the loop is of one moment.
        let machine = self.host.by(config.reader).at(now.boot);
        let sampled = jobs::guarded(source.as_mut(), machine, &entry.ask);
        entry.record(sampled, now);
    }

    pub(super) fn sampled(&mut self, key: &Key, outcome: Outcome, now: &Now) {
        let found = self.configs.instance(key.config, key.instance);
        let Some((slot, instance)) = found else { return };
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        let sampled = match outcome {
            Ok((Answer::Stays, _)) => {
                entry.busy = None;
                let (config, index) = (slot.config.clone(), usize::from(key.instance));
                return self.follow(key, &config.instances[index], now);
            }
            Ok((Answer::Sampled(sampled), memo)) => {
                if sampled.is_ok() {
                    entry.memo = String::from_utf8(memo).ok();
                }
                sampled.map(|sample| sample.map(|wire| wire.sample(instance.kind)))
            }
            Ok(_) => Err("its worker answered something else".into()),
            Err(why) => Err(why),
        };
        entry.record(sampled, now);
    }

    /// Makes due what depends on something that changed. One that is being read is read after it.
    pub(in crate::daemon) fn heed_changes(&mut self) {
        let touched = self.pool.touched();
        if touched.is_empty() {
            return;
        }
        let idle = self.cache.entries.values_mut().filter(|entry| entry.busy.is_none());
        for entry in idle.filter(|entry| entry.number.is_some_and(|n| touched.contains(&n))) {
            entry.due = Duration::ZERO;
        }
    }

    /// Has a worker of its own follow an instance.
    pub(super) fn follow(&mut self, key: &Key, instance: &Instance, now: &Now) {
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if entry.follows.is_some() {
            return;
        }
        let kind = instance.kind.name.to_owned();
        let options = instance.options.to_string();
        let (ask, every) = (entry.ask.clone(), schedule::interval(instance.pace));
        let job = Job::Follow { kind, options, ask, every };
        let ticket = self.pool.submit(&provider(instance), job, Vec::new(), None);
        entry.follows = Some((ticket, now.boot));
        self.errands.insert(ticket, Errand::Follow(key.clone()));
    }

    pub(super) fn heard(&mut self, ticket: u64, key: &Key, outcome: Outcome, now: &Now) {
        let found = self.configs.instance(key.config, key.instance);
        let Some((_, instance)) = found else { return };
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if entry.follows.is_none_or(|(follows, _)| follows != ticket) {
            return;
        }
        let why = match outcome {
            Ok((Answer::Sampled(sampled), _)) => {
                let sample = sampled.map(|sample| sample.map(|wire| wire.sample(instance.kind)));
                return entry.hear(sample, now);
            }
            Ok((Answer::Ended(Err(why)), _)) | Err(why) => why,
            Ok((Answer::Ended(Ok(())), _)) => "it ended; it is meant to stay".into(),
            Ok(_) => "its worker answered something else".into(),
        };
        entry.lose(why, now);
        self.unfollow(ticket);
    }

    pub(super) fn unfollow(&mut self, ticket: u64) {
        self.errands.remove(&ticket);
        self.pool.cancel(ticket);
    }

    /// Stops following what nobody looks at.
    pub(in crate::daemon) fn unfollow_unseen(&mut self, now: &Now) {
        for key in self.cache.unseen(now.boot) {
            let Some(entry) = self.cache.entries.get_mut(&key) else { continue };
            if let Some((ticket, _)) = entry.follows.take() {
                entry.due = Duration::ZERO;
                self.unfollow(ticket);
            }
        }
    }

    /// The clocks jumped: the time between is a gap, and everything is due.
    pub(in crate::daemon) fn jump(&mut self) {
        for entry in self.cache.entries.values_mut() {
            entry.rings.iter_mut().for_each(|(_, ring)| ring.gap());
            entry.due = Duration::ZERO;
        }
    }

    pub(super) fn entry(&mut self, key: &Key, config: &Config) -> &mut Entry {
        let past = &mut self.past;
        let path = self.configs.slots.get(&key.config).map(|slot| slot.path.as_path());
        self.cache.entries.entry(key.clone()).or_insert_with(|| {
            let instance = &config.instances[usize::from(key.instance)];
            let rings = match path.filter(|_| key.is_host()) {
                Some(path) => past.take(&history::key(path, instance), instance.kind),
                None => Vec::new(),
            };
            Entry::new(instance.pace, rings)
        })
    }

    /// Opens the source of an instance in the daemon, if it is not open.
    pub(super) fn open(&mut self, key: &Key, instance: &Instance) {
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if entry.source.is_none() {
            entry.source = opened(key, instance, &self.configs, &self.past);
        }
    }
}

/// The source of an instance, told what it wanted to be told; `None` if its options make no sense.
fn opened(
    key: &Key,
    instance: &Instance,
    configs: &Configs,
    past: &Past,
) -> Option<Box<dyn Source>> {
    let mut source = (instance.kind.open)(&instance.options).ok()?;
    if let Some(slot) = configs.slots.get(&key.config)
        && let Some(memo) = past.memos.get(&history::key(&slot.path, instance))
    {
        let recall = std::panic::AssertUnwindSafe(|| source.restore(memo));
        let _ = std::panic::catch_unwind(recall);
    }
    Some(source)
}

/// Whose jobs share their luck: an instance's. Of two disks only the one whose mount is dead has to
/// rest.
fn provider(instance: &Instance) -> String {
    format!("{} {}", instance.kind.name, instance.name)
}

/// What a worker is told of an instance. Its number is another one for other options, since the
/// instances of a changed config may have the numbers of those before.
fn order(key: &Key, instance: &Instance) -> Order {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let options = instance.options.to_string();
    let mut hasher = DefaultHasher::new();
    (key, &options).hash(&mut hasher);
    Order { number: hasher.finish(), options, provider: provider(instance) }
}

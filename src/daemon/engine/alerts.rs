//! The alerts of all configs: what each of them looks at, how it stands, and where it may ring.
//! When one rings is settled in `alerts`; a worker tells of it, in `ring`.

use std::collections::HashMap;
use std::time::Duration;

use rainline_segments::Level;

use crate::config::alerts::Alert;
use crate::daemon::alerts::Watch;
use crate::daemon::cache::{Cache, Entry, Key};
use crate::daemon::configs::Configs;
use crate::daemon::engine::{Engine, Errand};
use crate::daemon::note;
use crate::daemon::ring::News;
use crate::daemon::schedule::Now;
use crate::daemon::workers::{Answer, Job, Outcome};
use crate::line::rows::{self, Age, Reading, Readings};
use rainline_client::protocol::LineRequest;

/// How long telling of an alert may take.
const RING: Duration = Duration::from_secs(20);
/// The most places that are remembered for alerts, of each sort.
const MOST_PLACES: usize = 8;

/// The alerts of all configs.
#[derive(Default)]
pub struct Alerts {
    /// How each alert of a config stands.
    known: HashMap<(u32, String), (Alert, Watch)>,
    /// Where an alert may ring: tmux's sockets, and other sessions; the latest last.
    servers: Vec<String>,
    sessions: Vec<u32>,
}

impl Alerts {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Notes where the one who asks could be told of an alert.
    pub fn remember_place(&mut self, request: &LineRequest) {
        let tmux = request.env.iter().find(|(name, _)| name == "TMUX");
        let socket = tmux.and_then(|(_, value)| {
            let socket = value.split(|byte| *byte == b',').next()?;
            String::from_utf8(socket.to_vec()).ok().filter(|socket| socket.starts_with('/'))
        });
        match socket {
            Some(socket) => latest(&mut self.servers, socket),
            None if request.session > 0 => latest(&mut self.sessions, request.session),
            None => {}
        }
    }

    /// Takes over the alerts of a config; what stays the same goes on as it stands.
    fn take(&mut self, config: u32, alerts: &[Alert]) {
        let before: HashMap<_, _> = self.known.extract_if(|(id, _), _| *id == config).collect();
        for alert in alerts {
            let at = (config, alert.name.clone());
            let same = before
                .get(&at)
                .filter(|(old, _)| Alert { instance: alert.instance, ..old.clone() } == *alert);
            let watch = same.map(|(_, watch)| *watch).unwrap_or_default();
            self.known.insert(at, (alert.clone(), watch));
        }
    }

    pub fn forget(&mut self, config: u32) {
        self.known.retain(|(id, _), _| *id != config);
    }

    /// When one has something to tell although no reading comes.
    pub fn due(&self, boot: Duration) -> Option<Duration> {
        let due = self.known.values().filter_map(|(alert, watch)| watch.due(alert));
        // One whose reading is not known has nothing to tell when its time comes.
        due.filter(|at| *at > boot).min()
    }

    /// What there is to tell of the readings as they are.
    fn look(&mut self, cache: &Cache, configs: &Configs, boot: Duration) -> Vec<News> {
        let mut news = Vec::new();
        for ((id, name), (alert, watch)) in &mut self.known {
            let Some((slot, instance)) = configs.instance(*id, alert.instance) else { continue };
            let entry = cache.entries.get(&key(*id, alert)).filter(|entry| entry.taken.is_some());
            let Some(entry) = entry.filter(|entry| entry.age(boot) != Age::Lost) else {
                // Nothing is known: neither is it reached nor over.
                continue;
            };
            let level = entry.sample.as_ref().map_or(Level::Idle, |sample| sample.level);
            let Some(ring) = watch.look(alert, level >= alert.level, boot) else { continue };
            let shown = std::panic::AssertUnwindSafe(|| {
                rows::words(&slot.config, alert.instance, &Alone(entry, boot))
            });
            news.push(News {
                alert: name.clone(),
                segment: instance.name.clone(),
                level,
                ring,
                shown: std::panic::catch_unwind(shown).unwrap_or_default(),
                action: alert.action.clone(),
                servers: self.servers.clone(),
                sessions: self.sessions.clone(),
            });
        }
        news
    }
}

impl Engine {
    /// Takes over the alerts of a config, and keeps what they look at going.
    pub(super) fn take_alerts(&mut self, id: u32) {
        self.cache.alerted.retain(|key| key.config != id);
        let Some(slot) = self.configs.slots.get(&id) else { return self.alerts.forget(id) };
        let config = slot.config.clone();
        self.alerts.take(id, &config.alerts);
        for alert in &config.alerts {
            let key = key(id, alert);
            self.entry(&key, &config);
            if !self.cache.alerted.contains(&key) {
                self.cache.alerted.push(key);
            }
        }
    }

    /// Looks at what alerts wait for, and has somebody told.
    pub(in crate::daemon) fn ring(&mut self, now: &Now) {
        for news in self.alerts.look(&self.cache, &self.configs, now.boot) {
            let name = news.alert.clone();
            let provider = format!("alert {name}");
            let ticket = self.pool.submit(&provider, Job::Ring(news), Vec::new(), Some(RING));
            self.errands.insert(ticket, Errand::Ring(name));
        }
    }

    pub(super) fn rang(&self, name: &str, outcome: Outcome) {
        if let Ok((Answer::Rang(Err(why)), _)) | Err(why) = outcome {
            note(format!("alert {name}: error: {why}"));
        }
    }
}

/// Whose reading an alert looks at.
fn key(config: u32, alert: &Alert) -> Key {
    Key { config, instance: alert.instance, who: 0, place: None }
}

/// A reading by itself.
struct Alone<'a>(&'a Entry, Duration);

impl Readings for Alone<'_> {
    fn reading(&self, _: u16) -> Reading<'_> {
        let Alone(entry, boot) = self;
        Reading { sample: entry.sample.as_ref(), age: entry.age(*boot), rings: &entry.rings }
    }

    fn trouble(&self) -> bool {
        false
    }
}

/// Puts the latest last, and forgets the oldest of too many.
fn latest<T: PartialEq>(known: &mut Vec<T>, new: T) {
    known.retain(|old| *old != new);
    known.push(new);
    if known.len() > MOST_PLACES {
        known.remove(0);
    }
}

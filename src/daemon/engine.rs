//! What the daemon does for a request: find its config and its view, have read what is due, draw
//! and answer.
//!
//! Everything here is driven by the loop and by times it is given. A reply waits for no reading,
//! except one that nobody ever took and that is on its way: until the request's deadline, and then
//! with what is there.
//!
//! The short way is in this file; what happens besides has a room each: configs that come and go,
//! readings, lines that go out unasked, pushed values, alerts, the past, and what is told of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rainline_segments::Machine;

use super::cache::{Cache, Entry, Key};
use super::channel::{Channels, Drawn};
use super::configs::Configs;
use super::history::Past;
use super::jobs;
use super::schedule::{self, Now};
use super::serve::{Connections, Streaming};
use super::workers::{Outcome, Pool};
use crate::line::drawing;
use crate::line::identity::{self, LineKey};
use rainline_client::protocol::{Admin, Body, LineRequest, ReplyKind, Request};
use rainline_client::runtime::{self, Runtime};

mod alerts;
mod feed;
mod keeping;
mod reload;
mod sampling;
mod set;
mod status;
mod streams;

use alerts::Alerts;

/// With alerts the daemon stays so long when nobody asks.
const ALERTED: Duration = Duration::from_secs(24 * 3600);
/// The longest that a request is kept waiting, whatever it says.
const MOST_WAITING: Duration = Duration::from_secs(20);

/// What a worker was asked for.
enum Errand {
    Sample(Key),
    Follow(Key),
    Gather(u32),
    Watch(u32),
    Ring(String),
    ReadPast,
    SavePast,
}

/// A request that waits for its config or a first reading.
struct Pending {
    id: u64,
    request: Request,
    until: Duration,
}

pub(super) struct Engine {
    pub connections: Connections,
    pub pool: Pool,
    cache: Cache,
    configs: Configs,
    host: Machine,
    errands: HashMap<u64, Errand>,
    pending: Vec<Pending>,
    /// Which instances a line of a config shows.
    shapes: HashMap<(u32, LineKey), Rc<[u16]>>,
    alerts: Alerts,
    past: Past,
    history: Option<PathBuf>,
    /// Whether the history file was read; before that it is not written.
    remembered: bool,
    /// When somebody asked last, by the boot clock.
    pub asked: Duration,
    requests: u64,
}

impl Engine {
    pub fn new(runtime: &Rc<Runtime>, root: Option<PathBuf>) -> Engine {
        let memo = runtime.read(runtime::MEMO).and_then(|bytes| Past::decode(&bytes));
        let mut engine = Engine {
            connections: Connections::default(),
            pool: Pool::new(root.clone()),
            cache: Cache::default(),
            configs: Configs::default(),
            host: jobs::host(root),
            errands: HashMap::new(),
            pending: Vec::new(),
            shapes: HashMap::new(),
            alerts: Alerts::default(),
            past: memo.unwrap_or_default(),
            history: runtime::history_file(),
            remembered: false,
            asked: rainline_client::sys::boot(),
            requests: 0,
        };
        engine.connections.channels = Channels::adopt(runtime.clone());
        engine.read_past();
        engine
    }

    /// How long to stay when nobody asks. Who wrote an alert wants to be told without looking.
    pub fn idle(&self, usual: Duration) -> Duration {
        if self.alerts.is_empty() { usual } else { usual.max(ALERTED) }
    }

    /// Serves a request; a word to the daemon itself is handed back with its nonce.
    pub fn request(&mut self, id: u64, request: Request, now: &Now) -> Option<(Admin, u64)> {
        self.requests += 1;
        if let Body::Admin(admin) = request.body {
            return Some((admin, request.nonce));
        }
        self.asked = now.boot;
        if let Some(line) = request.line() {
            self.alerts.remember_place(line);
            if !line.channel.is_empty() {
                self.connections.channels.register(&line.channel);
            }
        }
        // A quarter of the deadline is left for the reply.
        let until = now.boot + request.deadline.min(MOST_WAITING) * 3 / 4;
        let pending = Pending { id, request, until };
        if let Some(pending) = self.try_answer(pending, now) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.waiting = true;
            }
            self.pending.push(pending);
        }
        None
    }

    /// Answers, or gives the request back if something it needs is on its way.
    fn try_answer(&mut self, pending: Pending, now: &Now) -> Option<Pending> {
        let patient = now.boot < pending.until;
        let nonce = pending.request.nonce;
        if let Body::Set(set) = &pending.request.body {
            let (kind, text) = match self.set(set, now) {
                Ok(true) => (ReplyKind::Text, String::new()),
                Ok(false) if patient => return Some(pending),
                Ok(false) => (ReplyKind::Refused, "the config cannot be read in time".to_owned()),
                Err(why) => (ReplyKind::Refused, why),
            };
            self.connections.reply(pending.id, kind, nonce, text.as_bytes());
            return None;
        }
        let line = pending.request.line()?;
        let view = match self.find_view(line, now) {
            Ok(Some(view)) => view,
            Ok(None) if patient => return Some(pending),
            Ok(None) => {
                // Its config is late: the line of the built-in one, until it comes.
                let built_in = LineRequest { config: PathBuf::new(), ..line.clone() };
                match self.find_view(&built_in, now) {
                    Ok(Some(view)) => view,
                    Ok(None) | Err(_) => {
                        self.connections.reply(pending.id, ReplyKind::Refused, nonce, b"no config");
                        return None;
                    }
                }
            }
            Err(why) => {
                self.connections.reply(pending.id, ReplyKind::Refused, nonce, why.as_bytes());
                return None;
            }
        };
        // A stream holds its readings itself, as long as it is there.
        let is_stream = matches!(pending.request.body, Body::Stream(_));
        self.renew(view, line, is_stream.then_some(schedule::GRACE), now);
        let stands_in = !self.is_of_its_config(view, &line.config);
        let keys = &self.cache.views[&view].keys;
        let awaited = |key: &Key| self.cache.entries.get(key).is_some_and(Entry::is_awaited);
        if patient && keys.iter().any(awaited) {
            return Some(pending);
        }
        if let Body::History(_) = pending.request.body {
            let feed = feed::text(view, &self.cache, &self.configs);
            self.connections.reply(pending.id, ReplyKind::Text, nonce, feed.as_bytes());
            return None;
        }
        let drawn = self.draw(view, now);
        let Some(drawn) = drawn else {
            self.connections.reply(pending.id, ReplyKind::Refused, nonce, b"drawing broke down");
            return None;
        };
        if stands_in || self.is_busy(view) {
            let meant = stands_in.then(|| line.clone());
            let shown = Drawn { view, nonce, line: drawn.clone(), meant };
            self.connections.channels.watch(pending.id, line, shown);
        }
        let last = pending.request.last;
        if let Body::Stream(request) = pending.request.body {
            let stream = Streaming { view, nonce, request, sent: Some(drawn.clone()) };
            self.connections.stream(pending.id, stream);
            self.count_streams(now);
        }
        self.connections.reply(pending.id, ReplyKind::Line, nonce, &drawn);
        if !is_stream && last {
            self.connections.close_answered(pending.id);
        }
        None
    }

    /// Tries the waiting requests again; those whose time is over get what there is.
    pub fn answer_pending(&mut self, now: &Now) {
        for pending in std::mem::take(&mut self.pending) {
            if self.connections.contains(pending.id)
                && let Some(pending) = self.try_answer(pending, now)
            {
                self.pending.push(pending);
            }
        }
    }

    /// The view of a request; `None` while its config is being read for the first time.
    fn find_view(&mut self, request: &LineRequest, now: &Now) -> Result<Option<u64>, String> {
        let Some(config) = self.find_config(&request.config, now)? else {
            return Ok(None);
        };
        let slot = &self.configs.slots[&config];
        let shape = (config, request.key());
        let instances = match self.shapes.get(&shape) {
            Some(instances) => instances.clone(),
            None => {
                let drawing = drawing::Drawing::of(request, &slot.config);
                let instances: Rc<[u16]> = drawing.instances(&slot.config).into();
                // A client may ask for any width; what was worked out is cheap to work out again.
                if self.shapes.len() > 1024 {
                    self.shapes.clear();
                }
                self.shapes.insert(shape, instances.clone());
                instances
            }
        };
        let key = |instance: &u16| {
            let kind = slot.config.instances[usize::from(*instance)].kind;
            let (who, place) = identity::sharing(request, kind);
            Key { config, instance: *instance, who, place }
        };
        let keys = instances.iter().map(key).collect();
        let drawing = || drawing::Drawing::of(request, &slot.config);
        Ok(Some(self.cache.view(shape, keys, drawing)))
    }

    fn draw(&mut self, view: u64, now: &Now) -> Option<Rc<[u8]>> {
        let config = self.cache.views.get(&view)?.config;
        let config = self.configs.slots.get(&config)?.config.clone();
        self.cache.draw(view, &config, now)
    }

    /// Whether a reading of the view is on its way.
    fn is_busy(&self, view: u64) -> bool {
        let view = self.cache.views.get(&view);
        let entry = |key| self.cache.entries.get(key);
        view.is_some_and(|view| {
            view.keys
                .iter()
                .filter_map(entry)
                .any(|entry| entry.busy.is_some() || entry.is_awaited())
        })
    }

    /// Whether a view is of the config at this path, as its file says it; until that was read the
    /// built-in one stands in.
    fn is_of_its_config(&self, view: u64, config: &Path) -> bool {
        let slot = self
            .configs
            .find(config)
            .and_then(|id| self.configs.slots.get(&id))
            .filter(|slot| slot.is_read());
        let view = self.cache.views.get(&view);
        slot.zip(view).is_some_and(|(slot, view)| slot.id == view.config)
    }

    /// Takes what came of a worker's job.
    pub fn outcome(&mut self, ticket: u64, outcome: Outcome, now: &Now) {
        let errand = self.errands.remove(&ticket);
        // A job without an end has its errand until it ends all the same.
        if outcome.is_ok() {
            let again = match &errand {
                Some(Errand::Watch(id)) => Some(Errand::Watch(*id)),
                Some(Errand::Follow(key)) => Some(Errand::Follow(key.clone())),
                _ => None,
            };
            again.into_iter().for_each(|errand| drop(self.errands.insert(ticket, errand)));
        }
        match errand {
            Some(Errand::Sample(key)) => self.sampled(&key, outcome, now),
            Some(Errand::Follow(key)) => self.heard(ticket, &key, outcome, now),
            Some(Errand::Gather(id)) => self.gathered(id, outcome, now),
            Some(Errand::Watch(id)) => self.watched(ticket, id, &outcome, now),
            Some(Errand::Ring(name)) => self.rang(&name, outcome),
            Some(Errand::ReadPast) => self.remember(outcome),
            Some(Errand::SavePast) => self.past_saved(outcome),
            None => {}
        }
    }

    /// Tells the streams that it is over, and answers whoever still waits.
    pub fn dismiss(&mut self) {
        self.connections.channels.close();
        let streams: Vec<(u64, u64)> =
            self.connections.each_stream().map(|(id, s)| (id, s.nonce)).collect();
        let waiting = self.pending.drain(..).map(|pending| (pending.id, pending.request.nonce));
        for (id, nonce) in waiting.chain(streams) {
            self.connections.reply(id, ReplyKind::Bye, nonce, &[]);
        }
    }

    pub fn sweep(&mut self, now: &Now) {
        self.connections.sweep(now.boot);
        self.connections.channels.sweep();
        self.count_streams(now);
        self.cache.entries.values_mut().for_each(|entry| entry.settle(now));
        self.cache.sweep(now.boot);
    }

    /// When something is to be done although nobody says so.
    pub fn wake(&self, boot: Duration) -> Option<Duration> {
        let pending = self.pending.iter().map(|pending| pending.until);
        let others = pending.chain(self.alerts.due(boot)).chain(self.pool.wake());
        let others = others.chain(self.configs.wake()).chain(self.cache.parting(boot));
        self.cache.wake(boot).into_iter().chain(others).min()
    }
}

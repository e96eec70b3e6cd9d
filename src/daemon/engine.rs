//! What the daemon does for a request: find its config, its readings and its view, and answer.
//!
//! Everything here is driven by the loop and by times it is given. A reply waits for no reading,
//! except one that nobody ever took and that is on its way: until the request's deadline, and then
//! with what is there.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rainline_segments::base::history::FINE;
use rainline_segments::{Host, Level, Pace, Pushed, Scope, Unit, Where, quantity};

use super::alerts::Watch;
use super::cache::{Cache, Entry, Key};
use super::channel::{Channels, Drawn};
use super::configs::{Configs, Taken};
use super::frames::Frames;
use super::history::{self, Past};
use super::ring::News;
use super::schedule::{self, Now};
use super::serve::{Connections, Streaming};
use super::workers::{Answer, Job, Outcome, Pool};
use super::{drawing, jobs, note};
use crate::config::alerts::Alert;
use crate::config::{Config, Instance};
use crate::protocol::{MAX_REPLY, ReplyKind, Request, Verb};
use crate::render::{self, Age, Reading, Readings};
use crate::runtime::{self, Runtime};

const FILE: Duration = Duration::from_secs(10);
/// How long telling of an alert may take.
const RING: Duration = Duration::from_secs(20);
/// With alerts the daemon stays so long when nobody asks.
const ALERTED: Duration = Duration::from_secs(24 * 3600);
/// The most places that are remembered for alerts, of each sort.
const MOST_PLACES: usize = 8;
/// When files that could not be watched are tried again.
const RETRY: Duration = Duration::from_secs(30);
/// The longest that a request is kept waiting, whatever it says.
const PATIENCE: Duration = Duration::from_secs(20);

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
    runtime: Rc<Runtime>,
    frames: Frames,
    cache: Cache,
    configs: Configs,
    host: Host,
    errands: HashMap<u64, Errand>,
    pending: Vec<Pending>,
    /// Which instances a shape of a config shows.
    shapes: HashMap<(u32, u64), Rc<[u16]>>,
    /// How each alert of a config stands.
    alerts: HashMap<(u32, String), (Alert, Watch)>,
    /// Where an alert may ring: tmux's sockets, and other sessions; the latest last.
    servers: Vec<String>,
    sessions: Vec<u32>,
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
            runtime: runtime.clone(),
            frames: Frames::swept(runtime),
            cache: Cache::default(),
            configs: Configs::default(),
            host: jobs::host(root),
            errands: HashMap::new(),
            pending: Vec::new(),
            shapes: HashMap::new(),
            alerts: HashMap::new(),
            servers: Vec::new(),
            sessions: Vec::new(),
            past: memo.unwrap_or_default(),
            history: runtime::history_file(),
            remembered: false,
            asked: crate::sys::boot(),
            requests: 0,
        };
        engine.connections.channels = Channels::adopt(runtime.clone());
        if let Some(path) = engine.history.clone() {
            let ticket = engine.pool.submit("history", Job::Read { path }, Vec::new(), Some(FILE));
            engine.errands.insert(ticket, Errand::ReadPast);
        }
        engine
    }

    /// Whether a stream is open.
    pub fn is_watched(&self) -> bool {
        self.cache.views.values().any(|view| view.streams > 0)
    }

    /// How long to stay when nobody asks. Who wrote an alert wants to be told without looking.
    pub fn idle(&self, usual: Duration) -> Duration {
        if self.alerts.is_empty() { usual } else { usual.max(ALERTED) }
    }

    /// Serves a request; a word to the daemon itself is handed back with its nonce.
    pub fn request(&mut self, id: u64, request: Request, now: &Now) -> Option<(String, u64)> {
        self.requests += 1;
        match request.verb {
            Verb::Admin => return Some((request.admin, request.nonce)),
            Verb::Print | Verb::Stream | Verb::Set | Verb::Feed => {
                self.asked = now.boot;
                self.remember_place(&request);
                if !request.channel.is_empty() {
                    self.connections.channels.register(&request.channel);
                }
                let patience = Duration::from_millis(request.deadline.into()).min(PATIENCE);
                // Our answer has to travel, too.
                let until = now.boot + patience * 3 / 4;
                let pending = Pending { id, request, until };
                if let Some(pending) = self.try_answer(pending, now) {
                    if let Some(connection) = self.connections.get_mut(id) {
                        connection.waiting = true;
                    }
                    self.pending.push(pending);
                }
            }
        }
        None
    }

    /// Answers, or gives the request back if something it needs is on its way.
    fn try_answer(&mut self, pending: Pending, now: &Now) -> Option<Pending> {
        let patient = now.boot < pending.until;
        let nonce = pending.request.nonce;
        if pending.request.verb == Verb::Set {
            let (kind, text) = match self.set(&pending.request, now) {
                Ok(true) => (ReplyKind::Text, String::new()),
                Ok(false) if patient => return Some(pending),
                Ok(false) => (ReplyKind::Refused, "the config cannot be read in time".to_owned()),
                Err(why) => (ReplyKind::Refused, why),
            };
            self.connections.reply(pending.id, kind, nonce, text.as_bytes());
            return None;
        }
        let view = match self.find_view(&pending.request, now) {
            Ok(Some(view)) => view,
            Ok(None) if patient => return Some(pending),
            Ok(None) => {
                // Its config is late: the line of the built-in one, until it comes.
                let request = Request { config: Vec::new(), ..pending.request.clone() };
                match self.find_view(&request, now) {
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
        self.renew(view, &pending.request, now);
        let stands_in = !self.is_of_its_config(view, &pending.request);
        let keys = &self.cache.views[&view].keys;
        let awaited =
            |key: &Key| self.cache.entries.get(key).is_some_and(super::cache::Entry::is_awaited);
        if patient && keys.iter().any(awaited) {
            return Some(pending);
        }
        if pending.request.verb == Verb::Feed {
            let feed = self.feed(view);
            self.connections.reply(pending.id, ReplyKind::Text, nonce, feed.as_bytes());
            return None;
        }
        let line = self.draw(view, now);
        let Some(line) = line else {
            self.connections.reply(pending.id, ReplyKind::Refused, nonce, b"drawing broke down");
            return None;
        };
        if stands_in || self.is_busy(view) {
            let meant = stands_in.then(|| pending.request.clone());
            let drawn = Drawn { view, nonce, line: line.clone(), meant };
            self.connections.channels.watch(pending.id, &pending.request, drawn);
        }
        let print = pending.request.verb == Verb::Print;
        // What stands in must not lie ready for the next one who asks.
        let key = if print && !stands_in { pending.request.frame_key() } else { None };
        if !print {
            let stream = Streaming { view, request: pending.request, sent: Some(line.clone()) };
            self.connections.stream(pending.id, stream);
            self.count_streams();
        }
        self.connections.reply(pending.id, ReplyKind::Line, nonce, &line);
        if let Some(key) = key
            && let Some(view) = self.cache.fresh(view, now.boot).and(Some(view))
        {
            let lease = self.cache.views[&view].lease.saturating_sub(now.boot);
            self.frames.asked(key, view, now.boot + lease / 2);
        }
        None
    }

    /// Puts the lines ready that are asked for again and again.
    pub fn publish_frames(&mut self, now: &Now) {
        if self.frames.is_empty() {
            return;
        }
        let mut frames = std::mem::take(&mut self.frames);
        let runtime = self.runtime.clone();
        frames.publish(&runtime, now.boot, |view| {
            Some((self.draw(view, now)?, self.cache.fresh(view, now.boot)?))
        });
        self.frames = frames;
    }

    /// Takes away what lies ready.
    pub fn clear_frames(&mut self) {
        self.frames.clear(&self.runtime);
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
    fn find_view(&mut self, request: &Request, now: &Now) -> Result<Option<u64>, String> {
        let Some(config) = self.find_config(&jobs::config_path(request), now)? else {
            return Ok(None);
        };
        let slot = &self.configs.slots[&config];
        let shape = (config, drawing::shape(request));
        let instances = match self.shapes.get(&shape) {
            Some(instances) => instances.clone(),
            None => {
                let drawing = drawing::Drawing::of(request, &slot.config)?;
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
            let (who, place) = drawing::sharing(request, kind);
            Key { config, instance: *instance, who, place }
        };
        let keys = instances.iter().map(key).collect();
        let drawing = || drawing::Drawing::of(request, &slot.config);
        self.cache.view(shape, keys, drawing).map(Some)
    }

    /// The config of a path; `None` while it is being read for the first time.
    fn find_config(&mut self, path: &Path, now: &Now) -> Result<Option<u32>, String> {
        let id = match self.configs.find(path) {
            Some(id) => id,
            None => {
                let views = &self.cache.views;
                let busy = |id| views.values().any(|view| view.config == id && view.streams > 0);
                let (id, gone) =
                    self.configs.add(path, now.boot, busy).ok_or("too many configs are in use")?;
                if let Some(gone) = gone {
                    self.forget(gone.id);
                    gone.watch.into_iter().for_each(|ticket| self.pool.cancel(ticket));
                }
                if !path.as_os_str().is_empty() {
                    self.gather(id);
                }
                id
            }
        };
        let slot = self.configs.slots.get_mut(&id).ok_or("the config is gone")?;
        slot.used = now.boot;
        Ok(slot.loaded.then_some(id))
    }

    fn gather(&mut self, id: u32) {
        let Some(slot) = self.configs.slots.get_mut(&id) else { return };
        slot.retry = None;
        if slot.path.as_os_str().is_empty() {
            return;
        }
        if slot.loading.is_some() {
            slot.again = true;
            return;
        }
        let job = Job::Gather { path: slot.path.clone() };
        // By its path: of two configs only the one whose mount is dead has to rest.
        let provider = format!("config {}", slot.path.display());
        let ticket = self.pool.submit(&provider, job, Vec::new(), Some(slot.patience()));
        slot.loading = Some(ticket);
        self.errands.insert(ticket, Errand::Gather(id));
    }

    /// Watches the files of a config, in place of those watched before.
    fn watch(&mut self, id: u32) {
        let Some(slot) = self.configs.slots.get_mut(&id) else { return };
        slot.watch.take().into_iter().for_each(|ticket| self.pool.cancel(ticket));
        let mut paths = slot.watched.clone();
        if !paths.contains(&slot.path) {
            paths.push(slot.path.clone());
        }
        let ticket = self.pool.submit("watch", Job::Watch { paths }, Vec::new(), None);
        slot.watch = Some(ticket);
        self.errands.insert(ticket, Errand::Watch(id));
    }

    /// Notes where the one who asks could be told of an alert.
    fn remember_place(&mut self, request: &Request) {
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
    fn take_alerts(&mut self, id: u32) {
        let config = self.configs.slots.get(&id).map(|slot| slot.config.clone());
        let mut before = std::mem::take(&mut self.alerts);
        let gone = before.extract_if(|(config, _), _| *config == id).collect::<HashMap<_, _>>();
        self.alerts = before;
        self.cache.alerted.retain(|key| key.config != id);
        let Some(config) = config else { return };
        for alert in &config.alerts {
            let at = (id, alert.name.clone());
            let same = gone
                .get(&at)
                .filter(|(old, _)| Alert { instance: alert.instance, ..old.clone() } == *alert);
            let watch = same.map(|(_, watch)| *watch).unwrap_or_default();
            self.alerts.insert(at, (alert.clone(), watch));
            let key = Key { config: id, instance: alert.instance, who: 0, place: None };
            self.entry(&key, &config);
            if !self.cache.alerted.contains(&key) {
                self.cache.alerted.push(key);
            }
        }
    }

    /// Looks at what alerts wait for, and has somebody told.
    pub fn ring(&mut self, now: &Now) {
        let mut news = Vec::new();
        for ((id, name), (alert, watch)) in &mut self.alerts {
            let Some(slot) = self.configs.slots.get(id) else { continue };
            let key = Key { config: *id, instance: alert.instance, who: 0, place: None };
            let entry = self.cache.entries.get(&key).filter(|entry| entry.taken.is_some());
            let Some(entry) = entry.filter(|entry| entry.age(now.boot) != Age::Lost) else {
                // Nothing is known: neither is it reached nor over.
                continue;
            };
            let level = entry.sample.as_ref().map_or(Level::Idle, |sample| sample.level);
            let Some(ring) = watch.look(alert, level >= alert.level, now.boot) else { continue };
            let Some(instance) = slot.config.instances.get(usize::from(alert.instance)) else {
                continue;
            };
            let shown = std::panic::AssertUnwindSafe(|| {
                render::words(&slot.config, alert.instance, &Alone(entry, now.boot))
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
        for news in news {
            let name = news.alert.clone();
            let provider = format!("alert {name}");
            let ticket = self.pool.submit(&provider, Job::Ring(news), Vec::new(), Some(RING));
            self.errands.insert(ticket, Errand::Ring(name));
        }
    }

    /// Drops everything that was made from a config.
    fn forget(&mut self, config: u32) {
        self.keep_past();
        let gone = self.cache.entries.iter().filter(|(key, _)| key.config == config);
        let follows: Vec<u64> = gone.filter_map(|(_, entry)| Some(entry.follows?.0)).collect();
        follows.into_iter().for_each(|ticket| self.unfollow(ticket));
        self.shapes.retain(|(id, _), _| *id != config);
        self.cache.views.retain(|_, view| view.config != config);
        self.cache.entries.retain(|key, _| key.config != config);
        self.cache.alerted.retain(|key| key.config != config);
        self.alerts.retain(|(id, _), _| *id != config);
    }

    /// Takes over a changed config: readings of unchanged instances live on, views are made anew.
    fn swap(&mut self, id: u32, before: &Config) {
        self.clear_frames();
        let Some(slot) = self.configs.slots.get(&id) else { return };
        let config = slot.config.clone();
        let moved = |key: &Key| {
            let old = before.instances.get(usize::from(key.instance))?;
            let same = config.instances.iter().position(|new| {
                new.name == old.name
                    && std::ptr::eq(new.kind, old.kind)
                    && new.options == old.options
                    && new.pace == old.pace
            })?;
            Some(Key { instance: same as u16, ..key.clone() })
        };
        let path = slot.path.clone();
        let (mut kept, mut lost) = (HashMap::new(), Vec::new());
        for (key, mut entry) in std::mem::take(&mut self.cache.entries) {
            if key.config != id {
                kept.insert(key, entry);
                continue;
            }
            if let Some(new) = moved(&key) {
                // A worker's answer would come under the old number: it is asked again.
                if entry.busy.take().is_some() {
                    entry.due = Duration::ZERO;
                }
                if let Some((ticket, _)) = entry.follows {
                    self.errands.insert(ticket, Errand::Follow(new.clone()));
                }
                kept.insert(new, entry);
                continue;
            } else if key.is_host()
                && let Some(old) = before.instances.get(usize::from(key.instance))
            {
                self.past.put(&history::key(&path, old), &entry.rings);
            }
            lost.extend(entry.follows);
        }
        self.cache.entries = kept;
        lost.into_iter().for_each(|(ticket, _)| self.unfollow(ticket));
        self.errands.retain(|_, errand| !matches!(errand, Errand::Sample(key) if key.config == id));
        self.shapes.retain(|(config, _), _| *config != id);
        self.cache.views.retain(|_, view| view.config != id);
        self.take_alerts(id);
    }

    /// Gives streams the view of the config that they name: they had one of it as it was before, or
    /// one of the built-in config while theirs was being read.
    fn rehome(&mut self, now: &Now) {
        for stream in self.connections.streaming() {
            let connection = self.connections.get_mut(stream);
            let Some(streaming) = connection.and_then(|c| c.stream.as_mut()) else { continue };
            let view = self.cache.views.get(&streaming.view);
            let named = self.configs.find(&jobs::config_path(&streaming.request));
            if view.is_some_and(|view| Some(view.config) == named) {
                continue;
            }
            let request = streaming.request.clone();
            if let Ok(Some(view)) = self.find_view(&request, now) {
                if let Some(c) = self.connections.get_mut(stream).and_then(|c| c.stream.as_mut()) {
                    c.view = view;
                }
                self.renew(view, &request, now);
            }
        }
        self.count_streams();
    }

    /// Reads what the view shows and is due, and keeps it going for a while.
    fn renew(&mut self, view: u64, request: &Request, now: &Now) {
        let Some(found) = self.cache.views.get(&view) else { return };
        let config = self.configs.slots[&found.config].config.clone();
        let keys = found.keys.clone();
        let mut lease = Duration::ZERO;
        for key in &keys {
            let instance = &config.instances[usize::from(key.instance)];
            lease = lease.max(schedule::lease(instance.pace));
            let entry = self.entry(key, &config);
            if !key.is_host() || instance.pace == Pace::Ask {
                entry.ask = drawing::ask(request, instance.kind);
            }
            let due = now.boot >= entry.due && entry.busy.is_none() && entry.follows.is_none();
            // What only reshapes the request costs nothing and is never old.
            let asked = instance.pace == Pace::Ask && instance.kind.place == Where::Daemon;
            if due || asked {
                self.sample(key, &config, now);
            }
        }
        if let Some(view) = self.cache.views.get_mut(&view) {
            view.lease = now.boot + lease;
        }
    }

    fn entry(&mut self, key: &Key, config: &Config) -> &mut Entry {
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

    /// Has a worker of its own follow an instance.
    fn follow(&mut self, key: &Key, instance: &Instance, now: &Now) {
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if entry.follows.is_some() {
            return;
        }
        let kind = instance.kind.name.to_owned();
        let options = instance.options.to_string();
        let job = Job::Follow { kind, options, ask: entry.ask.clone() };
        let ticket = self.pool.submit(&provider(instance), job, Vec::new(), None);
        entry.follows = Some((ticket, now.boot));
        self.errands.insert(ticket, Errand::Follow(key.clone()));
    }

    fn unfollow(&mut self, ticket: u64) {
        self.errands.remove(&ticket);
        self.pool.cancel(ticket);
    }

    /// Gives a value to the instance that a request names. `false`: its config is being read.
    fn set(&mut self, request: &Request, now: &Now) -> Result<bool, String> {
        let Some(id) = self.find_config(&jobs::config_path(request), now)? else {
            return Ok(false);
        };
        let config = self.configs.slots[&id].config.clone();
        let name = &request.line;
        let Some(index) = config.instance(name) else {
            let names = config.instances.iter().map(|instance| instance.name.as_str());
            let near = crate::diagnostic::nearest(name, names);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(format!("there is no segment `{name}` in the config{near}"));
        };
        let instance = &config.instances[usize::from(index)];
        let key = Key { config: id, instance: index, who: 0, place: None };
        let lasts = match &*request.holds {
            "" => None,
            text => Some(quantity::duration(text).ok_or_else(|| {
                format!("--for: \"{text}\" is not {}", quantity::described(Unit::Duration))
            })?),
        };
        let level = match &*request.slot {
            "" => None,
            word => Some(Level::named(word).map_err(|why| format!("--level: {why}"))?),
        };
        let pushed = Pushed { text: request.admin.clone(), level, lasts };
        if instance.kind.scope != Scope::Host {
            return Err(format!("`{name}` takes no values; only `custom` does"));
        }
        self.entry(&key, &config);
        self.open(&key, instance);
        let Some(entry) = self.cache.entries.get_mut(&key) else { return Ok(true) };
        let Some(source) = &mut entry.source else {
            return Err(format!("the options of `{name}` make no sense"));
        };
        let take = std::panic::AssertUnwindSafe(|| source.take(&self.host, &pushed));
        let taken = std::panic::catch_unwind(take).map_err(|_| "it broke down (a bug)")?;
        let sample = taken.map_err(|error| format!("{name}: {error}"))?;
        // A reading that is on its way is older than this.
        entry.busy.into_iter().for_each(|ticket| drop(self.errands.remove(&ticket)));
        if entry.follows.is_some() {
            entry.hear(Ok(sample), now);
        } else {
            entry.record(Ok(sample), now);
        }
        if let Some(lasts) = lasts {
            // A little later, so that the time is over when we look.
            let over = now.boot.saturating_add(lasts) + Duration::from_millis(5);
            let own = instance.kind.place == Where::Daemon;
            // Where a command reads it, it waits until then.
            entry.due = if own { entry.due.min(over) } else { over };
        }
        Ok(true)
    }

    /// Opens the source of an instance in the daemon, if it is not open.
    fn open(&mut self, key: &Key, instance: &Instance) {
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if entry.source.is_some() {
            return;
        }
        let Ok(mut source) = (instance.kind.open)(&instance.options) else { return };
        if let Some(slot) = self.configs.slots.get(&key.config)
            && let Some(memo) = self.past.memos.get(&history::key(&slot.path, instance))
        {
            let recall = std::panic::AssertUnwindSafe(|| source.recall(memo));
            let _ = std::panic::catch_unwind(recall);
        }
        entry.source = Some(source);
    }

    /// Reads an instance now, or has a worker read it.
    fn sample(&mut self, key: &Key, config: &Config, now: &Now) {
        let instance = &config.instances[usize::from(key.instance)];
        if instance.kind.place == Where::Own {
            return self.follow(key, instance, now);
        }
        if instance.kind.place == Where::Daemon {
            self.open(key, instance);
        }
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        if instance.kind.place == Where::Worker {
            entry.plan(now);
            if entry.busy.is_some() {
                return;
            }
            let (kind, options) = (instance.kind.name.to_owned(), instance.options.to_string());
            let number = source_number(key, &options);
            let job = Job::Sample { key: number, kind, options, ask: entry.ask.clone() };
            let memo = entry.memo.get_or_insert_with(|| {
                let slot = self.configs.slots.get(&key.config).filter(|_| key.is_host());
                let memo = slot.and_then(|slot| {
                    self.past.memos.get(&history::key(&slot.path, instance)).cloned()
                });
                memo.unwrap_or_default()
            });
            let patience = instance.patience.unwrap_or(schedule::patience(instance.kind.pace));
            let raw = memo.clone().into_bytes();
            let ticket = self.pool.submit(&provider(instance), job, raw, Some(patience));
            entry.busy = Some(ticket);
            self.errands.insert(ticket, Errand::Sample(key.clone()));
            return;
        }
        let Some(source) = &mut entry.source else {
            return entry.record(Err("its options make no sense".into()), now);
        };
        let sampled = jobs::guarded(source.as_mut(), &self.host, &entry.ask);
        entry.record(sampled, now);
    }

    /// Reads everything that somebody looks at and that is due.
    pub fn tick(&mut self, now: &Now) {
        for key in self.cache.due(now.boot) {
            // Another view shows it, too, and it was read a moment ago.
            if self.cache.entries.get(&key).is_none_or(|entry| now.boot < entry.due) {
                continue;
            }
            let config = self.configs.slots[&key.config].config.clone();
            self.sample(&key, &config, now);
        }
    }

    fn draw(&mut self, view: u64, now: &Now) -> Option<Rc<[u8]>> {
        let config = self.cache.views.get(&view)?.config;
        let config = self.configs.slots.get(&config)?.config.clone();
        self.cache.draw(view, &config, now)
    }

    /// The past of a view's numbers, as [`Verb::Feed`] has them.
    fn feed(&self, view: u64) -> String {
        let mut text = String::new();
        let Some(view) = self.cache.views.get(&view) else { return text };
        for key in view.keys.iter() {
            let slot = self.configs.slots.get(&key.config);
            let instance =
                slot.and_then(|slot| slot.config.instances.get(usize::from(key.instance)));
            let (Some(instance), Some(entry)) = (instance, self.cache.entries.get(key)) else {
                continue;
            };
            for (field, ring) in &entry.rings {
                // A number has hardly more than a dozen bytes.
                if text.len() + 16 * FINE > MAX_REPLY {
                    return text;
                }
                let _ = write!(text, "{}\t{}\t{field}", instance.name, instance.kind.name);
                for cell in ring.recent(usize::MAX) {
                    let _ = match cell.is_gap() {
                        true => write!(text, "\t-"),
                        false => write!(text, "\t{}", cell.mean),
                    };
                }
                text.push('\n');
            }
        }
        text
    }

    /// Sends every stream its line if it changed.
    pub fn feed_streams(&mut self, now: &Now) {
        if !self.is_watched() {
            return;
        }
        let mut changed = Vec::new();
        let mut lines: HashMap<u64, Option<Rc<[u8]>>> = HashMap::new();
        let streams: Vec<_> = self.connections.each_stream().map(|(id, s)| (id, s.view)).collect();
        for (id, view) in streams {
            let line = lines.entry(view).or_insert_with(|| self.draw(view, now)).clone();
            changed.extend(line.map(|line| (id, line)));
        }
        for (id, line) in changed {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            let Some(stream) = &mut connection.stream else { continue };
            if stream.sent.as_deref() != Some(&line) {
                stream.sent = Some(line.clone());
                let nonce = stream.request.nonce;
                self.connections.reply(id, ReplyKind::Line, nonce, &line);
            }
        }
        self.count_streams();
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

    /// Whether a view is of the config that the request names, as its file says it; until that was
    /// read the built-in one stands in.
    fn is_of_its_config(&self, view: u64, request: &Request) -> bool {
        let named = self.configs.find(&jobs::config_path(request));
        let slot = named.and_then(|id| self.configs.slots.get(&id)).filter(|slot| slot.is_read());
        let view = self.cache.views.get(&view);
        slot.zip(view).is_some_and(|(slot, view)| slot.id == view.config)
    }

    /// Tells the shells whose prompt was drawn before its last reading came.
    pub fn repaint(&mut self, now: &Now) {
        for (who, mut drawn) in self.connections.channels.watched() {
            if let Some(request) = &drawn.meant
                && let Ok(Some(view)) = self.find_view(request, now)
                && self.is_of_its_config(view, request)
            {
                self.renew(view, request, now);
                (drawn.view, drawn.meant) = (view, None);
            }
            if drawn.meant.is_some() || self.is_busy(drawn.view) {
                self.connections.channels.keep(who, drawn);
            } else if let Some(line) = self.draw(drawn.view, now)
                && line != drawn.line
            {
                self.connections.channels.repaint(who, drawn.nonce, &line);
            }
        }
    }

    /// Counts the streams of each view: connections come and go in many ways.
    fn count_streams(&mut self) {
        for view in self.cache.views.values_mut() {
            view.streams = 0;
        }
        let views: Vec<u64> = self.connections.each_stream().map(|(_, s)| s.view).collect();
        for view in views {
            if let Some(view) = self.cache.views.get_mut(&view) {
                view.streams += 1;
            }
        }
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
            Some(Errand::Watch(id)) => {
                if outcome.is_ok() {
                    self.gather(id);
                } else if let Some(slot) = self.configs.slots.get_mut(&id)
                    && slot.watch == Some(ticket)
                {
                    slot.watch = None;
                    slot.retry = Some(now.boot + RETRY);
                }
            }
            Some(Errand::Ring(name)) => match outcome {
                Ok((Answer::Rang(Err(why)), _)) | Err(why) => {
                    note(format!("alert {name}: error: {why}"));
                }
                Ok(_) => {}
            },
            Some(Errand::ReadPast) => self.remember(outcome),
            Some(Errand::SavePast) => match outcome {
                Ok((Answer::Wrote(Err(why)), _)) | Err(why) => {
                    note(format!("the history is not saved: {why}"));
                }
                Ok(_) => {}
            },
            None => {}
        }
    }

    fn sampled(&mut self, key: &Key, outcome: Outcome, now: &Now) {
        let Some(slot) = self.configs.slots.get(&key.config) else { return };
        let Some(instance) = slot.config.instances.get(usize::from(key.instance)) else { return };
        let Some(entry) = self.cache.entries.get_mut(key) else { return };
        let sampled = match outcome {
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

    fn heard(&mut self, ticket: u64, key: &Key, outcome: Outcome, now: &Now) {
        let Some(slot) = self.configs.slots.get(&key.config) else { return };
        let Some(instance) = slot.config.instances.get(usize::from(key.instance)) else { return };
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

    fn gathered(&mut self, id: u32, outcome: Outcome, now: &Now) {
        let Some(slot) = self.configs.slots.get_mut(&id) else { return };
        slot.loading = None;
        let before = slot.config.clone();
        let (watched, again) = (slot.watched.clone(), std::mem::take(&mut slot.again));
        match outcome {
            Ok((Answer::Gathered { canonical, gathered }, _)) => {
                match self.configs.take(id, canonical, gathered) {
                    Taken::Swapped => self.swap(id, &before),
                    Taken::Kept => {}
                    Taken::SameAs(_) => self.forget(id),
                }
            }
            Ok(_) => self.configs.fail(id, "its worker answered something else", now.boot),
            Err(why) => self.configs.fail(id, &why, now.boot),
        }
        self.rehome(now);
        if let Some(slot) = self.configs.slots.get(&id)
            && (slot.watch.is_none() || slot.watched != watched)
            && slot.retry.is_none()
        {
            self.watch(id);
        }
        if again {
            self.gather(id);
        }
    }

    /// Takes over the past that the history file kept.
    fn remember(&mut self, outcome: Outcome) {
        let bytes = match outcome {
            Ok((Answer::Read(Ok(())), bytes)) => bytes,
            Ok((Answer::Read(Err(why)), _)) | Err(why) => {
                return note(format!("the history cannot be read: {why}"));
            }
            Ok(_) => return,
        };
        self.remembered = true;
        let Some(past) = Past::decode(&bytes) else { return };
        self.past.adopt(past);
        // Whoever was quicker than the file gets its past all the same.
        let keys: Vec<Key> =
            self.cache.entries.keys().filter(|key| key.is_host()).cloned().collect();
        for key in keys {
            let Some(slot) = self.configs.slots.get(&key.config) else { continue };
            let instance = &slot.config.instances[usize::from(key.instance)];
            let mut rings = self.past.take(&history::key(&slot.path, instance), instance.kind);
            let Some(entry) = self.cache.entries.get_mut(&key) else { continue };
            for ((_, old), (_, new)) in rings.iter_mut().zip(&entry.rings) {
                let seconds = entry.taken.unwrap_or_default().as_secs();
                new.recent(usize::MAX).for_each(|cell| old.push(cell.mean.into(), seconds));
            }
            entry.rings = rings;
            entry.version += 1;
        }
    }

    fn keep_past(&mut self) {
        for (key, entry) in &self.cache.entries {
            if !key.is_host() {
                continue;
            }
            let Some(slot) = self.configs.slots.get(&key.config) else { continue };
            let Some(instance) = slot.config.instances.get(usize::from(key.instance)) else {
                continue;
            };
            let key = history::key(&slot.path, instance);
            self.past.put(&key, &entry.rings);
            let memo = match &entry.source {
                Some(source) => source.memo(),
                None => entry.memo.clone().filter(|memo| !memo.is_empty()),
            };
            if let Some(memo) = memo {
                self.past.memos.insert(key, memo);
            }
        }
    }

    /// Everything worth keeping, as of now.
    pub fn past(&mut self) -> &Past {
        self.keep_past();
        &self.past
    }

    /// Has the history file written; the ticket, if there is a place for it. A file that was not
    /// read is not written over.
    pub fn save(&mut self) -> Option<u64> {
        self.keep_past();
        if !self.remembered {
            return None;
        }
        let path = self.history.clone()?;
        let bytes = self.past.encode();
        let ticket = self.pool.submit("history", Job::Write { path }, bytes, Some(FILE));
        self.errands.insert(ticket, Errand::SavePast);
        // Started here: whoever leaves makes no further turn.
        let mut outcomes = self.pool.turn(false);
        let failed = outcomes.iter().any(|(ended, outcome)| *ended == ticket && outcome.is_err());
        let now = Now::read();
        outcomes.drain(..).for_each(|(ticket, outcome)| self.outcome(ticket, outcome, &now));
        (!failed).then_some(ticket)
    }

    /// Reads every config and every reading again.
    pub fn reload(&mut self) {
        self.clear_frames();
        let ids: Vec<u32> = self.configs.slots.keys().copied().collect();
        ids.into_iter().for_each(|id| self.gather(id));
        for entry in self.cache.entries.values_mut() {
            (entry.due, entry.errors) = (Duration::ZERO, 0);
        }
    }

    /// The clocks jumped: the time between is a gap, and everything is due.
    pub fn jump(&mut self) {
        for entry in self.cache.entries.values_mut() {
            entry.rings.iter_mut().for_each(|(_, ring)| ring.gap());
            entry.due = Duration::ZERO;
        }
    }

    /// Tells the streams that it is over, and answers whoever still waits.
    pub fn dismiss(&mut self) {
        self.clear_frames();
        self.connections.channels.close();
        let streams: Vec<(u64, u64)> =
            self.connections.each_stream().map(|(id, s)| (id, s.request.nonce)).collect();
        let waiting = self.pending.drain(..).map(|pending| (pending.id, pending.request.nonce));
        for (id, nonce) in waiting.chain(streams) {
            self.connections.reply(id, ReplyKind::Bye, nonce, &[]);
        }
    }

    pub fn sweep(&mut self, now: &Now) {
        self.connections.sweep(now.boot);
        self.connections.channels.sweep();
        self.count_streams();
        // What nobody looks at is not followed.
        let shown: HashSet<Key> = self.cache.shown(now.boot).cloned().collect();
        let mut idle = Vec::new();
        for (_, entry) in self.cache.entries.iter_mut().filter(|(key, _)| !shown.contains(key)) {
            if let Some((ticket, _)) = entry.follows.take() {
                entry.due = Duration::ZERO;
                idle.push(ticket);
            }
        }
        idle.into_iter().for_each(|ticket| self.unfollow(ticket));
        self.cache.entries.values_mut().for_each(|entry| entry.settle(now));
        self.cache.sweep(now.boot);
    }

    /// Tries again to read the configs whose time for that has come.
    pub fn retry(&mut self, now: &Now) {
        self.configs.due(now.boot).into_iter().for_each(|id| self.gather(id));
    }

    /// When something is to be done although nobody says so.
    pub fn wake(&self, boot: Duration) -> Option<Duration> {
        let pending = self.pending.iter().map(|pending| pending.until);
        let alerts = self.alerts.values().filter_map(|(alert, watch)| watch.due(alert));
        // One whose reading is not known has nothing to tell when its time comes.
        let alerts = alerts.filter(|at| *at > boot);
        let others = pending.chain(alerts).chain(self.pool.wake()).chain(self.configs.wake());
        self.cache.wake(boot).into_iter().chain(others).min()
    }

    /// For a person, a line a subject.
    pub fn status(&self) -> String {
        let boot = crate::sys::boot();
        let (workers, abandoned) = self.pool.counts();
        let mut text = format!(
            "clients {} streams {} requests {} refused {}\nviews {} drawings {}\nworkers {workers} abandoned {abandoned}\n",
            self.connections.len(),
            self.connections.streams(),
            self.requests,
            self.connections.turned_away,
            self.cache.views.len(),
            self.cache.drawings,
        );
        if let Some(path) = &self.history {
            let state = if self.remembered { "" } else { " (not read)" };
            text.push_str(&format!("history {}{state}\n", path.display()));
        }
        let mut slots: Vec<_> = self.configs.slots.values().collect();
        slots.sort_by_key(|slot| slot.id);
        for slot in slots {
            let builtin = slot.path.as_os_str().is_empty();
            let path = if builtin { "(built in)".into() } else { slot.path.display().to_string() };
            let state = if slot.loaded { "" } else { " (being read)" };
            text.push_str(&format!("config {path}{state}\n"));
            for problem in slot.config.problems.iter().chain(&slot.problems) {
                text.push_str(&format!("problem {}\n", problem.replace('\n', "\n  ")));
            }
        }
        let mut entries: Vec<_> = self.cache.entries.iter().collect();
        entries.sort_by_key(|(key, _)| (key.config, key.instance, key.who));
        for (key, entry) in entries {
            let slot = self.configs.slots.get(&key.config);
            let instance =
                slot.and_then(|slot| slot.config.instances.get(usize::from(key.instance)));
            let name = instance.map_or("?", |instance| &instance.name);
            let age = entry.taken.map_or("never".to_owned(), |taken| {
                format!("{:.1} s", boot.saturating_sub(taken).as_secs_f64())
            });
            let error = entry.error.as_deref().map(|error| format!(" error: {error}"));
            text.push_str(&format!("segment {name} age {age}{}\n", error.unwrap_or_default()));
        }
        text
    }
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

/// Whose jobs share their luck: an instance's. Of two disks only the one whose mount is dead has to
/// rest.
fn provider(instance: &Instance) -> String {
    format!("{} {}", instance.kind.name, instance.name)
}

/// The number under which a worker keeps a source open: another one for other options, since the
/// instances of a changed config may have the numbers of those before.
fn source_number(key: &Key, options: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (key, options).hash(&mut hasher);
    hasher.finish()
}

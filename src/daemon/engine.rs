//! The owners of all state, and what goes from one to another: a request through configs, views,
//! readings and back; a worker's outcome to the owner that wanted the job.
//!
//! Each owner keeps its state to itself. Nothing here reads a clock or waits: the loop gives the
//! time. A reply waits for no reading, except for one that was never taken and is on its way: until
//! the request's deadline, and then it goes with what there is.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::{
    Admin, Body, LineRequest, PROTOCOL, ReplyKind, Request, Set, build_id,
};
use rainline_client::runtime::{self, Runtime};
use rainline_client::sys;
use rainline_render::diagnostic::suggestion;
use rainline_segments::{Level, Scope, SetValue, time_span};
use rustix::event::PollFlags;

use super::alerts::Alerts;
use super::configs::{Change, Configs};
use super::history_export;
use super::jobs::{Jobs, Outcome, Purpose, Ticket};
use super::lines::{Lines, Pending, ViewId};
use super::persistence::Persistence;
use super::pool::Pool;
use super::sampler::Sampler;
use super::status::{Counters, Status};
use crate::config::Config;
use crate::readings::history::History;
use crate::readings::id::{ConfigId, ReadingId};
use crate::readings::schedule::{self, Now};
use crate::readings::source;
use crate::worker::Process;

#[cfg(test)]
mod tests;

/// From so many things less it is worth giving memory back.
const MUCH: usize = 16;
/// With alerts the daemon stays this long without requests.
const ALERTED_IDLE: Duration = Duration::from_secs(24 * 3600);
/// The longest that a request waits, whatever deadline it gives.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// The owners of the daemon's state.
pub struct Engine {
    pub(super) lines: Lines,
    pub(super) sampler: Sampler,
    pub(super) alerts: Alerts,
    configs: Configs,
    persistence: Persistence,
    pub(super) counters: Counters,
    pub(super) jobs: Jobs,
    pool: Pool,
    /// How many connections, views and readings the last sweep left.
    swept: usize,
}

impl Engine {
    /// An engine in a runtime directory of its own. `root` stands for `/` in what sources read.
    pub fn new(runtime: &Rc<Runtime>, root: Option<PathBuf>) -> Engine {
        let history = runtime.read(runtime::HISTORY).and_then(|bytes| History::decode(&bytes));
        let mut jobs = Jobs::default();
        let workers = root.clone();
        Engine {
            lines: Lines::new(runtime),
            sampler: Sampler::new(source::machine(root), history.unwrap_or_default()),
            alerts: Alerts::default(),
            configs: Configs::default(),
            persistence: Persistence::new(runtime::history_file(), &mut jobs),
            counters: Counters::new(sys::boot()),
            jobs,
            pool: Pool::new(move || Process::start(workers.as_deref())),
            swept: 0,
        }
    }

    /// Serves a request, or defers it. What concerns the daemon itself is handed back with its
    /// nonce.
    pub fn request(&mut self, id: u64, request: Request, now: &Now) -> Option<(Admin, u64)> {
        self.counters.count_request();
        if let Body::Admin(admin) = request.body {
            return Some((admin, request.nonce));
        }
        self.counters.note_use(now.boot);
        if let Some(line) = request.line() {
            self.alerts.note_client(line);
            self.lines.register_shell(&line.channel);
        }
        // A quarter of the deadline is left for the reply.
        let until = now.boot.saturating_add(request.deadline.min(MAX_WAIT) * 3 / 4);
        let pending =
            Pending { id, request, until, attempt: Cell::new(None), view: Cell::default() };
        if let Some(pending) = self.try_answer(pending, now) {
            self.lines.defer(pending);
        }
        None
    }

    /// Tries the waiting requests again; those whose time is over get what there is.
    pub(super) fn answer_pending(&mut self, now: &Now) {
        for pending in self.lines.take_pending() {
            if let Some(pending) = self.try_answer(pending, now) {
                self.lines.defer(pending);
            }
        }
    }

    /// Answers, or gives the request back if something it needs is on its way.
    fn try_answer(&mut self, pending: Pending, now: &Now) -> Option<Pending> {
        let answer = || match &pending.request.body {
            Body::Set(set) => self.set(&pending, set, now),
            Body::Print(line) | Body::Stream(line) | Body::History(line) => {
                self.answer_line(&pending, line, now)
            }
            Body::Admin(_) => Ok(true),
        };
        // One request that breaks something is refused; all others have their lines.
        let answered = catch_unwind(AssertUnwindSafe(answer));
        match answered.unwrap_or_else(|_| Err("answering it failed (a bug)".into())) {
            Ok(true) => None,
            Ok(false) => Some(pending),
            Err(why) => {
                let (id, nonce) = (pending.id, pending.request.nonce);
                self.lines.reply(id, nonce, ReplyKind::Refused, &why);
                None
            }
        }
    }

    /// Answers a request for a line. `Ok(false)`: something it needs is on its way.
    fn answer_line(
        &mut self,
        pending: &Pending,
        line: &LineRequest,
        now: &Now,
    ) -> Result<bool, String> {
        let may_wait = now.boot < pending.until;
        let view = match self.view(line, now)? {
            Some(view) => view,
            None if may_wait => return Ok(false),
            None => {
                // Its config is late: the line of the built-in one, until it comes.
                let built_in = LineRequest { config: PathBuf::new(), ..line.clone() };
                self.view(&built_in, now)?.ok_or("no config")?
            }
        };
        // A stream keeps its readings going itself, as long as it is there.
        let is_stream = matches!(pending.request.body, Body::Stream(_));
        self.show(view, line, is_stream.then_some(schedule::STREAM_GRACE), now);
        let cache = self.sampler.cache();
        let mut entries =
            self.lines.views.readings(view).iter().filter_map(|(_, id)| cache.get(id));
        if may_wait && entries.any(|entry| entry.awaits_first()) {
            pending.view.set(self.lines.views.wait_for(view));
            return Ok(false);
        }
        let (id, nonce) = (pending.id, pending.request.nonce);
        match &pending.request.body {
            Body::History(_) => {
                let shown = self.lines.views.readings(view).iter().map(|(_, id)| id);
                let text = history_export::text(shown, cache);
                self.lines.reply(id, nonce, ReplyKind::Text, &text);
            }
            Body::Stream(_) => {
                self.lines.stream(id, nonce, line.clone(), view, cache, now.boot);
            }
            _ => {
                let meant = (!self.is_of_own_config(view, &line.config)).then(|| line.clone());
                self.lines.print(pending, line, view, meant, cache, now.boot);
            }
        }
        Ok(true)
    }

    /// The view of a request; `None` while its config is being read for the first time.
    fn view(&mut self, request: &LineRequest, now: &Now) -> Result<Option<ViewId>, String> {
        let Some((id, config)) = self.config(&request.config, now)? else { return Ok(None) };
        let view = self.lines.views.find(request, &id, &config);
        for (index, reading) in self.lines.views.readings(view) {
            self.sampler.add(reading, &config, *index);
        }
        if self.sampler.is_over() {
            let held = self.lines.views.held().chain(self.alerts.wanted());
            let shown = self.lines.views.readings(view).iter().map(|(_, id)| id);
            let dropped = self.sampler.make_room(held.chain(shown), &mut self.jobs);
            self.lines.views.forget_readings(&dropped);
        }
        Ok(Some(view))
    }

    /// The config at a path; `None` while it is being read for the first time.
    fn config(&mut self, path: &Path, now: &Now) -> Result<Option<(ConfigId, Rc<Config>)>, String> {
        // One whose lines are streamed stays; others may have to make room.
        let streamed: Vec<ConfigId> = match self.configs.find(path) {
            Some(_) => Vec::new(),
            None => {
                let views = self.lines.streams().into_iter().map(|(_, view, _)| view);
                views.filter_map(|view| self.lines.views.config(view).cloned()).collect()
            }
        };
        let is_used = |id: &ConfigId| streamed.contains(id);
        let found = self.configs.request(path, now, is_used, &mut self.jobs)?;
        if let Some(removed) = found.removed {
            self.sampler.forget_config(&removed, now, &mut self.jobs);
            self.lines.views.forget_config(&removed);
            self.alerts.forget_config(&removed, &mut self.jobs);
        }
        Ok(found.config)
    }

    /// Takes the readings of a view that are due, and keeps them going for this time or (`None`) as
    /// long as they say.
    fn show(&mut self, view: ViewId, line: &LineRequest, lease: Option<Duration>, now: &Now) {
        let shown = self.lines.views.readings(view).iter().map(|(_, id)| id);
        self.sampler.request(shown, line, now, &mut self.jobs);
        self.lines.views.renew(view, lease, now.boot);
    }

    /// Whether a view is of the config at this path, as its file says it; until that was read the
    /// built-in one stands in.
    fn is_of_own_config(&self, view: ViewId, path: &Path) -> bool {
        let id = self.configs.find(path);
        id.is_some_and(|id| self.lines.views.config(view) == Some(&id) && self.configs.is_own(&id))
    }

    /// Gives a value to the segment that a request names. `Ok(false)`: its config is being read. It
    /// may have been saved a moment ago, so it is read again before a value is refused.
    fn set(&mut self, pending: &Pending, set: &Set, now: &Now) -> Result<bool, String> {
        let Some((id, config)) = self.config(&set.config, now)? else {
            if now.boot < pending.until {
                return Ok(false);
            }
            return Err("the config cannot be read in time".into());
        };
        let Err(why) = self.give(set, &id, &config, now) else {
            self.lines.reply(pending.id, pending.request.nonce, ReplyKind::Text, "");
            return Ok(true);
        };
        let attempt = pending.attempt.get().unwrap_or_else(|| self.configs.next_attempt(&id));
        pending.attempt.set(Some(attempt));
        let is_read = self.configs.is_read(&id, attempt, &mut self.jobs);
        if is_read || now.boot >= pending.until { Err(why) } else { Ok(false) }
    }

    /// Gives a value to the segment of a config that has its name.
    fn give(
        &mut self,
        set: &Set,
        id: &ConfigId,
        config: &Rc<Config>,
        now: &Now,
    ) -> Result<(), String> {
        let name = &set.segment;
        let Some(index) = config.instance(name) else {
            let names = config.instances.iter().map(|instance| instance.name.as_str());
            let hint = suggestion(name, names);
            return Err(format!("there is no segment `{name}` in the config{hint}"));
        };
        let instance = &config.instances[usize::from(index)];
        let pushed = pushed(set)?;
        if instance.kind.scope != Scope::Machine {
            return Err(format!("`{name}` takes no values; only `custom` does"));
        }
        let reading = ReadingId::shared_by_all(id, instance);
        self.sampler.add(&reading, config, index);
        self.sampler.push(&reading, &pushed, now).map_err(|why| format!("{name}: {why}"))
    }

    /// Lets workers go on, and gives each outcome to the owner that wanted the job.
    pub fn run_jobs(&mut self, readable: bool, now: &Now) {
        for (ticket, purpose, outcome) in self.pool.advance(&mut self.jobs, readable, now.boot) {
            // One that breaks something is lost, and the hook has noted why.
            let take = || self.outcome(ticket, purpose, outcome, now);
            let _ = catch_unwind(AssertUnwindSafe(take));
        }
        self.pool.end_orphans(now.boot);
        let outdated = self.pool.take_outdated();
        self.sampler.outdated(&outdated);
        self.configs.retry(now, &mut self.jobs);
    }

    /// The descriptors of workers to poll.
    pub fn worker_fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.pool.fds()
    }

    fn outcome(&mut self, ticket: Ticket, purpose: Purpose, outcome: Outcome, now: &Now) {
        match purpose {
            Purpose::Reading(id) => {
                self.sampler.answered(ticket, &id, outcome, now, &mut self.jobs);
            }
            Purpose::ReadConfig(id) => {
                let change = self.configs.answered(ticket, &id, outcome, now, &mut self.jobs);
                self.lines.views.set_troubled(self.configs.troubled());
                self.config_changed(change, now);
                // A megabyte of keys takes a hundred while it is parsed.
                crate::sys::trim_heap();
            }
            Purpose::WatchConfig(id) => {
                self.configs.watched(ticket, &id, &outcome, now, &mut self.jobs);
            }
            Purpose::Notify(id, name) => {
                self.alerts.notified(ticket, id, name, outcome, &mut self.jobs);
            }
            Purpose::ReadHistory => {
                if let Some(history) = self.persistence.read(outcome) {
                    self.sampler.adopt_history(history);
                }
            }
            Purpose::WriteHistory => self.persistence.written(ticket, outcome),
        }
    }

    /// Takes over a changed config: readings of unchanged instances go on, views are made anew, and
    /// streams get those.
    fn config_changed(&mut self, change: Change, now: &Now) {
        if let Change::Swapped { id, before, config } = change {
            self.sampler.config_changed(&id, &before, &config, &mut self.jobs);
            self.lines.views.forget_config(&id);
            for (index, reading) in self.alerts.config_changed(&id, &config, &mut self.jobs) {
                self.sampler.add(&reading, &config, index);
            }
        }
        // A stream had a view of the config as it was, or of the built-in one while its own was
        // being read.
        for (id, view, request) in self.lines.streams() {
            let config = self.configs.find(&request.config);
            if config.is_some() && self.lines.views.config(view) == config.as_ref() {
                continue;
            }
            if let Ok(Some(view)) = self.view(&request, now) {
                self.lines.move_stream(id, view, now.boot);
                self.show(view, &request, Some(schedule::STREAM_GRACE), now);
            }
        }
    }

    /// Takes the readings that are wanted and due; how many that were.
    pub fn sample_due(&mut self, now: &Now) -> usize {
        let shown = self.lines.views.wanted(now.boot);
        let wanted = || shown.iter().chain(self.alerts.wanted());
        self.sampler.stop_unwanted(wanted(), &mut self.jobs);
        self.sampler.read_due(wanted(), now, &mut self.jobs)
    }

    /// Has prompts drawn again that were shown before their last reading came.
    pub(super) fn finish_prompts(&mut self, now: &Now) {
        for (who, mut drawn) in self.lines.take_unfinished_prompts() {
            if let Some(line) = drawn.meant.take() {
                if self.configs.find(&line.config).is_none() {
                    // It made room for another one, and is read again for the next prompt.
                    continue;
                }
                match self.view(&line, now) {
                    Ok(Some(view)) if self.is_of_own_config(view, &line.config) => {
                        self.show(view, &line, None, now);
                        drawn.view = view;
                    }
                    _ => drawn.meant = Some(line),
                }
            }
            self.lines.finish_prompt(who, drawn, self.sampler.cache(), now.boot);
        }
    }

    /// The clocks jumped: the time between is a gap, and everything is due.
    pub fn jump(&mut self) {
        self.sampler.jump();
    }

    /// Reads every config and every reading again.
    pub(super) fn reload(&mut self) {
        self.configs.reload(&mut self.jobs);
        self.sampler.reload();
    }

    /// Drops what is not used any more, and gives its memory back if it was much.
    pub(super) fn sweep(&mut self, now: &Now) {
        let size = |engine: &Engine| engine.lines.size() + engine.sampler.size();
        // What came and went between two sweeps took memory, too.
        let before = self.swept.max(size(self)).max(self.lines.take_peak());
        self.lines.sweep(now.boot);
        let shown = self.lines.views.wanted(now.boot);
        let wanted = shown.iter().chain(self.alerts.wanted());
        self.sampler.sweep(wanted, now);
        self.sampler.look_at_machine();
        self.swept = size(self);
        if before > self.swept + MUCH {
            self.jobs.shrink();
            self.pool.shrink();
            crate::sys::trim_heap();
        }
    }

    /// Everything worth keeping beyond this process.
    pub(super) fn history(&mut self, now: &Now) -> &History {
        self.sampler.history(now)
    }

    /// Has the history file written.
    pub(super) fn save(&mut self, now: &Now) {
        self.persistence.write(self.sampler.history(now), &mut self.jobs);
    }

    /// Whether the history file is being written.
    pub(super) fn is_saving(&self) -> bool {
        self.persistence.is_writing()
    }

    /// When to leave if no request comes; `None` while a stream is open. With alerts it is later:
    /// they are to be noticed without looking.
    pub(super) fn idle_end(&self, idle: Duration) -> Option<Duration> {
        let idle = if self.alerts.is_empty() { idle } else { idle.max(ALERTED_IDLE) };
        let end = || self.counters.last_request().saturating_add(idle);
        (!self.lines.views.has_streams()).then(end)
    }

    /// When something is due without an event on a descriptor.
    pub(super) fn wake(&self, now: &Now) -> Option<Duration> {
        let shown = self.lines.views.wanted(now.boot);
        let wanted = shown.iter().chain(self.alerts.wanted());
        let jobs = (!self.jobs.is_empty()).then_some(Duration::ZERO);
        let each = [
            jobs,
            self.lines.wake(now.boot, self.sampler.is_following()),
            self.sampler.wake(wanted),
            self.alerts.wake(now.boot),
            self.configs.wake(),
            self.pool.wake(now.boot),
        ];
        each.into_iter().flatten().min()
    }

    /// The daemon's state. Nothing is read or drawn for it.
    pub(super) fn status(&self, now: &Now) -> Status {
        let (workers, abandoned) = self.pool.counts();
        let mut status = Status {
            build: build_id(),
            protocol: PROTOCOL,
            workers,
            abandoned,
            history: self.persistence.status(),
            configs: self.configs.status(),
            segments: self.sampler.status(now.boot),
            alerts: self.alerts.status(),
            ..Status::default()
        };
        self.lines.fill(&mut status);
        self.counters.fill(&mut status, now.boot);
        status
    }
}

/// The value that a request pushes.
fn pushed(set: &Set) -> Result<SetValue, String> {
    let lasts = match &*set.hold {
        "" => None,
        text => Some(
            time_span::parse(text)
                .ok_or_else(|| format!("--for: \"{text}\" is not {}", time_span::expected(text)))?,
        ),
    };
    let level = match &*set.level {
        "" => None,
        word => Some(Level::named(word).map_err(|why| format!("--level: {why}"))?),
    };
    Ok(SetValue { text: set.value.clone(), json: set.json, level, valid_for: lasts })
}

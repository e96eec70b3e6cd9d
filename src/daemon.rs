//! The one process per user that takes readings, keeps their history, draws lines and answers.
//!
//! One thread and one `poll` over listener, connections, workers, signals and the clock. Nothing
//! here may block: what could (a config, a path that a client names, the history file) is a
//! worker's job. The lock is held for life, and yet the daemon does not rely on being the only one:
//! every half minute it checks whether the socket's name still leads to it.
//!
//! The state belongs to owners, each private in its module: [`lines`] (what is shown, and to whom),
//! [`sampler`] (readings), [`alerts`], [`configs`], [`persistence`] (the history file), [`pool`]
//! (workers) and the counters in [`status`]. [`engine`] passes data from one to another, [`jobs`]
//! is the queue between owners and workers, and the loop is here.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::{Admin, ReplyKind, Request, build_id};
use rainline_client::runtime::{self, Runtime};
use rainline_client::{spawn, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};

mod alerts;
mod channel;
mod configs;
mod engine;
mod history_export;
mod jobs;
mod lines;
mod listener;
mod lru;
mod persistence;
mod pool;
mod sampler;
mod serve;
mod signals;
pub mod status;

pub use engine::Engine;

use crate::readings::schedule::Now;
use listener::{Holder, Listener};
use signals::Signals;
use status::note;

/// The daemon leaves after this time without requests.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often what is not used any more is dropped, and the socket is checked.
const MAINTENANCE: Duration = Duration::from_secs(30);
/// How often the history is saved.
const SAVE: Duration = Duration::from_secs(5 * 60);
/// A daemon that ran this long has not failed.
const STABLE: Duration = Duration::from_secs(60);
/// How often the socket is touched: cleaners of temporary files go by its times.
const TOUCH: Duration = Duration::from_secs(600);
/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(2);
/// How long a new daemon waits for one that is leaving.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// Margin so that the idle time has passed when the timer fires.
const AFTER_IDLE: Duration = Duration::from_millis(5);
/// The most descriptors.
const MAX_FILES: u64 = 8192;

/// How a daemon is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stands for `/` in what sources read.
    pub root: Option<PathBuf>,
    /// The daemon leaves after this time without requests.
    pub idle: Duration,
}

/// Makes this process a daemon as far as one process can: a session of its own, nothing inherited.
/// The caller then runs itself once more, so that the daemon leads no session.
pub fn detach() {
    crate::sys::close_from(3);
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    rustix::process::umask(Mode::from_raw_mode(0o077));
}

/// Runs until told to leave. `Err`: why there can be no daemon; that another one runs is no error.
pub fn run(options: Options) -> Result<(), String> {
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", path.display()))?;
    let runtime = Rc::new(runtime);
    let Some(lock) = listener::lock(&runtime, LOCK_TIMEOUT)? else { return Ok(()) };
    set_limits();
    let signals = Signals::register().map_err(|error| format!("signals: {error}"))?;
    std::panic::set_hook(Box::new(|info| note(format!("panic: {info}"))));
    let mut listener = Listener::default();
    listener.open(&runtime).map_err(|error| format!("{}: {error}", runtime.path.display()))?;
    let now = Now::read();
    let mut daemon = Daemon {
        engine: Engine::new(&runtime, options.root.clone()),
        runtime,
        lock: Some(lock),
        listener,
        signals,
        options,
        before: now,
        maintained: now.boot,
        saved: now.boot,
        touched: now.boot,
        is_stable: false,
        leaving: None,
    };
    daemon.serve();
    Ok(())
}

/// Allows many connections, and no core file: memory holds what clients sent.
fn set_limits() {
    let files = rustix::process::getrlimit(Resource::Nofile);
    let most = files.maximum.map_or(MAX_FILES, |most| most.min(MAX_FILES));
    if files.current.is_some_and(|current| current < most) {
        let raised = Rlimit { current: Some(most), maximum: files.maximum };
        let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // Where memory runs out, a status line is the first thing to do without.
    let _ = std::fs::write("/proc/self/oom_score_adj", "200");
}

/// On the way out.
struct Leaving {
    until: Duration,
    /// The connections that asked for it, with the nonces of their requests.
    asked: Vec<(u64, u64)>,
}

struct Daemon {
    engine: Engine,
    runtime: Rc<Runtime>,
    lock: Option<OwnedFd>,
    listener: Listener,
    signals: Signals,
    options: Options,
    /// The clocks at the last pass of the loop.
    before: Now,
    /// When maintenance, saving and touching were done last, by the boot clock.
    maintained: Duration,
    saved: Duration,
    touched: Duration,
    is_stable: bool,
    leaving: Option<Leaving>,
}

/// What woke the loop.
#[derive(Default)]
struct Woken {
    signals: bool,
    listener: bool,
    workers: bool,
    connections: Vec<(u64, PollFlags)>,
}

impl Daemon {
    /// Each step works on what those before it left: requests say what is wanted, outcomes of jobs
    /// are readings and configs, wanted readings are taken when they are due, and alerts, waiting
    /// requests, streams and prompts follow from the readings. Jobs that any of them submitted go
    /// to workers in the next pass, which comes at once then.
    fn serve(&mut self) {
        loop {
            let woken = self.wait();
            let now = Now::read();
            if now.jumped(&self.before) {
                self.engine.jump();
            }
            self.before = now;
            if woken.signals {
                self.obey_signals(&now);
            }

            let requests = self.receive(&woken, &now);
            self.answer(requests, &now);
            self.engine.run_jobs(woken.workers, &now);
            self.engine.sample_due(&now);

            let Engine { alerts, sampler, jobs, .. } = &mut self.engine;
            alerts.check(sampler.cache(), now.boot, jobs);
            self.engine.answer_pending(&now);
            let Engine { lines, sampler, .. } = &mut self.engine;
            lines.update_streams(sampler.cache(), &now);
            self.engine.finish_prompts(&now);

            self.maintain(&now);
            if self.is_finished(&now) {
                return;
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Woken {
        let now = Now::read();
        let idle_end =
            self.engine.idle_end(self.options.idle).map(|end| end.saturating_add(AFTER_IDLE));
        let each = [
            Some(self.maintained + MAINTENANCE),
            self.engine.wake(&now),
            idle_end.filter(|_| self.leaving.is_none()),
            self.leaving.as_ref().map(|leaving| leaving.until),
        ];
        let wake = each.into_iter().flatten().min().unwrap_or_default();
        let timeout = timespec(wake.saturating_sub(now.boot));

        let lines = &self.engine.lines;
        let listener = self.listener.socket().filter(|_| lines.is_accepting(now.boot));
        let mut fds = vec![PollFd::new(self.signals.fd(), PollFlags::IN)];
        fds.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        let first = fds.len();
        let mut ids = Vec::new();
        for (id, fd, flags) in lines.fds() {
            ids.push(id);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        }
        let last = fds.len();
        fds.extend(self.engine.worker_fds().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        let mut woken = Woken::default();
        if poll(&mut fds, Some(&timeout)).is_ok() {
            let is_ready = |fd: &PollFd| !fd.revents().is_empty();
            woken.signals = is_ready(&fds[0]);
            woken.listener = first == 2 && is_ready(&fds[1]);
            woken.workers = fds[last..].iter().any(is_ready);
            let connections = ids.iter().zip(&fds[first..]).filter(|(_, fd)| is_ready(fd));
            woken.connections = connections.map(|(id, fd)| (*id, fd.revents())).collect();
        }
        woken
    }

    fn obey_signals(&mut self, now: &Now) {
        let requested = self.signals.take();
        if requested.reload {
            self.engine.reload();
        }
        if requested.reopen && self.leaving.is_none() {
            self.reopen();
        }
        if requested.leave {
            self.leave(None, now);
        }
    }

    fn reopen(&mut self) {
        if let Err(errno) = self.listener.open(&self.runtime) {
            note(format!("the socket cannot be made again: {errno}"));
        }
    }

    fn receive(&mut self, woken: &Woken, now: &Now) -> Vec<(u64, Request)> {
        let listener = self.listener.socket().filter(|_| woken.listener);
        self.engine.lines.receive(listener, woken.connections.clone(), now.boot)
    }

    fn answer(&mut self, requests: Vec<(u64, Request)>, now: &Now) {
        // After an upgrade: these requests are answered, and the next start is of the new version.
        let is_outdated = requests.iter().any(|(_, request)| request.build > build_id());
        for (id, request) in requests {
            if let Some((admin, nonce)) = self.engine.request(id, request, now) {
                self.administer(id, nonce, admin, now);
            }
        }
        if is_outdated && self.leaving.is_none() {
            self.leave(None, now);
        }
    }

    fn administer(&mut self, id: u64, nonce: u64, admin: Admin, now: &Now) {
        let text = match admin {
            Admin::Ping => format!("{}\n", std::process::id()),
            Admin::Status => serde_json::to_string(&self.engine.status(now)).unwrap_or_default(),
            Admin::Reload => {
                self.engine.reload();
                "reloading\n".to_owned()
            }
            Admin::Stop => {
                self.engine.lines.set_waiting(id);
                return self.leave(Some((id, nonce)), now);
            }
        };
        self.engine.lines.reply(id, nonce, ReplyKind::Text, &text);
    }

    /// Starts leaving: no new connections, streams end, the history is saved.
    fn leave(&mut self, asked: Option<(u64, u64)>, now: &Now) {
        if let Some(leaving) = &mut self.leaving {
            leaving.asked.extend(asked);
            return;
        }
        self.listener.close(&self.runtime);
        self.engine.lines.dismiss();
        let history = self.engine.history(now);
        if !history.is_empty() {
            let _ = self.runtime.write(runtime::HISTORY, &history.encode());
        }
        self.engine.save(now);
        // Leaving on purpose does not count as a failed start.
        spawn::reset(&self.runtime);
        let asked = asked.into_iter().collect();
        self.leaving = Some(Leaving { until: now.boot + LEAVING, asked });
    }

    fn is_finished(&mut self, now: &Now) -> bool {
        let Some(leaving) = &mut self.leaving else { return false };
        let is_done = !self.engine.is_saving() && self.engine.lines.is_flushed();
        let is_finished = is_done || now.boot >= leaving.until;
        if is_finished {
            // The lock first: another daemon may be started as soon as this reply is read.
            self.lock = None;
            for (id, nonce) in std::mem::take(&mut leaving.asked) {
                self.engine.lines.reply(id, nonce, ReplyKind::Text, "stopped\n");
            }
        }
        is_finished
    }

    /// What is to be done now and then.
    fn maintain(&mut self, now: &Now) {
        if self.leaving.is_some() {
            return;
        }
        if self.engine.idle_end(self.options.idle).is_some_and(|end| now.boot >= end) {
            return self.leave(None, now);
        }
        if now.boot < self.maintained + MAINTENANCE {
            return;
        }
        self.maintained = now.boot;
        self.engine.sweep(now);
        if !self.is_stable && self.engine.counters.uptime(now.boot) >= STABLE {
            self.is_stable = true;
            spawn::reset(&self.runtime);
        }
        if now.boot >= self.saved + SAVE {
            self.saved = now.boot;
            self.engine.save(now);
        }
        if self.runtime.is_gone() {
            // The next client makes a new directory, and this daemon is out of reach.
            return self.leave(None, now);
        }
        match self.listener.check(&self.runtime) {
            Holder::Us if now.boot >= self.touched + TOUCH => {
                self.touched = now.boot;
                self.runtime.touch(runtime::SOCKET);
            }
            Holder::Us => {}
            Holder::AnotherDaemon => self.leave(None, now),
            Holder::SomethingElse => note("something else stands where our socket was".into()),
            Holder::NoDaemon => self.reopen(),
        }
    }
}

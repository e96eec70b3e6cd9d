//! The one process per user that takes readings, keeps their history, draws lines and answers.
//!
//! One thread and one `poll` over listener, connections, workers, signals and the clock. Nothing
//! here may block: what could (a config, a path that a client names, the history file) is a
//! worker's job. The lock is held for life, and yet the daemon does not rely on being the only one:
//! now and then it asks itself, as a client would, whether the socket's name still leads to it.
//!
//! The state belongs to owners, each private in its module: [`lines`] (what is shown, and to whom),
//! [`sampler`] (readings), [`alerts`], [`configs`], [`persistence`] (the history file), [`pool`]
//! (workers) and the counters in [`status`]. [`engine`] passes data from one to another, [`jobs`]
//! is the queue between owners and workers, and the loop is here.

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::{Admin, ReplyKind, Request, build_id};
use rainline_client::runtime::{self, Runtime};
use rainline_client::{spawn, sys, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::io::Errno;
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
mod self_check;
mod serve;
mod signals;
pub mod status;

pub use engine::Engine;

use crate::readings::schedule::Now;
use listener::{Knock, Listener};
use self_check::{Reached, SelfCheck};
use signals::Signals;
use status::note;

/// The daemon leaves after this time without requests.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often what is not used any more is dropped, and the socket is checked.
const MAINTENANCE: Duration = Duration::from_secs(30);
/// How often the history is saved; with [`MAINTENANCE`] and the time that it takes no more than five
/// minutes are ever lost.
const SAVE: Duration = Duration::from_secs(4 * 60);
/// A daemon that ran this long has not failed.
const STABLE: Duration = Duration::from_secs(60);
/// How often the socket is touched: cleaners of temporary files go by its times.
const TOUCH: Duration = Duration::from_secs(600);
/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(2);
/// How long a daemon that was replaced still answers clients that had connected to it.
const LINGER: Duration = Duration::from_secs(1);
/// How long a newer daemon is waited for by one that is ready to be replaced.
const HANDOVER: Duration = Duration::from_secs(10);
/// A loop that wakes so much later than it wanted was stopped: the world may have changed.
const OVERSLEPT: Duration = Duration::from_secs(2);
/// How long nothing is done where the system cannot wait for descriptors, so that the loop does not
/// turn round and round.
const POLL_RETRY: Duration = Duration::from_millis(100);
/// How long a new daemon waits for one that is leaving.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// Margin so that the idle time has passed when the timer fires.
const AFTER_IDLE: Duration = Duration::from_millis(5);
/// The most descriptors.
const MAX_FILES: u64 = 8192;
/// With fewer there would be none left for a client and a worker.
const MIN_FILES: u64 = 16;

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

/// Leaves the checkpoint of the shell that this process was started from. DMTCP adds its library to
/// all that is started with C's functions, so this process becomes itself once more without them;
/// `more` are further arguments.
pub fn leave_checkpoint(more: &[OsString]) {
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    if std::fs::read("/proc/self/maps").is_ok_and(|maps| {
        let name = b"libdmtcp";
        maps.windows(name.len()).any(|bytes| bytes == name)
    }) {
        let words = ["rainline", "daemon", "run", "--detached", "--outside"].map(OsString::from);
        let line = |bytes: Vec<u8>| CString::new(bytes).ok();
        let arguments: Vec<CString> =
            words.iter().chain(more).filter_map(|word| line(word.as_bytes().to_vec())).collect();
        let variable = |(name, value): (OsString, OsString)| {
            line([name.as_bytes(), b"=", value.as_bytes()].concat())
        };
        let environment: Vec<CString> =
            spawn::environment().into_iter().filter_map(variable).collect();
        crate::sys::execute(c"/proc/self/exe", &arguments, &environment);
    }
    let _ = more;
}

/// Runs until told to leave. `Err`: why there can be no daemon; that another one runs is no error.
pub fn run(options: Options) -> Result<(), String> {
    rustix::process::umask(Mode::from_raw_mode(0o077));
    set_limits()?;
    let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", path.display()))?;
    let runtime = Rc::new(runtime);
    let Some(lock) = listener::lock(&runtime, LOCK_TIMEOUT)? else { return Ok(()) };
    runtime.remove_drafts();
    // What a killed worker leaves behind comes to us, so that it is found and ended.
    rainline_segments::adopt_orphans();
    let signals = Signals::register().map_err(|error| format!("signals: {error}"))?;
    std::panic::set_hook(Box::new(|info| note(format!("panic: {info}"))));
    let mut listener = Listener::default();
    listener.open(&runtime).map_err(|errno| format!("{}: {errno}", runtime.path.display()))?;
    // A daemon that had the name until now is not reached any more and does not know it yet.
    runtime.knock();
    let now = Now::read();
    let mut daemon = Daemon {
        engine: Engine::new(&runtime, options.root.clone()),
        knock: Knock::open(&runtime),
        runtime,
        lock: Some(lock),
        listener,
        self_check: SelfCheck::default(),
        signals,
        options,
        before: now,
        time_namespace: time_namespace(),
        maintained: now.boot,
        saved: now.boot,
        touched: now.boot,
        is_stable: false,
        handover: None,
        leaving: None,
    };
    daemon.serve();
    Ok(())
}

/// Allows many connections, and no core file: memory holds what clients sent. `Err`: too few descriptors
/// are allowed to serve any client.
fn set_limits() -> Result<(), String> {
    let files = rustix::process::getrlimit(Resource::Nofile);
    let most = files.maximum.map_or(MAX_FILES, |most| most.min(MAX_FILES));
    if most < MIN_FILES {
        return Err(format!(
            "a process may have only {most} open files here (ulimit -n); a daemon needs {MIN_FILES}"
        ));
    }
    if files.current.is_some_and(|current| current < most) {
        let raised = Rlimit { current: Some(most), maximum: files.maximum };
        let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // Where memory runs out, a status line is the first thing to do without.
    let _ = std::fs::write("/proc/self/oom_score_adj", "200");
    Ok(())
}

/// The time namespace of this process, by its inode; `None` where there is none.
fn time_namespace() -> Option<u64> {
    std::fs::metadata("/proc/self/ns/time").ok().map(|namespace| namespace.ino())
}

/// On the way out.
struct Leaving {
    /// It does not end before the first of these, and not after the second.
    from: Duration,
    until: Duration,
    /// The connections that asked for it, with the nonces of their requests.
    asked: Vec<(u64, u64)>,
}

/// What is saved by a daemon that leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Save {
    Everything,
    /// Another daemon has taken over, with the history: ours is older.
    Nothing,
}

struct Daemon {
    engine: Engine,
    runtime: Rc<Runtime>,
    lock: Option<OwnedFd>,
    listener: Listener,
    knock: Knock,
    self_check: SelfCheck,
    signals: Signals,
    options: Options,
    /// The clocks at the last pass of the loop, and whose clocks they were.
    before: Now,
    time_namespace: Option<u64>,
    /// When maintenance, saving and touching were done last, by the boot clock.
    maintained: Duration,
    saved: Duration,
    touched: Duration,
    is_stable: bool,
    /// A newer client came: the lock is free, and until then a newer daemon is waited for.
    handover: Option<Duration>,
    leaving: Option<Leaving>,
}

/// What woke the loop.
#[derive(Default)]
struct Woken {
    signals: bool,
    listener: bool,
    knock: bool,
    /// The listening socket takes no connections any more.
    is_deaf: bool,
    /// Much later than was asked for.
    is_late: bool,
    /// Before anything came.
    is_interrupted: bool,
    /// More descriptors are open than may be waited for: the limit was lowered.
    is_limited: bool,
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
            self.notice(&woken, &now);
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
            if let Some(reached) = self.self_check.outcome(now.boot) {
                self.conclude(reached, &now);
            }
            if self.is_finished(&now) {
                return;
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Woken {
        let now = Now::read();
        let timeout = self.wake(&now).saturating_sub(now.boot);
        let lines = &self.engine.lines;
        let listener = self.listener.socket().filter(|_| lines.is_accepting(now.boot));
        let own = [
            Some(self.signals.fd()),
            listener.map(AsFd::as_fd),
            self.knock.fd(),
            self.self_check.fd(),
        ];
        let mut fds: Vec<PollFd> =
            own.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        let first = fds.len();
        let mut ids = Vec::new();
        for (id, fd, flags) in lines.fds() {
            ids.push(id);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        }
        let last = fds.len();
        fds.extend(self.engine.worker_fds().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        let mut woken = Woken::default();
        let found = poll(&mut fds, Some(&timespec(timeout)));
        if found.is_ok() {
            let is_ready = |fd: &PollFd| !fd.revents().is_empty();
            let mut came = fds[..first].iter().map(PollFd::revents);
            let [signals, listener, knock, _] =
                own.map(|fd| fd.and_then(|_| came.next()).unwrap_or(PollFlags::empty()));
            woken.signals = !signals.is_empty();
            woken.listener = !listener.is_empty();
            woken.is_deaf = listener.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
            woken.knock = !knock.is_empty();
            woken.workers = fds[last..].iter().any(is_ready);
            let connections = ids.iter().zip(&fds[first..]).filter(|(_, fd)| is_ready(fd));
            woken.connections = connections.map(|(id, fd)| (*id, fd.revents())).collect();
        }
        // So it is after a signal, and after a checkpoint.
        woken.is_interrupted = found.is_err();
        if found.is_err_and(|errno| errno != Errno::INTR) {
            woken.is_limited = found == Err(Errno::INVAL);
            std::thread::sleep(POLL_RETRY);
        }
        woken.is_late = sys::awake() > now.awake + timeout.saturating_add(OVERSLEPT);
        woken
    }

    /// When something is due without an event on a descriptor.
    fn wake(&self, now: &Now) -> Duration {
        let idle_end =
            self.engine.idle_end(self.options.idle).map(|end| end.saturating_add(AFTER_IDLE));
        let leaving = self.leaving.as_ref().map(|leaving| match leaving.from {
            from if from > now.boot => from,
            _ => leaving.until,
        });
        let each = [
            Some(self.maintained + MAINTENANCE).filter(|_| self.leaving.is_none()),
            self.engine.wake(now),
            self.self_check.wake(),
            idle_end.filter(|_| self.leaving.is_none()),
            self.handover.filter(|_| self.leaving.is_none()),
            leaving,
        ];
        each.into_iter().flatten().min().unwrap_or_default()
    }

    /// Finds out what happened to this process and its socket meanwhile.
    fn notice(&mut self, woken: &Woken, now: &Now) {
        let has_jumped = now.jumped(&self.before);
        let is_back = now.boot < self.before.boot;
        self.before = *now;
        if has_jumped {
            self.engine.jump();
        }
        if woken.is_deaf {
            self.self_check.give_up();
            self.listener.forget();
            self.conclude(Reached::NoDaemon, now);
        }
        if woken.is_limited {
            // It hears of nothing any more: the next client starts another daemon.
            self.leave(None, Save::Everything, now);
        }
        let is_called = woken.knock && self.knock.take();
        if is_back || woken.is_interrupted {
            self.check_clocks(is_back, now);
        }
        if has_jumped || woken.is_late || is_called {
            self.check(now);
        }
    }

    /// Leaves after a restore from a checkpoint: the times of this process are of another clock then
    /// than those of its clients, by which it knows shells.
    fn check_clocks(&mut self, is_back: bool, now: &Now) {
        if is_back || time_namespace() != self.time_namespace {
            self.leave(None, Save::Everything, now);
        }
    }

    /// Asks whether clients reach this daemon; the answer comes to [`Daemon::conclude`].
    fn check(&mut self, now: &Now) {
        self.check_clocks(false, now);
        if self.leaving.is_some() {
            return;
        }
        self.knock.keep(&self.runtime);
        if let Some(reached) = self.self_check.ask(&self.runtime, now.boot) {
            self.conclude(reached, now);
        }
    }

    /// Does what follows from who is reached under the socket's name.
    fn conclude(&mut self, reached: Reached, now: &Now) {
        if self.leaving.is_some() {
            return;
        }
        match reached {
            Reached::Us if now.boot >= self.touched + TOUCH => {
                self.touched = now.boot;
                self.runtime.touch(runtime::SOCKET);
            }
            Reached::Us => {}
            Reached::AnotherDaemon => self.leave(None, Save::Nothing, now),
            Reached::SomethingElse => {
                note("what stands under the socket's name is no socket".into())
            }
            // The one that takes over is about to listen, or is not answering yet.
            Reached::NoDaemon if self.handover.is_some() => {}
            Reached::NoDaemon => self.reopen(now),
        }
    }

    fn obey_signals(&mut self, now: &Now) {
        let requested = self.signals.take();
        if requested.reload {
            self.engine.reload();
        }
        if requested.reopen && self.leaving.is_none() {
            self.reopen(now);
        }
        if requested.check {
            self.check(now);
        }
        if requested.leave {
            self.leave(None, Save::Everything, now);
        }
    }

    /// Makes the socket anew. Where that cannot be done no client would ever reach this daemon again.
    fn reopen(&mut self, now: &Now) {
        match self.listener.open(&self.runtime) {
            Ok(before) => {
                // Clients that reached the old one are answered.
                let waiting = self.engine.lines.receive(before.as_ref(), Vec::new(), now.boot);
                self.answer(waiting, now);
                // A start that only led here is no failed one.
                spawn::reset(&self.runtime);
            }
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                note(format!("the socket cannot be made again yet: {errno}"));
            }
            Err(Errno::NOTSOCK) => self.conclude(Reached::SomethingElse, now),
            Err(_) => self.leave(None, Save::Everything, now),
        }
    }

    fn receive(&mut self, woken: &Woken, now: &Now) -> Vec<(u64, Request)> {
        let listener = self.listener.socket().filter(|_| woken.listener);
        self.engine.lines.receive(listener, woken.connections.clone(), now.boot)
    }

    fn answer(&mut self, requests: Vec<(u64, Request)>, now: &Now) {
        // After an upgrade: the client sees by the reply that a newer daemon is to be started.
        let is_outdated = requests.iter().any(|(_, request)| request.build > build_id());
        for (id, request) in requests {
            if let Some((admin, nonce)) = self.engine.request(id, request, now) {
                self.administer(id, nonce, admin, now);
            }
        }
        if is_outdated && self.leaving.is_none() && self.handover.is_none() {
            self.hand_over(now);
        }
    }

    /// Lets a newer daemon take over. Until it listens this one goes on answering, so that each client
    /// finds a daemon.
    fn hand_over(&mut self, now: &Now) {
        self.keep_history(now);
        spawn::reset(&self.runtime);
        self.lock = None;
        self.handover = Some(now.boot + HANDOVER);
    }

    fn administer(&mut self, id: u64, nonce: u64, admin: Admin, now: &Now) {
        if admin == Admin::Ping {
            self.self_check.hear(nonce);
            if self.handover.is_some() {
                return self.engine.lines.reply(id, nonce, ReplyKind::Bye, "");
            }
        }
        let text = match admin {
            Admin::Ping => format!("{}\n", std::process::id()),
            Admin::Status => serde_json::to_string(&self.engine.status(now)).unwrap_or_default(),
            Admin::Reload => {
                self.engine.reload();
                "reloading\n".to_owned()
            }
            Admin::Stop => {
                self.engine.lines.set_waiting(id);
                return self.leave(Some((id, nonce)), Save::Everything, now);
            }
        };
        self.engine.lines.reply(id, nonce, ReplyKind::Text, &text);
    }

    /// Starts leaving: no new connections, streams end, the history is saved.
    fn leave(&mut self, asked: Option<(u64, u64)>, save: Save, now: &Now) {
        if let Some(leaving) = &mut self.leaving {
            leaving.asked.extend(asked);
            return;
        }
        self.engine.lines.dismiss();
        let from = match save {
            Save::Everything => {
                self.listener.close(&self.runtime);
                self.keep_history(now);
                // Leaving on purpose does not count as a failed start.
                spawn::reset(&self.runtime);
                now.boot
            }
            Save::Nothing => now.boot + LINGER,
        };
        let asked = asked.into_iter().collect();
        self.leaving = Some(Leaving { from, until: now.boot + LEAVING, asked });
    }

    /// Leaves the history where the next daemon finds it.
    fn keep_history(&mut self, now: &Now) {
        let history = self.engine.history(now);
        if !history.is_empty() {
            let _ = self.runtime.write(runtime::HISTORY, &history.encode());
        }
        self.engine.save(now);
    }

    fn is_finished(&mut self, now: &Now) -> bool {
        let Some(leaving) = &mut self.leaving else { return false };
        let lines = &self.engine.lines;
        let is_done = !self.engine.is_saving() && lines.is_flushed() && !lines.has_pending();
        let is_finished = (is_done && now.boot >= leaving.from) || now.boot >= leaving.until;
        if is_finished {
            self.listener.close(&self.runtime);
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
        // Clients make a new directory, or draw their own lines and say so. A shell that has its channel
        // open would never see that.
        if self.runtime.is_lost() {
            return self.leave(None, Save::Everything, now);
        }
        let is_idle = self.engine.idle_end(self.options.idle).is_some_and(|end| now.boot >= end);
        // No newer daemon came: the next client starts one.
        if is_idle || self.handover.is_some_and(|until| now.boot >= until) {
            return self.leave(None, Save::Everything, now);
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
        self.check(now);
    }
}

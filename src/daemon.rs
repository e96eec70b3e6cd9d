//! The one process per user that samples, keeps the past, draws and answers.
//!
//! One thread and one `poll` over listener, connections, workers, signals and the clock. Nothing
//! here may block: what could (a config, a path that a client names, the history file) is a
//! worker's job. Nothing here is trusted to be the only one: the lock is held for life, and every
//! half minute the daemon looks whether the socket's name still leads to it.
//!
//! The loop is here; what it does for one request is in `engine`, the rest in a file per subject.

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Resource, Rlimit};

use rainline_client::protocol::{Admin, ReplyKind, build_id};
use rainline_client::runtime::{self, Runtime};
use rainline_client::{self, timespec};
use rainline_client::{spawn, sys};

mod alerts;
pub mod bare;
mod cache;
mod channel;
mod configs;
mod engine;
mod history;
pub mod jobs;
mod ring;
mod schedule;
mod serve;
mod watch;
pub mod workers;

pub use history::Past;

use engine::Engine;
use schedule::Now;

/// Nobody asked for so long: leave.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often the daemon looks after itself.
const HOUSEKEEPING: Duration = Duration::from_secs(30);
/// How often the past is saved.
const SAVE: Duration = Duration::from_secs(5 * 60);
/// A daemon that lived so long was no failure.
const LASTED: Duration = Duration::from_secs(60);
/// How often the socket is touched: cleaners of temporary files go by its times.
const TOUCH: Duration = Duration::from_secs(600);
/// How long another daemon has to say that it lives.
const PING_TIMEOUT: Duration = Duration::from_millis(200);
/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(2);

/// How a daemon is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stands for `/` in what sources read.
    pub root: Option<PathBuf>,
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

/// Runs until told to leave. `Err`: why there can be no daemon; another one being there is none.
pub fn run(options: Options) -> Result<(), String> {
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", path.display()))?;
    let runtime = Rc::new(runtime);
    let Some(lock) = lock(&runtime)? else { return Ok(()) };
    limit();
    let signals = Signals::register().map_err(|error| format!("signals: {error}"))?;
    std::panic::set_hook(Box::new(|info| note(format!("broke down: {info}"))));
    let mut door = Door::default();
    door.open(&runtime).map_err(|error| format!("{}: {error}", runtime.path.display()))?;
    let mut daemon = Daemon {
        engine: Engine::new(&runtime, options.root.clone()),
        runtime,
        lock: Some(lock),
        door,
        signals,
        options,
        started: sys::boot(),
        before: Now::read(),
        housekept: sys::boot(),
        saved: sys::boot(),
        touched: sys::boot(),
        lasted: false,
        leaving: None,
    };
    daemon.serve();
    Ok(())
}

/// The lock, or `None` where a daemon answers. One that is just leaving is waited for.
fn lock(runtime: &Runtime) -> Result<Option<OwnedFd>, String> {
    let until = sys::awake() + LEAVING + Duration::from_secs(1);
    loop {
        let lock = runtime.lock(runtime::LOCK);
        let lock = lock.map_err(|error| format!("{}: {error}", runtime.path.display()))?;
        // Also with the lock: its file may have been removed from under a daemon that lives.
        let lives = matches!(
            rainline_client::admin(runtime, Admin::Ping, PING_TIMEOUT),
            Ok((ReplyKind::Text, _))
        );
        if lives {
            return Ok(None);
        }
        if lock.is_some() {
            return Ok(lock);
        }
        if sys::awake() >= until {
            return Err("another daemon holds the lock and does not answer".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Room for many connections, and no core file: memory holds what clients said.
fn limit() {
    let files = rustix::process::getrlimit(Resource::Nofile);
    let most = files.maximum.map_or(8192, |most| most.min(8192));
    if files.current.is_some_and(|current| current < most) {
        let raised = Rlimit { current: Some(most), maximum: files.maximum };
        let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // Where memory runs out, a status line is the first thing to do without.
    let _ = std::fs::write("/proc/self/oom_score_adj", "200");
}

/// The last things worth knowing, for `status`.
static NOTES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Notes something for `status`.
fn note(text: String) {
    let mut notes = NOTES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if notes.len() >= 50 {
        notes.pop_front();
    }
    notes.push_back(text);
}

fn notes() -> Vec<String> {
    NOTES.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).iter().cloned().collect()
}

/// Signals as flags, and a pipe that wakes the loop.
struct Signals {
    pipe: UnixStream,
    leave: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> std::io::Result<Signals> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
        let (pipe, wake) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        let (leave, reload, reopen) =
            <(Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        for (signal, flag) in
            [(SIGTERM, &leave), (SIGINT, &leave), (SIGHUP, &reload), (SIGUSR1, &reopen)]
        {
            signal_hook::flag::register(signal, flag.clone())?;
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        Ok(Signals { pipe, leave, reload, reopen })
    }

    fn drain(&mut self) {
        let mut chunk = [0; 64];
        while matches!(self.pipe.read(&mut chunk), Ok(count) if count > 0) {}
    }
}

/// The listening socket under its name.
#[derive(Default)]
struct Door {
    listener: Option<OwnedFd>,
    /// Which file the name should lead to.
    identity: Option<(u64, u64, bool)>,
}

impl Door {
    /// Listens under a name of its own and then takes the known one, so that there is no moment
    /// with a wrong mode, or with a name that nobody answers.
    fn open(&mut self, runtime: &Runtime) -> Result<(), rustix::io::Errno> {
        let name = runtime::SOCKET;
        let draft = format!("{name}.{}", std::process::id());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        runtime.remove(&draft);
        rustix::net::bind(&socket, &runtime.address(&draft)?)?;
        runtime.chmod(&draft, Mode::RUSR | Mode::WUSR)?;
        rustix::net::listen(&socket, 4096)?;
        self.identity = runtime.identity(&draft);
        let placed = runtime.rename(&draft, name);
        if placed.is_err() {
            runtime.remove(&draft);
        }
        placed?;
        self.listener = Some(socket);
        Ok(())
    }

    fn is_ours(&self, runtime: &Runtime) -> bool {
        self.identity.is_some() && runtime.identity(runtime::SOCKET) == self.identity
    }

    /// Nobody else comes in. The name goes only if it is still ours.
    fn close(&mut self, runtime: &Runtime) {
        if self.listener.take().is_some() && self.is_ours(runtime) {
            runtime.remove(runtime::SOCKET);
        }
    }
}

/// On the way out.
struct Leaving {
    until: Duration,
    /// The worker's ticket of saving the past.
    save: Option<u64>,
    /// Who asked for it, with the nonces of their requests.
    told: Vec<(u64, u64)>,
}

struct Daemon {
    engine: Engine,
    runtime: Rc<Runtime>,
    lock: Option<OwnedFd>,
    door: Door,
    signals: Signals,
    options: Options,
    started: Duration,
    before: Now,
    housekept: Duration,
    saved: Duration,
    touched: Duration,
    lasted: bool,
    leaving: Option<Leaving>,
}

/// What woke the loop.
#[derive(Default)]
struct Woken {
    signals: bool,
    workers: bool,
    door: bool,
    connections: Vec<(u64, PollFlags)>,
}

impl Daemon {
    fn serve(&mut self) {
        loop {
            let woken = self.wait();
            let now = Now::read();
            if now.jumped(&self.before) {
                self.engine.jump();
            }
            self.before = now;
            self.heed(woken.signals);
            let workers = woken.workers;
            self.hear(woken, &now);
            let outcomes = self.engine.pool.turn(workers);
            for (ticket, outcome) in outcomes {
                if let Some(leaving) = &mut self.leaving
                    && leaving.save == Some(ticket)
                {
                    leaving.save = None;
                }
                self.engine.outcome(ticket, outcome, &now);
            }
            self.engine.heed_changes();
            self.engine.retry(&now);
            self.engine.unfollow_unseen(&now);
            self.engine.tick(&now);
            self.engine.ring(&now);
            self.engine.answer_pending(&now);
            self.engine.feed_streams(&now);
            self.engine.connections.write_due(sys::wall());
            self.engine.repaint(&now);
            self.keep_house(&now);
            if self.is_over(&now) {
                return;
            }
        }
    }

    fn wait(&mut self) -> Woken {
        let now = Now::read();
        let mut wake = self.housekept + HOUSEKEEPING;
        wake = wake.min(self.engine.wake(now.boot).unwrap_or(Duration::MAX));
        if self.leaving.is_none() && !self.engine.is_watched() {
            // A little later, so that the idle time is over when we look.
            let idle = self.engine.idle(self.options.idle);
            wake = wake.min(self.engine.asked + idle + Duration::from_millis(5));
        }
        if let Some(leaving) = &self.leaving {
            wake = wake.min(leaving.until);
        }
        if let Some(pause) = self.engine.connections.pause {
            wake = wake.min(pause);
        }
        if let Some(left) = self.engine.connections.wake(now.wall) {
            // Hardly longer than a second, whatever happens to the wall clock meanwhile.
            wake = wake.min(now.boot + left.min(Duration::from_secs(1)));
        }
        let timeout = timespec(wake.saturating_sub(now.boot));
        let open = self.engine.connections.pause.is_none_or(|until| now.boot >= until);
        if open {
            self.engine.connections.pause = None;
        }
        let mut fds = vec![PollFd::new(&self.signals.pipe, PollFlags::IN)];
        let door = self.door.listener.as_ref().filter(|_| open);
        fds.extend(door.map(|door| PollFd::new(door, PollFlags::IN)));
        let first = fds.len();
        let mut ids = Vec::with_capacity(self.engine.connections.len());
        for (id, fd, flags) in self.engine.connections.fds() {
            ids.push(id);
            fds.push(PollFd::from_borrowed_fd(fd, flags));
        }
        let last = fds.len();
        fds.extend(self.engine.pool.fds().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        let mut woken = Woken::default();
        if poll(&mut fds, Some(&timeout)).is_ok() {
            woken.signals = !fds[0].revents().is_empty();
            woken.workers = fds[last..].iter().any(|fd| !fd.revents().is_empty());
            woken.door = first == 2 && !fds[1].revents().is_empty();
            let connections = ids.iter().zip(&fds[first..]);
            let busy = connections.filter(|(_, fd)| !fd.revents().is_empty());
            woken.connections = busy.map(|(id, fd)| (*id, fd.revents())).collect();
        }
        woken
    }

    /// Does what signals ask for.
    fn heed(&mut self, woken: bool) {
        if woken {
            self.signals.drain();
        }
        if self.signals.reload.swap(false, Ordering::Relaxed) {
            self.engine.reload();
        }
        if self.signals.reopen.swap(false, Ordering::Relaxed) && self.leaving.is_none() {
            self.reopen();
        }
        if self.signals.leave.swap(false, Ordering::Relaxed) {
            self.leave(None);
        }
    }

    fn reopen(&mut self) {
        if let Err(errno) = self.door.open(&self.runtime) {
            note(format!("the socket cannot be made again: {errno}"));
        }
    }

    fn hear(&mut self, mut woken: Woken, now: &Now) {
        let mut outdated = false;
        if woken.door
            && let Some(listener) = &self.door.listener
        {
            // Who comes in asks at once: that saves a turn.
            let new = self.engine.connections.accept(listener, now.boot);
            woken.connections.extend(new.into_iter().map(|id| (id, PollFlags::IN)));
        }
        for (id, flags) in woken.connections {
            if flags.contains(PollFlags::OUT) {
                self.engine.connections.flush(id);
            }
            if flags.contains(PollFlags::IN) {
                for request in self.engine.connections.read(id, now.boot) {
                    // Somebody upgraded: this one is served, the next start is theirs.
                    outdated |= request.build > build_id();
                    if let Some(word) = self.engine.request(id, request, now) {
                        self.admin(id, word);
                    }
                }
            } else if flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                self.engine.connections.remove(id);
            }
        }
        if outdated && self.leaving.is_none() {
            self.leave(None);
        }
    }

    fn admin(&mut self, id: u64, (word, nonce): (Admin, u64)) {
        let text = match word {
            Admin::Ping => format!("{}\n", std::process::id()),
            Admin::Status => self.status(),
            Admin::Reload => {
                self.engine.reload();
                "reloading\n".to_owned()
            }
            Admin::Stop => {
                if let Some(connection) = self.engine.connections.get_mut(id) {
                    connection.waiting = true;
                }
                return self.leave(Some((id, nonce)));
            }
        };
        self.engine.connections.reply(id, ReplyKind::Text, nonce, text.as_bytes());
    }

    fn status(&self) -> String {
        let mut text = format!(
            "pid {}\nbuild {:016x} protocol {}\nuptime {} s\n",
            std::process::id(),
            build_id(),
            rainline_client::protocol::PROTOCOL,
            sys::boot().saturating_sub(self.started).as_secs(),
        );
        if let Some(kilobytes) = resident() {
            text.push_str(&format!("memory {kilobytes} kB\n"));
        }
        text.push_str(&self.engine.status());
        for line in notes() {
            text.push_str(&format!("note {line}\n"));
        }
        text
    }

    /// Starts leaving: nobody new, streams are told, the past is saved.
    fn leave(&mut self, told: Option<(u64, u64)>) {
        if let Some(leaving) = &mut self.leaving {
            leaving.told.extend(told);
            return;
        }
        self.door.close(&self.runtime);
        self.engine.dismiss();
        let past = self.engine.past();
        if !past.is_empty() {
            let _ = self.runtime.write(runtime::MEMO, &past.encode());
        }
        let save = self.engine.save();
        // Leaving on purpose is no failure of the next start.
        spawn::reset(&self.runtime);
        let until = sys::boot() + LEAVING;
        self.leaving = Some(Leaving { until, save, told: told.into_iter().collect() });
    }

    fn is_over(&mut self, now: &Now) -> bool {
        let Some(leaving) = &mut self.leaving else { return false };
        let saved = leaving.save.is_none_or(|ticket| !self.engine.pool.is_running(ticket));
        let over = now.boot >= leaving.until || (saved && self.engine.connections.is_flushed());
        if over {
            // The lock first: whoever hears that we left may start another at once.
            self.lock = None;
            for (id, nonce) in std::mem::take(&mut leaving.told) {
                self.engine.connections.reply(id, ReplyKind::Text, nonce, b"stopped\n");
            }
        }
        over
    }

    fn keep_house(&mut self, now: &Now) {
        if self.leaving.is_some() {
            return;
        }
        let idle = self.engine.idle(self.options.idle);
        if !self.engine.is_watched() && now.boot >= self.engine.asked + idle {
            return self.leave(None);
        }
        if now.boot < self.housekept + HOUSEKEEPING {
            return;
        }
        self.housekept = now.boot;
        self.engine.sweep(now);
        if !self.lasted && now.boot >= self.started + LASTED {
            self.lasted = true;
            spawn::reset(&self.runtime);
        }
        if now.boot >= self.saved + SAVE {
            self.saved = now.boot;
            self.engine.save();
        }
        if self.runtime.is_gone() {
            // The next client makes a new directory, and nobody can reach this one.
            return self.leave(None);
        }
        if !self.door.is_ours(&self.runtime) {
            match self.runtime.identity(runtime::SOCKET) {
                Some(_) if self.is_another() => self.leave(None),
                Some((_, _, false)) => note("something else stands where our socket was".into()),
                _ => self.reopen(),
            }
        } else if now.boot >= self.touched + TOUCH {
            self.touched = now.boot;
            self.runtime.touch(runtime::SOCKET);
        }
    }

    /// Whether another daemon answers under our name.
    fn is_another(&self) -> bool {
        matches!(
            rainline_client::admin(&self.runtime, Admin::Ping, PING_TIMEOUT),
            Ok((ReplyKind::Text, _))
        )
    }
}

/// Resident memory in kilobytes.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

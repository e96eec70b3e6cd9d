//! Processes for whatever may block: paths that clients name, configs, the history file, commands.
//!
//! A thread stuck in a dead file system keeps the whole process from dying, lock and socket
//! included; a process can be killed and, if it will not die, left behind. So a worker is our own
//! program run again in a session of its own, with two pipes and nothing else of ours. One job at
//! a time, each with a deadline; what a killed worker started dies with it. What both sides of the
//! pipe say is in `message`, one worker in `process`; here is who gets which job and when. `jobs`
//! does the work.
//!
//! A source with a past lives in one worker: its next job goes where the last one went, unless
//! that worker is held up. Jobs that may take long have places of their own, so that four slow
//! commands hold up nobody's repository; and so have configs, without which nothing is right.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::PollFlags;

use rainline_client::sys;

mod message;
mod process;

pub use message::{Answer, Job, Kept, Wire, pack, unpack};
pub use process::Process;

/// Workers for single jobs; a watcher for each config comes on top.
const MOST: usize = 4;
/// Jobs with more patience than this are slow: so many of them may run beside the others.
const QUICK: Duration = Duration::from_secs(2);
const MOST_SLOW: usize = 4;
/// And so many configs: as many as there may be.
const MOST_CONFIGS: usize = 8;
/// A source waits so long for the worker that has its past; then it starts anew in another.
const LOYAL: Duration = Duration::from_millis(250);
/// The most sources that a worker is remembered for, as it keeps itself.
pub const MOST_SOURCES: usize = 64;
/// An idle worker stays this long.
const IDLE: Duration = Duration::from_secs(60);
/// A killed worker that is still there after this time is given up.
const MOURNING: Duration = Duration::from_secs(1);
/// So many given-up workers of one provider, and it rests.
const MOST_ABANDONED: usize = 4;
const FIRST_REST: Duration = Duration::from_secs(30);
const MOST_REST: Duration = Duration::from_secs(600);
/// Who a worker is running for, and until when.
struct Busy {
    ticket: u64,
    provider: String,
    since: Duration,
    until: Option<Duration>,
    lane: Lane,
}

/// Who competes with whom for places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Quick,
    Slow,
    Configs,
    /// Never ends: one worker each, however many.
    Endless,
}

impl Lane {
    fn of(job: &Job, patience: Option<Duration>) -> Lane {
        match (job, patience) {
            (_, None) => Lane::Endless,
            (Job::Gather { .. }, _) => Lane::Configs,
            (_, Some(patience)) if patience <= QUICK => Lane::Quick,
            (_, Some(_)) => Lane::Slow,
        }
    }

    fn places(self) -> usize {
        match self {
            Lane::Quick => MOST,
            Lane::Slow => MOST_SLOW,
            Lane::Configs => MOST_CONFIGS,
            Lane::Endless => usize::MAX,
        }
    }
}

struct Worker {
    process: Process,
    busy: Option<Busy>,
    /// When it became idle, or was killed.
    since: Duration,
    killed: bool,
    /// The sources that it has open.
    sources: HashSet<u64>,
}

impl Worker {
    /// Notes which source a job opens in it; a worker with too many forgets all, as it does itself.
    fn learn(&mut self, source: Option<u64>) {
        let Some(source) = source else { return };
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains(&source) {
            self.sources.clear();
        }
        self.sources.insert(source);
    }

    /// What it says without being asked.
    fn hear(&mut self, touched: &mut Vec<u64>) -> Result<(), String> {
        while let Some((answer, _)) = self.process.receive()? {
            if let Answer::Touched { source } = answer {
                touched.push(source);
            }
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.busy.is_none() && !self.killed
    }
}

struct Waiting {
    ticket: u64,
    provider: String,
    patience: Option<Duration>,
    job: Job,
    raw: Vec<u8>,
}

/// How a provider's jobs went lately.
#[derive(Default)]
struct Record {
    abandoned: usize,
    rest: Duration,
    until: Duration,
}

/// What came of a job, or why nothing did.
pub type Outcome = Result<(Answer, Vec<u8>), String>;

/// The daemon's workers: a few for jobs that end, one for each watch.
pub struct Pool {
    root: Option<PathBuf>,
    workers: Vec<Worker>,
    queue: VecDeque<Waiting>,
    /// Whether a job came since the last turn: it must not lie until something else happens.
    fresh: bool,
    records: HashMap<String, Record>,
    tickets: u64,
    /// Sources of which a worker said that what they depend on has changed.
    touched: Vec<u64>,
}

impl Pool {
    pub fn new(root: Option<PathBuf>) -> Pool {
        let (workers, queue, records) = Default::default();
        Pool { root, workers, queue, fresh: false, records, tickets: 0, touched: Vec::new() }
    }

    /// Takes a job for a provider (whose other jobs share its luck); its outcome comes from
    /// [`Pool::turn`] under the ticket. `patience` is how long it may run, `None`: for ever.
    pub fn submit(
        &mut self,
        provider: &str,
        job: Job,
        raw: Vec<u8>,
        patience: Option<Duration>,
    ) -> u64 {
        self.tickets += 1;
        self.fresh = true;
        let provider = provider.to_owned();
        self.queue.push_back(Waiting { ticket: self.tickets, provider, patience, job, raw });
        self.tickets
    }

    /// Ends the job of this ticket, whatever it is doing.
    pub fn cancel(&mut self, ticket: u64) {
        self.queue.retain(|waiting| waiting.ticket != ticket);
        let now = sys::boot();
        let runs = |worker: &&mut Worker| worker.busy.as_ref().is_some_and(|b| b.ticket == ticket);
        if let Some(worker) = self.workers.iter_mut().find(runs) {
            worker.process.kill();
            (worker.killed, worker.since) = (true, now);
        }
    }

    /// Lets everything go on as far as it can; the outcomes of jobs that ended. `heard` says whether
    /// a worker may have said something.
    pub fn turn(&mut self, heard: bool) -> Vec<(u64, Outcome)> {
        let now = sys::boot();
        let mut outcomes = Vec::new();
        for worker in &mut self.workers {
            if worker.killed {
                continue;
            }
            let Some(busy) = &worker.busy else {
                // An idle worker has nothing to say but what has changed, and its end.
                if heard && worker.hear(&mut self.touched).is_err() || now - worker.since > IDLE {
                    worker.process.kill();
                    (worker.killed, worker.since) = (true, now);
                }
                continue;
            };
            let (ticket, endless) = (busy.ticket, busy.until.is_none());
            let late = busy.until.is_some_and(|until| now >= until);
            let mut failure = None;
            loop {
                // Whose time is over is listened to once more: on a busy machine the answer may have
                // come since we looked.
                let received = if heard || late { worker.process.receive() } else { Ok(None) };
                match received {
                    Ok(Some((Answer::Touched { source }, _))) => self.touched.push(source),
                    Ok(Some((answer, raw))) => {
                        if let Some(record) = self.records.get_mut(&busy.provider) {
                            record.rest = Duration::ZERO;
                        }
                        outcomes.push((ticket, Ok((answer, raw))));
                        if !endless {
                            worker.busy = None;
                            worker.since = now;
                            break;
                        }
                    }
                    Ok(None) if late => {
                        failure = Some("it took too long".to_owned());
                        break;
                    }
                    Ok(None) => break,
                    Err(why) => {
                        failure = Some(why);
                        break;
                    }
                }
            }
            if let Some(why) = failure {
                outcomes.push((ticket, Err(why)));
                worker.process.kill();
                (worker.killed, worker.since) = (true, now);
            }
        }
        self.bury(now);
        self.assign(now, &mut outcomes);
        outcomes
    }

    /// Forgets workers that are over, and counts those that will not die.
    fn bury(&mut self, now: Duration) {
        let records = &mut self.records;
        for record in records.values_mut() {
            record.abandoned = 0;
        }
        self.workers.retain_mut(|worker| {
            if !worker.killed {
                return true;
            }
            if worker.process.is_over() {
                return false;
            }
            if now - worker.since > MOURNING
                && let Some(busy) = &worker.busy
            {
                records.entry(busy.provider.clone()).or_default().abandoned += 1;
            }
            true
        });
        for record in records.values_mut().filter(|record| record.abandoned >= MOST_ABANDONED) {
            if now >= record.until {
                record.rest = (record.rest * 2).clamp(FIRST_REST, MOST_REST);
                record.until = now + record.rest;
            }
        }
    }

    fn assign(&mut self, now: Duration, outcomes: &mut Vec<(u64, Outcome)>) {
        self.fresh = false;
        let mut later = VecDeque::new();
        while let Some(waiting) = self.queue.pop_front() {
            if self.records.get(&waiting.provider).is_some_and(|record| now < record.until) {
                outcomes
                    .push((waiting.ticket, Err("its workers hang; it rests for a while".into())));
                continue;
            }
            let lane = Lane::of(&waiting.job, waiting.patience);
            let source = waiting.job.source();
            let home = source.and_then(|source| {
                self.workers.iter().position(|w| !w.killed && w.sources.contains(&source))
            });
            let held_up = home.and_then(|home| self.workers[home].busy.as_ref());
            if held_up.is_some_and(|busy| busy.until.is_some() && now < busy.since + LOYAL) {
                later.push_back(waiting);
                continue;
            }
            let in_lane =
                |w: &&Worker| !w.killed && w.busy.as_ref().is_some_and(|busy| busy.lane == lane);
            if self.workers.iter().filter(in_lane).count() >= lane.places() {
                later.push_back(waiting);
                continue;
            }
            // One that lost its place: it is not opened twice.
            if let (Some(home), Some(source)) = (home, source)
                && !self.workers[home].is_idle()
            {
                self.workers[home].sources.remove(&source);
            }
            let idle = || {
                let idle = self.workers.iter().enumerate().filter(|(_, worker)| worker.is_idle());
                // The one with the fewest sources: they are spread before they are in each other's
                // way.
                idle.min_by_key(|(_, worker)| worker.sources.len()).map(|(index, _)| index)
            };
            let index = match home.filter(|home| self.workers[*home].is_idle()).or_else(idle) {
                Some(index) if lane != Lane::Endless => index,
                _ => match Process::start(self.root.as_deref()) {
                    Ok(process) => {
                        let (busy, sources) = (None, HashSet::new());
                        self.workers.push(Worker {
                            process,
                            busy,
                            since: now,
                            killed: false,
                            sources,
                        });
                        self.workers.len() - 1
                    }
                    Err(error) => {
                        let why = format!("no worker can be started: {error}");
                        outcomes.push((waiting.ticket, Err(why)));
                        continue;
                    }
                },
            };
            let worker = &mut self.workers[index];
            let until = waiting.patience.map(|patience| now + patience);
            let Waiting { ticket, provider, job, raw, .. } = waiting;
            worker.busy = Some(Busy { ticket, provider, since: now, until, lane });
            worker.learn(source);
            // A worker that is gone shows itself as such in the next turn.
            let _ = worker.process.send(&job, &raw);
        }
        self.queue = later;
    }

    /// The sources that should be read again, since the last time this was asked.
    pub fn touched(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.touched)
    }

    /// When [`Pool::turn`] has something to do although no descriptor says so.
    pub fn wake(&self) -> Option<Duration> {
        if self.fresh {
            return Some(Duration::ZERO);
        }
        // A source whose worker is held up moves.
        let waits = |busy: &Busy| !self.queue.is_empty() && busy.until.is_some();
        let moves = self.workers.iter().filter_map(|worker| {
            let busy = worker.busy.as_ref().filter(|busy| !worker.killed && waits(busy))?;
            let at = busy.since + LOYAL;
            (at > sys::boot()).then_some(at)
        });
        let each = self.workers.iter().filter_map(|worker| match &worker.busy {
            // Dying takes no time, or for ever.
            _ if worker.killed => {
                let young = worker.since + MOURNING > sys::boot();
                young.then(|| sys::boot() + Duration::from_millis(20))
            }
            Some(busy) => busy.until,
            None => Some(worker.since + IDLE + Duration::from_millis(1)),
        });
        each.chain(moves).min()
    }

    /// The descriptors to poll: to read, and to write where something waits.
    pub fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let alive = self.workers.iter().filter(|worker| !worker.killed);
        alive.flat_map(|worker| {
            let (out, into) = worker.process.fds();
            [Some((out, PollFlags::IN)), into.map(|into| (into, PollFlags::OUT))]
                .into_iter()
                .flatten()
        })
    }

    /// Whether a job of this ticket is not over yet.
    pub fn is_running(&self, ticket: u64) -> bool {
        self.queue.iter().any(|waiting| waiting.ticket == ticket)
            || self.workers.iter().any(|worker| {
                !worker.killed && worker.busy.as_ref().is_some_and(|busy| busy.ticket == ticket)
            })
    }

    /// How many there are, and how many of them will not die.
    pub fn counts(&self) -> (usize, usize) {
        let abandoned = self.records.values().map(|record| record.abandoned).sum();
        (self.workers.len(), abandoned)
    }
}

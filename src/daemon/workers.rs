//! Processes for whatever may block: paths that clients name, configs, the history file, commands.
//!
//! A thread stuck in a dead file system keeps the whole process from dying, lock and socket
//! included; a process can be killed and, if it will not die, left behind. So a worker is our own
//! program run again in a session of its own, with two pipes and nothing else of ours. One job at
//! a time, each with a deadline; what a killed worker started dies with it. Both sides of the pipe
//! are described here; `jobs` does the work.
//!
//! A source with a past lives in one worker: its next job goes where the last one went, unless
//! that worker is held up. Jobs that may take long have places of their own, so that four slow
//! commands hold up nobody's repository; and so have configs, without which nothing is right.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rainline_segments::{Ask, HostId, Level, Sample, Value};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::configs;
use super::ring::News;
use crate::client::timespec;
use crate::config::Gathered;
use crate::{spawn, sys};

/// Workers for single jobs; a watcher for each config comes on top.
const MOST: usize = 4;
/// Jobs with more patience than this are slow: so many of them may run beside the others.
const QUICK: Duration = Duration::from_secs(2);
const MOST_SLOW: usize = 4;
/// A source waits so long for the worker that has its past; then it starts anew in another.
const LOYAL: Duration = Duration::from_millis(250);
/// The most sources that a worker is remembered for, as it keeps itself.
pub const MOST_SOURCES: usize = 64;
/// A session in which ever more processes appear is left to its limits after so many.
const MOST_KILLED: usize = 10_000;
/// An idle worker stays this long.
const IDLE: Duration = Duration::from_secs(60);
/// A killed worker that is still there after this time is given up.
const MOURNING: Duration = Duration::from_secs(1);
/// So many given-up workers of one provider, and it rests.
const MOST_ABANDONED: usize = 4;
const FIRST_REST: Duration = Duration::from_secs(30);
const MOST_REST: Duration = Duration::from_secs(600);
/// The most bytes of one message: a history of many series fits ten times.
const MAX_MESSAGE: usize = 8 << 20;

/// What a worker is asked to do. Raw bytes travel beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Read a config and what it includes.
    Gather { path: PathBuf },
    /// Read an instance. Sources stay open under their `key`, so that counters have a past; the
    /// bytes are the source's memo, there and back, as the next worker may be another.
    Sample { key: u64, kind: String, options: String, ask: Ask },
    /// Follow an instance: an answer for each of its readings, until it ends.
    Follow { kind: String, options: String, ask: Ask },
    /// Read a file.
    Read { path: PathBuf },
    /// Write a file in one step; the bytes are its content.
    Write { path: PathBuf },
    /// Say whenever one of these files may have changed; never ends.
    Watch { paths: Vec<PathBuf> },
    /// Tell of an alert.
    Ring(News),
    /// Draw a whole line; the bytes are the past of its counters.
    Line { request: Vec<u8> },
}

impl Job {
    /// Who it competes with for a place, by how long it may take.
    fn lane(&self, patience: Option<Duration>) -> Lane {
        match (self, patience) {
            (_, None) => Lane::Endless,
            (Job::Gather { .. }, _) => Lane::Configs,
            (_, Some(patience)) if patience <= QUICK => Lane::Quick,
            (_, Some(_)) => Lane::Slow,
        }
    }

    /// The number of the source that it leaves open.
    fn source(&self) -> Option<u64> {
        match self {
            Job::Sample { key, .. } => Some(*key),
            _ => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The file's one true path and what was read.
    Gathered {
        canonical: PathBuf,
        gathered: Gathered,
    },
    Sampled(Result<Option<Wire>, String>),
    Rang(Result<(), String>),
    /// What was followed is over.
    Ended(Result<(), String>),
    /// The bytes are the content; empty if there is no file.
    Read(Result<(), String>),
    Wrote(Result<(), String>),
    Changed,
    /// The bytes are the past to keep; a line that is not the `last` is followed by a better one.
    Line {
        line: String,
        last: bool,
    },
}

/// A sample as it travels: names are words until their kind turns them into its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wire {
    level: Level,
    host: HostId,
    values: Vec<(String, Value)>,
}

impl Wire {
    pub fn new(sample: Sample) -> Wire {
        let values = sample.values.into_iter().map(|(name, value)| (name.to_owned(), value));
        Wire { level: sample.level, host: sample.host, values: values.collect() }
    }

    /// The sample, with the names that its kind declares; others are dropped.
    pub fn sample(self, kind: &rainline_segments::Kind) -> Sample {
        let mut sample = Sample::new(self.level);
        sample.host = self.host;
        for (name, value) in self.values {
            if let Some(field) = kind.fields.iter().find(|field| field.name == name) {
                sample.values.push((field.name, value));
            }
        }
        sample
    }
}

/// A message as bytes: both lengths, then the words, then the raw bytes.
pub fn pack<T: Serialize>(words: &T, raw: &[u8]) -> Vec<u8> {
    let words = serde_json::to_vec(words).unwrap_or_default();
    let mut bytes = Vec::with_capacity(8 + words.len() + raw.len());
    bytes.extend_from_slice(&(words.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&words);
    bytes.extend_from_slice(raw);
    bytes
}

/// Takes a message from the front of `bytes`. `Ok(None)`: not all of it is here yet.
pub fn unpack<T: for<'a> Deserialize<'a>>(
    bytes: &mut Vec<u8>,
) -> Result<Option<(T, Vec<u8>)>, String> {
    let Some(head) = bytes.first_chunk::<8>() else { return Ok(None) };
    let words = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let raw = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    if words > MAX_MESSAGE || raw > MAX_MESSAGE {
        return Err("a message is too long".into());
    }
    if bytes.len() < 8 + words + raw {
        return Ok(None);
    }
    let message =
        serde_json::from_slice(&bytes[8..8 + words]).map_err(|error| error.to_string())?;
    let blob = bytes[8 + words..8 + words + raw].to_vec();
    bytes.drain(..8 + words + raw);
    Ok(Some((message, blob)))
}

/// A worker process and its pipes.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Whether it has ended and was waited for.
    over: bool,
}

/// Kills the processes of a session but its leader. Commands have groups of their own in it; what
/// made a session of its own is a daemon that somebody wanted.
fn end_session(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let mut killed = std::collections::HashSet::from([leader as i32]);
    // Again until there is nobody new: who was just being forked is in no list yet.
    loop {
        let before = killed.len();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if sys::session(pid) == leader && killed.insert(pid) {
                let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
            }
        }
        if killed.len() == before || killed.len() > MOST_KILLED {
            return;
        }
    }
}

impl Process {
    /// Runs our own program again as a worker. `root` stands for `/` in what its sources read.
    pub fn start(root: Option<&std::path::Path>) -> std::io::Result<Process> {
        // The link itself: also after an upgrade it is the program that we are.
        let link = PathBuf::from("/proc/self/exe");
        let exe = if link.exists() { link } else { spawn::executable()? };
        let mut command = Command::new(exe);
        command.arg("worker");
        if let Some(root) = root {
            command.arg("--root").arg(root);
        }
        command.current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("a worker without pipes"));
        };
        // Who talks to a worker must not hang with it.
        rustix::io::ioctl_fionbio(&stdin, true)?;
        rustix::io::ioctl_fionbio(&stdout, true)?;
        let (input, output) = Default::default();
        Ok(Process { child, stdin: Some(stdin), stdout, input, output, over: false })
    }

    pub fn send(&mut self, job: &Job, raw: &[u8]) -> Result<(), String> {
        self.output.extend(pack(job, raw));
        self.flush()
    }

    /// Writes what the pipe takes.
    fn flush(&mut self) -> Result<(), String> {
        let Some(stdin) = &self.stdin else { return Err("the worker was told to end".into()) };
        while !self.output.is_empty() {
            match rustix::io::write(stdin, &self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(format!("the worker is gone: {errno}")),
            }
        }
        Ok(())
    }

    /// Takes what the pipe has; an answer if one is whole.
    fn receive(&mut self) -> Result<Option<(Answer, Vec<u8>)>, String> {
        self.flush()?;
        if let Some(answer) = unpack(&mut self.input)? {
            return Ok(Some(answer));
        }
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stdout.read(&mut chunk) {
                Ok(0) => return Err("the worker ended".into()),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        unpack(&mut self.input)
    }

    /// Waits for the next answer until a moment of [`sys::awake`]; `None` when there is none.
    pub fn wait(&mut self, until: Duration) -> Option<(Answer, Vec<u8>)> {
        loop {
            if let Some(answer) = self.receive().ok()? {
                return Some(answer);
            }
            let left = until.saturating_sub(sys::awake());
            let (out, into) = self.fds();
            let mut fds = vec![PollFd::from_borrowed_fd(out, PollFlags::IN)];
            fds.extend(into.map(|into| PollFd::from_borrowed_fd(into, PollFlags::OUT)));
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) => return None,
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// What to read from, and what to write to if something waits to be written.
    pub fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        let into = self.stdin.as_ref().filter(|_| !self.output.is_empty()).map(AsFd::as_fd);
        (self.stdout.as_fd(), into)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process and what it started. Whether it is over.
    pub fn kill(&mut self) -> bool {
        // Once it was waited for, its number may be another's.
        if !self.over {
            let _ = self.child.kill();
            end_session(self.child.id());
        }
        self.is_over()
    }

    fn is_over(&mut self) -> bool {
        self.over |= !matches!(self.child.try_wait(), Ok(None));
        self.over
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A worker ends with its input; one that hangs is killed, and never waited for.
        self.stdin = None;
        self.kill();
    }
}

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
    fn places(self) -> usize {
        match self {
            Lane::Quick => MOST,
            Lane::Slow => MOST_SLOW,
            Lane::Configs => configs::MOST,
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
}

impl Pool {
    pub fn new(root: Option<PathBuf>) -> Pool {
        let (workers, queue, records) = Default::default();
        Pool { root, workers, queue, fresh: false, records, tickets: 0 }
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
                // An idle worker has nothing to say but its end.
                if heard && worker.process.receive().is_err() || now - worker.since > IDLE {
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
            let lane = waiting.job.lane(waiting.patience);
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

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_segments::Untrusted;

    #[test]
    fn a_message_comes_back_as_it_went_and_waits_until_it_is_whole() {
        let whole = pack(&Job::Read { path: "/x".into() }, b"raw");
        for end in 0..whole.len() {
            let mut part = whole[..end].to_vec();
            assert!(matches!(unpack::<Job>(&mut part), Ok(None)), "{end} bytes");
        }
        let mut bytes = [whole, b"next".to_vec()].concat();
        let (job, raw) = unpack::<Job>(&mut bytes).expect("a message").expect("whole");
        assert!(matches!(job, Job::Read { path } if path == std::path::Path::new("/x")));
        assert_eq!((&*raw, &*bytes), (&b"raw"[..], &b"next"[..]));
    }

    #[test]
    fn nonsense_is_no_message() {
        assert!(unpack::<Job>(&mut vec![0xff; 64]).is_err());
        assert!(unpack::<Job>(&mut vec![4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).is_err());
    }

    #[test]
    fn a_sample_keeps_only_the_names_of_its_kind() {
        let kind = rainline_segments::ALL[0];
        let value = Value::Text(Untrusted::from("x"));
        let names = kind.fields.iter().map(|field| field.name.to_owned());
        let values = names.chain(["no-such-field".to_owned()]).map(|name| (name, value.clone()));
        let wire = Wire { level: Level::Good, host: 0, values: values.collect() };
        let sample = wire.sample(kind);
        assert_eq!(sample.values.len(), kind.fields.len());
        assert_eq!(sample.level, Level::Good);
    }
}

//! Which worker gets which job, and when.
//!
//! Each worker does one job at a time, and each job has a timeout; a worker that exceeds it is killed
//! with all that it started. A source whose counters go on lives in one worker: its next job goes
//! where the last one went, unless that worker is held up. Jobs that may take long run beside the
//! short ones, so that four slow commands hold up no other segment, and so do configs. A group of
//! jobs some of whose workers cannot even be killed gets no more of them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::PollFlags;

use rainline_segments::family::{self, Killed};

use super::jobs::{Jobs, Outcome, Purpose, Submission, Ticket};
use crate::readings::id::ReadingId;
use crate::worker::{Answer, Job, MAX_SOURCES, Process, Worker};

/// Workers for short jobs.
const MAX_SHORT: usize = 4;
/// Jobs with a longer timeout than this are slow; this many of them may run beside the others.
const SHORT: Duration = Duration::from_secs(2);
const MAX_SLOW: usize = 4;
/// How many configs may be read at once: as many as there may be.
const MAX_CONFIGS: usize = 8;
/// How long a reading waits for the worker that has its source open; then another one opens it.
const AFFINITY: Duration = Duration::from_millis(250);
/// An idle worker stays this long.
const IDLE: Duration = Duration::from_secs(60);
/// Margin so that the idle time has passed when the timer fires.
const AFTER_IDLE: Duration = Duration::from_millis(1);
/// A killed worker that is still there after this time is stuck in the kernel: it is abandoned.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a killed worker is polled within that time.
const KILL_POLL: Duration = Duration::from_millis(20);
/// How long no other worker is started after one could not be: processes, descriptors or memory ran
/// out, and asking for more makes it worse.
const START_PAUSE: Duration = Duration::from_secs(1);
/// A group with this many abandoned workers gets no more until one of them is gone.
const MAX_ABANDONED: usize = 4;

/// Which jobs compete for the same workers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Short,
    Slow,
    Configs,
    /// Jobs that never end: one worker each, however many.
    Endless,
}

impl Lane {
    fn of(submission: &Submission) -> Lane {
        match (&submission.purpose, submission.timeout) {
            (_, None) => Lane::Endless,
            (Purpose::ReadConfig(_), _) => Lane::Configs,
            (_, Some(timeout)) if timeout <= SHORT => Lane::Short,
            (_, Some(_)) => Lane::Slow,
        }
    }

    fn limit(self) -> usize {
        match self {
            Lane::Short => MAX_SHORT,
            Lane::Slow => MAX_SLOW,
            Lane::Configs => MAX_CONFIGS,
            Lane::Endless => usize::MAX,
        }
    }
}

/// A job of which an outcome came.
pub type Ended = (Ticket, Purpose, Outcome);

/// A job that a worker is doing.
struct Running {
    ticket: Ticket,
    purpose: Purpose,
    since: Duration,
    /// `None`: it never ends.
    deadline: Option<Duration>,
    lane: Lane,
}

/// A worker and what is known of it.
struct Member<W> {
    worker: W,
    running: Option<Running>,
    /// When it became idle, or was killed.
    since: Duration,
    killed: bool,
    /// The readings whose sources it has open.
    sources: HashSet<ReadingId>,
}

impl<W: Worker> Member<W> {
    fn new(worker: W, boot: Duration) -> Member<W> {
        Member { worker, running: None, since: boot, killed: false, sources: HashSet::new() }
    }

    fn kill(&mut self, boot: Duration) {
        self.worker.kill();
        (self.killed, self.since) = (true, boot);
    }

    fn is_idle(&self) -> bool {
        self.running.is_none() && !self.killed
    }

    fn is_late(&self, boot: Duration) -> bool {
        let deadline = self.running.as_ref().and_then(|running| running.deadline);
        deadline.is_some_and(|deadline| boot >= deadline)
    }

    /// Notes that a job opens a source in it; a worker with too many closes all, see [`MAX_SOURCES`].
    fn note_source(&mut self, id: &ReadingId) {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains(id) {
            self.sources.clear();
        }
        self.sources.insert(id.clone());
    }

    /// Receives what it has sent: outcomes of its job go to `outcomes`, readings whose dependencies
    /// changed to `outdated`.
    fn receive(
        &mut self,
        boot: Duration,
        readable: bool,
        outdated: &mut Vec<ReadingId>,
        outcomes: &mut Vec<Ended>,
    ) {
        // At its deadline a worker is read once more: on a busy machine the answer may have come
        // since the last poll.
        while readable || self.is_late(boot) {
            match self.worker.receive() {
                Ok(Some(Answer::Outdated(id))) => outdated.push(id),
                Ok(Some(answer)) => {
                    let Some(running) = &self.running else { continue };
                    outcomes.push((running.ticket, running.purpose.clone(), Ok(answer)));
                    if running.deadline.is_some() {
                        (self.running, self.since) = (None, boot);
                    }
                }
                Ok(None) if self.is_late(boot) => {
                    return self.fail("it took too long".into(), boot, outcomes);
                }
                Ok(None) => break,
                Err(why) => return self.fail(why, boot, outcomes),
            }
        }
        if self.is_idle() && boot.saturating_sub(self.since) > IDLE {
            self.kill(boot);
        }
    }

    fn fail(&mut self, why: String, boot: Duration, outcomes: &mut Vec<Ended>) {
        if let Some(running) = &self.running {
            outcomes.push((running.ticket, running.purpose.clone(), Err(why)));
        }
        self.kill(boot);
    }
}

/// The daemon's workers.
pub struct Pool<W = Process> {
    start: Box<dyn FnMut() -> std::io::Result<W>>,
    members: Vec<Member<W>>,
    queue: VecDeque<Submission>,
    /// How many workers of each group of jobs cannot be killed.
    abandoned: HashMap<Purpose, usize>,
    /// Readings whose dependencies have changed, as workers reported.
    outdated: Vec<ReadingId>,
    /// Children that this process had before it had workers.
    foreign: Vec<u32>,
    /// Until when orphans are looked for.
    orphans_until: Duration,
    /// After a failed start no worker is started until then.
    starts_again: Duration,
}

impl<W: Worker> Pool<W> {
    /// A pool whose workers are made by `start`.
    pub fn new(start: impl FnMut() -> std::io::Result<W> + 'static) -> Pool<W> {
        let (members, queue, abandoned, outdated) = Default::default();
        let foreign = family::children(std::process::id());
        let (orphans_until, starts_again) = Default::default();
        let start = Box::new(start);
        Pool { start, members, queue, abandoned, outdated, foreign, orphans_until, starts_again }
    }

    /// Takes new jobs and lets everything go on as far as it can; the outcomes that there are.
    /// `readable` says whether a worker may have sent something.
    pub fn advance(&mut self, jobs: &mut Jobs, readable: bool, boot: Duration) -> Vec<Ended> {
        let mut outcomes = Vec::new();
        let withdrawn = jobs.take_withdrawn();
        if !withdrawn.is_empty() {
            self.queue.retain(|submission| !withdrawn.contains(&submission.ticket));
        }
        let (submitted, cancelled) = jobs.take();
        cancelled.into_iter().for_each(|ticket| self.cancel(ticket, boot));
        for member in self.members.iter_mut().filter(|member| !member.killed) {
            member.receive(boot, readable, &mut self.outdated, &mut outcomes);
        }
        self.reap(boot);
        self.queue.extend(submitted);
        self.assign(boot, &mut outcomes);
        outcomes
    }

    fn cancel(&mut self, ticket: Ticket, boot: Duration) {
        self.queue.retain(|submission| submission.ticket != ticket);
        let runs = |running: &Running| running.ticket == ticket;
        let mut members = self.members.iter_mut();
        if let Some(member) = members.find(|member| member.running.as_ref().is_some_and(runs)) {
            member.kill(boot);
        }
    }

    /// Forgets workers that have ended, and counts those that cannot be killed.
    fn reap(&mut self, boot: Duration) {
        let abandoned = &mut self.abandoned;
        abandoned.clear();
        self.members.retain_mut(|member| {
            if !member.killed {
                return true;
            }
            if member.worker.has_ended() {
                self.orphans_until = boot + KILL_TIMEOUT;
                return false;
            }
            if boot.saturating_sub(member.since) > KILL_TIMEOUT
                && let Some(running) = &member.running
            {
                *abandoned.entry(running.purpose.group()).or_default() += 1;
            }
            true
        });
    }

    /// Gives waiting jobs to workers.
    fn assign(&mut self, boot: Duration, outcomes: &mut Vec<Ended>) {
        for submission in std::mem::take(&mut self.queue) {
            let abandoned = self.abandoned.get(&submission.purpose.group());
            if abandoned.is_some_and(|abandoned| *abandoned >= MAX_ABANDONED) {
                let why = "its workers hang; it is tried again when one is gone".into();
                outcomes.push((submission.ticket, submission.purpose, Err(why)));
                continue;
            }
            let lane = Lane::of(&submission);
            let Some(index) = self.worker_for(&submission, lane, boot) else {
                self.queue.push_back(submission);
                continue;
            };
            let member = match index {
                Some(index) => &mut self.members[index],
                None if boot < self.starts_again => {
                    let why = "no worker can be started; it is tried again later".into();
                    outcomes.push((submission.ticket, submission.purpose, Err(why)));
                    continue;
                }
                None => match (self.start)() {
                    Ok(worker) => {
                        self.members.push(Member::new(worker, boot));
                        let last = self.members.len() - 1;
                        &mut self.members[last]
                    }
                    Err(error) => {
                        self.starts_again = boot + START_PAUSE;
                        let why = format!("no worker can be started: {error}");
                        outcomes.push((submission.ticket, submission.purpose, Err(why)));
                        continue;
                    }
                },
            };
            if let Job::Sample { id, .. } = &submission.job {
                member.note_source(id);
            }
            let Submission { ticket, purpose, job, timeout } = submission;
            let deadline = timeout.map(|timeout| boot.saturating_add(timeout));
            member.running = Some(Running { ticket, purpose, since: boot, deadline, lane });
            if let Err(why) = member.worker.send(&job) {
                member.fail(why, boot, outcomes);
            }
        }
    }

    /// Where a job may run now: in which worker, or in a new one (`Some(None)`). `None`: it waits.
    fn worker_for(
        &mut self,
        submission: &Submission,
        lane: Lane,
        boot: Duration,
    ) -> Option<Option<usize>> {
        let id = match &submission.job {
            Job::Sample { id, .. } => Some(id),
            _ => None,
        };
        let owner = id.and_then(|id| {
            self.members.iter().position(|member| !member.killed && member.sources.contains(id))
        });
        if let Some(running) = owner.and_then(|owner| self.members[owner].running.as_ref())
            && running.deadline.is_some()
            && boot < running.since + AFFINITY
        {
            return None;
        }
        let in_lane = |member: &&Member<W>| {
            !member.killed && member.running.as_ref().is_some_and(|running| running.lane == lane)
        };
        if self.members.iter().filter(in_lane).count() >= lane.limit() {
            return None;
        }
        // Those that were killed and are not gone are given time, and count until then: they may be
        // stuck.
        let group = submission.purpose.group();
        let in_group = |member: &&Member<W>| {
            let running = member.running.as_ref();
            running.is_some_and(|running| {
                (member.killed || running.lane != Lane::Endless) && running.purpose.group() == group
            })
        };
        let held = self.members.iter().filter(in_group).count();
        if held >= MAX_ABANDONED && self.members.iter().any(|m| m.killed && in_group(&m)) {
            return None;
        }
        if lane == Lane::Endless {
            return Some(None);
        }
        if let (Some(owner), Some(id)) = (owner, id) {
            if self.members[owner].is_idle() {
                return Some(Some(owner));
            }
            // The source moves to another worker: two would each have half of its counters.
            self.members[owner].sources.remove(id);
        }
        // The one with the fewest sources, so that they are spread before they hold each other up.
        let idle = self.members.iter().enumerate().filter(|(_, member)| member.is_idle());
        Some(idle.min_by_key(|(_, member)| member.sources.len()).map(|(index, _)| index))
    }

    /// The readings that should be taken again, since the last time this was asked.
    pub fn take_outdated(&mut self) -> Vec<ReadingId> {
        std::mem::take(&mut self.outdated)
    }

    /// When [`Pool::advance`] is due without an event on a descriptor.
    pub fn wake(&self, boot: Duration) -> Option<Duration> {
        let member = |member: &Member<W>| {
            if member.killed {
                let dying = boot < member.since + KILL_TIMEOUT;
                return [dying.then(|| boot + KILL_POLL), None];
            }
            let Some(running) = &member.running else {
                return [Some(member.since + IDLE + AFTER_IDLE), None];
            };
            // A reading whose worker is held up moves to another one.
            let moves = running.since + AFFINITY;
            let waits = !self.queue.is_empty() && running.deadline.is_some() && moves > boot;
            [running.deadline, waits.then_some(moves)]
        };
        let orphans = (boot < self.orphans_until).then(|| boot + KILL_POLL);
        self.members.iter().flat_map(member).flatten().chain(orphans).min()
    }

    /// How many workers there are, and how many of them cannot be killed.
    pub fn counts(&self) -> (usize, usize) {
        (self.members.len(), self.abandoned.values().sum())
    }
}

impl Pool<Process> {
    /// Ends what workers left behind that ended by themselves: it has become ours. Looked for when a
    /// worker has ended.
    pub fn end_orphans(&mut self, boot: Duration) {
        if boot >= self.orphans_until {
            return;
        }
        let is_worker = |pid: &u32| self.members.iter().any(|member| member.worker.id() == *pid);
        let mut orphans = family::children(std::process::id());
        orphans.retain(|pid| !is_worker(pid) && !self.foreign.contains(pid));
        let killed: Vec<_> = orphans.into_iter().flat_map(family::kill_tree).collect();
        if killed.iter().all(Killed::has_ended) {
            self.orphans_until = Duration::ZERO;
        }
    }

    /// The descriptors to poll: to read, and to write where something waits.
    pub fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.members.iter().filter(|member| !member.killed).flat_map(|member| {
            let (out, into) = member.worker.fds();
            let into = into.map(|into| (into, PollFlags::OUT));
            [Some((out, PollFlags::IN)), into].into_iter().flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::cell::RefCell;
    use std::path::Path;
    use std::rc::Rc;

    const SECOND: Duration = Duration::from_secs(1);

    /// What a scripted worker was sent and will answer.
    #[derive(Default)]
    struct Script {
        sent: Vec<Job>,
        answers: VecDeque<Result<Answer, String>>,
        killed: bool,
        /// Whether it survives being killed, as one that is stuck in the kernel does.
        stuck: bool,
    }

    struct Scripted(Rc<RefCell<Script>>);

    impl Worker for Scripted {
        fn send(&mut self, job: &Job) -> Result<(), String> {
            self.0.borrow_mut().sent.push(job.clone());
            Ok(())
        }

        fn receive(&mut self) -> Result<Option<Answer>, String> {
            self.0.borrow_mut().answers.pop_front().transpose()
        }

        fn kill(&mut self) {
            self.0.borrow_mut().killed = true;
        }

        fn has_ended(&mut self) -> bool {
            let script = self.0.borrow();
            script.killed && !script.stuck
        }
    }

    /// A pool, its jobs, and the scripts of the workers that it started.
    struct Harness {
        pool: Pool<Scripted>,
        jobs: Jobs,
        scripts: Rc<RefCell<Vec<Rc<RefCell<Script>>>>>,
    }

    impl Harness {
        fn new() -> Harness {
            let scripts = Rc::<RefCell<Vec<Rc<RefCell<Script>>>>>::default();
            let started = scripts.clone();
            let pool = Pool::new(move || {
                let script = Rc::<RefCell<Script>>::default();
                started.borrow_mut().push(script.clone());
                Ok(Scripted(script))
            });
            Harness { pool, jobs: Jobs::default(), scripts }
        }

        fn sample(&mut self, name: &str, timeout: u32) -> Ticket {
            self.sample_for(0, name, timeout)
        }

        fn sample_for(&mut self, asker: usize, name: &str, timeout: u32) -> Ticket {
            let (id, options) = (id(name).of_asker(asker as u64, None), "".into());
            let job = Job::Sample {
                id: id.clone(),
                options,
                ask: Default::default(),
                saved: "".into(),
                reader: Default::default(),
            };
            self.jobs.submit(Purpose::Reading(id), job, Some(SECOND * timeout))
        }

        /// The outcomes at a moment, as texts.
        fn at(&mut self, boot: Duration) -> Vec<(Ticket, String)> {
            let outcomes = self.pool.advance(&mut self.jobs, true, boot);
            let text = |outcome| match outcome {
                Ok(Answer::Sampled { .. }) => "sampled".to_owned(),
                Ok(answer) => format!("{answer:?}"),
                Err(why) => why,
            };
            outcomes.into_iter().map(|(ticket, _, outcome)| (ticket, text(outcome))).collect()
        }

        fn answer(&self, worker: usize, answer: Result<Answer, String>) {
            self.scripts.borrow()[worker].borrow_mut().answers.push_back(answer);
        }

        fn sampled(&self, worker: usize) {
            self.answer(worker, Ok(Answer::Sampled { sample: Ok(None), saved: None }));
        }

        /// How many jobs each worker was sent.
        fn sent(&self) -> Vec<usize> {
            self.scripts.borrow().iter().map(|script| script.borrow().sent.len()).collect()
        }

        fn stick(&self, worker: usize) {
            self.scripts.borrow()[worker].borrow_mut().stuck = true;
        }
    }

    fn id(name: &str) -> ReadingId {
        let config = Config::built_in();
        let id = ReadingId::shared_by_all(&Path::new("").into(), &config.instances[0]);
        ReadingId { instance: name.into(), ..id }
    }

    #[test]
    fn a_job_runs_at_once_and_its_answer_is_its_outcome() {
        let mut harness = Harness::new();
        let ticket = harness.sample("a", 2);
        assert!(!harness.jobs.is_empty());
        assert_eq!(harness.at(SECOND), []);
        assert_eq!((harness.jobs.is_empty(), harness.sent()), (true, vec![1]));
        assert_eq!(harness.pool.wake(SECOND), Some(SECOND * 3), "its deadline");
        harness.sampled(0);
        assert_eq!(harness.at(SECOND * 2), [(ticket, "sampled".into())]);
        assert_eq!(harness.pool.counts(), (1, 0));
    }

    #[test]
    fn an_answer_at_the_last_moment_counts_and_none_is_a_failure() {
        let mut harness = Harness::new();
        let first = harness.sample("a", 2);
        harness.at(SECOND);
        harness.sampled(0);
        let outcomes = harness.pool.advance(&mut harness.jobs, false, SECOND * 3);
        assert!(matches!(&outcomes[..], [(ticket, _, Ok(_))] if *ticket == first));
        let second = harness.sample("a", 2);
        harness.at(SECOND * 4);
        assert_eq!(harness.at(SECOND * 6), [(second, "it took too long".into())]);
        assert!(harness.scripts.borrow()[0].borrow().killed);
        assert_eq!(harness.pool.counts(), (0, 0), "it is gone at once");
    }

    #[test]
    fn a_worker_that_dies_fails_its_job_and_the_next_one_has_a_new_worker() {
        let mut harness = Harness::new();
        let ticket = harness.sample("a", 2);
        harness.at(SECOND);
        harness.answer(0, Err("the worker ended".into()));
        assert_eq!(harness.at(SECOND), [(ticket, "the worker ended".into())]);
        harness.sample("a", 2);
        harness.at(SECOND);
        assert_eq!(harness.sent(), [1, 1]);
    }

    #[test]
    fn an_idle_worker_that_dies_is_replaced_without_a_word() {
        let mut harness = Harness::new();
        harness.sample("a", 2);
        harness.at(SECOND);
        harness.sampled(0);
        harness.at(SECOND);
        harness.answer(0, Err("the worker ended".into()));
        assert_eq!(harness.at(SECOND * 2), []);
        assert_eq!(harness.pool.counts(), (0, 0));
    }

    #[test]
    fn a_cancelled_job_has_no_outcome_and_its_worker_is_killed() {
        let mut harness = Harness::new();
        let ticket = harness.sample("a", 2);
        harness.jobs.cancel(ticket);
        assert!(harness.jobs.is_empty(), "it never started");
        let ticket = harness.sample("a", 2);
        harness.at(SECOND);
        harness.sampled(0);
        harness.jobs.cancel(ticket);
        assert_eq!(harness.at(SECOND), [], "a reply that is late is lost");
        assert!(harness.scripts.borrow()[0].borrow().killed);
    }

    #[test]
    fn a_reading_stays_with_its_worker_and_moves_when_that_is_held_up() {
        let mut harness = Harness::new();
        harness.sample("a", 2);
        harness.sample("b", 2);
        harness.at(SECOND);
        (0..2).for_each(|worker| harness.sampled(worker));
        harness.at(SECOND);
        harness.sample("b", 2);
        harness.at(SECOND);
        assert_eq!(harness.sent(), [1, 2], "where it was read before");
        harness.sample("b", 2);
        harness.at(SECOND + AFFINITY / 2);
        assert_eq!(harness.sent(), [1, 2], "it waits for its worker");
        assert_eq!(harness.pool.wake(SECOND + AFFINITY / 2), Some(SECOND + AFFINITY));
        harness.at(SECOND + AFFINITY);
        assert_eq!(harness.sent(), [2, 2]);
    }

    #[test]
    fn slow_jobs_hold_up_no_short_ones_and_each_lane_has_its_limit() {
        let mut harness = Harness::new();
        for n in 0..MAX_SLOW + 2 {
            harness.sample(&format!("slow{n}"), 30);
        }
        harness.at(SECOND);
        assert_eq!(harness.sent().len(), MAX_SLOW);
        harness.sample("short", 2);
        harness.at(SECOND);
        assert_eq!(harness.sent().len(), MAX_SLOW + 1);
        harness.sampled(0);
        harness.at(SECOND);
        assert_eq!(harness.sent()[0], 2, "the next one that waited");
    }

    #[test]
    fn every_answer_of_a_job_without_an_end_is_an_outcome() {
        let mut harness = Harness::new();
        let config = Path::new("/c").into();
        let job = Job::Watch { paths: Vec::new() };
        let ticket = harness.jobs.submit(Purpose::WatchConfig(config), job, None);
        harness.at(SECOND);
        (0..2).for_each(|_| harness.answer(0, Ok(Answer::FilesChanged)));
        let changed = (ticket, "FilesChanged".to_owned());
        assert_eq!(harness.at(SECOND * 90_000), [changed.clone(), changed]);
        assert_eq!(harness.pool.wake(SECOND * 90_000), None);
    }

    #[test]
    fn what_an_idle_worker_says_is_outdated_is_handed_out_once() {
        let mut harness = Harness::new();
        harness.sample("a", 2);
        harness.at(SECOND);
        harness.sampled(0);
        harness.answer(0, Ok(Answer::Outdated(id("a"))));
        harness.at(SECOND);
        assert_eq!(harness.pool.take_outdated(), [id("a")]);
        assert_eq!(harness.pool.take_outdated(), []);
    }

    #[test]
    fn an_idle_worker_leaves_after_a_while() {
        let mut harness = Harness::new();
        harness.sample("a", 2);
        harness.at(SECOND);
        harness.sampled(0);
        harness.at(SECOND);
        let wake = harness.pool.wake(SECOND).expect("its end");
        harness.at(wake.saturating_sub(AFTER_IDLE * 2));
        assert_eq!(harness.pool.counts(), (1, 0));
        harness.at(wake);
        assert_eq!(harness.pool.counts(), (0, 0));
    }

    /// Has as many workers of "a" hang as make it back off; the moment after.
    fn abandoned(harness: &mut Harness) -> Duration {
        let mut boot = SECOND;
        for worker in 0..MAX_ABANDONED {
            harness.sample("a", 2);
            harness.at(boot);
            harness.stick(worker);
            boot += SECOND * 2;
            assert_eq!(harness.at(boot).len(), 1, "it took too long");
        }
        boot += KILL_TIMEOUT + SECOND;
        harness.at(boot);
        assert_eq!(harness.pool.counts(), (MAX_ABANDONED, MAX_ABANDONED));
        boot
    }

    #[test]
    fn a_group_whose_workers_cannot_be_killed_gets_no_more_and_others_do() {
        let mut harness = Harness::new();
        let boot = abandoned(&mut harness);
        let refused = harness.sample("a", 2);
        let other = harness.sample("b", 2);
        let outcomes = harness.at(boot);
        assert_eq!(
            outcomes,
            [(refused, "its workers hang; it is tried again when one is gone".into())]
        );
        harness.sampled(MAX_ABANDONED);
        assert_eq!(harness.at(boot), [(other, "sampled".into())]);
    }

    #[test]
    fn once_one_is_gone_it_is_tried_again() {
        let mut harness = Harness::new();
        let boot = abandoned(&mut harness);
        let early = harness.sample("a", 2);
        assert_eq!(harness.at(boot * 100)[0].0, early, "refused, however late");
        harness.scripts.borrow()[0].borrow_mut().stuck = false;
        let again = harness.sample("a", 2);
        assert_eq!(harness.at(boot * 100), []);
        harness.sampled(MAX_ABANDONED);
        assert_eq!(harness.at(boot * 100), [(again, "sampled".into())]);
    }

    /// Each was replaced at once while it was not known yet that it could not be killed.
    #[test]
    fn while_those_that_were_killed_may_be_stuck_no_more_are_started() {
        let mut harness = Harness::new();
        for asker in 0..MAX_ABANDONED {
            harness.sample_for(asker, "a", 2);
        }
        harness.at(SECOND);
        (0..MAX_ABANDONED).for_each(|worker| harness.stick(worker));
        assert_eq!(harness.at(SECOND * 3).len(), MAX_ABANDONED, "they took too long");
        let waits = harness.sample_for(MAX_ABANDONED, "a", 2);
        let other = harness.sample("b", 2);
        assert_eq!(harness.at(SECOND * 3), []);
        harness.sampled(MAX_ABANDONED);
        assert_eq!(harness.at(SECOND * 3), [(other, "sampled".into())]);
        let after = SECOND * 3 + KILL_TIMEOUT * 2;
        assert_eq!(harness.at(after)[0].0, waits, "refused");
        assert_eq!(harness.pool.counts(), (MAX_ABANDONED + 1, MAX_ABANDONED));
    }

    #[test]
    fn after_a_worker_could_not_be_started_none_is_for_a_while() {
        let tries = Rc::new(std::cell::Cell::new(0));
        let count = tries.clone();
        let mut pool: Pool<Scripted> = Pool::new(move || {
            count.set(count.get() + 1);
            Err(std::io::ErrorKind::OutOfMemory.into())
        });
        let mut jobs = Jobs::default();
        for (boot, wanted) in [(SECOND, 1), (SECOND, 1), (SECOND + START_PAUSE, 2)] {
            let path = "/c".into();
            jobs.submit(Purpose::ReadHistory, Job::ReadHistory { path }, Some(SECOND));
            let outcomes = pool.advance(&mut jobs, false, boot);
            assert!(matches!(&outcomes[..], [(_, _, Err(why))] if why.contains("started")));
            assert_eq!(tries.get(), wanted);
        }
    }
}

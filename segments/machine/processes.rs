//! All processes: what each does and takes.
//!
//! Looking at each takes some microseconds, so only sources that run in workers may ask, and where
//! there are many of them each reading looks at as many as its share of processor time allows. All of
//! them together are known when the last one was looked at; then it begins anew.

use std::time::Duration;

use super::{Error, Machine, Reader, native, portable};

/// The most processes that are looked at; the kernel allows four million.
pub(super) const MAX_PROCESSES: usize = 32 * 1024;

/// How much processor time a second may cost: 0.4 percent of one processor. With what is made of it, and
/// what the daemon does for it, that is less than half a percent: 5.1 ms/s were 0.5 at 30 000 processes.
const SHARE: u32 = 250;
/// What may be spent at once, and is at the first reading: some thousand processes.
const MOST: Duration = Duration::from_millis(50);
/// How many processes are looked at before the time that they cost is.
const PORTION: usize = 64;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Runs or waits for a processor.
    Running,
    /// Waits for a disk or another device, and cannot be killed meanwhile.
    Blocked,
    /// Has ended; its parent has not yet collected its status.
    Zombie,
    /// Anything else: mostly it sleeps.
    Other,
}

/// A process, when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub pid: u32,
    /// The kernel's short name.
    pub name: String,
    /// What it does.
    pub doing: Doing,
    /// Processor time taken since it was started.
    pub taken: Duration,
    /// When it was started, in ticks of any one length: a pid may come again.
    pub start: u64,
    /// Bytes of memory, shared ones included.
    pub resident: u64,
    /// When it was looked at, by [`Machine::uptime`].
    pub at: Duration,
}

/// Looks at all processes, over several readings where they are many.
#[derive(Default)]
pub struct TaskReader {
    /// When the last reading was.
    last: Option<Duration>,
    /// How much processor time is left of the share. What was spent beyond it is owed.
    left: Duration,
    owed: Duration,
    /// The round that is under way.
    round: Round,
    /// The processes that are still to be looked at in it, and how many there were.
    waiting: Vec<u32>,
    listed: usize,
    is_under_way: bool,
}

/// Every process, each looked at once.
#[derive(Debug, Default)]
pub struct Round {
    /// When the first one was looked at.
    pub begun: Duration,
    /// All of them, our own excepted: it only runs because it is asked.
    pub tasks: Vec<Task>,
}

/// What a reading gave.
#[derive(Debug)]
pub struct Progress {
    /// How many processes there are, whether they were looked at or not.
    pub listed: usize,
    /// All of them, if the last one was looked at just now.
    pub round: Option<Round>,
}

impl TaskReader {
    /// Looks at as many processes as may be looked at by now.
    pub fn read(&mut self, machine: &Machine, now: Duration) -> Result<Progress, Error> {
        let start = processor_time();
        self.read_for(machine, now, &|| processor_time().saturating_sub(start))
    }

    /// `spent`: the processor time that this reading has taken so far.
    fn read_for(
        &mut self,
        machine: &Machine,
        now: Duration,
        spent: &dyn Fn() -> Duration,
    ) -> Result<Progress, Error> {
        let earned = self.last.replace(now).map_or(MOST, |last| now.saturating_sub(last) / SHARE);
        let paid = earned.min(self.owed);
        self.owed = self.owed.saturating_sub(paid);
        self.left = (self.left + earned.saturating_sub(paid)).min(MOST);
        let mut round = None;
        if !self.left.is_zero() {
            let read = self.look(machine, now, spent);
            let spent = spent();
            self.owed += spent.saturating_sub(self.left);
            self.left = self.left.saturating_sub(spent);
            round = read?;
        }
        Ok(Progress { listed: self.listed, round })
    }

    /// Looks at processes until the time that is left was spent. The round, if that was the last.
    fn look(
        &mut self,
        machine: &Machine,
        now: Duration,
        spent: &dyn Fn() -> Duration,
    ) -> Result<Option<Round>, Error> {
        let own = if machine.is_real() { std::process::id() } else { 0 };
        if machine.reader() == Reader::Portable {
            // It reads all of them or none.
            let tasks = portable::processes::read(now)?;
            let tasks: Vec<Task> = tasks.into_iter().filter(|task| task.pid != own).collect();
            self.listed = tasks.len();
            return Ok(Some(Round { begun: now, tasks }));
        }
        if !self.is_under_way {
            self.waiting = native::processes::pids(machine)?;
            self.waiting.retain(|pid| *pid != own);
            self.listed = self.waiting.len();
            self.round = Round { begun: now, tasks: Vec::with_capacity(self.listed) };
            self.is_under_way = true;
        }
        let files = native::processes::Files::new(machine);
        while !self.waiting.is_empty() && spent() < self.left {
            let portion = self.waiting.len().saturating_sub(PORTION);
            let portion = self.waiting.drain(portion..).filter_map(|pid| files.task(pid, now));
            self.round.tasks.extend(portion);
        }
        if !self.waiting.is_empty() {
            return Ok(None);
        }
        self.is_under_way = false;
        Ok(Some(std::mem::take(&mut self.round)))
    }
}

/// What this thread has spent on processors.
fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // It is never negative.
    Duration::try_from(spent).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;
    use std::cell::Cell;

    #[test]
    fn both_readers_see_our_own_parent() {
        let parent = std::os::unix::process::parent_id();
        let [native, portable] = Reader::ALL.map(|reader| {
            let (mut tasks, machine) = (TaskReader::default(), Machine::read_by(reader));
            let mut times = (0..1000).map(|minute| Duration::from_secs(60 * minute));
            let round = times.find_map(|now| tasks.read(&machine, now).expect("readable").round);
            let mut tasks = round.expect("a minute's share for each part").tasks.into_iter();
            tasks.find(|task| task.pid == parent).expect("our parent")
        });
        assert!(native.resident > 0 && !native.name.is_empty());
        assert_eq!(native.name, portable.name);
    }

    /// A machine with so many processes, and readings of it where each process costs this much.
    fn readings(processes: usize, cost: Duration, moments: &[u64]) -> Vec<(Duration, Progress)> {
        let stat = |pid: &usize| {
            let path = format!("proc/{pid}/stat");
            (path, format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 9 0 0 0 20 0 1 0 5 0 9 0\n"))
        };
        let files: Vec<_> = (1..=processes).collect::<Vec<_>>().iter().map(stat).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let (_dir, machine) = machine_with(&files);
        let mut tasks = TaskReader::default();
        let read = |seconds: &u64| {
            let calls = Cell::new(0_u32);
            // It is asked before each portion, and once more at the end.
            let spent = || {
                let spent = cost * calls.get() * PORTION as u32;
                calls.set(calls.get() + 1);
                spent
            };
            let now = Duration::from_secs(*seconds);
            let progress = tasks.read_for(&machine, now, &spent).expect("readable");
            (cost * calls.get().saturating_sub(1) * PORTION as u32, progress)
        };
        moments.iter().map(read).collect()
    }

    #[test]
    fn a_few_are_all_looked_at_each_time() {
        for (_, progress) in readings(100, Duration::from_micros(20), &[0, 5, 10]) {
            assert_eq!(progress.round.expect("all").tasks.len(), 100);
        }
    }

    #[test]
    fn many_are_looked_at_in_parts_and_cost_no_more_than_their_share() {
        let moments: Vec<u64> = (0..400).step_by(5).collect();
        let all = readings(3000, Duration::from_micros(100), &moments);
        let spent: Duration = all.iter().map(|(spent, _)| *spent).sum();
        let most = MOST + Duration::from_secs(400) / SHARE;
        assert!(spent <= most + Duration::from_millis(20), "{spent:?} of {most:?}");
        assert!(spent >= most / 2, "and the share is used: {spent:?}");
        assert!(all.iter().all(|(_, progress)| progress.listed == 3000));
        let rounds: Vec<_> = all.iter().filter_map(|(_, p)| p.round.as_ref()).collect();
        assert!(rounds.len() >= 3 && rounds.iter().all(|round| round.tasks.len() == 3000));
        let ages: Vec<_> = rounds[1].tasks.iter().map(|task| task.at).collect();
        assert!(ages.iter().max() > ages.iter().min(), "each has the time of its own part");
    }

    #[test]
    fn what_one_reading_spends_too_much_the_next_ones_save() {
        let all = readings(64, Duration::from_millis(10), &[0, 5, 10, 60, 150, 155]);
        let read: Vec<bool> = all.iter().map(|(_, progress)| progress.round.is_some()).collect();
        assert_eq!(read, [true, false, false, false, true, false]);
    }
}

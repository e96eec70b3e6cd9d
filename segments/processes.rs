//! How many processes there are, and which one uses the most processor time or memory, in percent
//! of all; from `/proc/PID/stat`.
//!
//! - Processor time is measured between two readings: the process that was busiest in these
//!   seconds, not in its whole life. The first reading has only the counts.
//! - Where there are thousands of processes, only some are looked at with each reading; the numbers are
//!   those of the last time that all were, and `$age` says how old they are.
//! - A process ID may be reused: it is the same process only with the same start time.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::saved_state;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Doing, Machine, Progress, Round, Task, TaskReader};

choice! {
    /// What is compared.
    By { Cpu = "cpu", Memory = "memory" }
}

options! {
    /// What `$top` uses the most of.
    by: By = By::Cpu,
    /// `$top` is empty below this share in percent.
    hide_top_when_below: f64 = 2.0,
    /// Processes that wait for a device, and cannot be killed, from which the level is `warning`;
    /// 0: never.
    warning: f64 = 10.0,
    /// Processes that wait for a device from which the level is `critical`; 0: never.
    critical: f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "processes",
    about: "How many processes there are, and which one uses the most.",
    icons: Icons { nerd: "\u{f085}", unicode: "procs", ascii: "procs" },
    format: " ($icon )$count.num(w:3)( $top.text(max:12) $share.pct(w:1)) ",
    fields: &[
        Field::new("count", "number of processes", Unit::Count),
        Field::new("running", "processes that run or are ready to run", Unit::Count),
        Field::new("blocked", "processes that wait for a disk or another device", Unit::Count),
        Field::new("zombies", "processes that ended but still have an entry", Unit::Count),
        Field::new("top", "name of the process that uses the most", Unit::Text),
        Field::new("pid", "its process ID", Unit::Text),
        Field::new("share", "its share of all processors, or of the memory", Unit::Percent),
        Field::new("processors", "number of processors that it keeps busy", Unit::Count),
        Field::new("memory", "memory that it uses", Unit::Bytes),
        Field::new(
            "age",
            "how old the numbers are, where there are too many processes for one reading",
            Unit::Duration,
        ),
        Field::new("history", "history of the count", Unit::History("count")),
        Field::new("share_history", "history of `share`", Unit::History("share")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // It reads a few hundred files.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 30,
    open,
};

/// How far below a threshold, in processes, a level is left.
const HYSTERESIS: f64 = 2.0;
/// An older reading is not compared with, unless it was the last one: the share would be of a time
/// long past.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Readings closer than this are not compared: the counters are too coarse.
const MIN_AGE: Duration = Duration::from_millis(200);
/// How many processes are saved for the next worker.
const MAX_SAVED: usize = 256;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let (reader, level) = (TaskReader::default(), Level::Idle);
    let (before, known, saved) = (None, None, None);
    Ok(Box::new(Processes { options: Options::read(table)?, reader, before, level, known, saved }))
}

struct Processes {
    options: Options,
    reader: TaskReader,
    before: Option<Snapshot>,
    level: Level,
    /// What the last round over all processes gave, and when that began.
    known: Option<(Sample, Duration)>,
    /// What is saved of it, made once.
    saved: Option<String>,
}

struct Snapshot {
    /// When its first process was looked at, and its last one.
    begun: Duration,
    at: Duration,
    /// The processor time of each process and when it was looked at, by its ID and start time.
    taken: HashMap<(u32, u64), (Duration, Duration)>,
}

/// The process that uses the most.
struct Top<'a> {
    task: &'a Task,
    /// In percent.
    share: f64,
    processors: Option<f64>,
}

impl Source for Processes {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let now = machine.uptime();
        let Progress { listed, round } = self.reader.read(machine, now)?;
        if listed == 0 {
            return Ok(None);
        }
        if let Some(round) = round {
            self.known = Some((self.summary(&round, machine, now), round.begun));
            self.saved = self.saved(now);
        }
        let count = || Sample::new(self.level).with("count", Value::number(listed as f64));
        Ok(Some(match &self.known {
            Some((sample, begun)) if *begun == now => sample.clone(),
            Some((sample, begun)) => {
                sample.clone().with("age", Value::Duration(now.saturating_sub(*begun)))
            }
            // What they do is not known before all were looked at once.
            None => count(),
        }))
    }

    /// The level, the time of the last reading, and the processes with the most processor time.
    fn save(&self) -> Option<String> {
        self.saved.clone()
    }

    fn restore(&mut self, saved: &str) {
        type Saved = (Level, Duration, Vec<((u32, u64), (u64, u64))>);
        let Some((level, at, taken)) = saved_state::restore::<Saved>(3, saved) else { return };
        if self.before.as_ref().is_none_or(|before| before.at < at) {
            let time = |(taken, at)| (Duration::from_millis(taken), Duration::from_millis(at));
            let taken = taken.into_iter().map(|(key, times)| (key, time(times))).collect();
            (self.level, self.before) = (level, Some(Snapshot { begun: at, at, taken }));
        }
    }
}

impl Processes {
    /// What all processes together give.
    fn summary(&mut self, round: &Round, machine: &Machine, now: Duration) -> Sample {
        let tasks = &round.tasks;
        let number = |doing| tasks.iter().filter(|task| task.doing == doing).count() as f64;
        let blocked = number(Doing::Blocked);
        self.level = self.level.settle_by(
            HYSTERESIS,
            blocked,
            Level::threshold(self.options.warning),
            Level::threshold(self.options.critical),
        );
        let sample = Sample::new(self.level)
            .with("count", Value::number(tasks.len() as f64))
            .with("running", Value::number(number(Doing::Running)))
            .with("blocked", Value::number(blocked))
            .with("zombies", Value::number(number(Doing::Zombie)));
        let top = match self.options.by {
            By::Cpu => self.busiest(round, machine, now),
            By::Memory => self.largest(tasks, machine),
        };
        let Some(top) = top.filter(|top| top.share >= self.options.hide_top_when_below) else {
            return sample;
        };
        sample
            .with("top", Value::text(&*top.task.name))
            .with("pid", Value::text(top.task.pid.to_string()))
            .with("share", Value::percent(top.share))
            .with("memory", Value::number(top.task.resident as f64))
            .with_some("processors", top.processors.map(Value::number))
    }

    fn saved(&self, now: Duration) -> Option<String> {
        let taken = &self.before.as_ref()?.taken;
        let times = |(taken, at): &(Duration, Duration)| (taken.as_millis(), at.as_millis());
        let mut most: Vec<_> = taken.iter().map(|(key, seen)| (key, times(seen))).collect();
        if most.len() > MAX_SAVED {
            most.select_nth_unstable_by_key(MAX_SAVED, |(_, seen)| std::cmp::Reverse(seen.0));
            most.truncate(MAX_SAVED);
        }
        saved_state::save(3, (self.level, now, most))
    }

    fn busiest<'a>(
        &mut self,
        round: &'a Round,
        machine: &Machine,
        now: Duration,
    ) -> Option<Top<'a>> {
        // A reading in the future is from before the machine was restarted.
        self.before.take_if(|before| before.at > now);
        let passed = self.before.as_ref().map(|before| now.saturating_sub(before.at));
        if passed.is_some_and(|passed| passed < MIN_AGE) {
            return None;
        }
        let key = |task: &Task| (task.pid, task.start);
        let taken = round.tasks.iter().map(|task| (key(task), (task.taken, task.at))).collect();
        let before = self.before.replace(Snapshot { begun: round.begun, at: now, taken })?;
        // Rounds over many processes take longer: the last one is not long past then.
        let longest = MAX_AGE.max(before.at.saturating_sub(before.begun).saturating_mul(2));
        passed.filter(|passed| *passed <= longest)?;
        let used = |task: &'a Task| {
            let (taken, at) = before.taken.get(&key(task))?;
            let passed = task.at.saturating_sub(*at).as_secs_f64();
            let used = task.taken.saturating_sub(*taken).as_secs_f64();
            (passed > 0.0).then_some((task, used / passed))
        };
        let used = round.tasks.iter().filter_map(used);
        let (task, processors) = used.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let all = machine.processors().unwrap_or(1).max(1) as f64;
        let processors = processors.min(all);
        Some(Top { task, share: 100.0 * processors / all, processors: Some(processors) })
    }

    fn largest<'a>(&mut self, tasks: &'a [Task], machine: &Machine) -> Option<Top<'a>> {
        let task = tasks.iter().max_by_key(|task| task.resident)?;
        let total = machine.meminfo().ok()?.total.filter(|total| *total > 0)?;
        let share = 100.0 * task.resident as f64 / total as f64;
        Some(Top { task, share, processors: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::opened;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn stat(name: &str, state: char, ticks: u32, start: u32, pages: u32) -> String {
        format!(
            "1 ({name}) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {start} 0 {pages} 0\n"
        )
    }

    /// Two processes; in the ten seconds between the readings the second uses four.
    fn busy_machine() -> (tempfile::TempDir, Machine) {
        let second = |ticks| stat("cc1plus", 'R', ticks, 7, 1000).replacen('1', "2", 1);
        machine_with(&[
            ("proc/1/stat", &stat("init", 'S', 500, 1, 10)),
            ("proc/2/stat", &second(1000)),
            ("proc/2/stat@2", &second(1400)),
            ("proc/uptime", "100.00 1\n"),
            ("proc/uptime@2", "110.00 1\n"),
            ("sys/devices/system/cpu/online", "0-1\n"),
            ("proc/meminfo", "MemTotal: 40000 kB\n"),
        ])
    }

    fn samples(options: &str, machine: &Machine) -> [Sample; 2] {
        let mut source = opened(&SEGMENT, options);
        [0; 2]
            .map(|_| source.sample(machine, &Ask::default()).expect("no error").expect("processes"))
    }

    #[test]
    fn the_busiest_between_two_readings_is_named() {
        let (_dir, machine) = busy_machine();
        let [first, second] = samples("", &machine);
        assert_eq!((first.get("top"), first.get("count")), (None, Some(&Value::number(2.0))));
        assert_eq!(first.get("running"), Some(&Value::number(1.0)));
        assert_eq!(second.get("top"), Some(&Value::text("cc1plus")));
        assert_eq!(second.get("share"), Some(&Value::percent(20.0)));
        assert_eq!(second.get("processors"), Some(&Value::number(0.4)));
    }

    #[test]
    fn the_reading_is_saved_for_the_next_worker() {
        let (_dir, machine) = busy_machine();
        let mut first = opened(&SEGMENT, "");
        first.sample(&machine, &Ask::default()).expect("no error");
        let saved = first.save().expect("a walk");
        let mut next = opened(&SEGMENT, "");
        for nonsense in ["", "[]", "[2,\"idle\",{\"secs\":1,\"nanos\":0},[]]", "{}"] {
            next.restore(nonsense);
        }
        next.restore(&saved);
        let sample = next.sample(&machine, &Ask::default()).expect("no error").expect("processes");
        assert_eq!(sample.get("share"), Some(&Value::percent(20.0)));
    }

    #[test]
    fn a_reading_before_a_restart_is_forgotten() {
        let (_dir, machine) = busy_machine();
        let mut source = opened(&SEGMENT, "");
        source.restore("[1,\"idle\",{\"secs\":9999,\"nanos\":0},[[[2,7],5]]]");
        let mut top = || {
            let sample = source.sample(&machine, &Ask::default()).expect("no error");
            sample.expect("processes").get("top").cloned()
        };
        assert_eq!([top(), top()], [None, Some(Value::text("cc1plus"))]);
    }

    #[test]
    fn a_small_share_is_not_named() {
        let (_dir, machine) = busy_machine();
        assert_eq!(samples("hide-top-when-below = 21", &machine)[1].get("top"), None);
    }

    #[test]
    fn the_largest_is_named_at_once() {
        let (_dir, machine) = busy_machine();
        let [first, _] = samples("by = 'memory'", &machine);
        assert_eq!(first.get("top"), Some(&Value::text("cc1plus")));
        assert_eq!(first.get("memory"), Some(&Value::number(4_096_000.0)));
        assert_eq!(first.get("share"), Some(&Value::percent(10.0)));
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let (_dir, machine) = machine_with(&[
            ("proc/1/stat", &stat("old", 'S', 100, 1, 10)),
            ("proc/1/stat@2", &stat("new", 'S', 900, 2, 10)),
            ("proc/uptime", "100.00 1\n"),
            ("proc/uptime@2", "110.00 1\n"),
        ]);
        assert_eq!(samples("", &machine)[1].get("top"), None);
    }

    #[test]
    fn many_blocked_are_a_warning() {
        let (_dir, machine) = machine_with(&[("proc/1/stat", &stat("dd", 'D', 1, 1, 1))]);
        let level = |warning| samples(&format!("warning = {warning}"), &machine)[0].level;
        assert_eq!([level(1), level(2), level(0)], [Level::Warning, Level::Idle, Level::Idle]);
    }

    #[test]
    fn a_laptop_has_all_kinds() {
        let mut source = opened(&SEGMENT, "by = 'memory'");
        let sample = source.sample(&fixture("laptop"), &Ask::default());
        let sample = sample.expect("no error").expect("processes");
        let numbers = ["count", "running", "blocked", "zombies"];
        let numbers = numbers.map(|field| sample.get(field).and_then(Value::as_number));
        assert_eq!(numbers, [5.0, 1.0, 1.0, 1.0].map(Some));
        assert_eq!(sample.get("top"), Some(&Value::text("Web Content")));
    }

    #[test]
    fn a_machine_that_tells_nothing_has_nothing_to_show() {
        let sample = opened(&SEGMENT, "").sample(&fixture("empty"), &Ask::default());
        assert_eq!(sample.expect("no error"), None);
    }
}

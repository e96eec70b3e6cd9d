//! How many processes there are, and which of them takes the most.
//!
//! - A share of the processors is of all of them, between two walks: the process that was busiest in
//!   these seconds, not in its life. After the first walk there is a count and no such process.
//! - A pid may come again as another process: it is the same only with the same start.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::saved_state;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Doing, Machine, Task};

crate::choice! {
    /// What the most is taken of.
    By { Cpu = "cpu", Memory = "memory" }
}

crate::options! {
    /// What `$top` takes the most of.
    by: By = By::Cpu,
    /// Share in percent below which nobody is named.
    least: f64 = 2.0,
    /// Processes that wait for a device and cannot be killed, from which the level is `warning`;
    /// 0: never.
    warning: f64 = 10.0,
    /// Processes that wait for a device, from which the level is `critical`; 0: never.
    critical: f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "processes",
    about: "How many processes there are, and which takes the most.",
    icons: Icons { nerd: "\u{f085}", unicode: "procs", ascii: "procs" },
    format: " ($icon )$count.num(w:3)( $top.text(max:12) $share.pct(w:1)) ",
    fields: &[
        Field::new("count", "processes", Unit::Count),
        Field::new("running", "processes that run or could", Unit::Count),
        Field::new("blocked", "processes that wait for a disk or another device", Unit::Count),
        Field::new("zombies", "processes that ended and were not taken note of", Unit::Count),
        Field::new("top", "the name of the one that takes the most", Unit::Text),
        Field::new("pid", "its number", Unit::Text),
        Field::new("share", "what it takes of all processors, or of memory", Unit::Percent),
        Field::new("processors", "how many processors it keeps busy", Unit::Count),
        Field::new("memory", "the bytes it holds", Unit::Bytes),
        Field::new("history", "the past of the count", Unit::History("count")),
        Field::new("history_share", "the past of the highest share", Unit::History("share")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // A walk through a few hundred files.
    place: Where::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 30,
    open,
};

/// A walk longer ago than this says nothing about now: another worker has walked meanwhile.
const TOO_LONG: Duration = Duration::from_secs(60);
/// Between walks nearer than this nobody did anything worth a share.
const TOO_SHORT: Duration = Duration::from_millis(200);
/// Processes of a walk that the next worker is told of.
const MOST_KEPT: usize = 256;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Processes { options: Options::read(table)?, before: None, level: Level::Idle }))
}

struct Processes {
    options: Options,
    before: Option<Walk>,
    level: Level,
}

struct Walk {
    at: Duration,
    /// What each process had taken, by its number and its start.
    taken: HashMap<(u32, u64), Duration>,
}

/// Who takes the most.
struct Top<'a> {
    task: &'a Task,
    /// Percent of all there is.
    share: f64,
    processors: Option<f64>,
}

impl Source for Processes {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let tasks = machine.tasks()?;
        if tasks.is_empty() {
            return Ok(None);
        }
        let number = |doing| tasks.iter().filter(|task| task.doing == doing).count() as f64;
        let blocked = number(Doing::Blocked);
        let never = |count: f64| if count > 0.0 { count } else { f64::INFINITY };
        // A count has no slack in percent: two fewer are enough.
        self.level = self.level.settle(
            blocked * Level::SLACK / 2.0,
            never(self.options.warning) * Level::SLACK / 2.0,
            never(self.options.critical) * Level::SLACK / 2.0,
        );
        let mut sample = Sample::new(self.level)
            .with("count", Value::number(tasks.len() as f64))
            .with("running", Value::number(number(Doing::Running)))
            .with("blocked", Value::number(blocked))
            .with("zombies", Value::number(number(Doing::Zombie)));
        let top = match self.options.by {
            By::Cpu => self.busiest(&tasks, machine),
            By::Memory => self.largest(&tasks, machine),
        };
        if let Some(top) = top.filter(|top| top.share >= self.options.least) {
            sample = sample
                .with("top", Value::text(&*top.task.name))
                .with("pid", Value::text(top.task.pid.to_string()))
                .with("share", Value::percent(top.share))
                .with("memory", Value::number(top.task.resident as f64));
            if let Some(processors) = top.processors {
                sample = sample.with("processors", Value::number(processors));
            }
        }
        Ok(Some(sample))
    }

    /// The walk, as far as it could matter: JSON of the form's number, the level, when it was, and
    /// what the processes with the most had taken.
    fn memo(&self) -> Option<String> {
        let Walk { at, taken } = self.before.as_ref()?;
        let mut most: Vec<_> = taken.iter().map(|(key, taken)| (key, taken.as_millis())).collect();
        most.sort_unstable_by_key(|(_, taken)| std::cmp::Reverse(*taken));
        most.truncate(MOST_KEPT);
        saved_state::keep(2, (self.level, at, most))
    }

    fn recall(&mut self, memo: &str) {
        type Memo = (Level, Duration, Vec<((u32, u64), u64)>);
        let Some((level, at, taken)) = saved_state::recall::<Memo>(2, memo) else { return };
        if self.before.as_ref().is_none_or(|before| before.at < at) {
            let taken = taken.into_iter().map(|(key, taken)| (key, Duration::from_millis(taken)));
            (self.level, self.before) = (level, Some(Walk { at, taken: taken.collect() }));
        }
    }
}

impl Processes {
    fn busiest<'a>(&mut self, tasks: &'a [Task], machine: &Machine) -> Option<Top<'a>> {
        let now = machine.uptime();
        // A walk in the future is one of before the machine was started anew.
        self.before.take_if(|before| before.at > now);
        let passed = self.before.as_ref().map(|before| now.saturating_sub(before.at));
        if passed.is_some_and(|passed| passed < TOO_SHORT) {
            return None;
        }
        let key = |task: &Task| (task.pid, task.start);
        let taken = tasks.iter().map(|task| (key(task), task.taken)).collect();
        let before = self.before.replace(Walk { at: now, taken })?;
        let passed = passed.filter(|passed| *passed <= TOO_LONG)?.as_secs_f64();
        let used = |task: &'a Task| {
            let then = before.taken.get(&key(task))?;
            Some((task, task.taken.saturating_sub(*then).as_secs_f64()))
        };
        let (task, used) = tasks.iter().filter_map(used).max_by(|a, b| a.1.total_cmp(&b.1))?;
        let all = machine.processors().unwrap_or(1).max(1) as f64;
        let processors = (used / passed).min(all);
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
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn source(options: &str) -> Box<dyn Source> {
        open(&options.parse().expect("TOML")).expect("good options")
    }

    fn stat(name: &str, state: char, ticks: u32, start: u32, pages: u32) -> String {
        format!(
            "1 ({name}) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {start} 0 {pages} 0\n"
        )
    }

    /// Two processes; between the walks, ten seconds apart, the second takes four seconds.
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
        let mut source = source(options);
        [0; 2]
            .map(|_| source.sample(machine, &Ask::default()).expect("no error").expect("processes"))
    }

    #[test]
    fn the_busiest_between_two_walks_is_named() {
        let (_dir, machine) = busy_machine();
        let [first, second] = samples("", &machine);
        assert_eq!((first.get("top"), first.get("count")), (None, Some(&Value::number(2.0))));
        assert_eq!(first.get("running"), Some(&Value::number(1.0)));
        assert_eq!(second.get("top"), Some(&Value::text("cc1plus")));
        assert_eq!(second.get("share"), Some(&Value::percent(20.0)));
        assert_eq!(second.get("processors"), Some(&Value::number(0.4)));
    }

    #[test]
    fn the_next_worker_knows_the_walk() {
        let (_dir, machine) = busy_machine();
        let mut first = source("");
        first.sample(&machine, &Ask::default()).expect("no error");
        let memo = first.memo().expect("a walk");
        let mut next = source("");
        for nonsense in ["", "[]", "[2,\"idle\",{\"secs\":1,\"nanos\":0},[]]", "{}"] {
            next.recall(nonsense);
        }
        next.recall(&memo);
        let sample = next.sample(&machine, &Ask::default()).expect("no error").expect("processes");
        assert_eq!(sample.get("share"), Some(&Value::percent(20.0)));
    }

    #[test]
    fn a_walk_before_a_restart_is_forgotten() {
        let (_dir, machine) = busy_machine();
        let mut source = source("");
        source.recall("[1,\"idle\",{\"secs\":9999,\"nanos\":0},[[[2,7],5]]]");
        let mut top = || {
            let sample = source.sample(&machine, &Ask::default()).expect("no error");
            sample.expect("processes").get("top").cloned()
        };
        assert_eq!([top(), top()], [None, Some(Value::text("cc1plus"))]);
    }

    #[test]
    fn a_small_share_names_nobody() {
        let (_dir, machine) = busy_machine();
        assert_eq!(samples("least = 21", &machine)[1].get("top"), None);
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
    fn a_pid_that_came_again_is_somebody_else() {
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
        let mut source = source("by = 'memory'");
        let sample = source.sample(&fixture("laptop"), &Ask::default());
        let sample = sample.expect("no error").expect("processes");
        let numbers = ["count", "running", "blocked", "zombies"];
        let numbers = numbers.map(|field| sample.get(field).and_then(Value::as_number));
        assert_eq!(numbers, [5.0, 1.0, 1.0, 1.0].map(Some));
        assert_eq!(sample.get("top"), Some(&Value::text("Web Content")));
    }

    #[test]
    fn a_machine_that_tells_nothing_has_nothing_to_show() {
        let sample = source("").sample(&fixture("empty"), &Ask::default());
        assert_eq!(sample.expect("no error"), None);
    }
}

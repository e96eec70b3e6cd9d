//! How busy each processor is: what a mean hides. One jammed core of sixteen is 6 % in all.
//!
//! Processors are shown by what they belong to: the fast and the thrifty kind, else the memory node
//! or the package. How they belong is asked when their number changes, not at each tick.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::cpu_usage::CpuUsage;
use crate::base::value::{Level, Part, Sample, Value};
use crate::machine::{Group, Machine};

crate::options! {
    /// Usage in percent from which a processor counts as busy.
    busy: f64 = 90.0,
    /// Share of busy processors, in percent, from which the level is `warning`.
    warning: f64 = 75.0,
    /// Share of busy processors, in percent, from which the level is `critical`.
    critical: f64 = 100.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "cores",
    about: "How busy each processor is, the busiest first of all.",
    icons: Icons { nerd: "\u{f4bc}", unicode: "core", ascii: "core" },
    format: " ($icon )$cores.heat(w:32) ",
    fields: &[
        Field::new("busiest", "the usage of the busiest processor", Unit::Percent),
        Field::new("number", "the number of the busiest processor", Unit::Text),
        Field::new("usage", "the usage of all together", Unit::Percent),
        Field::new("busy", "how many are busy; full is all", Unit::Count),
        Field::new("count", "processors that are on", Unit::Count),
        Field::new("cores", "the usage of each, group by group", Unit::Parts),
        Field::new("performance", "the usage of each of the fast kind", Unit::Parts),
        Field::new("efficiency", "the usage of each of the thrifty kind", Unit::Parts),
        Field::new("groups", "the mean usage of each kind, node or package", Unit::Parts),
        Field::new("history", "the past of the busiest", Unit::History("busiest")),
        Field::new("history_busy", "the past of how many are busy", Unit::History("busy")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    pace: Pace::Tick(Duration::from_secs(1)),
    priority: 40,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Cores {
        options: Options::read(table)?,
        cpu: CpuUsage::default(),
        groups: Vec::new(),
        known: None,
        level: Level::Idle,
    }))
}

struct Cores {
    options: Options,
    cpu: CpuUsage,
    groups: Vec<Group>,
    /// How many processors there were when `groups` was asked for.
    known: Option<usize>,
    level: Level,
}

impl Source for Cores {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        self.cpu.read(machine)?;
        let count = self.cpu.count();
        if count == 0 {
            return Ok(None);
        }
        if self.known != Some(count) {
            self.groups = machine.groups();
            self.known = Some(count);
        }
        let cores = self.cpu.cores();
        let usages = || cores.iter().enumerate().filter_map(|(n, usage)| Some((n, (*usage)?)));
        let mut sample = Sample::new(Level::Idle).with("count", Value::number(count as f64));
        let Some(busiest) = usages().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))) else {
            return Ok(Some(sample));
        };
        let known = usages().count() as f64;
        let busy = usages().filter(|(_, usage)| *usage >= self.options.busy).count() as f64;
        self.level =
            self.level.settle(100.0 * busy / known, self.options.warning, self.options.critical);
        sample.level = self.level;
        sample = sample
            .with("busiest", Value::percent(busiest.1))
            .with("number", Value::text(busiest.0.to_string()))
            .with("usage", Value::percent(usages().map(|(_, usage)| usage).sum::<f64>() / known))
            .with("busy", Value::of(busy, known));
        let of = |cpus: &[u32]| -> Vec<Part> {
            let numbers = cpus.iter().map(|number| *number as usize);
            let part = |n: usize| {
                Some(Part { name: n.to_string().into(), value: cores.get(n).copied().flatten()? })
            };
            numbers.filter_map(part).collect()
        };
        let grouped: Vec<(&str, Vec<Part>)> = self
            .groups
            .iter()
            .map(|group| (&*group.name, of(&group.cpus)))
            .filter(|(_, parts)| !parts.is_empty())
            .collect();
        // A processor in no group would not be shown.
        let whole = grouped.iter().map(|(_, parts)| parts.len()).sum::<usize>() == known as usize;
        if grouped.len() < 2 || !whole {
            let all: Vec<u32> = (0..cores.len() as u32).collect();
            return Ok(Some(sample.with("cores", each(of(&all)))));
        }
        let means = grouped.iter().map(|(name, parts)| Part {
            name: (*name).to_owned().into(),
            value: parts.iter().map(|part| part.value).sum::<f64>() / parts.len() as f64,
        });
        sample = sample.with("groups", each(means.collect()));
        for (kind, field) in [("P", "performance"), ("E", "efficiency")] {
            if let Some((_, parts)) = grouped.iter().find(|(name, _)| *name == kind) {
                sample = sample.with(field, each(parts.clone()));
            }
        }
        let all = grouped.into_iter().flat_map(|(_, parts)| parts);
        Ok(Some(sample.with("cores", each(all.collect()))))
    }

    fn memo(&self) -> Option<String> {
        self.cpu.memo()
    }

    fn recall(&mut self, memo: &str) {
        self.cpu.recall(memo);
    }
}

/// Percentages as parts of all there is: each of four is 100 of 400 at most.
fn each(parts: Vec<Part>) -> Value {
    let whole = 100.0 * parts.len() as f64;
    Value::Parts { parts, whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn second(machine: &Machine) -> Sample {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let mut last = None;
        for _ in 0..2 {
            last = source.sample(machine, &Ask::default()).expect("readable");
        }
        last.expect("something to show")
    }

    fn parts(sample: &Sample, field: &str) -> Option<Vec<(String, f64)>> {
        let Value::Parts { parts, .. } = sample.get(field)? else { panic!("no parts") };
        Some(parts.iter().map(|part| (part.name.to_string(), part.value)).collect())
    }

    #[test]
    fn the_busiest_of_four_is_named() {
        let sample = second(&fixture("laptop"));
        let number = |field: &str| sample.get(field).and_then(Value::as_number);
        assert_eq!(number("busiest"), Some(100.0));
        assert_eq!(sample.get("number"), Some(&Value::text("0")));
        assert_eq!([number("usage"), number("busy")], [Some(42.0), Some(1.0)]);
        assert_eq!(sample.level, Level::Idle);
    }

    #[test]
    fn fast_and_thrifty_processors_are_told_apart() {
        let sample = second(&fixture("laptop"));
        let pair = |name: &str, value| (name.to_owned(), value);
        assert_eq!(parts(&sample, "performance"), Some(vec![pair("1", 48.0), pair("3", 0.0)]));
        assert_eq!(parts(&sample, "groups"), Some(vec![pair("P", 24.0), pair("E", 60.0)]));
        let order = parts(&sample, "cores").expect("cores").into_iter().map(|(name, _)| name);
        assert_eq!(order.collect::<Vec<_>>(), ["1", "3", "0", "2"]);
    }

    #[test]
    fn a_server_is_shown_by_its_nodes() {
        let sample = second(&fixture("server"));
        assert_eq!(parts(&sample, "cores").expect("cores").len(), 64);
        let nodes = parts(&sample, "groups").expect("nodes").into_iter().map(|(name, _)| name);
        assert_eq!(nodes.collect::<Vec<_>>(), ["0", "1"]);
        assert_eq!(parts(&sample, "performance"), None);
    }

    #[test]
    fn groups_that_leave_somebody_out_are_not_believed() {
        let (_dir, machine) = machine_with(&[
            ("proc/stat", "cpu 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n"),
            ("proc/stat@2", "cpu 150 0 0 50\ncpu0 100 0 0 0\ncpu1 50 0 0 50\n"),
            ("sys/devices/cpu_core/cpus", "0\n"),
            ("sys/devices/cpu_atom/cpus", "7\n"),
        ]);
        let sample = second(&machine);
        assert_eq!(parts(&sample, "groups"), None);
        assert_eq!(parts(&sample, "cores").expect("cores").len(), 2);
    }

    #[test]
    fn all_of_them_busy_is_critical() {
        let (_dir, machine) = machine_with(&[
            ("proc/stat", "cpu 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n"),
            ("proc/stat@2", "cpu 200 0 0 0\ncpu0 100 0 0 0\ncpu1 95 0 0 5\n"),
        ]);
        assert_eq!(second(&machine).level, Level::Critical);
    }
}

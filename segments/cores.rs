//! How busy each processor is, in percent, from `/proc/stat`. One busy core of sixteen is only 6 %
//! in the mean.
//!
//! Processors are grouped: into fast and efficient cores, else by memory node or package. The
//! groups are read when the number of processors changes, not at each tick.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::cpu_usage::CpuUsage;
use crate::base::value::{Level, Part, Sample, Value};
use crate::machine::{Group, Machine};

options! {
    /// Usage in percent from which a processor counts as busy.
    busy: f64 = 90.0,
    /// Share of busy processors in percent from which the level is `warning`.
    warning: f64 = 75.0,
    /// Share of busy processors in percent from which the level is `critical`.
    critical: f64 = 100.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "cores",
    about: "How busy each processor is, and which is the busiest.",
    icons: Icons { nerd: "\u{f4bc}", unicode: "core", ascii: "core" },
    format: " ($icon )$cores.heat(w:32) ",
    fields: &[
        Field::new("busiest", "usage of the busiest processor", Unit::Percent),
        Field::new("number", "number of the busiest processor", Unit::Text),
        Field::new("usage", "mean usage of all processors", Unit::Percent),
        Field::new("busy", "number of busy processors, of all", Unit::Count),
        Field::new("count", "processors that are online", Unit::Count),
        Field::new("cores", "usage of each processor, by group", Unit::Parts),
        Field::new("performance", "usage of each fast core", Unit::Parts),
        Field::new("efficiency", "usage of each efficient core", Unit::Parts),
        Field::new("groups", "mean usage of each group", Unit::Parts),
        Field::new("history", "history of the busiest", Unit::History("busiest")),
        Field::new("busy_history", "history of `busy`", Unit::History("busy")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
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
    /// The number of processors when `groups` was read.
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
        // A processor in no group would be missing.
        let whole = grouped.iter().map(|(_, parts)| parts.len()).sum::<usize>() == known as usize;
        if grouped.len() < 2 || !whole {
            let all: Vec<u32> = (0..cores.len() as u32).collect();
            return Ok(Some(sample.with("cores", Value::percentages(of(&all)))));
        }
        let means = grouped.iter().map(|(name, parts)| Part {
            name: (*name).to_owned().into(),
            value: parts.iter().map(|part| part.value).sum::<f64>() / parts.len() as f64,
        });
        sample = sample.with("groups", Value::percentages(means.collect()));
        for (kind, field) in [("P", "performance"), ("E", "efficiency")] {
            if let Some((_, parts)) = grouped.iter().find(|(name, _)| *name == kind) {
                sample = sample.with(field, Value::percentages(parts.clone()));
            }
        }
        let all = grouped.into_iter().flat_map(|(_, parts)| parts);
        Ok(Some(sample.with("cores", Value::percentages(all.collect()))))
    }

    fn save(&self) -> Option<String> {
        self.cpu.save()
    }

    fn restore(&mut self, saved: &str) {
        self.cpu.restore(saved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::number;
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
        assert_eq!(number(&sample, "busiest"), Some(100.0));
        assert_eq!(sample.get("number"), Some(&Value::text("0")));
        assert_eq!([number(&sample, "usage"), number(&sample, "busy")], [Some(42.0), Some(1.0)]);
        assert_eq!(sample.level, Level::Idle);
    }

    #[test]
    fn fast_and_efficient_cores_are_grouped() {
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
    fn groups_that_lack_a_processor_are_ignored() {
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

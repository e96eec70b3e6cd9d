//! How fast the processors are clocked, in Hz, and by which governor.
//!
//! - From the kernel's policies (`cpufreq/policy*`), one for each group of processors that share a
//!   clock, weighted by the number of processors. Without them, from `/proc/cpuinfo`.
//! - A processor that sleeps has no clock: the policy reports its last one.
//! - Reading a clock takes time: some kernels measure for ten milliseconds before they answer
//!   (`arch_freq_get_on_cpu`, 4.13 to 5.16), for each policy. So the source runs in a worker.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Scan, SmallFile, cpus};

options! {
    /// Share of the highest clock in percent below which the level is `warning`: a processor slowed
    /// down by heat or a weak charger; 0: never.
    warning: f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "frequency",
    about: "How fast the processors are clocked, and by which governor.",
    icons: Icons { nerd: "\u{f04c5}", unicode: "clk", ascii: "clk" },
    format: " ($icon )$mean.eng(w:3,unit:Hz,base:1000) ",
    fields: &[
        Field::new("mean", "mean clock of all processors, in Hz", Unit::Count),
        Field::new("highest", "clock of the fastest processor, in Hz", Unit::Count),
        Field::new("lowest", "clock of the slowest processor, in Hz", Unit::Count),
        Field::new("limit", "highest clock that a processor may reach, in Hz", Unit::Count),
        Field::new("governor", "what chooses the clock: `powersave`, `schedutil`, …", Unit::Text),
        Field::new("preference", "the hardware's energy preference, if it chooses", Unit::Text),
        Field::new("history", "history of the mean", Unit::History("mean")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(2)),
    priority: 30,
    open,
};

const POLICIES: &str = "/sys/devices/system/cpu/cpufreq";

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Frequency { options, policies: Scan::default(), level: Level::Idle }))
}

struct Frequency {
    options: Options,
    policies: Scan<Vec<Policy>>,
    level: Level,
}

/// Processors that share a clock.
struct Policy {
    now: SmallFile,
    /// How many processors share it.
    count: f64,
    /// Hz.
    most: Option<f64>,
    governor: Option<String>,
    preference: Option<String>,
}

impl Source for Frequency {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let policies = self.policies.get(machine, find);
        let mut clocks: Vec<(f64, f64)> = policies
            .iter_mut()
            .filter_map(|policy| {
                let khz = policy.now.read(machine).filter(|khz| *khz > 0)?;
                Some((khz as f64 * 1000.0, policy.count))
            })
            .collect();
        let limit = policies.iter().filter_map(|policy| policy.most).reduce(f64::max);
        let first = |word: fn(&Policy) -> Option<&String>| policies.iter().find_map(word).cloned();
        let governor = first(|policy| policy.governor.as_ref());
        let preference = first(|policy| policy.preference.as_ref());
        if clocks.is_empty() {
            self.policies.doubt();
            clocks = cpuinfo(machine);
        }
        let count: f64 = clocks.iter().map(|(_, count)| count).sum();
        let Some(highest) = clocks.iter().map(|(hz, _)| *hz).reduce(f64::max) else {
            return Ok(None);
        };
        let lowest = clocks.iter().map(|(hz, _)| *hz).fold(highest, f64::min);
        let mean = clocks.iter().map(|(hz, count)| hz * count).sum::<f64>() / count;
        // Some firmware reports a limit that is too low.
        let limit = limit.map(|limit| limit.max(highest));
        let value = |hz: f64| limit.map_or(Value::number(hz), |limit| Value::of(hz, limit));
        if let Some(limit) = limit.filter(|_| self.options.warning > 0.0) {
            let missing = 100.0 - 100.0 * mean / limit;
            self.level = self.level.settle(missing, 100.0 - self.options.warning, f64::INFINITY);
        }
        let mut sample = Sample::new(self.level)
            .with("mean", value(mean))
            .with("highest", value(highest))
            .with("lowest", value(lowest))
            .with_some("limit", limit.map(Value::number));
        for (name, word) in [("governor", governor), ("preference", preference)] {
            if let Some(word) = word {
                sample = sample.with(name, Value::text(word));
            }
        }
        Ok(Some(sample))
    }

    fn save(&self) -> Option<String> {
        self.level.save()
    }

    fn restore(&mut self, saved: &str) {
        self.level.restore(saved);
    }
}

fn find(machine: &Machine) -> Vec<Policy> {
    let policies = machine.numbered(POLICIES, "policy").into_iter().map(|(_, dir)| {
        let count = machine.word(dir.join("affected_cpus")).map_or(1, |list| cpus(&list).len());
        let most = ["scaling_max_freq", "cpuinfo_max_freq"];
        let most =
            most.iter().find_map(|name| machine.number(dir.join(name)).filter(|khz| *khz > 0));
        Policy {
            now: SmallFile::new(dir.join("scaling_cur_freq")),
            count: count.max(1) as f64,
            most: most.map(|khz| khz as f64 * 1000.0),
            governor: machine.word(dir.join("scaling_governor")),
            preference: machine.word(dir.join("energy_performance_preference")),
        }
    });
    policies.collect()
}

/// The clocks in `/proc/cpuinfo`, in Hz, each for one processor.
fn cpuinfo(machine: &Machine) -> Vec<(f64, f64)> {
    let text = machine.read("/proc/cpuinfo").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let clocks = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let mhz: f64 = value.trim().trim_end_matches("MHz").parse().ok()?;
        let sane = name.trim() == "cpu MHz" && mhz > 0.0 && mhz < 1e6;
        sane.then_some((mhz * 1e6, 1.0))
    });
    clocks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn policies_count_for_their_processors() {
        let sample = sample_with(&SEGMENT, "", &fixture("laptop")).expect("policies");
        let fields = ["mean", "highest", "lowest", "limit"].map(|field| number(&sample, field));
        assert_eq!(fields, [Some(1.9e9), Some(2.8e9), Some(1.6e9), Some(4.7e9)]);
        assert_eq!(sample.get("governor"), Some(&Value::text("powersave")));
        assert_eq!(sample.get("preference"), Some(&Value::text("balance_performance")));
    }

    #[test]
    fn a_machine_without_policies_has_cpuinfo() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("clocks");
        assert_eq!([number(&sample, "mean"), number(&sample, "limit")], [Some(2.5e9), None]);
    }

    #[test]
    fn a_throttled_processor_may_warn() {
        let level = |percent| {
            let options = format!("warning = {percent}");
            sample_with(&SEGMENT, &options, &fixture("laptop")).expect("policies").level
        };
        assert_eq!([level(30), level(50), level(0)], [Level::Idle, Level::Warning, Level::Idle]);
    }

    #[test]
    fn missing_and_malformed_files_show_nothing() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("empty")), None);
        let text = "cpu MHz : 0.000\ncpu MHz : nan\ncpu MHz\nMHz : 5\ncpu MHz : 1e300\n";
        let (_dir, machine) = machine_with(&[
            ("proc/cpuinfo", text),
            ("sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "<unknown>\n"),
        ]);
        assert_eq!(sample_with(&SEGMENT, "", &machine), None);
    }
}

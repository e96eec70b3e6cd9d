//! How long tasks wait for a processor, memory or a disk, in percent of time; from the kernel's
//! pressure files (PSI). It shows what slows the machine down now, where a load average only shows
//! that there is a queue.
//!
//! - The share of the last seconds is computed from the kernel's total; the level follows the
//!   kernel's mean of ten seconds, which is steadier.
//! - The kernel updates its totals every two seconds (PSI_FREQ of psi.c): a total that has not
//!   changed for less than twice that says nothing yet.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, PressureReader, RESOURCES, Stall, Whose};

choice! {
    /// Whose pressure is shown.
    Of { Auto = "auto", Machine = "machine" }
}

options! {
    /// Whose pressure: the machine's (`machine`), or, in a container, its own (`auto`).
    of: Of = Of::Auto,
    /// Show the pressure of this control group instead, such as `system.slice`.
    group: String = "",
    /// Mean of ten seconds in percent from which the level is `warning`.
    warning: f64 = 5.0,
    /// Mean of ten seconds in percent from which the level is `critical`.
    critical: f64 = 20.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "pressure",
    about: "How long tasks wait for a processor, for memory and for disks.",
    icons: Icons { nerd: "\u{f051f}", unicode: "psi", ascii: "psi" },
    format: " ($icon )$cpu_gauge.gauge()$memory_gauge.gauge()$io_gauge.gauge() ",
    fields: &[
        Field::new("cpu", "share of time in which a task waited for a processor", Unit::Percent),
        Field::new("memory", "share of time in which a task waited for memory", Unit::Percent),
        Field::new("io", "share of time in which a task waited for a disk", Unit::Percent),
        Field::new("cpu_full", "share of time in which all tasks waited for one", Unit::Percent),
        Field::new("memory_full", "share of time in which all tasks waited for it", Unit::Percent),
        Field::new("io_full", "share of time in which all tasks waited for one", Unit::Percent),
        Field::new("cpu_mean", "`cpu` over ten seconds", Unit::Percent),
        Field::new("memory_mean", "`memory` over ten seconds", Unit::Percent),
        Field::new("io_mean", "`io` over ten seconds", Unit::Percent),
        Field::new("cpu_gauge", "`cpu_mean`, full at `critical`", Unit::Count),
        Field::new("memory_gauge", "`memory_mean`, full at `critical`", Unit::Count),
        Field::new("io_gauge", "`io_mean`, full at `critical`", Unit::Count),
        Field::new("worst", "the highest of the three means", Unit::Percent),
        Field::new("resource", "which one that is: `cpu`, `memory` or `io`", Unit::Text),
        Field::new("history", "history of the worst", Unit::History("worst")),
        Field::new("cpu_history", "history of `cpu`", Unit::History("cpu")),
        Field::new("memory_history", "history of `memory`", Unit::History("memory")),
        Field::new("io_history", "history of `io`", Unit::History("io")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Tick(Duration::from_secs(2)),
    priority: 45,
    open,
};

/// The names of a resource's fields: some, full, mean, gauge.
const FIELDS: [[&str; 4]; 3] = [
    ["cpu", "cpu_full", "cpu_mean", "cpu_gauge"],
    ["memory", "memory_full", "memory_mean", "memory_gauge"],
    ["io", "io_full", "io_mean", "io_gauge"],
];
/// After this time an unchanged total means that no task waited.
const UNCHANGED: Duration = Duration::from_secs(4);

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    let whose = match (&options.of, &*options.group) {
        (Of::Auto, "") => Whose::Ours,
        (Of::Machine, "") => Whose::Machine,
        (_, group) => Whose::Group(group.to_owned()),
    };
    let reader = PressureReader::new(whose);
    Ok(Box::new(Stalls { options, reader, waits: Default::default(), level: Level::Idle }))
}

struct Stalls {
    options: Options,
    reader: PressureReader,
    /// For each resource: some, full.
    waits: [[Wait; 2]; 3],
    level: Level,
}

/// A total and its recent growth.
#[derive(Clone, Copy, Default)]
struct Wait {
    /// The total, and when it was first seen, by the boot clock.
    before: Option<(Duration, Duration)>,
    share: Option<f64>,
}

impl Wait {
    /// The share of the time since the last change, in percent.
    fn share(&mut self, stall: &Stall, now: Duration) -> f64 {
        if let Some((total, at)) = self.before {
            let passed = now.saturating_sub(at);
            if stall.total == total && passed < UNCHANGED {
                return self.share.unwrap_or(stall.mean);
            }
            if !passed.is_zero() {
                let grown = stall.total.saturating_sub(total);
                self.share = Some((100.0 * grown.as_secs_f64() / passed.as_secs_f64()).min(100.0));
            }
        }
        self.before = Some((stall.total, now));
        self.share.unwrap_or(stall.mean)
    }
}

impl Source for Stalls {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let now = machine.uptime();
        let read = self.reader.read(machine);
        let means = read.iter().zip(RESOURCES);
        let means = means.filter_map(|(read, name)| Some((read.as_ref()?.some.mean, name)));
        let Some((worst, name)) = means.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            return Ok(None);
        };
        self.level = self.level.settle(worst, self.options.warning, self.options.critical);
        let mut sample = Sample::new(self.level);
        for ((read, waits), names) in read.iter().zip(&mut self.waits).zip(FIELDS) {
            let Some(read) = read else { continue };
            let [some, full, mean, gauge] = names;
            let top = self.options.critical.max(1.0);
            sample = sample
                .with(some, Value::percent(waits[0].share(&read.some, now)))
                .with(mean, Value::percent(read.some.mean))
                .with(gauge, Value::of(read.some.mean, top));
            if let Some(stall) = &read.full {
                sample = sample.with(full, Value::percent(waits[1].share(stall, now)));
            }
        }
        Ok(Some(sample.with("worst", Value::percent(worst)).with("resource", Value::text(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, opened};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_first_reading_is_the_kernels_mean_and_then_our_share() {
        let (_dir, machine) = machine_with(&[
            ("proc/uptime", "100.00 1\n"),
            ("proc/uptime@2", "102.00 1\n"),
            ("proc/uptime@3", "103.00 1\n"),
            ("proc/uptime@4", "106.00 1\n"),
            ("proc/pressure/io", "some avg10=9.00 avg60=0 avg300=0 total=1000000\n"),
            ("proc/pressure/io@2", "some avg10=9.00 avg60=0 avg300=0 total=1500000\n"),
        ]);
        let mut source = opened(&SEGMENT, "");
        let mut io = || {
            let sample = source.sample(&machine, &Ask::default()).expect("no error").expect("some");
            number(&sample, "io")
        };
        // Half a second of two; then nothing new; then nothing new for too long.
        assert_eq!([io(), io(), io(), io()], [9.0, 25.0, 25.0, 0.0].map(Some));
    }

    #[test]
    fn the_worst_resource_is_named_and_sets_the_level() {
        let sample = opened(&SEGMENT, "").sample(&fixture("server"), &Ask::default());
        let sample = sample.expect("no error").expect("a pressure");
        assert_eq!(sample.get("resource"), Some(&Value::text("io")));
        assert_eq!(number(&sample, "worst"), Some(12.5));
        assert_eq!(sample.level, Level::Warning);
        assert_eq!(sample.get("io_gauge"), Some(&Value::of(12.5, 20.0)));
        assert_eq!(number(&sample, "io_full"), Some(4.25));
    }

    #[test]
    fn a_container_has_its_own_pressure() {
        let worst = |options: &str| {
            let sample = opened(&SEGMENT, options).sample(&fixture("container"), &Ask::default());
            number(&sample.expect("no error").expect("a pressure"), "worst")
        };
        assert_eq!([worst(""), worst("of = 'machine'")], [Some(31.0), Some(0.5)]);
    }

    #[test]
    fn a_kernel_without_it_has_nothing_to_show() {
        for name in ["old", "empty", "broken"] {
            let sample =
                opened(&SEGMENT, "").sample(&fixture(name), &Ask::default()).expect("no error");
            assert_eq!(sample, None, "{name}");
        }
    }
}

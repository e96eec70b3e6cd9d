//! How long tasks wait for a processor, for memory, for a disk: what slows the machine down now,
//! where a load average only says that there is a queue.
//!
//! - The share of the last seconds is our own, from the total of the kernel; the level goes by the
//!   kernel's mean of ten seconds, which does not flicker.
//! - The kernel brings its totals up to date every two seconds (PSI_FREQ of psi.c): a total that
//!   stands still for less than twice that says nothing yet.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, PressureReader, RESOURCES, Stall, Whose};

crate::choice! {
    /// Whose pressure is shown.
    Of { Auto = "auto", Host = "host" }
}

crate::options! {
    /// Whose pressure is shown: the machine's, or (auto) in a container its own.
    of: Of = Of::Auto,
    /// A control group whose pressure is shown instead, such as `system.slice`.
    group: String = "",
    /// Share of the last ten seconds, in percent, from which the level is `warning`.
    warning: f64 = 5.0,
    /// Share of the last ten seconds, in percent, from which the level is `critical`.
    critical: f64 = 20.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "pressure",
    about: "How long tasks wait for a processor, for memory and for disks.",
    icons: Icons { nerd: "\u{f051f}", unicode: "psi", ascii: "psi" },
    format: " ($icon )$cpu_gauge.gauge()$memory_gauge.gauge()$io_gauge.gauge() ",
    fields: &[
        Field::new("cpu", "share of the time in which a task waited to run", Unit::Percent),
        Field::new("memory", "share of the time in which a task waited for memory", Unit::Percent),
        Field::new("io", "share of the time in which a task waited for a disk", Unit::Percent),
        Field::new("cpu_full", "the same of all tasks at once", Unit::Percent),
        Field::new("memory_full", "the same of all tasks at once", Unit::Percent),
        Field::new("io_full", "the same of all tasks at once", Unit::Percent),
        Field::new("cpu_mean", "percent over ten seconds", Unit::Percent),
        Field::new("memory_mean", "percent over ten seconds", Unit::Percent),
        Field::new("io_mean", "percent over ten seconds", Unit::Percent),
        Field::new("cpu_gauge", "percent over ten seconds, full at `critical`", Unit::Count),
        Field::new("memory_gauge", "percent over ten seconds, full at `critical`", Unit::Count),
        Field::new("io_gauge", "percent over ten seconds, full at `critical`", Unit::Count),
        Field::new("worst", "the highest of the three over ten seconds", Unit::Percent),
        Field::new("resource", "which that is: `cpu`, `memory` or `io`", Unit::Text),
        Field::new("history", "the past of the worst", Unit::History("worst")),
        Field::new("history_cpu", "the past of `cpu`", Unit::History("cpu")),
        Field::new("history_memory", "the past of `memory`", Unit::History("memory")),
        Field::new("history_io", "the past of `io`", Unit::History("io")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
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
/// A total that stands still for so long stands still.
const STILL: Duration = Duration::from_secs(4);

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    let whose = match (&options.of, &*options.group) {
        (Of::Auto, "") => Whose::Ours,
        (Of::Host, "") => Whose::Machine,
        (_, group) => Whose::Group(group.to_owned()),
    };
    let reader = PressureReader::new(whose);
    Ok(Box::new(Stalls { options, reader, waits: Default::default(), level: Level::Idle }))
}

struct Stalls {
    options: Options,
    reader: PressureReader,
    /// Of each resource: some, full.
    waits: [[Wait; 2]; 3],
    level: Level,
}

/// A total and what it grew by lately.
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
            if stall.total == total && passed < STILL {
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
    use crate::base::test_support::number;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn source(options: &str) -> Box<dyn Source> {
        open(&options.parse().expect("TOML")).expect("good options")
    }

    #[test]
    fn the_first_reading_is_the_kernels_and_the_next_our_own() {
        let (_dir, machine) = machine_with(&[
            ("proc/uptime", "100.00 1\n"),
            ("proc/uptime@2", "102.00 1\n"),
            ("proc/uptime@3", "103.00 1\n"),
            ("proc/uptime@4", "106.00 1\n"),
            ("proc/pressure/io", "some avg10=9.00 avg60=0 avg300=0 total=1000000\n"),
            ("proc/pressure/io@2", "some avg10=9.00 avg60=0 avg300=0 total=1500000\n"),
        ]);
        let mut source = source("");
        let mut io = || {
            let sample = source.sample(&machine, &Ask::default()).expect("no error").expect("some");
            number(&sample, "io")
        };
        // Half a second of two; then nothing new; then nothing new for too long.
        assert_eq!([io(), io(), io(), io()], [9.0, 25.0, 25.0, 0.0].map(Some));
    }

    #[test]
    fn the_worst_is_named_and_sets_the_level() {
        let sample = source("").sample(&fixture("server"), &Ask::default());
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
            let sample = source(options).sample(&fixture("container"), &Ask::default());
            number(&sample.expect("no error").expect("a pressure"), "worst")
        };
        assert_eq!([worst(""), worst("of = 'host'")], [Some(31.0), Some(0.5)]);
    }

    #[test]
    fn a_kernel_without_it_has_nothing_to_show() {
        for name in ["old", "empty", "broken"] {
            let sample = source("").sample(&fixture(name), &Ask::default()).expect("no error");
            assert_eq!(sample, None, "{name}");
        }
    }
}

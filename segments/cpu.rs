//! How busy the processors are: the share of time, between two readings of `/proc/stat`, in which
//! they worked. All values are in percent.
//!
//! A usage needs two readings. After the first there is only `count`, unless the counters of an
//! earlier process were restored.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::cpu_usage::{Bands, CpuUsage};
use crate::base::value::{Level, Part, Sample, Value};
use crate::machine::Machine;

options! {
    /// Usage in percent from which the level is `warning`.
    warning: f64 = 80.0,
    /// Usage in percent from which the level is `critical`.
    critical: f64 = 95.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "cpu",
    about: "How busy the processors are: in total, by type of work, and each.",
    icons: Icons { nerd: "\u{f4bc}", unicode: "cpu", ascii: "cpu" },
    format: " ($icon )$usage.pct(w:3) $history.spark(w:8) ",
    fields: &[
        Field::new("usage", "share of time in which the processors worked", Unit::Percent),
        Field::new("user", "time in programs", Unit::Percent),
        Field::new("nice", "time in programs of low priority", Unit::Percent),
        Field::new("system", "time in the kernel", Unit::Percent),
        Field::new("irq", "time in interrupts", Unit::Percent),
        Field::new("steal", "time taken by the hypervisor", Unit::Percent),
        Field::new("bands", "the types of work as parts of all time", Unit::Parts),
        Field::new("cores", "usage of each processor, by its number", Unit::Parts),
        Field::new("count", "processors that are online", Unit::Count),
        Field::new("history", "history of the usage", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Tick(std::time::Duration::from_secs(1)),
    priority: 70,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Cpu {
        options: Options::read(table)?,
        cpu: CpuUsage::default(),
        level: Level::Idle,
    }))
}

struct Cpu {
    options: Options,
    cpu: CpuUsage,
    level: Level,
}

impl Source for Cpu {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        self.cpu.read(machine)?;
        let count = self.cpu.count();
        let mut sample = Sample::new(Level::Idle);
        if let Some(bands) = self.cpu.bands() {
            let usage = Value::percent(bands.usage());
            self.level =
                self.level.settle(bands.usage(), self.options.warning, self.options.critical);
            sample.level = self.level;
            sample = sample.with("usage", usage);
            if self.cpu.tells_bands() {
                sample = sample
                    .with("user", Value::percent(bands.user))
                    .with("nice", Value::percent(bands.nice))
                    .with("system", Value::percent(bands.system))
                    .with("irq", Value::percent(bands.irq))
                    .with("steal", Value::percent(bands.steal))
                    .with("bands", bands_as_parts(&bands));
            }
        }
        if self.cpu.cores().iter().any(Option::is_some) {
            sample = sample.with("cores", cores_as_parts(self.cpu.cores()));
        }
        Ok(Some(sample.with_some("count", (count > 0).then(|| Value::number(count as f64)))))
    }

    fn save(&self) -> Option<String> {
        self.cpu.save()
    }

    fn restore(&mut self, saved: &str) {
        self.cpu.restore(saved);
    }
}

fn bands_as_parts(bands: &Bands) -> Value {
    let part = |name: &'static str, value| Part { name: name.into(), value };
    Value::Parts {
        parts: vec![
            part("system", bands.system),
            part("irq", bands.irq),
            part("user", bands.user),
            part("nice", bands.nice),
            part("steal", bands.steal),
        ],
        whole: 100.0,
    }
}

/// Each processor's usage as part of a whole: two of three processors at 50 % are 50 and 50 of 300.
/// Processors that are offline are left out.
fn cores_as_parts(cores: &[Option<f64>]) -> Value {
    let parts: Vec<Part> = cores
        .iter()
        .enumerate()
        .filter_map(|(number, usage)| {
            Some(Part { name: number.to_string().into(), value: (*usage)? })
        })
        .collect();
    Value::percentages(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::number;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn source() -> Box<dyn Source> {
        open(&toml::Table::new()).expect("defaults are fine")
    }

    fn sample(source: &mut dyn Source, machine: &Machine) -> Sample {
        source.sample(machine, &Ask::default()).expect("readable").expect("something to show")
    }

    /// A machine whose first line of `/proc/stat` is each of these in turn.
    fn machine_of(lines: &[&str]) -> (tempfile::TempDir, Machine) {
        let files =
            (1..).zip(lines).map(|(at, line)| (format!("proc/stat@{at}"), format!("cpu {line}\n")));
        let files: Vec<_> = files.collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        machine_with(&files)
    }

    /// The usage after these lines of `/proc/stat`.
    fn usage(lines: &[&str]) -> Option<f64> {
        let (_dir, machine) = machine_of(lines);
        let mut source = source();
        let mut last = Sample::default();
        lines.iter().for_each(|_| last = sample(&mut *source, &machine));
        number(&last, "usage")
    }

    #[test]
    fn one_reading_gives_no_usage_but_says_how_many_there_are() {
        let machine = fixture("laptop");
        let first = sample(&mut *source(), &machine);
        let fields: Vec<_> = first.values.iter().map(|(name, _)| *name).collect();
        assert_eq!(fields, ["count"]);
    }

    #[test]
    fn bands_are_shares_of_the_difference() {
        let machine = fixture("laptop");
        let mut source = source();
        sample(&mut *source, &machine);
        let second = sample(&mut *source, &machine);
        let all = ["usage", "user", "nice", "system", "irq", "steal", "count"];
        let all = all.map(|field| number(&second, field).expect(field));
        assert_eq!(all, [42.0, 25.0, 5.0, 10.0, 2.0, 0.0, 4.0]);
    }

    #[test]
    fn each_core_has_its_own_usage() {
        let machine = fixture("laptop");
        let mut source = source();
        sample(&mut *source, &machine);
        let second = sample(&mut *source, &machine);
        let Some(Value::Parts { parts, whole }) = second.get("cores") else { panic!("no cores") };
        let seen: Vec<_> = parts.iter().map(|part| (&*part.name, part.value)).collect();
        assert_eq!(seen, [("0", 100.0), ("1", 48.0), ("2", 20.0), ("3", 0.0)]);
        assert_eq!(*whole, 400.0);
    }

    #[test]
    fn a_server_shows_all_its_cores() {
        let machine = fixture("server");
        let mut source = source();
        sample(&mut *source, &machine);
        let second = sample(&mut *source, &machine);
        let Some(Value::Parts { parts, .. }) = second.get("cores") else { panic!("no cores") };
        assert_eq!((parts.len(), number(&second, "usage")), (64, Some(75.0)));
    }

    /// `100 0 50 850` and a hundred ticks more of one kind each.
    #[test]
    fn disks_are_idle_guests_count_once_and_the_rest_is_work() {
        let start = "100 0 50 850 0 0 0 0 0 0";
        let after = |line| usage(&[start, line]).expect("two readings");
        assert_eq!(after("100 0 50 860 90 0 0 0 0 0"), 0.0, "iowait");
        assert_eq!(after("190 0 50 860 0 0 0 0 90 0"), 90.0, "guest");
        assert_eq!(after("100 90 50 860 0 0 0 0 0 90"), 90.0, "nice, a guest's");
        assert_eq!(after("100 0 50 860 0 45 45 0 0 0"), 90.0, "irq");
        assert_eq!(after("100 0 50 860 0 0 0 90 0 0"), 90.0, "steal");
        assert_eq!(after("200 0 50 850 0 0 0 0 0 0"), 100.0, "user");
        assert_eq!(after("100 0 50 950 0 0 0 0 0 0"), 0.0, "idle");
    }

    #[test]
    fn unchanged_counters_keep_the_last_usage() {
        let lines = ["100 0 50 850", "150 0 50 900", "150 0 50 900"];
        assert_eq!(usage(&lines), Some(50.0));
    }

    #[test]
    fn a_difference_that_is_too_small_accumulates() {
        let lines = ["0 0 0 0", "1 0 0 0", "2 0 0 0", "3 0 0 7"];
        assert_eq!(usage(&lines[..3]), None);
        assert_eq!(usage(&lines), Some(30.0));
    }

    #[test]
    fn counters_going_backwards_make_no_spike() {
        let lines = ["100 0 50 850", "150 0 50 900", "151 0 50 20", "176 0 50 95"];
        assert_eq!(usage(&lines[..3]), Some(50.0));
        assert_eq!(usage(&lines), Some(25.0));
    }

    #[test]
    fn a_broken_machine_shows_no_usage() {
        let machine = fixture("broken");
        let mut source = source();
        for _ in 0..2 {
            assert_eq!(number(&sample(&mut *source, &machine), "usage"), None);
        }
        for _ in 0..2 {
            let error = source.sample(&machine, &Ask::default()).expect_err("garbage");
            assert!(matches!(error, Error::Strange { .. }), "{error}");
        }
    }

    #[test]
    fn shrinking_iowait_is_ordinary() {
        assert_eq!(usage(&["100 0 50 850 40", "150 0 50 900 30"]), Some(50.0));
    }

    #[test]
    fn the_largest_numbers_make_a_percentage() {
        let huge = "18446744073709551615 18446744073709551615 99999999999999999999999 1";
        assert_eq!(usage(&["0 0 0 0", huge]), Some(100.0));
        assert_eq!(usage(&[huge, huge]), None);
    }

    #[test]
    fn the_next_process_continues_from_saved_counters() {
        let machine = fixture("laptop");
        let mut first = source();
        sample(&mut *first, &machine);
        let saved = first.save().expect("counters");
        let mut second = source();
        second.restore(&saved);
        let sample = sample(&mut *second, &machine);
        assert_eq!(number(&sample, "usage"), Some(42.0));
        assert!(sample.get("cores").is_some());
    }

    #[test]
    fn counters_of_another_boot_and_malformed_ones_are_ignored() {
        let machine = fixture("laptop");
        for saved in ["", "1", "2 3 4", "1 7 0 0 0 0 0 0 0", "1 1 1 1 1 1 1 1 1 x:y", "\u{0}"] {
            let mut source = source();
            source.restore(saved);
            assert_eq!(number(&sample(&mut *source, &machine), "usage"), None, "{saved:?}");
        }
    }

    #[test]
    fn levels_follow_the_options_with_hysteresis() {
        let (_dir, machine) = machine_of(&["0 0 0 0", "85 0 0 15", "164 0 0 36", "240 0 0 60"]);
        let mut source = source();
        let levels: Vec<_> = (0..4).map(|_| sample(&mut *source, &machine).level).collect();
        // 85 %, 79 % and 76 % against a threshold of 80.
        assert_eq!(levels, [Level::Idle, Level::Warning, Level::Warning, Level::Idle]);
    }

    #[test]
    fn the_real_machine_gives_a_percentage_after_a_restore() {
        let machine = Machine::real();
        let mut source = source();
        sample(&mut *source, &machine);
        let Some(saved) = source.save() else { return };
        let boot = saved.split(' ').nth(1).expect("a boot time").to_owned();
        let mut next = super::open(&toml::Table::new()).expect("defaults are fine");
        // All there was since boot.
        next.restore(&format!("1 {boot} 0 0 0 0 0 0 0"));
        let usage = number(&sample(&mut *next, &machine), "usage").expect("two readings");
        assert!((0.0..=100.0).contains(&usage));
    }
}

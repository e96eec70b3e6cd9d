//! The machine in one chart: the history of the processors in front of the use of the memory, and a
//! cell for the battery. From `/proc/stat`, `/proc/meminfo` and the power supplies; shares are in
//! percent.
//!
//! - The height of a cell is the processors' usage at one reading. Its hue (`work`) is the type of
//!   work: programs, the kernel, or waiting for disks and the hypervisor. Waiting is not usage, so
//!   a machine that only waits has low cells in the colour of waiting.
//! - The background is the memory, divided among its parts to an eighth of a cell.
//! - Batteries are read only every five seconds: their firmware answers slowly.

use std::time::Duration;

use crate::base::battery_total::BatteryTotal;
use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::cpu_usage::{Bands, CpuUsage};
use crate::base::memory_breakdown::{Limit, Memory};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{BatteryReader, Charging, Machine};

options! {
    /// Whose memory: the machine's (`machine`), the control group's if it has a limit (`cgroup`), or
    /// `auto`: the group's if its limit is below the machine's memory.
    limit: Limit = Limit::Auto,
    /// Whether a battery is shown, if there is one.
    battery: bool = true,
    /// Usage of processors or memory in percent from which the level is `warning`.
    warning: f64 = 80.0,
    /// Usage of processors or memory in percent from which the level is `critical`.
    critical: f64 = 95.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "rainbar",
    about: "The machine in one chart: the history of the processors in front of the use of the memory.",
    icons: Icons { nerd: "\u{f0597}", unicode: "", ascii: "" },
    format: " ($icon )$history.rain(w:38,over:memory,hue:work_history)\
             ( [$charge.gauge()](fg:gradient(charge) bg:raised)$arrow) ",
    fields: &[
        Field::new("cpu", "share of time in which the processors worked", Unit::Percent),
        Field::new("user", "time in programs", Unit::Percent),
        Field::new("system", "time in the kernel, with interrupts", Unit::Percent),
        Field::new("wait", "time waiting for disks or taken by the hypervisor", Unit::Percent),
        Field::new("work", "type of work: 0 programs, 50 kernel, 100 waiting", Unit::Percent),
        Field::new(
            "memory",
            "kernel, anonymous, shared, cache and free; together the total",
            Unit::Parts,
        ),
        Field::new("used", "memory that other programs cannot have", Unit::Bytes),
        Field::new("usage", "used memory of the total", Unit::Percent),
        Field::new("charge", "charge of all batteries together", Unit::Percent),
        Field::new("arrow", "direction of the charge: up, down, or none", Unit::Text),
        Field::new("history", "history of `cpu`", Unit::History("cpu")),
        Field::new("work_history", "history of `work`", Unit::History("work")),
        Field::new("usage_history", "history of `usage`", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // It reads batteries.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(1)),
    priority: 50,
    open,
};

/// How often the batteries are read.
const CHARGE_PACE: Duration = Duration::from_secs(5);

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Rainbar {
        options: Options::read(table)?,
        processors: CpuUsage::default(),
        memory: Memory::default(),
        batteries: BatteryReader::default(),
        charge: None,
        level: Level::Idle,
    }))
}

struct Rainbar {
    options: Options,
    processors: CpuUsage,
    memory: Memory,
    batteries: BatteryReader,
    /// When the batteries were read, by the boot clock, and their charge.
    charge: Option<(Duration, Option<Charge>)>,
    level: Level,
}

#[derive(Clone, Copy)]
struct Charge {
    share: f64,
    state: Charging,
}

impl Source for Rainbar {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let read = self.processors.read(machine);
        let memory = self.memory.read(machine, self.options.limit);
        let mut sample = Sample::new(Level::Idle);
        let mut most: f64 = 0.0;
        if let Some(shares) = self.processors.bands().filter(|_| read.is_ok()) {
            most = shares.usage();
            sample = sample.with("cpu", Value::percent(most));
            if self.processors.tells_bands() {
                let work = Work::of(&shares);
                sample = sample
                    .with("user", Value::percent(work.user))
                    .with("system", Value::percent(work.system))
                    .with("wait", Value::percent(work.wait))
                    .with("work", Value::percent(work.position()));
            }
        }
        match (memory, read) {
            (Ok(picture), _) => {
                most = most.max(picture.usage());
                sample = sample
                    .with("memory", picture.parts())
                    .with("used", Value::of(picture.used() as f64, picture.total as f64))
                    .with("usage", Value::percent(picture.usage()));
            }
            // The processors alone are better than nothing.
            (Err(_), Ok(())) => {}
            (Err(_), Err(error)) => return Err(error),
        }
        if let Some(charge) = self.charge(machine) {
            sample = sample
                .with("charge", Value::percent(100.0 * charge.share))
                .with("arrow", charge.state.arrow());
        }
        self.level = self.level.settle(most, self.options.warning, self.options.critical);
        sample.level = self.level;
        Ok(Some(sample))
    }

    fn save(&self) -> Option<String> {
        self.processors.save()
    }

    fn restore(&mut self, saved: &str) {
        self.processors.restore(saved);
    }
}

impl Rainbar {
    fn charge(&mut self, machine: &Machine) -> Option<Charge> {
        if !self.options.battery {
            return None;
        }
        let now = machine.uptime();
        if let Some((at, known)) = &self.charge
            && now.saturating_sub(*at) < CHARGE_PACE
        {
            return *known;
        }
        // A battery that cannot be read is left out; the segment `battery` reports the error.
        let cells = self.batteries.read(machine).unwrap_or_default();
        let charge =
            BatteryTotal::of(&cells).map(|sum| Charge { share: sum.share, state: sum.state });
        self.charge = Some((now, charge));
        charge
    }
}

/// Kinds of work, in percent of all time.
struct Work {
    user: f64,
    system: f64,
    wait: f64,
}

impl Work {
    fn of(shares: &Bands) -> Work {
        Work {
            user: shares.user + shares.nice,
            system: shares.system + shares.irq,
            wait: shares.iowait + shares.steal,
        }
    }

    /// From 0 (all programs) over 50 (all kernel) to 100 (all waiting).
    fn position(&self) -> f64 {
        let all = self.user + self.system + self.wait;
        if all > 0.0 { (50.0 * self.system + 100.0 * self.wait) / all } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, opened};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    /// What is shown of a machine after its second reading.
    fn second(options: &str, machine: &str) -> Sample {
        let mut source = opened(&SEGMENT, options);
        let machine = fixture(machine);
        let mut last = None;
        for _ in 0..2 {
            last = source.sample(&machine, &Ask::default()).expect("readable");
        }
        last.expect("something to show")
    }

    #[test]
    fn a_laptop_has_all_fields() {
        let laptop = second("", "laptop");
        let all = ["cpu", "user", "system", "wait"].map(|field| number(&laptop, field));
        assert_eq!(all, [Some(42.0), Some(30.0), Some(12.0), Some(1.5)]);
        assert_eq!(number(&laptop, "work"), Some((50.0 * 12.0 + 100.0 * 1.5) / 43.5));
        assert!(
            matches!(laptop.get("memory"), Some(Value::Parts { parts, .. }) if parts.len() == 5)
        );
        assert!(number(&laptop, "charge").is_some());
    }

    #[test]
    fn the_battery_can_be_left_out() {
        assert_eq!(number(&second("battery = false", "laptop"), "charge"), None);
        assert_eq!(number(&second("", "server"), "charge"), None);
    }

    #[test]
    fn work_is_a_scale_from_programs_to_waiting() {
        let work = |user, system, wait| Work { user, system, wait }.position();
        assert_eq!(work(0.0, 0.0, 0.0), 0.0);
        assert_eq!(work(40.0, 0.0, 0.0), 0.0);
        assert_eq!(work(0.0, 40.0, 0.0), 50.0);
        assert_eq!(work(0.0, 0.0, 3.0), 100.0);
    }

    #[test]
    fn a_machine_that_waits_for_its_disk_is_not_busy() {
        let files = [("proc/stat", "cpu 0 0 0 0 0\n"), ("proc/stat@2", "cpu 0 0 0 20 80\n")];
        let (_dir, machine) = machine_with(&files);
        let mut source = opened(&SEGMENT, "");
        source.sample(&machine, &Ask::default()).expect("readable");
        let sample = source.sample(&machine, &Ask::default()).expect("readable").expect("shown");
        let all = ["cpu", "wait", "work"].map(|field| number(&sample, field));
        assert_eq!(all, [Some(0.0), Some(80.0), Some(100.0)]);
        // There is no /proc/meminfo here: only the processors are shown.
        assert_eq!(sample.get("memory"), None);
    }

    #[test]
    fn a_machine_without_files_is_an_error() {
        let (_dir, machine) = machine_with(&[]);
        assert!(opened(&SEGMENT, "").sample(&machine, &Ask::default()).is_err());
    }

    #[test]
    fn batteries_are_read_every_five_seconds() {
        let supply = |file: &str| format!("sys/class/power_supply/BAT0/{file}");
        let files: Vec<(String, &str)> = [
            ("type", "Battery\n"),
            ("status", "Discharging\n"),
            ("energy_full", "50000000\n"),
            ("energy_now", "25000000\n"),
            ("energy_now@2", "5000000\n"),
        ]
        .map(|(file, text)| (supply(file), text))
        .into();
        let mut files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        files.extend([
            ("proc/stat", "cpu 0 0 0 0 0\n"),
            // Looking for the batteries also reads the uptime.
            ("proc/uptime", "100.0 1.0\n"),
            ("proc/uptime@3", "104.9 1.0\n"),
            ("proc/uptime@4", "105.1 1.0\n"),
        ]);
        let (_dir, machine) = machine_with(&files);
        let mut source = opened(&SEGMENT, "");
        let charges: Vec<_> = (0..3)
            .map(|_| source.sample(&machine, &Ask::default()).expect("readable").expect("shown"))
            .map(|sample| number(&sample, "charge"))
            .collect();
        assert_eq!(charges, [Some(50.0), Some(50.0), Some(10.0)]);
    }
}

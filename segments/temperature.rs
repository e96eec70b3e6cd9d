//! How hot the processors are, or another sensor of the machine, in degrees Celsius or Fahrenheit;
//! from the hardware sensors (hwmon) and thermal zones.
//!
//! - Processors are recognised by the name of their chip, not by a number: `coretemp`, `k10temp`,
//!   `cpu_thermal` and others; without such a chip, by the name of a thermal zone. A graphics card
//!   or a wireless adapter is never shown as the processor.
//! - If a chip measures the whole package, only that is read: it covers the cores.
//! - The critical temperature is the sensor's own; without one it is 90 °C.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::scale::Scale;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Scan, Sensor};

options! {
    /// The sensor: a chip, a label or both (`nvme`, `Tctl`, `thinkpad CPU`); `all`: the hottest of
    /// all; empty: the processors.
    sensor: String = "",
    /// Degrees Celsius or Fahrenheit.
    unit: Scale = Scale::Celsius,
    /// Degrees from which the level is `warning`; 0: 15 °C below the critical temperature.
    warning: f64 = 0.0,
    /// Degrees from which the level is `critical`; 0: the sensor's own limit.
    critical: f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "temperature",
    about: "How hot the processors are, or another sensor.",
    icons: Icons { nerd: "\u{f050f}", unicode: "temp", ascii: "temp" },
    format: " ($icon )$temperature.num(w:2)$unit ",
    fields: &[
        Field::new("temperature", "the highest of the chosen sensors, in `unit`", Unit::Celsius),
        Field::new("unit", "°C or °F", Unit::Text),
        Field::new("sensor", "the sensor's own name", Unit::Text),
        Field::new("critical", "the critical temperature", Unit::Celsius),
        Field::new("mean", "mean of the chosen sensors", Unit::Celsius),
        Field::new("count", "number of chosen sensors", Unit::Count),
        Field::new("history", "history of the temperature", Unit::History("temperature")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // A sensor may answer slowly or block.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 50,
    open,
};

/// The critical temperature of a sensor without its own, in °C.
const CRITICAL: f64 = 90.0;
/// How far below the critical temperature the level is `warning`, in °C.
const WARNING_BELOW: f64 = 15.0;
/// A sensor that is not connected reports values outside this range (−128, 127.5, 255).
const SANE: std::ops::Range<f64> = -60.0..127.0;
/// A chip without a limit reports one outside this range.
const SANE_LIMIT: std::ops::Range<f64> = 40.0..126.0;

/// Chips and thermal zones of processors, the preferred ones first.
const PROCESSORS: [&str; 9] = [
    "coretemp",
    "zenpower",
    "k10temp",
    "k8temp",
    "via_cputemp",
    "x86_pkg_temp",
    "soc_thermal",
    "soc-thermal",
    "acpitz",
];
/// Labels of the sensor that measures a whole processor.
const WHOLE: [&str; 4] = ["Package id", "Physical id", "Tdie", "Tctl"];

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Temperature { options, sensors: Scan::default(), level: Level::Idle }))
}

struct Temperature {
    options: Options,
    sensors: Scan<Vec<Sensor>>,
    level: Level,
}

impl Source for Temperature {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let wanted = &self.options.sensor;
        let sensors = self.sensors.get(machine, |machine| chosen(machine.temperatures(), wanted));
        let mut hottest: Option<(usize, f64)> = None;
        let (mut sum, mut count, mut lasts) = (0.0, 0, true);
        for (index, sensor) in sensors.iter_mut().enumerate() {
            lasts &= sensor.lasts();
            let read = sensor.read(machine).filter(|degrees| SANE.contains(degrees));
            let Some(degrees) = read else { continue };
            (sum, count) = (sum + degrees, count + 1);
            if hottest.is_none_or(|(_, most)| degrees > most) {
                hottest = Some((index, degrees));
            }
        }
        let Some((index, degrees)) = hottest else {
            self.sensors.doubt();
            return Ok(None);
        };
        let sensor = &sensors[index];
        let mut limits = [sensor.critical, sensor.most].into_iter().flatten();
        let limit = limits.find(|limit| SANE_LIMIT.contains(limit)).unwrap_or(CRITICAL);
        let scale = self.options.unit;
        let or = |option: f64, usual| if option == 0.0 { scale.of(usual) } else { option };
        let critical = or(self.options.critical, limit);
        let warning = or(self.options.warning, limit - WARNING_BELOW);
        let shown = scale.of(degrees);
        self.level = self.level.settle(shown, warning, critical);
        let sample = Sample::new(self.level)
            .with("temperature", Value::of(shown, critical))
            .with("unit", scale.sign())
            .with("sensor", Value::text(sensor.name()))
            .with("critical", Value::number(critical))
            .with("mean", Value::of(scale.of(sum / f64::from(count)), critical))
            .with("count", Value::number(f64::from(count)));
        if !lasts {
            self.sensors.forget();
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

/// The sensors that `wanted` selects.
fn chosen(mut found: Vec<Sensor>, wanted: &str) -> Vec<Sensor> {
    match wanted {
        "all" => return found,
        "" => {}
        name => {
            found.retain(|sensor| sensor.is(name));
            return found;
        }
    }
    let is_processor = |sensor: &Sensor, rank: usize| match PROCESSORS.get(rank) {
        Some(name) => sensor.chip == *name,
        None => sensor.chip.to_ascii_lowercase().contains("cpu"),
    };
    // A chip with `cpu` in its name comes before `acpitz`, the board's own guess.
    let last = PROCESSORS.len() - 1;
    let ranks = (0..last).chain([PROCESSORS.len(), last]);
    let Some(rank) =
        ranks.into_iter().find(|rank| found.iter().any(|sensor| is_processor(sensor, *rank)))
    else {
        return Vec::new();
    };
    found.retain(|sensor| is_processor(sensor, rank));
    let whole = |name: &&str| found.iter().any(|sensor| sensor.label.starts_with(*name));
    if let Some(name) = WHOLE.iter().find(|name| whole(name)) {
        found.retain(|sensor| sensor.label.starts_with(name));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn a_laptop_shows_its_processor_and_not_its_graphics() {
        let sample = sample_with(&SEGMENT, "", &fixture("laptop")).expect("a sensor");
        assert_eq!(number(&sample, "temperature"), Some(61.0));
        assert_eq!(number(&sample, "critical"), Some(100.0));
        assert_eq!(sample.get("sensor"), Some(&Value::text("coretemp Package id 0")));
        assert_eq!(sample.level, Level::Idle);
    }

    #[test]
    fn two_sockets_show_the_hotter() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("sensors");
        assert_eq!(
            (number(&sample, "temperature"), number(&sample, "count")),
            (Some(86.5), Some(2.0))
        );
        assert_eq!(number(&sample, "mean"), Some(78.25));
        assert_eq!(sample.level, Level::Warning);
    }

    #[test]
    fn another_sensor_can_be_chosen() {
        let named = |name: &str| {
            let options = format!("sensor = '{name}'");
            sample_with(&SEGMENT, &options, &fixture("laptop"))
                .and_then(|s| number(&s, "temperature"))
        };
        let all = ["acpitz", "Core 1", "nvme", "all", "nothing"].map(named);
        assert_eq!(all, [Some(47.0), Some(58.0), Some(72.0), Some(72.0), None]);
    }

    #[test]
    fn fahrenheit_and_its_thresholds() {
        let sample =
            sample_with(&SEGMENT, "unit = 'f'\nwarning = 140", &fixture("laptop")).expect("one");
        let fahrenheit = number(&sample, "temperature").expect("a temperature");
        assert!((fahrenheit - 141.8).abs() < 1e-9);
        assert_eq!((number(&sample, "critical"), sample.level), (Some(212.0), Level::Warning));
        assert_eq!(sample.get("unit"), Some(&Value::sign("°F", "°F", "F")));
    }

    #[test]
    fn a_level_has_hysteresis() {
        let file = "sys/class/thermal/thermal_zone0";
        let (kind, temp) = (format!("{file}/type"), format!("{file}/temp"));
        let (two, three) = (format!("{temp}@2"), format!("{temp}@3"));
        let (_dir, machine) = machine_with(&[
            (&kind, "cpu-thermal\n"),
            (&temp, "75500\n"),
            (&two, "73000\n"),
            (&three, "71000\n"),
        ]);
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let levels = [0; 3].map(|_| {
            source.sample(&machine, &Ask::default()).expect("no error").expect("a zone").level
        });
        assert_eq!(levels, [Level::Warning, Level::Warning, Level::Idle]);
    }

    #[test]
    fn unconnected_sensors_are_ignored() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("empty")), None);
        assert_eq!(sample_with(&SEGMENT, "sensor = 'all'", &fixture("broken")), None);
    }
}

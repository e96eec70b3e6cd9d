//! How fast the fans turn, in turns per minute, from the hardware sensors (hwmon).
//!
//! - The fastest fan is shown: it is the loudest.
//! - A fan that stands still beside one that turns is not needed, or a header without a fan: no
//!   warning. A fan that is slower than its own minimum is broken.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Scan, Sensor};

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Idle = "idle" }
}

options! {
    /// The fan: a chip, a label or both (`thinkpad`, `CPU_FAN`); empty: the fastest.
    sensor: String = "",
    /// Turns per minute from which the level is `warning`; 0: never.
    warning: f64 = 0.0,
    /// Turns per minute from which the level is `critical`; 0: never.
    critical: f64 = 0.0,
    /// `idle`: hidden while all fans stand still.
    hide_when: HideWhen = HideWhen::Never,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "fan",
    about: "How fast the fans turn.",
    icons: Icons { nerd: "\u{f0210}", unicode: "fan", ascii: "fan" },
    format: " ($icon )$speed.num(w:4) ",
    fields: &[
        Field::new("speed", "turns per minute of the fastest", Unit::Count),
        Field::new("slowest", "turns per minute of the slowest one that turns", Unit::Count),
        Field::new("sensor", "the fan's own name", Unit::Text),
        Field::new("count", "number of fans that turn", Unit::Count),
        Field::new("history", "history of the speed", Unit::History("speed")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // A sensor may answer slowly or block.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 25,
    open,
};

/// No fan of a computer is faster; chips report 65 535 or 1 350 000 for one that is stuck.
const MAX_SPEED: f64 = 40_000.0;
/// How far below a threshold, in turns a minute, a level is left.
const HYSTERESIS: f64 = 100.0;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Fan { options, fans: Scan::default(), level: Level::Idle }))
}

struct Fan {
    options: Options,
    fans: Scan<Vec<Sensor>>,
    level: Level,
}

impl Source for Fan {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let Options { sensor: wanted, warning, critical, hide_when } = &self.options;
        let fans = self.fans.get(machine, |machine| {
            let mut fans = machine.fans();
            fans.retain(|fan| wanted.is_empty() || fan.is(wanted));
            fans
        });
        let mut fastest: Option<(&Sensor, f64)> = None;
        let mut slowest = f64::INFINITY;
        let (mut count, mut failed) = (0.0, false);
        for fan in fans {
            let Some(speed) = fan.read(machine).filter(|speed| (0.0..MAX_SPEED).contains(speed))
            else {
                continue;
            };
            if speed > 0.0 {
                count += 1.0;
                slowest = slowest.min(speed);
                failed |= fan.least.is_some_and(|least| speed < least);
            }
            if fastest.is_none_or(|(_, most)| speed > most) {
                fastest = Some((fan, speed));
            }
        }
        let Some((fan, speed)) = fastest else {
            self.fans.doubt();
            return Ok(None);
        };
        if *hide_when == HideWhen::Idle && speed == 0.0 {
            return Ok(None);
        }
        self.level = self.level.settle_by(
            HYSTERESIS,
            speed,
            Level::threshold(*warning),
            Level::threshold(*critical),
        );
        let level = if failed { self.level.max(Level::Warning) } else { self.level };
        let most = fan.most.filter(|most| *most >= speed);
        let value = most.map_or(Value::number(speed), |most| Value::of(speed, most));
        let sample = Sample::new(level)
            .with("speed", value)
            .with_some("slowest", (slowest.is_finite()).then(|| Value::number(slowest)));
        let sample = sample.with("sensor", Value::text(fan.name()));
        Ok(Some(sample.with("count", Value::number(count))))
    }

    fn save(&self) -> Option<String> {
        self.level.save()
    }

    fn restore(&mut self, saved: &str) {
        self.level.restore(saved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, opened, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_fastest_is_shown_and_a_stopped_one_is_no_warning() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("fans");
        let numbers = ["speed", "slowest", "count"].map(|field| number(&sample, field));
        assert_eq!(numbers, [Some(2410.0), Some(1180.0), Some(2.0)]);
        assert_eq!(sample.get("sensor"), Some(&Value::text("nct6796 SYS_FAN1")));
        assert_eq!(sample.level, Level::Idle);
        let pump = sample_with(&SEGMENT, "sensor = 'pump'", &fixture("server")).expect("there");
        assert_eq!((number(&pump, "speed"), pump.level), (Some(0.0), Level::Idle));
        assert_eq!(
            sample_with(&SEGMENT, "sensor = 'pump'\nhide-when = 'idle'", &fixture("server")),
            None
        );
    }

    #[test]
    fn thresholds_have_hysteresis() {
        let file = "sys/class/hwmon/hwmon0/fan1_input";
        let (two, three) = (format!("{file}@2"), format!("{file}@3"));
        let (_dir, machine) = machine_with(&[
            ("sys/class/hwmon/hwmon0/name", "thinkpad\n"),
            (file, "4000\n"),
            (&two, "3950\n"),
            (&three, "3850\n"),
        ]);
        let mut source = opened(&SEGMENT, "warning = 4000");
        let levels = [0; 3].map(|_| {
            source.sample(&machine, &Ask::default()).expect("no error").expect("a fan").level
        });
        assert_eq!(levels, [Level::Warning, Level::Warning, Level::Idle]);
    }

    #[test]
    fn a_fan_below_its_own_minimum_is_a_warning() {
        let (_dir, machine) = machine_with(&[
            ("sys/class/hwmon/hwmon0/name", "it87\n"),
            ("sys/class/hwmon/hwmon0/fan1_input", "220\n"),
            ("sys/class/hwmon/hwmon0/fan1_min", "500\n"),
        ]);
        assert_eq!(sample_with(&SEGMENT, "", &machine).expect("a fan").level, Level::Warning);
    }

    #[test]
    fn missing_and_malformed_files_show_nothing() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("empty")), None);
        assert_eq!(sample_with(&SEGMENT, "", &fixture("broken")), None);
    }
}

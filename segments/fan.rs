//! How fast the fans turn.
//!
//! - The fastest of them is shown: it is the one that is heard.
//! - A fan that stands still beside one that turns is one that was not needed, or a header with
//!   nothing in it: no reason for alarm. A fan that has a lowest speed of its own and falls below it
//!   is broken.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::saved_state;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Scan, Sensor};

crate::options! {
    /// Which fan: a chip, a label or both (`thinkpad`, `CPU_FAN`); empty: the fastest.
    sensor: String = "",
    /// Turns a minute from which the level is `warning`; 0: never.
    warning: f64 = 0.0,
    /// Turns a minute from which the level is `critical`; 0: never.
    critical: f64 = 0.0,
    /// Show nothing while all stand still.
    hide_idle("hide-idle"): bool = false,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "fan",
    about: "How fast the fans turn.",
    icons: Icons { nerd: "\u{f0210}", unicode: "fan", ascii: "fan" },
    format: " ($icon )$speed.num(w:4) ",
    fields: &[
        Field::new("speed", "turns a minute of the fastest", Unit::Count),
        Field::new("slowest", "turns a minute of the slowest that turns", Unit::Count),
        Field::new("sensor", "the fan's own name", Unit::Text),
        Field::new("count", "fans that turn", Unit::Count),
        Field::new("history", "the past of the speed", Unit::History("speed")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // A sensor may answer slowly, or hang.
    place: Where::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 25,
    open,
};

/// No fan of a computer turns faster; chips say 65 535 or 1 350 000 for a stuck one.
const ABSURD: f64 = 40_000.0;
/// Below a threshold by so many turns a level is left.
const SLACK: f64 = 100.0;

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
        let Options { sensor: wanted, warning, critical, hide_idle } = &self.options;
        let fans = self.fans.look(machine, |machine| {
            let mut fans = machine.fans();
            fans.retain(|fan| wanted.is_empty() || fan.is(wanted));
            fans
        });
        let mut fastest: Option<(&Sensor, f64)> = None;
        let mut slowest = f64::INFINITY;
        let (mut count, mut failed) = (0.0, false);
        for fan in fans {
            let Some(speed) = fan.read(machine).filter(|speed| (0.0..ABSURD).contains(speed))
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
        if *hide_idle && speed == 0.0 {
            return Ok(None);
        }
        let never = |turns: f64| if turns > 0.0 { turns } else { f64::INFINITY };
        // The usual slack is in percent; turns are counted by the hundred.
        let hundreds = |turns: f64| turns / SLACK * Level::SLACK;
        self.level = self.level.settle(
            hundreds(speed),
            hundreds(never(*warning)),
            hundreds(never(*critical)),
        );
        let level = if failed { self.level.max(Level::Warning) } else { self.level };
        let most = fan.most.filter(|most| *most >= speed);
        let value = most.map_or(Value::number(speed), |most| Value::of(speed, most));
        let mut sample = Sample::new(level).with("speed", value);
        if slowest.is_finite() {
            sample = sample.with("slowest", Value::number(slowest));
        }
        let sample = sample.with("sensor", Value::text(fan.name()));
        Ok(Some(sample.with("count", Value::number(count))))
    }

    fn memo(&self) -> Option<String> {
        saved_state::keep(1, self.level)
    }

    fn recall(&mut self, memo: &str) {
        if let Some(level) = saved_state::recall(1, memo) {
            self.level = level;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_fastest_is_shown_and_a_standing_pump_is_no_alarm() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("fans");
        let numbers = ["speed", "slowest", "count"].map(|field| number(&sample, field));
        assert_eq!(numbers, [Some(2410.0), Some(1180.0), Some(2.0)]);
        assert_eq!(sample.get("sensor"), Some(&Value::text("nct6796 SYS_FAN1")));
        assert_eq!(sample.level, Level::Idle);
        let pump = sample_with(&SEGMENT, "sensor = 'pump'", &fixture("server")).expect("there");
        assert_eq!((number(&pump, "speed"), pump.level), (Some(0.0), Level::Idle));
        assert_eq!(
            sample_with(&SEGMENT, "sensor = 'pump'\nhide-idle = true", &fixture("server")),
            None
        );
    }

    #[test]
    fn thresholds_are_turns_and_leave_some_slack() {
        let file = "sys/class/hwmon/hwmon0/fan1_input";
        let (two, three) = (format!("{file}@2"), format!("{file}@3"));
        let (_dir, machine) = machine_with(&[
            ("sys/class/hwmon/hwmon0/name", "thinkpad\n"),
            (file, "4000\n"),
            (&two, "3950\n"),
            (&three, "3850\n"),
        ]);
        let mut source = open(&"warning = 4000".parse().expect("TOML")).expect("good options");
        let levels = [0; 3].map(|_| {
            source.sample(&machine, &Ask::default()).expect("no error").expect("a fan").level
        });
        assert_eq!(levels, [Level::Warning, Level::Warning, Level::Idle]);
    }

    #[test]
    fn a_fan_below_its_own_least_is_a_warning() {
        let (_dir, machine) = machine_with(&[
            ("sys/class/hwmon/hwmon0/name", "it87\n"),
            ("sys/class/hwmon/hwmon0/fan1_input", "220\n"),
            ("sys/class/hwmon/hwmon0/fan1_min", "500\n"),
        ]);
        assert_eq!(sample_with(&SEGMENT, "", &machine).expect("a fan").level, Level::Warning);
    }

    #[test]
    fn nothing_and_nonsense_show_nothing() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("empty")), None);
        assert_eq!(sample_with(&SEGMENT, "", &fixture("broken")), None);
    }
}

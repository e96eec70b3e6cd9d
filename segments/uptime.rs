//! How long the machine has been up, suspended time included.

use std::time::Duration;

use crate::base::contract::{Ask, Error, Field, Icons, Kind, Pace, Scope, Source, Unit, Where};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

crate::options! {
    /// Days from which the level is `warning`: time for an update. 0: never.
    warning_days("warning-days"): f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "uptime",
    about: "How long this machine has been up.",
    icons: Icons { nerd: "\u{f0f9c}", unicode: "up", ascii: "up" },
    format: " ($icon )$uptime ",
    fields: &[
        Field { name: "uptime", about: "since it was started", unit: Unit::Duration },
        Field { name: "since", about: "when it was started", unit: Unit::Time },
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    pace: Pace::Tick(Duration::from_secs(10)),
    priority: 30,
    open: |table| Ok(Box::new(Uptime { options: Options::read(table)? })),
};

struct Uptime {
    options: Options,
}

impl Source for Uptime {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let uptime = machine.time_since_boot();
        let most = self.options.warning_days * 86_400.0;
        let long = most > 0.0 && uptime.as_secs_f64() >= most;
        // After the first minute seconds are noise: the line would be drawn anew for each.
        let shown = match uptime.as_secs() {
            seconds @ 0..60 => seconds,
            seconds => seconds - seconds % 60,
        };
        let mut sample = Sample::new(if long { Level::Warning } else { Level::Idle })
            .with("uptime", Value::Duration(Duration::from_secs(shown)));
        let since = chrono::Duration::from_std(uptime).ok();
        if let Some(since) = since.and_then(|uptime| machine.now().checked_sub_signed(uptime)) {
            sample = sample.with("since", Value::Time(since));
        }
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn sample_on(options: &str, machine: &Machine) -> Sample {
        let mut source = (SEGMENT.open)(&options.parse().expect("TOML")).expect("good options");
        source.sample(machine, &Ask::default()).expect("no error").expect("always up")
    }

    #[test]
    fn minutes_since_the_start() {
        let sample = sample_on("", &fixture("laptop"));
        let uptime = Duration::from_secs(80_021 / 60 * 60);
        assert_eq!(sample.get("uptime"), Some(&Value::Duration(uptime)));
        let Some(Value::Time(since)) = sample.get("since") else { panic!("no time") };
        assert_eq!(since.format("%F %T").to_string(), "2026-11-22 09:37:06");
    }

    #[test]
    fn seconds_in_the_first_minute() {
        let sample = sample_on("", &machine_with(&[("proc/uptime", "12.90 3.00\n")]).1);
        assert_eq!(sample.get("uptime"), Some(&Value::Duration(Duration::from_secs(12))));
    }

    #[test]
    fn may_ask_for_a_restart() {
        let sample = |days| sample_on(&format!("warning-days = {days}"), &fixture("laptop"));
        assert_eq!([sample(0.5).level, sample(1.0).level], [Level::Warning, Level::Idle]);
    }

    #[test]
    fn older_than_the_calendar_is_only_a_duration() {
        let (_dir, machine) = machine_with(&[
            ("proc/uptime", "9000000000000000 1\n"),
            ("clock", "2026-11-23T00:00:00Z"),
        ]);
        let sample = sample_on("", &machine);
        assert!(sample.get("uptime").is_some() && sample.get("since").is_none());
    }
}

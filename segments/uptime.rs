//! How long the machine has been up, including suspended time.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// From this uptime the level is `warning`: time for updates; `0s`: never.
    warning: Duration = Duration::ZERO,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "uptime",
    about: "How long this machine has been up.",
    icons: Icons { nerd: "\u{f0f9c}", unicode: "up", ascii: "up" },
    format: " ($icon )$uptime ",
    fields: &[
        Field::new("uptime", "time since the start", Unit::Duration),
        Field::new("since", "when it was started", Unit::Time),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
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
        let limit = self.options.warning;
        let long = !limit.is_zero() && uptime >= limit;
        // After the first minute only minutes are shown, so that the line is not redrawn each
        // second.
        let shown = match uptime.as_secs() {
            seconds @ 0..60 => seconds,
            seconds => seconds - seconds % 60,
        };
        let since = chrono::Duration::from_std(uptime).ok();
        let since = since.and_then(|uptime| machine.now().checked_sub_signed(uptime));
        let sample = Sample::new(if long { Level::Warning } else { Level::Idle })
            .with("uptime", Value::Duration(Duration::from_secs(shown)))
            .with_some("since", since.map(Value::Time));
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn sample_on(options: &str, machine: &Machine) -> Sample {
        sample_with(&SEGMENT, options, machine).expect("always up")
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
    fn a_long_uptime_can_be_a_warning() {
        let sample = |limit| sample_on(&format!("warning = '{limit}'"), &fixture("laptop"));
        assert_eq!([sample("12h").level, sample("1d").level], [Level::Warning, Level::Idle]);
    }

    #[test]
    fn an_uptime_beyond_the_calendar_has_no_start() {
        let (_dir, machine) = machine_with(&[
            ("proc/uptime", "9000000000000000 1\n"),
            ("clock", "2026-11-23T00:00:00Z"),
        ]);
        let sample = sample_on("", &machine);
        assert!(sample.get("uptime").is_some() && sample.get("since").is_none());
    }
}

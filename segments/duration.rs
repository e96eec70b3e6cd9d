//! How long the last command took, as the shell measured it; hidden after a short one.

use std::time::Duration as Time;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Hidden if the command took less than this.
    hide_when_below: Time = Time::from_secs(2),
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "duration",
    about: "How long the last command took.",
    icons: Icons { nerd: "\u{f051b}", unicode: "", ascii: "" },
    format: " ($icon )$duration ",
    fields: &[
        Field::new("duration", "time from its start to its end", Unit::Duration),
        Field::new("exact", "the same to a tenth of a second: `2.4s`", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Client,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 55,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Duration { shortest: Options::read(table)?.hide_when_below }))
}

struct Duration {
    shortest: Time,
}

impl Source for Duration {
    fn sample(&mut self, _: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let Some(took) = ask.duration.filter(|took| *took >= self.shortest) else {
            return Ok(None);
        };
        let sample = Sample::new(Level::Idle)
            .with("duration", Value::Duration(took))
            .with("exact", Value::text(exact(took)));
        Ok(Some(sample))
    }
}

/// `0.3s`, `1m 2.4s`, `3h 2m 1.0s`.
fn exact(time: Time) -> String {
    let tenths = time.as_millis() / 100;
    let (minutes, seconds) = (tenths / 600, tenths % 600);
    let seconds = format!("{}.{}s", seconds / 10, seconds % 10);
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m {seconds}"),
        (hours, minutes) => format!("{hours}h {minutes}m {seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{refused, sample_for};
    use crate::machine::fixture;

    fn sample(options: &str, duration: Option<u64>) -> Option<Sample> {
        let ask = Ask { duration: duration.map(Time::from_millis), ..Ask::default() };
        sample_for(&SEGMENT, options, &fixture("empty"), &ask)
    }

    #[test]
    fn short_commands_are_hidden() {
        assert_eq!(sample("", None), None);
        assert_eq!(sample("", Some(1_999)), None);
        let shown = sample("", Some(2_000)).expect("long enough");
        assert_eq!(shown.get("duration"), Some(&Value::Duration(Time::from_secs(2))));
        assert!(sample("hide-when-below = \"0s\"", Some(0)).is_some());
    }

    #[test]
    fn exact_has_a_tenth() {
        let exact = |ms| exact(Time::from_millis(ms));
        assert_eq!(
            [340, 2_449, 62_400, 10_921_000].map(exact),
            ["0.3s", "2.4s", "1m 2.4s", "3h 2m 1.0s"]
        );
    }

    #[test]
    fn a_negative_time_is_refused() {
        assert_eq!(refused(&SEGMENT, "hide-when-below = \"-1s\"").key, "hide-when-below");
    }

    #[test]
    fn the_longest_time_is_shown() {
        assert!(sample("", Some(u64::from(u32::MAX))).is_some());
        assert!(sample("", Some(u64::MAX)).is_some());
    }
}

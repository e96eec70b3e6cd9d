//! The time of day and the date, local, as the user writes them.
//!
//! The patterns are strftime's as chrono reads them. chrono panics when it is asked to *print* a
//! bad one (chrono#956), so a pattern is parsed when the segment is opened, kept parsed, and a bad
//! one is an error of the config.

use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::host::Host;
use crate::base::value::{Level, Sample, Value};

crate::options! {
    /// The pattern of `$text`, as for strftime.
    time: String = "%H:%M",
    /// The pattern of `$date`, as for strftime.
    date: String = "%a %d %b",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "clock",
    about: "The local time and date.",
    icons: Icons { nerd: "\u{f017}", unicode: "", ascii: "" },
    format: " ($icon )$text ",
    fields: &[
        Field { name: "text", about: "the time, in the pattern `time`", unit: Unit::Text },
        Field { name: "date", about: "the date, in the pattern `date`", unit: Unit::Text },
        Field { name: "time", about: "the moment, for other patterns", unit: Unit::Time },
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Host,
    place: Where::Daemon,
    // A pattern may show seconds. One that does not makes the same frame again, which nobody draws.
    pace: Pace::Tick(std::time::Duration::from_secs(1)),
    priority: 90,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Clock {
        time: pattern("time", &options.time)?,
        date: pattern("date", &options.date)?,
    }))
}

/// A pattern, parsed.
fn pattern(key: &str, text: &str) -> Result<Vec<Item<'static>>, OptionError> {
    StrftimeItems::new(text).parse_to_owned().map_err(|_| OptionError {
        key: key.into(),
        message: format!("{text:?} is no pattern of strftime; \"%H:%M\" is one"),
    })
}

struct Clock {
    time: Vec<Item<'static>>,
    date: Vec<Item<'static>>,
}

impl Source for Clock {
    fn sample(&mut self, host: &Host, _: &Ask) -> Result<Option<Sample>, Error> {
        let now = host.now();
        let text = |items: &[Item<'static>]| {
            let mut text = String::new();
            // `write!` hands back the error on which `to_string` would panic.
            match write!(text, "{}", now.format_with_items(items.iter())) {
                Ok(()) => Ok(Value::text(text)),
                Err(_) => Err(Error::Other(format!("The pattern cannot show the time {now}."))),
            }
        };
        let sample = Sample::new(Level::Idle)
            .with("text", text(&self.time)?)
            .with("date", text(&self.date)?)
            .with("time", Value::Time(now));
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host::fixture;

    fn sample(options: &str) -> Sample {
        let table = options.parse().expect("TOML");
        let mut source = open(&table).expect("good options");
        let sample = source.sample(&fixture("laptop"), &Ask::default());
        sample.expect("no error").expect("something to show")
    }

    #[test]
    fn shows_the_hosts_local_time() {
        let sample = sample("");
        assert_eq!(sample.get("text"), Some(&Value::text("07:50")));
        assert_eq!(sample.get("date"), Some(&Value::text("Mon 23 Nov")));
    }

    #[test]
    fn follows_the_patterns() {
        let sample = sample("time = '%H:%M:%S %z'\ndate = '%F'");
        assert_eq!(sample.get("text"), Some(&Value::text("07:50:48 +0100")));
        assert_eq!(sample.get("date"), Some(&Value::text("2026-11-23")));
    }

    #[test]
    fn a_bad_pattern_is_an_error_of_its_option() {
        for bad in ["%H:%Q", "%", "%-", "%:::::z", "%5"] {
            let table = toml::Table::from_iter([("date".to_owned(), bad.into())]);
            let error = open(&table).err().expect(bad);
            assert_eq!(error.key, "date");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(text in "(%[-_0#:.39]{0,2}[a-zA-Z%+]|[ -~é]){0,8}") {
            let table = toml::Table::from_iter([("time".to_owned(), text.into())]);
            if let Ok(mut source) = open(&table) {
                let _ = source.sample(&fixture("laptop"), &Ask::default());
            }
        }
    }
}

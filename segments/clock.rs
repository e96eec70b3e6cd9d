//! The time and the date, in the local time zone or another, in patterns of strftime.
//!
//! A zone is read from the system's zone files when the segment is first shown, and again each day,
//! as the rules may change. For several zones use several instances.
//!
//! The patterns are strftime's as chrono reads them. chrono panics when it *prints* a bad one
//! (chrono#956), so a pattern is parsed when the segment is opened, and a bad one is an error of
//! the config.

use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset};

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Zone, is_zone_name};

options! {
    /// Pattern of `$text`, as for strftime.
    time: String = "%H:%M",
    /// Pattern of `$date`, as for strftime.
    date: String = "%a %d %b",
    /// Time zone, such as `Europe/Berlin` or `UTC`; empty: the local one.
    zone: String = "",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "clock",
    about: "The time and the date, in the local time zone or another.",
    icons: Icons { nerd: "\u{f017}", unicode: "", ascii: "" },
    format: " ($icon )$text ",
    fields: &[
        Field::new("text", "the time in the pattern `time`", Unit::Text),
        Field::new("date", "the date in the pattern `date`", Unit::Text),
        Field::new("time", "the moment, for other patterns", Unit::Time),
        Field::new("zone", "the time zone's short name, if `zone` is set: `CET`", Unit::Text),
        Field::new("place", "the time zone's city, if `zone` is set: `Berlin`", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    // A pattern may show seconds. Without them the text is the same, and nothing is drawn.
    pace: Pace::Tick(std::time::Duration::from_secs(1)),
    priority: 90,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if !options.zone.is_empty() && !is_zone_name(&options.zone) {
        let message =
            format!("there is no time zone {:?}; a valid one is \"Europe/Berlin\"", options.zone);
        return Err(OptionError { key: "zone".into(), message });
    }
    Ok(Box::new(Clock {
        time: pattern("time", &options.time)?,
        date: pattern("date", &options.date)?,
        name: options.zone,
        zone: None,
    }))
}

/// A pattern, parsed.
fn pattern(key: &str, text: &str) -> Result<Pattern, OptionError> {
    let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| OptionError {
        key: key.into(),
        message: format!("{text:?} is not a strftime pattern; a valid one is \"%H:%M\""),
    })?;
    let slow = items.iter().all(is_same_all_minute);
    Ok(Pattern { items, slow, last: None })
}

struct Pattern {
    items: Vec<Item<'static>>,
    /// Whether it shows nothing that changes within a minute.
    slow: bool,
    /// The last text, with its minute and offset.
    last: Option<((i64, i32), Untrusted)>,
}

impl Pattern {
    fn write(&mut self, now: DateTime<FixedOffset>) -> Result<Value, Error> {
        let when = (now.timestamp().div_euclid(60), now.offset().local_minus_utc());
        if let Some((then, text)) = &self.last
            && self.slow
            && *then == when
        {
            return Ok(Value::Text(text.clone()));
        }
        let mut text = String::new();
        // `write!` hands back the error on which `to_string` would panic.
        write!(text, "{}", now.format_with_items(self.items.iter()))
            .map_err(|_| Error::Other(format!("the pattern cannot show the time {now}")))?;
        let text = Untrusted::from(text);
        self.last = Some((when, text.clone()));
        Ok(Value::Text(text))
    }
}

/// Whether this part of a pattern stays the same for a minute; unknown parts count as changing.
fn is_same_all_minute(item: &Item) -> bool {
    use chrono::format::{Fixed, Numeric};
    match item {
        Item::Literal(_) | Item::OwnedLiteral(_) | Item::Space(_) | Item::OwnedSpace(_) => true,
        Item::Numeric(number, _) => matches!(
            number,
            Numeric::Year
                | Numeric::YearMod100
                | Numeric::Month
                | Numeric::Day
                | Numeric::IsoWeek
                | Numeric::Ordinal
                | Numeric::Hour
                | Numeric::Hour12
                | Numeric::Minute
        ),
        Item::Fixed(word) => matches!(
            word,
            Fixed::ShortMonthName
                | Fixed::LongMonthName
                | Fixed::ShortWeekdayName
                | Fixed::LongWeekdayName
                | Fixed::LowerAmPm
                | Fixed::UpperAmPm
        ),
        Item::Error => false,
    }
}

struct Clock {
    time: Pattern,
    date: Pattern,
    /// The zone's name; empty: the local one.
    name: String,
    /// The zone, and when it was read, in seconds since 1970.
    zone: Option<(Zone, i64)>,
}

/// How long a zone file is cached, in seconds.
const ZONE_AGE: i64 = 86_400;

impl Source for Clock {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let (now, short) = self.now(machine)?;
        let mut sample = Sample::new(Level::Idle)
            .with("text", self.time.write(now)?)
            .with("date", self.date.write(now)?)
            .with("time", Value::Time(now));
        if let Some(short) = short {
            let place = self.name.rsplit('/').next().unwrap_or_default().replace('_', " ");
            sample = sample.with("zone", Value::text(short)).with("place", Value::text(place));
        }
        Ok(Some(sample))
    }
}

impl Clock {
    /// The time in the chosen zone, and that zone's current short name.
    fn now(&mut self, machine: &Machine) -> Result<(DateTime<FixedOffset>, Option<String>), Error> {
        let now = machine.now();
        if self.name.is_empty() {
            return Ok((now, None));
        }
        let moment = now.timestamp();
        let (zone, _) = match self.zone.take() {
            Some((zone, at)) if moment.abs_diff(at) < ZONE_AGE as u64 => {
                self.zone.insert((zone, at))
            }
            _ => self.zone.insert((machine.zone(&self.name)?, moment)),
        };
        let local = zone.at(moment);
        let Some(offset) = FixedOffset::east_opt(local.offset) else {
            return Err(Error::Other(format!(
                "the offset of time zone {:?} is not below a day",
                self.name
            )));
        };
        Ok((now.with_timezone(&offset), Some(local.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;

    fn sample(options: &str) -> Sample {
        sample_with(&SEGMENT, options, &fixture("laptop")).expect("something to show")
    }

    #[test]
    fn shows_the_local_time() {
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
    fn seconds_are_not_cached() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).expect("a time");
        let written = |text: &str| {
            let mut pattern = pattern("time", text).expect("a pattern");
            let times = ["12:00:01+00:00", "12:00:02+00:00", "13:00:02+01:00", "12:01:00+00:00"];
            times.map(|time| pattern.write(at(&format!("2026-11-23T{time}"))).expect("written"))
        };
        assert_eq!(written("%H:%M"), ["12:00", "12:00", "13:00", "12:01"].map(Value::text));
        assert_eq!(written("%M:%S"), ["00:01", "00:02", "00:02", "01:00"].map(Value::text));
        let slow = |text| pattern("time", text).expect("a pattern").slow;
        assert!(
            ["%H:%M", "%a %d %b", "%F", "%I %p", "%l%M", "%y-%j", "%R"].iter().all(|p| slow(p))
        );
        assert!(!["%T", "%s", "%X", "%c", "%+", "%f", "%r"].iter().any(|p| slow(p)));
    }

    #[test]
    fn a_bad_pattern_is_an_error_of_its_option() {
        for bad in ["%H:%Q", "%", "%-", "%:::::z", "%5"] {
            let table = toml::Table::from_iter([("date".to_owned(), bad.into())]);
            let error = open(&table).err().expect(bad);
            assert_eq!(error.key, "date");
        }
    }

    #[test]
    fn another_zone_has_its_own_time_and_name() {
        let sample = sample("zone = 'America/New_York'");
        assert_eq!(sample.get("text"), Some(&Value::text("01:50")));
        assert_eq!(sample.get("zone"), Some(&Value::text("EST")));
        assert_eq!(sample.get("place"), Some(&Value::text("New York")));
    }

    #[test]
    fn a_missing_zone_is_an_error_and_a_path_is_refused() {
        let open = |zone: &str| open(&toml::Table::from_iter([("zone".to_owned(), zone.into())]));
        let mut source = open("Mars/Olympus").expect("a name");
        assert!(source.sample(&fixture("laptop"), &Ask::default()).is_err());
        for bad in ["../../etc/passwd", "/etc/localtime", "Europe/Ber lin"] {
            assert_eq!(open(bad).err().expect(bad).key, "zone");
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

//! Values as people and scripts write them: `42%`, `3.5 GiB`, `1h 30m`, `3/8`.
//!
//! The unit is declared, so a number alone is enough; a unit after it must fit. The error says what
//! was expected.

use std::time::Duration;

use chrono::DateTime;

use super::contract::Unit;
use super::time_span;
use super::untrusted::Untrusted;
use super::value::Value;

/// The units that a config may declare.
pub const UNITS: &[Unit] = &[
    Unit::Text,
    Unit::Percent,
    Unit::Bytes,
    Unit::Count,
    Unit::Celsius,
    Unit::Watts,
    Unit::Duration,
    Unit::Time,
];

/// The unit of this name.
pub fn unit(name: &str) -> Option<Unit> {
    UNITS.iter().copied().find(|unit| unit.name() == name)
}

/// Reads a text as a value of this unit. `a/b` is `a` where 100 % is `b`.
pub fn read(text: &str, unit: Unit) -> Result<Value, String> {
    let wrong = || {
        let text = Untrusted::new(text.chars().take(40).collect::<String>());
        format!("\"{}\" is not {}", text.reveal(), described(unit))
    };
    match unit {
        Unit::Text => Ok(Value::Text(text.into())),
        // Scripts print seconds without a unit.
        Unit::Duration => match text.trim().parse() {
            Ok(seconds) => of_number(seconds, None, unit).ok_or_else(wrong),
            Err(_) => time_span::parse(text).map(Value::Duration).ok_or_else(wrong),
        },
        Unit::Time => {
            if let Ok(time) = DateTime::parse_from_rfc3339(text.trim()) {
                return Ok(Value::Time(time));
            }
            let seconds = text.trim().parse().map_err(|_| wrong())?;
            of_number(seconds, None, unit).ok_or_else(wrong)
        }
        Unit::History(_) | Unit::Parts => Err(wrong()),
        Unit::Percent | Unit::Bytes | Unit::Count | Unit::Celsius | Unit::Watts => {
            let (value, full) = match text.split_once('/') {
                Some((value, full)) => (value, Some(number(full, unit).ok_or_else(wrong)?)),
                None => (text, None),
            };
            let value = number(value, unit).ok_or_else(wrong)?;
            of_number(value, full, unit).ok_or_else(wrong)
        }
    }
}

/// A plain number as a value in this unit, in seconds for durations and times (since 1970). `None`
/// if there is no such value.
pub fn of_number(number: f64, full: Option<f64>, unit: Unit) -> Option<Value> {
    if !number.is_finite() || full.is_some_and(|full| !full.is_finite()) {
        return None;
    }
    match (unit, full) {
        (Unit::Percent, None) => (0.0..=100.0).contains(&number).then(|| Value::percent(number)),
        (Unit::Percent, Some(full)) => {
            // It may be more than a number can hold.
            (full > 0.0).then(|| Value::percent((100.0 * (number / full)).min(100.0)))
        }
        (Unit::Duration, _) => Duration::try_from_secs_f64(number).ok().map(Value::Duration),
        (Unit::Time, _) => {
            let seconds = (number.abs() < 1e11).then_some(number.floor() as i64)?;
            Some(Value::Time(DateTime::from_timestamp(seconds, 0)?.fixed_offset()))
        }
        (Unit::Celsius, full) => {
            Some(full.map_or(Value::number(number), |full| Value::of(number, full)))
        }
        (unit, full) if unit.is_number() && number >= 0.0 => {
            Some(full.map_or(Value::number(number), |full| Value::of(number, full)))
        }
        _ => None,
    }
}

/// What a text in this unit looks like, for messages.
pub fn described(unit: Unit) -> &'static str {
    match unit {
        Unit::Text => "a text",
        Unit::Percent => "a percentage from 0 to 100: 42, 42% or 3/8",
        Unit::Bytes => "a number of bytes, 0 or more: 1500, 3.5G, 3.5 GiB, 12MB or 3G/8G",
        Unit::Count => "a number, 0 or more: 42, 1.5k or 3/8",
        Unit::Celsius => "a temperature: 54 or 54C",
        Unit::Watts => "a power, 0 or more: 7.4 or 7.4W",
        Unit::Duration => "a duration, 0 or more: 90, 90s, 10m or 1h 30m",
        Unit::Time => "a time: 2026-11-23T14:32:05Z, or seconds since 1970",
        Unit::Parts | Unit::History(_) => "a value that can be written",
    }
}

/// A number with an optional suffix, in the unit.
fn number(text: &str, unit: Unit) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    let suffix = text[end..].trim();
    let factor = match unit {
        Unit::Percent => matches!(suffix, "" | "%").then_some(1.0)?,
        Unit::Celsius => matches!(suffix, "" | "C" | "°C" | "°").then_some(1.0)?,
        Unit::Watts => match suffix {
            "" | "W" => 1.0,
            "mW" => 1e-3,
            "kW" => 1e3,
            _ => return None,
        },
        Unit::Bytes => bytes(suffix)?,
        Unit::Count => match suffix {
            "" => 1.0,
            "k" | "K" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            _ => return None,
        },
        _ => return None,
    };
    Some(value * factor)
}

/// The factor of a suffix: `K`, `KiB` and `k` are 1024, `kB` and `KB` are 1000, as in `eng` and
/// most tools.
fn bytes(suffix: &str) -> Option<f64> {
    let (prefix, rest) = match suffix.chars().next() {
        None => return Some(1.0),
        Some(first) => suffix.split_at(first.len_utf8()),
    };
    if (prefix, rest) == ("B", "") {
        return Some(1.0);
    }
    let power = "kMGTP".find(if prefix == "K" { "k" } else { prefix })? as i32 + 1;
    match rest {
        "" | "iB" | "i" => Some(1024_f64.powi(power)),
        "B" => Some(1000_f64.powi(power)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_suffix() {
        let number = |text, unit| read(text, unit).expect(text).as_number().expect("a number");
        assert_eq!(number("42%", Unit::Percent), 42.0);
        assert_eq!(number("3/8", Unit::Percent), 37.5);
        assert_eq!(number(" 1.5k ", Unit::Count), 1500.0);
        assert_eq!(number("3.5 GiB", Unit::Bytes), 3.5 * 1024.0 * 1024.0 * 1024.0);
        assert_eq!(number("12MB", Unit::Bytes), 12e6);
        assert_eq!(number("-4°C", Unit::Celsius), -4.0);
        assert_eq!(number("900mW", Unit::Watts), 0.9);
        assert_eq!(
            read("3G/8G", Unit::Bytes),
            Ok(Value::of(3.0 * 2_f64.powi(30), 8.0 * 2_f64.powi(30)))
        );
    }

    #[test]
    fn an_error_says_what_was_expected() {
        for (text, unit) in [
            ("many", Unit::Count),
            ("101", Unit::Percent),
            ("nan", Unit::Percent),
            ("3/0", Unit::Percent),
            ("5 apples", Unit::Bytes),
            ("1e400", Unit::Count),
            ("-1", Unit::Bytes),
            ("soon", Unit::Time),
            ("99999999999999", Unit::Time),
        ] {
            let message = read(text, unit).expect_err(text);
            assert!(message.contains(described(unit)), "{message}");
        }
        assert!(read("2026-11-23T14:32:05Z", Unit::Time).is_ok());
        assert!(read("1795444325", Unit::Time).is_ok());
        for (text, seconds) in [("90", 90), ("90s", 90), ("1h 30m", 5400)] {
            assert_eq!(
                read(text, Unit::Duration),
                Ok(Value::Duration(Duration::from_secs(seconds)))
            );
        }
    }
}

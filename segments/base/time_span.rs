//! Time spans as people write them: `90s`, `1.5s`, `10m`, `1h 30m`, `2d`.

use std::time::Duration;

/// The units, the largest first, each with its seconds.
const UNITS: [(&str, f64); 6] =
    [("w", 604_800.0), ("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3)];

/// The longest time span: long enough for every use, and added to a clock it does not overflow.
pub const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Parses a time span: numbers with their units, each unit at most once, the larger ones first; at
/// most [`MAX`].
pub fn parse(text: &str) -> Option<Duration> {
    let seconds = seconds(text)?;
    Duration::try_from_secs_f64(seconds).ok().filter(|span| *span <= MAX)
}

fn seconds(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let mut rest = text.as_str();
    let (mut seconds, mut last_unit) = (0.0, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.'))?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let name = if &rest[..end] == "min" { "m" } else { &rest[..end] };
        let (_, unit) = *UNITS.iter().find(|(known, _)| *known == name)?;
        if unit >= last_unit {
            return None;
        }
        (seconds, last_unit) = (seconds + number * unit, unit);
        rest = &rest[end..];
    }
    last_unit.is_finite().then_some(seconds)
}

/// What was expected instead of a text that is no time span.
pub fn expected(text: &str) -> &'static str {
    match seconds(text).is_some() {
        true => "at most 100 years",
        false => "a time span such as \"30s\", \"5m\" or \"200ms\"",
    }
}

/// Writes a time span as [`parse`] reads it, to the millisecond.
pub fn write(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (name, seconds) in UNITS {
        let unit = (seconds * 1000.0) as u64;
        if left >= unit {
            parts.push(format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    if parts.is_empty() { "0s".into() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_in_order_and_each_number_has_one() {
        let seconds = |text| parse(text).map(|span| span.as_secs_f64());
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("1h 30m"), Some(5400.0));
        assert_eq!(seconds("2min"), Some(120.0));
        assert_eq!(seconds("250ms"), Some(0.25));
        let nines = format!("{}s", "9".repeat(400));
        for odd in ["", "90", "1h30", "m", "30m1h", "1h1h", "-3s", "1x", "1e9w", &nines] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn it_has_a_limit() {
        assert_eq!(parse("36500d"), Some(MAX));
        for long in ["36501d", "18446744073709549568s", "99999999999999999999999w"] {
            assert!(parse(long).is_none() && expected(long).contains("100 years"), "{long}");
        }
        assert!(!expected("soon").contains("100 years"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["0s", "200ms", "2s", "1m 30s", "5m", "1h", "1d", "1w 2d 3h 4m 5s 6ms"] {
            assert_eq!(write(parse(text).expect(text)), text);
        }
    }
}

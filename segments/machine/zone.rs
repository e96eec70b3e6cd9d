//! The door to time zones: the system's own files, so that no table in the program grows old.
//!
//! The format is RFC 8536 (`TZif`). The second part of a file, with times of 64 bits, is read; after
//! its last change the rule at the file's end goes, which is POSIX' `TZ` and in newer files says all
//! there is to say about our time.

use super::Machine;
use crate::base::contract::Error;

/// Where systems keep the files.
const PLACES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"];
/// Seconds a day.
const DAY: i64 = 86_400;

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// From when on which kind of time, in seconds since 1970; in order.
    changes: Vec<(i64, usize)>,
    kinds: Vec<Local>,
    rule: Option<Rule>,
}

/// A kind of local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Seconds east of Greenwich.
    pub offset: i32,
    /// `CET`, `+03`.
    pub name: String,
}

/// What goes after the last change.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    standard: Local,
    /// Summer time, from when to when.
    summer: Option<(Local, Day, Day)>,
}

/// A day of each year and a time of that day, in seconds of the local time that goes before.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Day {
    which: Which,
    time: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    /// `M3.5.0`: the fifth, or last, Sunday of March.
    Weekday { month: i64, week: i64, day: i64 },
    /// `J60`: the day of the year from 1, leap days not counted.
    Julian(i64),
    /// `59`: the day of the year from 0.
    Nth(i64),
}

impl Machine {
    /// Whether this could be a zone's name: no path that leads elsewhere.
    pub fn is_zone_name(name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-_/".contains(c);
        !name.is_empty() && name.len() < 64 && name.chars().all(plain) && !name.starts_with('/')
    }

    /// The zone of this name (`Europe/Berlin`).
    pub fn zone(&self, name: &str) -> Result<Zone, Error> {
        let files = PLACES.iter().filter(|_| Machine::is_zone_name(name));
        let mut bytes = files.filter_map(|place| self.read(format!("{place}/{name}")).ok());
        let Some(bytes) = bytes.next() else {
            return Err(Error::Other(format!("There is no time zone {name:?} on this machine.")));
        };
        let path = PLACES[0].into();
        Zone::parse(&bytes).ok_or(Error::Strange { path, what: format!("the zone {name:?}") })
    }
}

impl Zone {
    /// Reads a file; `None` if it is none.
    pub fn parse(file: &[u8]) -> Option<Zone> {
        let (mut rest, first) = (file, Header::take(file)?);
        rest = rest.get(Header::LENGTH..)?;
        if first.version < b'2' {
            return first.body(rest, 4).map(|(zone, _)| zone);
        }
        rest = rest.get(first.length(4)?..)?;
        let second = Header::take(rest)?;
        let (mut zone, rest) = second.body(rest.get(Header::LENGTH..)?, 8)?;
        let footer = rest.strip_prefix(b"\n").and_then(|text| text.split(|b| *b == b'\n').next());
        zone.rule = footer.and_then(|text| Rule::parse(std::str::from_utf8(text).ok()?));
        Some(zone)
    }

    /// The local time at a moment, in seconds since 1970.
    pub fn at(&self, moment: i64) -> Local {
        let after = self.changes.partition_point(|(from, _)| *from <= moment);
        if after == self.changes.len()
            && let Some(rule) = &self.rule
        {
            return rule.at(moment);
        }
        let kind = after.checked_sub(1).map_or(0, |index| self.changes[index].1);
        // Every kind was checked when it was read.
        self.kinds.get(kind).cloned().unwrap_or(Local { offset: 0, name: "UTC".into() })
    }
}

/// The counts at the start of each part.
struct Header {
    version: u8,
    leaps: usize,
    changes: usize,
    kinds: usize,
    names: usize,
    standard: usize,
    greenwich: usize,
}

impl Header {
    const LENGTH: usize = 44;

    fn take(bytes: &[u8]) -> Option<Header> {
        let head = bytes.get(..Header::LENGTH)?;
        if !head.starts_with(b"TZif") {
            return None;
        }
        let count = |index: usize| {
            let at = 20 + 4 * index;
            Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?) as usize)
        };
        Some(Header {
            version: head[4],
            greenwich: count(0)?,
            standard: count(1)?,
            leaps: count(2)?,
            changes: count(3)?,
            kinds: count(4)?,
            names: count(5)?,
        })
    }

    /// The bytes of the part after this header, with times of so many bytes.
    fn length(&self, time: usize) -> Option<usize> {
        let counts = [
            self.changes.checked_mul(time + 1)?,
            self.kinds.checked_mul(6)?,
            self.names,
            self.leaps.checked_mul(time + 4)?,
            self.standard,
            self.greenwich,
        ];
        counts.into_iter().try_fold(0usize, usize::checked_add)
    }

    fn body<'a>(&self, part: &'a [u8], time: usize) -> Option<(Zone, &'a [u8])> {
        let length = self.length(time)?;
        let (part, rest) = (part.get(..length)?, part.get(length..)?);
        let (times, part) = part.split_at_checked(self.changes * time)?;
        let (which, part) = part.split_at_checked(self.changes)?;
        let (kinds, part) = part.split_at_checked(self.kinds * 6)?;
        let names = part.get(..self.names)?;
        let moment = |bytes: &[u8]| -> Option<i64> {
            Some(match bytes.len() {
                8 => i64::from_be_bytes(bytes.try_into().ok()?),
                _ => i32::from_be_bytes(bytes.try_into().ok()?).into(),
            })
        };
        let kind = |kind: &[u8]| {
            let offset = i32::from_be_bytes(kind.get(..4)?.try_into().ok()?);
            let name = names.get(usize::from(*kind.get(5)?)..)?.split(|b| *b == 0).next()?;
            let sane = offset.unsigned_abs() < DAY as u32;
            sane.then(|| Local { offset, name: String::from_utf8_lossy(name).into_owned() })
        };
        let kinds: Vec<Local> = kinds.chunks_exact(6).map(kind).collect::<Option<_>>()?;
        let pairs = times.chunks_exact(time).zip(which);
        let change = |(bytes, index): (&[u8], &u8)| {
            let index = usize::from(*index);
            Some((moment(bytes)?, index)).filter(|_| index < kinds.len())
        };
        let changes: Vec<(i64, usize)> = pairs.map(change).collect::<Option<_>>()?;
        let fine = !kinds.is_empty() && changes.is_sorted();
        fine.then_some((Zone { changes, kinds, rule: None }, rest))
    }
}

impl Rule {
    /// Reads `CET-1CEST,M3.5.0,M10.5.0/3`.
    fn parse(text: &str) -> Option<Rule> {
        let (name, rest) = name(text)?;
        let (west, rest) = time(rest)?;
        let standard = Local { offset: i32::try_from(-west).ok()?, name };
        if rest.is_empty() {
            return Some(Rule { standard, summer: None });
        }
        let (summer, rest) = self::name(rest)?;
        // An hour ahead, if it does not say otherwise.
        let (offset, rest) = match rest.starts_with(',') {
            true => (i64::from(standard.offset) + 3600, rest),
            false => time(rest).map(|(west, rest)| (-west, rest))?,
        };
        let mut days = rest.strip_prefix(',')?.split(',').map(Day::parse);
        let (from, to) = (days.next()??, days.next()??);
        let summer = Local { offset: i32::try_from(offset).ok()?, name: summer };
        Some(Rule { standard, summer: Some((summer, from, to)) })
    }

    fn at(&self, moment: i64) -> Local {
        let Some((summer, from, to)) = &self.summer else { return self.standard.clone() };
        let year = year_of(moment + i64::from(self.standard.offset));
        let from = from.moment(year) - i64::from(self.standard.offset);
        let to = to.moment(year) - i64::from(summer.offset);
        let is_summer = match from <= to {
            true => (from..to).contains(&moment),
            // In the south summer goes over the new year.
            false => !(to..from).contains(&moment),
        };
        if is_summer { summer.clone() } else { self.standard.clone() }
    }
}

/// A name at the front: letters, or anything in `<…>`.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        return rest.split_once('>').map(|(name, rest)| (name.to_owned(), rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    (end >= 3).then(|| (text[..end].to_owned(), &text[end..]))
}

/// Seconds at the front, as `[+-]HH[:MM[:SS]]`.
fn time(text: &str) -> Option<(i64, &str)> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(rest.len());
    let mut seconds = 0;
    let mut unit = 3600;
    for part in rest[..end].split(':').take(3) {
        // A week at most: newer files have hours beyond a day.
        seconds += part.parse::<i64>().ok().filter(|n| (0..=167).contains(n))? * unit;
        unit /= 60;
    }
    Some((sign * seconds, &rest[end..]))
}

impl Day {
    fn parse(text: &str) -> Option<Day> {
        let (day, at) = text.split_once('/').unwrap_or((text, "2"));
        let number = |text: &str, range: std::ops::RangeInclusive<i64>| {
            text.parse::<i64>().ok().filter(|n| range.contains(n))
        };
        let which = if let Some(rest) = day.strip_prefix('M') {
            let mut parts = rest.split('.');
            let month = number(parts.next()?, 1..=12)?;
            let week = number(parts.next()?, 1..=5)?;
            Which::Weekday { month, week, day: number(parts.next()?, 0..=6)? }
        } else if let Some(rest) = day.strip_prefix('J') {
            Which::Julian(number(rest, 1..=365)?)
        } else {
            Which::Nth(number(day, 0..=365)?)
        };
        let (time, rest) = time(at)?;
        rest.is_empty().then_some(Day { which, time })
    }

    /// The moment in this year, as if local time were Greenwich's.
    fn moment(&self, year: i64) -> i64 {
        let leap = i64::from(days_before(year + 1) - days_before(year) == 366);
        let day = match self.which {
            Which::Nth(day) => day,
            Which::Julian(day) => day - 1 + if day >= 60 { leap } else { 0 },
            Which::Weekday { month, week, day } => {
                const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
                let length =
                    |month: i64| LENGTHS[month as usize] + if month == 1 { leap } else { 0 };
                let before: i64 = (0..month - 1).map(length).sum();
                // 1970 began on a Thursday.
                let first = (days_before(year) + before + 4).rem_euclid(7);
                let date = (day - first).rem_euclid(7) + 7 * (week - 1);
                before + if date < length(month - 1) { date } else { date - 7 }
            }
        };
        (days_before(year) + day) * DAY + self.time
    }
}

/// Days from 1970 to the first of this year.
fn days_before(year: i64) -> i64 {
    let y = year - 1;
    365 * (year - 1970) + (y.div_euclid(4) - 492) - (y.div_euclid(100) - 19)
        + (y.div_euclid(400) - 4)
}

fn year_of(moment: i64) -> i64 {
    let day = moment.div_euclid(DAY);
    let guess = 1970 + (day as f64 / 365.2425).floor() as i64;
    // The guess is off by a year at most.
    (guess - 1..=guess + 1).rev().find(|year| days_before(*year) <= day).unwrap_or(guess)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file of the second version, without a change of its own: all is in its last line.
    pub(crate) fn file(rule: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..2 {
            bytes.extend(b"TZif2");
            bytes.extend([0; 15]);
            for count in [0u32, 0, 0, 0, 1, 4] {
                bytes.extend(count.to_be_bytes());
            }
            bytes.extend([0; 6]);
            bytes.extend(b"UTC\0");
        }
        bytes.extend(format!("\n{rule}\n").bytes());
        bytes
    }

    fn at(rule: &str, time: &str) -> (i32, String) {
        let zone = Zone::parse(&file(rule)).expect("a zone");
        let moment = chrono::DateTime::parse_from_rfc3339(time).expect("a time").timestamp();
        let local = zone.at(moment);
        (local.offset, local.name)
    }

    #[test]
    fn summer_in_berlin_goes_from_march_to_october() {
        const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
        let cet = (3600, "CET".to_owned());
        let cest = (7200, "CEST".to_owned());
        assert_eq!(at(BERLIN, "2026-03-29T00:59:59Z"), cet);
        assert_eq!(at(BERLIN, "2026-03-29T01:00:00Z"), cest);
        assert_eq!(at(BERLIN, "2026-10-25T00:59:59Z"), cest);
        assert_eq!(at(BERLIN, "2026-10-25T01:00:00Z"), cet);
    }

    #[test]
    fn summer_in_sydney_goes_over_the_new_year() {
        const SYDNEY: &str = "AEST-10AEDT,M10.1.0,M4.1.0/3";
        assert_eq!(at(SYDNEY, "2027-01-01T00:00:00Z").0, 39_600);
        assert_eq!(at(SYDNEY, "2026-07-01T00:00:00Z").0, 36_000);
        assert_eq!(at(SYDNEY, "2026-10-03T15:59:59Z").0, 36_000);
        assert_eq!(at(SYDNEY, "2026-10-03T16:00:00Z").0, 39_600);
    }

    #[test]
    fn zones_without_summer_and_with_odd_names() {
        assert_eq!(at("<+0545>-5:45", "2026-06-01T00:00:00Z"), (20_700, "+0545".into()));
        assert_eq!(at("EST5", "2026-06-01T00:00:00Z"), (-18_000, "EST".into()));
        // Greenland's summer begins before midnight of its Sunday.
        let nuuk = "<-02>2<-01>,M3.5.0/-1,M10.5.0/0";
        assert_eq!(at(nuuk, "2026-03-29T00:59:59Z").0, -7200);
        assert_eq!(at(nuuk, "2026-03-29T01:00:00Z").0, -3600);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for bytes in [&b""[..], b"TZif", b"TZif2", &[0; 100], b"UTC0"] {
            assert_eq!(Zone::parse(bytes), None);
        }
        for name in ["", "/etc/passwd", "../../etc/passwd", "a b", "Europe/../x."] {
            assert!(!Machine::is_zone_name(name), "{name}");
        }
        for rule in
            ["", "C", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M1.1.0", "CET-999"]
        {
            assert_eq!(Rule::parse(rule), None, "{rule}");
        }
    }

    /// Where the system has the files they are read, and say what chrono's own reader would.
    #[test]
    fn the_systems_own_zones_are_read() {
        for (name, offset) in [("UTC", 0), ("Asia/Kolkata", 19_800)] {
            if let Ok(zone) = Machine::real().zone(name) {
                assert_eq!(zone.at(1_800_000_000).offset, offset, "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_zone_or_none(
            cut in 0..200usize, at in 0..200usize, byte: u8, moment: i64, rule in "[A-Z<>0-9+,./:MJ-]{0,30}"
        ) {
            let mut bytes = file(&rule);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
                if let Some(zone) = Zone::parse(bytes) {
                    // Moments that chrono can tell: some hundred thousand years around now.
                    zone.at(moment % 8_000_000_000_000);
                }
            }
        }

        #[test]
        fn years_begin_where_chrono_says(year in -3000..6000i64) {
            use chrono::{NaiveDate, Datelike};
            let date = NaiveDate::from_ymd_opt(year as i32, 1, 1).expect("a date");
            let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date");
            let days = i64::from(date.num_days_from_ce() - epoch.num_days_from_ce());
            prop_assert_eq!(days_before(year), days);
            prop_assert_eq!(year_of(days * DAY), year);
            prop_assert_eq!(year_of(days * DAY - 1), year - 1);
        }
    }
}

//! `/proc/loadavg`, and the processors that are on.

use crate::machine::{Averages, CachedFile, Error, Machine};

const LOADAVG: &str = "/proc/loadavg";

/// The files, kept open.
pub struct Files {
    averages: CachedFile,
    online: CachedFile,
}

impl Default for Files {
    fn default() -> Self {
        Files {
            averages: CachedFile::new(LOADAVG),
            online: CachedFile::new("/sys/devices/system/cpu/online"),
        }
    }
}

impl Files {
    pub fn load(&mut self, machine: &Machine) -> Result<Option<Averages>, Error> {
        match self.averages.read(machine) {
            Ok(text) => match averages(&String::from_utf8_lossy(text)) {
                Some(averages) => Ok(Some(averages)),
                None => Err(Error::Strange { path: LOADAVG.into(), what: "three numbers".into() }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::Read { path: LOADAVG.into(), cause }),
        }
    }

    pub fn processors(&mut self, machine: &Machine) -> Option<usize> {
        let ranges = self.online.read(machine).ok()?;
        Some(cpus(&String::from_utf8_lossy(ranges)).len()).filter(|count| *count > 0)
    }
}

/// Reads `1.25 0.80 0.33 1/200 1234`.
fn averages(text: &str) -> Option<Averages> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || {
        let number = words.next()?.parse::<f64>().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    };
    let (one, five, fifteen) = (next()?, next()?, next()?);
    let tasks = words.next().and_then(|word| word.split_once('/'));
    let tasks = tasks.and_then(|(running, all)| Some((running.parse().ok()?, all.parse().ok()?)));
    Some(Averages { one, five, fifteen, tasks })
}

/// The processors in `0-3,8,10-11` or `0 1 2`; none if it is no such list.
pub fn cpus(ranges: &str) -> Vec<u32> {
    let mut all = Vec::new();
    for range in ranges.trim().split([',', ' ']) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            return Vec::new();
        };
        if last < first || all.len() > usize::from(u16::MAX) {
            return Vec::new();
        }
        all.extend(u32::from(first)..=u32::from(last));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_three_numbers_or_nothing() {
        let known = Averages { one: 1.25, five: 0.8, fifteen: 0.33, tasks: Some((1, 200)) };
        assert_eq!(averages("1.25 0.80 0.33 1/200 1234\n"), Some(known));
        for rest in ["", " 1", " x/y", " /", " 99999999999/1"] {
            let read = averages(&format!("1.25 0.80 0.33{rest}")).expect("three numbers");
            assert_eq!(read.tasks, None, "{rest:?}");
        }
        for text in ["", "1.0 2.0", "a b c", "-1 0 0", "nan 1 1", "\u{0}"] {
            assert_eq!(averages(text), None, "{text:?}");
        }
    }

    #[test]
    fn processors_are_counted_over_their_ranges() {
        let count = |text| cpus(text).len();
        assert_eq!(["0\n", "0-3", "0-3,8,10-11\n", "0 1 2\n"].map(count), [1, 4, 7, 3]);
        for text in ["", "\n", "3-0", "a", "0-99999999", "0,,1"] {
            assert!(cpus(text).is_empty(), "{text:?}");
        }
    }
}

//! The door to the queue of the processors: how long it was on average, and how many there are.

use super::{Doors, Kept, Machine};
use crate::base::contract::Error;

/// Tasks that ran or waited, on average over 1, 5 and 15 minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averages {
    pub one: f64,
    pub five: f64,
    pub fifteen: f64,
    /// Tasks that run or wait now, and all there are, threads counted each; where the system says.
    pub tasks: Option<(u32, u32)>,
}

/// Keeps what reading the queue again and again needs.
pub struct LoadDoor {
    averages: Kept,
    online: Kept,
}

impl Default for LoadDoor {
    fn default() -> Self {
        LoadDoor {
            averages: Kept::new("/proc/loadavg"),
            online: Kept::new("/sys/devices/system/cpu/online"),
        }
    }
}

impl LoadDoor {
    /// The load averages; `None` where the system has none.
    pub fn load(&mut self, machine: &Machine) -> Result<Option<Averages>, Error> {
        if machine.doors() == Doors::Sysinfo {
            return Ok(sysinfo_load());
        }
        match self.averages.read(machine) {
            Ok(text) => match averages(&String::from_utf8_lossy(text)) {
                Some(averages) => Ok(Some(averages)),
                None => Err(Error::Strange {
                    path: "/proc/loadavg".into(),
                    what: "three numbers".into(),
                }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::Read { path: "/proc/loadavg".into(), cause }),
        }
    }

    /// How many processors are on; `None` if there is no telling.
    pub fn processors(&mut self, machine: &Machine) -> Option<usize> {
        if machine.doors() == Doors::Sysinfo {
            return std::thread::available_parallelism().ok().map(usize::from);
        }
        let ranges = self.online.read(machine).ok()?;
        Some(cpus(&String::from_utf8_lossy(ranges)).len()).filter(|count| *count > 0)
    }
}

impl Machine {
    /// What [`LoadDoor::load`] tells, for whoever asks once.
    pub fn load(&self) -> Result<Option<Averages>, Error> {
        LoadDoor::default().load(self)
    }

    /// What [`LoadDoor::processors`] tells, for whoever asks once.
    pub fn processors(&self) -> Option<usize> {
        LoadDoor::default().processors(self)
    }
}

fn sysinfo_load() -> Option<Averages> {
    let load = sysinfo::System::load_average().ok()?;
    Some(Averages { one: load.one, five: load.five, fifteen: load.fifteen, tasks: None })
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

    /// Both doors look at the machine we run on. The averages move while we look.
    #[test]
    fn sysinfo_sees_the_same_load() {
        let (Ok(Some(ours)), Some(theirs)) = (Machine::real().load(), sysinfo_load()) else {
            return;
        };
        assert!((ours.fifteen - theirs.fifteen).abs() < 1.0, "{ours:?} {theirs:?}");
        assert!(Machine::real().processors().is_none_or(|count| count > 0));
    }
}

//! A reading that all sources of one moment share.

use std::cell::RefCell;
use std::time::Duration;

use super::{Error, Machine};

/// A reader and its last reading, if that may be given out again: it is of the moment at which it
/// was taken, see [`Machine::at`]. Errors are not shared: each source then reads for itself.
#[derive(Default)]
pub(super) struct Shared<R, T>(RefCell<(R, Option<(Duration, T)>)>);

impl<R, T: Clone> Shared<R, T> {
    /// The reading of this moment, by `read` if it was not taken yet.
    pub fn get(
        &self,
        machine: &Machine,
        read: impl FnOnce(&mut R) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (reader, last) = &mut *self.0.borrow_mut();
        let moment = machine.moment.get();
        if let Some((then, reading)) = last
            && Some(*then) == moment
        {
            return Ok(reading.clone());
        }
        let reading = read(reader)?;
        *last = moment.map(|moment| (moment, reading.clone()));
        Ok(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;
    use crate::base::contract::{Ask, Source};

    /// Two readings of the counters, the second after a second of work by one of two processors.
    const FILES: &[(&str, &str)] = &[
        ("proc/stat", "cpu  0 0 0 200\ncpu0 0 0 0 100\ncpu1 0 0 0 100\n"),
        ("proc/stat@2", "cpu  100 0 0 300\ncpu0 100 0 0 100\ncpu1 0 0 0 200\n"),
        ("proc/stat@3", "cpu  100 0 0 500\ncpu0 100 0 0 200\ncpu1 0 0 0 300\n"),
        (
            "proc/meminfo",
            "MemTotal: 100 kB\nMemAvailable: 50 kB\nSwapTotal: 8 kB\nSwapFree: 4 kB\n",
        ),
    ];

    fn opened<const N: usize>(kinds: [&str; N]) -> [Box<dyn Source>; N] {
        kinds.map(|name| {
            let kind = crate::find(name).expect("a kind");
            (kind.open)(&toml::Table::new()).expect("defaults are fine")
        })
    }

    fn sample(source: &mut dyn Source, machine: &Machine, field: &str) -> Option<f64> {
        let sample = source.sample(machine, &Ask::default()).expect("readable");
        sample?.get(field).and_then(crate::Value::as_number)
    }

    #[test]
    fn counters_are_read_once_a_moment_for_all_who_want_them() {
        let (_dir, machine) = machine_with(FILES);
        let mut sources = opened(["cpu", "cores", "rainbar", "memory", "swap"]);
        let fields = ["usage", "usage", "cpu", "usage", "usage"];
        for (moment, usage) in [(1, None), (2, Some(50.0)), (3, Some(0.0))] {
            machine.at(Duration::from_secs(moment));
            let seen: Vec<_> = sources
                .iter_mut()
                .zip(fields)
                .map(|(source, field)| sample(source.as_mut(), &machine, field))
                .collect();
            assert_eq!(seen, [usage, usage, usage, Some(50.0), Some(50.0)]);
            let reads = ["/proc/stat", "/proc/meminfo"].map(|path| machine.reads(path));
            assert_eq!(reads, [moment as u32; 2]);
        }
    }

    #[test]
    fn who_reads_less_often_sees_the_difference_since_its_own_last_reading() {
        let (_dir, machine) = machine_with(FILES);
        let [mut often, mut seldom] = opened(["cpu", "cpu"]);
        let mut usages = Vec::new();
        for moment in 1..=3 {
            machine.at(Duration::from_secs(moment));
            usages.push(sample(often.as_mut(), &machine, "usage"));
            if moment != 2 {
                usages.push(sample(seldom.as_mut(), &machine, "usage"));
            }
        }
        assert_eq!(usages, [None, None, Some(50.0), Some(0.0), Some(25.0)]);
    }

    /// As in a process that begins no moments.
    #[test]
    fn without_a_moment_nothing_is_shared() {
        let (_dir, machine) = machine_with(FILES);
        let [mut one, mut other] = opened(["cpu", "cpu"]);
        assert_eq!(sample(one.as_mut(), &machine, "usage"), None);
        assert_eq!(sample(other.as_mut(), &machine, "usage"), None);
        assert_eq!(sample(one.as_mut(), &machine, "usage"), Some(25.0));
        assert_eq!(machine.reads("/proc/stat"), 3);
    }

    #[test]
    fn an_error_is_not_given_out_again() {
        let (_dir, machine) = machine_with(&[("proc/stat", "?"), ("proc/stat@2", FILES[0].1)]);
        machine.at(Duration::ZERO);
        assert!(machine.processor_times().is_err());
        assert!(machine.processor_times().is_ok());
    }
}

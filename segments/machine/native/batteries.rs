//! `/sys/class/power_supply`.
//!
//! The crate `battery` reads it too, but gives up on a battery without `voltage_now`, though energy
//! and power need none, and takes any power above 100 W for a mistake. Where it does read a battery,
//! a test holds that both read the same.
//!
//! sysfs has µWh, µAh, µW, µA and µV. Charges become energies by one voltage for all of a battery's
//! numbers, so that shares and times are exact whatever it is; only the power uses the voltage of now.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::machine::batteries::ABSURD;
use crate::machine::{Battery, Charging, Error, Machine, Scan, SmallFile};

const SUPPLIES: &str = "/sys/class/power_supply";

/// The volts of three lithium cells, for batteries that do not say theirs.
const GUESS: f64 = 11.1;

/// Which supplies there are is looked at each minute; their files stay open.
#[derive(Default)]
pub struct Supplies(Scan<Vec<Files>>);

impl Supplies {
    pub fn read(&mut self, machine: &Machine) -> Result<Vec<Battery>, Error> {
        let mut failed = None;
        let supplies = self.0.get(machine, |machine| match machine.list(SUPPLIES) {
            Ok(supplies) => supplies
                .iter()
                .map(|supply| Files {
                    dir: Path::new(SUPPLIES).join(&supply.name),
                    known: Vec::new(),
                })
                .collect(),
            Err(cause) => {
                failed = Some(cause).filter(|cause| cause.kind() != ErrorKind::NotFound);
                Vec::new()
            }
        });
        let found =
            supplies.iter_mut().filter_map(|files| Supply { machine, files: files.into() }.read());
        let found = found.collect();
        match failed {
            Some(cause) => {
                self.0.forget();
                Err(Error::Read { path: SUPPLIES.into(), cause })
            }
            None => Ok(found),
        }
    }
}

/// The files of a supply that were asked for so far; `None`: there is no such file.
struct Files {
    dir: PathBuf,
    known: Vec<(&'static str, Option<SmallFile>)>,
}

impl Files {
    fn parse<T>(
        &mut self,
        machine: &Machine,
        name: &'static str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let at = self.known.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.known.push((name, Some(SmallFile::new(self.dir.join(name)))));
            self.known.len() - 1
        });
        let file = &mut self.known[at].1;
        match file.as_mut()?.parse(machine, parse) {
            Ok(read) => read,
            Err(error) => {
                // A file that is there may fail at times; one that is not stays away.
                if error.kind() == ErrorKind::NotFound {
                    *file = None;
                }
                None
            }
        }
    }
}

/// A directory of `/sys/class/power_supply`.
struct Supply<'a> {
    machine: &'a Machine,
    files: RefCell<&'a mut Files>,
}

impl Supply<'_> {
    /// The battery that it is; `None` if it is none of this machine's, or gone.
    fn read(&self) -> Option<Battery> {
        let is = |name, word: &str| {
            let word = |text: &[u8]| Some(text.trim_ascii().eq_ignore_ascii_case(word.as_bytes()));
            self.files.borrow_mut().parse(self.machine, name, word).unwrap_or(false)
        };
        if !is("type", "Battery") || is("scope", "Device") || is("present", "0") {
            return None;
        }
        let charged = self.number("capacity").map(|percent| (percent / 100.0).clamp(0.0, 1.0));
        let now_volts = self.first(&["voltage_now", "voltage_avg"]);
        let volts = self.first(&["voltage_min_design", "voltage_max_design"]).or(now_volts);
        let energy = |names: [&'static str; 2]| self.first(&names);
        let charge = |names: [&'static str; 2]| {
            self.first(&names).map(|charge| charge * volts.unwrap_or(GUESS))
        };
        // A battery that counts in charges may have a few of its files in energies all the same:
        // now and full must be of one kind.
        let (now, full) = match energy(["energy_full", "energy_full_design"]) {
            Some(full) => (energy(["energy_now", "energy_avg"]), Some(full)),
            None => (
                charge(["charge_now", "charge_avg"]),
                charge(["charge_full", "charge_full_design"]),
            ),
        };
        let full = full.filter(|full| *full > 0.0);
        let share = match (now, full) {
            (Some(now), Some(full)) => (now / full).clamp(0.0, 1.0),
            _ => charged?,
        };
        let current = self.first(&["current_now", "current_avg"]);
        let (rate, power) = match (self.first(&["power_now", "power_avg"]), current) {
            (Some(power), _) => (Some(power), Some(power)),
            (None, Some(current)) => (
                Some(current * volts.unwrap_or(GUESS)),
                now_volts.or(volts).map(|volts| current * volts),
            ),
            (None, None) => (None, None),
        };
        let sane = |watts: &f64| *watts < ABSURD;
        let limit = self.number("charge_control_end_threshold").map(|percent| percent / 100.0);
        Some(Battery {
            state: self
                .files
                .borrow_mut()
                .parse(self.machine, "status", |text| Some(state(text.trim_ascii())))
                .unwrap_or(Charging::Unknown),
            share,
            capacity: full,
            rate: rate.filter(sane).filter(|rate| *rate > 0.0),
            power: power.filter(sane),
            limit: limit.filter(|limit| *limit > 0.0 && *limit < 1.0),
        })
    }

    fn number(&self, name: &'static str) -> Option<f64> {
        self.files.borrow_mut().parse(self.machine, name, |text| {
            let number = std::str::from_utf8(text.trim_ascii()).ok()?.parse::<f64>().ok()?;
            number.is_finite().then_some(number)
        })
    }

    /// The first of these files that holds a number, out of millionths. Some drivers have the sign
    /// of the direction in it, for which `status` is better.
    fn first(&self, names: &[&'static str]) -> Option<f64> {
        names.iter().find_map(|name| self.number(name)).map(|number| number.abs() / 1e6)
    }
}

fn state(text: &[u8]) -> Charging {
    const WORDS: [(&str, Charging); 4] = [
        ("charging", Charging::Charging),
        ("discharging", Charging::Discharging),
        ("full", Charging::Full),
        ("not charging", Charging::NotCharging),
    ];
    let said = WORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word.as_bytes()));
    said.map_or(Charging::Unknown, |(_, state)| *state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    /// The batteries of a machine with one supply of these files.
    fn read(files: &[(&str, &str)]) -> Vec<Battery> {
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (format!("sys/class/power_supply/BAT0/{name}"), *text))
            .collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (_dir, machine) = machine_with(&files);
        machine.batteries().expect("readable")
    }

    fn one(files: &[(&str, &str)]) -> Battery {
        let files = [&[("type", "Battery\n")], files].concat();
        read(&files).pop().expect("a battery")
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn a_file_is_kept_and_one_that_is_not_there_is_looked_for_once() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("written");
        };
        let mut files = Files { dir: dir.path().to_owned(), known: Vec::new() };
        let mut length = |name| files.parse(&Machine::real(), name, |text| Some(text.len()));
        write("status", "Full\n");
        assert_eq!((length("status"), length("scope")), (Some(5), None));
        write("status", "Charging\n");
        write("scope", "Device\n");
        assert_eq!((length("status"), length("scope")), (Some(9), None));
    }

    #[test]
    fn energies_need_no_voltage() {
        let found = one(&[
            ("status", "Discharging\n"),
            ("energy_now", "21000000\n"),
            ("energy_full", "50000000\n"),
            ("power_now", "10000000\n"),
        ]);
        let expected = Battery {
            state: Charging::Discharging,
            share: 0.42,
            capacity: Some(50.0),
            rate: Some(10.0),
            power: Some(10.0),
            limit: None,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn charges_become_energies_and_the_power_is_that_of_now() {
        let found = one(&[
            ("status", "Charging"),
            ("charge_now", "3000000"),
            ("charge_full", "4000000"),
            ("current_now", "-2000000"),
            ("voltage_min_design", "10000000"),
            ("voltage_now", "12500000"),
        ]);
        assert_eq!((found.share, found.capacity), (0.75, Some(40.0)));
        assert_eq!((found.rate, found.power), (Some(20.0), Some(25.0)));
    }

    #[test]
    fn charges_without_a_voltage_have_shares_and_times_and_no_power() {
        let found = one(&[
            ("charge_now", "3000000"),
            ("charge_full", "5000000"),
            ("current_now", "1500000"),
        ]);
        let hours = found.capacity.expect("some") * found.share / found.rate.expect("some");
        assert_eq!((found.share, found.power), (0.6, None));
        assert!((hours - 2.0).abs() < 1e-9, "{hours}");
    }

    #[test]
    fn the_capacity_in_percent_is_the_last_resort_and_stays_within_its_hundred() {
        let share = |percent| one(&[("capacity", percent)]).share;
        assert_eq!(["0", "55\n", "100", "150", "-3"].map(share), [0.0, 0.55, 1.0, 1.0, 0.0]);
        assert_eq!(one(&[("capacity", "55"), ("energy_full", "0")]).share, 0.55);
    }

    #[test]
    fn more_than_full_is_full() {
        assert_eq!(one(&[("energy_now", "61000000"), ("energy_full", "60000000")]).share, 1.0);
    }

    #[test]
    fn a_limit_counts_where_there_is_one() {
        let limit = |percent| one(&[("capacity", "50"), ("charge_control_end_threshold", percent)]);
        assert_eq!(["80", "100", "0", "x"].map(|p| limit(p).limit), [Some(0.8), None, None, None]);
    }

    #[test]
    fn what_flows_absurdly_or_not_at_all_is_not_known() {
        let rate = |power| one(&[("capacity", "50"), ("power_now", power)]);
        assert_eq!((rate("0").rate, rate("0").power), (None, Some(0.0)));
        assert_eq!((rate("65535000000").rate, rate("65535000000").power), (None, None));
    }

    #[test]
    fn mice_mains_empty_bays_and_things_that_say_nothing_are_no_batteries() {
        let full = ("capacity", "90");
        assert_eq!(read(&[("type", "Battery"), ("scope", "Device\n"), full]), []);
        assert_eq!(read(&[("type", "Battery"), ("present", "0"), full]), []);
        assert_eq!(read(&[("type", "Mains"), ("online", "1")]), []);
        assert_eq!(read(&[("type", "Battery"), ("status", "Full")]), []);
        assert_eq!(read(&[("type", "Battery"), ("capacity", "\u{0}")]), []);
        assert_eq!(read(&[full]), []);
    }
}

//! The door to the batteries that run this machine.
//!
//! On Linux and in fixtures `/sys/class/power_supply` is read here, elsewhere through the crate
//! `battery`. The crate is not used on Linux, where it is in error about batteries that many
//! machines have: it gives up on one without a `voltage_now`, though energy and power need none,
//! and it takes any power above 100 W for a mistake. Where it does read a battery, a test holds
//! that both read the same.
//!
//! Units: sysfs has µWh, µAh, µW, µA and µV; given out are Wh, W and shares from 0 to 1. Charges
//! become energies by one voltage for all of a battery's numbers, so that shares and times are
//! exact whatever it is; only the power uses the voltage of now.
//!
//! Batteries of mice, headsets and the like (`scope` is `Device`) are none of this machine's, nor
//! are empty bays. Anything may be missing, absurd, or vanish between two reads.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Doors, Figure, Found, Machine};
use crate::base::contract::Error;

const SUPPLIES: &str = "/sys/class/power_supply";

/// The volts of three lithium cells, for batteries that do not say theirs.
const GUESS: f64 = 11.1;

/// More watts than any charger or laptop has: what firmware says when it does not know.
const ABSURD: f64 = 1000.0;

/// What a battery does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charging {
    Charging,
    Discharging,
    Full,
    /// On mains and kept as it is.
    NotCharging,
    Unknown,
}

/// One battery, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Battery {
    pub state: Charging,
    /// How full, from 0 to 1.
    pub share: f64,
    /// What it holds when full, in Wh; `None` where it does not say.
    pub capacity: Option<f64>,
    /// Wh that come or go in an hour, in the terms of `capacity`; `None` where that is not known
    /// or nothing flows.
    pub rate: Option<f64>,
    /// The power that comes or goes, in W; `None` where it is not known.
    pub power: Option<f64>,
    /// The share at which charging ends, where the user set one below 1.
    pub limit: Option<f64>,
}

impl Machine {
    /// What [`PowerDoor::read`] tells, for whoever asks once.
    pub fn batteries(&self) -> Result<Vec<Battery>, Error> {
        PowerDoor::default().read(self)
    }
}

/// Keeps what reading the batteries again and again needs: their files stay open. Which there are is
/// looked at each minute.
#[derive(Default)]
pub struct PowerDoor(Found<Vec<Files>>);

impl PowerDoor {
    /// The batteries of this machine, by name; none is no error.
    pub fn read(&mut self, machine: &Machine) -> Result<Vec<Battery>, Error> {
        if machine.doors() == Doors::Sysinfo {
            return crate_batteries();
        }
        let mut failed = None;
        let supplies = self.0.look(machine, |machine| match machine.list(SUPPLIES) {
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
    known: Vec<(&'static str, Option<Figure>)>,
}

impl Files {
    fn parse<T>(
        &mut self,
        machine: &Machine,
        name: &'static str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let at = self.known.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.known.push((name, Some(Figure::new(self.dir.join(name)))));
            self.known.len() - 1
        });
        let file = &mut self.known[at].1;
        match file.as_mut()?.parse(machine, parse) {
            Ok(read) => read,
            Err(error) => {
                // Only what is not there stays away: others have nothing to say at times.
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
    /// of the direction in it, which `status` tells better.
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

/// What the crate `battery` knows. One that it cannot read is passed over.
fn crate_batteries() -> Result<Vec<Battery>, Error> {
    use battery::State;
    use battery::units::energy::watt_hour;
    use battery::units::power::watt;
    use battery::units::ratio::ratio;
    let failed =
        |error: battery::Error| Error::Other(format!("The batteries cannot be read: {error}."));
    let manager = battery::Manager::new().map_err(failed)?;
    let all = manager.batteries().map_err(failed)?.filter_map(Result::ok).map(|found| {
        let number = |value: f32| Some(f64::from(value)).filter(|value| value.is_finite());
        let power = number(found.energy_rate().get::<watt>()).map(f64::abs);
        let power = power.filter(|watts| *watts < ABSURD);
        Battery {
            state: match found.state() {
                State::Charging => Charging::Charging,
                State::Discharging | State::Empty => Charging::Discharging,
                State::Full => Charging::Full,
                State::Paused => Charging::NotCharging,
                State::Unknown => Charging::Unknown,
            },
            share: number(found.state_of_charge().get::<ratio>()).unwrap_or(0.0).clamp(0.0, 1.0),
            capacity: number(found.energy_full().get::<watt_hour>()).filter(|full| *full > 0.0),
            rate: power.filter(|power| *power > 0.0),
            power,
            limit: None,
        }
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

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

    /// The crate reads where the real machine has it; see the test below.
    #[test]
    #[ignore = "wants another /sys/class/power_supply; the next test runs it there"]
    fn the_crate_sees_the_same() {
        let (ours, theirs) = (Machine::real().batteries(), crate_batteries());
        let (ours, theirs) = (ours.expect("readable"), theirs.expect("readable"));
        assert_eq!((ours.len(), theirs.len()), (1, 1));
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 0.001 * a.max(1.0),
            (a, b) => a == b,
        };
        let (ours, theirs) = (&ours[0], &theirs[0]);
        assert_eq!(ours.state, theirs.state);
        assert!(near(Some(ours.share), Some(theirs.share)), "{ours:?} {theirs:?}");
        assert!(near(ours.capacity, theirs.capacity), "{ours:?} {theirs:?}");
        assert!(near(ours.rate, theirs.rate), "{ours:?} {theirs:?}");
    }

    /// A battery with all that the crate asks for, shown to both as the real machine's.
    #[test]
    #[cfg(target_os = "linux")]
    #[allow(clippy::disallowed_methods, reason = "a test runs itself in another mount namespace")]
    fn the_crate_sees_the_same_on_a_real_machine() {
        let files = [
            ("type", "Battery\n"),
            ("status", "Discharging\n"),
            ("capacity", "42\n"),
            ("energy_now", "21000000\n"),
            ("energy_full", "50000000\n"),
            ("energy_full_design", "60000000\n"),
            ("power_now", "10500000\n"),
            ("voltage_now", "11800000\n"),
        ];
        let files = files.map(|(name, text)| (format!("BAT0/{name}"), text));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (dir, _) = machine_with(&files);
        let script = "mount --bind \"$1\" /sys/class/power_supply && echo mounted && exec \"$2\" \
                      --ignored --exact machine::power::tests::the_crate_sees_the_same";
        let mut command = std::process::Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", script, "sh"]).arg(dir.path());
        command.arg(std::env::current_exe().expect("our own file"));
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => return println!("skipped: unshare: {error}"),
        };
        let said = String::from_utf8_lossy(&output.stdout);
        if !said.contains("mounted") {
            let why = String::from_utf8_lossy(&output.stderr);
            return println!("skipped: no mount namespace: {why}");
        }
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

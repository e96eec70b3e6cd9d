//! The door to the sensors of the machine: temperatures and fans.
//!
//! `/sys/class/hwmon` tells them by the chip's name, and `/sys/class/thermal` what has no chip. The
//! numbers in both (hwmon3, zone1) change from boot to boot and are never used as names.
//!
//! Reading a sensor may take long: an embedded controller is asked over a slow bus, a drive is sent a
//! command, some firmware stops the whole machine for half a second (dell-smm-hwmon says so itself).
//! So only sources that run in workers may ask.

use std::path::Path;

use super::sysfs::Figure;
use super::{Doors, Machine};

/// Sensors beyond this are passed over: a server of two sockets has about two hundred.
const MOST: usize = 1024;

/// A sensor, found.
pub struct Sensor {
    /// The chip's or the zone's own name: `coretemp`, `x86_pkg_temp`.
    pub chip: String,
    /// What it measures in the chip's words: `Package id 0`, `Tctl`; empty if it does not say.
    pub label: String,
    /// From where on the chip itself calls it critical, or too much, in the sensor's unit.
    pub critical: Option<f64>,
    pub most: Option<f64>,
    /// Below what it calls itself too low.
    pub least: Option<f64>,
    input: Input,
    /// Of what the file counts in one unit.
    scale: f64,
}

enum Input {
    File(Figure),
    /// What sysinfo said when it was found.
    Said(f64),
}

impl Sensor {
    /// What it measures now, in °C or turns a minute.
    pub fn read(&mut self, machine: &Machine) -> Option<f64> {
        match &mut self.input {
            Input::File(figure) => Some(figure.read(machine)? as f64 / self.scale),
            Input::Said(value) => Some(*value),
        }
    }

    /// Whether its file can still tell something later.
    pub fn lasts(&self) -> bool {
        matches!(self.input, Input::File(_))
    }

    /// Whether a user's `name` means this one: the chip, the label, or both with a blank between.
    pub fn is(&self, name: &str) -> bool {
        let both = name.strip_prefix(&*self.chip).and_then(|rest| rest.strip_prefix(' '));
        self.chip.eq_ignore_ascii_case(name)
            || self.label.eq_ignore_ascii_case(name) && !name.is_empty()
            || both.is_some_and(|label| self.label.eq_ignore_ascii_case(label))
    }

    /// The chip and the label, as a user may name it.
    pub fn name(&self) -> String {
        if self.label.is_empty() {
            self.chip.clone()
        } else {
            format!("{} {}", self.chip, self.label)
        }
    }
}

impl Machine {
    /// The temperatures of this machine, chips first, then thermal zones.
    pub fn temperatures(&self) -> Vec<Sensor> {
        if self.doors() == Doors::Sysinfo {
            return sysinfo_temperatures();
        }
        let mut found = self.chips("temp", 1000.0);
        for (_, dir) in self.numbered("/sys/class/thermal", "thermal_zone") {
            let Some(chip) = self.word(dir.join("type")) else { continue };
            found.push(Sensor {
                chip,
                label: String::new(),
                critical: self.trip(&dir),
                most: None,
                least: None,
                input: Input::File(Figure::new(dir.join("temp"))),
                scale: 1000.0,
            });
        }
        found.truncate(MOST);
        found
    }

    /// The fans of this machine.
    pub fn fans(&self) -> Vec<Sensor> {
        if self.doors() == Doors::Sysinfo { Vec::new() } else { self.chips("fan", 1.0) }
    }

    /// The sensors of one quantity below `/sys/class/hwmon`.
    fn chips(&self, quantity: &str, scale: f64) -> Vec<Sensor> {
        let mut found = Vec::new();
        for (_, dir) in self.numbered("/sys/class/hwmon", "hwmon") {
            found.extend(self.chip(&dir, quantity, scale));
        }
        found.truncate(MOST);
        found
    }

    /// The sensors of one quantity in one directory of a chip; `scale` is what its files count in
    /// one unit.
    fn chip(&self, dir: &Path, quantity: &str, scale: f64) -> Vec<Sensor> {
        let Some(chip) = self.word(dir.join("name")) else { return Vec::new() };
        let entries = self.list(dir).unwrap_or_default();
        let mut numbers: Vec<u32> = entries
            .iter()
            .filter_map(|entry| {
                let number = entry.name.to_str()?.strip_prefix(quantity)?;
                number.strip_suffix("_input").or(number.strip_suffix("_average"))?.parse().ok()
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let sensor = |number: u32| {
            let file = |what: &str| dir.join(format!("{quantity}{number}_{what}"));
            let limit = |what| self.number(file(what)).map(|value| value as f64 / scale);
            let there =
                |path: &Path| entries.iter().any(|entry| Some(&*entry.name) == path.file_name());
            let input = Some(file("input")).filter(|path| there(path));
            let input = input.unwrap_or_else(|| file("average"));
            Sensor {
                chip: chip.clone(),
                label: self.word(file("label")).unwrap_or_default(),
                critical: limit("crit"),
                most: limit("max"),
                least: limit("min"),
                input: Input::File(Figure::new(input)),
                scale,
            }
        };
        numbers.into_iter().map(sensor).collect()
    }

    /// The temperature at which a zone shuts the machine down, or calls itself hot.
    fn trip(&self, zone: &Path) -> Option<f64> {
        let mut lowest: Option<f64> = None;
        // Real zones have two to twelve.
        for number in 0..16 {
            let Some(kind) = self.word(zone.join(format!("trip_point_{number}_type"))) else {
                break;
            };
            if kind == "critical" || kind == "hot" {
                let path = zone.join(format!("trip_point_{number}_temp"));
                let degrees = self.number(path).map(|milli| milli as f64 / 1000.0);
                lowest = [lowest, degrees].into_iter().flatten().reduce(f64::min);
            }
        }
        lowest
    }
}

fn sysinfo_temperatures() -> Vec<Sensor> {
    let Ok(components) = sysinfo::Components::new_with_refreshed_list() else { return Vec::new() };
    let all = components.iter().filter_map(|component| {
        let limit = component.critical().map(f64::from);
        Some(Sensor {
            chip: component.label().to_owned(),
            label: String::new(),
            critical: limit,
            most: None,
            least: None,
            input: Input::Said(f64::from(component.temperature()?)),
            scale: 1.0,
        })
    });
    all.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn chips_and_zones_say_what_they_are() {
        let (_dir, machine) = machine_with(&[
            ("sys/class/hwmon/hwmon2/name", "coretemp\n"),
            ("sys/class/hwmon/hwmon2/temp1_input", "61000\n"),
            ("sys/class/hwmon/hwmon2/temp1_label", "Package id 0\n"),
            ("sys/class/hwmon/hwmon2/temp1_crit", "100000\n"),
            ("sys/class/hwmon/hwmon10/name", "nvme\n"),
            ("sys/class/hwmon/hwmon10/temp1_input", "30000\n"),
            ("sys/class/hwmon/hwmon3/temp1_input", "30000\n"),
            ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
            ("sys/class/thermal/thermal_zone0/temp", "27800\n"),
            ("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n"),
            ("sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n"),
            ("sys/class/thermal/thermal_zone0/trip_point_1_temp", "119000\n"),
        ]);
        let mut found = machine.temperatures();
        let seen: Vec<_> = found
            .iter_mut()
            .map(|sensor| (sensor.name(), sensor.read(&machine), sensor.critical))
            .collect();
        assert_eq!(
            seen,
            [
                ("coretemp Package id 0".to_owned(), Some(61.0), Some(100.0)),
                ("nvme".to_owned(), Some(30.0), None),
                ("acpitz".to_owned(), Some(27.8), Some(119.0)),
            ]
        );
        let named = |name: &str| found.iter().filter(|sensor| sensor.is(name)).count();
        assert_eq!(
            ["coretemp", "package id 0", "coretemp Package id 0", "", "core"].map(named),
            [1, 1, 1, 0, 0]
        );
    }

    #[test]
    fn a_machine_without_sensors_has_none() {
        let (_dir, machine) = machine_with(&[]);
        assert!(machine.temperatures().is_empty() && machine.fans().is_empty());
    }

    #[test]
    fn what_the_real_machine_measures_is_a_number() {
        let machine = Machine::real();
        for sensor in &mut machine.temperatures() {
            assert!(sensor.read(&machine).is_none_or(f64::is_finite), "{}", sensor.name());
        }
        for sensor in sysinfo_temperatures() {
            assert!(!sensor.lasts());
        }
    }
}

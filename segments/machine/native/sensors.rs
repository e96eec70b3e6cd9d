//! `/sys/class/hwmon` tells sensors by the chip's name, and `/sys/class/thermal` those that have no
//! chip. The numbers in both (hwmon3, zone1) change from boot to boot and are never used as names.

use std::path::Path;

use crate::machine::sensors::{Input, MAX_SENSORS};
use crate::machine::{Machine, Sensor, SmallFile};

/// Chips first, then thermal zones.
pub fn temperatures(machine: &Machine) -> Vec<Sensor> {
    let mut found = chips(machine, "temp", 1000.0);
    for (_, dir) in machine.numbered("/sys/class/thermal", "thermal_zone") {
        let Some(chip) = machine.word(dir.join("type")) else { continue };
        found.push(Sensor {
            chip,
            label: String::new(),
            critical: trip(machine, &dir),
            most: None,
            least: None,
            input: Input::File(SmallFile::new(dir.join("temp"))),
            scale: 1000.0,
        });
    }
    found.truncate(MAX_SENSORS);
    found
}

pub fn fans(machine: &Machine) -> Vec<Sensor> {
    chips(machine, "fan", 1.0)
}

/// The sensors of one quantity below `/sys/class/hwmon`.
fn chips(machine: &Machine, quantity: &str, scale: f64) -> Vec<Sensor> {
    let mut found = Vec::new();
    for (_, dir) in machine.numbered("/sys/class/hwmon", "hwmon") {
        found.extend(chip(machine, &dir, quantity, scale));
    }
    found.truncate(MAX_SENSORS);
    found
}

/// The sensors of one quantity in one directory of a chip; `scale` is what its files count in
/// one unit.
fn chip(machine: &Machine, dir: &Path, quantity: &str, scale: f64) -> Vec<Sensor> {
    let Some(chip) = machine.word(dir.join("name")) else { return Vec::new() };
    let entries = machine.list(dir).unwrap_or_default();
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
        let limit = |what| machine.number(file(what)).map(|value| value as f64 / scale);
        let is_there =
            |path: &Path| entries.iter().any(|entry| Some(&*entry.name) == path.file_name());
        let input = Some(file("input")).filter(|path| is_there(path));
        let input = input.unwrap_or_else(|| file("average"));
        Sensor {
            chip: chip.clone(),
            label: machine.word(file("label")).unwrap_or_default(),
            critical: limit("crit"),
            most: limit("max"),
            least: limit("min"),
            input: Input::File(SmallFile::new(input)),
            scale,
        }
    };
    numbers.into_iter().map(sensor).collect()
}

/// The temperature at which a zone shuts the machine down, or calls itself hot.
fn trip(machine: &Machine, zone: &Path) -> Option<f64> {
    let mut lowest: Option<f64> = None;
    // Real zones have two to twelve.
    for number in 0..16 {
        let Some(kind) = machine.word(zone.join(format!("trip_point_{number}_type"))) else {
            break;
        };
        if kind == "critical" || kind == "hot" {
            let path = zone.join(format!("trip_point_{number}_temp"));
            let degrees = machine.number(path).map(|milli| milli as f64 / 1000.0);
            lowest = [lowest, degrees].into_iter().flatten().reduce(f64::min);
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use crate::machine::tests::machine_with;

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
}

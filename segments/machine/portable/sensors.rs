//! Temperatures by sysinfo, which knows chips; on Linux it leaves out thermal zones without one.

use crate::machine::Sensor;
use crate::machine::sensors::{Input, MAX_SENSORS};

#[allow(clippy::disallowed_methods, reason = "this is the reader")]
pub fn temperatures() -> Vec<Sensor> {
    let Ok(components) = sysinfo::Components::new_with_refreshed_list() else { return Vec::new() };
    let all = components.iter().filter_map(|component| {
        let (chip, label) = names(component.label());
        Some(Sensor {
            chip: chip.to_owned(),
            label: label.to_owned(),
            critical: component.critical().map(f64::from),
            most: None,
            least: None,
            input: Input::Measured(f64::from(component.temperature()?)),
            scale: 1.0,
        })
    });
    all.take(MAX_SENSORS).collect()
}

/// On Linux the chip's name and the sensor's are one text (`coretemp Package id 0`); elsewhere it is
/// one name (`PECI CPU`).
fn names(label: &str) -> (&str, &str) {
    let is_one = label.to_ascii_lowercase().contains("cpu");
    label.split_once(' ').filter(|_| !is_one).unwrap_or((label, ""))
}

//! Temperatures by sysinfo.

use crate::machine::Sensor;
use crate::machine::sensors::{Input, MAX_SENSORS};

pub fn temperatures() -> Vec<Sensor> {
    let Ok(components) = sysinfo::Components::new_with_refreshed_list() else { return Vec::new() };
    let all = components.iter().filter_map(|component| {
        Some(Sensor {
            chip: component.label().to_owned(),
            label: String::new(),
            critical: component.critical().map(f64::from),
            most: None,
            least: None,
            input: Input::Measured(f64::from(component.temperature()?)),
            scale: 1.0,
        })
    });
    all.take(MAX_SENSORS).collect()
}

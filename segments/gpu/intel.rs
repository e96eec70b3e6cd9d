//! Cards of the drivers i915 and xe.
//!
//! They do not report how busy they are, but how long they slept. The time between two readings
//! that was not sleep is work. A card that never sleeps (`i915.enable_rc6=0`) would always be busy:
//! one that has not slept at all since boot has no usage.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Card, Device};
use crate::machine::Machine;

/// The files of each driver with the milliseconds slept, the current and the highest MHz; the first
/// that exists is used.
const SLEPT: [&str; 4] = [
    "gt/gt0/rc6_residency_ms",
    "power/rc6_residency_ms",
    "device/tile0/gt0/gtidle/idle_residency_ms",
    "device/gt0/gtidle/idle_residency_ms",
];
const CLOCK: [&str; 4] = [
    "gt_act_freq_mhz",
    "gt/gt0/rps_act_freq_mhz",
    "gt_cur_freq_mhz",
    "device/tile0/gt0/freq0/act_freq",
];
const MOST: [&str; 3] =
    ["gt_max_freq_mhz", "gt/gt0/rps_max_freq_mhz", "device/tile0/gt0/freq0/max_freq"];

/// The shortest time between two readings, as the counter moves in steps.
const TOO_SHORT: Duration = Duration::from_millis(500);

/// For each card: how long it had slept, when that was read, and how busy it was.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct IdleTimes(HashMap<String, (Duration, Duration, Option<f64>)>);

impl IdleTimes {
    pub(super) fn read(&mut self, machine: &Machine, device: &Device, card: Card) -> Card {
        let first = |names: &[&str]| {
            let mut numbers = names.iter().filter_map(|name| machine.number(device.dir.join(name)));
            numbers.find(|number| *number > 0).map(|number| number as f64)
        };
        let clock = first(&CLOCK).map(|mhz| (mhz * 1e6, first(&MOST).map(|mhz| mhz * 1e6)));
        let usage = first(&SLEPT).and_then(|slept| self.usage(machine, device, slept));
        Card { usage, clock, ..card }
    }

    fn usage(&mut self, machine: &Machine, device: &Device, slept: f64) -> Option<f64> {
        let slept = Duration::try_from_secs_f64(slept / 1000.0).ok()?;
        let now = machine.uptime();
        let Some((before, at, usage)) = self.0.get_mut(&device.name) else {
            self.0.insert(device.name.clone(), (slept, now, None));
            return None;
        };
        // A reading in the future is from before the machine was restarted.
        let passed = now.checked_sub(*at).unwrap_or(TOO_SHORT);
        if passed >= TOO_SHORT {
            if slept >= *before && *at <= now {
                let share = slept.saturating_sub(*before).as_secs_f64() / passed.as_secs_f64();
                *usage = Some((100.0 - 100.0 * share).clamp(0.0, 100.0));
            }
            (*before, *at) = (slept, now);
        }
        *usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    #[test]
    fn time_that_was_not_sleep_is_work() {
        let file = "sys/class/drm/card0/gt/gt0/rc6_residency_ms";
        let (two, three, four) = (format!("{file}@2"), format!("{file}@3"), format!("{file}@4"));
        let (_dir, machine) = machine_with(&[
            ("proc/uptime", "100.00 1\n"),
            ("proc/uptime@2", "102.00 1\n"),
            ("proc/uptime@3", "104.00 1\n"),
            ("proc/uptime@4", "106.00 1\n"),
            (file, "50000\n"),
            (&two, "51500\n"),
            (&three, "51500\n"),
            (&four, "100\n"),
            ("sys/class/drm/card0/gt_act_freq_mhz", "0\n"),
            ("sys/class/drm/card0/gt_cur_freq_mhz", "350\n"),
        ]);
        let device = Device {
            name: "card0".into(),
            dir: "/sys/class/drm/card0".into(),
            driver: "i915".into(),
        };
        let mut times = IdleTimes::default();
        let read = [0; 4].map(|_| times.read(&machine, &device, Card::default()));
        let usages = read.map(|card| {
            assert_eq!(card.clock, Some((350e6, None)));
            card.usage
        });
        // A counter that went backwards keeps the last usage.
        assert_eq!(usages, [None, Some(25.0), Some(100.0), Some(100.0)]);
    }
}

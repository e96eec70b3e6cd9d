//! Cards of the drivers i915 and xe.
//!
//! They do not say how busy they are, but how long they slept: what is not sleep is work, seen
//! between two readings. A card that never sleeps (`i915.enable_rc6=0`) would be always busy: one
//! that has not slept at all since boot tells no usage.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Card, Place};
use crate::machine::Machine;

/// Where each driver keeps the milliseconds slept, and MHz now and at most; the first that is there.
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

/// Readings nearer than this are one: the counter moves in steps.
const TOO_SHORT: Duration = Duration::from_millis(500);

/// How long each card had slept, and when, and how busy it was.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct Past(HashMap<String, (Duration, Duration, Option<f64>)>);

impl Past {
    pub(super) fn read(&mut self, machine: &Machine, place: &Place, card: Card) -> Card {
        let first = |names: &[&str]| {
            let mut numbers = names.iter().filter_map(|name| machine.number(place.dir.join(name)));
            numbers.find(|number| *number > 0).map(|number| number as f64)
        };
        let clock = first(&CLOCK).map(|mhz| (mhz * 1e6, first(&MOST).map(|mhz| mhz * 1e6)));
        let usage = first(&SLEPT).and_then(|slept| self.usage(machine, place, slept));
        Card { usage, clock, ..card }
    }

    fn usage(&mut self, machine: &Machine, place: &Place, slept: f64) -> Option<f64> {
        let slept = Duration::try_from_secs_f64(slept / 1000.0).ok()?;
        let now = machine.uptime();
        let Some((before, at, usage)) = self.0.get_mut(&place.name) else {
            self.0.insert(place.name.clone(), (slept, now, None));
            return None;
        };
        // A reading in the future is one of before the machine was started anew.
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
    fn what_is_no_sleep_is_work() {
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
        let place = Place {
            name: "card0".into(),
            dir: "/sys/class/drm/card0".into(),
            driver: "i915".into(),
        };
        let mut past = Past::default();
        let read = [0; 4].map(|_| past.read(&machine, &place, Card::default()));
        let usages = read.map(|card| {
            assert_eq!(card.clock, Some((350e6, None)));
            card.usage
        });
        // A counter that went back leaves what was known.
        assert_eq!(usages, [None, Some(25.0), Some(100.0), Some(100.0)]);
    }
}

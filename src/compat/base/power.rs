//! The batteries as the peers' charts show them: how full, whether they discharge, how long.
//!
//! One battery is read by rainbarf's rules. Several are one, weighed by what they hold.

use std::path::Path;

use rainline_segments::Machine;
use rainline_segments::base::battery_total::BatteryTotal;
use rainline_segments::machine::Charging;

/// Where Linux has them.
pub const SUPPLIES: &str = "/sys/class/power_supply";

/// All batteries as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// How full, from 0 to 1.
    pub share: f64,
    pub discharging: bool,
    /// Until empty, where that is known.
    pub minutes: Option<u64>,
}

impl Power {
    /// Whole percents, with a hair for those that floating point makes 79.999….
    pub fn percent(&self) -> u64 {
        (100.0 * self.share + 1e-9) as u64
    }
}

/// This machine's batteries; `None` where it has none.
pub fn power(machine: &Machine) -> Option<Power> {
    let all = machine.batteries().unwrap_or_default();
    let alone = if all.len() > 1 { None } else { one(machine) };
    alone.or_else(|| {
        let sum = BatteryTotal::of(&all)?;
        let discharging = sum.state == Charging::Discharging;
        let left = sum.rate.filter(|_| discharging).and_then(|rate| sum.time(rate));
        Some(Power { share: sum.share, discharging, minutes: left.map(|left| left.as_secs() / 60) })
    })
}

/// A file's one number.
pub fn number(machine: &Machine, path: impl AsRef<Path>) -> Option<f64> {
    machine.number(path).map(|number| number as f64)
}

/// The first battery by rainbarf's rules: `BAT0`, `CMB0` and so on, with a charge or an energy.
fn one(machine: &Machine) -> Option<Power> {
    let dir = Path::new(SUPPLIES);
    let is_battery = |name: &str| {
        let digits = name.strip_prefix("BAT").or_else(|| name.strip_prefix("CMB"));
        digits.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
    };
    let supplies = machine.list(dir).ok()?;
    let mut batteries =
        supplies.iter().filter(|supply| supply.name.to_str().is_some_and(is_battery));
    batteries.find_map(|supply| {
        let dir = dir.join(&supply.name);
        let number = |name: &str| number(machine, dir.join(name));
        let is = |name: &str, text: &str| machine.word(dir.join(name)).is_some_and(|w| w == text);
        if is("scope", "Device") || is("present", "0") {
            return None;
        }
        let (now, full) = match (number("energy_now"), number("energy_full")) {
            (Some(now), Some(full)) => (now, full),
            _ => {
                number("current_now")?;
                let now = number("charge_now")?;
                (now, number("charge_full").unwrap_or(now))
            }
        };
        let share = match number("capacity") {
            Some(percent) => percent / 100.0,
            None if full > 0.0 => now / full,
            None => return None,
        };
        let discharging = is("status", "Discharging");
        let minutes = match (number("power_now"), number("energy_now")) {
            (Some(power), Some(energy)) => energy.abs() * 60.0 / power.abs(),
            _ => 60.0 * number("charge_now")?.abs() / number("current_now")?.abs(),
        };
        let minutes = (discharging && minutes.is_finite()).then_some(minutes as u64);
        Some(Power { share: share.clamp(0.0, 1.0), discharging, minutes })
    })
}

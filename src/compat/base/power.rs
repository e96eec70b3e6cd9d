//! The batteries as the peers' charts show them: how full, whether they discharge, how long.
//!
//! One battery is read as the peer reads it. Several are one, weighed by what they hold; a mouse's
//! is none.

use std::path::Path;

use rainline_segments::Host;
use rainline_segments::machine::{Battery, Charging};

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

/// This machine's batteries; `None` where it has none.
pub fn power(host: &Host) -> Option<Power> {
    let all = host.batteries().unwrap_or_default();
    let alone = if all.len() > 1 { None } else { one(host) };
    alone.or_else(|| together(&all))
}

/// A file of one number or word, without its newline.
pub fn word(host: &Host, path: impl AsRef<Path>) -> Option<String> {
    let bytes = host.read(path).ok()?;
    let text = String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
    (!text.is_empty()).then_some(text)
}

pub fn number(host: &Host, path: impl AsRef<Path>) -> Option<f64> {
    word(host, path)?.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The first battery by rainbarf's rules: `BAT0`, `CMB0` and so on, with a charge or an energy.
fn one(host: &Host) -> Option<Power> {
    let dir = Path::new(SUPPLIES);
    let named = |name: &str| {
        let digits = name.strip_prefix("BAT").or_else(|| name.strip_prefix("CMB"));
        digits.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
    };
    let supplies = host.list(dir).ok()?;
    supplies.iter().filter(|supply| supply.name.to_str().is_some_and(named)).find_map(|supply| {
        let dir = dir.join(&supply.name);
        let number = |name: &str| number(host, dir.join(name));
        let is = |name: &str, text: &str| word(host, dir.join(name)).is_some_and(|w| w == text);
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

fn together(all: &[Battery]) -> Option<Power> {
    if all.is_empty() {
        return None;
    }
    let known: Vec<f64> = all.iter().filter_map(|one| one.capacity).collect();
    let mean = match known.len() {
        0 => 1.0,
        count => known.iter().sum::<f64>() / count as f64,
    };
    let weight = |one: &Battery| one.capacity.unwrap_or(mean);
    let full: f64 = all.iter().map(weight).sum();
    let now: f64 = all.iter().map(|one| weight(one) * one.share).sum();
    let discharging = all.iter().any(|one| one.state == Charging::Discharging);
    let rates = all.iter().filter(|one| one.state == Charging::Discharging);
    let rate: f64 = rates.filter_map(|one| one.rate).sum();
    let known = discharging && rate > 0.0 && !known.is_empty();
    // A hair more, so that 240 minutes of floating point are not 239.
    let minutes = known.then(|| (now / rate * 60.0 + 1e-6) as u64);
    Some(Power { share: (now / full).clamp(0.0, 1.0), discharging, minutes })
}

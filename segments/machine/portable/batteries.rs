//! Batteries by the crate `battery`. One that it cannot read is passed over.

use crate::machine::batteries::ABSURD;
use crate::machine::{Battery, Charging, Error};

#[allow(clippy::disallowed_methods, reason = "this is the reader")]
pub fn read() -> Result<Vec<Battery>, Error> {
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

//! All batteries of the machine as one.
//!
//! They are weighed by what they hold: 2 of 20 Wh and 72 of 80 Wh are 74 %, not 50 %. One that
//! charges to a limit of 80 % is full at 80 %.

use std::time::Duration;

use super::value::Value;
use crate::machine::{Battery, Charging};

/// Longer times than this, in hours, are not shown: next to nothing flows, and it varies.
const MOST_HOURS: f64 = 240.0;
/// A charge this near its limit has reached it, as shares: firmware stops a little below.
const NEAR: f64 = 0.05;

/// All batteries as one.
#[derive(Debug)]
pub struct BatteryTotal {
    /// What they do, taken together.
    pub state: Charging,
    /// How full they are, from 0 to 1.
    pub share: f64,
    /// Wh, or how many batteries where none has a capacity.
    pub capacity: f64,
    /// The share at which charging ends.
    pub limit: f64,
    /// Wh an hour; `None` where that is not known or nothing flows.
    pub rate: Option<f64>,
    /// W.
    pub power: Option<f64>,
}

impl BatteryTotal {
    /// The sum of these batteries; `None` if there are none.
    pub fn of(batteries: &[Battery]) -> Option<BatteryTotal> {
        if batteries.is_empty() {
            return None;
        }
        // One without a capacity counts like the mean of the others.
        let known: Vec<f64> = batteries.iter().filter_map(|battery| battery.capacity).collect();
        let mean = match known.len() {
            0 => 1.0,
            count => known.iter().sum::<f64>() / count as f64,
        };
        let weight = |battery: &Battery| battery.capacity.unwrap_or(mean);
        let capacity: f64 = batteries.iter().map(weight).sum();
        let sum = |value: &dyn Fn(&Battery) -> f64| {
            batteries.iter().map(|battery| weight(battery) * value(battery)).sum::<f64>() / capacity
        };
        let share = sum(&|battery| battery.share).clamp(0.0, 1.0);
        let limit = sum(&|battery| battery.limit.unwrap_or(1.0)).clamp(0.0, 1.0);
        let state = together(batteries, share);
        // Two batteries rarely do different things; what goes the other way counts against it.
        let flows: Vec<f64> = batteries
            .iter()
            .filter(|battery| battery.capacity.is_some())
            .filter_map(|battery| {
                battery.rate.map(|rate| if battery.state == against(state) { -rate } else { rate })
            })
            .collect();
        let rate = flows.iter().sum::<f64>();
        let powers: Vec<f64> = batteries.iter().filter_map(|battery| battery.power).collect();
        Some(BatteryTotal {
            state,
            share,
            capacity,
            limit,
            rate: (rate > 0.0).then_some(rate),
            power: (!powers.is_empty()).then(|| powers.iter().sum()),
        })
    }

    /// Whether the charge has reached the limit, or nearly so.
    pub fn is_at_limit(&self) -> bool {
        self.share >= self.limit - NEAR
    }

    /// How long until empty or full at this rate.
    pub fn time(&self, rate: f64) -> Option<Duration> {
        let way = match self.state {
            Charging::Discharging => self.share,
            // Above its limit it charges only if the limit is not obeyed.
            Charging::Charging if self.share < self.limit => self.limit - self.share,
            Charging::Charging => 1.0 - self.share,
            _ => return None,
        };
        let hours = way * self.capacity / rate;
        // To the minute: seconds would be a claim that no battery keeps.
        let minutes = (hours * 60.0).round();
        (hours < MOST_HOURS && minutes >= 1.0).then(|| Duration::from_secs(60 * minutes as u64))
    }
}

/// What they do together.
fn together(batteries: &[Battery], share: f64) -> Charging {
    let any = |state| batteries.iter().any(|battery| battery.state == state);
    if any(Charging::Discharging) {
        Charging::Discharging
    } else if any(Charging::Charging) {
        // Some firmware charges a full battery for ever.
        let ends = share >= 0.995 && batteries.iter().all(|battery| battery.rate.is_none());
        if ends { Charging::Full } else { Charging::Charging }
    } else if batteries.iter().all(|battery| battery.state == Charging::Full) {
        Charging::Full
    } else if any(Charging::NotCharging) || any(Charging::Full) {
        Charging::NotCharging
    } else {
        Charging::Unknown
    }
}

fn against(state: Charging) -> Charging {
    match state {
        Charging::Discharging => Charging::Charging,
        _ => Charging::Discharging,
    }
}

impl Charging {
    /// Where the charge goes.
    pub fn arrow(self) -> Value {
        match self {
            Charging::Charging => Value::sign("↑", "↑", "+"),
            Charging::Discharging => Value::sign("↓", "↓", "-"),
            Charging::Full | Charging::NotCharging => Value::sign("", "", ""),
            Charging::Unknown => Value::sign("?", "?", "?"),
        }
    }
}

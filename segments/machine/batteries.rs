//! The batteries that run this machine.
//!
//! Given out are Wh, W and shares from 0 to 1. Batteries of mice, headsets and the like are none of
//! this machine's, nor are empty bays. Anything may be missing, absurd, or vanish between two reads.

use serde::{Deserialize, Serialize};

use super::{Error, Machine, Reader, native, portable};

/// More watts than any charger or laptop has: what firmware says when it does not know.
pub(super) const ABSURD: f64 = 1000.0;

/// What a battery does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charging {
    /// It is being charged.
    Charging,
    /// It runs the machine.
    Discharging,
    /// It holds all that it can.
    Full,
    /// Plugged in, not charging.
    NotCharging,
    /// It does not say.
    Unknown,
}

/// One battery, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Battery {
    /// What it does.
    pub state: Charging,
    /// How full, from 0 to 1.
    pub share: f64,
    /// What it holds when full, in Wh; `None` where it does not say.
    pub capacity: Option<f64>,
    /// Wh that come or go in an hour, in the terms of `capacity`; `None` where that is not known
    /// or nothing flows.
    pub rate: Option<f64>,
    /// The power that comes or goes, in W; `None` where it is not known.
    pub power: Option<f64>,
    /// The share at which charging ends, where the user set one below 1.
    pub limit: Option<f64>,
}

/// Reads the batteries again and again.
#[derive(Default)]
pub struct BatteryReader(native::batteries::Supplies);

impl BatteryReader {
    /// The batteries of this machine, by name; none is no error.
    pub fn read(&mut self, machine: &Machine) -> Result<Vec<Battery>, Error> {
        match machine.reader() {
            Reader::Native => self.0.read(machine),
            Reader::Portable => portable::batteries::read(),
        }
    }
}

impl Machine {
    /// [`BatteryReader::read`], for those who ask once.
    pub fn batteries(&self) -> Result<Vec<Battery>, Error> {
        BatteryReader::default().read(self)
    }
}

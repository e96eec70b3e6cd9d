//! The sensors of the machine: temperatures and fans.
//!
//! Reading a sensor may take long: an embedded controller is asked over a slow bus, a drive is sent a
//! command, some firmware stops the whole machine for half a second (so the documentation of dell-smm-hwmon).
//! So only sources that run in workers may ask.

use super::{Machine, Reader, SmallFile, native, portable};

/// Sensors beyond this are passed over: a server of two sockets has about two hundred.
pub(super) const MAX_SENSORS: usize = 1024;

/// A sensor, found.
pub struct Sensor {
    /// The chip's or the zone's own name: `coretemp`, `x86_pkg_temp`.
    pub chip: String,
    /// What it measures in the chip's words: `Package id 0`, `Tctl`; empty if it does not say.
    pub label: String,
    /// From where on the chip itself calls it critical, in the sensor's unit.
    pub critical: Option<f64>,
    /// From where on it calls it too high.
    pub most: Option<f64>,
    /// Below what it calls itself too low.
    pub least: Option<f64>,
    pub(super) input: Input,
    /// What the file counts in one unit.
    pub(super) scale: f64,
}

pub(super) enum Input {
    File(SmallFile),
    /// What it measured when it was found: sysinfo lists and reads in one.
    Measured(f64),
}

impl Sensor {
    /// What it measures now, in °C or turns a minute.
    pub fn read(&mut self, machine: &Machine) -> Option<f64> {
        match &mut self.input {
            Input::File(file) => Some(file.read(machine)? as f64 / self.scale),
            Input::Measured(value) => Some(*value),
        }
    }

    /// Whether it can be read again, or must be found anew.
    pub fn lasts(&self) -> bool {
        matches!(self.input, Input::File(_))
    }

    /// Whether a user's `name` means this one: the chip, the label, or both with a blank between.
    pub fn is(&self, name: &str) -> bool {
        let both = name.strip_prefix(&*self.chip).and_then(|rest| rest.strip_prefix(' '));
        self.chip.eq_ignore_ascii_case(name)
            || self.label.eq_ignore_ascii_case(name) && !name.is_empty()
            || both.is_some_and(|label| self.label.eq_ignore_ascii_case(label))
    }

    /// The chip and the label, as a user may name it.
    pub fn name(&self) -> String {
        if self.label.is_empty() {
            self.chip.clone()
        } else {
            format!("{} {}", self.chip, self.label)
        }
    }
}

impl Machine {
    /// The temperatures of this machine.
    pub fn temperatures(&self) -> Vec<Sensor> {
        match self.reader() {
            Reader::Native => native::sensors::temperatures(self),
            Reader::Portable => portable::sensors::temperatures(),
        }
    }

    /// The fans of this machine; none by the portable reader, which knows of none.
    pub fn fans(&self) -> Vec<Sensor> {
        match self.reader() {
            Reader::Native => native::sensors::fans(self),
            Reader::Portable => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn a_machine_without_sensors_has_none() {
        let (_dir, machine) = machine_with(&[]);
        assert!(machine.temperatures().is_empty() && machine.fans().is_empty());
    }

    #[test]
    fn what_the_real_machine_measures_is_a_number() {
        for reader in Reader::ALL {
            let machine = Machine::read_by(reader);
            for sensor in &mut machine.temperatures() {
                assert!(sensor.read(&machine).is_none_or(f64::is_finite), "{}", sensor.name());
                assert_eq!(sensor.lasts(), reader == Reader::Native);
            }
        }
    }
}

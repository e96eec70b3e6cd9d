//! The queue of the processors: how long it was on average, and how many processors there are.

use super::{Error, Machine, Reader, native, portable};

pub use native::load::cpus;

/// Tasks that ran or waited, on average over 1, 5 and 15 minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averages {
    /// Over one minute.
    pub one: f64,
    /// Over 5 minutes.
    pub five: f64,
    /// Over 15 minutes.
    pub fifteen: f64,
    /// Tasks that run or wait now, and all there are, threads counted each; `None` where the system does not tell.
    pub tasks: Option<(u32, u32)>,
}

/// Reads the queue again and again.
#[derive(Default)]
pub struct LoadReader {
    native: native::load::Files,
    portable: portable::load::Load,
}

impl LoadReader {
    /// The load averages; `None` where the system has none.
    pub fn load(&mut self, machine: &Machine) -> Result<Option<Averages>, Error> {
        match machine.reader() {
            Reader::Native => self.native.load(machine),
            Reader::Portable => Ok(portable::load::averages()),
        }
    }

    /// How many processors are on; `None` if it is not known.
    pub fn processors(&mut self, machine: &Machine) -> Option<usize> {
        match machine.reader() {
            Reader::Native => self.native.processors(machine),
            Reader::Portable => self.portable.processors(),
        }
    }
}

impl Machine {
    /// [`LoadReader::load`], for those who ask once.
    pub fn load(&self) -> Result<Option<Averages>, Error> {
        LoadReader::default().load(self)
    }

    /// [`LoadReader::processors`], for those who ask once.
    pub fn processors(&self) -> Option<usize> {
        LoadReader::default().processors(self)
    }
}

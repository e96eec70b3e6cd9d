//! The processors' counters: how long each has done what since boot.

use std::sync::Arc;

use super::{Error, Machine, Reader, native, portable};

/// Processors beyond this number are passed over: the kernel allows 8192 (`NR_CPUS`).
pub(super) const MAX_CORES: usize = 8192;

/// Time since boot by kind of work, all processors together, in ticks of any one length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Programs.
    pub user: u64,
    /// Programs of low priority.
    pub nice: u64,
    /// The kernel.
    pub system: u64,
    /// Nothing to do.
    pub idle: u64,
    /// Idle while some disk was at work. The only one that may go backwards on a sound machine.
    pub iowait: u64,
    /// Hard and soft interrupts.
    pub irq: u64,
    /// Taken by the hypervisor for other guests.
    pub steal: u64,
}

/// One processor's time since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreTimes {
    /// Ticks of work of any kind.
    pub busy: u64,
    /// Idle and waiting for disks.
    pub idle: u64,
}

/// A reading of the counters.
#[derive(Clone, Debug, Default)]
pub struct Processors {
    /// When the machine booted, in seconds of the wall clock; 0 if unknown. Counters of different
    /// boots have nothing to do with each other.
    pub boot: u64,
    /// Whether the kinds of work are known; if not, all of it is in `user`.
    pub bands: bool,
    /// All processors together.
    pub all: Times,
    /// By the processor's number; `None` where it is off.
    pub cores: Vec<Option<CoreTimes>>,
}

impl Times {
    /// Ticks of work of any kind.
    pub fn busy(&self) -> u64 {
        [self.nice, self.system, self.irq, self.steal]
            .iter()
            .fold(self.user, |a, b| a.saturating_add(*b))
    }
}

/// Reads the counters again and again.
#[derive(Default)]
pub struct ProcessorsReader {
    native: native::processors::Stat,
    portable: portable::processors::Counters,
}

impl ProcessorsReader {
    /// Reads the counters into `now`, whose memory is used again.
    pub fn read(&mut self, machine: &Machine, now: &mut Processors) -> Result<(), Error> {
        match machine.reader() {
            Reader::Native => self.native.read(machine, now),
            Reader::Portable => self.portable.read(machine, now),
        }
    }
}

impl Machine {
    /// The counters now, read once for all sources of a moment ([`Machine::at`]).
    pub fn processor_times(&self) -> Result<Arc<Processors>, Error> {
        self.processors.get(self, |reader| {
            let mut now = Processors::default();
            reader.read(self, &mut now)?;
            Ok(Arc::new(now))
        })
    }
}

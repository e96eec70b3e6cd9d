//! The numbers of memory and swap.
//!
//! They are read and not judged: a number may be missing, and a container's numbers may contradict
//! each other. What follows from that is for the source to decide.

use super::{Error, Machine, Reader, native, portable};

/// The lines of `/proc/meminfo` that some segment shows, in bytes; `None` where the system does not
/// tell. Names as in proc(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meminfo {
    pub total: Option<u64>,
    pub free: Option<u64>,
    pub available: Option<u64>,
    pub buffers: Option<u64>,
    /// The page cache, [`Self::shmem`] counted within.
    pub cached: Option<u64>,
    pub shmem: Option<u64>,
    /// Swapped out and still in memory as well.
    pub swap_cached: Option<u64>,
    /// Pages used lately, and those next to go; the page cache is within both.
    pub active: Option<u64>,
    pub inactive: Option<u64>,
    /// The part of the kernel's slabs that it gives back when asked.
    pub reclaimable: Option<u64>,
    pub unreclaimable: Option<u64>,
    pub kernel_stack: Option<u64>,
    pub page_tables: Option<u64>,
    pub anonymous: Option<u64>,
    /// Huge pages set aside, used or not.
    pub hugetlb: Option<u64>,
    pub swap_total: Option<u64>,
    pub swap_free: Option<u64>,
    /// Memory that zswap takes for what it keeps compressed.
    pub zswap: Option<u64>,
}

/// Reads the numbers again and again.
#[derive(Default)]
pub struct MemoryReader {
    native: native::memory::File,
    portable: portable::memory::Memory,
}

impl MemoryReader {
    /// The memory's numbers now.
    pub fn read(&mut self, machine: &Machine) -> Result<Meminfo, Error> {
        match machine.reader() {
            Reader::Native => self.native.read(machine),
            Reader::Portable => self.portable.read(),
        }
    }
}

impl Machine {
    /// The memory's numbers now, read once for all sources of a moment ([`Machine::at`]).
    pub fn meminfo(&self) -> Result<Meminfo, Error> {
        self.memory.get(self, |reader| reader.read(self))
    }
}

//! The numbers of memory and swap.
//!
//! They are read and not judged: a number may be missing, and a container's numbers may contradict
//! each other. What follows from that is for the source to decide.

use super::{Error, Machine, Reader, native, portable};

/// The lines of `/proc/meminfo` that some segment shows, in bytes; `None` where the system does not
/// tell. Names as in proc(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meminfo {
    /// All memory that the kernel manages.
    pub total: Option<u64>,
    /// Memory that holds nothing.
    pub free: Option<u64>,
    /// What programs can get without swapping.
    pub available: Option<u64>,
    /// Buffers of block devices.
    pub buffers: Option<u64>,
    /// The page cache, [`Self::shmem`] counted within.
    pub cached: Option<u64>,
    /// Shared memory and tmpfs.
    pub shmem: Option<u64>,
    /// Swapped out and still in memory as well.
    pub swap_cached: Option<u64>,
    /// Pages used lately, of the page cache and of programs.
    pub active: Option<u64>,
    /// Pages not used lately, which go first.
    pub inactive: Option<u64>,
    /// The part of the kernel's slabs that it gives back when asked.
    pub reclaimable: Option<u64>,
    /// The part of the slabs that it keeps.
    pub unreclaimable: Option<u64>,
    /// The stacks of the kernel's tasks.
    pub kernel_stack: Option<u64>,
    /// The tables that map virtual memory.
    pub page_tables: Option<u64>,
    /// Memory of programs that no file is behind.
    pub anonymous: Option<u64>,
    /// Huge pages set aside, used or not.
    pub hugetlb: Option<u64>,
    /// All swap space.
    pub swap_total: Option<u64>,
    /// Swap space that holds nothing.
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

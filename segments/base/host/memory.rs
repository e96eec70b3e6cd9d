//! The door to the numbers of memory and swap: `/proc/meminfo` where there is one, elsewhere sysinfo.
//!
//! It reads and does not judge: a number may be missing, and a container's numbers may contradict
//! each other. What follows from them is the source's affair.

use std::path::PathBuf;

use super::processors::Numbers;
use super::{Doors, Host, Kept};
use crate::base::contract::Error;

/// The lines of `/proc/meminfo` that anybody asks for, in bytes; `None` where there is no such
/// line. Names as in proc(5).
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

/// Keeps what reading the numbers again and again needs.
pub struct MemoryDoor {
    meminfo: Kept,
    sysinfo: Option<sysinfo::System>,
}

impl Default for MemoryDoor {
    fn default() -> Self {
        MemoryDoor { meminfo: Kept::new("/proc/meminfo"), sysinfo: None }
    }
}

impl MemoryDoor {
    /// The memory's numbers now.
    pub fn read(&mut self, host: &Host) -> Result<Meminfo, Error> {
        match host.doors() {
            Doors::Proc => self.read_proc(host),
            Doors::Sysinfo => self.read_sysinfo(),
        }
    }

    fn read_proc(&mut self, host: &Host) -> Result<Meminfo, Error> {
        let text = self
            .meminfo
            .read(host)
            .map_err(|cause| Error::Read { path: PathBuf::from("/proc/meminfo"), cause })?;
        Ok(parse(text))
    }

    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    fn read_sysinfo(&mut self) -> Result<Meminfo, Error> {
        let system = match &mut self.sysinfo {
            Some(system) => system,
            none => {
                let system = sysinfo::System::new().map_err(|error| {
                    Error::Other(format!("The memory cannot be read: {error}."))
                })?;
                none.insert(system)
            }
        };
        system.refresh_memory();
        // Some systems do not say what is available; sysinfo then says 0.
        let available = system.available_memory();
        Ok(Meminfo {
            total: Some(system.total_memory()),
            free: Some(system.free_memory()),
            available: (available > 0).then_some(available),
            swap_total: Some(system.total_swap()),
            swap_free: Some(system.free_swap()),
            ..Meminfo::default()
        })
    }
}

/// Reads the text of `/proc/meminfo`; the first of two lines of one name counts.
fn parse(text: &[u8]) -> Meminfo {
    let mut read = Meminfo::default();
    for line in text.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let place = match name {
            b"MemTotal" => &mut read.total,
            b"MemFree" => &mut read.free,
            b"MemAvailable" => &mut read.available,
            b"Buffers" => &mut read.buffers,
            b"Cached" => &mut read.cached,
            b"Shmem" => &mut read.shmem,
            b"SwapCached" => &mut read.swap_cached,
            b"Active" => &mut read.active,
            b"Inactive" => &mut read.inactive,
            b"SReclaimable" => &mut read.reclaimable,
            b"SUnreclaim" => &mut read.unreclaimable,
            b"KernelStack" => &mut read.kernel_stack,
            b"PageTables" => &mut read.page_tables,
            b"AnonPages" => &mut read.anonymous,
            b"Hugetlb" => &mut read.hugetlb,
            b"SwapTotal" => &mut read.swap_total,
            b"SwapFree" => &mut read.swap_free,
            b"Zswap" => &mut read.zswap,
            _ => continue,
        };
        if place.is_none() {
            // "kB" means 1024 bytes (proc(5)).
            *place = Numbers(&value[1..]).next().map(|kilobytes| kilobytes.saturating_mul(1024));
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_in_bytes() {
        let read = parse(b"MemTotal:       16384 kB\nMemFree: 1 kB\nCached:\nSwapCached: 7 kB\nShmem: -3 kB\nnoise");
        let expected = Meminfo {
            total: Some(16384 * 1024),
            free: Some(1024),
            swap_cached: Some(7 * 1024),
            ..Meminfo::default()
        };
        assert_eq!(read, expected);
    }

    /// Both doors look at the machine we run on. Memory moves while we look, hence the tolerance.
    #[test]
    fn sysinfo_sees_the_same_memory_as_proc() {
        let mut door = MemoryDoor::default();
        let other = door.read_sysinfo().expect("sysinfo");
        let total = other.total.expect("a total");
        assert!(total > 0 && other.available.unwrap_or(0) <= total);
        if let Ok(proc) = door.read_proc(&Host::real()) {
            assert_eq!(proc.total, Some(total));
            let apart = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).abs_diff(b.unwrap_or(0));
            assert!(apart(proc.available, other.available) < total / 4);
        }
    }
}

//! The door to the numbers of memory and swap: `/proc/meminfo` where there is one, elsewhere sysinfo.
//!
//! It reads and does not judge: a number may be missing, and a container's numbers may contradict
//! each other. What follows from them is the source's affair.

use std::path::PathBuf;

use super::processors::Numbers;
use super::{Doors, Kept, Machine};
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
    places: Places,
    sysinfo: Option<sysinfo::System>,
}

impl Default for MemoryDoor {
    fn default() -> Self {
        let (meminfo, places) = (Kept::new("/proc/meminfo"), Places::default());
        MemoryDoor { meminfo, places, sysinfo: None }
    }
}

impl MemoryDoor {
    /// The memory's numbers now.
    pub fn read(&mut self, machine: &Machine) -> Result<Meminfo, Error> {
        match machine.doors() {
            Doors::Proc => self.read_proc(machine),
            Doors::Sysinfo => self.read_sysinfo(),
        }
    }

    fn read_proc(&mut self, machine: &Machine) -> Result<Meminfo, Error> {
        let text = self
            .meminfo
            .read(machine)
            .map_err(|cause| Error::Read { path: PathBuf::from("/proc/meminfo"), cause })?;
        Ok(parse(text, &mut self.places))
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

/// How a line begins, and what it is read for.
type Line = (&'static [u8], fn(&mut Meminfo) -> &mut Option<u64>);

static LINES: [Line; 18] = [
    (b"MemTotal:", |read| &mut read.total),
    (b"MemFree:", |read| &mut read.free),
    (b"MemAvailable:", |read| &mut read.available),
    (b"Buffers:", |read| &mut read.buffers),
    (b"Cached:", |read| &mut read.cached),
    (b"SwapCached:", |read| &mut read.swap_cached),
    (b"Active:", |read| &mut read.active),
    (b"Inactive:", |read| &mut read.inactive),
    (b"SwapTotal:", |read| &mut read.swap_total),
    (b"SwapFree:", |read| &mut read.swap_free),
    (b"Zswap:", |read| &mut read.zswap),
    (b"AnonPages:", |read| &mut read.anonymous),
    (b"Shmem:", |read| &mut read.shmem),
    (b"SReclaimable:", |read| &mut read.reclaimable),
    (b"SUnreclaim:", |read| &mut read.unreclaimable),
    (b"KernelStack:", |read| &mut read.kernel_stack),
    (b"PageTables:", |read| &mut read.page_tables),
    (b"Hugetlb:", |read| &mut read.hugetlb),
];

/// Where the lines stood in the last text. Its columns are of one width, so they hardly ever move.
#[derive(Default)]
struct Places {
    length: usize,
    /// In the order of [`LINES`]; `None`: there was none.
    starts: [Option<usize>; LINES.len()],
}

impl Places {
    /// Where the lines are; the first of two of one name counts.
    fn find(text: &[u8]) -> Places {
        let mut places = Places { length: text.len(), ..Places::default() };
        let mut start = 0;
        for line in text.split(|b| *b == b'\n') {
            let known = LINES.iter().position(|(name, _)| line.starts_with(name));
            if let Some(place) = known.map(|at| &mut places.starts[at]) {
                place.get_or_insert(start);
            }
            start += line.len() + 1;
        }
        places
    }

    /// What the text says, if its lines are where they were.
    fn read(&self, text: &[u8]) -> Option<Meminfo> {
        if text.len() != self.length {
            return None;
        }
        let mut read = Meminfo::default();
        for ((name, place), start) in LINES.iter().zip(self.starts) {
            let Some(start) = start else { continue };
            let before = start.checked_sub(1).is_none_or(|before| text[before] == b'\n');
            let value = text[start..].strip_prefix(*name).filter(|_| before)?;
            // "kB" means 1024 bytes (proc(5)).
            *place(&mut read) =
                Numbers(value).next().map(|kilobytes| kilobytes.saturating_mul(1024));
        }
        Some(read)
    }
}

/// Reads the text of `/proc/meminfo`.
fn parse(text: &[u8], places: &mut Places) -> Meminfo {
    places.read(text).unwrap_or_else(|| {
        *places = Places::find(text);
        places.read(text).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_in_bytes() {
        let text = b"MemTotal:       16384 kB\nMemFree: 1 kB\nCached:\nSwapCached: 7 kB\nShmem: -3 kB\nMemFree: 9 kB\nnoise";
        let read = parse(text, &mut Places::default());
        let expected = Meminfo {
            total: Some(16384 * 1024),
            free: Some(1024),
            swap_cached: Some(7 * 1024),
            ..Meminfo::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn lines_that_moved_are_found_again() {
        let mut places = Places::default();
        let mut free = |text: &[u8]| parse(text, &mut places).free.map(|bytes| bytes / 1024);
        assert_eq!(free(b"MemTotal: 9 kB\nMemFree: 1 kB\n"), Some(1));
        assert_eq!(free(b"MemTotal: 9 kB\nMemFree: 2 kB\n"), Some(2));
        assert_eq!(free(b"MemTotal: 19 kB\nMemFree: 3 kB\n"), Some(3));
        assert_eq!(free(b"MemFree: 4 kB\nMemTotal: 19 kB\n"), Some(4));
        assert_eq!(free(b"MemBusy: 4 kB\nMemTotal: 19 kB\n"), None);
        assert_eq!(free(b""), None);
    }

    /// Both doors look at the machine we run on. Memory moves while we look, hence the tolerance.
    #[test]
    fn sysinfo_sees_the_same_memory_as_proc() {
        let mut door = MemoryDoor::default();
        let other = door.read_sysinfo().expect("sysinfo");
        let total = other.total.expect("a total");
        assert!(total > 0 && other.available.unwrap_or(0) <= total);
        if let Ok(proc) = door.read_proc(&Machine::real()) {
            assert_eq!(proc.total, Some(total));
            let apart = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).abs_diff(b.unwrap_or(0));
            assert!(apart(proc.available, other.available) < total / 4);
        }
    }
}

//! `/proc/meminfo`.

use super::numbers::Numbers;
use crate::machine::{CachedFile, Error, Machine, Meminfo};

/// The file, kept open.
pub struct File(CachedFile);

impl Default for File {
    fn default() -> Self {
        File(CachedFile::new("/proc/meminfo"))
    }
}

impl File {
    pub fn read(&mut self, machine: &Machine) -> Result<Meminfo, Error> {
        self.0.text(machine).map(parse)
    }
}

/// Reads lines `NAME: KILOBYTES kB`; of two with one name the first counts.
fn parse(text: &[u8]) -> Meminfo {
    let mut read = Meminfo::default();
    for line in text.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let place = match &line[..colon] {
            b"MemTotal" => &mut read.total,
            b"MemFree" => &mut read.free,
            b"MemAvailable" => &mut read.available,
            b"Buffers" => &mut read.buffers,
            b"Cached" => &mut read.cached,
            b"SwapCached" => &mut read.swap_cached,
            b"Active" => &mut read.active,
            b"Inactive" => &mut read.inactive,
            b"SwapTotal" => &mut read.swap_total,
            b"SwapFree" => &mut read.swap_free,
            b"Zswap" => &mut read.zswap,
            b"AnonPages" => &mut read.anonymous,
            b"Shmem" => &mut read.shmem,
            b"SReclaimable" => &mut read.reclaimable,
            b"SUnreclaim" => &mut read.unreclaimable,
            b"KernelStack" => &mut read.kernel_stack,
            b"PageTables" => &mut read.page_tables,
            b"Hugetlb" => &mut read.hugetlb,
            _ => continue,
        };
        // "kB" means 1024 bytes (proc(5)).
        let bytes =
            Numbers(&line[colon + 1..]).next().map(|kilobytes| kilobytes.saturating_mul(1024));
        *place = place.or(bytes);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_in_bytes() {
        let text = b"MemTotal:       16384 kB\nMemFree: 1 kB\nCached:\nSwapCached: 7 kB\nShmem: -3 kB\nMemFree: 9 kB\nnoise";
        let expected = Meminfo {
            total: Some(16384 * 1024),
            free: Some(1024),
            swap_cached: Some(7 * 1024),
            ..Meminfo::default()
        };
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn the_order_of_the_lines_is_nothing() {
        let free = |text: &[u8]| parse(text).free.map(|bytes| bytes / 1024);
        assert_eq!(free(b"MemTotal: 9 kB\nMemFree: 1 kB\n"), Some(1));
        assert_eq!(free(b"MemFree: 4 kB\nMemTotal: 19 kB\n"), Some(4));
        assert_eq!(free(b"MemBusy: 4 kB\nMemTotal: 19 kB\n"), None);
        assert_eq!(free(b""), None);
    }
}

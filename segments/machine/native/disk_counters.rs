//! `/proc/diskstats`.

use super::numbers::Numbers;
use crate::machine::{CachedFile, Disk, Error, Machine};

/// A sector in `/proc/diskstats`, whatever the disk's own are (iostats.rst).
const SECTOR: u64 = 512;

/// Devices that no disk of their own is behind: what they do is counted at the disks below, or
/// happens in memory.
const NO_DISK: &[&str] =
    &["loop", "ram", "zram", "dm-", "md", "bcache", "drbd", "zd", "fd", "sr", "nbd"];

/// The table, kept open.
pub struct Table(CachedFile);

impl Default for Table {
    fn default() -> Self {
        Table(CachedFile::new("/proc/diskstats"))
    }
}

impl Table {
    pub fn read(&mut self, machine: &Machine) -> Result<impl Iterator<Item = Disk<'_>>, Error> {
        Ok(self.0.table(machine)?.split(|b| *b == b'\n').filter_map(disk))
    }
}

/// Tells of the names of the rows, one after the other, which are whole physical disks: a part of a
/// disk follows it and bears its name.
pub fn physical() -> impl FnMut(&str) -> bool {
    let mut whole: Option<String> = None;
    move |name| {
        if whole.as_ref().is_some_and(|whole| is_part(name, whole)) {
            return false;
        }
        whole = Some(name.to_owned());
        !is_way(name) && !NO_DISK.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// Whether it is one of several ways to an NVMe disk (`nvme0c1n1`), which has a row of its own.
fn is_way(name: &str) -> bool {
    name.strip_prefix("nvme").is_some_and(|rest| rest.contains('c'))
}

/// Whether `name` is a part of the disk `whole`: `sda1` of `sda`, `nvme0n1p1` of `nvme0n1`.
fn is_part(name: &str, whole: &str) -> bool {
    let Some(rest) = name.strip_prefix(whole) else { return false };
    let digits = match whole.ends_with(|c: char| c.is_ascii_digit()) {
        true => rest.strip_prefix('p'),
        false => Some(rest),
    };
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads a row: MAJOR MINOR NAME, then from the fourth column on the eleven oldest counters.
fn disk(row: &[u8]) -> Option<Disk<'_>> {
    let mut numbers = Numbers(row);
    let number = (numbers.next()?.try_into().ok()?, numbers.next()?.try_into().ok()?);
    let rest = numbers.0.trim_ascii_start();
    let end = rest.iter().position(u8::is_ascii_whitespace)?;
    let (name, rest) = rest.split_at(end);
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    // Reads, merged, sectors, ms; writes, merged, sectors, ms; on their way, busy ms, …
    let mut numbers = Numbers(rest);
    let (read, written) = (numbers.nth(2)?, numbers.nth(3)?);
    let busy = numbers.nth(2)?;
    let bytes = |sectors: u64| sectors.saturating_mul(SECTOR);
    Some(Disk { number, name, read: bytes(read), written: bytes(written), busy: Some(busy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::DiskReader;
    use crate::machine::tests::machine_with;

    const TABLE: &str = "   7       0 loop0 1 0 1 0 1 0 1 0 0 1 0\n\
        \x20  8       0 sda 10 0 100 5 20 0 200 6 0 77 11 0 0 0 0 0 0\n\
        \x20  8       1 sda1 9 0 99 5 20 0 199 6 0 70 11\n\
        \x20  8       2 sda12 1 0 1 0 0 0 1 0 0 7 0\n\
        \x20  8      16 sdaa 1 0 2 0 0 0 3 0 0 4 0\n\
        259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11\n259 1 nvme0n1p1 1 2 3 4 5 6 7 8 9 10 11\n\
        0 0 nvme0c1n1 1 2 3 4 5 6 7 8 9 10 11\n\
        253 0 dm-0 1 2 3 4 5 6 7 8 9 10 11\n9 0 md127 1 2 3 4 5 6 7 8 9 10 11\n\
        254 0 zram0 1 2 3 4 5 6 7 8 9 10 11\nnoise\n8 1\n8 1 short 1 2 3\n";

    #[test]
    fn whole_disks_are_told_from_parts_and_from_what_lies_upon_them() {
        let (_dir, machine) = machine_with(&[("proc/diskstats", TABLE)]);
        let mut reader = DiskReader::default();
        let rows: Vec<_> = reader.all(&machine).expect("readable").collect();
        assert_eq!(rows.len(), 11);
        let sda =
            Disk { number: (8, 0), name: "sda", read: 51_200, written: 102_400, busy: Some(77) };
        assert_eq!(rows[1], sda);
        let physical = reader.physical(&machine).expect("readable");
        let names: Vec<_> = physical.map(|disk| disk.name).collect();
        assert_eq!(names, ["sda", "sdaa", "nvme0n1"]);
        assert!(machine_with(&[]).1.read("/proc/diskstats").is_err());
        assert_eq!(reader.all(&machine_with(&[]).1).expect("none").count(), 0);
    }
}

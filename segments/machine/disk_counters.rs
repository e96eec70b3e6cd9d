//! What disks do: bytes read and written, and how long they were busy.

use super::{Error, Machine, Reader, native, portable};

/// What a disk or a part of one did since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk<'a> {
    /// The device's major and minor number.
    pub number: (u32, u32),
    /// `sda`, `nvme0n1p2`.
    pub name: &'a str,
    /// Bytes.
    pub read: u64,
    /// Bytes.
    pub written: u64,
    /// Milliseconds in which anything was on its way, by a counter of 32 bits; `None` where that is
    /// not counted.
    pub busy: Option<u64>,
}

/// Reads the counters again and again.
#[derive(Default)]
pub struct DiskReader {
    native: native::disk_counters::Table,
    portable: portable::disks::Disks,
}

impl DiskReader {
    /// Every disk and part of one; of the portable reader those that are mounted.
    pub fn all(&mut self, machine: &Machine) -> Result<impl Iterator<Item = Disk<'_>>, Error> {
        let (native, portable) = match machine.reader() {
            Reader::Native => (Some(self.native.read(machine)?), None),
            Reader::Portable => (None, Some(self.portable.counters()?)),
        };
        Ok(native.into_iter().flatten().chain(portable.into_iter().flatten()))
    }

    /// What adds up to all that disks do: whole physical disks, or what is mounted of them.
    pub fn physical(&mut self, machine: &Machine) -> Result<impl Iterator<Item = Disk<'_>>, Error> {
        let is_native = machine.reader() == Reader::Native;
        let mut is_physical = native::disk_counters::physical();
        Ok(self.all(machine)?.filter(move |disk| !is_native || is_physical(disk.name)))
    }
}

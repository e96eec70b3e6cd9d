//! Disks by sysinfo, which knows those that are mounted. Listing them looks at each mount point, so a
//! mount whose server is gone may block.

use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dev, major, minor};
use sysinfo::DiskRefreshKind;

use crate::machine::{Disk, Error, Mount};

#[derive(Default)]
pub struct Disks(Option<sysinfo::Disks>);

impl Disks {
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    fn refreshed(&mut self, what: DiskRefreshKind) -> Result<&sysinfo::Disks, Error> {
        let disks = super::made(&mut self.0, sysinfo::Disks::new)?;
        disks.refresh_specifics(true, what);
        Ok(disks)
    }

    /// What the devices behind the mounts did, each once however often it is mounted.
    pub fn counters(&mut self) -> Result<impl Iterator<Item = Disk<'_>>, Error> {
        let disks = self.refreshed(DiskRefreshKind::nothing().with_io_usage())?;
        let mut found: Vec<Disk> = Vec::new();
        for disk in disks {
            let Some(name) = disk.name().to_str().and_then(|name| name.strip_prefix("/dev/"))
            else {
                continue;
            };
            if found.iter().all(|known| known.name != name) {
                let usage = disk.usage();
                let (read, written) = (usage.total_read_bytes, usage.total_written_bytes);
                found.push(Disk { number: number(disk), name, read, written, busy: None });
            }
        }
        Ok(found.into_iter())
    }

    /// What is mounted, as far as bytes can be kept in it.
    pub fn mounts(&mut self) -> Vec<Mount> {
        let Ok(disks) = self.refreshed(DiskRefreshKind::nothing()) else { return Vec::new() };
        let mount = |disk: &sysinfo::Disk| Mount {
            device: number(disk),
            point: disk.mount_point().to_owned(),
            kind: disk.file_system().to_string_lossy().into_owned(),
            from: disk.name().as_bytes().to_owned(),
        };
        disks.iter().map(mount).collect()
    }
}

fn number(disk: &sysinfo::Disk) -> (u32, u32) {
    disk.id().map(|device| device as Dev).map_or((0, 0), |device| (major(device), minor(device)))
}

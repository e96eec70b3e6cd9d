//! File systems: what is mounted where, and how full it is.
//!
//! Linux' table of mounts never blocks. Asking a file system how full it is may block for as long as
//! its server is away: only sources that run in workers may ask.

use std::io;
use std::path::{Path, PathBuf};

use super::{Machine, Reader, World, native, portable};

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `st_dev` of what is in it; major 0 where no block device is behind it.
    pub device: (u32, u32),
    /// Where it is mounted.
    pub point: PathBuf,
    /// The type of file system (`ext4`, `nfs4`).
    pub kind: String,
    /// What is mounted (`/dev/sda2`, `server:/export`), any bytes.
    pub from: Vec<u8>,
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that are not used, the superuser's reserve among them.
    pub free: u64,
    /// Bytes that an ordinary user could have.
    pub available: u64,
    /// Inodes in all; 0 where there is no limit.
    pub inodes: u64,
    /// Inodes that are not used; 0 where there is no limit.
    pub inodes_free: u64,
}

/// Types that show something of the kernel or a program and hold no bytes.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

impl Mount {
    /// Whether there is nothing in it that could fill up.
    pub fn is_pseudo(&self) -> bool {
        PSEUDO.contains(&&*self.kind)
    }
}

impl Machine {
    /// What is mounted, in order; none where the system does not tell.
    pub fn mounts(&self) -> Vec<Mount> {
        match self.reader() {
            Reader::Native => native::mounts::read(self),
            Reader::Portable => portable::disks::Disks::default().mounts(),
        }
    }

    /// The mount that `path` is in, by its name alone: links are not followed, no file is touched.
    pub fn mount_of(&self, path: &Path) -> Option<Mount> {
        // What is mounted later covers what was there.
        let mounts = self.mounts().into_iter().filter(|mount| path.starts_with(&mount.point));
        mounts.max_by_key(|mount| mount.point.components().count())
    }

    /// How full the file system that `path` is in is. In a fixture the answer is in the table
    /// `space`: `PATH TOTAL FREE AVAILABLE INODES INODES-FREE` a line.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn space(&self, path: &Path) -> io::Result<Space> {
        if let World::Fixture(_) = &self.world {
            let table = self.read("/space")?;
            let text = String::from_utf8_lossy(&table);
            let mut rows = text.lines().filter_map(space);
            let row = rows.find(|(place, _)| Path::new(place) == path);
            return row.map(|(_, space)| space).ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        let space = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        Ok(Space {
            total: bytes(space.f_blocks),
            free: bytes(space.f_bfree),
            available: bytes(space.f_bavail),
            inodes: space.f_files,
            inodes_free: space.f_ffree,
        })
    }
}

/// Reads `PATH TOTAL FREE AVAILABLE INODES INODES-FREE`.
fn space(line: &str) -> Option<(&str, Space)> {
    let mut words = line.split_ascii_whitespace();
    let path = words.next()?;
    let mut number = || words.next()?.parse().ok();
    let space = Space {
        total: number()?,
        free: number()?,
        available: number()?,
        inodes: number()?,
        inodes_free: number()?,
    };
    Some((path, space))
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn a_file_system_says_how_full_it_is() {
        let space = Machine::real().space(Path::new("/")).expect("there is a root");
        assert!(space.free <= space.total && space.available <= space.free, "{space:?}");
        assert!(Machine::real().space(Path::new("/proc/self/missing")).is_err());
        let (_dir, machine) = machine_with(&[("space", "/home 10 5 4 3 2\n/ 1 2\n")]);
        assert_eq!(machine.space(Path::new("/home")).expect("there").available, 4);
        assert!(machine.space(Path::new("/")).is_err());
    }
}

//! The door to file systems: what is mounted where, and how full it is.
//!
//! The table of mounts never blocks. Asking a file system how full it is may hang for as long as
//! its server is away: only sources that run in workers may ask.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Host, World};

/// A row of `/proc/self/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `st_dev` of what is in it; major 0 where no block device is behind it.
    pub device: (u32, u32),
    pub point: PathBuf,
    /// The type of file system (`ext4`, `nfs4`).
    pub kind: String,
    /// What is mounted (`/dev/sda2`, `server:/export`), bytes of anybody's choice.
    pub from: Vec<u8>,
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub total: u64,
    /// Bytes that nobody uses, the superuser's reserve among them.
    pub free: u64,
    /// Bytes that an ordinary user could have.
    pub available: u64,
    /// Inodes in all, and those that nobody uses; 0 and 0 where there is no limit.
    pub inodes: u64,
    pub inodes_free: u64,
}

/// What shows the kernel's or a program's affairs and holds no bytes.
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

impl Host {
    /// What is mounted, in order; none where there is no table.
    pub fn mounts(&self) -> Vec<Mount> {
        let table = self.read("/proc/self/mountinfo").unwrap_or_default();
        table.split(|b| *b == b'\n').filter_map(mount).collect()
    }

    /// The mount that `path` is in, by its name alone: links are not followed, no file is touched.
    pub fn mount_of(&self, path: &Path) -> Option<Mount> {
        // What is mounted later covers what was there.
        let mounts = self.mounts().into_iter().filter(|mount| path.starts_with(&mount.point));
        mounts.max_by_key(|mount| mount.point.components().count())
    }

    /// How full the file system that `path` is in is. In a fixture the answer is in the table
    /// `space`: `PATH TOTAL FREE AVAILABLE INODES INODES-FREE` a line.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn space(&self, path: &Path) -> io::Result<Space> {
        if let World::Fixture(_) = &self.world {
            let table = self.read("/space")?;
            let text = String::from_utf8_lossy(&table);
            let mut rows = text.lines().filter_map(space);
            let row = rows.find(|(place, _)| Path::new(place) == path);
            return row.map(|(_, space)| space).ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        let told = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok(Space {
            total: bytes(told.f_blocks),
            free: bytes(told.f_bfree),
            available: bytes(told.f_bavail),
            inodes: told.f_files,
            inodes_free: told.f_ffree,
        })
    }
}

/// Reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [MORE…] - TYPE FROM OPTIONS` (proc(5)).
fn mount(line: &[u8]) -> Option<Mount> {
    let mut columns = line.split(|b| *b == b' ');
    let device = std::str::from_utf8(columns.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let point = PathBuf::from(std::ffi::OsStr::from_bytes(&unescaped(columns.nth(1)?)));
    let mut columns = columns.skip_while(|column| *column != b"-").skip(1);
    let kind = String::from_utf8_lossy(columns.next()?).into_owned();
    let from = unescaped(columns.next()?);
    point.is_absolute().then_some(Mount { device, point, kind, from })
}

/// Blanks and backslashes stand as three octal digits in the table.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|digits| digits.iter().all(|d| (b'0'..b'8').contains(d)));
        match octal {
            Some(digits) if *first == b'\\' => {
                plain.push(digits.iter().fold(0, |n: u8, d| n.wrapping_mul(8) | (d - b'0')));
                rest = &after[3..];
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

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
    use super::super::tests::machine;
    use super::*;

    const TABLE: &str = "27 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n\
        22 27 0:21 / /proc rw - proc proc rw\n\
        30 27 0:40 / /mnt/my\\040disk rw shared:7 master:2 - nfs4 host:/a\\040b rw\n\
        31 27 0:41 /@home /home rw - btrfs /dev/nvme0n1p3 rw\nnoise\n1 2 x:y / / - a b\n";

    #[test]
    fn a_path_is_in_the_deepest_mount_above_it() {
        let (_dir, host) = machine(&[("proc/self/mountinfo", TABLE)]);
        let of = |path: &str| host.mount_of(Path::new(path)).expect("a mount");
        assert_eq!((of("/var/lib").point, of("/").device), ("/".into(), (8, 2)));
        assert_eq!(of("/homeless").kind, "ext4");
        assert_eq!(
            (of("/home/me").kind, of("/home/me").from),
            ("btrfs".into(), b"/dev/nvme0n1p3".into())
        );
        assert_eq!(of("/mnt/my disk/x").from, b"host:/a b");
        assert!(of("/proc/1").is_pseudo() && !of("/").is_pseudo());
        assert_eq!(machine(&[]).1.mount_of(Path::new("/")), None);
    }

    #[test]
    fn only_three_octal_digits_are_an_escape() {
        assert_eq!(unescaped(br"a\040b\134c\x\04"), br"a b\c\x\04");
    }

    #[test]
    fn a_file_system_says_how_full_it_is() {
        let space = Host::real().space(Path::new("/")).expect("there is a root");
        assert!(space.free <= space.total && space.available <= space.free, "{space:?}");
        assert!(Host::real().space(Path::new("/proc/self/missing")).is_err());
        let (_dir, host) = machine(&[("space", "/home 10 5 4 3 2\n/ 1 2\n")]);
        assert_eq!(host.space(Path::new("/home")).expect("there").available, 4);
        assert!(host.space(Path::new("/")).is_err());
    }
}

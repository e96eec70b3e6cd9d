//! The memory limit of the control group that we run in.
//!
//! `/proc/self/cgroup` says where we are. From there up to the root of the mount the lowest limit
//! counts, and with it the usage of the group that has it. A container often sees the path of its
//! host and a mount that begins at its own group: groups that are not there are passed over, and
//! the mount's root is asked like any other.
//!
//! A process is hardly ever moved to another group, so the search is made twice a minute; the three
//! files of the group found are kept open. The portable reader knows no groups.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::numbers::Numbers;
use crate::machine::{CachedFile, Machine, Reader};

/// How long a found group is kept.
const LIFETIME: Duration = Duration::from_secs(30);
/// The most levels that are gone up: systemd and Kubernetes together make about ten.
const MAX_LEVELS: usize = 64;

/// What the group with the lowest limit uses, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CgroupMemory {
    /// The most that the group may use.
    pub limit: u64,
    /// All that is charged to the group.
    pub current: u64,
    /// Memory of programs.
    pub anonymous: u64,
    /// Page cache, `shared` counted within.
    pub file: u64,
    /// tmpfs and shared memory.
    pub shared: u64,
    /// The part of `file` that the kernel drops first; not counted as used (as docker does).
    pub inactive_file: u64,
}

/// Reads the limit again and again.
#[derive(Default)]
pub struct CgroupReader {
    /// The group found, and when it was looked for.
    found: Option<(Option<Group>, Duration)>,
}

/// The group with the lowest limit.
struct Group {
    flavour: &'static Flavour,
    limit: CachedFile,
    current: CachedFile,
    stat: CachedFile,
}

/// What the files are called in one version of control groups.
struct Flavour {
    limit: &'static str,
    current: &'static str,
    anonymous: &'static [u8],
    file: &'static [u8],
    shared: &'static [u8],
    inactive_file: &'static [u8],
}

static V2: Flavour = Flavour {
    limit: "memory.max",
    current: "memory.current",
    anonymous: b"anon",
    file: b"file",
    shared: b"shmem",
    inactive_file: b"inactive_file",
};

/// The `total_` numbers hold the groups below as well, as the usage does.
static V1: Flavour = Flavour {
    limit: "memory.limit_in_bytes",
    current: "memory.usage_in_bytes",
    anonymous: b"total_rss",
    file: b"total_cache",
    shared: b"total_shmem",
    inactive_file: b"total_inactive_file",
};

impl CgroupReader {
    /// The limit in force, if it is below `below` (what the machine has), and what is used of it.
    /// Ask with the same `below` each time. A machine without a limit costs nothing between two
    /// looks.
    pub fn read(&mut self, machine: &Machine, below: u64) -> Option<CgroupMemory> {
        if machine.reader() == Reader::Portable {
            return None;
        }
        let now = machine.uptime();
        if self.found.as_ref().is_none_or(|(_, when)| now.saturating_sub(*when) >= LIFETIME) {
            self.found = Some((find(machine, below), now));
        }
        let Some((Some(group), _)) = &mut self.found else { return None };
        let read = group.read(machine).filter(|group| group.limit < below);
        if read.is_none() {
            // The group or its limit is gone: look again next time.
            self.found = None;
        }
        read
    }
}

impl Group {
    fn new(dir: &Path, flavour: &'static Flavour) -> Group {
        let file = |name| CachedFile::new(dir.join(name));
        let (limit, current) = (file(flavour.limit), file(flavour.current));
        Group { flavour, limit, current, stat: file("memory.stat") }
    }

    fn read(&mut self, machine: &Machine) -> Option<CgroupMemory> {
        let limit = number(self.limit.read(machine).ok()?)?;
        let current = number(self.current.read(machine).ok()?)?;
        let mut read = CgroupMemory { limit, current, ..CgroupMemory::default() };
        // Without its details the usage is still true: all of it counts as used then.
        for line in self.stat.read(machine).unwrap_or_default().split(|b| *b == b'\n') {
            let Some(blank) = line.iter().position(|b| *b == b' ') else { continue };
            let (name, value) = line.split_at(blank);
            let place = match name {
                name if name == self.flavour.anonymous => &mut read.anonymous,
                name if name == self.flavour.file => &mut read.file,
                name if name == self.flavour.shared => &mut read.shared,
                name if name == self.flavour.inactive_file => &mut read.inactive_file,
                _ => continue,
            };
            *place = number(value).unwrap_or(0);
        }
        Some(read)
    }
}

/// A file's one number; `max` is none.
fn number(text: &[u8]) -> Option<u64> {
    Numbers(text).next()
}

/// The group with the lowest limit among ours and those above it. The first version writes a number
/// near 2⁶³ for no limit.
fn find(machine: &Machine, below: u64) -> Option<Group> {
    let text = machine.read("/proc/self/cgroup").ok()?;
    let text = String::from_utf8_lossy(&text);
    let (flavour, mount, path) = text.lines().find_map(place(machine))?;
    let mut lowest: Option<(u64, PathBuf)> = None;
    for level in Path::new(path.trim_start_matches('/')).ancestors().take(MAX_LEVELS) {
        let dir = mount.join(level);
        let limit = machine.read(dir.join(flavour.limit)).ok();
        if let Some(limit) = limit.and_then(|text| number(&text))
            && lowest.as_ref().is_none_or(|(known, _)| limit < *known)
        {
            lowest = Some((limit, dir));
        }
    }
    lowest.filter(|(limit, _)| *limit < below).map(|(_, dir)| Group::new(&dir, flavour))
}

/// Reads a row of `/proc/self/cgroup`, `ID:CONTROLLERS:PATH`, if it says who limits memory: the v1
/// controller `memory`, else the one group of v2 where it has the controller (a hybrid machine has
/// v2 groups that limit nothing, on another mount).
fn place(machine: &Machine) -> impl Fn(&str) -> Option<(&'static Flavour, PathBuf, String)> {
    let v1 = machine.lstat("/sys/fs/cgroup/memory").is_ok_and(|stat| stat.is_dir);
    move |row| {
        let mut columns = row.splitn(3, ':');
        let (id, controllers, path) = (columns.next()?, columns.next()?, columns.next()?);
        let path = path.to_owned();
        if controllers.split(',').any(|name| name == "memory") {
            Some((&V1, "/sys/fs/cgroup/memory".into(), path))
        } else if id == "0" && controllers.is_empty() && !v1 {
            Some((&V2, "/sys/fs/cgroup".into(), path))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_lowest_limit_on_the_way_up_counts_with_its_own_usage() {
        let (_dir, machine) = machine_with(&[
            ("proc/self/cgroup", "0::/a/b/c\n"),
            ("sys/fs/cgroup/a/memory.max", "900\n"),
            ("sys/fs/cgroup/a/b/memory.max", "500\n"),
            ("sys/fs/cgroup/a/b/memory.current", "300\n"),
            ("sys/fs/cgroup/a/b/memory.stat", "anon 100\nfile 150\nshmem 20\ninactive_file 90\n"),
            ("sys/fs/cgroup/a/b/c/memory.max", "max\n"),
        ]);
        let expected = CgroupMemory {
            limit: 500,
            current: 300,
            anonymous: 100,
            file: 150,
            shared: 20,
            inactive_file: 90,
        };
        assert_eq!(CgroupReader::default().read(&machine, u64::MAX), Some(expected));
    }

    #[test]
    fn a_container_that_sees_its_hosts_path_asks_the_mounts_root() {
        let (_dir, machine) = machine_with(&[
            ("proc/self/cgroup", "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/docker/x\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "700\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "200\n"),
        ]);
        let read = CgroupReader::default().read(&machine, u64::MAX).expect("a limit");
        assert_eq!((read.limit, read.current), (700, 200));
    }

    #[test]
    fn no_limit_and_no_cgroups_are_both_nothing() {
        let (_dir, machine) =
            machine_with(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")]);
        assert_eq!(CgroupReader::default().read(&machine, u64::MAX), None);
        let (_dir, machine) = machine_with(&[]);
        assert_eq!(CgroupReader::default().read(&machine, u64::MAX), None);
    }

    #[test]
    fn a_limit_above_what_there_is_limits_nothing() {
        let (_dir, machine) = machine_with(&[
            ("proc/self/cgroup", "4:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "200\n"),
        ]);
        assert_eq!(CgroupReader::default().read(&machine, 1 << 34), None);
    }

    #[test]
    fn a_limit_that_is_lifted_is_noticed() {
        let (_dir, machine) = machine_with(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "500\n"),
            ("sys/fs/cgroup/memory.max@3", "max\n"),
            ("sys/fs/cgroup/memory.current", "1\n"),
        ]);
        let mut reader = CgroupReader::default();
        assert!(reader.read(&machine, u64::MAX).is_some());
        assert_eq!(reader.read(&machine, u64::MAX), None);
        assert_eq!(reader.read(&machine, u64::MAX), None);
    }
}

//! What sources in the daemon may open, and whether this machine keeps it from blocking.
//!
//! The daemon has one thread, so what it opens itself must be answered by the kernel from memory, or
//! be one of a few small files of the system. That holds by where the files are, as long as no other
//! file system lies over them: lxcfs shows a container its own `/proc/meminfo` by a process, which may
//! hang. A `TZ` may name any file at all. Where it does not hold, workers read the machine.

use std::path::Path;

use super::{Machine, Mount, native};

/// All that kinds in the daemon open, and what is below it; `*` is any one name.
pub const QUICK: &[&str] = &[
    "/etc/localtime",
    "/etc/os-release",
    "/etc/passwd",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net",
    "/proc/pressure",
    "/proc/self",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/kernel",
    "/proc/uptime",
    "/sys/block/*/mm_stat",
    "/sys/class/net/*/operstate",
    "/sys/devices/cpu_atom",
    "/sys/devices/cpu_core",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/usr/lib/os-release",
    "/usr/share/zoneinfo",
];

/// File systems that the kernel answers by itself.
const KERNELS_OWN: &[&str] =
    &["proc", "sysfs", "cgroup", "cgroup2", "tmpfs", "ramfs", "devtmpfs", "nsfs"];
/// How the names of file systems begin that ask another process or machine.
const REMOTE: &[&str] = &[
    "9p", "afs", "autofs", "ceph", "cifs", "fuse", "gfs2", "lustre", "ncp", "nfs", "ocfs2", "smb",
];

impl Machine {
    /// Why what is [`QUICK`] may block on this machine; `None` if it does not.
    pub fn may_block(&self) -> Option<String> {
        if !self.is_real() {
            return None;
        }
        let covering = |mount: &Mount| {
            let over = QUICK.iter().any(|path| meets(path, &mount.point));
            over && may_block(mount) && mount.point != Path::new("/")
        };
        let mount = native::mounts::read(self).into_iter().find(covering);
        let mount = mount.map(|mount| format!("{} is of {}", mount.point.display(), mount.kind));
        mount.or_else(|| self.odd_zone_file().map(|path| format!("TZ names {}", path.display())))
    }
}

/// Whether this path is at or below a pattern, or one that the pattern leads to is below this path.
fn meets(pattern: &str, path: &Path) -> bool {
    let mut parts = Path::new(pattern).components().zip(path.components());
    parts.all(|(pattern, part)| pattern.as_os_str() == "*" || pattern == part)
}

fn may_block(Mount { point, kind, .. }: &Mount) -> bool {
    match point.starts_with("/proc") || point.starts_with("/sys") {
        true => !KERNELS_OWN.contains(&&**kind),
        false => REMOTE.iter().any(|name| kind.starts_with(name)),
    }
}

/// Whether a path is at or below one that is [`QUICK`].
#[cfg(test)]
pub(crate) fn is_quick(path: &Path) -> bool {
    let is_deep =
        |pattern: &&&str| Path::new(pattern).components().count() <= path.components().count();
    QUICK.iter().filter(is_deep).any(|pattern| meets(pattern, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_over_a_quick_file_counts_and_nothing_else() {
        let blocks = |point: &str, kind: &str| {
            let mount =
                Mount { device: (0, 1), point: point.into(), kind: kind.into(), from: Vec::new() };
            may_block(&mount) && QUICK.iter().any(|path| meets(path, &mount.point))
        };
        for (point, kind) in [
            ("/proc/meminfo", "fuse.lxcfs"),
            ("/proc", "fuse.x"),
            ("/sys/devices/system/cpu", "fuse.lxcfs"),
            ("/sys/class/net/eth0", "fuse"),
            ("/etc/passwd", "nfs4"),
            ("/usr", "nfs"),
            ("/usr/share/zoneinfo/Europe", "cifs"),
        ] {
            assert!(blocks(point, kind), "{point} {kind}");
        }
        for (point, kind) in [
            ("/proc", "proc"),
            ("/proc/sys/fs/binfmt_misc", "autofs"),
            ("/proc/kcore", "fuse.lxcfs"),
            ("/sys/fs/fuse/connections", "fusectl"),
            ("/sys/fs/cgroup/unified", "cgroup2"),
            ("/etc/hosts", "nfs"),
            ("/etc/passwd", "ext4"),
            ("/mnt/nfs", "nfs"),
        ] {
            assert!(!blocks(point, kind), "{point} {kind}");
        }
    }
}

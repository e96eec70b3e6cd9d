//! The machine as a source sees it: files, users, processes, sockets, counters, time.
//!
//! There is one real machine and any number of fixtures: directories that stand for one, so that
//! every source can be tried on a 64-core server, a container or a broken `/proc`, and the whole
//! program with `daemon run --root DIR`. A source cannot tell which it is on.
//!
//! Decisions a newcomer would ask about:
//! - What is read every second has a *door* with kept descriptors ([`Kept`]): `pread` on an open
//!   `/proc` file costs a tenth of what opening and closing it does, and a fraction of sysinfo.
//! - Linux and every fixture use the parsers of `/proc`, other systems use sysinfo. The choice is
//!   made once, in [`Machine::real`]; everything is compiled everywhere.
//! - It knows no segment and keeps no readings: two sources never share state through it.

mod cgroup;
mod command;
mod converse;
mod disks;
mod file;
mod fixture;
mod kept;
mod load;
mod memory;
mod mounts;
mod network;
mod place;
mod power;
mod pressure;
mod processors;
mod sensors;
mod sysfs;
mod tasks;
mod topology;
mod web;
mod wireless;
mod zone;
mod zram;

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, TimeZone};

use fixture::Fixture;

pub use cgroup::{CgroupDoor, CgroupMemory};
pub use command::{Call, MAX_OUTPUT, Output, Surroundings};
pub use disks::{Disk, DisksDoor, physical};
pub use file::FileFacts;
pub use kept::Kept;
pub use load::{Averages, LoadDoor, cpus};
pub use memory::{Meminfo, MemoryDoor};
pub use mounts::{Mount, Space};
pub use network::{Addresses, NetworkDoor, Route, Traffic};
pub use power::{Battery, Charging, PowerDoor};
pub use pressure::{Pressure, PressureDoor, RESOURCES, Stall, Whose};
pub use processors::{Load, Processors, ProcessorsDoor, Times};
pub use sensors::Sensor;
pub use sysfs::{Figure, Found};
pub use tasks::{Doing, Task};
pub use topology::Group;
pub use web::{ip_address, is_url};
pub use wireless::Wireless;
pub use zone::{Local, Zone};
pub use zram::Zram;

/// The most bytes that are read of one file.
pub const MAX_FILE: usize = 1024 * 1024;
/// The most entries that are listed of one directory.
pub const MAX_ENTRIES: usize = 4096;
/// The most ancestors that are followed: real chains have five to ten.
const MAX_ANCESTORS: usize = 64;

/// A machine.
pub struct Machine {
    world: World,
    doors: Doors,
    /// Whether commands end with standard input.
    leash: bool,
    /// The local offset, and the minute since 1970 for which it holds.
    offset: Cell<Option<(i64, FixedOffset)>>,
}

enum World {
    Real,
    Fixture(Fixture),
}

/// Where counters come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doors {
    Proc,
    Sysinfo,
}

/// What `lstat` tells of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Permission bits, 0o7777 at most.
    pub mode: u32,
    pub uid: u32,
    pub is_socket: bool,
    pub is_dir: bool,
}

/// A directory's entry and its [`Stat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: OsString,
    pub mode: u32,
    pub uid: u32,
    pub is_socket: bool,
    pub is_dir: bool,
}

/// A process among somebody's ancestors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    /// The kernel's short name, at most 15 bytes (`tmux: server`).
    pub comm: String,
}

/// A row of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub home: PathBuf,
}

/// The sockets on which somebody listens, by the path they were bound to.
#[derive(Debug, Default)]
pub struct Listeners(HashSet<PathBuf>);

impl Listeners {
    /// Whether somebody listens on `path`. A server that bound a relative path is found by its file
    /// name: it may be taken for its namesake, but a living one is never called dead.
    pub fn has(&self, path: &Path) -> bool {
        self.0.contains(path)
            || path.file_name().is_some_and(|name| self.0.contains(Path::new(name)))
    }
}

impl Machine {
    /// The machine we run on.
    pub fn real() -> Machine {
        let doors = if cfg!(target_os = "linux") { Doors::Proc } else { Doors::Sysinfo };
        Machine { world: World::Real, doors, leash: false, offset: Cell::default() }
    }

    /// The fixture in `root`. Every path is read below it, and:
    ///
    /// - `clock` holds the time as RFC 3339; `proc/uptime` the time since boot. Without them the
    ///   real clocks go.
    /// - The `k`-th read of a path takes `PATH@k` if there is one, and keeps to it until the next
    ///   (`proc/stat` or `proc/stat@1`, then `proc/stat@2` for ever). Counted for each `Host`.
    /// - `sockets` lists what no repository can hold: `PATH MODE [listening]` a line, mode in octal.
    /// - Whatever is there belongs to the fixture's user, who is the `Uid:` of `proc/self/status`,
    ///   else 1000.
    pub fn rooted(root: impl Into<PathBuf>) -> Machine {
        let world = World::Fixture(Fixture::new(root.into()));
        Machine { world, doors: Doors::Proc, leash: false, offset: Cell::default() }
    }

    pub(crate) fn doors(&self) -> Doors {
        self.doors
    }

    /// Whether this is the machine we run on, where a descriptor may be kept.
    pub fn is_real(&self) -> bool {
        matches!(self.world, World::Real)
    }

    /// A regular file's first [`MAX_FILE`] bytes. Never waits for a FIFO's other end.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let path = path.as_ref();
        let file = match &self.world {
            World::Real => open(path)?,
            World::Fixture(fixture) => open(&fixture.next(path))?,
        };
        // Most files fit: one read takes them, and a second one sees their end.
        let mut bytes = Vec::with_capacity(4096);
        file.take(MAX_FILE as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A directory's entries by name, each looked at without following it. What vanishes meanwhile
    /// is left out; beyond [`MAX_ENTRIES`] nothing more is listed.
    pub fn list(&self, dir: impl AsRef<Path>) -> io::Result<Vec<Entry>> {
        self.entries(dir.as_ref())
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = match &self.world {
            World::Real => list(dir)?,
            World::Fixture(fixture) => {
                let sockets = fixture.sockets_in(dir);
                match list(&fixture.path(dir)) {
                    Ok(mut entries) => {
                        entries.iter_mut().for_each(|entry| entry.uid = self.uid());
                        entries.extend(sockets);
                        entries
                    }
                    Err(_) if !sockets.is_empty() => sockets,
                    Err(error) => return Err(error),
                }
            }
        };
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What is at `path`, not following a link there.
    pub fn lstat(&self, path: impl AsRef<Path>) -> io::Result<Stat> {
        let path = path.as_ref();
        match &self.world {
            World::Real => lstat(path),
            World::Fixture(fixture) => match fixture.socket(path) {
                Some(stat) => Ok(stat),
                None => Ok(Stat { uid: fixture.uid(), ..lstat(&fixture.path(path))? }),
            },
        }
    }

    /// The wall clock with the local offset. That changes with a minute, by law or because somebody
    /// set another zone: the files that tell it are looked at once in each.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn now(&self) -> DateTime<FixedOffset> {
        if let World::Fixture(Fixture { clock: Some(clock), .. }) = &self.world {
            return *clock;
        }
        let now = chrono::Utc::now();
        let minute = now.timestamp().div_euclid(60);
        let offset = match self.offset.get() {
            Some((known, offset)) if known == minute => offset,
            _ => chrono::Local.offset_from_utc_datetime(&now.naive_utc()),
        };
        self.offset.set(Some((minute, offset)));
        now.with_timezone(&offset)
    }

    /// Time since boot, suspended time included; it never goes back.
    pub fn uptime(&self) -> Duration {
        if let World::Fixture(_) = &self.world
            && let Ok(bytes) = self.read("/proc/uptime")
            && let Some(seconds) = String::from_utf8_lossy(&bytes).split(' ').next()
            && let Ok(uptime) = Duration::try_from_secs_f64(seconds.parse().unwrap_or(-1.0))
        {
            return uptime;
        }
        edge::uptime()
    }

    /// Whose sessions and files are looked at.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn uid(&self) -> u32 {
        match &self.world {
            World::Real => rustix::process::getuid().as_raw(),
            World::Fixture(fixture) => fixture.uid(),
        }
    }

    /// The user of this number, as far as `/etc/passwd` knows.
    pub fn user(&self, uid: u32) -> Option<User> {
        let passwd = self.read("/etc/passwd").ok()?;
        String::from_utf8_lossy(&passwd).lines().find_map(|line| {
            let mut columns = line.split(':');
            let name = columns.next().filter(|name| !name.is_empty())?;
            let found = columns.nth(1)?.parse::<u32>().ok()? == uid;
            let home = columns.nth(2).unwrap_or_default();
            found.then(|| User { name: name.into(), home: home.into() })
        })
    }

    /// The login name of this user, as far as `/etc/passwd` knows.
    pub fn user_name(&self, uid: u32) -> Option<String> {
        self.user(uid).map(|user| user.name)
    }

    /// The host's own name, as bytes that somebody else chose; empty if it has none.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn hostname(&self) -> Vec<u8> {
        match &self.world {
            World::Real => rustix::system::uname().nodename().to_bytes().to_vec(),
            World::Fixture(_) => {
                let mut name = self.read("/proc/sys/kernel/hostname").unwrap_or_default();
                name.truncate(name.trim_ascii_end().len());
                name
            }
        }
    }

    /// The process `pid`, its parent and so on, as far as `/proc` tells. `None`: it tells nothing
    /// of `pid` (it ended, it is hidden, there is no `/proc`).
    pub fn lineage(&self, pid: u32) -> Option<Vec<Process>> {
        let (first, mut parent) = self.process(pid)?;
        let mut ancestors = vec![first];
        while parent != 0 && ancestors.len() < MAX_ANCESTORS {
            let Some((process, next)) = self.process(parent) else { break };
            ancestors.push(process);
            // A fixture, or pids taken anew while we read, could make a circle.
            if ancestors.iter().any(|known| known.pid == next) {
                break;
            }
            parent = next;
        }
        Some(ancestors)
    }

    /// A process and its parent's pid.
    fn process(&self, pid: u32) -> Option<(Process, u32)> {
        if pid == 0 {
            return None;
        }
        let stat = self.read(format!("/proc/{pid}/stat")).ok()?;
        // `PID (COMM) STATE PPID …`, and the name may hold anything, parentheses included.
        let open = stat.iter().position(|b| *b == b'(')?;
        let close = stat.iter().rposition(|b| *b == b')')?;
        let comm = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
        let rest = String::from_utf8_lossy(&stat[close + 1..]);
        let parent = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some((Process { pid, comm }, parent))
    }

    /// The sockets on which somebody listens. `None`: nobody can tell, so nothing may be called
    /// dead.
    pub fn listeners(&self) -> Option<Listeners> {
        let mut found = match self.read("/proc/net/unix") {
            Ok(table) if table.len() < MAX_FILE => Some(listening(&table)),
            _ => None,
        };
        if let World::Fixture(fixture) = &self.world
            && let Some(paths) = fixture.listening()
        {
            found.get_or_insert_default().extend(paths);
        }
        found.map(Listeners)
    }
}

/// The bound paths of listening sockets in the text of `/proc/net/unix`. Abstract names (`@…`) are
/// no files and left out.
fn listening(table: &[u8]) -> HashSet<PathBuf> {
    /// `__SO_ACCEPTCON` of the kernel's `net.h`: the flag of a socket that listens.
    const LISTENS: u32 = 0x1_0000;
    let text = String::from_utf8_lossy(table);
    let rows = text.lines().skip(1).filter_map(|row| {
        // Num RefCount Protocol Flags Type St Inode Path; the path may hold spaces.
        let mut rest = row;
        let mut flags = 0;
        for column in 0..7 {
            let (word, after) = rest.trim_start().split_once(' ')?;
            if column == 3 {
                flags = u32::from_str_radix(word, 16).ok()?;
            }
            rest = after;
        }
        (flags & LISTENS != 0 && !rest.starts_with('@')).then(|| PathBuf::from(rest))
    });
    rows.collect()
}

/// Opens a regular file for reading, without waiting for anybody.
fn open(path: &Path) -> io::Result<std::fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    let file = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

#[allow(clippy::disallowed_methods, reason = "this is the door")]
fn lstat(path: &Path) -> io::Result<Stat> {
    Ok(stat_of(&std::fs::symlink_metadata(path)?))
}

fn stat_of(metadata: &std::fs::Metadata) -> Stat {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    Stat {
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        is_socket: metadata.file_type().is_socket(),
        is_dir: metadata.is_dir(),
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the door")]
fn list(dir: &Path) -> io::Result<Vec<Entry>> {
    let entries = std::fs::read_dir(dir)?.take(MAX_ENTRIES).filter_map(|entry| {
        let entry = entry.ok()?;
        // `DirEntry::metadata` does not follow links.
        let Stat { mode, uid, is_socket, is_dir } = stat_of(&entry.metadata().ok()?);
        Some(Entry { name: entry.file_name(), mode, uid, is_socket, is_dir })
    });
    Ok(entries.collect())
}

/// What differs between systems.
mod edge {
    use std::time::Duration;

    #[cfg(target_os = "linux")]
    pub fn uptime() -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // The boot clock is never negative.
        Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn uptime() -> Duration {
        Duration::from_secs(sysinfo::System::uptime().unwrap_or(0))
    }
}

/// The fixture machine `name` of `fixtures` (`tests/hosts`).
#[cfg(test)]
pub(crate) fn fixture(name: &str) -> Machine {
    Machine::rooted(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A fixture of these files.
    pub(crate) fn machine_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (path, text) in files {
            write(dir.path(), path, text);
        }
        let machine = Machine::rooted(dir.path());
        (dir, machine)
    }

    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directory");
        std::fs::write(path, text).expect("file");
    }

    #[test]
    fn the_kth_read_takes_the_kth_file() {
        let (_dir, machine) =
            machine_with(&[("a", "1"), ("a@2", "2"), ("a@4", "4"), ("b@1", "1"), ("b@2", "2")]);
        let read: Vec<_> = (0..5).map(|_| machine.read("/a").expect("readable")).collect();
        assert_eq!(read, [b"1", b"2", b"2", b"4", b"4"]);
        let read: Vec<_> = (0..3).map(|_| machine.read("/b").expect("readable")).collect();
        assert_eq!(read, [b"1", b"2", b"2"]);
    }

    #[test]
    fn no_path_leads_out_of_a_fixture() {
        let (_dir, machine) = machine_with(&[("etc/passwd", "me:x:7:7::/home/me:/bin/sh\n")]);
        assert_eq!(machine.user_name(7).as_deref(), Some("me"));
        assert_eq!(machine.read("/../../etc/passwd").expect("readable").len(), 27);
    }

    #[test]
    fn sockets_come_from_the_table() {
        let table = "/run/x/one 700 listening\n/run/x/two with space 600\n";
        let (_dir, machine) = machine_with(&[("sockets", table), ("run/x/file", "")]);
        let names: Vec<_> =
            machine.list("/run/x").expect("listed").into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["file", "one", "two with space"]);
        let stat = machine.lstat("/run/x/one").expect("there");
        assert_eq!((stat.mode, stat.is_socket, stat.uid), (0o700, true, 1000));
        let listeners = machine.listeners().expect("known");
        assert!(listeners.has(Path::new("/run/x/one")));
        assert!(!listeners.has(Path::new("/run/x/two with space")));
    }

    #[test]
    fn without_a_table_of_sockets_nobody_can_tell_who_is_dead() {
        let (_dir, machine) = machine_with(&[]);
        assert!(machine.listeners().is_none());
    }

    #[test]
    fn a_listener_is_told_from_a_connection_by_its_flag() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/a b\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 22 /run/c\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 23 @abstract\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 24 relative\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 25\n";
        let listeners = Listeners(listening(table));
        assert!(listeners.has(Path::new("/run/a b")));
        assert!(!listeners.has(Path::new("/run/c")));
        assert!(listeners.has(Path::new("/anywhere/relative")));
        assert_eq!(listeners.0.len(), 2);
    }

    #[test]
    fn ancestors_survive_strange_names_and_circles() {
        let (_dir, machine) = machine_with(&[
            ("proc/5/stat", "5 (sh) S 4 5"),
            ("proc/4/stat", "4 (a) (b c)) S 3 4"),
            ("proc/3/stat", "3 (three) S 4 3"),
        ]);
        let ancestors = machine.lineage(5).expect("known");
        let seen: Vec<_> = ancestors.iter().map(|p| (p.pid, p.comm.as_str())).collect();
        assert_eq!(seen, [(5, "sh"), (4, "a) (b c)"), (3, "three")]);
        assert_eq!(machine.lineage(99), None);
        assert_eq!(machine.lineage(0), None);
    }

    #[test]
    fn our_own_parent_is_the_second_of_our_line() {
        let machine = Machine::real();
        let ancestors = machine.lineage(std::process::id()).expect("our own process");
        assert_eq!(ancestors.get(1).map(|p| p.pid), Some(std::os::unix::process::parent_id()));
    }

    #[test]
    fn a_fifo_is_refused_at_once() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
        let error = Machine::real().read(&path).expect_err("no regular file");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_real_socket_is_seen_with_its_bits_and_its_listener() {
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        let machine = Machine::real();
        let stat = machine.lstat(&path).expect("there");
        assert!(stat.is_socket && stat.uid == machine.uid());
        assert!(machine.listeners().expect("a table").has(&path));
        drop(listener);
        assert!(!machine.listeners().expect("a table").has(&path));
    }

    #[test]
    fn the_clock_and_the_uptime_can_be_set() {
        let (_dir, machine) = machine_with(&[
            ("clock", "2031-02-03T04:05:06+07:00\n"),
            ("proc/uptime", "12.50 3.00\n"),
        ]);
        assert_eq!(machine.now().to_rfc3339(), "2031-02-03T04:05:06+07:00");
        assert_eq!(machine.uptime(), Duration::from_millis(12_500));
    }

    #[test]
    fn the_real_machine_has_been_up_for_a_while() {
        assert!(Machine::real().uptime() > Duration::ZERO);
        assert!(!Machine::real().hostname().is_empty());
    }
}

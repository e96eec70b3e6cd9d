//! The machine as a source sees it: files, users, processes, sockets, counters, time.
//!
//! There is one real machine and any number of fixtures: directories that stand for one, so that
//! every source can be tried on a 64-core server, a container or a broken `/proc`, and the whole
//! program with `daemon run --root DIR`. A source cannot tell which it is on.
//!
//! What differs between systems is behind two [`Reader`]s of the same shape, chosen at run time:
//! `native/` reads `/proc`, `/sys` and netlink, `portable/` asks the crates `sysinfo` and `battery`.
//! The file of a subject (`memory.rs`, `network.rs` …) holds its types and picks the reader; both
//! are compiled everywhere, and only `native/os.rs` knows `cfg`. A port is a matter of those files.
//!
//! Decisions a newcomer would ask about:
//! - What is read every second keeps its file open ([`CachedFile`]): `pread` on an open `/proc` file
//!   costs a tenth of opening and closing it, and a fraction of sysinfo.
//! - What several sources want at the same time is read once ([`Machine::at`]). Nothing else passes
//!   from one source to another through a machine.
//! - It knows no segment and nothing of `base/`.

mod batteries;
mod cached_file;
mod clock;
mod command;
mod disk_counters;
mod error;
mod file_systems;
mod files;
mod fixture;
mod line_client;
mod load;
mod memory;
mod metadata;
mod native;
mod network;
mod os_release;
mod paths;
mod portable;
mod process_tree;
mod processes;
mod processors;
pub(crate) mod quick;
mod scan;
mod sensors;
mod small_file;
mod snapshot;
mod system_name;
mod time_zone;
mod unix_sockets;
mod users;
mod web;

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use files::open;
use fixture::Fixture;
use snapshot::Shared;
use time_zone::LocalZone;

pub use batteries::{Battery, BatteryReader, Charging};
pub use cached_file::CachedFile;
pub use command::{Call, MAX_OUTPUT, Output, Surroundings, family, is_in_path};
pub use disk_counters::{Disk, DiskReader};
pub use error::Error;
pub use file_systems::{Mount, Space};
pub use files::{DirEntry, MAX_ENTRIES, MAX_FILE, Stat};
pub use load::{Averages, LoadReader, cpus};
pub use memory::{Meminfo, MemoryReader};
pub use metadata::Metadata;
pub use native::cgroup::{CgroupMemory, CgroupReader};
pub use native::os::{adopt_orphans, end_with_parent, set_name};
pub use native::pressure::{Pressure, PressureReader, RESOURCES, Stall, Whose};
pub use native::topology::Group;
pub use native::wireless::Wireless;
pub use native::zram::Zram;
pub use network::{Addresses, NetworkReader, Route, Traffic};
pub use os_release::OsRelease;
pub use process_tree::Process;
pub use processes::{Doing, Progress, Round, Task, TaskReader};
pub use processors::{CoreTimes, Processors, ProcessorsReader, Times};
pub use scan::Scan;
pub use sensors::Sensor;
pub use small_file::SmallFile;
pub use time_zone::{Local, Zone, is_zone_name};
pub use unix_sockets::Listeners;
pub use users::User;
pub use web::{ip_address, is_url};

/// A machine.
pub struct Machine {
    world: World,
    reader: Reader,
    /// Whether this process is a worker, see [`Machine::of_worker`].
    in_worker: bool,
    /// When the sources that are sampled now began, see [`Machine::at`].
    moment: Cell<Option<Duration>>,
    processors: Shared<ProcessorsReader, Arc<Processors>>,
    memory: Shared<MemoryReader, Meminfo>,
    /// The same machine by the other reader, once it was asked for.
    other: OnceCell<Box<Machine>>,
    local_zone: RefCell<LocalZone>,
}

enum World {
    Real,
    Fixture(Fixture),
}

/// How the machine is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// By this project's own parsers of what Linux tells.
    Native,
    /// By the crates `sysinfo` and `battery`, on any system that they know.
    Portable,
}

impl Reader {
    /// The readers, by the names that a config has for them.
    pub const NAMES: [(&str, Reader); 2] =
        [("native", Reader::Native), ("portable", Reader::Portable)];
    /// Both.
    pub const ALL: [Reader; 2] = [Reader::Native, Reader::Portable];
}

impl Default for Reader {
    fn default() -> Reader {
        if cfg!(target_os = "linux") { Reader::Native } else { Reader::Portable }
    }
}

impl Machine {
    /// The machine we run on, by the reader that suits the system.
    pub fn real() -> Machine {
        Machine::read_by(Reader::default())
    }

    /// The machine we run on.
    pub fn read_by(reader: Reader) -> Machine {
        Machine::new(World::Real, reader)
    }

    /// The fixture in `root`, which is always read natively. Every path is read below it, and:
    ///
    /// - `clock` holds the time as RFC 3339; `proc/uptime` the time since boot. Without them the
    ///   real clocks go.
    /// - The `k`-th read of a path takes `PATH@k` if there is one, and keeps to it until the next
    ///   (`proc/stat`, then `proc/stat@2` for ever). Counted for each `Machine`.
    /// - `sockets` lists what no repository can hold: `PATH MODE [listening]` a line, mode in octal.
    /// - Whatever is there belongs to the fixture's user, who is the `Uid:` of `proc/self/status`,
    ///   else 1000.
    pub fn rooted(root: impl Into<PathBuf>) -> Machine {
        Machine::new(World::Fixture(Fixture::new(root.into())), Reader::Native)
    }

    fn new(world: World, reader: Reader) -> Machine {
        Machine {
            world,
            reader,
            in_worker: false,
            moment: Cell::default(),
            processors: Shared::default(),
            memory: Shared::default(),
            other: OnceCell::new(),
            local_zone: RefCell::default(),
        }
    }

    /// This machine by `reader`; a fixture is the same by either.
    pub fn by(&self, reader: Reader) -> &Machine {
        if reader == self.reader || !self.is_real() {
            return self;
        }
        let other = || Machine { in_worker: self.in_worker, ..Machine::read_by(reader) };
        self.other.get_or_init(|| Box::new(other()))
    }

    /// Begins a moment: until the next one, what several sources want of the machine (counters of
    /// processors, memory) is read for the first and given to the others. `moment` is the time by
    /// any clock that does not repeat itself. Before the first moment nothing is shared.
    pub fn at(&self, moment: Duration) -> &Machine {
        self.moment.set(Some(moment));
        self
    }

    pub(crate) fn reader(&self) -> Reader {
        self.reader
    }

    /// Whether this is the machine we run on, where a descriptor may be kept.
    pub fn is_real(&self) -> bool {
        matches!(self.world, World::Real)
    }

    /// Every path of a fixture that was looked at.
    #[cfg(test)]
    pub(crate) fn touched(&self) -> Vec<PathBuf> {
        match &self.world {
            World::Real => Vec::new(),
            World::Fixture(fixture) => fixture.touched(),
        }
    }

    /// How often this path of a fixture was read.
    #[cfg(test)]
    pub(crate) fn reads(&self, path: &str) -> u32 {
        match &self.world {
            World::Real => 0,
            World::Fixture(fixture) => fixture.reads(path.as_ref()),
        }
    }
}

/// The fixture machine `name` of `fixtures/`.
#[cfg(test)]
pub(crate) fn fixture(name: &str) -> Machine {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    Machine::rooted(root.join(name))
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
    fn write(root: &std::path::Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directory");
        std::fs::write(path, text).expect("file");
    }

    #[test]
    fn a_machine_can_be_read_either_way_and_a_fixture_one_way() {
        let machine = Machine::read_by(Reader::Native);
        assert_eq!(machine.by(Reader::Native).reader(), Reader::Native);
        assert_eq!(machine.by(Reader::Portable).reader(), Reader::Portable);
        let (_dir, fixture) = machine_with(&[]);
        assert_eq!(fixture.by(Reader::Portable).reader(), Reader::Native);
        assert_eq!(Reader::NAMES.map(|(_, reader)| reader), Reader::ALL);
    }
}

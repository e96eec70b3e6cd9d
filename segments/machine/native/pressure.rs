//! The kernel's pressure stall information: how long tasks waited for a processor, for
//! memory, for a disk (Documentation/accounting/psi.rst).
//!
//! In a container `/proc/pressure` is the host's; the container's own is at the root of its control
//! groups. That this root is not the machine's is seen by `cgroup.events`, which the machine's root
//! does not have (Documentation/admin-guide/cgroup-v2.rst). The portable reader knows no pressure.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::machine::{CachedFile, Machine, Reader};

const ROOT: &str = "/sys/fs/cgroup";

/// What is waited for, in the order in which [`PressureReader::read`] gives it.
pub const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// How long some task, or all of them at once, waited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stall {
    /// Percent of the last ten seconds, on average.
    pub mean: f64,
    /// Since boot, or since the group was made.
    pub total: Duration,
}

/// How long tasks waited for one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// At least one task waited.
    pub some: Stall,
    /// All of them waited: nothing was done. Old kernels do not tell it of processors.
    pub full: Option<Stall>,
}

/// Whose pressure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The container's, in one; else the machine's.
    Ours,
    /// The machine's, in a container as well.
    Machine,
    /// A control group's, by its path below the root.
    Group(String),
}

/// Reads the pressure again and again.
pub struct PressureReader {
    whose: Whose,
    files: Option<[CachedFile; 3]>,
}

impl PressureReader {
    /// A reader that opens the files at its first read.
    pub fn new(whose: Whose) -> PressureReader {
        PressureReader { whose, files: None }
    }

    /// What is known of each of [`RESOURCES`].
    pub fn read(&mut self, machine: &Machine) -> [Option<Pressure>; 3] {
        if machine.reader() == Reader::Portable {
            return [None; 3];
        }
        let files = self.files.get_or_insert_with(|| {
            let group = group(&self.whose, machine);
            RESOURCES.map(|name| {
                CachedFile::new(match &group {
                    Some(group) => group.join(format!("{name}.pressure")),
                    None => Path::new("/proc/pressure").join(name),
                })
            })
        });
        let mut read = files.iter_mut().map(|file| parse(file.read(machine).ok()?));
        let mut next = || read.next().flatten();
        let all = [next(), next(), next()];
        if all.iter().all(Option::is_none) {
            self.files = None;
        }
        all
    }
}

/// The control group to ask; `None`: the machine.
fn group(whose: &Whose, machine: &Machine) -> Option<PathBuf> {
    match whose {
        Whose::Machine => None,
        Whose::Ours => {
            let inside = machine.lstat(format!("{ROOT}/cgroup.events")).is_ok()
                && machine.lstat(format!("{ROOT}/cpu.pressure")).is_ok();
            inside.then(|| ROOT.into())
        }
        Whose::Group(path) => {
            let inside = Path::new(path).components();
            let inside = inside.filter(|part| matches!(part, Component::Normal(_)));
            Some(Path::new(ROOT).join(inside.collect::<PathBuf>()))
        }
    }
}

/// Reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same with `full`.
fn parse(text: &[u8]) -> Option<Pressure> {
    let text = String::from_utf8_lossy(text);
    let stall = |which: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(which))?;
        let word = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name));
        let mean: f64 = word("avg10=")?.parse().ok()?;
        let total = Duration::from_micros(word("total=")?.parse().ok()?);
        (0.0..=100.0).contains(&mean).then_some(Stall { mean, total })
    };
    Some(Pressure { some: stall("some ")?, full: stall("full ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    const SOME: &str = "some avg10=1.50 avg60=0.20 avg300=0.10 total=2500\n";
    const FULL: &str = "full avg10=0.50 avg60=0.00 avg300=0.00 total=900\n";

    fn means(whose: Whose, machine: &Machine) -> [Option<f64>; 3] {
        PressureReader::new(whose).read(machine).map(|read| read.map(|read| read.some.mean))
    }

    #[test]
    fn both_lines_are_read_and_the_second_may_be_missing() {
        let some = Stall { mean: 1.5, total: Duration::from_micros(2500) };
        let full = Stall { mean: 0.5, total: Duration::from_micros(900) };
        let both = format!("{SOME}{FULL}");
        assert_eq!(parse(both.as_bytes()), Some(Pressure { some, full: Some(full) }));
        assert_eq!(parse(SOME.as_bytes()), Some(Pressure { some, full: None }));
        for text in [
            "",
            FULL,
            "some",
            "some avg10=-1 total=1",
            "some avg10=nan total=1",
            "some avg10=1 total=x",
            "some avg10=1e9 total=1",
            "\0\0",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_container_has_its_own_and_may_ask_for_the_machines() {
        let other = SOME.replace("1.50", "7.00");
        let files = [
            ("proc/pressure/cpu", SOME),
            ("sys/fs/cgroup/cpu.pressure", &*other),
            ("sys/fs/cgroup/a/b/io.pressure", &*other),
            ("sys/fs/cgroup/cgroup.events", "populated 1\n"),
        ];
        let (_dir, inside) = machine_with(&files);
        assert_eq!(means(Whose::Ours, &inside), [Some(7.0), None, None]);
        assert_eq!(means(Whose::Machine, &inside), [Some(1.5), None, None]);
        let group = |path: &str| means(Whose::Group(path.into()), &inside);
        assert_eq!(group("../../../proc/pressure"), [None; 3]);
        assert_eq!(group("a/b"), [None, None, Some(7.0)]);
        let (_dir, outside) = machine_with(&files[..3]);
        assert_eq!(means(Whose::Ours, &outside), [Some(1.5), None, None]);
    }
}

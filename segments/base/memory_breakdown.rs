//! What the memory is taken by: disjoint classes that add up to the total, of the machine or of
//! the control group that limits us.
//!
//! - *Available* is the kernel's `MemAvailable`; for kernels before 3.14, which have none, it is free
//!   memory and cache.
//! - The classes are disjoint and sum up to the total, to the byte. Shared memory is taken out of
//!   the page cache, in which the kernel counts it. What no other class explains belongs to the
//!   kernel. Where numbers contradict each other (containers mix their own with their host's) each
//!   class gets at most what is left.
//! - In a control group with a limit below the machine's memory, all of it is about the group.

use super::contract::{Error, choice};
use super::value::{Part, Value};
use crate::machine::{CgroupMemory, CgroupReader, Machine, Meminfo};

choice! {
    /// Whose memory is shown.
    Limit { Auto = "auto", Machine = "machine", Cgroup = "cgroup" }
}

/// Reads what the memory is taken by, again and again.
#[derive(Default)]
pub struct Memory {
    cgroup: CgroupReader,
}

impl Memory {
    /// What the memory is taken by now.
    pub fn read(&mut self, machine: &Machine, limit: Limit) -> Result<Picture, Error> {
        let meminfo = machine.meminfo()?;
        let Some(total) = meminfo.total.filter(|total| *total > 0) else {
            let what = "a MemTotal above zero".into();
            return Err(Error::Strange { path: "/proc/meminfo".into(), what });
        };
        let group = match limit {
            Limit::Machine => None,
            Limit::Auto => self.cgroup.read(machine, total),
            // A limit above the machine's memory is as good as that memory.
            Limit::Cgroup => self
                .cgroup
                .read(machine, u64::MAX)
                .map(|group| CgroupMemory { limit: group.limit.min(total), ..group }),
        };
        // A group that may have nothing at all has no percentages.
        let group = group.filter(|group| group.limit > 0);
        Ok(match &group {
            Some(group) => Picture::of_group(group),
            None => Picture::of_machine(total, &meminfo),
        })
    }
}

/// What is shown of a machine or a group, in bytes; `available` is at most `total`.
#[derive(Debug, PartialEq)]
pub struct Picture {
    pub total: u64,
    pub available: u64,
    pub classes: Classes,
    /// Whether the total is a control group's limit.
    pub limited: bool,
}

/// Disjoint parts of a total, in bytes.
#[derive(Debug, PartialEq)]
pub struct Classes {
    pub kernel: u64,
    pub anonymous: u64,
    pub shared: u64,
    pub cache: u64,
    pub free: u64,
}

impl Picture {
    fn of_machine(total: u64, meminfo: &Meminfo) -> Picture {
        let or_none = |value: Option<u64>| value.unwrap_or(0);
        let mut rest = total;
        // Each part gets what its line has, and at most what is left.
        let mut take = |bytes: u64| {
            let taken = bytes.min(rest);
            rest -= taken;
            taken
        };
        let free = take(or_none(meminfo.free));
        let shmem = or_none(meminfo.shmem);
        let shared = take(shmem);
        let pages = or_none(meminfo.cached).saturating_sub(shmem);
        let cache = take(
            pages
                .saturating_add(or_none(meminfo.buffers))
                .saturating_add(or_none(meminfo.reclaimable)),
        );
        let (kernel, anonymous) = match meminfo.anonymous {
            // Huge pages are set aside for programs, though not counted as theirs.
            Some(bytes) => {
                let anonymous = take(bytes.saturating_add(or_none(meminfo.hugetlb)));
                (rest, anonymous)
            }
            None => {
                let known = [meminfo.unreclaimable, meminfo.kernel_stack, meminfo.page_tables];
                let known = known.into_iter().flatten().fold(0u64, u64::saturating_add);
                let kernel = take(known);
                (kernel, rest)
            }
        };
        // More available than there is: a container mixes its own numbers with its host's.
        let available =
            meminfo.available.filter(|available| *available <= total).unwrap_or(free + cache);
        Picture {
            total,
            available,
            classes: Classes { kernel, anonymous, shared, cache, free },
            limited: false,
        }
    }

    fn of_group(group: &CgroupMemory) -> Picture {
        let total = group.limit;
        let charged = group.current.min(total);
        let mut rest = charged;
        let mut take = |bytes: u64| {
            let taken = bytes.min(rest);
            rest -= taken;
            taken
        };
        let anonymous = take(group.anonymous);
        let shared = take(group.shared);
        let cache = take(group.file.saturating_sub(group.shared));
        let kernel = rest;
        // What the kernel would drop first is as good as free, as docker counts it.
        let used = charged - group.inactive_file.min(charged);
        let free = total - charged;
        Picture {
            total,
            available: total - used,
            classes: Classes { kernel, anonymous, shared, cache, free },
            limited: true,
        }
    }
}

impl Picture {
    pub fn used(&self) -> u64 {
        self.total - self.available
    }

    /// Used of total, in percent.
    pub fn usage(&self) -> f64 {
        100.0 * self.used() as f64 / self.total as f64
    }

    /// The classes as parts of the total.
    pub fn parts(&self) -> Value {
        let part = |name: &'static str, bytes: u64| Part { name: name.into(), value: bytes as f64 };
        Value::Parts {
            parts: vec![
                part("kernel", self.classes.kernel),
                part("anonymous", self.classes.anonymous),
                part("shared", self.classes.shared),
                part("cache", self.classes.cache),
                part("free", self.classes.free),
            ],
            whole: self.total as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MB: u64 = 1024 * 1024;

    /// Small, large, absurd or missing: all that a line may say.
    fn line() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![
            Just(None),
            (0..8u64).prop_map(Some),
            (0..64 * 1024 * MB).prop_map(Some),
            any::<u64>().prop_map(Some),
        ]
    }

    fn check(picture: &Picture, total: u64) {
        let Classes { kernel, anonymous, shared, cache, free } = picture.classes;
        let sum =
            [kernel, anonymous, shared, cache, free].into_iter().map(u128::from).sum::<u128>();
        assert_eq!(sum, u128::from(total), "{picture:?}");
        assert!(picture.available <= total, "{picture:?}");
    }

    proptest! {
        #[test]
        fn any_host_adds_up(lines in proptest::array::uniform11(line()), total in 1..u64::MAX) {
            let [free, available, buffers, cached, shmem, reclaimable, unreclaimable, kernel_stack,
                page_tables, anonymous, hugetlb] = lines;
            let meminfo = Meminfo { total: Some(total), free, available, buffers, cached, shmem,
                reclaimable, unreclaimable, kernel_stack, page_tables, anonymous, hugetlb, ..Meminfo::default() };
            check(&Picture::of_machine(total, &meminfo), total);
        }

        #[test]
        fn any_group_adds_up(lines in proptest::array::uniform5(line()), limit in 1..u64::MAX) {
            let [current, anonymous, file, shared, inactive_file] =
                lines.map(|line| line.unwrap_or(0));
            let group = CgroupMemory { limit, current, anonymous, file, shared, inactive_file };
            check(&Picture::of_group(&group), limit);
        }
    }
}

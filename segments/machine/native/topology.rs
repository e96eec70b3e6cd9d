//! How the processors belong together: by kind (fast and efficient ones), by memory node,
//! by package. The portable reader does not know.

use std::collections::HashSet;
use std::path::Path;

use super::load::cpus;
use crate::machine::{Machine, Reader};

const CPUS: &str = "/sys/devices/system/cpu";
/// More processors than this are not asked for their capacity one by one: such machines have one
/// kind only.
const MOST_ASKED: usize = 64;
/// More sockets than any board has.
const MOST_PACKAGES: usize = 64;

/// Processors that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `P` and `E` for the fast and the efficient kind, else the node's or the package's number.
    pub name: String,
    /// Their numbers.
    pub cpus: Vec<u32>,
}

impl Machine {
    /// The groups of the processors, if there is more than one: by kind, else by memory node, else
    /// by package. Nothing of it changes while the machine runs, but for what is switched off.
    pub fn groups(&self) -> Vec<Group> {
        if self.reader() == Reader::Portable {
            return Vec::new();
        }
        let ways = [Machine::kinds, Machine::nodes, Machine::packages];
        let fits = |groups: &Vec<Group>| groups.len() > 1 && are_disjoint(groups);
        ways.iter().map(|way| way(self)).find(fits).unwrap_or_default()
    }

    fn list_of(&self, path: impl AsRef<Path>) -> Vec<u32> {
        self.word(path).map_or(Vec::new(), |list| cpus(&list))
    }

    fn kinds(&self) -> Vec<Group> {
        let group = |name: &str, cpus: Vec<u32>| Group { name: name.into(), cpus };
        // Where two kinds have two performance units (perf_event of x86).
        let (fast, efficient) = (
            self.list_of("/sys/devices/cpu_core/cpus"),
            self.list_of("/sys/devices/cpu_atom/cpus"),
        );
        if !fast.is_empty() && !efficient.is_empty() {
            return vec![group("P", fast), group("E", efficient)];
        }
        // Where the kernel knows how much each can do (Documentation/scheduler/sched-capacity.rst).
        let online = self.list_of(format!("{CPUS}/online"));
        if online.len() > MOST_ASKED {
            return Vec::new();
        }
        let capacity = |cpu: &u32| self.number(format!("{CPUS}/cpu{cpu}/cpu_capacity"));
        let Some(capacities) = online.iter().map(capacity).collect::<Option<Vec<i64>>>() else {
            return Vec::new();
        };
        let least = capacities.iter().min().copied();
        let pairs = online.iter().zip(&capacities);
        let (efficient, fast): (Vec<_>, Vec<_>) = pairs.partition(|(_, own)| Some(**own) == least);
        let numbers = |pairs: Vec<(&u32, &i64)>| pairs.into_iter().map(|(cpu, _)| *cpu).collect();
        match fast.is_empty() {
            true => Vec::new(),
            false => vec![group("P", numbers(fast)), group("E", numbers(efficient))],
        }
    }

    fn nodes(&self) -> Vec<Group> {
        let nodes = self.numbered("/sys/devices/system/node", "node").into_iter();
        let groups = nodes.map(|(number, dir)| Group {
            name: number.to_string(),
            cpus: self.list_of(dir.join("cpulist")),
        });
        // A node may be memory alone.
        groups.filter(|group| !group.cpus.is_empty()).collect()
    }

    fn packages(&self) -> Vec<Group> {
        let mut left = self.list_of(format!("{CPUS}/online"));
        let mut groups = Vec::new();
        while let Some(first) = left.first()
            && groups.len() < MOST_PACKAGES
        {
            let dir = format!("{CPUS}/cpu{first}/topology");
            let names = ["package_cpus_list", "core_siblings_list"];
            let cpus = names.iter().map(|name| self.list_of(format!("{dir}/{name}")));
            let Some(cpus) = cpus.into_iter().find(|cpus| cpus.contains(first)) else {
                return Vec::new();
            };
            left.retain(|cpu| !cpus.contains(cpu));
            groups.push(Group { name: groups.len().to_string(), cpus });
        }
        groups
    }
}

/// Whether no processor is in two groups.
fn are_disjoint(groups: &[Group]) -> bool {
    let mut seen = HashSet::new();
    groups.iter().flat_map(|group| &group.cpus).all(|cpu| seen.insert(cpu))
}

#[cfg(test)]
mod tests {
    use crate::machine::tests::machine_with;

    fn groups(files: &[(&str, &str)]) -> Vec<(String, Vec<u32>)> {
        let (_dir, machine) = machine_with(files);
        machine.groups().into_iter().map(|group| (group.name, group.cpus)).collect()
    }

    #[test]
    fn kinds_come_before_nodes_and_nodes_before_packages() {
        let node = ("sys/devices/system/node/node0/cpulist", "0-1\n");
        let other = ("sys/devices/system/node/node1/cpulist", "2-3\n");
        let empty = ("sys/devices/system/node/node2/cpulist", "\n");
        let fast = ("sys/devices/cpu_core/cpus", "0-2\n");
        let efficient = ("sys/devices/cpu_atom/cpus", "3\n");
        let kinds = groups(&[node, other, fast, efficient]);
        assert_eq!(kinds, [("P".into(), vec![0, 1, 2]), ("E".into(), vec![3])]);
        let nodes = groups(&[node, other, empty, fast]);
        assert_eq!(nodes, [("0".into(), vec![0, 1]), ("1".into(), vec![2, 3])]);
    }

    #[test]
    fn capacities_tell_the_kinds_apart() {
        let file = |cpu| format!("sys/devices/system/cpu/cpu{cpu}/cpu_capacity");
        let (zero, one, two) = (file(0), file(1), file(2));
        let online = ("sys/devices/system/cpu/online", "0-2\n");
        let all = [online, (&*zero, "446\n"), (&*one, "1024\n"), (&*two, "871\n")];
        assert_eq!(groups(&all), [("P".into(), vec![1, 2]), ("E".into(), vec![0])]);
        assert_eq!(groups(&all[..3]), []);
    }

    #[test]
    fn packages_are_found_by_their_first_processor() {
        let file = |cpu| format!("sys/devices/system/cpu/cpu{cpu}/topology/package_cpus_list");
        let (zero, one) = (file(0), file(1));
        let online = ("sys/devices/system/cpu/online", "0-3\n");
        let two = groups(&[online, (&*zero, "0,2\n"), (&*one, "1,3\n")]);
        assert_eq!(two, [("0".into(), vec![0, 2]), ("1".into(), vec![1, 3])]);
        assert_eq!(groups(&[online, (&*zero, "0-3\n")]), []);
        assert_eq!(groups(&[online, (&*zero, "7\n")]), []);
        assert_eq!(
            groups(&[("sys/devices/cpu_core/cpus", "0\n"), ("sys/devices/cpu_atom/cpus", "0\n")]),
            []
        );
        assert_eq!(groups(&[]), []);
    }
}

//! The ancestors of a process.

use super::{Machine, native};

/// The most ancestors that are followed: real chains have five to ten.
const MAX_ANCESTORS: usize = 64;

/// A process and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The kernel's short name, at most 15 bytes (`tmux: server`).
    pub comm: String,
}

impl Machine {
    /// The process `pid`, its parent and so on, as far as `/proc` has them. `None`: it does not
    /// have `pid` (it ended, it is hidden, there is no `/proc`).
    pub fn lineage(&self, pid: u32) -> Option<Vec<Process>> {
        let (first, mut parent) = self.process(pid)?;
        let mut ancestors = vec![first];
        while parent != 0 && ancestors.len() < MAX_ANCESTORS {
            let Some((process, next)) = self.process(parent) else { break };
            ancestors.push(process);
            // A fixture, or pids reused while we read, could make a circle.
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
        let (_, comm, mut columns) = native::processes::columns(&stat)?;
        let parent = columns.nth(1)?.parse().ok()?;
        Some((Process { pid, comm }, parent))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

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
}

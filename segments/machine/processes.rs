//! All processes: what each does and takes.
//!
//! Looking at each takes some microseconds, so only sources that run in workers may ask.

use std::time::Duration;

use super::{Error, Machine, Reader, native, portable};

/// The most processes that are looked at; the kernel allows four million.
pub(super) const MAX_PROCESSES: usize = 32 * 1024;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Runs or waits for a processor.
    Running,
    /// Waits for a disk or another device, and cannot be killed meanwhile.
    Blocked,
    /// Has ended; its parent has not yet collected its status.
    Zombie,
    /// Anything else: mostly it sleeps.
    Other,
}

/// A process, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub pid: u32,
    /// The kernel's short name.
    pub name: String,
    /// What it does.
    pub doing: Doing,
    /// Processor time taken since it was started.
    pub taken: Duration,
    /// When it was started, in ticks of any one length: a pid may come again.
    pub start: u64,
    /// Bytes of memory, shared ones included.
    pub resident: u64,
}

impl Machine {
    /// All processes that can be seen, our own excepted: it only runs because it is asked.
    pub fn tasks(&self) -> Result<Vec<Task>, Error> {
        let own = if self.is_real() { std::process::id() } else { 0 };
        let mut tasks = match self.reader() {
            Reader::Native => native::processes::read(self)?,
            Reader::Portable => portable::processes::read()?,
        };
        tasks.retain(|task| task.pid != own);
        Ok(tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_readers_see_our_own_parent() {
        let parent = std::os::unix::process::parent_id();
        let [native, portable] = Reader::ALL.map(|reader| {
            let tasks = Machine::read_by(reader).tasks().expect("readable");
            tasks.into_iter().find(|task| task.pid == parent).expect("our parent")
        });
        assert!(native.resident > 0 && !native.name.is_empty());
        assert_eq!(native.name, portable.name);
    }
}

//! Processes by sysinfo.

use std::time::Duration;

use sysinfo::{Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, ThreadKind};

use crate::machine::processes::MAX_PROCESSES;
use crate::machine::{Doing, Error, Task};

pub fn read(now: Duration) -> Result<Vec<Task>, Error> {
    let mut none = None;
    let system = super::system(&mut none)?;
    let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    // On Linux a program's threads are listed as well.
    let is_process = |process: &&Process| process.thread_kind() != Some(ThreadKind::Userland);
    let processes = system.processes().values().filter(is_process);
    Ok(processes.take(MAX_PROCESSES).map(|process| task(process, now)).collect())
}

fn task(process: &Process, at: Duration) -> Task {
    Task {
        pid: process.pid().as_u32(),
        name: process.name().to_string_lossy().into_owned(),
        doing: match process.status() {
            ProcessStatus::Run => Doing::Running,
            ProcessStatus::UninterruptibleDiskSleep => Doing::Blocked,
            ProcessStatus::Zombie | ProcessStatus::Dead => Doing::Zombie,
            _ => Doing::Other,
        },
        taken: Duration::from_millis(process.accumulated_cpu_time()),
        start: process.start_time(),
        resident: process.memory(),
        at,
    }
}

//! Memory and swap by sysinfo: totals, and what is free and available of them.

use crate::machine::{Error, Meminfo};

#[derive(Default)]
pub struct Memory(Option<sysinfo::System>);

impl Memory {
    pub fn read(&mut self) -> Result<Meminfo, Error> {
        let system = super::system(&mut self.0)?;
        system.refresh_memory();
        // 0 where the system does not tell.
        let available = Some(system.available_memory()).filter(|bytes| *bytes > 0);
        let free = system.free_memory();
        Ok(Meminfo {
            total: Some(system.total_memory()),
            free: Some(free),
            available,
            // What is available without being free is held by caches.
            cached: available.map(|available| available.saturating_sub(free)),
            swap_total: Some(system.total_swap()),
            swap_free: Some(system.free_swap()),
            ..Meminfo::default()
        })
    }
}

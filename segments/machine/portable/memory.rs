//! Memory and swap by sysinfo: totals, and what is free and available of them.

use crate::machine::{Error, Meminfo};

#[derive(Default)]
pub struct Memory(Option<sysinfo::System>);

impl Memory {
    pub fn read(&mut self) -> Result<Meminfo, Error> {
        let system = super::system(&mut self.0)?;
        system.refresh_memory();
        // Some systems do not say what is available; sysinfo then says 0.
        let available = system.available_memory();
        Ok(Meminfo {
            total: Some(system.total_memory()),
            free: Some(system.free_memory()),
            available: (available > 0).then_some(available),
            swap_total: Some(system.total_swap()),
            swap_free: Some(system.free_swap()),
            ..Meminfo::default()
        })
    }
}

//! Processors by sysinfo, which knows only how busy each was since it was last asked: that is added up
//! into counters of the shape that Linux has, so that a source makes differences and nothing else.

use std::time::Duration;

use crate::machine::processors::MAX_CORES;
use crate::machine::{Error, Machine, Processors, Times};

/// Ticks of our counters in a second: usage has two decimals at best.
const TICKS: f64 = 10_000.0;

#[derive(Default)]
pub struct Counters {
    system: Option<sysinfo::System>,
    /// When sysinfo was last asked.
    before: Option<Duration>,
    sums: Processors,
}

impl Counters {
    pub fn read(&mut self, machine: &Machine, now: &mut Processors) -> Result<(), Error> {
        let system = super::system(&mut self.system)?;
        system.refresh_cpu_usage();
        let at = machine.uptime();
        let passed = at.saturating_sub(self.before.replace(at).unwrap_or(at)).as_secs_f64();
        let cores = &mut self.sums.cores;
        cores.resize(system.cpus().len().min(MAX_CORES), None);
        for (core, cpu) in cores.iter_mut().zip(system.cpus()) {
            let share = f64::from(cpu.usage()) / 100.0;
            let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
            let core = core.get_or_insert_default();
            core.busy += (share * passed * TICKS) as u64;
            core.idle += ((1.0 - share) * passed * TICKS) as u64;
        }
        self.sums.all = Times {
            user: cores.iter().flatten().map(|core| core.busy).sum(),
            idle: cores.iter().flatten().map(|core| core.idle).sum(),
            ..Times::default()
        };
        now.clone_from(&self.sums);
        Ok(())
    }
}

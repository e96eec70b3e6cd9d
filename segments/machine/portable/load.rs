//! Load averages and the number of processors, by sysinfo.

use sysinfo::CpuRefreshKind;

use crate::machine::Averages;

pub fn averages() -> Option<Averages> {
    let load = sysinfo::System::load_average().ok()?;
    Some(Averages { one: load.one, five: load.five, fifteen: load.fifteen, tasks: None })
}

#[derive(Default)]
pub struct Load(Option<sysinfo::System>);

impl Load {
    pub fn processors(&mut self) -> Option<usize> {
        let system = super::system(&mut self.0).ok()?;
        system.refresh_cpu_list(CpuRefreshKind::nothing());
        Some(system.cpus().len()).filter(|count| *count > 0)
    }
}

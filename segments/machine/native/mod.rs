//! The machine by what Linux tells: `/proc`, `/sys` and netlink. Fixtures are read by these parsers on
//! any system; what only Linux can be asked is in `os.rs`.

pub mod batteries;
pub mod cgroup;
pub mod disk_counters;
pub mod load;
pub mod memory;
pub mod mounts;
#[cfg(target_os = "linux")]
mod netlink;
pub mod network;
mod numbers;
pub mod os;
pub mod pressure;
pub mod processes;
pub mod processors;
pub mod sensors;
pub mod topology;
pub mod wireless;
pub mod zram;

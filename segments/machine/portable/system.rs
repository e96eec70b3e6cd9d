//! Names and uptime by sysinfo.

use std::time::Duration;

use sysinfo::System;

use crate::machine::OsRelease;

pub fn uptime() -> Option<Duration> {
    System::uptime().ok().map(Duration::from_secs)
}

pub fn host_name() -> Option<String> {
    System::host_name().ok()
}

pub fn kernel() -> Option<String> {
    System::kernel_version().ok()
}

pub fn architecture() -> Option<String> {
    Some(System::cpu_arch())
}

pub fn os_release() -> OsRelease {
    OsRelease {
        name: System::name().ok(),
        id: Some(System::distribution_id()),
        id_like: System::distribution_id_like(),
        version_id: System::os_version().ok(),
        codename: None,
    }
}

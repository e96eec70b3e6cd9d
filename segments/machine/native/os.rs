//! The system calls that only Linux has. The only place that knows which system this is compiled for.

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use other::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use rustix::time::{ClockId, clock_gettime};

    use crate::machine::Wireless;
    use crate::machine::native::netlink;

    /// Time since boot, suspended time included.
    pub fn boot_clock() -> Duration {
        // The boot clock is never negative.
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }

    /// A descriptor that is readable once the process has ended (Linux 5.3).
    pub fn end_of(pid: u32) -> Option<OwnedFd> {
        pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()
    }

    /// The connected wireless interfaces; `None` where the kernel knows nothing of `nl80211`.
    pub fn wireless() -> io::Result<Option<Vec<Wireless>>> {
        netlink::ask()
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    use crate::machine::Wireless;

    /// A clock that never goes back. Some systems do not count suspended time in it.
    pub fn boot_clock() -> Duration {
        Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
    }

    /// There is no such descriptor: a command is polled.
    pub fn end_of(_: u32) -> Option<OwnedFd> {
        None
    }

    pub fn wireless() -> io::Result<Option<Vec<Wireless>>> {
        Ok(None)
    }
}

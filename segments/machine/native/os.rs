//! The system calls that only Linux has. The only place that knows which system this is compiled for.

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use other::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CString;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::time::Duration;

    use rustix::process::{
        Pid, PidfdFlags, Signal, pidfd_open, set_child_subreaper, set_parent_process_death_signal,
    };
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

    /// From here on what our children leave behind becomes our child, whatever session it is in.
    pub fn adopt_orphans() {
        let _ = set_child_subreaper(Pid::from_raw(std::process::id().cast_signed()));
    }

    /// What lists of processes call this one: 15 bytes at most.
    pub fn set_name(name: &str) {
        let _ = CString::new(name).map(|name| rustix::thread::set_name(&name));
    }

    /// Whether the kernel kills this process when the one that started it has ended.
    pub fn end_with_parent(ends: bool) {
        let _ = set_parent_process_death_signal(ends.then_some(Signal::KILL));
    }

    /// Makes a pipe hold as little as there is.
    pub fn shrink_pipe(pipe: impl AsFd) {
        // A page, however little is asked for.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1);
    }

    /// The connected wireless interfaces; `None` where the kernel knows nothing of `nl80211`.
    pub fn wireless() -> io::Result<Option<Vec<Wireless>>> {
        netlink::ask()
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
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

    /// Orphans go to the first process: what left its process group is out of reach.
    pub fn adopt_orphans() {}

    /// It keeps the name of its file.
    pub fn set_name(_: &str) {}

    /// A process is told by the end of its input alone.
    pub fn end_with_parent(_: bool) {}

    /// It holds what this system says.
    pub fn shrink_pipe(_: impl AsFd) {}

    pub fn wireless() -> io::Result<Option<Vec<Wireless>>> {
        Ok(None)
    }
}

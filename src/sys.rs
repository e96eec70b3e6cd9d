//! Everything unsafe, and what only the operating system knows. A test counts the unsafe blocks.
//!
//! rustix covers nearly all of it safely; what is left is closing descriptors that this process
//! inherited and does not own as values. Nothing here knows what a daemon or a request is.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_uint};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn close(fd: c_int) -> c_int;
}

/// The same number on every architecture (Linux 5.9).
const SYS_CLOSE_RANGE: c_long = 436;

/// Closes every descriptor from `first` up. Only for a process that has just been executed: a kept
/// descriptor of whoever started us freezes a tmux job, a checkpoint or an ssh logout.
pub fn close_from(first: c_uint) {
    // SAFETY: plain numbers; called before this process has opened anything of its own.
    if unsafe { syscall(SYS_CLOSE_RANGE, first, c_uint::MAX, 0 as c_uint) } == 0 {
        return;
    }
    let listed: Vec<c_int> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => {
            let names = entries.flatten().map(|entry| entry.file_name());
            names.filter_map(|name| name.to_str()?.parse().ok()).collect()
        }
        // No /proc: 1 024 is the usual limit, and a foreign descriptor above it is unheard of.
        Err(_) => (0..1024).collect(),
    };
    for fd in listed.into_iter().filter(|fd| *fd as c_uint >= first) {
        // SAFETY: as above; a number that is not open gives EBADF.
        unsafe { close(fd) };
    }
}

/// Time since boot, suspend included: for ages, leases and deadlines that outlive a process.
pub fn boot() -> Duration {
    read(ClockId::Boottime)
}

/// Time since boot while awake. [`boot`] running ahead of it means that the machine slept.
pub fn awake() -> Duration {
    read(ClockId::Monotonic)
}

/// Time since 1970.
pub fn wall() -> Duration {
    read(ClockId::Realtime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
}

/// Who we are for files and peers.
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user at the other end of a Unix socket.
pub fn peer_uid(socket: impl AsFd) -> Option<u32> {
    rustix::net::sockopt::socket_peercred(socket).ok().map(|peer| peer.uid.as_raw())
}

/// The columns of a terminal; `None` for anything else.
pub fn columns(terminal: impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

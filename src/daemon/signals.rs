//! What each signal does to the daemon.
//!
//! None ends it without its history being saved, but KILL, which no process can answer, and a fault of
//! its own. A signal that means nothing to a daemon has a handler that does nothing. It is
//! not ignored: the programs that the daemon starts would inherit that.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::sys;

/// What signals ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Requested {
    /// To save and leave.
    pub leave: bool,
    /// To read the configs again.
    pub reload: bool,
    /// To make the socket anew.
    pub reopen: bool,
    /// To find out whether clients still reach this daemon.
    pub check: bool,
}

/// The signals that ask to leave. `abort` ends the process all the same: it takes the handler away
/// and tries again. XCPU says that the processor time is used up, and KILL follows.
const LEAVE: &[Signal] =
    &[Signal::TERM, Signal::INT, Signal::QUIT, Signal::ABORT, Signal::XCPU, POWER];
/// The power fails.
#[cfg(target_os = "linux")]
const POWER: Signal = Signal::POWER;
/// Only Linux has that signal.
#[cfg(not(target_os = "linux"))]
const POWER: Signal = Signal::TERM;
/// Those that ask to leave where another process sent them, and tell of a fault otherwise.
const FAULTS: &[Signal] = &[Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE];
/// Asks for the configs to be read again.
const RELOAD: Signal = Signal::HUP;
/// Asks for the socket to be made anew.
const REOPEN: Signal = Signal::USR1;
/// Comes after the daemon was stopped for a while.
const CONTINUED: Signal = Signal::CONT;
/// Those that keep the effect that they have by themselves: what stops a process, and what has no
/// effect. Everything else does nothing.
const KEPT: &[Signal] = &[
    Signal::KILL,
    Signal::STOP,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
    Signal::CHILD,
    Signal::URG,
    Signal::WINCH,
];

/// The signals that came.
pub struct Signals {
    pipe: UnixStream,
}

impl Signals {
    /// Takes over all signals, whatever the process that started this one did to them.
    pub fn register() -> std::io::Result<Signals> {
        let (pipe, wake) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        sys::reset_signals();
        let numbers = |signals: &[Signal]| -> Vec<i32> {
            signals.iter().map(|signal| signal.as_raw()).collect()
        };
        let noted = numbers(&[LEAVE, &[RELOAD, REOPEN, CONTINUED]].concat());
        let (kept, faults) = (numbers(KEPT), numbers(FAULTS));
        let handling = sys::Handling { kept: &kept, noted: &noted, faults: &faults };
        sys::handle_signals(&handling, wake.into());
        Ok(Signals { pipe })
    }

    /// Readable when a signal came.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// What was asked for since the last time.
    pub fn take(&mut self) -> Requested {
        let mut chunk = [0; 64];
        while matches!(self.pipe.read(&mut chunk), Ok(count) if count > 0) {}
        let came = sys::take_signals();
        let is_there = |signal: &Signal| came & sys::signal_bit(signal.as_raw()) != 0;
        Requested {
            leave: LEAVE.iter().chain(FAULTS).any(is_there),
            reload: is_there(&RELOAD),
            reopen: is_there(&REOPEN),
            check: is_there(&CONTINUED),
        }
    }
}

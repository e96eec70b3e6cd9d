//! Signals as flags, and a pipe that wakes the loop.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

/// What signals ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Requested {
    /// To leave.
    pub leave: bool,
    /// To read the configs again.
    pub reload: bool,
    /// To make the socket anew.
    pub reopen: bool,
}

/// The signals that came.
pub struct Signals {
    pipe: UnixStream,
    leave: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
}

impl Signals {
    pub fn register() -> std::io::Result<Signals> {
        let (pipe, wake) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        let (leave, reload, reopen) =
            <(Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        for (signal, flag) in
            [(SIGTERM, &leave), (SIGINT, &leave), (SIGHUP, &reload), (SIGUSR1, &reopen)]
        {
            signal_hook::flag::register(signal, flag.clone())?;
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        Ok(Signals { pipe, leave, reload, reopen })
    }

    /// Readable when a signal came.
    pub fn fd(&self) -> &UnixStream {
        &self.pipe
    }

    /// What was asked for since the last time.
    pub fn take(&mut self) -> Requested {
        let mut chunk = [0; 64];
        while matches!(self.pipe.read(&mut chunk), Ok(count) if count > 0) {}
        let take = |flag: &AtomicBool| flag.swap(false, Ordering::Relaxed);
        let (leave, reload) = (take(&self.leave), take(&self.reload));
        Requested { leave, reload, reopen: take(&self.reopen) }
    }
}

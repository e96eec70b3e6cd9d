//! The listening socket under its name, the lock that goes with it, and the knock by which a new
//! daemon that finds the lock taken wakes the one that has it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rainline_client::protocol::{Admin, ReplyKind};
use rainline_client::runtime::{self, Runtime};
use rainline_client::sys;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// How long another daemon has to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_millis(200);
/// How often a lock is tried that another daemon still holds.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// The listening socket.
#[derive(Default)]
pub struct Listener {
    socket: Option<OwnedFd>,
    /// Which file the name should lead to.
    identity: Option<(u64, u64, bool)>,
}

impl Listener {
    /// Listens under a name of its own and then takes the known one, so that there is no moment
    /// with a wrong mode, or with a name where no daemon answers. What is no socket is left alone
    /// (`NOTSOCK`). The socket until now, if there is one, still has the connections that wait.
    pub fn open(&mut self, runtime: &Runtime) -> Result<Option<OwnedFd>, Errno> {
        if let Some((_, _, false)) = runtime.identity(runtime::SOCKET) {
            return Err(Errno::NOTSOCK);
        }
        let draft = format!("{}.{}", runtime::SOCKET, std::process::id());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        runtime.remove(&draft);
        runtime.at_address(&draft, |address| rustix::net::bind(&socket, address))?;
        let place = || {
            runtime.chmod(&draft, Mode::RUSR | Mode::WUSR)?;
            rustix::net::listen(&socket, BACKLOG)?;
            let identity = runtime.identity(&draft);
            runtime.rename(&draft, runtime::SOCKET)?;
            Ok(identity)
        };
        match place() {
            Ok(identity) => self.identity = identity,
            Err(errno) => {
                runtime.remove(&draft);
                return Err(errno);
            }
        }
        Ok(self.socket.replace(socket))
    }

    pub fn socket(&self) -> Option<&OwnedFd> {
        self.socket.as_ref()
    }

    /// Listens no more at a socket that no client reaches.
    pub fn forget(&mut self) {
        self.socket = None;
    }

    /// Accepts no more connections. The name goes only if it is still ours.
    pub fn close(&mut self, runtime: &Runtime) {
        let is_ours = runtime.identity(runtime::SOCKET) == self.identity;
        if self.socket.take().is_some() && self.identity.is_some() && is_ours {
            runtime.remove(runtime::SOCKET);
        }
    }
}

/// A FIFO that the daemon with the lock listens to. No process is known by its number here, so that
/// none is ever mistaken for another.
pub struct Knock {
    fifo: Option<OwnedFd>,
    identity: Option<(u64, u64, bool)>,
}

impl Knock {
    /// Listens. Where no FIFO can be made there is no knocking, and the rest works all the same.
    pub fn open(runtime: &Runtime) -> Knock {
        let fifo = runtime.fifo(runtime::KNOCK).ok();
        let identity = fifo.as_ref().and_then(|_| runtime.identity(runtime::KNOCK));
        Knock { fifo, identity }
    }

    /// Makes the FIFO again where another one, or none, has its name.
    pub fn keep(&mut self, runtime: &Runtime) {
        if self.identity.is_none() || runtime.identity(runtime::KNOCK) != self.identity {
            *self = Knock::open(runtime);
        }
    }

    /// Readable after a knock.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fifo.as_ref().map(AsFd::as_fd)
    }

    /// Forgets what came; whether there was something.
    pub fn take(&self) -> bool {
        let Some(fifo) = &self.fifo else { return false };
        // No more than a pipe holds: what writes on and on does not keep clients waiting.
        let mut chunk = [0; 4096];
        (0..16).take_while(|_| matches!(rustix::io::read(fifo, &mut chunk), Ok(1..))).count() > 0
    }
}

/// The lock, or `None` where a daemon answers. One that has the lock and is not reached is told so;
/// one that is just leaving is waited for until `timeout`.
pub fn lock(runtime: &Runtime, timeout: Duration) -> Result<Option<OwnedFd>, String> {
    let until = sys::awake() + timeout;
    let mut has_knocked = false;
    loop {
        let lock = runtime.lock(runtime::LOCK);
        let lock = lock.map_err(|error| format!("{}: {error}", runtime.path.display()))?;
        // Even with the lock: its file may have been removed while a daemon runs.
        if is_alive(runtime) {
            return Ok(None);
        }
        if lock.is_some() {
            return Ok(lock);
        }
        if !std::mem::replace(&mut has_knocked, true) {
            runtime.knock();
        }
        if sys::awake() >= until {
            return Err("another daemon holds the lock and does not answer".into());
        }
        std::thread::sleep(LOCK_RETRY);
    }
}

/// Whether a daemon answers under the socket's name.
fn is_alive(runtime: &Runtime) -> bool {
    let answer = rainline_client::admin(runtime, Admin::Ping, PING_TIMEOUT);
    matches!(answer, Ok((ReplyKind::Text, _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_name_is_removed_and_what_is_no_socket_is_left_alone() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        let mut listener = Listener::default();
        assert!(listener.open(&runtime).expect("open").is_none());
        assert_eq!(runtime.names(), [runtime::SOCKET], "no draft is left");
        assert!(listener.open(&runtime).expect("open again").is_some(), "the one before");
        runtime.write(runtime::SOCKET, b"x").expect("replaced");
        assert_eq!(listener.open(&runtime).unwrap_err(), Errno::NOTSOCK);
        listener.close(&runtime);
        assert_eq!(runtime.names(), [runtime::SOCKET], "it is not ours");
        runtime.remove(runtime::SOCKET);
        listener.open(&runtime).expect("open again");
        listener.close(&runtime);
        assert_eq!(runtime.names(), [""; 0]);
    }

    #[test]
    fn a_knock_is_heard_by_a_daemon_that_listens_and_lost_without_one() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        runtime.knock();
        assert_eq!(runtime.names(), [""; 0]);
        let mut knock = Knock::open(&runtime);
        assert!(!knock.take());
        runtime.knock();
        assert!(knock.take() && !knock.take());
        runtime.remove(runtime::KNOCK);
        knock.keep(&runtime);
        runtime.knock();
        assert!(knock.take());
    }
}

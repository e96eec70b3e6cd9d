//! The listening socket under its name, and the lock that goes with it.

use std::os::fd::OwnedFd;
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

/// Who owns the socket path.
#[derive(Debug, PartialEq, Eq)]
pub enum Holder {
    /// This daemon.
    Us,
    /// Another daemon, which answers.
    AnotherDaemon,
    /// No socket at all.
    SomethingElse,
    /// Nothing, or a socket where no daemon answers.
    NoDaemon,
}

impl Listener {
    /// Listens under a name of its own and then takes the known one, so that there is no moment
    /// with a wrong mode, or with a name where no daemon answers.
    pub fn open(&mut self, runtime: &Runtime) -> Result<(), Errno> {
        let draft = format!("{}.{}", runtime::SOCKET, std::process::id());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        runtime.remove(&draft);
        runtime.at_address(&draft, |address| rustix::net::bind(&socket, address))?;
        runtime.chmod(&draft, Mode::RUSR | Mode::WUSR)?;
        rustix::net::listen(&socket, BACKLOG)?;
        self.identity = runtime.identity(&draft);
        let placed = runtime.rename(&draft, runtime::SOCKET);
        if placed.is_err() {
            runtime.remove(&draft);
        }
        placed?;
        self.socket = Some(socket);
        Ok(())
    }

    pub fn socket(&self) -> Option<&OwnedFd> {
        self.socket.as_ref()
    }

    /// What holds the socket's name now.
    pub fn check(&self, runtime: &Runtime) -> Holder {
        match runtime.identity(runtime::SOCKET) {
            identity if identity.is_some() && identity == self.identity => Holder::Us,
            Some(_) if is_alive(runtime) => Holder::AnotherDaemon,
            Some((_, _, false)) => Holder::SomethingElse,
            _ => Holder::NoDaemon,
        }
    }

    /// Accepts no more connections. The name goes only if it is still ours.
    pub fn close(&mut self, runtime: &Runtime) {
        let is_ours = runtime.identity(runtime::SOCKET) == self.identity;
        if self.socket.take().is_some() && self.identity.is_some() && is_ours {
            runtime.remove(runtime::SOCKET);
        }
    }
}

/// The lock, or `None` where a daemon answers. One that is just leaving is waited for until
/// `timeout`.
pub fn lock(runtime: &Runtime, timeout: Duration) -> Result<Option<OwnedFd>, String> {
    let until = sys::awake() + timeout;
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
    fn only_our_own_name_is_removed_and_what_took_it_is_known() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        let mut listener = Listener::default();
        assert_eq!(listener.check(&runtime), Holder::NoDaemon);
        listener.open(&runtime).expect("open");
        assert_eq!(listener.check(&runtime), Holder::Us);
        assert_eq!(runtime.names(), [runtime::SOCKET], "no draft is left");
        runtime.write(runtime::SOCKET, b"x").expect("replaced");
        assert_eq!(listener.check(&runtime), Holder::SomethingElse);
        listener.close(&runtime);
        assert_eq!(runtime.names(), [runtime::SOCKET], "it is not ours");
        listener.open(&runtime).expect("open again");
        listener.close(&runtime);
        assert_eq!(runtime.names(), [""; 0]);
    }
}

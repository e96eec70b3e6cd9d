//! Whether clients still reach this daemon, found out by asking as they do.
//!
//! The socket's file says nothing: after a checkpoint was restored, or a file system was put over the
//! directory, its name may lead to no daemon or to another one, with the same inode. So the daemon
//! connects to the name and sends a ping. It hears its own ping in its own loop, by the nonce, or it
//! is not the one that is reached. Nothing here waits.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rainline_client::protocol::{Admin, Body, ReplyKind, Request};
use rainline_client::runtime::{self, Runtime};
use rainline_client::{Connection, Why};

/// How long the ping may be on its way.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The least passes of the loop before it counts as lost: this process may have been stopped.
const LEAST_PASSES: u32 = 3;

/// Who is reached under the socket's name.
#[derive(Debug, PartialEq, Eq)]
pub enum Reached {
    /// This daemon.
    Us,
    /// Another daemon, which answers.
    AnotherDaemon,
    /// What stands there is no socket.
    SomethingElse,
    /// Nothing stands there, or no answer comes.
    NoDaemon,
}

/// A question to ourselves, while it is on its way.
#[derive(Default)]
pub struct SelfCheck {
    asked: Option<Asked>,
}

struct Asked {
    connection: Connection,
    nonce: u64,
    until: Duration,
    passes: u32,
    is_heard: bool,
}

impl SelfCheck {
    /// Asks, unless a question is on its way; who is reached, as far as that is known at once.
    pub fn ask(&mut self, runtime: &Runtime, boot: Duration) -> Option<Reached> {
        if self.asked.is_some() {
            return None;
        }
        let ping = Request::new(Body::Admin(Admin::Ping), Duration::ZERO);
        match Connection::open(runtime, &ping) {
            Ok(connection) => {
                let (nonce, until) = (ping.nonce, boot + TIMEOUT);
                self.asked = Some(Asked { connection, nonce, until, passes: 0, is_heard: false });
                None
            }
            // The queue is full, or descriptors ran out: that says nothing about the name.
            Err(Why::Late | Why::Nowhere | Why::Refused) => None,
            Err(Why::Absent | Why::Foreign | Why::Elsewhere) => {
                match runtime.identity(runtime::SOCKET) {
                    Some((_, _, false)) => Some(Reached::SomethingElse),
                    _ => Some(Reached::NoDaemon),
                }
            }
        }
    }

    /// Takes note of a ping that this daemon was sent.
    pub fn hear(&mut self, nonce: u64) {
        if let Some(asked) = &mut self.asked {
            asked.is_heard |= asked.nonce == nonce;
        }
    }

    /// What came of the question, once a pass of the loop.
    pub fn outcome(&mut self, boot: Duration) -> Option<Reached> {
        let asked = self.asked.as_mut()?;
        asked.passes += 1;
        let is_open = asked.connection.receive().is_ok();
        let reached = match asked.connection.reply() {
            _ if asked.is_heard => Reached::Us,
            Ok(Some((ReplyKind::Text, _))) => Reached::AnotherDaemon,
            Ok(None) if is_open && (boot < asked.until || asked.passes < LEAST_PASSES) => {
                return None;
            }
            _ => Reached::NoDaemon,
        };
        self.asked = None;
        Some(reached)
    }

    /// Forgets the question.
    pub fn give_up(&mut self) {
        self.asked = None;
    }

    /// Readable when an answer comes.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.asked.as_ref().map(|asked| asked.connection.as_fd())
    }

    /// When [`SelfCheck::outcome`] is due without an event.
    pub fn wake(&self) -> Option<Duration> {
        self.asked.as_ref().map(|asked| asked.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::listener::Listener;
    use rainline_client::protocol::ReplyHeader;
    use rustix::net::Shutdown;
    use std::io::Write;
    use std::os::unix::net::UnixListener;

    fn runtime() -> (tempfile::TempDir, Runtime) {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        (root, runtime)
    }

    #[test]
    fn a_name_that_leads_nowhere_is_known_at_once() {
        let (_root, runtime) = runtime();
        let mut check = SelfCheck::default();
        assert_eq!(check.ask(&runtime, Duration::ZERO), Some(Reached::NoDaemon));
        runtime.write(runtime::SOCKET, b"x").expect("written");
        assert_eq!(check.ask(&runtime, Duration::ZERO), Some(Reached::SomethingElse));
    }

    #[test]
    fn the_same_file_with_a_listener_that_hears_nothing_is_no_daemon() {
        let (_root, runtime) = runtime();
        let mut listener = Listener::default();
        listener.open(&runtime).expect("open");
        let mut check = SelfCheck::default();
        assert_eq!(check.ask(&runtime, Duration::ZERO), None);
        check.give_up();
        let socket = listener.socket().expect("open");
        rustix::net::shutdown(socket, Shutdown::Both).expect("shut down");
        assert_eq!(check.ask(&runtime, Duration::ZERO), Some(Reached::NoDaemon));
    }

    #[test]
    fn only_a_ping_that_is_heard_here_says_that_it_is_us() {
        let (_root, runtime) = runtime();
        let mut listener = Listener::default();
        listener.open(&runtime).expect("open");
        let mut check = SelfCheck::default();
        assert_eq!(check.ask(&runtime, Duration::ZERO), None);
        assert_eq!(check.outcome(Duration::ZERO), None);
        let nonce = check.asked.as_ref().expect("asked").nonce;
        check.hear(nonce ^ 1);
        assert_eq!(check.outcome(Duration::ZERO), None);
        check.hear(nonce);
        assert_eq!(check.outcome(Duration::ZERO), Some(Reached::Us));
    }

    #[test]
    fn a_daemon_that_answers_is_another_and_a_silent_one_is_none() {
        let (root, runtime) = runtime();
        let other = UnixListener::bind(root.path().join("r").join(runtime::SOCKET)).expect("bound");
        let mut check = SelfCheck::default();
        check.ask(&runtime, Duration::ZERO);
        let nonce = check.asked.as_ref().expect("asked").nonce;
        let (mut stream, _) = other.accept().expect("asked");
        let mut reply = Vec::new();
        ReplyHeader::encode(ReplyKind::Text, nonce, b"7\n", &mut reply);
        stream.write_all(&reply).expect("written");
        assert_eq!(check.outcome(Duration::ZERO), Some(Reached::AnotherDaemon));

        check.ask(&runtime, Duration::ZERO);
        for _ in 1..LEAST_PASSES {
            assert_eq!(check.outcome(TIMEOUT), None);
        }
        assert_eq!(check.outcome(TIMEOUT), Some(Reached::NoDaemon));
    }
}

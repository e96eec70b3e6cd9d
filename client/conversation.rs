//! A connection on which a request is out, and whole lines to standard output.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use super::Why;
use crate::protocol::{self, HEADER, MAX_REPLY, ReplyHeader, ReplyKind, Request, Verb};
use crate::runtime::{self, Runtime};
use crate::sys;

/// A number that no other request of this user bears at this time.
pub(super) fn nonce() -> u64 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // A process is alone with its number; the clock would cost more than all the rest here.
    u64::from(std::process::id()) << 32 | u64::from(ASKED.fetch_add(1, Ordering::Relaxed))
}

/// Connects, and checks who is there.
#[inline(always)]
pub(super) fn connect(address: &SocketAddrUnix, uid: u32) -> Result<OwnedFd, Why> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|_| Why::Nowhere)?;
    match rustix::net::connect(&socket, address) {
        Ok(()) => {}
        // The queue of a daemon that accepts nobody.
        Err(Errno::AGAIN) => return Err(Why::Late),
        Err(_) => return Err(Why::Absent),
    }
    if sys::peer_uid(&socket) != Some(uid) {
        return Err(Why::Foreign);
    }
    Ok(socket)
}

/// A connection on which a request is out.
pub(super) struct Conversation {
    pub(super) socket: OwnedFd,
    pub(super) nonce: u64,
    pub(super) bytes: Vec<u8>,
}

impl Conversation {
    /// Connects, checks who is there, and asks; a descriptor may go along with the question.
    pub(super) fn open(
        runtime: &Runtime,
        request: &Request,
        until: Duration,
        along: Option<BorrowedFd>,
    ) -> Result<Self, Why> {
        let address = runtime.address(&runtime::socket_name()).map_err(|_| Why::Nowhere)?;
        let socket = connect(&address, sys::uid())?;
        let mut bytes = Vec::with_capacity(1024);
        request.encode(&mut bytes);
        let mut sent = 0;
        while sent < bytes.len() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let along = along.as_slice();
            if sent == 0 && !along.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(along));
            }
            let rest = [IoSlice::new(&bytes[sent..])];
            match rustix::net::sendmsg(&socket, &rest, &mut control, SendFlags::NOSIGNAL) {
                Ok(count) => sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !ready(&socket, PollFlags::OUT, until) {
                        return Err(Why::Late);
                    }
                }
                Err(_) => return Err(Why::Absent),
            }
        }
        Ok(Conversation { socket, nonce: request.nonce, bytes: Vec::with_capacity(8 * 1024) })
    }

    /// Asks for an answer of any kind. A socket that takes no more is none.
    pub(super) fn ask_for_a_sign(&mut self) -> Result<(), Why> {
        let admin = "ping".to_owned();
        let build = protocol::build_id();
        let ping =
            Request { verb: Verb::Admin, nonce: self.nonce, build, admin, ..Request::default() };
        let mut bytes = Vec::new();
        ping.encode(&mut bytes);
        match rustix::net::send(&self.socket, &bytes, SendFlags::NOSIGNAL) {
            Ok(count) if count == bytes.len() => Ok(()),
            _ => Err(Why::Late),
        }
    }

    /// Waits for the next reply.
    pub(super) fn wait(&mut self, until: Duration) -> Result<(ReplyKind, Vec<u8>), Why> {
        loop {
            if !ready(&self.socket, PollFlags::IN, until) {
                return Err(Why::Late);
            }
            self.receive()?;
            if let Some(reply) = self.reply()? {
                return Ok(reply);
            }
        }
    }

    /// Takes what has arrived. `Err` when the other side is gone.
    pub(super) fn receive(&mut self) -> Result<(), Why> {
        if self.bytes.capacity() - self.bytes.len() < 1024 {
            self.bytes.reserve(16 * 1024);
        }
        match rustix::io::read(&self.socket, rustix::buffer::spare_capacity(&mut self.bytes)) {
            Ok(0) => Err(Why::Absent),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(_) => Err(Why::Absent),
        }
    }

    /// The next whole reply among what has arrived.
    pub(super) fn reply(&mut self) -> Result<Option<(ReplyKind, Vec<u8>)>, Why> {
        let Some(header) = ReplyHeader::decode(&self.bytes).map_err(|_| Why::Refused)? else {
            return Ok(None);
        };
        // A reply that is not ours is not shown, whoever sent it.
        if header.nonce != self.nonce || header.length > MAX_REPLY {
            return Err(Why::Late);
        }
        let Some(body) = self.bytes.get(HEADER..HEADER + header.length) else { return Ok(None) };
        let body = body.to_vec();
        self.bytes.drain(..HEADER + header.length);
        Ok(Some((header.kind, body)))
    }
}

/// Asks, and waits for one reply until the request's deadline.
pub fn ask(runtime: &Runtime, request: &Request) -> Result<(ReplyKind, Vec<u8>), Why> {
    let until = sys::awake() + Duration::from_millis(request.deadline.into());
    Conversation::open(runtime, request, until, None)?.wait(until)
}

/// Says a word to the daemon, and waits for its text that many milliseconds.
pub fn admin(runtime: &Runtime, word: &str, patience: u16) -> Result<(ReplyKind, Vec<u8>), Why> {
    let request = Request {
        verb: Verb::Admin,
        nonce: nonce(),
        build: protocol::build_id(),
        deadline: patience,
        admin: word.to_owned(),
        ..Request::default()
    };
    ask(runtime, &request)
}

/// Waits for a descriptor until a moment of [`sys::awake`].
pub(super) fn ready(fd: impl AsFd, flags: PollFlags, until: Duration) -> bool {
    loop {
        let left = timespec(until.saturating_sub(sys::awake()));
        let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), flags)];
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

pub fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().min(1 << 31) as i64,
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// Writes a line to standard output, in one piece where the other side takes it. Nobody is told
/// when it does not: a bar has no place for our errors. `false` when the reader is gone.
pub fn write_whole(mut line: &[u8]) -> bool {
    let stdout = rustix::stdio::stdout();
    let until = sys::awake() + Duration::from_millis(200);
    while !line.is_empty() {
        match rustix::io::write(stdout, line) {
            Ok(count) => line = &line[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if !ready(stdout, PollFlags::OUT, until) {
                    return true;
                }
            }
            Err(Errno::PIPE | Errno::IO | Errno::BADF) => return false,
            // A full disk may have room later.
            Err(_) => return true,
        }
    }
    true
}

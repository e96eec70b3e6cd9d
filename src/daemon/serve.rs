//! The connections: bytes in, requests out; replies in, bytes out. Knows no line and no sample.
//!
//! No connection waits for another: all sockets are non-blocking, for a slow reader of a stream only
//! the newest line is kept, and bytes that are not of our protocol close their own connection only.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags,
    SocketType, recvmsg,
};

use super::channel::Channels;
use rainline_caps::hosts;
use rainline_caps::pacing::Pacer;
use rainline_client::protocol::{LineRequest, MAX_REQUEST, ReplyHeader, ReplyKind, Request};
use rainline_client::sys;

/// The most connections; beyond that the newest is refused.
const MOST: usize = 4096;
/// A connection that asked nothing for this long is closed.
const SILENCE: Duration = Duration::from_secs(30);
/// The most bytes kept for a reader that does not read.
const MOST_WAITING: usize = 1 << 20;

/// A stream: what it shows and what it was sent.
pub struct Streaming {
    /// The view it shows.
    pub view: u64,
    /// That of its request.
    pub nonce: u64,
    /// What was asked for.
    pub request: LineRequest,
    /// The last line it was sent.
    pub sent: Option<Rc<[u8]>>,
}

/// Writes a stream's lines to its reader itself, so that the client is not woken for each line.
///
/// It is a socket, written without waiting; no flag is set on it, because other processes may share
/// it. It is closed with the connection: when the client ends, so does writing.
struct DirectWriter {
    socket: OwnedFd,
    pacer: Pacer,
    /// The part of the last line that is not written yet.
    rest: Vec<u8>,
}

impl DirectWriter {
    /// Writes what is due, as much as the socket takes. `Err`: the reader is gone.
    fn write(&mut self, wall: Duration) -> Result<(), ()> {
        loop {
            if self.rest.is_empty() {
                match self.pacer.due(wall) {
                    Some(line) => self.rest.extend_from_slice(line),
                    None => return Ok(()),
                }
            }
            match rustix::net::send(
                &self.socket,
                &self.rest,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(count) => drop(self.rest.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(_) => return Err(()),
            }
        }
    }
}

/// One connection.
pub struct Connection {
    socket: OwnedFd,
    /// A descriptor that came with a request.
    along: Option<OwnedFd>,
    direct: Option<DirectWriter>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// The newest line of a stream whose last one is still on its way out.
    next: Option<Vec<u8>>,
    pub stream: Option<Streaming>,
    /// Whether a request waits for its answer; no other is read meanwhile.
    pub waiting: bool,
    /// Since when it has been silent.
    since: Duration,
    /// The other side sends no more.
    ended: bool,
}

/// All connections, by number.
#[derive(Default)]
pub struct Connections {
    all: HashMap<u64, Connection>,
    last: u64,
    /// Shells that ask without a socket; their numbers are never those of connections.
    pub channels: Channels,
    /// Our own user.
    uid: Option<u32>,
    /// Until when nothing is accepted, because descriptors ran out.
    pub pause: Option<Duration>,
    /// Peers of another user or pid namespace, and connections beyond the limit.
    pub turned_away: u64,
}

impl Connections {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn streams(&self) -> usize {
        self.all.values().filter(|connection| connection.stream.is_some()).count()
    }

    /// Accepts all new connections; their numbers.
    pub fn accept(&mut self, listener: &OwnedFd, boot: Duration) -> Vec<u64> {
        let uid = *self.uid.get_or_insert_with(sys::uid);
        let mut new = Vec::new();
        loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = match rustix::net::accept_with(listener, flags) {
                Ok(socket) => socket,
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    self.pause = Some(boot + Duration::from_secs(1));
                    return new;
                }
                Err(_) => return new,
            };
            // What a client of another pid namespace says of processes means others here.
            let is_ours = |peer: sys::Peer| peer.uid == uid && peer.pid.is_some();
            if !sys::peer(&socket).is_some_and(is_ours) || self.all.len() >= MOST {
                self.turned_away += 1;
                continue;
            }
            self.last += 1;
            self.all.insert(self.last, Connection::new(socket, boot));
            new.push(self.last);
        }
    }

    /// Reads what has arrived; the requests that are whole. A connection that breaks the protocol is
    /// closed.
    pub fn read(&mut self, id: u64, boot: Duration) -> Vec<Request> {
        let mut requests = Vec::new();
        if self.channels.owns(id) {
            return self.channels.read(id);
        }
        let Some(connection) = self.all.get_mut(&id) else { return requests };
        match connection.read(&mut requests) {
            Ok(()) => {
                if !requests.is_empty() {
                    connection.since = boot;
                }
                let idle = !connection.waiting && requests.is_empty();
                if connection.ended
                    && (connection.stream.is_some() || (idle && connection.output.is_empty()))
                {
                    self.all.remove(&id);
                }
            }
            Err(()) => drop(self.all.remove(&id)),
        }
        requests
    }

    /// Sends a reply, or as much of it as the socket takes.
    pub fn reply(&mut self, id: u64, kind: ReplyKind, nonce: u64, body: &[u8]) {
        if self.channels.owns(id) {
            return self.channels.reply(id, kind, nonce, body);
        }
        let Some(connection) = self.all.get_mut(&id) else { return };
        if kind == ReplyKind::Line
            && let Some(writer) = &mut connection.direct
        {
            connection.waiting = false;
            writer.pacer.offer(body.to_vec());
            return self.flush(id);
        }
        let mut message = Vec::new();
        ReplyHeader::encode(kind, nonce, body, &mut message);
        if kind == ReplyKind::Line && connection.stream.is_some() && !connection.output.is_empty() {
            connection.next = Some(message);
        } else {
            connection.output.extend(message);
        }
        connection.waiting = false;
        self.flush(id);
    }

    /// Writes what waits.
    pub fn flush(&mut self, id: u64) {
        let Some(connection) = self.all.get_mut(&id) else { return };
        let alive = connection.flush().is_ok() && connection.output.len() <= MOST_WAITING;
        if !alive || (connection.ended && connection.output.is_empty() && !connection.waiting) {
            self.all.remove(&id);
        }
    }

    /// Makes a connection a stream; where possible its lines are written to its reader directly.
    pub fn stream(&mut self, id: u64, stream: Streaming) {
        let Some(connection) = self.all.get_mut(&id) else { return };
        let (pacing, nonce) = (hosts::pacing(&stream.request.target), stream.nonce);
        connection.stream = Some(stream);
        if let Some(socket) = connection.along.take().filter(is_stream) {
            self.reply(id, ReplyKind::Direct, nonce, b"");
            if let Some(connection) = self.all.get_mut(&id) {
                connection.direct =
                    Some(DirectWriter { socket, pacer: Pacer::new(pacing), rest: Vec::new() });
            }
        }
    }

    /// How long until a line that is held back may be written.
    pub fn wake(&self, wall: Duration) -> Option<Duration> {
        let writers = self.all.values().filter_map(|connection| connection.direct.as_ref());
        let idle = writers.filter(|writer| writer.rest.is_empty());
        idle.filter_map(|writer| writer.pacer.wake(wall)).min().map(|at| at.saturating_sub(wall))
    }

    /// Writes the lines that are due.
    pub fn write_due(&mut self, wall: Duration) {
        self.all.retain(|_, connection| match &mut connection.direct {
            Some(writer) => writer.write(wall).is_ok(),
            None => true,
        });
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut Connection> {
        self.all.get_mut(&id)
    }

    pub fn contains(&self, id: u64) -> bool {
        self.all.contains_key(&id) || self.channels.owns(id)
    }

    pub fn remove(&mut self, id: u64) {
        self.all.remove(&id);
    }

    /// Closes a connection over which nothing more is asked, unless something waits to be written:
    /// the client's exit then does not wake us.
    pub fn close_answered(&mut self, id: u64) {
        if self.all.get(&id).is_some_and(|connection| connection.output.is_empty()) {
            self.all.remove(&id);
        }
    }

    /// The streams, with their numbers.
    pub fn each_stream(&mut self) -> impl Iterator<Item = (u64, &mut Streaming)> {
        self.all.iter_mut().filter_map(|(id, c)| Some((*id, c.stream.as_mut()?)))
    }

    /// Closes connections that asked nothing for long.
    pub fn sweep(&mut self, boot: Duration) {
        self.all.retain(|_, connection| {
            connection.stream.is_some()
                || connection.waiting
                || boot.saturating_sub(connection.since) < SILENCE
        });
    }

    /// Whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.all.values().all(|connection| connection.output.is_empty())
    }

    /// What to poll for.
    pub fn fds(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>, PollFlags)> {
        let sockets = self.all.iter().map(|(id, connection)| {
            let mut flags = PollFlags::empty();
            if !connection.waiting && !connection.ended {
                flags |= PollFlags::IN;
            }
            if !connection.output.is_empty() {
                flags |= PollFlags::OUT;
            }
            (*id, connection.socket.as_fd(), flags)
        });
        let writers = self.all.iter().filter_map(|(id, connection)| {
            let writer = connection.direct.as_ref().filter(|writer| !writer.rest.is_empty())?;
            Some((*id, writer.socket.as_fd(), PollFlags::OUT))
        });
        sockets.chain(writers).chain(self.channels.fds().map(|(id, fd)| (id, fd, PollFlags::IN)))
    }
}

impl Connection {
    fn new(socket: OwnedFd, boot: Duration) -> Connection {
        Connection {
            socket,
            along: None,
            direct: None,
            input: Vec::new(),
            output: Vec::new(),
            next: None,
            stream: None,
            waiting: false,
            since: boot,
            ended: false,
        }
    }

    fn read(&mut self, requests: &mut Vec<Request>) -> Result<(), ()> {
        let mut chunk = [0; 4096];
        loop {
            match self.receive(&mut chunk) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => {
                    self.input.extend_from_slice(&chunk[..count]);
                    if self.input.len() > 2 * MAX_REQUEST {
                        return Err(());
                    }
                    if count < chunk.len() {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return Err(()),
            }
        }
        while let Some((request, taken)) = Request::decode(&self.input).map_err(|_| ())? {
            self.input.drain(..taken);
            requests.push(request);
        }
        if self.ended && !self.input.is_empty() {
            return Err(());
        }
        Ok(())
    }

    /// Reads once. A descriptor that comes along is kept; a second one in its place.
    fn receive(&mut self, chunk: &mut [u8]) -> Result<usize, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut chunk = [IoSliceMut::new(chunk)];
        let message = recvmsg(&self.socket, &mut chunk, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for word in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = word {
                self.along = descriptors.last().or(self.along.take());
            }
        }
        Ok(message.bytes)
    }

    fn flush(&mut self) -> Result<(), ()> {
        if let Some(writer) = &mut self.direct {
            writer.write(sys::wall())?;
        }
        loop {
            while !self.output.is_empty() {
                match rustix::net::send(&self.socket, &self.output, SendFlags::NOSIGNAL) {
                    Ok(count) => drop(self.output.drain(..count)),
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(_) => return Err(()),
                }
            }
            match self.next.take() {
                Some(next) => self.output = next,
                None => return Ok(()),
            }
        }
    }
}

/// Whether a descriptor is a connected stream socket of this machine: what can be written without
/// waiting.
fn is_stream(fd: &OwnedFd) -> bool {
    use rustix::net::sockopt::{socket_domain, socket_type};
    socket_domain(fd) == Ok(AddressFamily::UNIX) && socket_type(fd) == Ok(SocketType::STREAM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_client::protocol::{Body, HEADER};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    /// A connection of ours and its other end.
    fn pair() -> (Connections, u64, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("set");
        let connection = Connection::new(ours.into(), Duration::ZERO);
        let mut connections = Connections::default();
        connections.all.insert(1, connection);
        (connections, 1, theirs)
    }

    fn line(target: &str) -> LineRequest {
        LineRequest { line: "tmux".into(), target: target.into(), ..LineRequest::default() }
    }

    fn streaming(target: &str) -> Streaming {
        Streaming { view: 0, nonce: 5, request: line(target), sent: None }
    }

    fn request() -> Vec<u8> {
        let mut bytes = Vec::new();
        Request::new(Body::Print(line("tmux")), Duration::ZERO).encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_request_may_come_in_pieces() {
        let (mut connections, id, mut theirs) = pair();
        let bytes = request();
        theirs.write_all(&bytes[..20]).expect("written");
        assert!(connections.read(id, Duration::ZERO).is_empty());
        theirs.write_all(&bytes[20..]).expect("written");
        let requests = connections.read(id, Duration::ZERO);
        assert_eq!(requests[0].body, Body::Print(line("tmux")));
    }

    #[test]
    fn a_reader_that_comes_along_is_written_to_and_its_client_gets_no_line() {
        let (mut connections, id, mut theirs) = pair();
        let (reader, out) = UnixStream::pair().expect("a pair");
        connections.all.get_mut(&id).expect("there").along = Some(out.into());
        connections.stream(id, streaming("screen"));
        let mut expected = Vec::new();
        ReplyHeader::encode(ReplyKind::Direct, 5, b"", &mut expected);
        let mut received = vec![0; expected.len()];
        theirs.read_exact(&mut received).expect("a reply");
        assert_eq!(received, expected);
        for line in ["one", "two", "two"] {
            connections.reply(id, ReplyKind::Line, 5, line.as_bytes());
        }
        let mut line = [0; 8];
        (&reader).read_exact(&mut line).expect("two lines");
        assert_eq!(&line, b"one\ntwo\n");
        theirs.set_nonblocking(true).expect("set");
        assert!(theirs.read(&mut [0; 8]).is_err(), "nothing but the first word");
        // It is full: the newest line waits, and nothing else.
        let big = vec![b'x'; 600 * 1024];
        for _ in 0..3 {
            connections.reply(id, ReplyKind::Line, 5, &big);
            connections.reply(id, ReplyKind::Line, 5, b"last");
        }
        assert_eq!(
            connections.fds().filter(|(_, _, flags)| flags.contains(PollFlags::OUT)).count(),
            1
        );
        drop(reader);
        connections.reply(id, ReplyKind::Line, 5, b"unread");
        assert!(!connections.contains(id));
    }

    #[test]
    fn the_last_answer_arrives_although_its_connection_is_closed() {
        for body in [vec![b'x'; 2000], vec![b'x'; 250 * 1024]] {
            let (mut connections, id, mut theirs) = pair();
            connections.reply(id, ReplyKind::Line, 5, &body);
            connections.close_answered(id);
            let mut received = Vec::new();
            while received.len() < HEADER + body.len() {
                let mut chunk = vec![0; 64 * 1024];
                let count = theirs.read(&mut chunk).expect("a reply");
                received.extend_from_slice(&chunk[..count]);
                connections.flush(id);
            }
            assert_eq!(&received[HEADER..], body);
        }
    }

    #[test]
    fn a_pipe_is_not_written_to_directly() {
        let (mut connections, id, _theirs) = pair();
        let (_reader, pipe) = std::io::pipe().expect("a pipe");
        connections.all.get_mut(&id).expect("there").along = Some(pipe.into());
        connections.stream(id, streaming(""));
        assert!(connections.all[&id].direct.is_none());
    }

    #[test]
    fn garbage_ends_its_connection() {
        let (mut connections, id, mut theirs) = pair();
        theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
        assert!(connections.read(id, Duration::ZERO).is_empty());
        assert!(!connections.contains(id));
        assert_eq!(theirs.read(&mut [0; 8]).expect("closed"), 0);
    }

    #[test]
    fn a_slow_reader_of_a_stream_has_the_newest_line_waiting_and_no_queue() {
        let (mut connections, id, theirs) = pair();
        connections.all.get_mut(&id).expect("there").stream = Some(streaming(""));
        let big = vec![b'x'; 600 * 1024];
        connections.reply(id, ReplyKind::Line, 1, &big);
        for line in 0..1000 {
            connections.reply(id, ReplyKind::Line, 1, format!("line {line}").as_bytes());
        }
        let waiting = connections.all[&id].next.clone().expect("one line waits");
        assert!(waiting.ends_with(b"line 999"));
        drop(theirs);
    }
}

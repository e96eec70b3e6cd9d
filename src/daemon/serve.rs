//! The connections: bytes in, requests out; replies in, bytes out. Knows no line and no sample.
//!
//! No connection waits for another: all sockets are non-blocking, for a slow reader of a stream only
//! the newest line is kept, and bytes that are not of our protocol close their own connection only.
//! Neither does one take another's place: there is a limit to their number, to those of one process
//! and to the bytes kept for all of them, and it is the oldest idle one that makes room. A few
//! descriptors are held in reserve, so that a client is served where everything else has run out.
//!
//! A descriptor that a client sends along is never taken: the kernel closes it.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use super::channel::Channels;
use super::lines::Token;
use rainline_caps::hosts;
use rainline_caps::pacing::Pacing;
use rainline_client::protocol::{LineRequest, MAX_REQUEST, ReplyHeader, ReplyKind, Request};
use rainline_client::sys;

/// The most connections.
const MOST: usize = 4096;
/// The most connections of one process.
const SHARE: usize = MOST / 4;
/// A connection that asked nothing for this long is closed.
const SILENCE: Duration = Duration::from_secs(30);
/// The most bytes kept for a reader that does not read.
const MOST_WAITING: usize = 1 << 20;
/// The most bytes kept for all connections together.
const MOST_KEPT: usize = 16 << 20;
/// What an idle connection may keep of its buffers.
const SMALL: usize = 4096;
/// The most connections that are accepted before others are served.
const ACCEPTED_AT_ONCE: usize = 256;
/// Descriptors held in reserve for clients.
const RESERVE: usize = 2;
/// How long nothing is accepted where there is no descriptor for it.
const PAUSE: Duration = Duration::from_millis(200);

/// A stream: what it shows and what it was sent.
pub struct Streaming {
    /// The view it shows.
    pub view: u64,
    /// Keeps that view going.
    pub token: Token,
    /// That of its request.
    pub nonce: u64,
    /// What was asked for.
    pub request: LineRequest,
    /// The last line it was sent.
    pub sent: Option<Rc<[u8]>>,
    pacing: Pacing,
    /// The second of the wall clock in which that was.
    second: Option<u64>,
}

impl Streaming {
    /// One whose first line is about to be sent.
    pub fn new(
        view: u64,
        token: Token,
        nonce: u64,
        request: LineRequest,
        line: Rc<[u8]>,
    ) -> Streaming {
        let pacing = hosts::pacing(&request.target);
        Streaming { view, token, nonce, request, sent: Some(line), pacing, second: None }
    }

    /// Takes a line that differs from the one it was sent. `Err`: the moment of the wall clock at
    /// which its host takes it; sent before, it would only wake the client once more.
    pub fn offer(&mut self, line: &Rc<[u8]>, wall: Duration) -> Result<(), Duration> {
        self.pacing.hold(self.second, wall).map_or(Ok(()), Err)?;
        self.sent = Some(line.clone());
        self.second = Some(wall.as_secs());
        Ok(())
    }
}

/// One connection.
pub struct Connection {
    socket: OwnedFd,
    /// The process that connected, where it is known.
    pid: u32,
    input: Vec<u8>,
    /// Whether there may be another whole request in `input`.
    has_more: bool,
    output: Vec<u8>,
    /// The newest line of a stream whose last one is still on its way out.
    next: Option<Vec<u8>>,
    pub stream: Option<Streaming>,
    /// Whether a request waits for its answer; no other is read meanwhile.
    pub waiting: bool,
    /// The bytes of the request that is kept: it waits, or is a stream's.
    kept: usize,
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
    /// How many connections each process has.
    shares: HashMap<u32, usize>,
    /// Descriptors of no use but to be closed when there is no other for a client.
    reserve: Vec<OwnedFd>,
    /// Whether some connection keeps more than when bytes were counted last.
    has_grown: bool,
    /// The most connections and pages kept for them since it was asked last.
    peak: usize,
    /// Shells that ask without a socket; their numbers are never those of connections.
    pub channels: Channels,
    /// Our own user.
    uid: Option<u32>,
    /// Until when nothing is accepted, because descriptors ran out.
    pub pause: Option<Duration>,
    /// Peers of another user or pid namespace, connections beyond a limit, and those that made room.
    pub turned_away: u64,
}

/// Who is connected.
impl Connections {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn streams(&self) -> usize {
        self.all.values().filter(|connection| connection.stream.is_some()).count()
    }

    /// Accepts new connections; their numbers.
    pub fn accept(&mut self, listener: &OwnedFd, boot: Duration) -> Vec<u64> {
        let uid = *self.uid.get_or_insert_with(sys::uid);
        self.refill();
        let mut new = Vec::new();
        for _ in 0..ACCEPTED_AT_ONCE {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = match rustix::net::accept_with(listener, flags) {
                Ok(socket) => socket,
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    if self.reserve.pop().is_some() || self.make_room(None, boot) {
                        continue;
                    }
                    // Those that are new have asked already: answered, they make room themselves.
                    self.pause = new.is_empty().then(|| boot + PAUSE);
                    return new;
                }
                Err(_) => return new,
            };
            // What a client of another pid namespace says of processes means others here.
            let peer = sys::peer(&socket).filter(|peer| peer.uid == uid);
            let Some(pid) = peer.and_then(|peer| peer.pid).filter(|pid| self.has_room(*pid, boot))
            else {
                self.turned_away += 1;
                continue;
            };
            self.last += 1;
            self.insert(self.last, Connection::new(socket, pid, boot));
            new.push(self.last);
        }
        new
    }

    fn insert(&mut self, id: u64, connection: Connection) {
        *self.shares.entry(connection.pid).or_default() += 1;
        self.all.insert(id, connection);
        self.peak = self.peak.max(self.all.len());
    }

    /// The most connections and pages of their bytes that there were since the last call.
    pub fn take_peak(&mut self) -> usize {
        std::mem::take(&mut self.peak)
    }

    /// Whether there is room for a connection of this process; one that is idle may have to go for it.
    fn has_room(&mut self, pid: u32, boot: Duration) -> bool {
        let share = self.shares.get(&pid).copied().unwrap_or_default();
        (share < SHARE || self.make_room(Some(pid), boot))
            && (self.all.len() < MOST || self.make_room(None, boot))
    }

    /// Closes what is missed least, of this process or of any: the oldest idle connection, or one
    /// that does not read. What came in this moment has not even been read, and stays.
    fn make_room(&mut self, pid: Option<u32>, boot: Duration) -> bool {
        let candidates = self.all.iter().filter(|(_, connection)| {
            connection.can_go()
                && connection.since < boot
                && pid.is_none_or(|pid| connection.pid == pid)
        });
        let order = |connection: &Connection| {
            (connection.stream.is_some(), !connection.output.is_empty(), connection.since)
        };
        let oldest = candidates.min_by_key(|(id, connection)| (order(connection), **id));
        let Some(id) = oldest.map(|(id, _)| *id) else { return false };
        self.turned_away += 1;
        self.remove(id);
        true
    }

    /// Closes the connections that keep most while all together keep too much.
    pub fn shed(&mut self) {
        if !std::mem::take(&mut self.has_grown) {
            return;
        }
        let mut kept: usize = self.all.values().map(Connection::bytes).sum();
        self.peak = self.peak.max(self.all.len() + kept / SMALL);
        while kept > MOST_KEPT {
            let Some((id, bytes)) =
                self.all.iter().map(|(id, one)| (*id, one.bytes())).max_by_key(|(_, bytes)| *bytes)
            else {
                return;
            };
            kept -= bytes;
            self.turned_away += 1;
            self.remove(id);
        }
    }

    /// Holds descriptors back again; whether it has them all.
    fn refill(&mut self) -> bool {
        while self.reserve.len() < RESERVE {
            let flags = SocketFlags::CLOEXEC;
            match rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None) {
                Ok(socket) => self.reserve.push(socket),
                Err(_) => return false,
            }
        }
        true
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut Connection> {
        self.all.get_mut(&id)
    }

    pub fn contains(&self, id: u64) -> bool {
        self.all.contains_key(&id) || self.channels.owns(id)
    }

    pub fn remove(&mut self, id: u64) {
        let Some(connection) = self.all.remove(&id) else { return };
        if let Some(share) = self.shares.get_mut(&connection.pid) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&connection.pid);
            }
        }
        drop(connection);
        // At once, before something else gets its descriptor.
        self.refill();
    }

    /// Closes a connection over which nothing more is asked, unless something waits to be written:
    /// the client's exit then does not wake us.
    pub fn close_answered(&mut self, id: u64) {
        if self.all.get(&id).is_some_and(|connection| connection.output.is_empty()) {
            self.remove(id);
        }
    }

    /// Closes connections that asked nothing for long.
    pub fn sweep(&mut self, boot: Duration) {
        let is_silent = |connection: &Connection| {
            connection.stream.is_none()
                && !connection.waiting
                && boot.saturating_sub(connection.since) >= SILENCE
        };
        let silent = self.all.iter().filter(|(_, connection)| is_silent(connection));
        let silent: Vec<u64> = silent.map(|(id, _)| *id).collect();
        silent.into_iter().for_each(|id| self.remove(id));
        self.refill();
    }
}

/// What goes over them.
impl Connections {
    /// Those that have sent more requests than one, and whose turn it is again.
    pub fn with_more(&self) -> impl Iterator<Item = u64> {
        self.all.iter().filter(|(_, one)| one.has_more && one.is_free()).map(|(id, _)| *id)
    }

    /// Reads what has arrived; the requests that are whole, of a connection one at a time. A
    /// connection that breaks the protocol is closed.
    pub fn read(&mut self, id: u64, boot: Duration) -> Vec<Request> {
        if self.channels.owns(id) {
            return self.channels.read(id);
        }
        let Some(connection) = self.all.get_mut(&id) else { return Vec::new() };
        let request = connection.read();
        self.has_grown |= !connection.input.is_empty() || connection.kept > SMALL;
        let is_over = match &request {
            Ok(Some(_)) => {
                connection.since = boot;
                connection.ended && connection.stream.is_some()
            }
            Ok(None) => {
                let idle = !connection.waiting && connection.output.is_empty();
                connection.ended && (connection.stream.is_some() || idle)
            }
            Err(()) => true,
        };
        if is_over {
            self.remove(id);
        }
        request.ok().flatten().into_iter().collect()
    }

    /// Sends a reply, or as much of it as the socket takes.
    pub fn reply(&mut self, id: u64, kind: ReplyKind, nonce: u64, body: &[u8]) {
        if self.channels.owns(id) {
            return self.channels.reply(id, kind, nonce, body);
        }
        let Some(connection) = self.all.get_mut(&id) else { return };
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
        self.has_grown |= !connection.output.is_empty();
        if !alive || (connection.ended && connection.input.is_empty() && connection.is_free()) {
            self.remove(id);
        }
    }

    /// Makes a connection a stream. Whether there is room for one: it keeps its descriptor, and a
    /// few are left to those that only ask.
    pub fn stream(&mut self, id: u64, stream: Streaming) -> bool {
        let has_room = self.refill();
        let Some(connection) = self.all.get_mut(&id) else { return true };
        if has_room {
            connection.stream = Some(stream);
        }
        has_room
    }

    /// The streams, with their numbers.
    pub fn each_stream(&mut self) -> impl Iterator<Item = (u64, &mut Streaming)> {
        self.all.iter_mut().filter_map(|(id, c)| Some((*id, c.stream.as_mut()?)))
    }

    /// Whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.all.values().all(|connection| connection.output.is_empty())
    }

    /// What to poll for.
    pub fn fds(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>, PollFlags)> {
        let sockets = self.all.iter().map(|(id, connection)| {
            let mut flags = PollFlags::empty();
            if connection.is_free() && !connection.ended {
                flags |= PollFlags::IN;
            }
            if !connection.output.is_empty() {
                flags |= PollFlags::OUT;
            }
            (*id, connection.socket.as_fd(), flags)
        });
        sockets.chain(self.channels.fds().map(|(id, fd)| (id, fd, PollFlags::IN)))
    }
}

impl Connection {
    fn new(socket: OwnedFd, pid: u32, boot: Duration) -> Connection {
        Connection {
            socket,
            pid,
            input: Vec::new(),
            has_more: false,
            output: Vec::new(),
            next: None,
            stream: None,
            waiting: false,
            kept: 0,
            since: boot,
            ended: false,
        }
    }

    /// Whether its next request may be served: none is, and its reader has taken all answers.
    fn is_free(&self) -> bool {
        !self.waiting && self.output.is_empty()
    }

    /// Whether it can be closed for another one: it is idle, or its reader does not read.
    fn can_go(&self) -> bool {
        !self.waiting && (self.stream.is_none() || !self.output.is_empty())
    }

    /// The bytes it keeps.
    fn bytes(&self) -> usize {
        let kept = if self.waiting || self.stream.is_some() { self.kept } else { 0 };
        let next = self.next.as_ref().map_or(0, Vec::capacity);
        self.input.capacity() + self.output.capacity() + next + kept
    }

    /// Reads what has arrived, up to a whole request, and takes one.
    fn read(&mut self) -> Result<Option<Request>, ()> {
        let mut chunk = [0; 4096];
        while self.input.len() < MAX_REQUEST && !self.ended {
            match rustix::io::read(&self.socket, &mut chunk) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.input.extend_from_slice(&chunk[..count]);
                    if count < chunk.len() {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return Err(()),
            }
        }
        let request = match Request::decode(&self.input).map_err(|_| ())? {
            Some((request, taken)) => {
                self.input.drain(..taken);
                self.kept = if self.stream.is_some() { self.kept.max(taken) } else { taken };
                Some(request)
            }
            None if self.ended && !self.input.is_empty() => return Err(()),
            None => None,
        };
        self.has_more = request.is_some() && !self.input.is_empty();
        if self.input.is_empty() {
            self.input.shrink_to(SMALL);
        }
        Ok(request)
    }

    fn flush(&mut self) -> Result<(), ()> {
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
                None => {
                    self.output.shrink_to(SMALL);
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_client::protocol::{Body, HEADER};
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};
    use std::io::{IoSlice, Read, Write};
    use std::mem::MaybeUninit;
    use std::os::unix::net::UnixStream;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Adds a connection of a process; its number and its other end.
    fn connect(connections: &mut Connections, pid: u32, boot: Duration) -> (u64, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("set");
        connections.last += 1;
        connections.insert(connections.last, Connection::new(ours.into(), pid, boot));
        (connections.last, theirs)
    }

    /// A connection and its other end.
    fn pair() -> (Connections, u64, UnixStream) {
        let mut connections = Connections::default();
        let (id, theirs) = connect(&mut connections, 1, Duration::ZERO);
        (connections, id, theirs)
    }

    fn line(target: &str) -> LineRequest {
        LineRequest { line: "tmux".into(), target: target.into(), ..LineRequest::default() }
    }

    fn streaming(target: &str) -> Streaming {
        Streaming::new(0, Token::default(), 5, line(target), Rc::from(*b"first"))
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
    fn requests_of_one_connection_are_served_one_after_the_other() {
        let (mut connections, id, mut theirs) = pair();
        theirs.write_all(&[request(), request(), request()].concat()).expect("written");
        for has_more in [true, true, false] {
            assert_eq!(connections.read(id, Duration::ZERO).len(), 1);
            connections.get_mut(id).expect("there").waiting = true;
            assert_eq!(connections.with_more().count(), 0, "one waits");
            connections.reply(id, ReplyKind::Line, 5, b"");
            assert_eq!(connections.with_more().eq([id]), has_more);
        }
        // Not while its answers are not read.
        let more = request().repeat(1000);
        theirs.write_all(&more[..4 * request().len()]).expect("written");
        while connections.all[&id].output.is_empty() {
            connections.reply(id, ReplyKind::Text, 5, &[b'x'; 4096]);
        }
        assert_eq!(connections.fds().next().map(|(_, _, flags)| flags), Some(PollFlags::OUT));
    }

    #[test]
    fn a_descriptor_that_comes_along_is_closed() {
        let (mut connections, id, theirs) = pair();
        let (reader, out) = UnixStream::pair().expect("a pair");
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [out.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let bytes = request();
        let sent = sendmsg(&theirs, &[IoSlice::new(&bytes)], &mut control, SendFlags::empty());
        assert_eq!(sent, Ok(bytes.len()));
        assert_eq!(connections.read(id, Duration::ZERO).len(), 1);
        drop(out);
        reader.set_nonblocking(true).expect("set");
        assert_eq!((&reader).read(&mut [0; 8]).expect("the end"), 0);
    }

    #[test]
    fn the_oldest_idle_connection_makes_room() {
        let mut connections = Connections::default();
        let mut ends = Vec::new();
        for (pid, boot) in [(1, 0), (1, 0), (1, 20), (2, 10), (2, 30), (2, 40)] {
            ends.push(connect(&mut connections, pid, at(boot)));
        }
        let ids: Vec<u64> = ends.iter().map(|(id, _)| *id).collect();
        connections.get_mut(ids[0]).expect("there").waiting = true;
        connections.stream(ids[1], streaming("tmux"));
        let mut left = ids.clone();
        for (pid, goes) in [(Some(2), 3), (None, 2), (None, 4)] {
            assert!(connections.make_room(pid, at(40)));
            left.retain(|id| *id != ids[goes]);
            assert!(
                left.iter().all(|id| connections.contains(*id)) && connections.len() == left.len()
            );
        }
        // One that came in this moment, one that waits, one that reads its stream.
        assert!(!connections.make_room(None, at(40)));
        // A stream whose reader does not read goes after all others.
        while connections.all[&ids[1]].output.is_empty() {
            connections.reply(ids[1], ReplyKind::Line, 5, &[b'x'; 4096]);
        }
        assert!(connections.make_room(None, at(50)) && !connections.contains(ids[5]));
        assert!(connections.make_room(None, at(50)) && !connections.contains(ids[1]));
        assert!(!connections.make_room(None, at(50)) && connections.contains(ids[0]));
        assert_eq!(connections.shares.values().sum::<usize>(), 1);
    }

    #[test]
    fn a_process_has_its_share_and_no_more() {
        let mut connections = Connections::default();
        let (first, _one) = connect(&mut connections, 1, at(0));
        let (second, _two) = connect(&mut connections, 1, at(1));
        let (other, _three) = connect(&mut connections, 2, at(0));
        connections.shares.insert(1, SHARE);
        assert!(connections.has_room(2, at(9)) && connections.len() == 3);
        assert!(connections.has_room(1, at(9)) && !connections.contains(first));
        connections.shares.insert(1, SHARE);
        connections.get_mut(second).expect("there").waiting = true;
        assert!(!connections.has_room(1, at(9)) && connections.contains(other));
    }

    #[test]
    fn all_connections_together_keep_so_much_and_no_more() {
        let mut connections = Connections::default();
        let mut ends = Vec::new();
        for _ in 0..80 {
            let (id, theirs) = connect(&mut connections, 1, Duration::ZERO);
            (0..3).for_each(|_| connections.reply(id, ReplyKind::Text, 5, &[b'x'; 256 * 1024]));
            ends.push(theirs);
        }
        let (small, mut theirs) = connect(&mut connections, 1, Duration::ZERO);
        theirs.write_all(&request()[..20]).expect("written");
        assert!(connections.read(small, Duration::ZERO).is_empty());
        let kept = |connections: &Connections| -> usize {
            connections.all.values().map(Connection::bytes).sum()
        };
        assert!(kept(&connections) > MOST_KEPT);
        connections.shed();
        assert!(kept(&connections) <= MOST_KEPT && connections.len() > 15);
        assert!(connections.contains(small), "those that keep most go");
    }

    #[test]
    fn a_reader_that_asks_without_end_is_held_up_and_costs_little() {
        let (mut connections, id, mut theirs) = pair();
        theirs.set_nonblocking(true).expect("set");
        let bytes = request().repeat(100);
        let mut sent = 0;
        while let Ok(count @ 1..) = theirs.write(&bytes) {
            sent += count;
            connections.read(id, Duration::ZERO);
            connections.get_mut(id).expect("there").waiting = true;
            if sent > 8 << 20 {
                break;
            }
        }
        assert!(connections.all[&id].bytes() < 4 * MAX_REQUEST);
    }

    #[test]
    fn a_stream_for_tmux_is_sent_a_line_when_tmux_takes_it() {
        let line = Rc::from(*b"line");
        let mut stream = streaming("tmux");
        assert_eq!(stream.offer(&line, at(5_999)), Ok(()));
        assert_eq!(stream.sent, Some(line.clone()));
        assert_eq!(stream.offer(&line, at(6_002)), Err(at(6_015)));
        assert_eq!(stream.offer(&line, at(6_015)), Ok(()));
        assert_eq!(stream.offer(&line, at(6_500)), Err(at(7_015)));
        let mut stream = streaming("screen");
        assert!((0..5).all(|millis| stream.offer(&line, at(millis)).is_ok()));
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

//! A connection on which a request was sent, and whole lines to standard output.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use crate::protocol::{Admin, Body, HEADER, ReplyHeader, ReplyKind, Request, build_id};
use crate::runtime::{self, Runtime};
use crate::{Why, is_line, sys};

/// How long a reader of standard output may keep a whole line waiting.
const WRITE_TIMEOUT: Duration = Duration::from_millis(200);

/// Connects, and checks who listens: the socket, and the daemon's process.
fn connect(runtime: &Runtime) -> Result<(OwnedFd, u32), Why> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|_| Why::Nowhere)?;
    match runtime.at_address(runtime::SOCKET, |address| rustix::net::connect(&socket, address)) {
        Ok(()) => {}
        // The queue of a daemon that accepts no connection is full.
        Err(Errno::AGAIN) => return Err(Why::Late),
        Err(_) => return Err(Why::Absent),
    }
    match sys::peer(&socket) {
        Some(peer) if peer.uid == sys::uid() => match peer.pid {
            Some(pid) => Ok((socket, pid)),
            None => Err(Why::Elsewhere),
        },
        _ => Err(Why::Foreign),
    }
}

/// A connection on which a request was sent.
pub struct Connection {
    socket: OwnedFd,
    /// The daemon's process.
    pub(crate) daemon: u32,
    nonce: u64,
    /// What has arrived and was not taken yet.
    bytes: Vec<u8>,
    /// Whether the last reply came from a daemon that is older than this program.
    pub(crate) is_outdated: bool,
}

impl Connection {
    /// Connects, checks who listens, and sends the request.
    pub fn open(runtime: &Runtime, request: &Request) -> Result<Self, Why> {
        let (socket, daemon) = connect(runtime)?;
        let mut bytes = Vec::with_capacity(1024);
        request.encode(&mut bytes);
        let until = sys::awake() + request.deadline;
        let mut sent = 0;
        while sent < bytes.len() {
            match rustix::net::send(&socket, &bytes[sent..], SendFlags::NOSIGNAL) {
                Ok(count) => sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if !ready(&socket, PollFlags::OUT, until) {
                        return Err(Why::Late);
                    }
                }
                Err(_) => return Err(hung_up(daemon)),
            }
        }
        let (nonce, bytes) = (request.nonce, Vec::with_capacity(4 * 1024));
        Ok(Connection { socket, daemon, nonce, bytes, is_outdated: false })
    }

    /// Asks for a reply of any kind. `Err` when the socket takes no more.
    pub(crate) fn ping(&mut self) -> Result<(), Why> {
        let ping = Request::new(Body::Admin(Admin::Ping), Duration::ZERO);
        let mut bytes = Vec::new();
        Request { nonce: self.nonce, ..ping }.encode(&mut bytes);
        match rustix::net::send(&self.socket, &bytes, SendFlags::NOSIGNAL) {
            Ok(count) if count == bytes.len() => Ok(()),
            _ => Err(Why::Late),
        }
    }

    /// Waits for the next reply until a moment of [`sys::awake`].
    pub(crate) fn wait(&mut self, until: Duration) -> Result<(ReplyKind, Vec<u8>), Why> {
        loop {
            if !ready(&self.socket, PollFlags::IN, until) {
                return Err(Why::Late);
            }
            let open = self.receive();
            if let Some(reply) = self.reply()? {
                return Ok(reply);
            }
            open?;
            // There may always be one byte more.
            if sys::awake() >= until {
                return Err(Why::Late);
            }
        }
    }

    /// Reads what has arrived. `Err` when the other side is gone.
    pub fn receive(&mut self) -> Result<(), Why> {
        if self.bytes.capacity() - self.bytes.len() < 1024 {
            self.bytes.reserve(16 * 1024);
        }
        match rustix::io::read(&self.socket, rustix::buffer::spare_capacity(&mut self.bytes)) {
            Ok(1..) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            _ => Err(hung_up(self.daemon)),
        }
    }

    /// The next whole reply among what has arrived.
    pub fn reply(&mut self) -> Result<Option<(ReplyKind, Vec<u8>)>, Why> {
        let Some(header) = ReplyHeader::decode(&self.bytes).map_err(|_| Why::Refused)? else {
            return Ok(None);
        };
        if header.nonce != self.nonce {
            return Err(Why::Late);
        }
        let Some(body) = self.bytes.get(HEADER..HEADER + header.length) else { return Ok(None) };
        self.is_outdated = header.build < build_id();
        let body = body.to_vec();
        self.bytes.drain(..HEADER + header.length);
        Ok(Some((header.kind, body)))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The process that listens where our daemon should, if it is ours. Connecting needs no answer of it.
pub fn listener(runtime: &Runtime) -> Result<u32, Why> {
    connect(runtime).map(|(_, daemon)| daemon)
}

/// Why a daemon closed the connection: it leaves, or does not serve this pid namespace.
fn hung_up(daemon: u32) -> Why {
    if sys::is_elsewhere(daemon) { Why::Elsewhere } else { Why::Absent }
}

/// Asks, and waits for one reply until the request's deadline. A line is one that the request can
/// have.
pub fn ask(runtime: &Runtime, request: &Request) -> Result<(ReplyKind, Vec<u8>), Why> {
    let until = sys::awake() + request.deadline;
    match Connection::open(runtime, request)?.wait(until)? {
        (ReplyKind::Line, line) if !is_line(request, &line) => Err(Why::Refused),
        reply => Ok(reply),
    }
}

/// Asks something about the daemon itself, and waits up to `timeout` for its text.
pub fn admin(
    runtime: &Runtime,
    admin: Admin,
    timeout: Duration,
) -> Result<(ReplyKind, Vec<u8>), Why> {
    ask(runtime, &Request::new(Body::Admin(admin), timeout))
}

/// Waits for a descriptor until a moment of [`sys::awake`].
fn ready(fd: impl AsFd, flags: PollFlags, until: Duration) -> bool {
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

/// A time span for the kernel; the longest there is where it does not fit.
pub fn timespec(span: Duration) -> Timespec {
    Timespec::try_from(span).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

/// Writes a line to standard output, in one piece where the other side takes it. A failure is not
/// reported: a bar has no place for errors. `false` when the reader is gone.
pub fn write_whole(line: &[u8]) -> bool {
    write_whole_to(rustix::stdio::stdout(), line)
}

pub(crate) fn write_whole_to(out: impl AsFd, mut line: &[u8]) -> bool {
    let mut until = None;
    while !line.is_empty() {
        match rustix::io::write(&out, line) {
            Ok(count) => line = &line[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let until = *until.get_or_insert_with(|| sys::awake() + WRITE_TIMEOUT);
                if !ready(&out, PollFlags::OUT, until) {
                    return true;
                }
            }
            Err(Errno::PIPE | Errno::IO | Errno::BADF) => return false,
            // A full disk may have space later.
            Err(_) => return true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{LineRequest, MAX_REPLY, Malformed};
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread::JoinHandle;

    /// A daemon that serves one connection by a script, and the directory it listens in.
    struct Scripted {
        _root: tempfile::TempDir,
        runtime: Runtime,
        served: JoinHandle<()>,
    }

    /// The script gets the connection and the request that came.
    fn daemon(script: impl FnOnce(UnixStream, Request) + Send + 'static) -> Scripted {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        let listener = UnixListener::bind(runtime.path.join(runtime::SOCKET)).expect("bound");
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let request = request_from(&mut stream);
            script(stream, request);
        });
        Scripted { _root: root, runtime, served }
    }

    fn request_from(stream: &mut UnixStream) -> Request {
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).expect("readable");
            assert_ne!(count, 0, "a whole request");
            bytes.extend_from_slice(&chunk[..count]);
            if let Some((request, _)) = Request::decode(&bytes).expect("a request") {
                return request;
            }
        }
    }

    fn reply(kind: ReplyKind, nonce: u64, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ReplyHeader::encode(kind, nonce, body, &mut bytes);
        bytes
    }

    fn request(deadline: Duration) -> Request {
        let line = LineRequest { line: "tmux".into(), ..LineRequest::default() };
        Request::new(Body::Print(line), deadline)
    }

    /// Long enough for the busiest machine; no test waits for its end.
    const PATIENT: Duration = Duration::from_secs(60);

    fn answer(
        script: impl FnOnce(UnixStream, Request) + Send + 'static,
    ) -> Result<(ReplyKind, Vec<u8>), Why> {
        let daemon = daemon(script);
        let answer = ask(&daemon.runtime, &request(PATIENT));
        daemon.served.join().expect("the script ran");
        answer
    }

    #[test]
    fn a_reply_in_pieces_is_put_together() {
        let answer = answer(|mut stream, request| {
            let body = vec![b'x'; 100_000];
            let bytes = reply(ReplyKind::Text, request.nonce, &body);
            for piece in bytes.chunks(30_001) {
                stream.write_all(piece).expect("written");
            }
        });
        assert_eq!(answer, Ok((ReplyKind::Text, vec![b'x'; 100_000])));
    }

    #[test]
    fn a_daemon_that_hangs_up_is_gone_and_what_it_said_before_counts() {
        assert_eq!(answer(|_, _| ()), Err(Why::Absent));
        let half = answer(|mut stream, request| {
            let bytes = reply(ReplyKind::Line, request.nonce, b"half");
            stream.write_all(&bytes[..HEADER + 2]).expect("written");
        });
        assert_eq!(half, Err(Why::Absent));
        let whole = answer(|mut stream, request| {
            stream.write_all(&reply(ReplyKind::Bye, request.nonce, b"")).expect("written");
        });
        assert_eq!(whole, Ok((ReplyKind::Bye, Vec::new())));
    }

    #[test]
    fn a_reply_to_another_request_is_not_shown() {
        let answer = answer(|mut stream, request| {
            let bytes = reply(ReplyKind::Line, request.nonce ^ 1, b"not yours");
            stream.write_all(&bytes).expect("written");
        });
        assert_eq!(answer, Err(Why::Late));
    }

    #[test]
    fn a_line_of_another_size_is_refused() {
        for (columns, expected) in
            [(80, Ok((ReplyKind::Line, vec![b'x'; 80]))), (81, Err(Why::Refused))]
        {
            let answer = answer(move |mut stream, request| {
                let bytes = reply(ReplyKind::Line, request.nonce, &vec![b'x'; columns]);
                stream.write_all(&bytes).expect("written");
            });
            assert_eq!(answer, expected);
        }
    }

    #[test]
    fn a_daemon_that_drips_is_late() {
        let daemon = daemon(move |mut stream, request| {
            let bytes = reply(ReplyKind::Line, request.nonce, &[b'x'; MAX_REPLY]);
            // Until the client has given up.
            let _ = bytes.iter().try_for_each(|byte| stream.write_all(&[*byte]));
        });
        assert_eq!(ask(&daemon.runtime, &request(Duration::from_millis(5))), Err(Why::Late));
        daemon.served.join().expect("the script ran");
    }

    #[test]
    fn garbage_is_refused() {
        let answer = answer(|mut stream, _| {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("written");
        });
        assert_eq!(answer, Err(Why::Refused));
        let header = reply(ReplyKind::Line, 1, &[]);
        let huge = [&header[..HEADER - 4], &u32::MAX.to_le_bytes()].concat();
        assert_eq!(ReplyHeader::decode(&huge), Err(Malformed::TooLong));
    }

    #[test]
    fn a_silent_daemon_is_late_and_a_missing_one_absent() {
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        // Holds the connection open until the client has given up.
        let daemon = daemon(move |_stream, _| _ = is_over.recv());
        assert_eq!(ask(&daemon.runtime, &request(Duration::from_millis(5))), Err(Why::Late));
        drop(over);
        daemon.served.join().expect("the script ran");
        daemon.runtime.remove(runtime::SOCKET);
        assert_eq!(ask(&daemon.runtime, &request(PATIENT)), Err(Why::Absent));
    }

    #[test]
    fn a_line_is_written_whole_or_its_reader_is_gone() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        assert!(write_whole_to(&writer, b"line\n"));
        let mut line = [0; 5];
        (&reader).read_exact(&mut line).expect("a line");
        assert_eq!(&line, b"line\n");
        sys::ignore_sigpipe();
        drop(reader);
        assert!(!write_whole_to(&writer, b"line\n"));
    }

    #[test]
    fn a_time_span_of_any_length_is_a_timespec() {
        let span = timespec(Duration::new(3, 5));
        assert_eq!((span.tv_sec, span.tv_nsec), (3, 5));
        assert_eq!(timespec(Duration::MAX).tv_sec, i64::MAX);
    }
}

//! `stream`: ask once and keep printing, whatever becomes of the daemon.
//!
//! What happens when is decided by methods that are given the time; [`Stream::run`] alone reads
//! clocks and waits.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use rainline_caps::hosts;
use rainline_caps::pacing::{AFTER, Pacer};

use crate::Why;
use crate::args::{screen_columns, slot_columns};
use crate::connection::{Connection, timespec, write_whole_to};
use crate::protocol::{Body, LineRequest, ReplyKind, Request, next_nonce};
use crate::runtime::{self, Runtime};
use crate::{spawn, sys};

/// Draws a line without a daemon; its argument is the request.
pub type Draw<'a> = &'a mut dyn FnMut(&Request) -> Vec<u8>;

/// Prints the line now and whenever it changes, until its reader is gone. A daemon that leaves or
/// dies is waited for in silence, with lines drawn here meanwhile. Returns the exit code.
pub fn stream(request: Request, draw: Draw) -> i32 {
    let start = |runtime: &Runtime| match spawn::start(runtime) {
        spawn::Started::Yes(child) => Some(child),
        _ => None,
    };
    Stream::new(request, runtime::path(), rustix::stdio::stdout(), start).run(draw)
}

/// How long a daemon has to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long until a line of our own is drawn again.
const OWN_PACE: Duration = Duration::from_secs(1);

/// Where the lines come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Drawn here: there is no daemon, or it has sent nothing yet.
    Own,
    /// Sent by the daemon.
    Daemon,
    /// Written by the daemon to our reader itself.
    Direct,
}

impl Origin {
    /// A daemon that was silent for this time is pinged. One that writes itself sends us nothing while
    /// all is well.
    fn silence(self) -> Duration {
        Duration::from_secs(if self == Origin::Direct { 10 } else { 6 })
    }
}

/// When to try to reach a daemon again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Backoff {
    at: Duration,
    /// After the next attempt.
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(5);

    /// The first attempt is due at this moment.
    fn from(now: Duration) -> Backoff {
        Backoff { at: now, pause: Backoff::FIRST }
    }

    /// Notes an attempt.
    fn attempt(&mut self, now: Duration) {
        *self = Backoff { at: now + self.pause, pause: (self.pause * 2).min(Backoff::MOST) };
    }
}

struct Stream<'a, S> {
    request: Request,
    /// The runtime directory, which is opened anew for each attempt: it may be another by then.
    path: PathBuf,
    out: BorrowedFd<'a>,
    /// Starts a daemon.
    start: S,
    connection: Option<Connection>,
    origin: Origin,
    /// When something was received from the daemon, and whether it was pinged since.
    received: (Duration, bool),
    child: Option<Child>,
    retry: Backoff,
    /// When a line of our own may be drawn again.
    own: Duration,
    pacer: Pacer,
    /// Whether the line's width follows the width of the screen above us.
    tracks_screen_width: bool,
}

impl<'a, S: FnMut(&Runtime) -> Option<Child>> Stream<'a, S> {
    fn new(request: Request, path: PathBuf, out: BorrowedFd<'a>, start: S) -> Self {
        let tracks_screen_width = request.line().is_some_and(|line| {
            line.target == "screen"
                && slot_columns(&line.slot, None, screen_columns()) == line.columns
        });
        Stream {
            tracks_screen_width,
            pacer: pacer(&request),
            request,
            path,
            out,
            start,
            connection: None,
            origin: Origin::Own,
            received: (Duration::ZERO, false),
            child: None,
            retry: Backoff::from(Duration::ZERO),
            own: Duration::ZERO,
        }
    }

    fn run(mut self, draw: Draw) -> i32 {
        loop {
            let now = sys::awake();
            self.connect(now);
            if self.origin == Origin::Own && now >= self.own {
                let line = draw(&self.request);
                // Drawing may have taken a while; the pace is between two lines.
                self.own = sys::awake() + OWN_PACE;
                self.pacer.offer(line);
            }
            if let Some(line) = self.pacer.due(sys::wall())
                && !write_whole_to(self.out, line)
            {
                return 0;
            }
            let (readable, gone) = self.wait();
            if gone {
                return 0;
            }
            let now = sys::awake();
            let lost = if readable { self.receive(now).is_err() } else { self.is_stalled(now) };
            if lost {
                self.lose(now);
            }
            if let Some(child) = &mut self.child
                && !matches!(child.try_wait(), Ok(None))
            {
                self.child = None;
            }
        }
    }

    /// Asks a daemon if it is time to, and starts one where there is none.
    fn connect(&mut self, now: Duration) {
        if self.connection.is_some() || now < self.retry.at {
            return;
        }
        self.retry.attempt(now);
        let Ok(runtime) = Runtime::at(self.path.clone()) else { return };
        self.request.nonce = next_nonce();
        match Connection::open(&runtime, &self.request, direct(self.out)) {
            Ok(connection) => {
                self.connection = Some(connection);
                // The daemon has its deadline before we draw ourselves.
                self.own = self.own.max(now + self.request.deadline);
            }
            Err(Why::Absent) => {
                self.child = (self.start)(&runtime);
                if self.child.is_some() {
                    self.retry.at = now + Backoff::FIRST / 4;
                }
            }
            Err(_) => {}
        }
    }

    /// Whether a daemon does not answer any more. It is pinged when it was silent for long: a line
    /// may not change for hours.
    fn is_stalled(&mut self, now: Duration) -> bool {
        if self.origin == Origin::Own {
            return false;
        }
        let Some(connection) = &mut self.connection else { return false };
        let (at, pinged) = self.received;
        let silent = now.saturating_sub(at);
        if silent >= self.origin.silence() && !pinged {
            self.received.1 = true;
            return connection.ping().is_err();
        }
        pinged && silent >= self.origin.silence() + PING_TIMEOUT
    }

    fn lose(&mut self, now: Duration) {
        self.connection = None;
        self.origin = Origin::Own;
        self.retry = Backoff::from(now);
        self.own = now + Backoff::FIRST;
    }

    /// How long there is nothing to do, at these moments of the clocks; `None`: for ever.
    fn timeout(&self, now: Duration, wall: Duration) -> Option<Duration> {
        let retry = self.connection.is_none().then(|| self.retry.at.saturating_sub(now));
        let next = match self.origin {
            Origin::Own => self.own,
            origin if self.received.1 => self.received.0 + origin.silence() + PING_TIMEOUT,
            origin => self.received.0 + origin.silence(),
        };
        // Hardly longer than a second, even if the wall clock is set meanwhile.
        let longest = Duration::from_secs(1) + AFTER;
        let write = self.pacer.wake(wall).map(|at| at.saturating_sub(wall).min(longest));
        [retry, Some(next.saturating_sub(now)), write].into_iter().flatten().min()
    }

    /// Waits for the daemon, the clock or the reader's end: whether there is something to read, and
    /// whether the reader is gone.
    fn wait(&self) -> (bool, bool) {
        let timeout = self.timeout(sys::awake(), sys::wall()).map(timespec);
        // Without wanted events poll still tells of an error or a hang-up: the reader's end.
        let mut fds = vec![PollFd::from_borrowed_fd(self.out, PollFlags::empty())];
        let socket = self.connection.as_ref().map(AsFd::as_fd);
        fds.extend(socket.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return (false, false);
        }
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let readable = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        (readable, fds[0].revents().intersects(gone))
    }

    /// Takes what the daemon sent. `Err` when it is gone, or to be asked anew.
    fn receive(&mut self, now: Duration) -> Result<(), Why> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let open = connection.receive();
        while let Some((kind, body)) = connection.reply()? {
            self.received = (now, false);
            match kind {
                ReplyKind::Line => {
                    self.origin = Origin::Daemon;
                    self.pacer.offer(body);
                }
                ReplyKind::Direct => {
                    self.origin = Origin::Direct;
                    // What is held back here is older than what the daemon writes.
                    self.pacer = pacer(&self.request);
                }
                // The answer to a ping.
                ReplyKind::Text if self.origin != Origin::Own => {}
                _ => return Err(Why::Absent),
            }
        }
        if self.origin != Origin::Own && self.follow() {
            // Asked again at once; the line of the old width stands until then.
            return Err(Why::Absent);
        }
        open
    }

    /// Takes the width of the screen above us; whether it is another. It is not announced, so it is
    /// looked at when there is something new to show anyway.
    fn follow(&mut self) -> bool {
        match &mut self.request.body {
            Body::Stream(line) if self.tracks_screen_width => {
                let columns = slot_columns(&line.slot, None, screen_columns());
                std::mem::replace(&mut line.columns, columns) != columns
            }
            _ => false,
        }
    }
}

fn pacer(request: &Request) -> Pacer {
    let target = request.line().map_or("", |line: &LineRequest| &line.target);
    Pacer::new(hosts::pacing(target))
}

/// The reader, where the daemon may write to it itself and so save us from being woken for each
/// line. Only a socket (tmux's own jobs have one): it can be written without ever waiting, and with
/// nothing set on it that others who share it would notice.
fn direct(out: BorrowedFd) -> Option<BorrowedFd> {
    let mode = rustix::fs::fstat(out).ok()?.st_mode;
    let is_socket = rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::Socket;
    is_socket.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Admin, ReplyHeader};
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A runtime directory, and a pipe to print to.
    struct Sandbox {
        _root: tempfile::TempDir,
        path: PathBuf,
        _reader: std::io::PipeReader,
        out: std::io::PipeWriter,
        started: Cell<usize>,
    }

    impl Sandbox {
        fn new() -> Sandbox {
            let root = tempfile::tempdir().expect("a directory");
            let path = root.path().join("r");
            Runtime::at(path.clone()).expect("made");
            let (reader, out) = std::io::pipe().expect("a pipe");
            Sandbox { _root: root, path, _reader: reader, out, started: Cell::new(0) }
        }

        fn listen(&self) -> UnixListener {
            let path = self.path.join(runtime::SOCKET);
            let _ = std::fs::remove_file(&path);
            UnixListener::bind(path).expect("bound")
        }

        fn stream(&self) -> Stream<'_, impl FnMut(&Runtime) -> Option<Child>> {
            let line = LineRequest { line: "terminal".into(), ..LineRequest::default() };
            let request = Request::new(Body::Stream(line), at(200));
            Stream::new(request, self.path.clone(), self.out.as_fd(), |_: &Runtime| {
                self.started.set(self.started.get() + 1);
                None
            })
        }
    }

    /// The daemon's end of a connection.
    struct Peer(UnixStream);

    impl Peer {
        fn accept(listener: &UnixListener) -> (Peer, Request) {
            let mut peer = Peer(listener.accept().expect("a client").0);
            let request = peer.request();
            (peer, request)
        }

        fn request(&mut self) -> Request {
            let mut chunk = [0; 4096];
            let count = self.0.read(&mut chunk).expect("readable");
            Request::decode(&chunk[..count]).expect("a request").expect("whole").0
        }

        fn reply(&mut self, kind: ReplyKind, nonce: u64, body: &str) {
            let mut bytes = Vec::new();
            ReplyHeader::encode(kind, nonce, body.as_bytes(), &mut bytes);
            self.0.write_all(&bytes).expect("written");
        }
    }

    #[test]
    fn a_missing_daemon_is_tried_ever_more_rarely_and_started_each_time() {
        let sandbox = Sandbox::new();
        let mut stream = sandbox.stream();
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            stream.connect(now);
            // Nothing happens before the time has come.
            stream.connect(stream.retry.at.saturating_sub(at(1)));
            pauses.push(stream.retry.at.saturating_sub(now).as_millis());
            now = stream.retry.at;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(sandbox.started.get(), 8);
        assert_eq!(stream.origin, Origin::Own);
    }

    #[test]
    fn a_daemon_has_its_deadline_before_a_line_is_drawn_here() {
        let sandbox = Sandbox::new();
        let _listener = sandbox.listen();
        let mut stream = sandbox.stream();
        stream.connect(at(1000));
        assert!(stream.connection.is_some());
        assert_eq!((stream.own, stream.origin), (at(1200), Origin::Own));
        assert_eq!(stream.timeout(at(1000), at(0)), Some(at(200)));
    }

    #[test]
    fn a_silent_daemon_is_pinged_and_given_up_without_an_answer() {
        let sandbox = Sandbox::new();
        let listener = sandbox.listen();
        let mut stream = sandbox.stream();
        stream.connect(at(0));
        let (mut peer, request) = Peer::accept(&listener);
        peer.reply(ReplyKind::Line, request.nonce, "one");
        stream.receive(at(10)).expect("alive");
        assert_eq!(stream.origin, Origin::Daemon);
        assert_eq!(stream.pacer.due(at(500)), Some(&b"one\n"[..]));
        assert_eq!(stream.timeout(at(10), at(500)), Some(at(6000)));
        assert!(!stream.is_stalled(at(6009)));
        assert!(!stream.is_stalled(at(6010)), "pinged");
        assert_eq!(peer.request().body, Body::Admin(Admin::Ping));
        assert_eq!(stream.timeout(at(6010), at(500)), Some(at(2000)));
        assert!(!stream.is_stalled(at(8009)));
        assert!(stream.is_stalled(at(8010)));
        // With an answer it starts over.
        peer.reply(ReplyKind::Text, request.nonce, "1234");
        stream.receive(at(8010)).expect("alive");
        assert!(!stream.is_stalled(at(8010)));
        assert_eq!(stream.received, (at(8010), false));
    }

    #[test]
    fn a_daemon_that_went_is_asked_at_once_when_it_is_back() {
        let sandbox = Sandbox::new();
        let listener = sandbox.listen();
        let mut stream = sandbox.stream();
        stream.connect(at(0));
        let (mut peer, first) = Peer::accept(&listener);
        peer.reply(ReplyKind::Line, first.nonce, "one");
        stream.receive(at(10)).expect("alive");
        drop((peer, listener));
        assert_eq!(stream.receive(at(5000)), Err(Why::Absent));
        stream.lose(at(5000));
        assert_eq!((stream.origin, stream.own), (Origin::Own, at(5100)));
        let listener = sandbox.listen();
        stream.connect(at(5000));
        let (mut peer, second) = Peer::accept(&listener);
        assert_ne!(first.nonce, second.nonce);
        peer.reply(ReplyKind::Line, second.nonce, "two");
        stream.receive(at(5010)).expect("alive");
        assert_eq!(stream.origin, Origin::Daemon);
        assert_eq!(stream.pacer.due(at(5010)), Some(&b"two\n"[..]));
        assert_eq!(sandbox.started.get(), 0);
    }

    #[test]
    fn a_daemon_that_leaves_or_talks_nonsense_is_lost() {
        let sandbox = Sandbox::new();
        let listener = sandbox.listen();
        let mut stream = sandbox.stream();
        for (kind, nonce) in [(ReplyKind::Bye, 0), (ReplyKind::Text, 0), (ReplyKind::Line, 1)] {
            stream.lose(at(0));
            stream.connect(at(0));
            let (mut peer, request) = Peer::accept(&listener);
            peer.reply(kind, request.nonce ^ nonce, "");
            assert!(stream.receive(at(10)).is_err(), "{kind:?}");
        }
        stream.lose(at(0));
        stream.connect(at(0));
        let (mut peer, _) = Peer::accept(&listener);
        peer.0.write_all(b"220 mail.example.org ESMTP\r\n").expect("written");
        assert_eq!(stream.receive(at(10)), Err(Why::Refused));
    }

    #[test]
    fn a_daemon_that_writes_itself_gets_the_reader_and_more_time() {
        let sandbox = Sandbox::new();
        let listener = sandbox.listen();
        let (_reader, out) = UnixStream::pair().expect("a pair");
        assert!(direct(out.as_fd()).is_some() && direct(sandbox.out.as_fd()).is_none());
        let mut stream = sandbox.stream();
        stream.out = out.as_fd();
        stream.pacer.offer(b"held back".to_vec());
        stream.connect(at(0));
        let (mut peer, request) = Peer::accept(&listener);
        peer.reply(ReplyKind::Direct, request.nonce, "");
        stream.receive(at(0)).expect("alive");
        assert_eq!((stream.origin, stream.pacer.due(at(500))), (Origin::Direct, None));
        assert_eq!(stream.timeout(at(0), at(500)), Some(at(10_000)));
        assert!(!stream.is_stalled(at(10_000)) && stream.received.1);
    }
}

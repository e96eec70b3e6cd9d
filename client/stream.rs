//! `stream`: ask once and keep printing, whatever becomes of the daemon.
//!
//! What happens when is decided by methods that are given the time; [`Stream::run`] alone reads
//! clocks and waits. A line that comes costs three system calls: poll, read, write. The output is
//! not handed to the daemon: one that has it and stands still would keep a host's job open for ever.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use rainline_caps::hosts;
use rainline_caps::pacing::{AFTER, Pacer};

use crate::args::{screen_columns, slot_columns};
use crate::connection::{Connection, timespec, write_whole_to};
use crate::protocol::{Body, LineRequest, ReplyKind, Request, next_nonce};
use crate::runtime::{self, Runtime};
use crate::{Why, is_line, spawn, sys};

/// Draws a line without a daemon: what was asked for, and why no daemon serves it.
pub type Draw<'a> = &'a mut dyn FnMut(&Request, Why) -> Vec<u8>;

/// Prints the line now and whenever it changes, until its reader is gone. A daemon that leaves or
/// dies is waited for in silence, with lines drawn here meanwhile. Returns the exit code.
pub fn stream(request: Request, draw: Draw) -> i32 {
    let start = |runtime: &Runtime| match spawn::start(runtime) {
        spawn::Started::Yes(child) => Some(child),
        _ => None,
    };
    Stream::new(request, runtime::path(), rustix::stdio::stdout(), start).run(draw)
}

/// A daemon that was silent for this time is pinged: a line may not change for hours.
const SILENCE: Duration = Duration::from_millis(1250);
/// Pings go out at multiples of this, so that those of many streams wake the daemon once.
const PING_GRID: Duration = Duration::from_millis(250);
/// How long a daemon has to answer a ping. With the silence before it and a line of our own, values
/// are never old for three seconds without a sign of it.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a daemon has for its first line until it counts as stuck.
const FIRST_LINE: Duration = Duration::from_millis(2250);
/// How long until a line of our own is drawn again.
const OWN_PACE: Duration = Duration::from_secs(1);

/// When to try to reach a daemon again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Backoff {
    at: Duration,
    /// After the next attempt.
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    /// The longest pause while there is no daemon.
    const MOST: Duration = Duration::from_secs(5);
    /// The longest pause while there is one that gives nothing good.
    const MOST_USELESS: Duration = Duration::from_secs(30);
    /// A daemon that served for this long was a good one.
    const GOOD: Duration = Duration::from_secs(2);

    /// The first attempt is due at this moment.
    fn from(now: Duration) -> Backoff {
        Backoff { at: now, pause: Backoff::FIRST }
    }

    /// Notes an attempt.
    fn attempt(&mut self, now: Duration) {
        let pause = (self.pause * 2).min(Backoff::MOST.max(self.pause));
        *self = Backoff { at: now + self.pause, pause };
    }

    /// Notes that there is a daemon, and that asking it is of no use for now.
    fn postpone(&mut self, now: Duration) {
        let pause = self.pause.max(Backoff::MOST);
        *self = Backoff { at: now + pause, pause: (pause * 2).min(Backoff::MOST_USELESS) };
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
    /// Since when lines come from the daemon; `None`: they are drawn here.
    served: Option<Duration>,
    /// When the daemon was asked, or last answered. A part of an answer does not count.
    heard: Duration,
    /// When it was pinged since.
    pinged: Option<Duration>,
    /// The pings that it has not answered.
    owed: u32,
    /// Why lines are drawn here.
    why: Why,
    child: Option<Child>,
    retry: Backoff,
    /// When a line of our own may be drawn again: by its pace, and because the daemon's is expected.
    own: Duration,
    grace: Duration,
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
        let target = request.line().map_or("", |line: &LineRequest| &line.target);
        Stream {
            tracks_screen_width,
            pacer: Pacer::new(hosts::pacing(target)),
            request,
            path,
            out,
            start,
            connection: None,
            served: None,
            heard: Duration::ZERO,
            pinged: None,
            owed: 0,
            why: Why::Absent,
            child: None,
            retry: Backoff::from(Duration::ZERO),
            own: Duration::ZERO,
            grace: Duration::ZERO,
        }
    }

    fn run(mut self, draw: Draw) -> i32 {
        loop {
            let now = sys::awake();
            self.connect(now);
            if self.served.is_none() && now >= self.own_line() {
                let line = draw(&self.request, self.why);
                // Drawing may have taken a while; the pace is between two lines.
                self.own = sys::awake() + OWN_PACE;
                self.pacer.offer(line);
            }
            if let Some(line) = self.pacer.due(sys::wall())
                && !write_whole_to(self.out, line)
            {
                return 0;
            }
            let (is_readable, is_gone) = self.wait();
            if is_gone {
                return 0;
            }
            let now = sys::awake();
            let received = if is_readable { self.receive(now) } else { Ok(()) };
            if let Err(why) = received.and_then(|()| self.check_life(now)) {
                self.lose(why, now);
            }
            if let Some(child) = &mut self.child
                && !matches!(child.try_wait(), Ok(None))
            {
                self.child = None;
            }
        }
    }

    /// When a line of our own is due, as long as none comes from the daemon.
    fn own_line(&self) -> Duration {
        self.own.max(self.grace)
    }

    /// Asks a daemon if it is time to, and starts one where there is none.
    fn connect(&mut self, now: Duration) {
        if self.connection.is_some() || now < self.retry.at {
            return;
        }
        self.retry.attempt(now);
        let Ok(runtime) = Runtime::at(self.path.clone()) else {
            self.why = Why::Nowhere;
            return;
        };
        self.request.nonce = next_nonce();
        match Connection::open(&runtime, &self.request) {
            Ok(connection) => {
                self.connection = Some(connection);
                (self.heard, self.pinged, self.owed) = (now, None, 0);
                if self.why == Why::Absent {
                    // The daemon has its deadline before we draw ourselves.
                    self.grace = now + self.request.deadline;
                }
            }
            Err(why) => {
                self.why = why;
                if why == Why::Absent {
                    self.child = (self.start)(&runtime);
                    if self.child.is_some() {
                        self.retry.at = now + Backoff::FIRST / 4;
                    }
                }
            }
        }
    }

    /// Pings a daemon that was silent for long. `Err` when it does not answer any more.
    fn check_life(&mut self, now: Duration) -> Result<(), Why> {
        let answer_due = self.answer_due();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match (self.served, self.pinged) {
            (None, _) if self.why != Why::Late && now >= self.heard + FIRST_LINE => {
                // It may answer yet; meanwhile the line says that it does not.
                self.why = Why::Late;
                (self.own, self.grace) = (now, now);
                Ok(())
            }
            (None, _) if now >= answer_due => Err(Why::Late),
            (Some(_), Some(pinged)) if now >= pinged + PING_TIMEOUT => Err(Why::Late),
            (Some(_), None) if now >= ping_due(self.heard) => {
                self.pinged = Some(now);
                self.owed += 1;
                connection.ping()
            }
            _ => Ok(()),
        }
    }

    /// When a daemon without an answer is asked anew: another one may have taken its place.
    fn answer_due(&self) -> Duration {
        self.heard + self.retry.pause.max(Backoff::MOST)
    }

    /// Lets the daemon go, and draws lines here.
    fn lose(&mut self, why: Why, now: Duration) {
        self.connection = None;
        let was_good = self.served.take().is_some_and(|since| now >= since + Backoff::GOOD);
        self.why = why;
        // One that comes back at once leaves no trace on the line.
        self.grace = if why == Why::Absent { now + Backoff::FIRST } else { now };
        match why {
            Why::Refused => self.retry.postpone(now),
            // Asked anew at once: an answer is read from an open connection only.
            Why::Late if !was_good => {
                self.retry.postpone(now);
                self.retry.at = now;
            }
            _ if was_good => self.retry = Backoff::from(now),
            _ => {}
        }
    }

    /// How long there is nothing to do, at these moments of the clocks.
    fn timeout(&self, now: Duration, wall: Duration) -> Duration {
        let own = self.served.is_none().then(|| self.own_line());
        let daemon = match (&self.connection, self.served, self.pinged) {
            (None, ..) => self.retry.at,
            (_, None, _) if self.why != Why::Late => self.heard + FIRST_LINE,
            (_, None, _) => self.answer_due(),
            (_, _, Some(pinged)) => pinged + PING_TIMEOUT,
            (_, _, None) => ping_due(self.heard),
        };
        let next = own.map_or(daemon, |own| own.min(daemon)).saturating_sub(now);
        // Hardly longer than a second, even if the wall clock is set meanwhile.
        let longest = Duration::from_secs(1) + AFTER;
        let write = self.pacer.wake(wall).map(|at| at.saturating_sub(wall).min(longest));
        write.map_or(next, |write| write.min(next))
    }

    /// Waits for the daemon, the clock or the reader's end: whether there is something to read, and
    /// whether the reader is gone.
    fn wait(&self) -> (bool, bool) {
        let timeout = timespec(self.timeout(sys::awake(), sys::wall()));
        // Without wanted events poll still tells of an error or a hang-up: the reader's end.
        let out = PollFd::from_borrowed_fd(self.out, PollFlags::empty());
        let socket = self.connection.as_ref().map(|connection| connection.as_fd());
        let mut fds = [
            out.clone(),
            socket.map_or(out, |socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)),
        ];
        let count = if socket.is_some() { 2 } else { 1 };
        match poll(&mut fds[..count], Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return (false, false),
            Err(_) => {
                std::thread::sleep(Backoff::FIRST);
                return (false, false);
            }
        }
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let is_readable = socket.is_some() && !fds[1].revents().is_empty();
        (is_readable, fds[0].revents().intersects(gone))
    }

    /// Takes what the daemon sent. `Err` when it is gone, to be asked anew, or of no use.
    fn receive(&mut self, now: Duration) -> Result<(), Why> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let open = connection.receive();
        while let Some((kind, body)) = connection.reply().map_err(|_| Why::Refused)? {
            match kind {
                ReplyKind::Line if is_line(&self.request, &body) => {
                    self.served.get_or_insert(now);
                    self.pacer.offer(body);
                }
                // The answer to a ping.
                ReplyKind::Text if self.owed > 0 => self.owed -= 1,
                ReplyKind::Bye => return Err(Why::Absent),
                _ => return Err(Why::Refused),
            }
            (self.heard, self.pinged) = (now, None);
        }
        if self.served.is_some() && self.follow() {
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

/// When a daemon that was heard at this moment is pinged.
fn ping_due(heard: Duration) -> Duration {
    let grid = PING_GRID.as_millis() as u64;
    let due = (heard + SILENCE).as_millis() as u64;
    Duration::from_millis(due.div_ceil(grid) * grid)
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
            let line = LineRequest { line: "dvtm".into(), ..LineRequest::default() };
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
        assert_eq!(stream.served, None);
    }

    /// Connects a stream, and gives it the line `one`: the daemon's end, and the request's number.
    fn served<S: FnMut(&Runtime) -> Option<Child>>(
        listener: &UnixListener,
        stream: &mut Stream<S>,
        now: Duration,
    ) -> (Peer, u64) {
        stream.connect(now);
        let (mut peer, request) = Peer::accept(listener);
        peer.reply(ReplyKind::Line, request.nonce, "one");
        stream.receive(now).expect("alive");
        assert_eq!(stream.served, Some(now));
        (peer, request.nonce)
    }

    #[test]
    fn a_daemon_has_its_deadline_before_a_line_is_drawn_here() {
        let sandbox = Sandbox::new();
        let _listener = sandbox.listen();
        let mut stream = sandbox.stream();
        stream.connect(at(1000));
        assert!(stream.connection.is_some());
        assert_eq!((stream.own_line(), stream.served), (at(1200), None));
        assert_eq!(stream.timeout(at(1000), at(0)), at(200));
    }

    #[test]
    fn a_silent_daemon_is_pinged_and_given_up_without_an_answer() {
        let sandbox = Sandbox::new();
        let (listener, mut stream) = (sandbox.listen(), sandbox.stream());
        let (mut peer, nonce) = served(&listener, &mut stream, at(0));
        assert_eq!(stream.pacer.due(at(500)), Some(&b"one\n"[..]));
        assert_eq!(stream.timeout(at(0), at(500)), at(1250));
        assert_eq!(stream.check_life(at(1249)), Ok(()));
        assert_eq!(stream.owed, 0);
        assert_eq!(stream.check_life(at(1250)), Ok(()), "pinged");
        assert_eq!(peer.request().body, Body::Admin(Admin::Ping));
        assert_eq!(stream.timeout(at(1250), at(500)), at(1000));
        // With an answer it starts over, whatever comes before it.
        peer.reply(ReplyKind::Line, nonce, "two");
        peer.reply(ReplyKind::Text, nonce, "1234");
        assert_eq!(stream.receive(at(1300)), Ok(()));
        assert_eq!((stream.owed, stream.pacer.due(at(1300))), (0, Some(&b"two\n"[..])));
        assert_eq!(stream.timeout(at(1300), at(1300)), at(1450));
        assert_eq!(stream.check_life(at(2750)), Ok(()), "pinged");
        assert_eq!(stream.check_life(at(3749)), Ok(()));
        assert_eq!(stream.check_life(at(3750)), Err(Why::Late));
        stream.lose(Why::Late, at(3750));
        // Less than three seconds after the last sign of life.
        assert_eq!((stream.own_line(), stream.why), (at(3750), Why::Late));
        assert_eq!(stream.retry, Backoff::from(at(3750)));
    }

    #[test]
    fn part_of_an_answer_is_no_sign_of_life() {
        let sandbox = Sandbox::new();
        let (listener, mut stream) = (sandbox.listen(), sandbox.stream());
        let (mut peer, nonce) = served(&listener, &mut stream, at(0));
        let mut bytes = Vec::new();
        ReplyHeader::encode(ReplyKind::Line, nonce, b"dripping", &mut bytes);
        for (number, byte) in bytes[..bytes.len() - 1].iter().enumerate() {
            peer.0.write_all(&[*byte]).expect("written");
            assert_eq!(stream.receive(at(100 * number as u64)), Ok(()));
        }
        assert_eq!(stream.check_life(at(1250)), Ok(()), "pinged");
        assert_eq!(stream.check_life(at(2250)), Err(Why::Late));
    }

    #[test]
    fn a_daemon_without_a_first_line_is_said_to_be_late_and_asked_ever_more_rarely() {
        let sandbox = Sandbox::new();
        let _listener = sandbox.listen();
        let mut stream = sandbox.stream();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..5 {
            stream.connect(now);
            assert_eq!(stream.check_life(now + FIRST_LINE), Ok(()));
            assert_eq!(stream.why, Why::Late);
            let due = stream.answer_due();
            assert_eq!(stream.check_life(due), Err(Why::Late));
            stream.lose(Why::Late, due);
            waits.push(due.saturating_sub(now).as_secs());
            now = due;
        }
        assert_eq!(waits, [5, 10, 20, 30, 30]);
        assert_eq!(sandbox.started.get(), 0);
    }

    #[test]
    fn a_daemon_that_went_is_asked_at_once_when_it_is_back() {
        let sandbox = Sandbox::new();
        let mut stream = sandbox.stream();
        let listener = sandbox.listen();
        let (peer, first) = served(&listener, &mut stream, at(0));
        drop((peer, listener));
        assert_eq!(stream.receive(at(5000)), Err(Why::Absent));
        stream.lose(Why::Absent, at(5000));
        assert_eq!((stream.served, stream.own_line()), (None, at(5100)));
        let listener = sandbox.listen();
        stream.connect(at(5000));
        let (mut peer, second) = Peer::accept(&listener);
        assert_ne!(first, second.nonce);
        peer.reply(ReplyKind::Line, second.nonce, "two");
        stream.receive(at(5010)).expect("alive");
        assert_eq!(stream.served, Some(at(5010)));
        assert_eq!(stream.pacer.due(at(5010)), Some(&b"two\n"[..]));
        assert_eq!(sandbox.started.get(), 0);
    }

    #[test]
    fn one_that_gives_nothing_good_is_asked_ever_more_rarely_while_lines_are_drawn_here() {
        for (kind, body) in [
            (ReplyKind::Refused, "too many configs are in use"),
            (ReplyKind::Text, "not asked for"),
            (ReplyKind::Line, "two\nlines"),
            (ReplyKind::Line, "\x1b]52;c;YQ==\x07"),
        ] {
            let sandbox = Sandbox::new();
            let (listener, mut stream) = (sandbox.listen(), sandbox.stream());
            let (mut now, mut pauses) = (at(0), Vec::new());
            for _ in 0..5 {
                stream.connect(now);
                let (mut peer, request) = Peer::accept(&listener);
                peer.reply(kind, request.nonce, body);
                assert_eq!(stream.receive(now), Err(Why::Refused), "{body:?}");
                stream.lose(Why::Refused, now);
                assert!(stream.own_line() <= now && stream.pacer.wake(at(0)).is_none());
                pauses.push(stream.retry.at.saturating_sub(now).as_secs());
                now = stream.retry.at;
            }
            assert_eq!(pauses, [5, 10, 20, 30, 30]);
        }
    }

    #[test]
    fn one_that_hangs_up_each_time_is_no_daemon_that_is_back() {
        for says in [None, Some(ReplyKind::Bye), Some(ReplyKind::Line)] {
            let sandbox = Sandbox::new();
            let (listener, mut stream) = (sandbox.listen(), sandbox.stream());
            let (mut now, mut pauses) = (at(0), Vec::new());
            for _ in 0..7 {
                stream.connect(now);
                let (mut peer, request) = Peer::accept(&listener);
                says.iter().for_each(|kind| peer.reply(*kind, request.nonce, ""));
                drop(peer);
                let hung_up = stream.receive(now).and_then(|()| stream.receive(now));
                assert_eq!(hung_up, Err(Why::Absent), "{says:?}");
                stream.lose(Why::Absent, now);
                pauses.push(stream.retry.at.saturating_sub(now).as_millis());
                now = stream.retry.at;
            }
            assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000], "{says:?}");
        }
    }

    #[test]
    fn a_daemon_that_talks_nonsense_is_lost() {
        let sandbox = Sandbox::new();
        let (listener, mut stream) = (sandbox.listen(), sandbox.stream());
        stream.connect(at(0));
        let (mut peer, request) = Peer::accept(&listener);
        peer.reply(ReplyKind::Line, request.nonce ^ 1, "not ours");
        assert_eq!(stream.receive(at(10)), Err(Why::Refused));
        stream.lose(Why::Absent, at(10));
        stream.connect(at(5000));
        let (mut peer, _) = Peer::accept(&listener);
        peer.0.write_all(b"220 mail.example.org ESMTP\r\n").expect("written");
        assert_eq!(stream.receive(at(5000)), Err(Why::Refused));
    }
}

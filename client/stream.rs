//! `stream`: ask once and print for ever, whatever becomes of the daemon.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::Why;
use super::conversation::{Conversation, nonce, timespec, write_whole};
use super::words::{MOST_COLUMNS, screen_columns, share};
use crate::protocol::{ReplyKind, Request};
use crate::{runtime, spawn, sys};
use rainline_caps::pacing::{AFTER, Pace};

/// Draws a line without a daemon; its argument is the request.
pub type Draw<'a> = &'a mut dyn FnMut(&Request) -> Vec<u8>;

/// Prints the line now and whenever it changes, until nobody reads any more. A daemon that leaves,
/// dies or never was is waited for in silence, with lines of our own meanwhile.
pub fn stream(request: Request, draw: Draw) -> i32 {
    Stream::new(request).run(draw)
}

/// A daemon that has sent nothing for so long is asked whether it lives, and has so long to answer.
const SILENCE: Duration = Duration::from_secs(6);
/// The same where the daemon writes itself, so that we hear nothing while all is well.
const TAKEN_SILENCE: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(2);

/// Standard output, where the daemon may write to it itself and so save us from being woken for each
/// line. Only a socket (tmux's own jobs have one): it can be written without ever waiting, and with
/// nothing set on it that others who share it would notice.
fn reader() -> Option<BorrowedFd<'static>> {
    let stdout = rustix::stdio::stdout();
    let mode = rustix::fs::fstat(stdout).ok()?.st_mode;
    let is_socket = rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::Socket;
    is_socket.then_some(stdout)
}

/// The longest pause between two attempts to reach a daemon.
const MOST_PAUSE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);

struct Stream {
    request: Request,
    conversation: Option<Conversation>,
    /// Whether the daemon has sent a line on this connection, or writes lines itself.
    live: bool,
    /// Whether it writes itself.
    taken: bool,
    /// When the daemon was heard last, and whether it was asked for a sign of life since.
    heard: (Duration, bool),
    child: Option<std::process::Child>,
    /// When to try again, and how long to wait after that, by [`sys::awake`].
    retry: (Duration, Duration),
    /// When we may draw a line of our own again.
    own: Duration,
    pace: Pace,
    /// Whether the line's width goes with that of the screen above us.
    follows: bool,
}

impl Stream {
    fn new(request: Request) -> Self {
        let pace = Pace::new(request.target == "tmux");
        let retry = (Duration::ZERO, FIRST_PAUSE);
        let follows = request.target == "screen"
            && share(&request.slot, None, screen_columns()).max(1) == request.columns;
        Stream {
            follows,
            request,
            conversation: None,
            live: false,
            taken: false,
            heard: (Duration::ZERO, false),
            child: None,
            retry,
            own: Duration::ZERO,
            pace,
        }
    }

    fn run(mut self, draw: Draw) -> i32 {
        loop {
            self.connect();
            let now = sys::awake();
            if !self.live && now >= self.own {
                let line = draw(&self.request);
                // It may have taken a while; a second means a second of silence.
                self.own = sys::awake() + Duration::from_secs(1);
                self.pace.offer(line);
            }
            if let Some(line) = self.pace.due(sys::wall())
                && !write_whole(line)
            {
                return 0;
            }
            let Some(readable) = self.wait() else { return 0 };
            let lost = match readable {
                true => self.hear().is_err(),
                false => self.is_stalled(),
            };
            if lost {
                self.lose();
            }
            if let Some(child) = &mut self.child
                && !matches!(child.try_wait(), Ok(None))
            {
                self.child = None;
            }
        }
    }

    fn connect(&mut self) {
        let now = sys::awake();
        if self.conversation.is_some() || now < self.retry.0 {
            return;
        }
        self.retry = (now + self.retry.1, (self.retry.1 * 2).min(MOST_PAUSE));
        let Ok(runtime) = runtime::open() else { return };
        self.request.nonce = nonce();
        let until = now + Duration::from_millis(self.request.deadline.into());
        match Conversation::open(&runtime, &self.request, until, reader()) {
            Ok(conversation) => {
                self.conversation = Some(conversation);
                // The daemon has its deadline before we draw ourselves.
                self.own = self.own.max(until);
            }
            Err(Why::Absent) => {
                if let spawn::Started::Yes(child) = spawn::start(&runtime) {
                    self.child = Some(child);
                    self.retry.0 = now + FIRST_PAUSE / 4;
                }
            }
            Err(_) => {}
        }
    }

    /// Whether a daemon that lived does not answer any more. Asks it when it is silent for long: a
    /// line that does not change is no sign of death.
    fn is_stalled(&mut self) -> bool {
        let Some(conversation) = self.conversation.as_mut().filter(|_| self.live) else {
            return false;
        };
        let (at, asked) = self.heard;
        let silent = sys::awake().saturating_sub(at);
        let patience = if self.taken { TAKEN_SILENCE } else { SILENCE };
        if silent >= patience && !asked {
            self.heard.1 = true;
            return conversation.ask_for_a_sign().is_err();
        }
        asked && silent >= patience + ANSWER
    }

    fn lose(&mut self) {
        self.conversation = None;
        (self.live, self.taken) = (false, false);
        let now = sys::awake();
        self.retry = (now, FIRST_PAUSE);
        self.own = now + FIRST_PAUSE;
    }

    /// Waits for the daemon, the clock or the reader's end (`None`); `true`: there is something to
    /// read.
    fn wait(&self) -> Option<bool> {
        let now = sys::awake();
        let mut left = Duration::MAX;
        if self.conversation.is_none() {
            left = left.min(self.retry.0.saturating_sub(now));
        }
        if self.live {
            let patience = if self.taken { TAKEN_SILENCE } else { SILENCE };
            let patience = if self.heard.1 { patience + ANSWER } else { patience };
            left = left.min((self.heard.0 + patience).saturating_sub(now));
        } else {
            left = left.min(self.own.saturating_sub(now));
        }
        let wall = sys::wall();
        if let Some(at) = self.pace.wake(wall) {
            // Hardly longer than a second, whatever happens to the wall clock meanwhile.
            left = left.min(at.saturating_sub(wall).min(Duration::from_secs(1) + AFTER));
        }
        let timeout = (left != Duration::MAX).then(|| timespec(left));
        // Without wanted events poll still tells of an error or a hang-up: the reader's end.
        let stdout: BorrowedFd = rustix::stdio::stdout();
        let mut fds = [
            PollFd::from_borrowed_fd(stdout, PollFlags::empty()),
            PollFd::from_borrowed_fd(stdout, PollFlags::empty()),
        ];
        let mut count = 1;
        if let Some(conversation) = &self.conversation {
            fds[1] = PollFd::from_borrowed_fd(conversation.socket.as_fd(), PollFlags::IN);
            count = 2;
        }
        if poll(&mut fds[..count], timeout.as_ref()).is_err() {
            return Some(false);
        }
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        if fds[0].revents().intersects(gone) {
            return None;
        }
        Some(count == 2 && !fds[1].revents().is_empty())
    }

    /// Whether the screen above us has another width now. Nobody tells us, so we look when there is
    /// something new to show anyway.
    fn follow(&mut self) -> bool {
        if !self.follows {
            return false;
        }
        let columns = share(&self.request.slot, None, screen_columns()).clamp(1, MOST_COLUMNS);
        std::mem::replace(&mut self.request.columns, columns) != columns
    }

    fn hear(&mut self) -> Result<(), Why> {
        let Some(conversation) = &mut self.conversation else { return Ok(()) };
        let end = conversation.receive();
        while let Some((kind, body)) = conversation.reply()? {
            self.heard = (sys::awake(), false);
            match kind {
                ReplyKind::Line => {
                    self.live = true;
                    self.retry.1 = FIRST_PAUSE;
                    self.pace.offer(body);
                }
                ReplyKind::Taken => {
                    (self.live, self.taken) = (true, true);
                    self.retry.1 = FIRST_PAUSE;
                    // Whatever we had is older than what was written meanwhile.
                    self.pace = Pace::new(self.request.target == "tmux");
                }
                // The sign of life.
                ReplyKind::Text if self.live => {}
                _ => return Err(Why::Absent),
            }
        }
        if self.live && self.follow() {
            // Asked again at once, and the line of the old width stands until then.
            return Err(Why::Absent);
        }
        end
    }
}

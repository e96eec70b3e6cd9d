//! `stream`: ask once and print for ever, whatever becomes of the daemon.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::conversation::{Conversation, nonce, timespec, write_whole};
use super::{MOST_COLUMNS, Why, screen_columns, share};
use crate::protocol::{ReplyKind, Request};
use crate::{runtime, spawn, sys};

/// Draws a line without a daemon; its argument is the request.
pub type Draw<'a> = &'a mut dyn FnMut(&Request) -> Vec<u8>;

/// Prints the line now and whenever it changes, until nobody reads any more. A daemon that leaves,
/// dies or never was is waited for in silence, with lines of our own meanwhile.
pub fn stream(request: Request, draw: Draw) -> i32 {
    Stream::new(request).run(draw)
}

/// A daemon that has sent nothing for so long is asked whether it lives, and has so long to answer.
const SILENCE: Duration = Duration::from_secs(6);
const ANSWER: Duration = Duration::from_secs(2);

/// The longest pause between two attempts to reach a daemon.
const MOST_PAUSE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);

struct Stream {
    request: Request,
    conversation: Option<Conversation>,
    /// Whether the daemon has sent a line on this connection.
    live: bool,
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
        match Conversation::open(&runtime, &self.request, until) {
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
        if silent >= SILENCE && !asked {
            self.heard.1 = true;
            return conversation.ask_for_a_sign().is_err();
        }
        asked && silent >= SILENCE + ANSWER
    }

    fn lose(&mut self) {
        self.conversation = None;
        self.live = false;
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
            let patience = if self.heard.1 { SILENCE + ANSWER } else { SILENCE };
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

/// tmux's clock lags behind: `time()` is as old as the kernel's last tick, up to a hundredth of a
/// second. A line that comes at once after a boundary would be one of the second before to it.
const AFTER: Duration = Duration::from_millis(15);
/// Before a boundary: what is written here may be read behind it, and count for the next second.
const BEFORE: Duration = Duration::from_millis(50);

/// When a line may be written. tmux draws at most one line of a job in each second of the wall
/// clock, and none in the second in which the job started.
pub(crate) struct Pace {
    tmux: bool,
    /// The newest line, with its newline, until it is written.
    next: Option<Vec<u8>>,
    shown: Vec<u8>,
    /// The second of the last write.
    second: Option<u64>,
    /// Whether the first line was written again.
    repeated: bool,
}

impl Pace {
    pub(crate) fn new(tmux: bool) -> Self {
        Pace { tmux, next: None, shown: Vec::new(), second: None, repeated: !tmux }
    }

    /// Takes a line that should be shown; the newest wins.
    pub(crate) fn offer(&mut self, mut line: Vec<u8>) {
        line.push(b'\n');
        self.next = (line != self.shown).then_some(line);
    }

    /// The line to write at this moment of the wall clock, if any.
    pub(crate) fn due(&mut self, wall: Duration) -> Option<&[u8]> {
        let second = wall.as_secs();
        // A clock set back is no reason to fall silent: only the very same second is.
        if self.tmux && self.second == Some(second) {
            return None;
        }
        let near = wall < clear(second) || wall + BEFORE >= Duration::from_secs(second + 1);
        if self.tmux && self.second.is_some() && near {
            return None;
        }
        match self.next.take() {
            Some(line) => self.shown = line,
            None if !self.repeated && self.second.is_some() => {}
            None => return None,
        }
        if self.second.is_some() {
            self.repeated = true;
        }
        self.second = Some(second);
        Some(&self.shown)
    }

    /// The moment of the wall clock at which something is due; it may be over.
    pub(crate) fn wake(&self, wall: Duration) -> Option<Duration> {
        let waiting = self.next.is_some() || (!self.repeated && self.second.is_some());
        waiting.then(|| match self.second {
            Some(last) if self.tmux => {
                let late = wall + BEFORE >= Duration::from_secs(wall.as_secs() + 1);
                clear((wall.as_secs() + u64::from(late)).max(last + 1))
            }
            _ => Duration::ZERO,
        })
    }
}

/// The moment from which on even a clock that lags is in this second.
fn clear(second: u64) -> Duration {
    Duration::from_secs(second) + AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmux_gets_the_first_line_again_and_one_line_a_second() {
        let at = |millis| Duration::from_millis(millis);
        let mut pace = Pace::new(true);
        pace.offer(b"a".to_vec());
        assert_eq!(pace.due(at(5_500)), Some(&b"a\n"[..]));
        assert_eq!(pace.due(at(5_900)), None);
        assert_eq!(pace.wake(at(5_900)), Some(at(6_015)));
        assert_eq!(pace.due(at(6_015)), Some(&b"a\n"[..]));
        assert_eq!(pace.wake(at(6_015)), None);
        pace.offer(b"b".to_vec());
        pace.offer(b"c".to_vec());
        assert_eq!(pace.due(at(6_500)), None);
        assert_eq!(pace.due(at(7_015)), Some(&b"c\n"[..]));
        pace.offer(b"c".to_vec());
        assert_eq!(pace.due(at(9_500)), None);
    }

    /// Written 2 ms after the boundary, a line that never changes was drawn by tmux 15 s later.
    #[test]
    fn tmux_gets_no_line_near_a_boundary_of_its_lagging_clock() {
        let at = |millis| Duration::from_millis(millis);
        let mut pace = Pace::new(true);
        pace.offer(b"a".to_vec());
        assert_eq!(pace.due(at(5_999)), Some(&b"a\n"[..]), "the first one at once");
        assert_eq!(pace.due(at(6_002)), None);
        assert_eq!(pace.wake(at(6_002)), Some(at(6_015)));
        assert_eq!(pace.due(at(6_015)), Some(&b"a\n"[..]));
        pace.offer(b"b".to_vec());
        assert_eq!(pace.due(at(7_960)), None);
        assert_eq!(pace.wake(at(7_960)), Some(at(8_015)));
        assert_eq!(pace.due(at(8_020)), Some(&b"b\n"[..]));
        pace.offer(b"c".to_vec());
        assert_eq!(pace.due(at(3_500)), Some(&b"c\n"[..]), "the clock was set back");
    }

    #[test]
    fn other_hosts_get_each_change_at_once() {
        let mut pace = Pace::new(false);
        pace.offer(b"a".to_vec());
        assert_eq!(pace.due(Duration::from_millis(5_100)), Some(&b"a\n"[..]));
        pace.offer(b"b".to_vec());
        assert_eq!(pace.due(Duration::from_millis(5_200)), Some(&b"b\n"[..]));
        assert_eq!(pace.due(Duration::from_millis(5_300)), None);
    }
}

//! An open `rainline stream` and its lines.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{DEADLINE, until};

/// A `rainline stream` that is ended with its owner.
pub struct Stream {
    child: Child,
    /// `None` once it was closed.
    lines: Option<BufReader<ChildStdout>>,
}

impl Stream {
    pub fn start(command: &mut Command) -> Stream {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let lines = child.stdout.take().map(BufReader::new);
        Stream { child, lines }
    }

    /// The next line, without its end. A stream writes whole lines.
    #[track_caller]
    pub fn next(&mut self) -> String {
        let mut line = String::new();
        let lines = self.lines.as_mut().expect("it is open");
        if lines.buffer().is_empty() {
            let timeout = Timespec::try_from(DEADLINE).expect("a short time");
            let mut fds = [PollFd::new(lines.get_ref(), PollFlags::IN)];
            let ready = poll(&mut fds, Some(&timeout)).expect("poll");
            assert!(ready > 0, "the stream says nothing");
        }
        assert!(lines.read_line(&mut line).expect("a line") > 0, "the stream ended");
        line.strip_suffix('\n').expect("a whole line").to_owned()
    }

    /// The next line with this text in it.
    #[track_caller]
    pub fn until(&mut self, part: &str) -> String {
        let start = std::time::Instant::now();
        loop {
            let line = self.next();
            if line.contains(part) {
                return line;
            }
            assert!(start.elapsed() < DEADLINE, "no {part:?}, but {line:?}");
        }
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops reading and waits until the stream notices.
    #[track_caller]
    pub fn close(mut self) -> ExitStatus {
        self.lines = None;
        until("the stream's end", || self.child.try_wait().expect("our child"))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

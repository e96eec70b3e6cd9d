//! Commands that go on, and whose lines are handed over as they come.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::child::{Child, monotonic_now, start, take, timespec};
use super::{Call, MAX_COMPLAINT, MAX_OUTPUT, Output};
use crate::machine::native::os;
use crate::machine::{Error, Machine, World};

/// Lines are handed over no more often than this. Until then nothing is read, and the pipe is as small
/// as there are any: a command that prints more blocks on it. One that prints without end costs itself
/// and us a tenth of what it did when 64 kB were taken at a time.
const SLOT: Duration = Duration::from_millis(100);
/// When a command that has not printed anything yet is first reported as silent.
const FIRST: Duration = Duration::from_millis(300);

impl Machine {
    /// Stays with a command that goes on, and hands over what it prints: whole lines, many at once
    /// if they came at once, ten times a second at most; a last line may lack its newline. With a
    /// `beat` silence is reported too, by no bytes at all: soon after the start, then whenever nothing
    /// came for so long. Ends well when `received` returns `false`, when standard input ends
    /// ([`Machine::of_worker`]) or when the command ends well.
    ///
    /// In a fixture the answer is that of [`Machine::run`], again at each beat; a machine that does
    /// not end with standard input gives it once.
    pub fn follow(
        &self,
        task: &Call,
        beat: Option<Duration>,
        received: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let Some(program) = task.words.first() else { return Ok(()) };
        let failed = |what: String| Error::Other(format!("{program}: {what}"));
        if let World::Fixture(_) = &self.world {
            let answer =
                self.fixture_answer(task.words).ok_or_else(|| failed("not found".into()))?;
            let mut wanted = received(&answer);
            while wanted && self.pause(beat) {
                wanted = received(&self.fixture_answer(task.words).unwrap_or_default());
            }
            return Ok(());
        }
        let child = start(task, self.in_worker).map_err(failed)?;
        let mut child = child.ok_or_else(|| failed("not found".into()))?;
        child.follow(self.in_worker, beat, received).map_err(failed)
    }

    /// Waits for so long, for a source that is followed. `false`: it is not wanted any more, because
    /// standard input ended, or because this machine does not end with it.
    pub fn pause(&self, pause: Option<Duration>) -> bool {
        let until = pause.map(|pause| monotonic_now() + pause);
        if !self.in_worker {
            return false;
        }
        loop {
            let left = until.map(|until| until.saturating_sub(monotonic_now()));
            if left.is_some_and(|left| left.is_zero()) {
                return true;
            }
            // Without a flag only the other side's end is reported.
            let stdin = rustix::stdio::stdin();
            let mut fds = [PollFd::from_borrowed_fd(stdin, PollFlags::empty())];
            let _ = poll(&mut fds, left.map(timespec).as_ref());
            if !fds[0].revents().is_empty() {
                return false;
            }
        }
    }
}

impl Child {
    /// Hands over its lines until it ends or is not wanted any more.
    fn follow(
        &mut self,
        with_stdin: bool,
        beat: Option<Duration>,
        received: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), String> {
        let (mut unsent, mut complaint) = (Vec::new(), Vec::new());
        self.out.iter().for_each(os::shrink_pipe);
        self.err.iter().for_each(os::shrink_pipe);
        // When its silence is reported.
        let mut silent = beat.map(|beat| monotonic_now() + beat.min(FIRST));
        // From when on each output is read again.
        let (mut next, mut next_complaint) = (Duration::ZERO, Duration::ZERO);
        // How much is still read once it has ended: who left it may go on printing.
        let (mut ended, mut left) = (false, MAX_OUTPUT);
        loop {
            let at = monotonic_now();
            let lines = unsent.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if lines > 0 {
                let whole: Vec<u8> = unsent.drain(..lines).collect();
                if !received(&whole) {
                    return Ok(());
                }
                next = monotonic_now() + SLOT;
                silent = beat.map(|beat| monotonic_now() + beat);
                continue;
            }
            if silent.is_some_and(|until| at >= until) {
                if !received(&[]) {
                    return Ok(());
                }
                silent = beat.map(|beat| monotonic_now() + beat);
                continue;
            }
            if unsent.len() > MAX_OUTPUT {
                return Err(format!("a line of more than {MAX_OUTPUT} bytes"));
            }
            let open = |from| if ended { left > 0 } else { at >= from };
            let open = (open(next), open(next_complaint));
            let closed = [(!open.0).then_some(next), (!open.1).then_some(next_complaint)];
            let until =
                if ended { Some(at) } else { closed.into_iter().chain([silent]).flatten().min() };
            let most = until.map(|until| until.saturating_sub(at));
            let ready = self.wait(open, with_stdin, most)?;
            if ready.released {
                return Ok(());
            }
            let mut read = 0;
            if ready.out {
                read += take(&mut self.out, &mut unsent).map_err(|error| error.to_string())?;
            }
            if ready.err {
                read += take(&mut self.err, &mut complaint).map_err(|error| error.to_string())?;
                next_complaint = at + SLOT;
                // The last lines are kept.
                let long = complaint.len().saturating_sub(MAX_COMPLAINT);
                complaint.drain(..long);
            }
            if ended && !ready.out && !ready.err {
                if !unsent.is_empty() && !received(&unsent) {
                    return Ok(());
                }
                let complaint = String::from_utf8_lossy(&complaint).into_owned();
                let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
                let complaint = last.unwrap_or_default().to_owned();
                let output = Output { printed: Vec::new(), complaint, code: self.code()? };
                return if output.code == Some(0) { Ok(()) } else { Err(output.reason()) };
            }
            if ended {
                left = left.saturating_sub(read);
            }
            ended |= ready.ended;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Surroundings;
    use super::*;
    use crate::machine::tests::machine_with;

    fn task<'a>(words: &'a [&'a str]) -> Call<'a> {
        Call { words, surroundings: Surroundings::User, env: &[("RAINLINE_TEST", "a b")] }
    }

    fn fifo_in(dir: &tempfile::TempDir) -> String {
        let fifo = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
        fifo.to_string_lossy().into_owned()
    }

    #[test]
    fn one_that_is_followed_is_heard_line_by_line_and_let_go() {
        let (dir, _) = machine_with(&[]);
        let fifo = fifo_in(&dir);
        let script = "echo one; read x < \"$0\"; echo two; printf three; sleep 600";
        let words = ["sh", "-c", script, &fifo];
        let mut heard = Vec::new();
        let done = Machine::real().follow(&task(&words), None, &mut |lines| {
            heard.push(String::from_utf8_lossy(lines).into_owned());
            if heard.len() == 1 {
                #[allow(clippy::disallowed_methods, reason = "a test lets its command go on")]
                std::fs::write(&fifo, "\n").expect("the command reads");
            }
            heard.len() < 2
        });
        assert!(done.is_ok());
        assert_eq!(heard, ["one\n", "two\n"]);
    }

    #[test]
    fn the_last_line_needs_no_newline_and_the_last_words_are_the_reason() {
        let mut heard = Vec::new();
        let mut follow = |script: &str| {
            Machine::real().follow(&task(&["sh", "-c", script]), None, &mut |lines| {
                heard.extend_from_slice(lines);
                true
            })
        };
        assert!(follow("printf last").is_ok());
        let error = follow("echo first >&2; echo gone >&2; exit 4").expect_err("it fails");
        assert_eq!(error.to_string(), "sh: gone (exit status 4)");
        let error = follow("tr '\\0' x < /dev/zero").expect_err("no newline ever");
        assert!(error.to_string().contains("a line of more than"), "{error}");
        assert_eq!(heard, b"last");
    }

    #[test]
    fn who_says_nothing_is_heard_saying_nothing() {
        let (mut heard, beat) = (Vec::new(), Some(Duration::from_millis(10)));
        let words = ["sh", "-c", "read x < \"$0\"; echo one; exec sleep 600"];
        let (dir, _) = machine_with(&[]);
        let fifo = fifo_in(&dir);
        let words = [&words[..], &[&*fifo]].concat();
        let done = Machine::real().follow(&task(&words), beat, &mut |lines| {
            if heard.len() == 1 {
                #[allow(clippy::disallowed_methods, reason = "a test lets its command go on")]
                std::fs::write(&fifo, "go\n").expect("the command reads");
            }
            heard.push(String::from_utf8_lossy(lines).into_owned());
            // Silence, the line, and silence again.
            !heard.windows(2).any(|pair| pair == ["one\n", ""])
        });
        assert!(done.is_ok());
        assert_eq!((&*heard[0], heard.iter().filter(|said| *said == "one\n").count()), ("", 1));
    }

    #[test]
    fn a_flood_is_taken_in_spoonfuls() {
        let (mut times, mut bytes) = (0, 0);
        let done = Machine::real().follow(&task(&["yes"]), None, &mut |lines| {
            (times, bytes) = (times + 1, bytes + lines.len());
            times < 4
        });
        assert!(done.is_ok());
        assert!(bytes <= times * 2 * 4096, "{bytes} bytes in {times} slots");
    }

    #[test]
    fn who_floods_on_after_the_end_is_not_listened_to_for_long() {
        let mut bytes = 0;
        let words = ["sh", "-c", "yes & yes >&2 & exit 4"];
        let error = Machine::real().follow(&task(&words), None, &mut |lines| {
            bytes += lines.len();
            true
        });
        let error = error.expect_err("it fails").to_string();
        assert!(error.contains("exit status 4"), "{error}");
        assert!(bytes <= 2 * MAX_OUTPUT, "{bytes} bytes");
    }

    #[test]
    fn a_fixture_answers_once() {
        let (_dir, machine) = machine_with(&[("commands/a b", "both")]);
        let mut heard = Vec::new();
        let done = machine.follow(&task(&["a", "b"]), None, &mut |lines| {
            heard.extend_from_slice(lines);
            true
        });
        assert!(done.is_ok() && heard == b"both");
        assert!(machine.follow(&task(&["c"]), None, &mut |_| true).is_err());
    }
}

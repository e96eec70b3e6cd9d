//! The door to other programs, for sources that run in a worker: what has no file to read.
//!
//! No shell is ever asked: a command is a list of words. It gets a process group of its own, no
//! input, and a limit; past that the whole group is killed.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Host, World};
use crate::base::contract::Error;

/// The most bytes that are taken of what a command prints; a longer output is an error.
pub const MAX_OUTPUT: usize = 64 * 1024;
/// The most bytes that are kept of its complaints.
const MAX_COMPLAINT: usize = 1024;

impl Host {
    /// What `command` prints, if it ends well within `limit`. The first word is a path or looked up
    /// in the daemon's `PATH`. A command that is not there is `Ok(None)`.
    ///
    /// In a fixture the answer is the file `commands/WORDS`, all words with spaces between and `/`
    /// as `_`, else `commands/FIRST-WORD`.
    pub fn run(&self, command: &[&str], limit: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.run_well(command, limit, &[0])
    }

    /// Like [`Host::run`], for a command that says something with its exit status: all of `fine`
    /// are good ends.
    pub fn run_well(
        &self,
        command: &[&str],
        limit: Duration,
        fine: &[i32],
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some((program, arguments)) = command.split_first() else { return Ok(None) };
        if let World::Fixture(_) = &self.world {
            let whole = command.join(" ").replace('/', "_");
            let named = |name: &str| self.read(format!("/commands/{name}"));
            return Ok(named(&whole).or_else(|_| named(&program.replace('/', "_"))).ok());
        }
        let failed = |what: String| Error::Other(format!("{program}: {what}"));
        #[allow(clippy::disallowed_methods, reason = "this is the door")]
        let child = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut running = match child {
            Ok(child) => Running(child),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        let (printed, complaint) = running.listen(limit).map_err(failed)?;
        match running.0.wait() {
            Ok(status) if status.code().is_some_and(|code| fine.contains(&code)) => {
                Ok(Some(printed))
            }
            Ok(status) => Err(failed(match complaint.lines().next() {
                Some(first) => format!("{first} ({status})"),
                None => status.to_string(),
            })),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// A command whose group does not outlive us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.0.id() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Running {
    /// Both outputs, once the command has closed them.
    #[allow(clippy::disallowed_methods, reason = "a deadline by the monotonic clock")]
    fn listen(&mut self, limit: Duration) -> Result<(Vec<u8>, String), String> {
        let deadline = std::time::Instant::now() + limit;
        let (mut printed, mut complaint) = (Vec::new(), Vec::new());
        let (mut out, mut err) = (self.0.stdout.take(), self.0.stderr.take());
        while out.is_some() || err.is_some() {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Err(format!("no end after {} ms", limit.as_millis()));
            }
            let left =
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            // A closed one is left out: it would be ready for ever.
            let pipes =
                out.as_ref().map(AsFd::as_fd).into_iter().chain(err.as_ref().map(AsFd::as_fd));
            let mut fds: Vec<_> =
                pipes.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            match poll(&mut fds, Some(&left)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
            let mut ready =
                fds.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
            if out.is_some() && ready.next() == Some(true) {
                take(&mut out, &mut printed).map_err(|error| error.to_string())?;
                if printed.len() > MAX_OUTPUT {
                    return Err(format!("more than {MAX_OUTPUT} bytes of output"));
                }
            }
            if err.is_some() && ready.next() == Some(true) {
                take(&mut err, &mut complaint).map_err(|error| error.to_string())?;
                complaint.truncate(MAX_COMPLAINT);
            }
        }
        Ok((printed, String::from_utf8_lossy(&complaint).into_owned()))
    }
}

/// Reads what is there, and closes the pipe at its end.
fn take(pipe: &mut Option<impl Read>, into: &mut Vec<u8>) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let count = pipe.as_mut().map_or(Ok(0), |pipe| pipe.read(&mut buffer))?;
    into.extend_from_slice(&buffer[..count]);
    if count == 0 {
        *pipe = None;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host::tests::machine;

    const LIMIT: Duration = Duration::from_secs(20);

    fn run(command: &[&str]) -> Result<Option<Vec<u8>>, String> {
        Host::real().run(command, LIMIT).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_words() {
        let printed =
            run(&["printf", "%s|", "$(id)", "a b"]).expect("it runs").expect("it is there");
        assert_eq!(String::from_utf8_lossy(&printed), "$(id)|a b|");
        assert_eq!(run(&["rainline-no-such-program"]), Ok(None));
    }

    #[test]
    fn failures_say_why() {
        let error = run(&["sh", "-c", "echo broken >&2; exit 3"]).expect_err("it fails");
        assert!(error.starts_with("sh: broken (exit status: 3"), "{error}");
        let fine = Host::real().run_well(&["sh", "-c", "echo 7; exit 3"], LIMIT, &[0, 3]);
        assert_eq!(fine.expect("a good end"), Some(b"7\n".to_vec()));
        let error = run(&["sh", "-c", "yes"]).expect_err("too much");
        assert!(error.contains("65536 bytes"), "{error}");
    }

    #[test]
    fn what_never_ends_is_ended_with_its_children() {
        let limit = Duration::from_millis(200);
        let error = Host::real().run(&["sh", "-c", "sleep 600 & sleep 600"], limit);
        assert!(error.expect_err("too long").to_string().contains("200 ms"));
    }

    #[test]
    fn a_fixture_answers_from_its_table() {
        let (_dir, host) = machine(&[("commands/a b", "both"), ("commands/a", "one")]);
        let run = |command: &[&str]| host.run(command, LIMIT).expect("it runs");
        assert_eq!(run(&["a", "b"]), Some(b"both".to_vec()));
        assert_eq!(run(&["a", "c"]), Some(b"one".to_vec()));
        assert_eq!(run(&["c"]), None);
    }
}

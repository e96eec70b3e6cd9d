//! A started command: its process group, its outputs and its end.

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Call, Surroundings, family};
use crate::machine::native::os;

/// How often a command is polled where the kernel does not report its end.
const INTERVAL: Duration = Duration::from_millis(20);

/// Starts a command; `None` where there is no such program. `in_worker`: whatever this process has
/// started ends with the command.
pub fn start(task: &Call, in_worker: bool) -> Result<Option<Child>, String> {
    let Some((program, arguments)) = task.words.split_first() else { return Ok(None) };
    #[allow(clippy::disallowed_methods, reason = "the daemon's own home, of one user")]
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let mut program = OsString::from(program);
    let mut directory = OsString::from("/");
    if task.surroundings == Surroundings::User
        && let Some(home) = home
    {
        if let Some(rest) = task.words[0].strip_prefix("~/") {
            program = home.clone();
            program.push("/");
            program.push(rest);
        }
        if Path::new(&home).is_dir() {
            directory = home;
        }
    }
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    let mut command = Command::new(program);
    if task.surroundings == Surroundings::Source {
        command.env("LC_ALL", "C.UTF-8");
    }
    command
        .args(arguments)
        .envs(task.env.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let unattended = in_worker.then(Unattended::begin);
    match command.spawn() {
        Ok(process) => Ok(Some(Child::of(process, unattended))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// While a command runs its worker is not killed when the daemon ends: it notices that by the end of
/// its input, and ends the command first.
struct Unattended;

impl Unattended {
    fn begin() -> Unattended {
        os::end_with_parent(false);
        Unattended
    }
}

impl Drop for Unattended {
    fn drop(&mut self) {
        os::end_with_parent(true);
    }
}

/// A command that does not outlive us, nor does what it started.
pub struct Child {
    process: std::process::Child,
    /// `Some` in a worker.
    unattended: Option<Unattended>,
    pub out: Option<ChildStdout>,
    pub err: Option<ChildStderr>,
    /// Readable once the command has ended.
    end: Option<OwnedFd>,
    /// Whether its group and its descendants were killed.
    group_ended: bool,
}

/// What is to be done after a wait.
#[derive(Default)]
pub struct Ready {
    pub out: bool,
    pub err: bool,
    pub ended: bool,
    /// Standard input was closed: the command is not needed any more.
    pub released: bool,
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end_group();
        if self.unattended.is_some() {
            family::end_all();
        } else {
            let _ = self.process.wait();
        }
    }
}

impl Child {
    fn of(mut process: std::process::Child, unattended: Option<Unattended>) -> Child {
        let (out, err) = (process.stdout.take(), process.stderr.take());
        let end = os::end_of(process.id());
        Child { process, unattended, out, err, end, group_ended: false }
    }

    /// Kills what is left of the group and of what the command started. Only before the command is
    /// waited for: until then no other process can get its number.
    fn end_group(&mut self) {
        if !std::mem::replace(&mut self.group_ended, true)
            && let Some(group) = Pid::from_raw(self.process.id() as i32)
        {
            family::kill_descendants(self.process.id());
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// How it ended, once it has.
    pub fn code(&mut self) -> Result<Option<i32>, String> {
        self.end_group();
        let status = self.process.wait().map_err(|error| error.to_string())?;
        Ok(status.code().filter(|_| status.signal().is_none()))
    }

    /// Waits until something is to be done, `most` at the longest. Outputs that are not `open` are
    /// not waited for; nor, without `with_stdin`, is the end of standard input.
    pub fn wait(
        &mut self,
        open: (bool, bool),
        with_stdin: bool,
        most: Option<Duration>,
    ) -> Result<Ready, String> {
        let most = match self.end {
            Some(_) => most,
            None => Some(most.map_or(INTERVAL, |most| most.min(INTERVAL))),
        };
        let stdin = rustix::stdio::stdin();
        let out = self.out.as_ref().filter(|_| open.0).map(AsFd::as_fd);
        let err = self.err.as_ref().filter(|_| open.1).map(AsFd::as_fd);
        let watched: [(Option<BorrowedFd>, PollFlags); 4] = [
            (out, PollFlags::IN),
            (err, PollFlags::IN),
            (self.end.as_ref().map(AsFd::as_fd), PollFlags::IN),
            // Without a flag only the other side's end is reported.
            (with_stdin.then_some(stdin), PollFlags::empty()),
        ];
        let mut fds = Vec::with_capacity(4);
        let mut at = [None; 4];
        for (index, (fd, flags)) in watched.into_iter().enumerate() {
            if let Some(fd) = fd {
                at[index] = Some(fds.len());
                fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
        }
        match poll(&mut fds, most.map(timespec).as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
        let [out, err, ended, released] =
            at.map(|at| at.is_some_and(|at| !fds[at].revents().is_empty()));
        let ended = match self.end {
            Some(_) => ended,
            None => !matches!(self.process.try_wait(), Ok(None)),
        };
        Ok(Ready { out, err, ended, released })
    }
}

/// Reads what is there, and closes the pipe at its end; how many bytes there were.
pub fn take(pipe: &mut Option<impl Read>, into: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    let count = pipe.as_mut().map_or(Ok(0), |pipe| pipe.read(&mut buffer))?;
    into.extend_from_slice(&buffer[..count]);
    if count == 0 {
        *pipe = None;
    }
    Ok(count)
}

/// A timeout for poll(2); one that its clock cannot count is as good as for ever.
pub fn timespec(duration: Duration) -> Timespec {
    let most = Timespec { tv_sec: i32::MAX.into(), tv_nsec: 0 };
    Timespec::try_from(duration).unwrap_or(most)
}

/// A clock that only goes forward.
pub fn monotonic_now() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // It is never negative.
    Duration::try_from(now).unwrap_or_default()
}

//! A worker process seen from outside: started, written to and read from without ever blocking, and
//! killed with all that it started.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use rainline_client::{spawn, sys, timespec};
use rainline_segments::family::{self, Killed, Stat};

use super::CHUNK;
use super::message::{Answer, Job, decode, encode};
use crate::config::{self, Config, Gathered};

/// A worker, seen from outside. None of it waits.
pub trait Worker {
    /// Sends a job, as far as the pipe takes it.
    fn send(&mut self, job: &Job) -> Result<(), String>;
    /// Reads what the pipe has; an answer if one is whole.
    fn receive(&mut self) -> Result<Option<Answer>, String>;
    /// Kills it and what it started.
    fn kill(&mut self);
    /// Whether it has ended, with all that was killed with it; it is waited for here and leaves no
    /// zombie.
    fn has_ended(&mut self) -> bool;
}

/// A worker process and its pipes.
pub struct Process {
    pid: Pid,
    stdin: Option<PipeWriter>,
    stdout: PipeReader,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Whether it has ended and was waited for.
    reaped: bool,
    /// What was killed of what it started.
    killed: Vec<Killed>,
}

impl Process {
    /// Runs our own program again as a worker. `root` stands for `/` in what its sources read.
    pub fn start(root: Option<&Path>) -> std::io::Result<Process> {
        // The link itself: after an upgrade it still leads to the program that we are. It is not
        // followed here, where nothing may be waited for.
        let link = PathBuf::from("/proc/self/exe");
        let exe = if link.is_symlink() { link } else { spawn::executable()? };
        let mut words = vec![exe.into_os_string(), "worker".into()];
        words
            .extend(root.map(|root| [OsString::from("--root"), root.into()]).into_iter().flatten());
        let words = words.into_iter().map(|word| CString::new(word.into_vec()));
        let words = words.collect::<Result<Vec<_>, _>>()?;
        let name = CString::new(super::name())?;
        let (input, stdin) = std::io::pipe()?;
        let (stdout, output) = std::io::pipe()?;
        let errors = File::options().write(true).open("/dev/null")?;
        let streams = [input.as_fd(), output.as_fd(), errors.as_fd()];
        let pid = crate::sys::start(&words[0], &words, &name, streams)?;
        // Non-blocking: a hung worker must not block us.
        rustix::io::ioctl_fionbio(&stdin, true)?;
        rustix::io::ioctl_fionbio(&stdout, true)?;
        let (input, output) = Default::default();
        Ok(Process {
            pid,
            stdin: Some(stdin),
            stdout,
            input,
            output,
            reaped: false,
            killed: Vec::new(),
        })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Itself and what was killed of what it started.
    pub fn family(&self) -> Vec<Killed> {
        let itself = Stat::of(self.id()).map(|stat| Killed { pid: self.id(), start: stat.start });
        self.killed.iter().copied().chain(itself).collect()
    }

    /// Whether it has ended, without waiting.
    fn has_left(&self) -> bool {
        loop {
            match waitpid(Some(self.pid), WaitOptions::NOHANG) {
                Ok(ended) => return ended.is_some(),
                Err(Errno::INTR) => {}
                Err(_) => return true,
            }
        }
    }

    /// Writes what the pipe takes.
    fn flush(&mut self) -> Result<(), String> {
        let Some(stdin) = &self.stdin else { return Err("the worker has no input".into()) };
        while !self.output.is_empty() {
            match rustix::io::write(stdin, &self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(format!("the worker is gone: {errno}")),
            }
        }
        Ok(())
    }

    /// Waits for the next answer until a moment of [`sys::awake`]; `None` when there is none.
    pub fn wait(&mut self, until: Duration) -> Option<Answer> {
        loop {
            if let Some(answer) = self.receive().ok()? {
                return Some(answer);
            }
            let left = until.saturating_sub(sys::awake());
            let (out, into) = self.fds();
            let mut fds = vec![PollFd::from_borrowed_fd(out, PollFlags::IN)];
            fds.extend(into.map(|into| PollFd::from_borrowed_fd(into, PollFlags::OUT)));
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) => return None,
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// What to read from, and what to write to if something waits to be written.
    pub fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        let into = self.stdin.as_ref().filter(|_| !self.output.is_empty()).map(AsFd::as_fd);
        (self.stdout.as_fd(), into)
    }
}

/// How long a person waits for a config to be read.
pub const CONFIG_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads a config in a worker, which is left behind at the timeout; why it could not be read otherwise.
/// For programs that a person or a shell waits for: an include may be on a dead mount.
pub fn read_config(path: &Path, timeout: Duration) -> Result<Gathered, String> {
    let path = path.to_owned();
    let mut worker = Process::start(None).map_err(|error| error.to_string())?;
    worker.send(&Job::ReadConfig { path })?;
    match worker.wait(sys::awake() + timeout) {
        Some(Answer::ConfigRead(gathered)) => Ok(gathered),
        _ => Err(format!("not read within {} s", timeout.as_secs())),
    }
}

/// The config at a path, read as by [`read_config`]; the built-in one where there is none, or where it
/// cannot be read in time.
pub fn load_config(path: Option<&Path>, timeout: Duration) -> Config {
    let gathered = path.map(|path| read_config(path, timeout));
    config::build(&gathered.and_then(Result::ok).unwrap_or_default())
}

/// What a program says that it is, if it and another one are there. A worker asks, which is left behind
/// at the timeout: it may look at a dead mount, as each of a `PATH` does that has one.
pub fn describe_program(words: &[&str], beside: Option<&str>, limit: Duration) -> Option<String> {
    let mut worker = Process::start(None).ok()?;
    let words = words.iter().map(ToString::to_string).collect();
    worker.send(&Job::Describe { words, beside: beside.map(str::to_owned), limit }).ok()?;
    match worker.wait(sys::awake() + limit) {
        Some(Answer::Described(text)) => text,
        _ => None,
    }
}

impl Worker for Process {
    fn send(&mut self, job: &Job) -> Result<(), String> {
        self.output.extend(encode(job)?);
        self.flush()
    }

    fn receive(&mut self) -> Result<Option<Answer>, String> {
        self.flush()?;
        if let Some(answer) = decode(&mut self.input)? {
            return Ok(Some(answer));
        }
        let mut chunk = [0; CHUNK];
        loop {
            match self.stdout.read(&mut chunk) {
                Ok(0) => return Err("the worker ended".into()),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        decode(&mut self.input)
    }

    fn kill(&mut self) {
        // Once it was waited for, its pid may be another's.
        if !self.reaped {
            // Stopped, it starts nothing more; it is last, because it keeps its orphans findable.
            let _ = kill_process(self.pid, Signal::STOP);
            self.killed.extend(family::kill_descendants(self.id()));
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }

    fn has_ended(&mut self) -> bool {
        self.reaped = self.reaped || self.has_left();
        if self.reaped {
            self.killed.retain(|killed| !killed.has_ended());
        }
        self.reaped && self.killed.is_empty()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A worker ends with its input; one that hangs is killed and not waited for.
        self.stdin = None;
        self.kill();
        self.has_ended();
    }
}

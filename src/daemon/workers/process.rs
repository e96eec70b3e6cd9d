//! One worker process: started, talked to over its pipes without ever waiting for it, and killed
//! with all that it started. What it works on and who else works is not known here.

use std::collections::HashSet;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::message::{Answer, Job, pack, unpack};
use rainline_client::timespec;
use rainline_client::{spawn, sys};

/// A session in which ever more processes appear is left to its limits after so many.
const MOST_KILLED: usize = 10_000;

/// A worker process and its pipes.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Whether it has ended and was waited for.
    over: bool,
}

/// Kills the processes of a session but its leader. Commands have groups of their own in it; what
/// made a session of its own is a daemon that somebody wanted.
fn end_session(leader: u32) {
    let mut killed = HashSet::from([leader as i32]);
    // Again until there is nobody new: who was just being forked is in no list yet.
    loop {
        let before = killed.len();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if sys::session(pid) == leader && killed.insert(pid) {
                let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
            }
        }
        if killed.len() == before || killed.len() > MOST_KILLED {
            return;
        }
    }
}

impl Process {
    /// Runs our own program again as a worker. `root` stands for `/` in what its sources read.
    pub fn start(root: Option<&Path>) -> std::io::Result<Process> {
        // The link itself: also after an upgrade it is the program that we are.
        let link = PathBuf::from("/proc/self/exe");
        let exe = if link.exists() { link } else { spawn::executable()? };
        let mut command = Command::new(exe);
        command.arg("worker");
        if let Some(root) = root {
            command.arg("--root").arg(root);
        }
        command.current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("a worker without pipes"));
        };
        // Who talks to a worker must not hang with it.
        rustix::io::ioctl_fionbio(&stdin, true)?;
        rustix::io::ioctl_fionbio(&stdout, true)?;
        let (input, output) = Default::default();
        Ok(Process { child, stdin: Some(stdin), stdout, input, output, over: false })
    }

    pub fn send(&mut self, job: &Job, raw: &[u8]) -> Result<(), String> {
        self.output.extend(pack(job, raw));
        self.flush()
    }

    /// Writes what the pipe takes.
    fn flush(&mut self) -> Result<(), String> {
        let Some(stdin) = &self.stdin else { return Err("the worker was told to end".into()) };
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

    /// Takes what the pipe has; an answer if one is whole.
    pub fn receive(&mut self) -> Result<Option<(Answer, Vec<u8>)>, String> {
        self.flush()?;
        if let Some(answer) = unpack(&mut self.input)? {
            return Ok(Some(answer));
        }
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stdout.read(&mut chunk) {
                Ok(0) => return Err("the worker ended".into()),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        unpack(&mut self.input)
    }

    /// Waits for the next answer until a moment of [`sys::awake`]; `None` when there is none.
    pub fn wait(&mut self, until: Duration) -> Option<(Answer, Vec<u8>)> {
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

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process and what it started. Whether it is over.
    pub fn kill(&mut self) -> bool {
        // Once it was waited for, its number may be another's.
        if !self.over {
            let _ = self.child.kill();
            end_session(self.child.id());
        }
        self.is_over()
    }

    pub fn is_over(&mut self) -> bool {
        self.over |= !matches!(self.child.try_wait(), Ok(None));
        self.over
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A worker ends with its input; one that hangs is killed, and never waited for.
        self.stdin = None;
        self.kill();
    }
}

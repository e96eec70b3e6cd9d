//! A section of the report, looked at by a process of its own.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rainline_client::{spawn, sys, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use super::Health;

/// Why a section is not known in time.
const HANGS: &str = "a file system or program that is looked at does not answer";
/// How often a process that is about to end is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The process, in a group of its own with all that it starts.
pub struct Part {
    child: Child,
}

impl Part {
    /// Runs this program again for one section.
    pub fn start(section: &str) -> Result<Part, String> {
        // The link itself, so that no file of the user's is looked at here.
        let link = Path::new("/proc/self/exe");
        let program = if link.is_symlink() { Ok(link.to_owned()) } else { spawn::executable() };
        let child = Command::new(program.map_err(|error| error.to_string())?)
            .arg0(sys::program())
            .args(["doctor", "--section", section])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        child.map(|child| Part { child }).map_err(|error| error.to_string())
    }

    /// What it found until then, and how bad that is; else why that is not known.
    pub fn wait(mut self, until: Duration) -> Result<(String, Health), String> {
        let mut text = Vec::new();
        let Some(out) = &mut self.child.stdout else { return Err("it has no output".into()) };
        loop {
            let left = until.saturating_sub(sys::awake());
            let mut fds = [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::IN)];
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(1..) => {}
                Ok(0) => return Err(HANGS.into()),
                // Stopped and continued by the user.
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.to_string()),
            }
            let mut chunk = [0; 4096];
            match out.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => text.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        // It has closed its output, and ends. Closing its other files may hang yet.
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if sys::awake() >= until => return Err(HANGS.into()),
                Ok(None) => std::thread::sleep(LOOK_AGAIN),
                Err(error) => return Err(error.to_string()),
            }
        };
        let health = match status.code() {
            Some(0) => Health::Fine,
            Some(1) => Health::Warning,
            Some(2) => Health::Broken,
            _ => return Err(format!("looking at it failed: {status}")),
        };
        Ok((String::from_utf8_lossy(&text).into_owned(), health))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not waited for: what is stuck in the kernel does not die.
        if matches!(self.child.try_wait(), Ok(None))
            && let Some(group) = Pid::from_raw(self.child.id() as i32)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

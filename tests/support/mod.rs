//! What the tests stand on: a home of their own, a terminal they can look at, a tmux server that
//! nobody else knows. Everything started here is gone when its owner is dropped.
//!
//! A wait is a poll for bytes or for an exit, or for what can only be asked for again ([`until`]),
//! with a deadline so generous that only a real hang meets it.
#![allow(dead_code)] // Not every test module uses every helper.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

pub mod hostile;
pub mod machine;
pub mod stream;
pub mod terminal;
pub mod tmux;

pub use stream::Stream;
pub use terminal::{Look, Terminal};
pub use tmux::Tmux;

/// How long anything may take before a test says that it hangs.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// The path of an installed program. Fails with what to do where there is none.
pub fn tool(name: &str) -> PathBuf {
    found(name).unwrap_or_else(|| {
        panic!("{name} is not installed; `tests/run` installs what the tests need")
    })
}

/// The path of a program on `PATH`, or `None`.
pub fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The project's own folder; `RAINLINE_TEST_ROOT` where the tests run from a copy.
pub fn root() -> PathBuf {
    let copy = std::env::var_os("RAINLINE_TEST_ROOT").map(PathBuf::from);
    copy.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
}

/// The program under test; `RAINLINE_TEST_BIN` where the tests run from a copy.
pub fn program() -> PathBuf {
    let copy = std::env::var_os("RAINLINE_TEST_BIN").map(PathBuf::from);
    copy.unwrap_or_else(|| env!("CARGO_BIN_EXE_rainline").into())
}

/// The lines that wire a shell, with other patience than a person has: the answer to a prompt may
/// take so many milliseconds, most of which the daemon may wait for a config and first readings, and
/// the shell waits for its channel as long as it takes. What a prompt shows is then no matter of how
/// busy the machine is.
pub fn patient(lines: &str, milliseconds: u16) -> String {
    let ask = "print prompt all ";
    assert!(lines.contains(ask), "no call to be patient in:\n{lines}");
    // fish has no channel.
    let lines = lines.replace(" -t 0.1 ", &format!(" -t {} ", DEADLINE.as_secs() / 2));
    let lines = lines.replace(ask, &format!("{ask}--deadline={milliseconds} "));
    // As bash writes it into its channel.
    lines.replace(r"\0all\0", &format!(r"\0all\0--deadline={milliseconds}\0"))
}

/// Compares `text` with `tests/golden/NAME`. Where they differ the file is rewritten and the test
/// fails once: look at the difference, and keep it or mend the code.
pub fn golden(name: &str, text: &str) {
    let path = root().join("tests/golden").join(name);
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a directory");
    fs::write(&path, text).expect("a file");
    panic!("{} was not what the code makes and has been rewritten; see `git diff`", path.display());
}

/// Waits for the end of a process that is not our child.
pub fn wait_end(pid: u32) {
    let Ok(fd) = pidfd_open(Pid::from_raw(pid as i32).expect("a pid"), PidfdFlags::empty()) else {
        return;
    };
    let timeout = Timespec::try_from(DEADLINE).expect("short");
    let ended = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).expect("poll");
    assert_eq!(
        ended,
        1,
        "{pid} does not end: {:?}",
        fs::read_to_string(format!("/proc/{pid}/cmdline"))
    );
}

/// A home directory with nothing in it, and an environment that knows of no other.
pub struct Sandbox {
    root: tempfile::TempDir,
    extra: Vec<(OsString, OsString)>,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        // Directly below /tmp: a socket's path has 107 bytes at most.
        let root = tempfile::Builder::new().prefix("rl-").tempdir_in("/tmp").expect("a directory");
        let sandbox = Sandbox { root, extra: Vec::new() };
        for dir in
            [sandbox.home(), sandbox.runtime(), sandbox.home().join(".config"), sandbox.path("tmp")]
        {
            fs::create_dir_all(&dir).expect("a directory");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(&dir, private).expect("permissions");
        }
        sandbox
    }

    /// Adds or replaces a variable of the environment.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Sandbox {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// A path inside the sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// What `RAINLINE_RUNTIME_DIR` says.
    pub fn runtime(&self) -> PathBuf {
        self.path("run")
    }

    /// The config file that a `rainline` of this sandbox reads.
    pub fn config(&self) -> PathBuf {
        self.home().join(".config/rainline/config.toml")
    }

    /// Writes a file below the sandbox, at once and as a whole.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        let new = path.with_extension("new");
        fs::write(&new, text).expect("a file");
        fs::rename(&new, &path).expect("a rename");
        path
    }

    /// The files of this name anywhere in the sandbox.
    pub fn files_named(&self, name: &str) -> Vec<PathBuf> {
        let mut dirs = vec![self.root.path().to_owned()];
        let mut found = Vec::new();
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                if entry.file_name() == name {
                    found.push(entry.path());
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    dirs.push(entry.path());
                }
            }
        }
        found
    }

    /// The whole environment of whatever runs in here.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let home = self.home();
        let mut env: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or("/usr/bin:/bin".into())),
            ("HOME".into(), home.clone().into()),
            ("XDG_CONFIG_HOME".into(), home.join(".config").into()),
            ("XDG_STATE_HOME".into(), home.join(".local/state").into()),
            ("XDG_CACHE_HOME".into(), home.join(".cache").into()),
            ("XDG_DATA_HOME".into(), home.join(".local/share").into()),
            ("TMPDIR".into(), self.path("tmp").into()),
            ("TMUX_TMPDIR".into(), self.path("tmp").into()),
            ("RAINLINE_RUNTIME_DIR".into(), self.runtime().into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("SHELL".into(), "/bin/sh".into()),
            ("TERM".into(), "xterm-256color".into()),
        ];
        env.retain(|(name, _)| !self.extra.iter().any(|(own, _)| own == name));
        env.extend(self.extra.iter().cloned());
        env
    }

    /// A command that sees this sandbox and nothing else.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env()).current_dir(self.home());
        command
    }

    /// The program under test, in this sandbox.
    pub fn rainline(&self) -> Command {
        self.command(program())
    }

    /// The processes that have this sandbox's runtime directory in their environment.
    pub fn processes(&self) -> Vec<Pid> {
        let needle = self.runtime().into_os_string().into_encoded_bytes();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|env| env.windows(needle.len()).any(|part| part == needle))
        })
        .filter_map(Pid::from_raw)
        .collect()
    }

    /// Those of them that are workers of its daemon.
    pub fn workers(&self) -> Vec<u32> {
        let word = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == b"worker")
        };
        let pids = self.processes().into_iter().map(|pid| pid.as_raw_nonzero().get() as u32);
        pids.filter(word).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for pid in self.processes() {
            // Already gone is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_sandbox_takes_its_processes_with_it() {
        let sandbox = Sandbox::new();
        let mut terminal = Terminal::spawn(&sandbox, &["sh", "-c", "echo up; exec cat"], 3, 20);
        terminal.wait_text("up");
        let pid = Pid::from_raw(terminal.pid() as i32).expect("a pid");
        assert!(sandbox.processes().contains(&pid));
        drop(sandbox);
        assert_eq!(terminal.end(), None, "killed, not ended");
    }

    #[test]
    fn a_terminal_has_a_size_and_an_end() {
        let sandbox = Sandbox::new();
        let mut terminal =
            Terminal::spawn(&sandbox, &["sh", "-c", "stty size; read x; stty size; exit 3"], 4, 33);
        terminal.wait_text("4 33");
        terminal.resize(5, 44);
        terminal.send("\n");
        terminal.wait_text("5 44");
        assert_eq!(terminal.end(), Some(3));
    }
}

/// Waits for what must come, however slow the machine is.
#[track_caller]
pub fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(Instant::now() < give_up, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process of this number is there and not only waiting to be collected.
pub fn lives(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

//! A home directory with nothing in it, an environment that knows of no other, and the daemon and
//! clients that run there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use super::{Stream, guard, process, program, signal, until, wait_end, with_deadline};

/// How many milliseconds a client waits for its answer unless a test says otherwise: an answer must
/// not be another because the machine is busy.
const LONG_DEADLINE: &str = "20000";

pub struct Sandbox {
    root: tempfile::TempDir,
    env: Vec<(OsString, OsString)>,
    program: PathBuf,
}

/// How it is made.
impl Sandbox {
    pub fn new() -> Sandbox {
        let root = guard::temporary();
        let dir = |name: &str| root.path().join(name);
        let home = dir("home");
        let config = home.join(".config");
        for path in [&home, &config, &dir("run"), &dir("tmp")] {
            make_private(path);
        }
        let env = [
            ("PATH", std::env::var_os("PATH").unwrap_or("/usr/bin:/bin".into())),
            ("HOME", home.clone().into()),
            ("XDG_CONFIG_HOME", config.into()),
            ("XDG_STATE_HOME", home.join(".local/state").into()),
            ("XDG_CACHE_HOME", home.join(".cache").into()),
            ("XDG_DATA_HOME", home.join(".local/share").into()),
            ("TMPDIR", dir("tmp").into()),
            ("TMUX_TMPDIR", dir("tmp").into()),
            ("RAINLINE_RUNTIME_DIR", dir("run").into()),
            ("LANG", "C.UTF-8".into()),
            ("SHELL", "/bin/sh".into()),
            ("TERM", "xterm-256color".into()),
        ];
        let env = env.map(|(name, value)| (name.into(), value)).to_vec();
        Sandbox { root, env, program: program() }
    }

    /// One with this config, whose daemon runs.
    #[track_caller]
    pub fn running(config: &str) -> Sandbox {
        let sandbox = Sandbox::new().configured(config);
        sandbox.start_daemon(&[]);
        sandbox
    }

    /// One with this config, whose daemon takes a directory for its machine.
    #[track_caller]
    pub fn on_machine(machine: &Path, config: &str) -> Sandbox {
        let sandbox = Sandbox::new().configured(config);
        sandbox.start_daemon(&["--root", machine.to_str().expect("UTF-8")]);
        sandbox
    }

    pub fn configured(self, config: &str) -> Sandbox {
        self.configure(config);
        self
    }

    /// Adds or replaces a variable of the environment.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Sandbox {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.into(), value.into()));
        self
    }

    /// Leaves only these variables of the environment.
    pub fn with_only(mut self, names: &[&str]) -> Sandbox {
        self.env.retain(|(known, _)| names.iter().any(|name| known == name));
        self
    }

    /// Another build of the program.
    pub fn with_program(mut self, program: &Path) -> Sandbox {
        self.program = program.to_owned();
        self
    }

    /// Programs of [`Sandbox::install`] are found before all others.
    pub fn with_bin(self) -> Sandbox {
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        self.with("PATH", path)
    }

    /// A place for the sockets of screen, which wants one that is closed to others.
    pub fn with_screens(self) -> Sandbox {
        let screens = self.path("screens");
        make_private(&screens);
        self.with("SCREENDIR", screens)
    }

    /// The runtime directory is not there yet.
    pub fn without_runtime(self) -> Sandbox {
        fs::remove_dir(self.runtime()).expect("it was empty");
        self
    }
}

/// Its files.
impl Sandbox {
    /// A path inside the sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// What `RAINLINE_RUNTIME_DIR` says.
    pub fn runtime(&self) -> PathBuf {
        let dir = self.env.iter().find(|(name, _)| name == "RAINLINE_RUNTIME_DIR");
        dir.map(|(_, dir)| dir.into()).expect("it is always there")
    }

    /// Where its daemon listens.
    pub fn socket(&self) -> PathBuf {
        self.runtime().join(format!("rainline-{}.sock", rainline_client::protocol::PROTOCOL))
    }

    /// The config file that a `rainline` of this sandbox reads.
    pub fn config(&self) -> PathBuf {
        self.home().join(".config/rainline/config.toml")
    }

    pub fn configure(&self, config: &str) {
        self.write("home/.config/rainline/config.toml", config);
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

    /// Writes a file that can be run.
    pub fn write_program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let (written, copy) =
            (self.write(&format!("{name}.text"), text), path.with_extension("copy"));
        copy_program(&written, &copy);
        fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("permissions");
        fs::rename(&copy, &path).expect("a rename");
        fs::remove_file(written).expect("it was there");
        path
    }

    /// Writes a shell script into `bin`; see [`Sandbox::with_bin`].
    pub fn install(&self, name: &str, script: &str) -> PathBuf {
        self.write_program(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"))
    }

    /// A FIFO below the sandbox.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        super::make_fifo(&path);
        path
    }

    /// Waits until the daemon has read its history: one that was not read yet is not written over.
    #[track_caller]
    pub fn until_history_is_read(&self) {
        let is_read = |status: String| !status.contains("(not read)");
        super::until_true("the history", || self.status().is_some_and(is_read));
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
}

/// What runs in it.
impl Sandbox {
    /// A command that sees this sandbox and nothing else.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().cloned()).current_dir(self.home());
        command
    }

    /// The program under test, in this sandbox.
    pub fn rainline(&self) -> Command {
        self.command(&self.program)
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.rainline().args(args).stdin(Stdio::null()).output().expect("it runs")
    }

    /// What the program prints; it must end well and complain of nothing.
    #[track_caller]
    pub fn output(&self, args: &[&str]) -> String {
        output_of(self.run(args))
    }

    /// `rainline print` with these arguments.
    pub fn printing(&self, args: &[&str]) -> Command {
        let mut command = self.rainline();
        command.arg("print").args(args).stdin(Stdio::null());
        if !args.contains(&"--deadline") {
            command.args(["--deadline", LONG_DEADLINE]);
        }
        command
    }

    /// The one line that `rainline print` gives, with its end.
    #[track_caller]
    pub fn print(&self, args: &[&str]) -> String {
        one_line(self.printing(args).output().expect("it runs"))
    }

    /// `rainline stream` with these arguments. Before the daemon answers it would draw by itself, and
    /// start what only the daemon should.
    pub fn stream(&self, args: &[&str]) -> Stream {
        let mut command = self.rainline();
        command.arg("stream").args(args).stdin(Stdio::null());
        if !args.contains(&"--deadline") {
            command.args(["--deadline", LONG_DEADLINE]);
        }
        Stream::start(&mut command)
    }

    /// What `rainline init HOST` prints here.
    #[track_caller]
    pub fn wiring(&self, host: &str) -> String {
        self.output(&["init", host])
    }

    /// The same for a shell, with answers that may take their time.
    #[track_caller]
    pub fn wiring_with_long_deadline(&self, shell: &str) -> String {
        with_deadline(&self.wiring(shell), LONG_DEADLINE.parse().expect("a number"))
    }

    /// Starts the daemon with these options.
    #[track_caller]
    pub fn start_daemon(&self, more: &[&str]) {
        let output = self.run(&[&["daemon", "start"], more].concat());
        if !output.status.success() {
            // On a busy machine it takes longer than the command waits.
            let why = String::from_utf8_lossy(&output.stderr);
            assert!(why.contains("no daemon answers"), "{why}");
            until("an answer of the daemon", || self.status());
        }
    }

    #[track_caller]
    pub fn stop_daemon(&self) {
        self.output(&["daemon", "stop"]);
    }

    /// What the daemon says of itself; `None` where none runs.
    pub fn status(&self) -> Option<String> {
        let output = self.run(&["daemon", "status"]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The number after this word of the status.
    pub fn figure(&self, word: &str) -> Option<u32> {
        let status = self.status()?;
        let mut words = status.split_whitespace();
        words.find(|known| *known == word)?;
        words.next()?.parse().ok()
    }

    /// The number of the daemon's process; `None` where none answers.
    pub fn daemon(&self) -> Option<u32> {
        self.figure("pid")
    }

    pub fn doctor(&self) -> String {
        String::from_utf8_lossy(&self.run(&["doctor"]).stdout).into_owned()
    }

    /// The processes that have this sandbox's runtime directory in their environment.
    pub fn processes(&self) -> Vec<u32> {
        process::with_environment(self.runtime().as_os_str().as_encoded_bytes())
    }

    /// Those of them with this word, or these words in a row, among their arguments.
    pub fn processes_named(&self, words: &str) -> Vec<u32> {
        let words = format!(" {words} ");
        let named = |pid: &u32| process::command_line(*pid).contains(&words);
        self.processes().into_iter().filter(named).collect()
    }

    /// The daemons that live, whether or not they answer.
    pub fn daemons(&self) -> Vec<u32> {
        self.processes_named("daemon")
    }

    pub fn workers(&self) -> Vec<u32> {
        self.processes_named("worker")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let root = [self.root.path().as_os_str().as_encoded_bytes(), b"/"].concat();
        // A process that starts another and ends while they are looked for hides both, once.
        let mut looks_without = 0;
        while looks_without < 2 {
            let left = process::with_environment(&root);
            looks_without = if left.is_empty() { looks_without + 1 } else { 0 };
            left.iter().for_each(|pid| signal(*pid, Signal::KILL));
            left.into_iter().for_each(wait_end);
        }
        // One that was closed to ourselves cannot be removed.
        let run = self.path("run");
        if fs::symlink_metadata(&run).is_ok_and(|run| run.is_dir()) {
            let _ = fs::set_permissions(run, PermissionsExt::from_mode(0o700));
        }
    }
}

/// What a command printed that ended well and complained of nothing.
#[track_caller]
pub fn output_of(output: Output) -> String {
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The same of a command that prints a line: one, and whole.
#[track_caller]
pub fn one_line(output: Output) -> String {
    let line = output_of(output);
    assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
    line
}

fn make_private(dir: &Path) {
    fs::create_dir_all(dir).expect("a directory");
    fs::set_permissions(dir, PermissionsExt::from_mode(0o700)).expect("permissions");
}

/// Copies what shall be run, in another process: what this one writes may be open in a process that
/// another test starts just then, and the system runs no file that is open so.
pub fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").args([from, to]).status();
    assert!(status.expect("cp runs").success());
}

mod tests {
    use super::super::{Terminal, lives};
    use super::*;

    #[test]
    fn a_sandbox_takes_its_processes_with_it() {
        let sandbox = Sandbox::new();
        let mut terminal = Terminal::spawn(&sandbox, &["sh", "-c", "echo up; exec cat"], 3, 20);
        terminal.wait_text("up");
        let pid = terminal.pid();
        assert!(sandbox.processes().contains(&pid));
        drop(sandbox);
        assert!(!lives(pid));
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

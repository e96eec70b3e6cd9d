//! What a print and a stream cost, counted and not timed: system calls, page faults, processes.
//!
//! The bounds are those of the build that is tested. The static release has its own, tighter ones;
//! its test says so and ends where that build does not exist (`cargo static` makes it).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::DEADLINE;
use crate::support::root;

const EXE: &str = env!("CARGO_BIN_EXE_rainline");
/// A line that everybody shares, which is published, and one that depends on who asks.
const SHARED: &str = "[line.tmux]\nright = [\"cpu\", \"memory\", \"clock\"]\n";

/// A runtime directory and a home of their own, and a daemon of this build.
struct House {
    root: tempfile::TempDir,
    exe: PathBuf,
}

impl House {
    fn of(exe: &Path) -> House {
        let house = House { root: tempfile::tempdir().expect("a directory"), exe: exe.to_owned() };
        let config = house.root.path().join(".config/rainline");
        std::fs::create_dir_all(&config).expect("made");
        std::fs::write(config.join("config.toml"), SHARED).expect("written");
        assert!(house.command(&["daemon", "start"]).output().expect("it runs").status.success());
        house
    }

    /// The environment is part of what is counted: it is always this one.
    fn around(&self, command: &mut Command) {
        command.env_clear().env("HOME", self.root.path()).env("LANG", "C.UTF-8");
        command.env("PATH", "/usr/bin:/bin").env("RAINLINE_RUNTIME_DIR", self.runtime());
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(Stdio::null());
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.exe);
        self.around(&mut command);
        command.args(args);
        command
    }

    fn runtime(&self) -> PathBuf {
        self.root.path().join("runtime")
    }

    /// The frame files that lie there, without those that are just being written.
    fn frames(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.runtime()).expect("a directory").flatten();
        let whole = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with("frame-") && !name.contains('.')
        };
        entries.map(|entry| entry.path()).filter(whole).collect()
    }

    fn print(&self, line: &[&str]) -> String {
        let output = self.command(line).output().expect("it runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn requests(&self) -> u32 {
        let status = self.print(&["daemon", "status"]);
        let mut words = status.split_whitespace();
        words.find(|word| *word == "requests");
        words.next().and_then(|count| count.parse().ok()).expect("a number")
    }

    /// The system calls of a command, by name.
    fn calls(&self, line: &[&str]) -> Vec<String> {
        let log = self.root.path().join("strace");
        let mut command = Command::new("strace");
        self.around(&mut command);
        let status = command.arg("-f").arg("-o").arg(&log).arg(&self.exe).args(line).status();
        assert!(status.expect("strace runs").success());
        let log = std::fs::read_to_string(log).expect("a log");
        let calls = log.lines().filter_map(|line| {
            // "123 name(…": with -f the process stands first.
            let call = line.split_once(' ')?.1.trim_start();
            let name = call.split('(').next()?;
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then(|| name.to_owned())
        });
        calls.collect()
    }

    /// The page faults of a command that end without a disk, the fewest of a few runs.
    fn faults(&self, line: &[&str]) -> u64 {
        let run = || {
            let mut command = Command::new("/bin/sh");
            self.around(&mut command);
            // The shell's own children are counted apart from the shell: what it execs is one.
            let script = "\"$@\" >/dev/null; IFS= read -r all </proc/$$/stat; echo \"$all\"";
            let output = command.args(["-c", script, "sh"]).arg(&self.exe).args(line).output();
            let stat = String::from_utf8(output.expect("it runs").stdout).expect("text");
            // proc(5): after the name in brackets, cminflt is the ninth field.
            let after = stat.rsplit_once(") ").expect("a name").1.to_owned();
            after.split(' ').nth(8).and_then(|count| count.parse().ok()).expect("a number")
        };
        (0..5).map(|_| run()).min().expect("runs")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.command(&["daemon", "stop"]).output();
    }
}

fn count(calls: &[String], names: &[&str]) -> usize {
    calls.iter().filter(|call| names.contains(&call.as_str())).count()
}

#[track_caller]
fn until(what: &str, mut there: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !there() {
        assert!(Instant::now() < give_up, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Over the socket, always: it shows the session, which depends on who asks.
const ASKED: &[&str] = &["print", "tmux", "left", "--columns", "100", "--deadline", "9000"];
/// From a frame file once it was asked for twice.
const READY: &[&str] = &["print", "tmux", "right", "--columns", "100", "--deadline", "9000"];

/// Asks until a file lies ready, and takes the way of the file with the next print. A file counts
/// for a few seconds: a busy machine may need some attempts.
fn ready(house: &House, mut act: impl FnMut() -> bool) {
    until("a print from a frame file", || {
        until("a frame file", || {
            house.print(READY);
            !house.frames().is_empty()
        });
        act()
    });
}

struct Bounds {
    socket: usize,
    file: usize,
    faults: u64,
}

fn holds(house: &House, bounds: &Bounds) {
    house.print(ASKED);
    let calls = house.calls(ASKED);
    assert!(calls.len() <= bounds.socket, "{} calls over the socket: {calls:?}", calls.len());
    assert_eq!(count(&calls, &["fork", "vfork", "clone", "clone3"]), 0);
    assert_eq!(count(&calls, &["write", "writev"]), 1);
    let faults = house.faults(ASKED);
    assert!(faults <= bounds.faults, "{faults} page faults over the socket");
    let mut from_file = Vec::new();
    ready(house, || {
        from_file = house.calls(READY);
        count(&from_file, &["socket"]) == 0
    });
    let calls = from_file;
    assert!(calls.len() <= bounds.file, "{} calls from a file: {calls:?}", calls.len());
    assert_eq!(count(&calls, &["fork", "vfork", "clone", "clone3"]), 0);
    assert_eq!(count(&calls, &["write", "writev"]), 1);
    ready(house, || {
        let before = house.requests();
        let faults = house.faults(READY);
        // Nobody was asked but for the second status.
        house.requests() == before + 1 && {
            assert!(faults <= bounds.faults, "{faults} page faults from a file");
            true
        }
    });
}

#[test]
fn a_warm_print_costs_few_calls_and_no_process() {
    // What the dynamic linker does before us differs from one C library to the next, and it touches
    // a page for every few tables: a kind of segment is half a page fault here, and none in the
    // static program.
    holds(&House::of(Path::new(EXE)), &Bounds { socket: 90, file: 85, faults: 330 });
}

#[test]
fn a_static_print_costs_next_to_nothing() {
    let exe = root().join("target/x86_64-unknown-linux-musl/release/rainline");
    let Ok(built) = std::fs::metadata(&exe).and_then(|exe| exe.modified()) else { return };
    // An old one says nothing about this code.
    let sources = std::fs::metadata(EXE).and_then(|exe| exe.modified()).expect("built");
    if built + Duration::from_secs(3600) < sources {
        return;
    }
    holds(&House::of(&exe), &Bounds { socket: 24, file: 18, faults: 24 });
}

#[test]
fn a_published_line_is_that_of_the_socket_and_for_us_alone() {
    use std::os::unix::fs::MetadataExt;
    let house = House::of(Path::new(EXE));
    ready(&house, || {
        let line = house.print(READY);
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        for file in house.frames() {
            // One that counted no longer may just have been taken away.
            let Ok(file) = file.metadata() else { continue };
            assert_eq!(file.mode() & 0o777, 0o600);
        }
        true
    });
    assert!(house.print(&["daemon", "reload"]).contains("reloading"));
    house.command(&["daemon", "stop"]).output().expect("it runs");
    assert_eq!(house.frames(), [""; 0].map(PathBuf::from));
}

#[test]
fn a_file_that_does_not_count_is_not_printed() {
    let house = House::of(Path::new(EXE));
    let mut name = None;
    ready(&house, || {
        name = house.frames().pop();
        name.is_some()
    });
    house.command(&["daemon", "stop"]).output().expect("it runs");
    let file = name.expect("a name");
    let whole = |until: u64| {
        let mut bytes = Vec::new();
        let until = Duration::from_secs(until);
        rainline::runtime::frame_header(rainline::protocol::build_id(), until, &mut bytes);
        bytes.extend_from_slice(b"FORGED\n");
        bytes
    };
    // It is found under that name, so what keeps the others out is what they say.
    std::fs::write(&file, whole(u64::MAX >> 32)).expect("written");
    assert_eq!(house.print(READY), "FORGED\n");
    let mut other_build = whole(u64::MAX >> 32);
    other_build[4] ^= 1;
    let mut cut = whole(u64::MAX >> 32);
    cut.pop();
    for bytes in [whole(1), other_build, cut, b"FORGED\n".to_vec(), Vec::new()] {
        std::fs::write(&file, bytes).expect("written");
        assert!(!house.print(READY).contains("FORGED"));
    }
}

#[test]
fn streams_of_one_shape_cost_one_drawing_and_hear_of_changes_only() {
    let house = House::of(Path::new(EXE));
    let line = ["stream", "tmux", "right", "--target", "plain", "--columns", "60"];
    let mut streams: Vec<_> =
        (0..5).map(|_| house.command(&line).spawn().expect("it runs")).collect();
    let firsts: Vec<_> = streams
        .iter_mut()
        .map(|stream| {
            let mut lines = BufReader::new(stream.stdout.take().expect("piped")).lines();
            (lines.next().expect("a line").expect("text"), lines)
        })
        .collect();
    until("five streams", || house.print(&["daemon", "status"]).contains("streams 5"));
    let status = house.print(&["daemon", "status"]);
    assert!(status.contains("views 1 "), "{status}");
    for (first, mut lines) in firsts {
        let mut before = first;
        for _ in 0..3 {
            let line = lines.next().expect("a line").expect("text");
            assert_ne!(line, before);
            before = line;
        }
    }
    for mut stream in streams {
        stream.kill().expect("killed");
        stream.wait().expect("over");
    }
}

#[test]
fn a_stream_whose_daemon_stalls_goes_on_by_itself_and_comes_back() {
    let house = House::of(Path::new(EXE));
    let line = ["stream", "tmux", "right", "--target", "plain", "--columns", "60"];
    let mut stream = house.command(&line).spawn().expect("it runs");
    let mut lines = BufReader::new(stream.stdout.take().expect("piped")).lines();
    lines.next().expect("a line").expect("text");
    until("its stream", || house.print(&["daemon", "status"]).contains("streams 1"));
    let status = house.print(&["daemon", "status"]);
    let pid = status.split_whitespace().nth(1).and_then(|pid| pid.parse().ok()).expect("a pid");
    let daemon = Pid::from_raw(pid).expect("a process");
    kill_process(daemon, Signal::STOP).expect("stopped");
    // What is on its way already, and then lines that nobody but the client can have drawn:
    // a stopped daemon sends nothing.
    for _ in 0..4 {
        lines.next().expect("a line").expect("text");
    }
    kill_process(daemon, Signal::CONT).expect("continued");
    until("its return", || house.print(&["daemon", "status"]).contains("streams 1"));
    lines.next().expect("a line").expect("text");
    stream.kill().expect("killed");
    stream.wait().expect("over");
}

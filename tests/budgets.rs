//! What a print and a stream cost, counted and not timed: system calls, page faults, processes.
//!
//! The bounds are those of the build that is tested. The static release, which
//! `RAINLINE_TEST_STATIC` names, has its own, tighter ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{Sandbox, Stream, program, signal, until_true};

/// A line that is the same for every client, so that all share one view.
const SHARED: &str = "[line.tmux]\nright = [\"cpu\", \"memory\", \"clock\"]\n";

/// A sandbox whose daemon and clients are of one build.
struct Build {
    sandbox: Sandbox,
    exe: PathBuf,
}

impl Build {
    fn of(exe: &Path) -> Build {
        // The environment is part of what is counted: it is always this one.
        let sandbox = Sandbox::new()
            .with_only(&["HOME", "LANG", "RAINLINE_RUNTIME_DIR"])
            .with("PATH", "/usr/bin:/bin")
            .with_program(exe)
            .configured(SHARED);
        sandbox.start_daemon(&[]);
        Build { sandbox, exe: exe.to_owned() }
    }

    fn tested() -> Build {
        Build::of(&program())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.sandbox.command(program);
        command.current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn print(&self, line: &[&str]) -> String {
        let output = self.command(&self.exe).args(line).output().expect("it runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn stream(&self) -> Stream {
        self.sandbox.stream(&["tmux", "right", "--target", "plain", "--columns", "60"])
    }

    /// The system calls of a command, by name.
    fn calls(&self, line: &[&str]) -> Vec<String> {
        let log = self.sandbox.path("strace");
        let mut command = self.command("strace");
        command.stdout(Stdio::null());
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
            let mut command = self.command("/bin/sh");
            // The shell's own children are counted apart from the shell: what it execs is one.
            let script = "\"$@\" >/dev/null; IFS= read -r all </proc/$$/stat; echo \"$all\"";
            let output = command.args(["-c", script, "sh"]).arg(&self.exe).args(line).output();
            let stat = String::from_utf8(output.expect("it runs").stdout).expect("text");
            // proc(5): after the name in brackets, cminflt is the ninth field.
            let after = stat.rsplit_once(") ").expect("a name").1.to_owned();
            after.split(' ').nth(8).and_then(|count| count.parse().ok()).expect("a number")
        };
        (0..20).map(|_| run()).min().expect("runs")
    }
}

fn count(calls: &[String], names: &[&str]) -> usize {
    calls.iter().filter(|call| names.contains(&call.as_str())).count()
}

/// It shows the session, which depends on who asks.
const ASKED: &[&str] = &["print", "tmux", "left", "--columns", "100", "--deadline", "9000"];

struct Bounds {
    calls: usize,
    faults: u64,
}

fn holds(build: &Build, bounds: &Bounds) {
    build.print(ASKED);
    let calls = build.calls(ASKED);
    assert!(calls.len() <= bounds.calls, "{} calls: {calls:?}", calls.len());
    assert_eq!(count(&calls, &["fork", "vfork", "clone", "clone3"]), 0);
    assert_eq!(count(&calls, &["write", "writev"]), 1);
    let faults = build.faults(ASKED);
    assert!(faults <= bounds.faults, "{faults} page faults");
}

#[test]
fn a_warm_print_costs_few_calls_and_no_process() {
    // What the dynamic linker does before us differs from one C library to the next, and it touches
    // a page for every few tables: a kind of segment is half a page fault here, and none in the
    // static program.
    holds(&Build::tested(), &Bounds { calls: 90, faults: 330 });
}

#[test]
fn a_static_print_costs_next_to_nothing() {
    let Some(exe) = std::env::var_os("RAINLINE_TEST_STATIC") else {
        return println!("skipped: no static release is named; `tests/run static` makes one");
    };
    // The start of an empty static program is 14 calls and 27 page faults with glibc, and a few with
    // musl.
    let is_musl = exe.to_string_lossy().contains("-musl/");
    let bounds = match is_musl {
        true => Bounds { calls: 24, faults: 32 },
        false => Bounds { calls: 34, faults: 56 },
    };
    holds(&Build::of(Path::new(&exe)), &bounds);
}

#[test]
fn equal_streams_cost_one_drawing_and_get_changes_only() {
    let build = Build::tested();
    let mut streams: Vec<_> = (0..5).map(|_| build.stream()).collect();
    let firsts: Vec<_> = streams.iter_mut().map(Stream::next).collect();
    until_true("five streams", || build.sandbox.figure("streams") == Some(5));
    assert_eq!(build.sandbox.figure("views"), Some(1));
    for (stream, first) in streams.iter_mut().zip(firsts) {
        let mut before = first;
        for _ in 0..3 {
            let line = stream.next();
            assert_ne!(line, before);
            before = line;
        }
    }
}

#[test]
fn a_stream_whose_daemon_stalls_goes_on_by_itself_and_comes_back() {
    let build = Build::tested();
    let mut stream = build.stream();
    stream.next();
    until_true("its stream", || build.sandbox.figure("streams") == Some(1));
    let daemon = build.sandbox.daemon().expect("it runs");
    signal(daemon, Signal::STOP);
    // What is on its way already, and then lines that only the client can have drawn: a stopped
    // daemon sends nothing.
    (0..4).for_each(|_| drop(stream.next()));
    signal(daemon, Signal::CONT);
    until_true("its return", || build.sandbox.figure("streams") == Some(1));
    stream.next();
}

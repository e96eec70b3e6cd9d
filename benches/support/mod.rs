//! What the benchmarks share: a daemon with a home of its own, processes' figures as the kernel has
//! them, medians. No root, nothing of the user's is touched.
#![allow(dead_code)] // Not every benchmark uses everything.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../../tests/support/mod.rs"]
#[allow(unused_imports)] // Not everything that the tests stand on is needed here.
mod tests;
use tests::Sandbox;

/// The program that is measured: what `RAINLINE_TEST_STATIC` names, else the newest that
/// `scripts/static` built, else that of this profile.
pub fn program() -> PathBuf {
    let named = std::env::var_os("RAINLINE_TEST_STATIC").map(PathBuf::from);
    named.or_else(newest_static).unwrap_or_else(|| env!("CARGO_BIN_EXE_rainline").into())
}

fn newest_static() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(target).join("static");
    let programs = std::fs::read_dir(folder).ok()?.flatten();
    let built = programs.filter_map(|target| {
        let program = target.path().join("release/rainline");
        Some((program.metadata().ok()?.modified().ok()?, program))
    });
    Some(built.max()?.1)
}

/// The sandbox of the tests with the measured program and its daemon, and no more environment than a
/// terminal gives.
pub struct House {
    sandbox: Sandbox,
    pub program: PathBuf,
    /// The daemon that was started with it.
    pub pid: u32,
}

impl House {
    pub fn new(config: &str) -> House {
        let program = program();
        let sandbox = Sandbox::new()
            .with_only(&["HOME", "LANG", "PATH", "RAINLINE_RUNTIME_DIR", "TERM"])
            .with_program(&program)
            .configured(config);
        sandbox.start_daemon(&[]);
        let pid = sandbox.daemon().expect("a daemon");
        House { sandbox, program, pid }
    }

    pub fn home(&self) -> PathBuf {
        self.sandbox.home()
    }

    pub fn runtime(&self) -> PathBuf {
        self.sandbox.runtime()
    }

    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.sandbox.command(program);
        command.current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    pub fn rainline(&self, args: &[&str]) -> Command {
        let mut command = self.command(&self.program);
        command.args(args);
        command
    }

    pub fn print(&self, args: &[&str]) -> String {
        let output = self.rainline(args).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The daemon's process, if there is one.
    pub fn find_daemon(&self) -> Option<u32> {
        self.sandbox.daemon()
    }

    /// The daemon's process.
    pub fn daemon(&self) -> u32 {
        self.sandbox.daemon().expect("a daemon")
    }
}

/// Nanoseconds that a living process has spent on processors (its first thread's, and ours have
/// only that one).
pub fn cpu(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Nanoseconds that all threads of a living process have spent on processors.
pub fn cpu_of_all(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = |folder: std::fs::DirEntry| {
        let text = std::fs::read_to_string(folder.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    threads.map(spent).sum()
}

/// Nanoseconds of the children that a process has collected, in steps of 10 ms.
pub fn childrens_cpu(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<u64> = text
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').map(|field| field.parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    fields.get(13..15).map_or(0, |ticks| ticks.iter().sum::<u64>() * 10_000_000)
}

/// The number after a word of a file of /proc/PID.
pub fn figure(pid: u32, file: &str, word: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Whose parent a process is.
pub fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    text.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// A line of every segment that reads this machine by the clock.
pub fn everything() -> String {
    let by_clock = |kind: &&&rainline_segments::Kind| {
        matches!(kind.pace, rainline_segments::Pace::Tick(_))
            && kind.scope == rainline_segments::Scope::Machine
    };
    let names = rainline_segments::ALL.iter().filter(by_clock).map(|kind| kind.name);
    format!("[line.tmux]\nright = {:?}\n", names.collect::<Vec<_>>())
}

pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this part of all, from 0 to 1, is below.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN)
}

/// Whether a program can be found.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The best of five medians, in microseconds: how long something takes that is done often.
pub fn time(rounds: u32, mut act: impl FnMut()) -> f64 {
    act();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let mut each: Vec<f64> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                act();
                start.elapsed().as_nanos() as f64 / 1e3
            })
            .collect();
        best = best.min(median(&mut each));
    }
    best
}

/// Lets the machine run. A measurement is a stretch of time: there is nothing to wait for.
pub fn run_for(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// What the figures were measured on.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!(
        "{} × {cores}, Linux {}, load {}",
        model.map_or("?", |(_, name)| name),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}

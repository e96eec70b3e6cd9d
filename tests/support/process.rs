//! Processes: whether they live, what they were started with, how they are ended.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::DEADLINE;

/// Whether a process of this number is there and not only waiting to be collected.
pub fn lives(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// Sends a signal. A process that has ended already is fine.
pub fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid as i32).expect("a pid"), signal);
}

/// Whether this process, and so all that it starts, ignores a signal.
pub fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    let mask = u64::from_str_radix(mask.trim(), 16).expect("a number");
    mask & 1 << (signal.as_raw() - 1) != 0
}

/// Waits for the end of a process that is not our child.
pub fn wait_end(pid: u32) {
    let Ok(fd) = pidfd_open(Pid::from_raw(pid as i32).expect("a pid"), PidfdFlags::empty()) else {
        return;
    };
    let timeout = Timespec::try_from(DEADLINE).expect("short");
    let ended = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).expect("poll");
    assert_eq!(ended, 1, "{pid} does not end: {}", command_line(pid));
}

/// Runs a command to its end, and gives what it wrote; a command that hangs fails the test.
#[track_caller]
pub fn output_in_time(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let pid = child.id();
    let (sender, output) = std::sync::mpsc::channel();
    // Ends with the child, or with the sandbox that ends it.
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match output.recv_timeout(DEADLINE) {
        Ok(output) => output.expect("our child"),
        Err(_) => panic!("{pid} does not end: {}", command_line(pid)),
    }
}

/// Stops a process, and waits until it stands still.
#[track_caller]
pub fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    super::until_true("the stop", || stat(pid).is_some_and(|stat| stat[0] == "T"));
}

/// Ticks of a processor that a process has used so far.
pub fn ticks(pid: u32) -> u64 {
    let stat = stat(pid).expect("it lives");
    // utime and stime.
    [11, 12].iter().map(|at| stat[*at].parse::<u64>().expect("a number")).sum()
}

/// The most memory that a process ever had, in kilobytes; 0 where it has ended.
pub fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |number| number.parse().expect("a number"))
}

/// The words a process was started with, each followed by a blank.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// The numbers of all processes.
pub fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes whose environment holds this text.
pub fn with_environment(text: &[u8]) -> Vec<u32> {
    let holds = |pid: &u32| environment(*pid).windows(text.len()).any(|part| part == text);
    all().filter(holds).collect()
}

/// The environment that a process was started with. Amid an exec none can be read, so an empty one is
/// looked at again.
fn environment(pid: u32) -> Vec<u8> {
    let read = || fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut found = read();
    for _ in 0..20 {
        // The first process (a child of 0), threads of the kernel (of 2) and what has ended may have
        // none.
        let has_one =
            |stat: Vec<String>| !matches!(&*stat[0], "Z" | "X") && !matches!(&*stat[1], "0" | "2");
        if !found.is_empty() || !stat(pid).is_some_and(has_one) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        found = read();
    }
    found
}

/// The fields of `/proc/PID/stat` after the name, from the state (the third) on.
pub fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

pub fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    let mut children: Vec<u32> =
        all().filter(|pid| stat(*pid).is_some_and(|stat| stat[1] == parent)).collect();
    children.sort_unstable();
    children
}

/// What a process's ended children cost: page faults, user and system time. It grows with each child
/// that ends.
pub fn cost_of_ended_children(pid: u32) -> [String; 3] {
    let stat = stat(pid).expect("it lives");
    [8, 13, 14].map(|field| stat[field].clone())
}

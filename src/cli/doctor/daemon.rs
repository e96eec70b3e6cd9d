//! What `doctor` finds out about the daemon: it is asked, and where it does not answer, its files and
//! its process are looked at. It never says that none runs while one holds the lock, nor that the next
//! line starts one where none can be started.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use rainline_client::protocol::{Admin, ReplyKind, build_id};
use rainline_client::runtime::{self, Refused, Runtime};
use rainline_client::{self, Why, spawn, sys};
use rainline_segments::family::Stat;

use super::{Health, Report};
use crate::daemon::status::Status;
use crate::quote::{shown_sh, word};

/// How long the daemon has to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a daemon that was told that it is not reached has to mend that, and how often it is asked.
const MENDING: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// As much as a small file of the runtime directory takes.
const PROBE: [u8; 512] = [0; 512];

pub fn look(report: &mut Report) {
    let runtime = match runtime::open() {
        Ok(runtime) => runtime,
        Err((path, why)) => return refused(&path, &why, report),
    };
    report.add(Health::Fine, &format!("runtime directory {}", word(&runtime.path)));
    match ask(&runtime) {
        Ok((ReplyKind::Text, text)) => answered(&text, report),
        Ok(_) => report.add(Health::Warning, "the daemon refuses to report its state"),
        Err(Why::Absent) => absent(&runtime, report),
        Err(Why::Foreign) => {
            report.add(Health::Broken, &Why::Foreign.to_string());
            if let Ok(socket) = runtime.path.join(runtime::SOCKET).symlink_metadata() {
                report.cure(&format!("the socket belongs to user {}", socket.uid()));
            }
            report.cure(SIGN);
        }
        Err(why) => {
            report.add(Health::Broken, &why.to_string());
            let is_stopped = holder(&runtime, report);
            if why == Why::Late {
                report.cure(match is_stopped {
                    // It could not hear anything else.
                    true => "lines are drawn without it until then",
                    false => "lines are drawn without it; wait, or run rainline daemon stop",
                });
            }
        }
    }
}

/// What follows for the lines where there can be no daemon.
const SIGN: &str = "without a daemon each client draws its own line, and the `!` on it says that";

fn ask(runtime: &Runtime) -> Result<(ReplyKind, Vec<u8>), Why> {
    rainline_client::admin(runtime, Admin::Status, TIMEOUT)
}

/// Why the directory is not used, and whose it is.
fn refused(path: &Path, why: &Refused, report: &mut Report) {
    let path_is = format!("{}: {why}", word(path));
    let about = path.symlink_metadata();
    report.add(
        Health::Broken,
        &match &about {
            Ok(about) => {
                let (what, uid, mode) = (kind(about), about.uid(), about.mode() & 0o7777);
                format!("{path_is} (a {what} of user {uid}, mode {mode:04o})")
            }
            Err(_) => path_is,
        },
    );
    if about.is_ok_and(|about| about.uid() == sys::uid() && about.is_dir()) {
        report.cure(&format!("chmod 700 {}", shown_sh(path)));
    }
    report.cure(SIGN);
}

fn kind(about: &std::fs::Metadata) -> &'static str {
    let kind = about.file_type();
    match () {
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "symbolic link",
        () if kind.is_socket() => "socket",
        () if kind.is_fifo() => "FIFO",
        () if kind.is_file() => "file",
        () => "device",
    }
}

fn answered(text: &[u8], report: &mut Report) {
    report.add(Health::Fine, "the daemon answers");
    match serde_json::from_slice::<Status>(text) {
        Ok(status) => state(&status, report),
        Err(_) => outdated(report),
    }
}

/// What the daemon says of itself.
fn state(status: &Status, report: &mut Report) {
    let Status { clients, streams, workers, uptime_seconds, .. } = status;
    report.cure(&format!("pid {}, up for {uptime_seconds} s", status.pid));
    report.cure(&format!("clients: {clients}, of them streams: {streams}; workers: {workers}"));
    for warning in status.warnings() {
        let mut lines = warning.lines();
        report.add(Health::Warning, lines.next().unwrap_or_default());
        lines.for_each(|line| report.cure(line));
    }
    if status.abandoned > 0 {
        report.add(
            Health::Warning,
            &format!("{} workers hang and cannot be ended", status.abandoned),
        );
    }
    status.notes.iter().for_each(|note| report.cure(&format!("note: {note}")));
    if status.build != build_id() {
        outdated(report);
    }
}

fn outdated(report: &mut Report) {
    report.add(Health::Warning, "the daemon is of another version");
    report.cure("rainline daemon stop; the next line starts a new one");
}

/// No process listens. Either no daemon runs, and one can be started or not; or one runs and its socket
/// is not there any more.
fn absent(runtime: &Runtime, report: &mut Report) {
    let socket = runtime.path.join(runtime::SOCKET);
    if let Ok(about) = socket.symlink_metadata()
        && !about.file_type().is_socket()
    {
        let path = word(&socket);
        report.add(Health::Broken, &format!("{path} is a {}: no daemon is reached", kind(&about)));
        let (from, to) = (shown_sh(&socket), shown_sh(socket.with_extension("old")));
        report.cure(&format!("move it away: mv {from} {to}"));
        holder(runtime, report);
        return report.cure(SIGN);
    }
    match runtime.lock(runtime::LOCK) {
        Ok(None) => unreached(runtime, report),
        // One whose lock was removed.
        Ok(Some(_)) if runtime.knock() => unreached(runtime, report),
        Ok(Some(_)) => startable(runtime, report),
        Err(errno) => cannot_open(runtime, runtime::LOCK, errno, report),
    }
}

fn cannot_open(runtime: &Runtime, name: &str, errno: rustix::io::Errno, report: &mut Report) {
    let path = runtime.path.join(name);
    let what = match path.symlink_metadata() {
        Ok(about) if !about.is_file() => format!("is a {}", kind(&about)),
        Ok(about) if about.uid() != sys::uid() => format!("belongs to user {}", about.uid()),
        _ => format!("cannot be opened: {}", runtime::plain(errno)),
    };
    report.add(Health::Broken, &format!("no daemon can be started: {} {what}", word(&path)));
    report.cure(&format!("rm -r {}", shown_sh(&path)));
    report.cure(SIGN);
}

/// A daemon has the lock and is not reached. It is told, as the next line would do.
fn unreached(runtime: &Runtime, report: &mut Report) {
    runtime.knock();
    let until = sys::awake() + MENDING;
    while sys::awake() < until {
        if let Ok((ReplyKind::Text, text)) = ask(runtime) {
            return answered(&text, report);
        }
        std::thread::sleep(ASK_AGAIN);
    }
    report.add(Health::Broken, "a daemon runs, and its socket is not there");
    holder(runtime, report);
    report.cure(SIGN);
}

/// Whether the next line can start a daemon.
fn startable(runtime: &Runtime, report: &mut Report) {
    for name in [runtime::SPAWN_LOCK, runtime::SPAWN_STATE] {
        let is_there = runtime.identity(name).is_some();
        if let Err(errno) = if is_there { runtime.file(name).map(drop) } else { Ok(()) } {
            return cannot_open(runtime, name, errno, report);
        }
    }
    let probe = format!("probe.{}", std::process::id());
    let written = runtime.write(&probe, &PROBE);
    runtime.remove(&probe);
    if let Err(error) = written {
        let path = word(&runtime.path);
        report.add(Health::Broken, &format!("no daemon can be started: {path}: {error}"));
        return report.cure("each client draws its own line meanwhile");
    }
    if let Err(error) = spawn::executable() {
        report.add(Health::Broken, &format!("no daemon can be started: {error}"));
        return report.cure(SIGN);
    }
    let starts = spawn::starts(runtime);
    match starts > spawn::MANY_STARTS && spawn::is_paused(runtime) {
        false => report.add(Health::Fine, "no daemon is running; the next line starts one"),
        true => {
            report.add(Health::Warning, "no daemon is running, and none is started for a while");
            report.cure("the last ones did not last; rainline daemon run says why");
        }
    }
    if starts > spawn::MANY_STARTS {
        report.add(Health::Warning, &format!("started {starts} times in ten minutes"));
    }
}

/// Which process has the daemon's lock, and what it is doing; whether it is stopped.
fn holder(runtime: &Runtime, report: &mut Report) -> bool {
    let mut is_stopped = false;
    let Some((_, inode, _)) = runtime.identity(runtime::LOCK) else { return is_stopped };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`
    let holders = locks.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words[..] else { return None };
        if file.rsplit(':').next() == Some(&inode.to_string()) {
            pid.parse::<u32>().ok()
        } else {
            None
        }
    });
    for pid in holders {
        match Stat::of(pid).map(|stat| char::from(stat.state)) {
            Some('T' | 't') => {
                is_stopped = true;
                report.cure(&format!("pid {pid} has its lock and is stopped (state T)"));
                report.cure(&format!("kill -CONT {pid}"));
            }
            Some('D') => {
                report
                    .cure(&format!("pid {pid} has its lock and is stuck in the kernel (state D)"));
            }
            Some(state) => report.cure(&format!("pid {pid} has its lock (state {state})")),
            None => report.cure("a process of another container has its lock"),
        }
    }
    is_stopped
}

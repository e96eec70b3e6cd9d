//! How a daemon ends, how it is found by its clients, and how the next one takes its place.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rainline_client::protocol::{Admin, Body, HEADER, ReplyHeader, ReplyKind, Request};
use rustix::net::Shutdown;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open};

use super::{bytes, connect, print, print_request, reply, request, running, saying, script};
use crate::support::{Sandbox, found, program, rounds, signal, until, until_true, wait_end};

/// Sends a signal by its number, named or not.
fn send(sandbox: &Sandbox, number: u32, pid: u32) {
    let sent = script(sandbox, "sh", &format!("kill -{number} {pid}"));
    assert!(sent.status.success(), "{number}: {sent:?}");
}

/// The modes of the files that hold the history of a sandbox's daemon.
fn saved(sandbox: &Sandbox) -> Vec<u32> {
    let dir = sandbox.home().join(".local/state/rainline");
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files.map(|file| file.metadata().expect("a file").mode() & 0o777).collect()
}

#[test]
fn no_signal_ends_it_without_its_history() {
    // KILL; CHLD, STOP, TSTP, TTIN, TTOU, URG, WINCH; and those below.
    let kept = [9, 17, 19, 20, 21, 22, 23, 28];
    // Those of faults among them: ILL, BUS, FPE, SEGV.
    let leaving = [2, 3, 4, 6, 7, 8, 11, 15, 24, 30];
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    for number in (1..=64).filter(|number| !kept.contains(number) && !leaving.contains(number)) {
        send(&sandbox, number, pid);
        assert_eq!(until("an answer", || sandbox.daemon()), pid, "after signal {number}");
    }
    for number in leaving {
        let sandbox = running();
        let pid = sandbox.daemon().expect("it runs");
        sandbox.until_history_is_read();
        send(&sandbox, number, pid);
        wait_end(pid);
        assert_eq!(
            (saved(&sandbox), sandbox.socket().exists()),
            (vec![0o600], false),
            "signal {number}"
        );
    }
}

#[test]
fn hup_reads_the_configs_again() {
    let sandbox = Sandbox::new().configured(&saying("one"));
    sandbox.start_daemon(&[]);
    let line = || sandbox.print(&["tmux", "right", "--target", "plain"]);
    until_true("the config", || line().contains("one"));
    sandbox.configure(&saying("two"));
    signal(sandbox.daemon().expect("it runs"), Signal::HUP);
    until_true("the new config", || line().contains("two"));
}

/// What a shell ignores, and what the daemon does with signals, is no command's business.
#[test]
fn commands_of_a_user_start_with_the_signals_of_a_new_process() {
    let config = "[line.tmux]\nright = [\"it\"]\n[segment.it]\nuse = \"custom\"\n\
                  command = [\"grep\", \"SigIgn\", \"/proc/self/status\"]\n";
    let sandbox = Sandbox::new().configured(config);
    let start = "trap '' HUP INT QUIT USR1 USR2 ALRM TERM XFSZ CHLD; \"$0\" daemon start";
    script(&sandbox, "sh", start);
    until("an answer of the daemon", || sandbox.status());
    let line = until("its output", || {
        let line = sandbox.print(&["tmux", "right", "--target", "plain", "--deadline", "2000"]);
        line.contains("SigIgn").then_some(line)
    });
    let mask = line.trim_end().trim_start_matches(|c: char| !c.is_ascii_digit());
    let mask = u64::from_str_radix(mask, 16).expect("a mask");
    // C's library starts every program with its own two ignored.
    assert_eq!(mask & !(0b111 << 31), 0, "{line}");
}

/// A descriptor of the daemon's listening socket, or `None` where this user may take none.
fn listener_of(sandbox: &Sandbox, pid: u32) -> Option<rustix::fd::OwnedFd> {
    let sockets = fs::read_to_string("/proc/net/unix").expect("ours to see");
    let path = sandbox.socket().display().to_string();
    // A listening socket keeps the name under which it was bound.
    let inode = sockets.lines().find(|line| line.contains(&path) && line.contains(" 00010000 "))?;
    let socket = format!("socket:[{}]", inode.split_whitespace().nth(6)?);
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).expect("ours to see").flatten();
    let mut leads =
        fds.filter(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == &*socket));
    let number = leads.next()?.file_name().to_str()?.parse().ok()?;
    let process =
        pidfd_open(Pid::from_raw(pid as i32).expect("a pid"), PidfdFlags::empty()).ok()?;
    pidfd_getfd(process, number, PidfdGetfdFlags::empty()).ok()
}

/// As after a checkpoint was restored: the file is the same, and no daemon is behind it.
#[test]
fn a_socket_that_leads_to_no_daemon_is_made_anew_although_its_file_is_the_same() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    let Some(listener) = listener_of(&sandbox, pid) else {
        return eprintln!("skipped: a process's descriptors cannot be taken here");
    };
    let file = fs::metadata(sandbox.socket()).expect("there").ino();
    rustix::net::shutdown(listener, Shutdown::Both).expect("shut down");
    print(&sandbox);
    until_true("the socket", || sandbox.daemon() == Some(pid));
    assert_ne!(fs::metadata(sandbox.socket()).expect("there").ino(), file);
    until_true("one daemon", || sandbox.daemons() == [pid]);
}

/// The name leads to a process that accepts and says nothing: the one with the lock takes it back.
#[test]
fn a_name_taken_by_what_never_answers_is_taken_back() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    fs::remove_file(sandbox.socket()).expect("removed");
    let _silent = UnixListener::bind(sandbox.socket()).expect("bound");
    signal(pid, Signal::CONT);
    until_true("the socket", || sandbox.daemon() == Some(pid));
}

#[test]
fn a_daemon_whose_name_leads_to_another_leaves() {
    let sandbox = running();
    let first = sandbox.daemon().expect("it runs");
    // Without these two files another one can start, as in a copy of the directory.
    fs::remove_file(sandbox.runtime().join("lock")).expect("removed");
    fs::remove_file(sandbox.runtime().join("knock")).expect("removed");
    fs::remove_file(sandbox.socket()).expect("removed");
    sandbox.start_daemon(&[]);
    let second = until("another daemon", || sandbox.daemon());
    assert_ne!(first, second);
    signal(first, Signal::CONT);
    wait_end(first);
    assert_eq!(sandbox.daemon(), Some(second), "it left the name alone");
}

#[test]
fn a_daemon_whose_directory_is_no_more_at_its_path_leaves_and_the_next_serves() {
    let replace: [fn(&Sandbox); 4] = [
        |sandbox| fs::remove_dir_all(sandbox.runtime()).expect("removed"),
        |sandbox| {
            fs::rename(sandbox.runtime(), sandbox.path("moved")).expect("renamed");
            sandbox.write("run", "");
        },
        |sandbox| {
            fs::rename(sandbox.runtime(), sandbox.path("moved")).expect("renamed");
            symlink(sandbox.path("moved"), sandbox.runtime()).expect("linked");
        },
        |sandbox| fs::rename(sandbox.runtime(), sandbox.path("moved")).expect("renamed"),
    ];
    for (index, replace) in replace.iter().enumerate() {
        let sandbox = running();
        let pid = sandbox.daemon().expect("it runs");
        replace(&sandbox);
        print(&sandbox);
        // What it notices by itself within half a minute.
        signal(pid, Signal::CONT);
        wait_end(pid);
        if matches!(index, 0 | 3) {
            let next = until("another daemon", || {
                print(&sandbox);
                sandbox.daemon()
            });
            assert_ne!(next, pid);
        }
    }
}

/// The build of a daemon of long ago, in the header of its replies.
fn outdated(kind: ReplyKind, nonce: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ReplyHeader::encode(kind, nonce, body, &mut bytes);
    bytes[HEADER - 12..HEADER - 4].fill(0);
    bytes
}

#[test]
fn a_client_of_a_newer_version_starts_a_daemon_of_its_own() {
    let sandbox = Sandbox::new();
    let listener = UnixListener::bind(sandbox.socket()).expect("bound");
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut input = Vec::new();
        let request = loop {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).expect("readable");
            input.extend_from_slice(&chunk[..count]);
            if let Some((request, _)) = Request::decode(&input).expect("a request") {
                break request;
            }
        };
        // It is gone before the next one looks for it.
        drop(listener);
        stream.write_all(&outdated(ReplyKind::Line, request.nonce, b"of old")).expect("written");
    });
    let line = sandbox.print(&["tmux", "right", "--deadline", "20000"]);
    served.join().expect("served");
    assert_eq!(line.trim(), "of old");
    until("a daemon", || sandbox.daemon());
}

#[test]
fn an_outdated_daemon_serves_until_the_next_one_listens() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    let mut stream = connect(&sandbox);
    let newer = Request { build: u64::MAX, ..print_request(5) };
    stream.write_all(&bytes(&newer)).expect("sent");
    assert_eq!(reply(&mut stream).0.kind, ReplyKind::Line);
    // The lock is free, and all are still answered; a ping is told that another daemon may start.
    let mut other = connect(&sandbox);
    let ping = request(Body::Admin(Admin::Ping), 7);
    other.write_all(&[bytes(&print_request(6)), bytes(&ping)].concat()).expect("sent");
    assert_eq!(reply(&mut other).0.kind, ReplyKind::Line);
    assert_eq!(reply(&mut other).0.kind, ReplyKind::Bye);
    sandbox.start_daemon(&[]);
    let next = until("the next daemon", || sandbox.daemon().filter(|next| *next != pid));
    wait_end(pid);
    until_true("one daemon", || sandbox.daemons() == [next]);
}

/// Every connection succeeds and every request gets a line, while one daemon after another takes over.
#[test]
fn no_request_is_lost_while_daemons_follow_each_other() {
    let upgrades = rounds(4, 20) as u64;
    let sandbox = running();
    let (is_over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let mut stream = connect(&sandbox);
                    stream.write_all(&bytes(&print_request(9))).expect("sent");
                    assert_eq!(reply(&mut stream).0.kind, ReplyKind::Line);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let over = EndOf(&is_over);
        for _ in 0..upgrades {
            let pid = until("a daemon", || sandbox.daemon());
            let mut stream = connect(&sandbox);
            let newer = Request { build: u64::MAX, ..print_request(5) };
            stream.write_all(&bytes(&newer)).expect("sent");
            assert_eq!(reply(&mut stream).0.kind, ReplyKind::Line);
            sandbox.start_daemon(&[]);
            wait_end(pid);
        }
        drop(over);
    });
    assert!(answered.load(Ordering::Relaxed) > upgrades);
}

/// Ends what others do when it goes, also by a failed assertion.
struct EndOf<'a>(&'a AtomicBool);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn drafts_of_killed_processes_are_removed() {
    let sandbox = Sandbox::new();
    // No process has this number: it is above the highest.
    let draft = sandbox.write("run/history.4999999", "half a");
    sandbox.start_daemon(&[]);
    assert!(!draft.exists());
}

/// By the real thing, where it can be had.
#[test]
fn a_daemon_restored_from_a_checkpoint_is_replaced_at_the_next_request() {
    let works = |criu: &std::path::PathBuf| {
        std::process::Command::new(criu).arg("check").output().is_ok_and(|out| out.status.success())
    };
    let Some(criu) = found("criu").filter(works) else {
        return eprintln!("skipped: CRIU does not work here");
    };
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    let images = sandbox.path("images");
    fs::create_dir(&images).expect("made");
    let run = |what: &[&str]| {
        let mut command = sandbox.command("timeout");
        command.arg("60").arg(&criu).args(what).arg("-D").arg(&images);
        let done = command.args(["--shell-job", "--file-locks", "--ext-unix-sk"]).output();
        let done = done.expect("it runs");
        assert!(done.status.success(), "{done:?}");
    };
    let all = [vec![pid], sandbox.workers()].concat();
    run(&["dump", "-t", &pid.to_string()]);
    // Their numbers are needed again.
    let is_free = |pid: &u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
    until_true("the end of all", || all.iter().all(is_free));
    run(&["restore", "-d"]);
    print(&sandbox);
    let daemon = until("an answer", || sandbox.daemon());
    until_true("a single daemon", || sandbox.daemons() == [daemon]);
    until_true("its clocks", || {
        let clocks =
            |pid: &str| fs::metadata(format!("/proc/{pid}/ns/time")).map(|ns| ns.ino()).ok();
        let daemon = sandbox.daemon().map(|pid| clocks(&pid.to_string()));
        daemon == Some(clocks("self"))
    });
}

/// By the real thing, where it can be had.
#[test]
fn a_daemon_started_in_a_checkpointed_shell_is_no_part_of_the_checkpoint() {
    let Some(launch) = found("dmtcp_launch") else {
        return eprintln!("skipped: DMTCP is not installed");
    };
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(launch);
    command.args(["-q", "--new-coordinator", "--ckptdir"]).arg(sandbox.path("tmp"));
    command.args(["sh", "-c", "\"$0\" daemon start; exec sleep 600"]).arg(program());
    let mut shell = command.spawn().expect("it runs");
    let pid = until("a daemon", || sandbox.daemon());
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its real number");
    assert!(!maps.contains("dmtcp"), "{maps}");
    let _ = shell.kill();
    shell.wait().expect("it ends");
    assert_eq!(sandbox.daemon(), Some(pid));
}

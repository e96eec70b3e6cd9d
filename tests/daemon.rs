//! The daemon and its clients, as real processes in a directory of their own.

mod configs;
mod history_file;
mod life;
mod streams;

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rainline_client::protocol::{Body, HEADER, LineRequest, ReplyKind, Request};
use rustix::process::Signal;

use crate::support::process::output_in_time;
use crate::support::sandbox::one_line;
use crate::support::wire::{bytes, connect, reply};
use crate::support::{Sandbox, lives, program, saying, signal, until, until_true};

/// One whose daemon runs.
fn running() -> Sandbox {
    Sandbox::running("")
}

/// One in whose runtime directory's place there is a file.
fn without_a_place() -> Sandbox {
    let sandbox = Sandbox::new().without_runtime();
    std::fs::write(sandbox.runtime(), "").expect("written");
    sandbox
}

/// A line as a bar has it: whole, alone, not blank, and without a word on standard error.
#[track_caller]
fn line_of(output: Output) -> String {
    let line = one_line(output);
    assert!(!line.trim().is_empty(), "nothing on the line");
    line
}

#[track_caller]
fn print(sandbox: &Sandbox) -> String {
    print_with(sandbox, &[])
}

#[track_caller]
fn print_with(sandbox: &Sandbox, more: &[&str]) -> String {
    let args = ["tmux", "right", "--target", "plain", "--columns", "80"];
    line_of(sandbox.printing(&[&args[..], more].concat()).output().expect("it runs"))
}

/// Runs a shell's script whose `$0` is the program.
fn script(sandbox: &Sandbox, shell: &str, script: &str) -> Output {
    let mut command = sandbox.command(shell);
    command.args(["-c", script]).arg(program()).stdin(Stdio::null()).output().expect("it runs")
}

fn line() -> LineRequest {
    let (line, slot, target) = ("tmux".into(), "right".into(), "plain".into());
    LineRequest { line, slot, target, ..LineRequest::default() }
}

fn request(body: Body, nonce: u64) -> Request {
    Request { nonce, ..Request::new(body, Duration::from_secs(1)) }
}

fn print_request(nonce: u64) -> Request {
    request(Body::Print(line()), nonce)
}

#[test]
fn a_print_starts_the_daemon_and_does_not_wait_for_it() {
    let sandbox = Sandbox::new();
    print(&sandbox);
    until("a daemon", || sandbox.daemon());
    let before = sandbox.figure("requests").expect("a number");
    print(&sandbox);
    // The status in between and the print were both served.
    assert!(sandbox.figure("requests").expect("a number") >= before + 2);
}

#[test]
fn fifty_clients_at_once_get_a_line_each_and_one_daemon() {
    let sandbox = Sandbox::new();
    let start = |_| {
        let mut command = sandbox.printing(&["tmux", "right"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
    };
    let clients: Vec<Child> = (0..50).map(start).collect();
    for client in clients {
        line_of(client.wait_with_output().expect("it ends"));
    }
    let pid = until("a daemon", || sandbox.daemon());
    until_true("the others' end", || sandbox.daemons() == [pid]);
}

#[test]
fn a_stale_socket_is_replaced() {
    let sandbox = Sandbox::new();
    drop(UnixListener::bind(sandbox.socket()).expect("bound"));
    print(&sandbox);
    until("a daemon", || sandbox.daemon());
}

#[test]
fn a_killed_daemon_is_followed_by_another() {
    let sandbox = running();
    let first = sandbox.daemon().expect("it runs");
    signal(first, Signal::KILL);
    until_true("its end", || !lives(first));
    let second = until("another daemon", || {
        print(&sandbox);
        sandbox.daemon()
    });
    assert_ne!(first, second);
}

#[test]
fn a_stopped_daemon_costs_its_client_only_the_deadline() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    signal(pid, Signal::STOP);
    for _ in 0..3 {
        print_with(&sandbox, &["--deadline", "300"]);
    }
    assert_eq!(sandbox.daemons(), [pid]);
    signal(pid, Signal::CONT);
    assert_eq!(until("it to go on", || sandbox.daemon()), pid);
}

#[test]
fn a_file_where_the_runtime_directory_should_be_is_no_obstacle() {
    let sandbox = without_a_place();
    print(&sandbox);
    print(&sandbox);
    let status = sandbox.run(&["daemon", "status"]);
    assert!(String::from_utf8_lossy(&status.stderr).contains("is not a directory"));
    assert!(sandbox.daemons().is_empty());
}

#[test]
fn a_runtime_directory_behind_a_link_or_open_to_others_is_not_used() {
    let sandbox = Sandbox::new().without_runtime();
    let behind = sandbox.path("behind");
    std::fs::create_dir(&behind).expect("made");
    symlink(&behind, sandbox.runtime()).expect("linked");
    print(&sandbox);
    assert_eq!(std::fs::read_dir(&behind).expect("a directory").count(), 0);
    std::fs::remove_file(sandbox.runtime()).expect("removed");
    std::fs::create_dir(sandbox.runtime()).expect("made");
    std::fs::set_permissions(sandbox.runtime(), PermissionsExt::from_mode(0o755)).expect("changed");
    print(&sandbox);
    assert_eq!(std::fs::read_dir(sandbox.runtime()).expect("a directory").count(), 0);
    assert_eq!(std::fs::metadata(sandbox.runtime()).expect("there").mode() & 0o777, 0o755);
}

#[test]
fn a_path_too_long_for_a_socket_works_all_the_same() {
    let sandbox = Sandbox::new();
    let long = sandbox.path(&"d".repeat(120));
    std::fs::create_dir(&long).expect("made");
    let sandbox = sandbox.with("RAINLINE_RUNTIME_DIR", long.join("runtime"));
    print(&sandbox);
    until("a daemon", || sandbox.daemon());
}

#[test]
fn a_line_needs_neither_a_home_nor_an_environment() {
    let sandbox = Sandbox::new();
    let mut command = Command::new(program());
    command.env_clear().env("RAINLINE_RUNTIME_DIR", sandbox.runtime()).stdin(Stdio::null());
    line_of(command.args(["print", "tmux", "right"]).output().expect("it runs"));
}

#[test]
fn everything_in_the_runtime_directory_is_private() {
    let sandbox = Sandbox::new().without_runtime();
    line_of(script(&sandbox, "sh", "umask 0; exec \"$0\" print tmux right"));
    until("a daemon", || sandbox.daemon());
    let mode = |path: &Path| std::fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!(mode(&sandbox.runtime()), 0o700);
    for entry in std::fs::read_dir(sandbox.runtime()).expect("a directory").flatten() {
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
    }
}

#[test]
fn garbage_ends_its_connection_and_nothing_else() {
    let sandbox = running();
    let pid = sandbox.daemon();
    let mut giant = bytes(&print_request(1));
    giant[HEADER - 1] = 0xff;
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 4096], giant] {
        let mut stream = connect(&sandbox);
        stream.write_all(&garbage).expect("written");
        // Closed, with or without bytes of ours unread.
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    assert_eq!(sandbox.daemon(), pid);
}

#[test]
fn silent_and_half_sent_requests_delay_no_other_client() {
    let sandbox = running();
    let half = &bytes(&print_request(1))[..HEADER + 3];
    let silent: Vec<UnixStream> = (0..100)
        .map(|index| {
            let mut stream = connect(&sandbox);
            stream.write_all(&half[..index % half.len()]).expect("written");
            stream
        })
        .collect();
    let mut stream = connect(&sandbox);
    stream.write_all(&bytes(&print_request(77))).expect("written");
    let (header, _) = reply(&mut stream);
    assert_eq!((header.kind, header.nonce), (ReplyKind::Line, 77));
    drop(silent);
}

#[test]
fn a_reply_bears_the_nonce_of_its_request() {
    let sandbox = running();
    let mut stream = connect(&sandbox);
    let both = [bytes(&print_request(5)), bytes(&print_request(6))].concat();
    stream.write_all(&both).expect("written");
    assert_eq!([reply(&mut stream).0.nonce, reply(&mut stream).0.nonce], [5, 6]);
}

#[test]
fn an_unknown_target_gets_plain_text() {
    let sandbox = running();
    let mut stream = connect(&sandbox);
    let odd = LineRequest { target: "teletype".into(), ..line() };
    stream.write_all(&bytes(&request(Body::Print(odd), 1))).expect("written");
    let (header, body) = reply(&mut stream);
    assert_eq!(header.kind, ReplyKind::Line);
    assert!(!body.is_empty() && !body.iter().any(u8::is_ascii_control), "{body:?}");
}

#[test]
fn the_daemon_inherits_no_descriptor() {
    let sandbox = Sandbox::new();
    let words = "for fd in $(seq 9 508) 821; do eval \"exec $fd</etc/passwd\"; done; \
                 exec \"$0\" print tmux right";
    line_of(script(&sandbox, "bash", words));
    let pid = until("a daemon", || sandbox.daemon());
    let runtime = sandbox.runtime().display().to_string();
    let own = ["socket:", "pipe:", "anon_inode:", &*runtime, "/proc"];
    let is_own = |fd: std::fs::DirEntry| {
        let number: u32 = fd.file_name().to_str().expect("a number").parse().expect("a number");
        let target = std::fs::read_link(fd.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        match number {
            0..3 => target == "/dev/null",
            _ => own.iter().any(|start| target.starts_with(start)) || target.is_empty(),
        }
    };
    // While a worker is started there is one more, for a moment; what is inherited stays.
    until_true("descriptors of its own only", || {
        let mut fds = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("ours to see").flatten();
        fds.all(is_own)
    });
}

#[test]
fn the_daemon_leads_no_session_and_lives_in_the_root() {
    let sandbox = Sandbox::new();
    print(&sandbox);
    let pid = until("a daemon", || sandbox.daemon());
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("ours to see");
    assert_eq!(cwd, Path::new("/"));
    let session = rainline_client::sys::session(pid as i32);
    assert_ne!(session, rainline_client::sys::session(0));
    assert_ne!(session, pid);
}

#[test]
fn the_daemon_takes_no_secret_and_no_checkpoint_library_along() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.rainline();
    command.env("AWS_SECRET_ACCESS_KEY", "s3cret").env("TMUX", "/tmp/x,1,0");
    // The loader complains about the missing library.
    command.env("LD_PRELOAD", sandbox.path("missing/libdmtcp.so")).args(["print", "tmux", "right"]);
    assert!(command.output().expect("it runs").status.success());
    let pid = until("a daemon", || sandbox.daemon());
    let environ = std::fs::read(format!("/proc/{pid}/environ")).expect("ours to see");
    let environ = String::from_utf8_lossy(&environ).into_owned();
    assert!(environ.contains("RAINLINE_RUNTIME_DIR="));
    assert!(!environ.contains("dmtcp") && !environ.contains("s3cret") && !environ.contains("TMUX"));
}

#[test]
fn a_caller_that_reads_to_the_end_is_not_held_by_the_daemon() {
    let sandbox = Sandbox::new();
    // `output` returns at the end of both pipes, which a daemon holding them would prevent.
    print(&sandbox);
    until("a daemon", || sandbox.daemon());
}

#[test]
fn stop_ends_it_and_a_second_time_there_is_nothing_to_end() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    sandbox.stop_daemon();
    until_true("its end", || !lives(pid));
    let again = sandbox.run(&["daemon", "stop"]);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("not run"));
    // One that was told to leave may be started again at once.
    sandbox.start_daemon(&[]);
}

#[test]
fn a_newer_client_is_served_and_then_the_daemon_ends() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("running");
    let mut stream = connect(&sandbox);
    let newer = Request { build: u64::MAX, ..print_request(5) };
    stream.write_all(&bytes(&newer)).expect("sent");
    let (header, _) = reply(&mut stream);
    assert_eq!((header.kind, header.nonce), (ReplyKind::Line, 5));
    until_true("the old daemon to leave", || !lives(pid));
    print(&sandbox);
    until("a daemon of this build", || sandbox.daemon());
}

#[test]
fn a_second_daemon_leaves_at_once() {
    let sandbox = running();
    let pid = sandbox.daemon();
    assert!(sandbox.run(&["daemon", "run"]).status.success());
    assert_eq!(sandbox.daemon(), pid);
}

#[test]
fn it_ends_when_it_was_idle_for_long() {
    let sandbox = Sandbox::new();
    let start = Instant::now();
    let output = output_in_time(sandbox.rainline().args(["daemon", "run", "--idle", "1"]));
    assert!(output.status.success(), "{output:?}");
    assert!(start.elapsed() >= Duration::from_secs(1), "{output:?}");
}

#[test]
fn a_removed_socket_is_made_again() {
    let sandbox = running();
    let pid = sandbox.daemon().expect("it runs");
    std::fs::remove_file(sandbox.socket()).expect("removed");
    signal(pid, Signal::USR1);
    until_true("the socket", || sandbox.daemon() == Some(pid));
    assert!(std::fs::metadata(sandbox.socket()).expect("there").file_type().is_socket());
}

#[test]
fn a_closed_or_full_output_is_no_error() {
    let sandbox = running();
    for target in [">&-", ">/dev/full", "| exec true"] {
        let output = script(&sandbox, "sh", &format!("\"$0\" print tmux right {target}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{target}: {output:?}");
    }
}

#[test]
fn nothing_is_read_from_a_terminal_or_a_pipe() {
    let sandbox = running();
    let mut command = sandbox.rainline();
    let (_open, reader) = {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        (writer, reader)
    };
    command.stdin(reader).args(["print", "tmux", "right"]);
    line_of(command.output().expect("it runs"));
    line_of(script(&sandbox, "sh", "\"$0\" print tmux right <&-"));
}

#[test]
fn a_second_line_without_a_daemon_shows_a_true_difference() {
    let sandbox = Sandbox::new();
    // The holder of this lock is starting a daemon; no other process will.
    let lock = std::fs::File::create(sandbox.runtime().join("spawn.lock")).expect("a lock");
    lock.lock().expect("held");
    let config = "[line.tmux]\nright = [\"cpu\"]\n[segment.cpu]\nformat = \"$usage.num()\"\n";
    sandbox.configure(config);
    assert!(!print(&sandbox).contains(|c: char| c.is_ascii_digit()), "a first reading has none");
    until_true("a difference", || print(&sandbox).contains(|c: char| c.is_ascii_digit()));
    assert!(sandbox.daemons().is_empty());
}

#[test]
fn the_past_survives_the_daemon() {
    let sandbox = running();
    let config =
        "[line.tmux]\nright = [\"memory\"]\n[segment.memory]\nformat = \"$history.spark(w:8)\"\n";
    sandbox.configure(config);
    let marks = || print(&sandbox).chars().filter(|c| !c.is_whitespace()).count();
    until_true("a past", || marks() >= 3);
    sandbox.stop_daemon();
    std::fs::remove_file(sandbox.runtime().join("history")).expect("the short past");
    sandbox.start_daemon(&[]);
    sandbox.until_history_is_read();
    assert!(marks() >= 3);
}

#[test]
fn a_damaged_history_is_put_aside() {
    let sandbox = running();
    sandbox.until_history_is_read();
    sandbox.stop_daemon();
    let dir = sandbox.home().join(".local/state/rainline");
    let file = std::fs::read_dir(&dir).expect("made").flatten().next().expect("a file").path();
    std::fs::write(&file, "not a history").expect("written");
    sandbox.start_daemon(&[]);
    sandbox.until_history_is_read();
    print(&sandbox);
    let bad = format!("{}.bad", file.display());
    assert_eq!(std::fs::read(bad).expect("put aside"), b"not a history");
}

#[test]
fn a_worker_that_hangs_is_killed_and_delays_no_line() {
    let sandbox = running();
    sandbox.configure(&saying("mine"));
    print(&sandbox);
    sandbox.until_history_is_read();
    let hung = sandbox.workers();
    assert!(!hung.is_empty());
    hung.iter().for_each(|pid| signal(*pid, Signal::STOP));
    let other = sandbox.path("other.toml");
    std::fs::write(&other, saying("other")).expect("written");
    let other = other.to_str().expect("UTF-8");
    print_with(&sandbox, &["--config", other, "--deadline", "100"]);
    assert!(print(&sandbox).contains("mine"));
    let late = || sandbox.status().expect("it runs").contains("took too long");
    until_true("the timeout", late);
    // One of them was given the job; the watcher had none to be late with.
    until_true("its end", || hung.iter().any(|pid| !lives(*pid)));
    hung.iter().for_each(|pid| signal(*pid, Signal::CONT));
}

/// A job that was found while pending requests were answered was not given to a worker until another
/// event woke the daemon: the first line was late, and without what a worker reads.
#[test]
fn the_first_line_of_a_new_daemon_has_what_a_worker_reads() {
    let sandbox = running();
    let config = sandbox.config();
    let text = "[line.x]\nleft = ['session']\n[segment.session]\nformat = '$nest'\n";
    sandbox.configure(text);
    let mut stream = connect(&sandbox);
    let asker = LineRequest {
        line: "x".into(),
        slot: "left".into(),
        config,
        env: vec![("SSH_CONNECTION".into(), b"192.0.2.1 5 192.0.2.2 22".to_vec())],
        pid: 1,
        ..line()
    };
    let deadline = Duration::from_secs(60);
    let request = Request::new(Body::Print(asker), deadline);
    stream.write_all(&bytes(&request)).expect("written");
    assert_eq!(String::from_utf8_lossy(&reply(&mut stream).1), "ssh");
}

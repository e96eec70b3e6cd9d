//! The daemon and its clients, as real processes in a directory of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use rainline_client::protocol::{
    Body, HEADER, LineRequest, PROTOCOL, ReplyHeader, ReplyKind, Request,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DEADLINE, lives, program, until};

/// The program under test.
static EXE: LazyLock<String> =
    LazyLock::new(|| program().into_os_string().into_string().expect("UTF-8"));

/// A home, a runtime directory, and nothing of the one who runs the tests.
struct Sandbox {
    root: tempfile::TempDir,
    runtime: PathBuf,
}

impl Sandbox {
    fn new() -> Sandbox {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = root.path().join("runtime");
        std::fs::create_dir(root.path().join("home")).expect("a home");
        Sandbox { root, runtime }
    }

    /// One whose daemon runs.
    fn running() -> Sandbox {
        let sandbox = Sandbox::new();
        assert!(sandbox.run(&["daemon", "start"]).status.success());
        sandbox
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    fn socket(&self) -> PathBuf {
        self.runtime.join(format!("rainline-{PROTOCOL}.sock"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.env("HOME", self.home()).env("RAINLINE_RUNTIME_DIR", &self.runtime);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(&EXE).args(args).output().expect("it runs")
    }

    /// A line that comes whatever happens: whole, alone, and without a word on standard error.
    fn print(&self) -> String {
        self.print_with(&[])
    }

    fn print_with(&self, more: &[&str]) -> String {
        let args = ["print", "tmux", "right", "--target", "plain", "--columns", "80"];
        // What is tested is never how busy the machine is just now.
        let args = [&args[..], &["--deadline", "5000"], more].concat();
        line_of(self.run(&args))
    }

    fn status(&self) -> Option<String> {
        let output = self.run(&["daemon", "status"]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The number after this word of the status.
    fn figure(&self, word: &str) -> Option<u32> {
        let status = self.status()?;
        let mut words = status.split_whitespace();
        words.find(|known| *known == word)?;
        words.next()?.parse().ok()
    }

    fn pid(&self) -> Option<u32> {
        self.figure("pid")
    }

    /// The daemons of this sandbox that live, whether or not they answer.
    fn daemons(&self) -> Vec<u32> {
        self.processes("daemon")
    }

    /// The processes of this sandbox with this word among their arguments.
    fn processes(&self, word: &str) -> Vec<u32> {
        let mark = format!("RAINLINE_RUNTIME_DIR={}", self.runtime.display());
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| {
            let read =
                |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let words = |bytes: Vec<u8>, word: &str| {
                bytes.split(|byte| *byte == 0).any(|each| each == word.as_bytes())
            };
            words(read("cmdline"), word) && words(read("environ"), &mark)
        })
        .collect()
    }

    /// Writes the usual config: a line of one text, or whatever is given.
    fn configure(&self, text: &str) {
        let dir = self.home().join(".config/rainline");
        std::fs::create_dir_all(&dir).expect("made");
        // Whole or not at all, as editors write: half a file is another config.
        std::fs::write(dir.join("new"), text).expect("written");
        std::fs::rename(dir.join("new"), dir.join("config.toml")).expect("renamed");
    }

    /// A connection of somebody who speaks to the daemon by hand.
    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).expect("a daemon listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        stream
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.command(&EXE).args(["daemon", "stop"]).output();
        self.daemons().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    }
}

fn line_of(output: Output) -> String {
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{:?}", output.status);
    assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
    assert!(!text.trim().is_empty(), "nothing on the line");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid as i32).expect("a process");
    let _ = kill_process(pid, signal);
}

#[track_caller]
fn until_true(what: &str, mut there: impl FnMut() -> bool) {
    until(what, || there().then_some(()));
}

fn line() -> LineRequest {
    let (line, slot, target) = ("tmux".into(), "right".into(), "plain".into());
    LineRequest { line, slot, target, ..LineRequest::default() }
}

fn request(body: Body, nonce: u64) -> Request {
    Request { nonce, ..Request::new(body, Duration::from_secs(1)) }
}

fn print(nonce: u64) -> Request {
    request(Body::Print(line()), nonce)
}

fn bytes(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.encode(&mut bytes);
    bytes
}

fn reply(stream: &mut UnixStream) -> (ReplyHeader, Vec<u8>) {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).expect("a reply");
    let header = ReplyHeader::decode(&header).expect("ours").expect("whole");
    let mut body = vec![0; header.length];
    stream.read_exact(&mut body).expect("a body");
    (header, body)
}

#[test]
fn a_print_starts_the_daemon_and_does_not_wait_for_it() {
    let sandbox = Sandbox::new();
    sandbox.print();
    until("a daemon", || sandbox.pid());
    let before = sandbox.figure("requests").expect("a number");
    sandbox.print();
    // The status in between and the print were both served.
    assert!(sandbox.figure("requests").expect("a number") >= before + 2);
}

#[test]
fn fifty_clients_at_once_get_a_line_each_and_one_daemon() {
    let sandbox = Sandbox::new();
    let start =
        |_| sandbox.command(&EXE).args(["print", "tmux", "right"]).spawn().expect("it runs");
    let clients: Vec<Child> = (0..50).map(start).collect();
    for client in clients {
        line_of(client.wait_with_output().expect("it ends"));
    }
    let pid = until("a daemon", || sandbox.pid());
    until_true("the others' end", || sandbox.daemons() == [pid]);
}

#[test]
fn a_stale_socket_is_replaced() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(&sandbox.runtime).expect("made");
    std::fs::set_permissions(&sandbox.runtime, PermissionsExt::from_mode(0o700)).expect("changed");
    drop(UnixListener::bind(sandbox.socket()).expect("bound"));
    sandbox.print();
    until("a daemon", || sandbox.pid());
}

#[test]
fn a_killed_daemon_is_followed_by_another() {
    let sandbox = Sandbox::running();
    let first = sandbox.pid().expect("it runs");
    signal(first, Signal::KILL);
    until_true("its end", || !lives(first));
    let second = until("another daemon", || {
        sandbox.print();
        sandbox.pid()
    });
    assert_ne!(first, second);
}

#[test]
fn a_stopped_daemon_costs_its_client_only_the_deadline() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid().expect("it runs");
    signal(pid, Signal::STOP);
    for _ in 0..3 {
        sandbox.print_with(&["--deadline", "300"]);
    }
    assert_eq!(sandbox.daemons(), [pid]);
    signal(pid, Signal::CONT);
    assert_eq!(until("it to go on", || sandbox.pid()), pid);
}

#[test]
fn a_file_where_the_runtime_directory_should_be_is_no_obstacle() {
    let sandbox = Sandbox::new();
    std::fs::write(&sandbox.runtime, "").expect("written");
    sandbox.print();
    sandbox.print();
    let status = sandbox.run(&["daemon", "status"]);
    assert!(String::from_utf8_lossy(&status.stderr).contains("is not a directory"));
    assert!(sandbox.daemons().is_empty());
}

#[test]
fn a_runtime_directory_behind_a_link_or_open_to_others_is_not_used() {
    let sandbox = Sandbox::new();
    let behind = sandbox.root.path().join("behind");
    std::fs::create_dir(&behind).expect("made");
    symlink(&behind, &sandbox.runtime).expect("linked");
    sandbox.print();
    assert_eq!(std::fs::read_dir(&behind).expect("a directory").count(), 0);
    std::fs::remove_file(&sandbox.runtime).expect("removed");
    std::fs::create_dir(&sandbox.runtime).expect("made");
    std::fs::set_permissions(&sandbox.runtime, PermissionsExt::from_mode(0o755)).expect("changed");
    sandbox.print();
    assert_eq!(std::fs::read_dir(&sandbox.runtime).expect("a directory").count(), 0);
    assert_eq!(std::fs::metadata(&sandbox.runtime).expect("there").mode() & 0o777, 0o755);
}

#[test]
fn a_path_too_long_for_a_socket_works_all_the_same() {
    let mut sandbox = Sandbox::new();
    let long = sandbox.root.path().join("d".repeat(120));
    std::fs::create_dir(&long).expect("made");
    sandbox.runtime = long.join("runtime");
    sandbox.print();
    until("a daemon", || sandbox.pid());
}

#[test]
fn a_line_needs_neither_a_home_nor_an_environment() {
    let sandbox = Sandbox::new();
    let mut command = Command::new(&*EXE);
    command.env_clear().env("RAINLINE_RUNTIME_DIR", &sandbox.runtime).stdin(Stdio::null());
    line_of(command.args(["print", "tmux", "right"]).output().expect("it runs"));
}

#[test]
fn everything_in_the_runtime_directory_is_for_us_alone() {
    let sandbox = Sandbox::new();
    let script = "umask 0; exec \"$0\" print tmux right";
    line_of(sandbox.command("sh").args(["-c", script, &EXE]).output().expect("it runs"));
    until("a daemon", || sandbox.pid());
    let mode = |path: &Path| std::fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!(mode(&sandbox.runtime), 0o700);
    for entry in std::fs::read_dir(&sandbox.runtime).expect("a directory").flatten() {
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
    }
}

#[test]
fn garbage_ends_its_connection_and_nothing_else() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid();
    let mut giant = bytes(&print(1));
    giant[HEADER - 1] = 0xff;
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0; 4096], giant] {
        let mut stream = sandbox.connect();
        stream.write_all(&garbage).expect("written");
        // Closed, with or without bytes of ours unread.
        assert!(matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_)));
    }
    assert_eq!(sandbox.pid(), pid);
}

#[test]
fn clients_that_say_nothing_or_half_of_it_hold_up_nobody() {
    let sandbox = Sandbox::running();
    let half = &bytes(&print(1))[..HEADER + 3];
    let silent: Vec<UnixStream> = (0..100)
        .map(|index| {
            let mut stream = sandbox.connect();
            stream.write_all(&half[..index % half.len()]).expect("written");
            stream
        })
        .collect();
    let mut stream = sandbox.connect();
    stream.write_all(&bytes(&print(77))).expect("written");
    let (header, _) = reply(&mut stream);
    assert_eq!((header.kind, header.nonce), (ReplyKind::Line, 77));
    drop(silent);
}

#[test]
fn a_reply_bears_the_nonce_of_its_request() {
    let sandbox = Sandbox::running();
    let mut stream = sandbox.connect();
    let both = [bytes(&print(5)), bytes(&print(6))].concat();
    stream.write_all(&both).expect("written");
    assert_eq!([reply(&mut stream).0.nonce, reply(&mut stream).0.nonce], [5, 6]);
}

#[test]
fn an_unknown_target_gets_plain_text() {
    let sandbox = Sandbox::running();
    let mut stream = sandbox.connect();
    let odd = LineRequest { target: "teletype".into(), ..line() };
    stream.write_all(&bytes(&request(Body::Print(odd), 1))).expect("written");
    let (header, body) = reply(&mut stream);
    assert_eq!(header.kind, ReplyKind::Line);
    assert!(!body.is_empty() && !body.iter().any(u8::is_ascii_control), "{body:?}");
}

#[test]
fn the_daemon_inherits_no_descriptor() {
    let sandbox = Sandbox::new();
    let script = "exec 9</etc/passwd 821</etc/passwd; exec \"$0\" print tmux right";
    line_of(sandbox.command("bash").args(["-c", script, &EXE]).output().expect("it runs"));
    let pid = until("a daemon", || sandbox.pid());
    let runtime = sandbox.runtime.to_string_lossy();
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
    sandbox.print();
    let pid = until("a daemon", || sandbox.pid());
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("ours to see");
    assert_eq!(cwd, Path::new("/"));
    let session = rainline_client::sys::session(pid as i32);
    assert_ne!(session, rainline_client::sys::session(0));
    assert_ne!(session, pid);
}

#[test]
fn the_daemon_takes_no_secret_and_no_checkpoint_library_along() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&EXE);
    command.env("AWS_SECRET_ACCESS_KEY", "s3cret").env("TMUX", "/tmp/x,1,0");
    // The loader complains about the library; that is not our word.
    command.env("LD_PRELOAD", "/nonexistent/libdmtcp.so").args(["print", "tmux", "right"]);
    assert!(command.output().expect("it runs").status.success());
    let pid = until("a daemon", || sandbox.pid());
    let environ = std::fs::read(format!("/proc/{pid}/environ")).expect("ours to see");
    let environ = String::from_utf8_lossy(&environ).into_owned();
    assert!(environ.contains("RAINLINE_RUNTIME_DIR="));
    assert!(!environ.contains("dmtcp") && !environ.contains("s3cret") && !environ.contains("TMUX"));
}

#[test]
fn a_caller_that_reads_to_the_end_is_not_held_by_the_daemon() {
    let sandbox = Sandbox::new();
    // `output` returns at the end of both pipes, which a daemon holding them would prevent.
    sandbox.print();
    until("a daemon", || sandbox.pid());
}

#[test]
fn sigterm_saves_the_past_and_takes_the_socket_away() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid().expect("it runs");
    // A history that was not read yet is not written over.
    until_true("the history", || !sandbox.status().expect("it runs").contains("(not read)"));
    signal(pid, Signal::TERM);
    until_true("its end", || !lives(pid));
    assert!(!sandbox.socket().exists());
    let dir = sandbox.home().join(".local/state/rainline");
    let saved: Vec<_> = std::fs::read_dir(dir).expect("a directory").flatten().collect();
    assert_eq!(saved.len(), 1);
    assert_eq!(saved[0].metadata().expect("a file").mode() & 0o777, 0o600);
}

#[test]
fn stop_ends_it_and_a_second_time_there_is_nothing_to_end() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid().expect("it runs");
    assert!(sandbox.run(&["daemon", "stop"]).status.success());
    until_true("its end", || !lives(pid));
    let again = sandbox.run(&["daemon", "stop"]);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("not run"));
    // One that was told to leave may be started again at once.
    assert!(sandbox.run(&["daemon", "start"]).status.success());
}

#[test]
fn a_newer_client_is_served_and_then_the_daemon_makes_room() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid().expect("running");
    let mut stream = sandbox.connect();
    let newer = Request { build: u64::MAX, ..print(5) };
    stream.write_all(&bytes(&newer)).expect("sent");
    let (header, _) = reply(&mut stream);
    assert_eq!((header.kind, header.nonce), (ReplyKind::Line, 5));
    until_true("the old daemon to leave", || !lives(pid));
    sandbox.print();
    until("a daemon of this build", || sandbox.pid());
}

#[test]
fn a_second_daemon_leaves_at_once() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid();
    assert!(sandbox.run(&["daemon", "run"]).status.success());
    // Also if the lock's file was removed: somebody answers.
    std::fs::remove_file(sandbox.runtime.join("lock")).expect("removed");
    assert!(sandbox.run(&["daemon", "run"]).status.success());
    assert_eq!(sandbox.pid(), pid);
}

#[test]
fn it_leaves_when_nobody_asks_for_long() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&["daemon", "start", "--idle", "1"]).status.success());
    until_true("its end", || sandbox.daemons().is_empty());
}

#[test]
fn a_removed_socket_is_made_again() {
    let sandbox = Sandbox::running();
    let pid = sandbox.pid().expect("it runs");
    std::fs::remove_file(sandbox.socket()).expect("removed");
    signal(pid, Signal::USR1);
    until_true("the socket", || sandbox.pid() == Some(pid));
    assert!(std::fs::metadata(sandbox.socket()).expect("there").file_type().is_socket());
}

/// A `stream` and the end of its pipe.
fn stream(sandbox: &Sandbox) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = sandbox.command(&EXE);
    command.args(["stream", "tmux", "right", "--target", "plain", "--columns", "80"]);
    let mut child = command.spawn().expect("it runs");
    let stdout = child.stdout.take().expect("a pipe");
    (child, BufReader::new(stdout))
}

#[test]
fn a_stream_starts_a_daemon_and_survives_its_death() {
    let sandbox = Sandbox::new();
    let (mut child, mut lines) = stream(&sandbox);
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    assert!(line.ends_with('\n'));
    until_true("a daemon with a stream", || sandbox.figure("streams") == Some(1));
    let pid = sandbox.pid().expect("it runs");
    signal(pid, Signal::KILL);
    until_true("another with the stream", || {
        sandbox.figure("streams") == Some(1) && sandbox.pid() != Some(pid)
    });
    assert!(matches!(child.try_wait(), Ok(None)));
    drop(lines);
    let ended = until("the stream's end", || child.try_wait().expect("ours"));
    assert!(ended.success());
}

/// As tmux runs its jobs: standard output is a socket, and the daemon writes to it itself.
#[test]
fn a_stream_into_a_socket_is_written_by_the_daemon_and_survives_it() {
    let sandbox = Sandbox::new();
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let mut command = sandbox.command(&EXE);
    command.args(["stream", "screen", "right", "--target", "plain", "--columns", "80"]);
    command.stdout(std::os::fd::OwnedFd::from(theirs));
    let mut child = command.spawn().expect("it runs");
    drop(command);
    let mut lines = BufReader::new(ours);
    let whole = |lines: &mut BufReader<UnixStream>| {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        assert!(line.ends_with('\n') && line.contains(':'), "{line:?}");
    };
    until_true("a daemon with a stream", || sandbox.figure("streams") == Some(1));
    let first = sandbox.pid().expect("it runs");
    // Lines come while the client is held: somebody else writes them.
    signal(child.id(), Signal::STOP);
    (0..3).for_each(|_| whole(&mut lines));
    signal(child.id(), Signal::CONT);
    signal(first, Signal::KILL);
    until_true("another with the stream", || {
        sandbox.figure("streams") == Some(1) && sandbox.pid() != Some(first)
    });
    (0..3).for_each(|_| whole(&mut lines));
    // The reader sees the client's end, because nobody else keeps the socket open.
    child.kill().expect("a living process");
    child.wait().expect("ours");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut lines, &mut rest).expect("an end");
}

#[test]
fn a_stream_ends_with_its_reader_although_there_is_nothing_to_write() {
    let sandbox = Sandbox::running();
    let (mut child, mut lines) = stream(&sandbox);
    lines.read_line(&mut String::new()).expect("a line");
    until_true("the stream", || sandbox.figure("streams") == Some(1));
    drop(lines);
    assert!(until("its end", || child.try_wait().expect("ours")).success());
    until_true("the daemon to notice", || sandbox.figure("streams") == Some(0));
}

#[test]
fn a_stream_without_any_daemon_prints_all_the_same() {
    let sandbox = Sandbox::new();
    std::fs::write(&sandbox.runtime, "").expect("written");
    let (mut child, mut lines) = stream(&sandbox);
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    assert!(line.ends_with('\n'));
    drop(lines);
    until("its end", || child.try_wait().expect("ours"));
}

#[test]
fn a_stream_is_told_when_the_daemon_leaves() {
    let sandbox = Sandbox::running();
    let mut stream = sandbox.connect();
    stream.write_all(&bytes(&request(Body::Stream(line()), 9))).expect("written");
    assert_eq!(reply(&mut stream).0.kind, ReplyKind::Line);
    assert!(sandbox.run(&["daemon", "stop"]).status.success());
    let bye = loop {
        let (header, _) = reply(&mut stream);
        if header.kind != ReplyKind::Line {
            break header;
        }
    };
    assert_eq!((bye.kind, bye.nonce), (ReplyKind::Bye, 9));
}

#[test]
fn a_closed_or_full_output_is_no_error() {
    let sandbox = Sandbox::running();
    for target in [">&-", ">/dev/full", "| exec true"] {
        let script = format!("\"$0\" print tmux right {target}");
        let output = sandbox.command("sh").args(["-c", &script, &EXE]).output().expect("it runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{target}: {output:?}");
    }
}

#[test]
fn nothing_is_read_from_a_terminal_or_a_pipe() {
    let sandbox = Sandbox::running();
    let mut command = sandbox.command(&EXE);
    let (_open, reader) = {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        (writer, reader)
    };
    command.stdin(reader).args(["print", "tmux", "right"]);
    line_of(command.output().expect("it runs"));
    let closed = sandbox.command("sh").args(["-c", "\"$0\" print tmux right <&-", &EXE]).output();
    line_of(closed.expect("it runs"));
}

#[test]
fn a_config_that_cannot_be_read_to_its_end_holds_up_nobody() {
    let sandbox = Sandbox::running();
    let fifo = sandbox.root.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).expect("made");
    let fifo = fifo.to_str().expect("UTF-8");
    sandbox.print_with(&["--config", fifo]);
    sandbox.print();
    assert!(sandbox.status().expect("it runs").contains("fifo"));
}

/// A config whose tmux line says just this.
fn saying(text: &str) -> String {
    format!("[line.tmux]\nright = [\"said\"]\n[segment.said]\nuse = \"text\"\ntext = \"{text}\"\n")
}

#[test]
fn a_changed_config_is_taken_over_by_lines_and_streams() {
    let sandbox = Sandbox::running();
    sandbox.configure(&saying("first"));
    assert!(sandbox.print().contains("first"));
    let (_child, mut lines) = stream(&sandbox);
    let mut heard = String::new();
    lines.read_line(&mut heard).expect("a line");
    assert!(heard.contains("first"));
    sandbox.configure(&saying("second"));
    while !heard.contains("second") {
        heard.clear();
        assert!(lines.read_line(&mut heard).expect("a line") > 0, "the stream ended");
    }
    assert!(sandbox.print().contains("second"));
}

#[test]
fn a_config_that_appears_later_is_noticed() {
    let sandbox = Sandbox::running();
    assert!(!sandbox.print().contains("here I am"));
    sandbox.configure(&saying("here I am"));
    until_true("the config", || sandbox.print().contains("here I am"));
}

#[test]
fn a_broken_config_leaves_the_last_good_one_in_force() {
    let sandbox = Sandbox::running();
    sandbox.configure(&saying("good"));
    assert!(sandbox.print().contains("good"));
    sandbox.configure("[line.tmux\nright = nonsense");
    until_true("the problem", || sandbox.status().expect("it runs").contains("problem"));
    assert!(sandbox.print().contains("good"));
    sandbox.configure(&saying("better"));
    until_true("the mended config", || sandbox.print().contains("better"));
    assert!(!sandbox.status().expect("it runs").contains("problem"));
}

#[test]
fn a_config_that_others_may_write_is_not_obeyed() {
    let sandbox = Sandbox::running();
    sandbox.configure(&saying("hostile"));
    let path = sandbox.home().join(".config/rainline/config.toml");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("changed");
    assert!(!sandbox.print().contains("hostile"));
    let status = sandbox.status().expect("it runs");
    assert!(status.contains("not trusted"), "{status}");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
    until_true("the config", || sandbox.print().contains("hostile"));
}

#[test]
fn a_line_without_a_daemon_obeys_the_config_too() {
    let sandbox = Sandbox::new();
    std::fs::write(&sandbox.runtime, "").expect("written");
    sandbox.configure(&saying("alone"));
    assert!(sandbox.print().contains("alone"));
}

#[test]
fn a_second_line_without_a_daemon_shows_a_true_difference() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(&sandbox.runtime).expect("made");
    std::fs::set_permissions(&sandbox.runtime, PermissionsExt::from_mode(0o700)).expect("changed");
    // Whoever holds this lock is starting a daemon; nobody else will.
    let lock = std::fs::File::create(sandbox.runtime.join("spawn.lock")).expect("a lock");
    lock.lock().expect("held");
    let config = "[line.tmux]\nright = [\"cpu\"]\n[segment.cpu]\nformat = \"$usage.num()\"\n";
    sandbox.configure(config);
    assert!(!sandbox.print().contains(|c: char| c.is_ascii_digit()), "a first reading has none");
    until_true("a difference", || sandbox.print().contains(|c: char| c.is_ascii_digit()));
    assert!(sandbox.daemons().is_empty());
}

#[test]
fn the_past_survives_the_daemon() {
    let sandbox = Sandbox::running();
    let config =
        "[line.tmux]\nright = [\"memory\"]\n[segment.memory]\nformat = \"$history.spark(w:8)\"\n";
    sandbox.configure(config);
    let marks = || sandbox.print().chars().filter(|c| !c.is_whitespace()).count();
    until_true("a past", || marks() >= 3);
    assert!(sandbox.run(&["daemon", "stop"]).status.success());
    std::fs::remove_file(sandbox.runtime.join("memo")).expect("the short past");
    assert!(sandbox.run(&["daemon", "start"]).status.success());
    until_true("the history", || !sandbox.status().expect("it runs").contains("(not read)"));
    assert!(marks() >= 3);
}

#[test]
fn a_damaged_history_is_put_aside() {
    let sandbox = Sandbox::running();
    until_true("the history", || !sandbox.status().expect("it runs").contains("(not read)"));
    assert!(sandbox.run(&["daemon", "stop"]).status.success());
    let dir = sandbox.home().join(".local/state/rainline");
    let file = std::fs::read_dir(&dir).expect("made").flatten().next().expect("a file").path();
    std::fs::write(&file, "not a history").expect("written");
    assert!(sandbox.run(&["daemon", "start"]).status.success());
    until_true("the history", || !sandbox.status().expect("it runs").contains("(not read)"));
    sandbox.print();
    let bad = format!("{}.bad", file.display());
    assert_eq!(std::fs::read(bad).expect("put aside"), b"not a history");
}

#[test]
fn a_stream_for_tmux_repeats_its_first_line_in_the_next_second() {
    let sandbox = Sandbox::running();
    sandbox.configure(&saying("still"));
    let mut command = sandbox.command(&EXE);
    let mut child = command.args(["stream", "tmux", "right"]).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("a line").expect("UTF-8");
    assert_eq!(next(), next());
    child.kill().expect("ours");
    child.wait().expect("ours");
}

#[test]
fn a_worker_that_hangs_is_killed_and_holds_up_nobody() {
    let sandbox = Sandbox::running();
    sandbox.configure(&saying("mine"));
    sandbox.print();
    let idle = || !sandbox.status().expect("it runs").contains("(not read)");
    until_true("the history", idle);
    let hung = sandbox.processes("worker");
    assert!(!hung.is_empty());
    hung.iter().for_each(|pid| signal(*pid, Signal::STOP));
    let other = sandbox.root.path().join("other.toml");
    std::fs::write(&other, saying("other")).expect("written");
    let other = other.to_str().expect("UTF-8");
    sandbox.print_with(&["--config", other, "--deadline", "100"]);
    assert!(sandbox.print().contains("mine"));
    let told = || sandbox.status().expect("it runs").contains("took too long");
    until_true("the end of patience", told);
    // One of them was given the job; the watcher had none to be late with.
    until_true("its end", || hung.iter().any(|pid| !lives(*pid)));
    hung.iter().for_each(|pid| signal(*pid, Signal::CONT));
}

#[test]
fn the_config_of_a_request_is_known_by_its_path() {
    let sandbox = Sandbox::running();
    let config = sandbox.root.path().join("mine.toml");
    std::fs::write(&config, "").expect("written");
    sandbox.print_with(&["--config", config.to_str().expect("UTF-8")]);
    assert!(sandbox.status().expect("it runs").contains("mine.toml"));
}

/// A job that came up while waiting requests were looked at again lay until something else woke the
/// daemon: the first line was late, and without what a worker reads.
#[test]
fn the_first_line_of_a_new_daemon_has_what_a_worker_reads() {
    let sandbox = Sandbox::running();
    let config = sandbox.home().join(".config/rainline/config.toml");
    std::fs::create_dir_all(config.parent().expect("a parent")).expect("made");
    let text = "[line.x]\nleft = ['session']\n[segment.session]\nformat = '$nest'\n";
    std::fs::write(&config, text).expect("written");
    let mut stream = sandbox.connect();
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

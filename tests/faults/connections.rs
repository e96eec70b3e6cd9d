//! Clients that are too many, that do not read, that are gone, and descriptors that run out.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use rainline_client::protocol::{Admin, Body, LineRequest, ReplyKind, Request};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::support::process::{stop, ticks};
use crate::support::wire::{bytes, connect, reply};
use crate::support::{DEADLINE, Sandbox, Stream, lives, signal, until, until_true};

/// A second hand, so that there is always another line to show.
const CONFIG: &str = "[line.tmux]\nright = [\"clock\"]\n[segment.clock]\ntime = \"at %S\"\n";
const WORDS: [&str; 6] = ["tmux", "right", "--target", "plain", "--columns", "80"];

fn message(body: Body) -> Vec<u8> {
    bytes(&Request::new(body, Duration::from_secs(1)))
}

fn line() -> LineRequest {
    let (line, slot, target) = ("tmux".into(), "right".into(), "plain".into());
    LineRequest { line, slot, target, ..LineRequest::default() }
}

/// Whether the daemon itself answers a print: one that draws by itself does not count.
fn is_served(sandbox: &Sandbox) -> bool {
    let mut stream = connect(sandbox);
    stream.write_all(&message(Body::Print(line()))).is_ok()
        && reply(&mut stream).0.kind == ReplyKind::Line
}

/// Lets this process have so many descriptors; whether it may.
fn allow_files(wanted: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return true;
    }
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).is_ok()
}

fn kill(mut child: Child) {
    child.kill().expect("a living process");
    child.wait().expect("ours");
}

#[test]
fn connections_of_one_process_without_end_shut_no_other_out() {
    if !allow_files(6000) {
        return println!("skipped: a process may have too few descriptors here");
    }
    let sandbox = Sandbox::running(CONFIG);
    let pid = sandbox.daemon().expect("it runs");
    let mut stream = sandbox.stream(&WORDS);
    stream.next();
    let half = &message(Body::Print(line()))[..40];
    let silent: Vec<UnixStream> = (0..4200)
        .map(|number| {
            let mut stream = connect(&sandbox);
            if number % 2 == 0 {
                stream.write_all(half).expect("written");
            }
            stream
        })
        .collect();
    assert_eq!(sandbox.daemon(), Some(pid));
    assert!(is_served(&sandbox));
    let clients = sandbox.figure("clients").expect("a number");
    assert!((1000..1200).contains(&clients), "a share of {clients}");
    assert_eq!(sandbox.figure("streams"), Some(1));
    // What was open before is served on.
    stream.next();
    drop(silent);
    until_true("the end of all others", || sandbox.figure("clients") == Some(2));
}

#[test]
fn readers_that_never_read_cost_little_and_hold_up_no_other() {
    let sandbox = Sandbox::running(CONFIG);
    let pid = sandbox.daemon().expect("it runs");
    let status = message(Body::Admin(Admin::Status));
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(&sandbox);
        stream.set_nonblocking(true).expect("set");
        // As much as it takes.
        while stream.write(&status).is_ok_and(|count| count == status.len()) {}
        silent.push(stream);
    }
    assert!(is_served(&sandbox));
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kilobytes: usize = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 120 * 1024, "{resident}");
    drop(silent);
    until_true("their end", || sandbox.figure("clients") == Some(1));
}

#[test]
fn clients_that_are_killed_while_the_daemon_stands_still_leave_no_trace() {
    let sandbox = Sandbox::running(CONFIG);
    let pid = sandbox.daemon().expect("it runs");
    stop(pid);
    let start = |words: &[&str]| {
        let mut command = sandbox.rainline();
        command.args(words).args(WORDS).args(["--deadline", "20000"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it runs")
    };
    let children: Vec<Child> =
        ["print", "stream"].iter().cycle().take(10).map(|verb| start(&[verb])).collect();
    let asks = |pid: u32| {
        let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("ours to see").flatten();
        fds.filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .any(|target| target.to_string_lossy().starts_with("socket:"))
    };
    until_true("their questions", || children.iter().all(|child| asks(child.id())));
    children.into_iter().for_each(kill);
    for verb in [Body::Print, Body::Stream, Body::History] {
        let message = message(verb(line()));
        connect(&sandbox).write_all(&message).expect("written");
        connect(&sandbox).write_all(&message[..30]).expect("written");
    }
    signal(pid, Signal::CONT);
    until_true("none of them", || {
        (sandbox.figure("clients"), sandbox.figure("streams")) == (Some(1), Some(0))
    });
    assert_eq!(sandbox.daemon(), Some(pid));
}

/// With a second hand it is lines that come, and no line comes from a daemon that stands still.
#[test]
fn a_stream_goes_on_while_the_daemon_stands_still_and_comes_back_to_it() {
    let sandbox = Sandbox::running(CONFIG);
    let pid = sandbox.daemon().expect("it runs");
    let mut stream = sandbox.stream(&WORDS);
    stream.next();
    until_true("the stream", || sandbox.figure("streams") == Some(1));
    stop(pid);
    // One may have been on its way.
    (0..4).for_each(|_| assert!(stream.next().contains("at ")));
    signal(pid, Signal::CONT);
    until_true("the stream", || sandbox.figure("streams") == Some(1));
    (0..2).for_each(|_| assert!(stream.next().contains("at ")));
    assert_eq!(sandbox.daemon(), Some(pid));
}

/// As tmux runs its jobs: standard output is a socket. It ends with the client, whatever else does
/// not.
#[test]
fn a_socket_that_a_stream_writes_to_is_held_by_no_other_process() {
    let sandbox = Sandbox::running(CONFIG);
    let pid = sandbox.daemon().expect("it runs");
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    ours.set_read_timeout(Some(DEADLINE)).expect("set");
    let mut command = sandbox.rainline();
    command.arg("stream").args(WORDS).stdin(Stdio::null());
    command.stdout(std::os::fd::OwnedFd::from(theirs));
    let child = command.spawn().expect("it runs");
    drop(command);
    until_true("the stream", || sandbox.figure("streams") == Some(1));
    assert!(ours.read(&mut [0; 200]).expect("a line") > 0);
    stop(pid);
    kill(child);
    let mut rest = String::new();
    let end = ours.read_to_string(&mut rest);
    signal(pid, Signal::CONT);
    end.expect("its end");
}

#[test]
fn the_ninth_config_in_use_is_drawn_by_its_stream_and_seldom_asked_for() {
    let sandbox = Sandbox::running("");
    let mut streams: Vec<Stream> = Vec::new();
    for number in 0..9_u32 {
        let config = CONFIG.replace("at ", &format!("config {number} at "));
        let config = sandbox.write(&format!("{number}.toml"), config);
        let config = config.to_str().expect("UTF-8");
        let mut stream = sandbox.stream(&[&WORDS[..], &["--config", config]].concat());
        stream.until(&format!("config {number} at "));
        until_true("it is served", || sandbox.figure("streams") == Some((number + 1).min(8)));
        streams.push(stream);
    }
    let before = sandbox.figure("requests").expect("a number");
    for _ in 0..3 {
        streams[8].until("config 8 at ");
    }
    // Three lines take two seconds at least, and the pings of others come beside the status.
    let asked = sandbox.figure("requests").expect("a number") - before;
    assert!(asked < 200, "{asked} requests");
    // As soon as there is room it is served.
    drop(streams.remove(0));
    until_true("the ninth", || sandbox.figure("streams") == Some(8));
}

#[test]
fn a_daemon_with_few_descriptors_goes_on_answering() {
    let sandbox = Sandbox::new().configured(CONFIG);
    let mut command = sandbox.command("sh");
    command.args(["-c", "ulimit -n 16; exec \"$0\" daemon start"]).arg(crate::support::program());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("it runs");
    let pid = until("a daemon", || sandbox.daemon());
    let mut streams: Vec<Stream> = (0..12).map(|_| sandbox.stream(&WORDS)).collect();
    streams.iter_mut().for_each(|stream| drop(stream.next()));
    let silent: Vec<UnixStream> = (0..30).map(|_| connect(&sandbox)).collect();
    for _ in 0..20 {
        assert!(is_served(&sandbox));
    }
    assert_eq!(sandbox.daemon(), Some(pid));
    // It waits, and does not turn in circles: two thirds of the time would do for that.
    let before = ticks(pid);
    streams.iter_mut().for_each(|stream| (0..2).for_each(|_| drop(stream.next())));
    assert!(ticks(pid) - before < 100, "a second of processor time in two");
    drop((silent, streams));
    until_true("their end", || sandbox.figure("clients") == Some(1));
    assert!(lives(pid));
}

#[test]
fn a_client_with_few_descriptors_or_none_open_prints_or_ends() {
    let sandbox = Sandbox::running(CONFIG);
    let run_verb = |script: &str, verb: &str| {
        let mut command = sandbox.command("sh");
        let script = format!("{script} \"$0\" {verb} tmux right --columns 80");
        command.args(["-c", &script]).arg(crate::support::program()).stdin(Stdio::null());
        command.output().expect("it runs")
    };
    let run = |script: &str| run_verb(script, "print");
    for limit in ["ulimit -n 4;", "ulimit -n 5;", "ulimit -n 8;"] {
        let output = run(limit);
        assert!(output.status.success() && !output.stdout.is_empty(), "{limit} {output:?}");
    }
    for closed in ["exec <&- 2>&-;", "exec <&- >&-;", "exec <&- >&- 2>&-;"] {
        let output = run(closed);
        assert!(output.status.success() && output.stderr.is_empty(), "{closed} {output:?}");
    }
    // A stream whose output is closed ends.
    assert!(run_verb("exec >&-;", "stream").status.success());
    // Nothing of a line went where a descriptor of the client's own was.
    assert!(is_served(&sandbox));
}

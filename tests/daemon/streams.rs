//! Streams, and the daemon that starts, stops or dies below them.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use rainline_client::protocol::{Body, ReplyKind};
use rustix::process::Signal;

use super::{bytes, connect, line, reply, request, running, saying, without_a_place};
use crate::support::{Sandbox, Stream, signal, until_true};

/// A `stream` of the line.
pub fn stream(sandbox: &Sandbox) -> Stream {
    sandbox.stream(&["tmux", "right", "--target", "plain", "--columns", "80"])
}

#[test]
fn a_stream_starts_a_daemon_and_survives_its_death() {
    let sandbox = Sandbox::new();
    let mut stream = stream(&sandbox);
    stream.next();
    until_true("a daemon with a stream", || sandbox.figure("streams") == Some(1));
    let pid = sandbox.daemon().expect("it runs");
    signal(pid, Signal::KILL);
    until_true("another with the stream", || {
        sandbox.figure("streams") == Some(1) && sandbox.daemon() != Some(pid)
    });
    assert!(stream.is_running());
    assert!(stream.close().success());
}

/// As tmux runs its jobs: standard output is a socket, and the daemon writes to it itself.
#[test]
fn a_stream_into_a_socket_is_written_by_the_daemon_and_survives_it() {
    let sandbox = Sandbox::new();
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let mut command = sandbox.rainline();
    command.args(["stream", "screen", "right", "--target", "plain", "--columns", "80"]);
    command.args(["--deadline", "20000"]);
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
    let first = sandbox.daemon().expect("it runs");
    // Lines come while the client is stopped: the daemon writes them.
    signal(child.id(), Signal::STOP);
    (0..3).for_each(|_| whole(&mut lines));
    signal(child.id(), Signal::CONT);
    signal(first, Signal::KILL);
    until_true("another with the stream", || {
        sandbox.figure("streams") == Some(1) && sandbox.daemon() != Some(first)
    });
    (0..3).for_each(|_| whole(&mut lines));
    // The reader sees the client's end, because the daemon does not keep the socket open.
    child.kill().expect("a living process");
    child.wait().expect("ours");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut lines, &mut rest).expect("an end");
}

#[test]
fn a_stream_ends_with_its_reader_although_there_is_nothing_to_write() {
    let sandbox = running();
    let mut stream = stream(&sandbox);
    stream.next();
    until_true("the stream", || sandbox.figure("streams") == Some(1));
    assert!(stream.close().success());
    until_true("the daemon to notice", || sandbox.figure("streams") == Some(0));
}

#[test]
fn a_stream_without_any_daemon_prints_all_the_same() {
    let sandbox = without_a_place();
    let mut stream = stream(&sandbox);
    stream.next();
    stream.close();
}

#[test]
fn a_stream_gets_a_bye_when_the_daemon_stops() {
    let sandbox = running();
    let mut stream = connect(&sandbox);
    stream.write_all(&bytes(&request(Body::Stream(line()), 9))).expect("written");
    assert_eq!(reply(&mut stream).0.kind, ReplyKind::Line);
    sandbox.stop_daemon();
    let bye = loop {
        let (header, _) = reply(&mut stream);
        if header.kind != ReplyKind::Line {
            break header;
        }
    };
    assert_eq!((bye.kind, bye.nonce), (ReplyKind::Bye, 9));
}

#[test]
fn a_stream_for_tmux_repeats_its_first_line_in_the_next_second() {
    let sandbox = running();
    sandbox.configure(&saying("still"));
    let mut stream = sandbox.stream(&["tmux", "right"]);
    assert_eq!(stream.next(), stream.next());
}

//! Streams, and the daemon that starts, stops or dies below them.

use std::io::Write;

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

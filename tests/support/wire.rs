//! A client that speaks to the daemon by hand.

use std::io::Read;
use std::os::unix::net::UnixStream;

use rainline_client::protocol::{HEADER, ReplyHeader, Request};

use super::{DEADLINE, Sandbox};

/// A connection to the daemon of a sandbox.
#[track_caller]
pub fn connect(sandbox: &Sandbox) -> UnixStream {
    let stream = UnixStream::connect(sandbox.socket()).expect("a daemon listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    stream.set_write_timeout(Some(DEADLINE)).expect("set");
    stream
}

/// A request as it is sent.
pub fn bytes(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.encode(&mut bytes);
    bytes
}

/// The next reply: its header and its body.
#[track_caller]
pub fn reply(stream: &mut UnixStream) -> (ReplyHeader, Vec<u8>) {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).expect("a reply");
    let header = ReplyHeader::decode(&header).expect("ours").expect("whole");
    let mut body = vec![0; header.length];
    stream.read_exact(&mut body).expect("a body");
    (header, body)
}

//! Replies as they come in over a socket.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rainline_client::protocol::{HEADER, ReplyHeader, ReplyKind};

use crate::support::House;

/// Where the daemon of a house listens.
pub fn socket(house: &House) -> PathBuf {
    house.runtime().join(rainline_client::runtime::SOCKET)
}

/// A connection to the daemon of a house, whose replies are waited for at most this long.
pub fn connect(house: &House) -> UnixStream {
    let stream = UnixStream::connect(socket(house)).expect("a daemon listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    stream
}

/// What came of a connection and is not taken yet.
#[derive(Default)]
pub struct Replies(Vec<u8>);

impl Replies {
    /// Reads once. `false`: the other side is gone.
    pub fn read(&mut self, mut stream: &UnixStream) -> bool {
        let mut chunk = [0; 16 * 1024];
        let count = stream.read(&mut chunk).unwrap_or(0);
        self.0.extend_from_slice(&chunk[..count]);
        count > 0
    }

    /// The next whole reply.
    pub fn next(&mut self) -> Option<(ReplyKind, u64, Vec<u8>)> {
        let header = ReplyHeader::decode(&self.0).expect("the protocol")?;
        let body = self.0.get(HEADER..HEADER + header.length)?.to_vec();
        self.0.drain(..HEADER + header.length);
        Some((header.kind, header.nonce, body))
    }
}

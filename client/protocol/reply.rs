//! What the daemon answers.

use super::codec::{Header, Malformed};
use super::{MAX_REPLY, build_id};

/// What a reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// A line to print, without its newline.
    Line,
    /// Text for a person or a program, of requests that are not for a line.
    Text,
    /// The request could not be served; the body says why. For `doctor`, never for a bar.
    Refused,
    /// The daemon leaves (upgrade, stop): ask the next one.
    Bye,
}

impl ReplyKind {
    const ALL: [ReplyKind; 4] =
        [ReplyKind::Line, ReplyKind::Text, ReplyKind::Refused, ReplyKind::Bye];
}

/// The start of a reply; the body follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// What the body is.
    pub kind: ReplyKind,
    /// That of the request.
    pub nonce: u64,
    /// The daemon's build, see [`build_id`].
    pub build: u64,
    /// Bytes of the body.
    pub length: usize,
}

impl ReplyHeader {
    /// Appends a whole reply to `out`; a body over [`MAX_REPLY`] is cut.
    pub fn encode(kind: ReplyKind, nonce: u64, body: &[u8], out: &mut Vec<u8>) {
        let body = &body[..body.len().min(MAX_REPLY)];
        let start = [kind as u8, 0, 0, 0];
        Header { start, nonce, build: build_id(), length: body.len() }.put(b"RLr", out);
        out.extend_from_slice(body);
    }

    /// Reads a header from the start of `bytes`; `Ok(None)`: not all of it is here yet. The body
    /// is the `length` bytes after [`HEADER`](super::HEADER).
    pub fn decode(bytes: &[u8]) -> Result<Option<ReplyHeader>, Malformed> {
        let Some(header) = Header::take(bytes, b"RLr")? else { return Ok(None) };
        let Header { start: [kind, ..], nonce, build, length } = header;
        if length > MAX_REPLY {
            return Err(Malformed::TooLong);
        }
        let kind = *ReplyKind::ALL.get(usize::from(kind)).ok_or(Malformed::Foreign)?;
        Ok(Some(ReplyHeader { kind, nonce, build, length }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::HEADER;

    #[test]
    fn a_reply_comes_back_as_it_went() {
        for kind in ReplyKind::ALL {
            let mut bytes = Vec::new();
            ReplyHeader::encode(kind, 9, b"hello", &mut bytes);
            let header = ReplyHeader::decode(&bytes).expect("ours").expect("whole");
            assert_eq!((header.kind, header.nonce, header.length), (kind, 9, 5));
            assert_eq!(&bytes[HEADER..], b"hello");
        }
    }
}

//! Request and reply as bytes.
//!
//! A request is a header and tagged fields; an unknown tag is passed over, so that a newer client
//! may tell an older daemon more than it understands. What breaks the meaning of a known tag
//! raises [`PROTOCOL`], which is part of the socket's name: old and new never meet.
//!
//! ```text
//! request  "RLq" PROTOCOL:u8 verb:u8 last:u8 deadline:u16 nonce:u64 build:u64 length:u32 fields…
//! field    tag:u8 length:u16 bytes
//! reply    "RLr" PROTOCOL:u8 kind:u8 0:u8×3 nonce:u64 build:u64 length:u32 body
//! ```
//! Numbers are little-endian. A print gets one reply, a stream any number. The same request as text
//! is in [`args`](crate::args).

pub(crate) mod codec;
mod reply;
mod request;

pub use codec::{Hash, Malformed};
pub use reply::{ReplyHeader, ReplyKind};
pub use request::{Admin, Body, ENV, LineKey, LineRequest, Request, Set, next_nonce};

/// Raised when old and new can no longer talk.
pub const PROTOCOL: u8 = 1;
/// The most bytes a request may have, header included.
pub const MAX_REQUEST: usize = 64 * 1024;
/// The most bytes a reply's body may have.
pub const MAX_REPLY: usize = 256 * 1024;
/// Bytes before the fields of a request and before the body of a reply.
pub const HEADER: usize = 28;

/// The number of this build, from its version: a later version has a greater one.
pub fn build_id() -> u64 {
    const fn number(text: &str) -> u64 {
        let (bytes, mut at, mut number) = (text.as_bytes(), 0, 0);
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            number = number * 10 + (bytes[at] - b'0') as u64;
            at += 1;
        }
        number
    }
    const BUILD: u64 = number(env!("CARGO_PKG_VERSION_MAJOR")) << 32
        | number(env!("CARGO_PKG_VERSION_MINOR")) << 16
        | number(env!("CARGO_PKG_VERSION_PATCH"));
    BUILD
}

//! The fast path: ask the daemon, print, leave. [`stream`](mod@stream) asks once and prints for ever.
//!
//! This runs before each prompt, so it knows the protocol and the runtime directory and nothing
//! else: no config, no theme, no clap. It never fails: where no daemon answers in time it says so
//! to its caller ([`Outcome::Miss`]), which draws a line without one. Nothing is ever written to a
//! bar but whole lines, each in one write. std, rustix, sys, protocol, runtime, spawn.

use std::convert::Infallible;
use std::ffi::CStr;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::protocol::{Fixed, HEADER, ReplyHeader, ReplyKind, Request, RequestRef, Verb};
use crate::runtime::Door;

mod conversation;
pub mod protocol;
pub mod runtime;
mod set;
pub mod spawn;
mod stream;
pub mod sys;
mod words;

pub use conversation::timespec;
use conversation::{Conversation, connect};
pub use conversation::{admin, ask, write_whole};
pub use stream::{Draw, stream};
use words::{Around, Directory, Room, complete, known, owned, read};
pub use words::{columns, from_words, parse};

/// What the raw arguments came to.
pub enum Outcome {
    /// A line was printed; leave with this code.
    Done(i32),
    /// A `print` that no daemon answered.
    Miss(Box<Request>, Why),
    /// A `stream`: give it to [`stream`] with something that draws lines meanwhile.
    Stream(Box<Request>),
    /// A value for a segment.
    Set(Box<Request>),
    /// Not for the fast path.
    Cli,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no runtime directory to ask through.
    Nowhere,
    /// Nobody listens, or the one who did leaves: a daemon may be started.
    Absent,
    /// Somebody listens and does not answer in time.
    Late,
    /// Another user's process listens where ours should. It was told nothing.
    Foreign,
    /// The daemon cannot serve this; the command line knows how to say why.
    Refused,
}

/// Does what the program's arguments ask for, if it is a plain `print` or `stream`. It does not
/// return from a print that was answered at once.
#[inline(always)]
pub fn fast(
    args: impl Iterator<Item = &'static CStr>,
    env: impl Iterator<Item = &'static CStr>,
) -> Outcome {
    let mut args = args.map(CStr::to_bytes).skip(1).peekable();
    // The environment is long and most commands don't need it here.
    let ours = |verb: &&[u8]| matches!(*verb, b"print" | b"stream" | b"set");
    if !args.peek().is_some_and(ours) {
        return Outcome::Cli;
    }
    let around = Around::of(env.map(CStr::to_bytes));
    if args.peek().is_some_and(|verb| *verb == b"set") {
        let request = set::read(args, &around);
        return request.map_or(Outcome::Cli, |request| Outcome::Set(Box::new(request)));
    }
    let mut room = Room::default();
    let Some(mut request) = read(args, &around, &mut room.parts) else { return Outcome::Cli };
    if request.verb == Verb::Stream {
        complete(&mut request, &mut room.directory);
        return Outcome::Stream(owned(&request));
    }
    let given_up = at_once(&mut request, &around, &mut room.directory);
    let request = owned(&request);
    if let Err(Some(why)) = given_up {
        return Outcome::Miss(request, why);
    }
    let answer = match runtime::open() {
        Ok(runtime) => ask(&runtime, &request),
        Err(_) => Err(Why::Nowhere),
    };
    match answer {
        Ok((ReplyKind::Line, mut line)) => {
            line.push(b'\n');
            write_whole(&line);
            Outcome::Done(0)
        }
        Ok((kind, _)) => Outcome::Miss(request, no_line(kind)),
        Err(why) => Outcome::Miss(request, why),
    }
}

/// Prints the answer and leaves, if everything is as it nearly always is: the directory is there,
/// the daemon answers in time and in one piece. Nothing here touches the heap, the clock or the
/// locale, and what is open at the end the kernel closes.
///
/// Otherwise it says why there is no answer, or nothing: then [`ask`] has to find out.
#[inline(always)]
fn at_once<'a>(
    request: &mut RequestRef<'a>,
    around: &Around<'a>,
    directory: &'a mut Directory,
) -> Result<Infallible, Option<Why>> {
    let mut place = Fixed::default();
    let door =
        Door::find(around.get(const { known("RAINLINE_RUNTIME_DIR") }), &mut place).ok_or(None)?;
    // Each page of a larger room would cost a fault, used or not.
    let mut room = [MaybeUninit::uninit(); 3 * 1024];
    if let Some(key) = request.frame_key()
        && let Some(bytes) = door.frame(key, &mut room)
        && let Some(line) = runtime::frame_line(bytes, request.build)
    {
        print_and_leave(&[IoSlice::new(line)]);
    }
    complete(request, directory);
    // Our end then wakes nobody.
    request.last = true;
    let mut message = Fixed::<1024>::default();
    request.encode(&mut message);
    let message = message.whole().ok_or(None)?;
    let address = door.socket().ok_or(None)?;
    let socket = connect(&address, door.uid).map_err(Some)?;
    match rustix::net::send(&socket, message, SendFlags::NOSIGNAL) {
        Ok(count) if count == message.len() => {}
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => return Err(None),
        Err(_) => return Err(Some(Why::Absent)),
    }
    let patience = timespec(Duration::from_millis(request.deadline.into()));
    let mut fds = [PollFd::new(&socket, PollFlags::IN)];
    match poll(&mut fds, Some(&patience)) {
        Ok(0) => return Err(Some(Why::Late)),
        Ok(_) => {}
        Err(_) => return Err(None),
    }
    let (bytes, _) = rustix::io::read(&socket, &mut room[..]).map_err(|_| None)?;
    let header = ReplyHeader::decode(bytes).map_err(|_| Some(Why::Refused))?;
    if header.is_some_and(|header| header.nonce != request.nonce) {
        return Err(Some(Why::Late));
    }
    let body =
        header.and_then(|header| Some((header.kind, bytes.get(HEADER..HEADER + header.length)?)));
    let Some((kind, body)) = body else {
        let bytes = bytes.to_vec();
        return the_rest(Conversation { socket, nonce: request.nonce, bytes }, request.deadline);
    };
    match kind {
        ReplyKind::Line => print_and_leave(&[IoSlice::new(body), IoSlice::new(b"\n")]),
        kind => Err(Some(no_line(kind))),
    }
}

/// Waits for the rest of a reply that was too long for one read.
#[cold]
fn the_rest(mut conversation: Conversation, deadline: u16) -> Result<Infallible, Option<Why>> {
    let until = sys::awake() + Duration::from_millis(deadline.into());
    match conversation.wait(until).map_err(Some)? {
        (ReplyKind::Line, body) => print_and_leave(&[IoSlice::new(&body), IoSlice::new(b"\n")]),
        (kind, _) => Err(Some(no_line(kind))),
    }
}

/// What a reply means that is no line.
fn no_line(kind: ReplyKind) -> Why {
    if kind == ReplyKind::Bye { Why::Absent } else { Why::Refused }
}

/// Writes a line to standard output in one piece, and that was all.
#[inline(always)]
fn print_and_leave(parts: &[IoSlice]) -> ! {
    sys::ignore_sigpipe();
    let whole: usize = parts.iter().map(|part| part.len()).sum();
    let written = match rustix::io::writev(rustix::stdio::stdout(), parts) {
        Ok(count) => count,
        Err(Errno::INTR | Errno::AGAIN) => 0,
        // A bar has no place for our errors.
        Err(_) => whole,
    };
    if written < whole {
        let line: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        write_whole(&line[written..]);
    }
    sys::leave(0)
}

/// Opens what should be open and isn't on descriptors 0 to 2, so that nothing of ours lands there.
pub fn open_standard() {
    let null = || rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty());
    // The lowest free number is the one that is given.
    while let Ok(fd) = null() {
        if std::os::fd::AsRawFd::as_raw_fd(&fd) > 2 {
            return;
        }
        std::mem::forget(fd);
    }
}

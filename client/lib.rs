//! The client: ask the daemon, print, leave. [`stream()`] asks once and keeps printing.
//!
//! This runs before each prompt, so it knows the protocol and the runtime directory and nothing
//! else: no config, no theme, no clap. It never fails: where no daemon answers in time it says so
//! to its caller ([`Outcome::Miss`]), which draws a line without one. Nothing is ever written to a
//! bar but whole lines, each in one write.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use rustix::io::fcntl_getfd;
use rustix::stdio::stdout;

use crate::environment::Environment;
use crate::protocol::{Body, ReplyKind, Request};

pub mod args;
mod connection;
pub mod environment;
pub mod gate;
pub mod protocol;
pub mod runtime;
pub mod spawn;
mod stream;
pub mod sys;

pub use connection::{admin, ask, timespec, write_whole};
pub use stream::{Draw, stream};

/// What the arguments came to.
pub enum Outcome {
    /// A line was printed; leave with this code.
    Done(i32),
    /// A `print` that no daemon answered.
    Miss(Request, Why),
    /// A `stream`: give it to [`stream()`] with something that draws lines meanwhile.
    Stream(Request),
    /// A value for a segment.
    Set(Request),
    /// Not for the client: another command, or words that the command line should explain.
    Cli,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no runtime directory to ask through.
    Nowhere,
    /// No daemon listens, or the one that did is leaving: one may be started.
    Absent,
    /// A daemon listens and does not answer in time.
    Late,
    /// Another user's process listens where ours should. Nothing was sent to it.
    Foreign,
    /// The daemon cannot serve this; the command line knows how to say why.
    Refused,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Absent => "the daemon does not run",
            Why::Late => "the daemon does not answer",
            Why::Foreign => "another user's process listens on the daemon's socket",
            Why::Nowhere | Why::Refused => "the daemon cannot be asked",
        })
    }
}

/// Does what the program's arguments (its name first) ask for, if it is a `print`, `stream` or
/// `set` without mistakes.
pub fn run(args: &[OsString]) -> Outcome {
    let mut words = args.iter().map(OsString::as_os_str);
    words.next();
    let verb = args.get(1).map(|verb| verb.as_bytes());
    let request = match verb {
        Some(b"print" | b"stream") => args::line(words, &Environment::current()),
        Some(b"set") => args::set(words.skip(1), &Environment::current()),
        _ => return Outcome::Cli,
    };
    let Ok(mut request) = request else { return Outcome::Cli };
    match request.body {
        Body::Print(_) => {}
        // Nobody reads it, and nobody ever will.
        Body::Stream(_) if fcntl_getfd(stdout()).is_err() => return Outcome::Done(0),
        Body::Stream(_) => return Outcome::Stream(request),
        _ => return Outcome::Set(request),
    }
    // The daemon closes the connection first, so that our exit does not wake it.
    request.last = true;
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
        Ok((ReplyKind::Bye, _)) => Outcome::Miss(request, Why::Absent),
        Ok(_) => Outcome::Miss(request, Why::Refused),
        Err(why) => Outcome::Miss(request, why),
    }
}

/// Whether an answer is a line that this request can have.
fn is_line(request: &Request, answer: &[u8]) -> bool {
    request.line().is_some_and(|line| gate::is_line(line, answer))
}

//! The client: ask the daemon, print, leave. [`stream()`] asks once and keeps printing.
//!
//! This runs before each prompt, so it knows the protocol and the runtime directory and nothing
//! else: no config, no theme, no clap. It never fails: where no daemon answers in time it says so
//! to its caller ([`Outcome::Miss`]), which draws a line without one. Nothing is ever written to a
//! bar but whole lines, each in one write.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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

pub use connection::{Connection, admin, ask, listener, timespec, write_whole};
pub use stream::{Draw, stream};

/// What the arguments came to.
pub enum Outcome {
    /// A line was printed; leave with this code.
    Done(i32),
    /// A line was printed that a daemon of an older version drew: start one of this version.
    Outdated,
    /// A `print` that no daemon answered.
    Miss(Request, Why),
    /// A `stream`: give it to [`stream()`] with something that draws lines meanwhile.
    Stream(Request),
    /// A value for a segment, and whether standard input says it.
    Set(Request, bool),
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
    /// Our daemon runs in another pid namespace, where no process has the number that it has here.
    Elsewhere,
    /// The daemon cannot serve this; the command line knows how to say why.
    Refused,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Absent => "the daemon does not run",
            Why::Late => "the daemon does not answer",
            Why::Foreign => "another user's process listens on the daemon's socket",
            Why::Elsewhere => {
                "the daemon runs in another pid namespace (a container that shares the runtime \
                 directory)"
            }
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
        Some(b"set") => match args::set(words.skip(1), &Environment::current()) {
            Ok((request, reads)) => return Outcome::Set(request, reads),
            Err(_) => return Outcome::Cli,
        },
        _ => return Outcome::Cli,
    };
    let Ok(mut request) = request else { return Outcome::Cli };
    match request.body {
        Body::Print(_) => {}
        // Without an output there is no reader whose end could be waited for.
        Body::Stream(_) if fcntl_getfd(stdout()).is_err() => return Outcome::Done(0),
        Body::Stream(_) => return Outcome::Stream(request),
        _ => return Outcome::Cli,
    }
    // The daemon closes the connection first, so that our exit does not wake it.
    request.last = true;
    let answer = runtime::open().map_err(|_| Why::Nowhere).and_then(|runtime| {
        let until = sys::awake() + request.deadline;
        let mut connection = Connection::open(&runtime, &request)?;
        match connection.wait(until)? {
            (ReplyKind::Line, line) if is_line(&request, &line) => {
                let rows = printed(&request, Some((connection.daemon, &runtime.path)), &line);
                Ok((rows, connection.is_outdated))
            }
            (ReplyKind::Bye, _) => Err(Why::Absent),
            _ => Err(Why::Refused),
        }
    });
    match answer {
        Ok((rows, is_outdated)) => {
            write_whole(&rows);
            if is_outdated { Outcome::Outdated } else { Outcome::Done(0) }
        }
        Err(why) => Outcome::Miss(request, why),
    }
}

/// What a print writes: the line, and before it, for a shell that would have a channel, a row about
/// that: the daemon's process and the directory that was checked; empty where no daemon answered.
pub fn printed(request: &Request, daemon: Option<(u32, &Path)>, line: &[u8]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(line.len() + 64);
    let channel = request.line().map_or("", |line| &line.channel);
    if !channel.is_empty() && !channel.starts_with("winch-") {
        let daemon = daemon.map(|(pid, path)| (pid, path.as_os_str().as_bytes()));
        if let Some((pid, path)) = daemon.filter(|(_, path)| !path.contains(&b'\n')) {
            rows.extend_from_slice(format!("{pid} ").as_bytes());
            rows.extend_from_slice(path);
        }
        rows.push(b'\n');
    }
    rows.extend_from_slice(line);
    rows.push(b'\n');
    rows
}

/// Whether an answer is a line that this request can have.
fn is_line(request: &Request, answer: &[u8]) -> bool {
    request.line().is_some_and(|line| gate::is_line(line, answer))
}

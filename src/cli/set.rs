//! `rainline set`

use std::ffi::OsString;
use std::time::Duration;

use super::{complain, print};
use crate::error::Error;
use crate::quote::word;
use rainline_client::args::{self, SET};
use rainline_client::environment::Environment;
use rainline_client::protocol::{Body, ReplyKind, Request};
use rainline_client::{self, Why};
use rainline_client::{runtime, spawn, sys, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::stdin;

/// The most bytes of a value.
const MOST: usize = 16 * 1024;
/// How long standard input may take to end.
const INPUT: Duration = Duration::from_secs(10);
/// How long a daemon that had to be started is waited for.
const START: Duration = Duration::from_secs(3);

print::client_command!(
    SET,
    "Push a value into a `custom` segment, from any script",
    "All lines show it at once. A value is a text; where the segment declares fields it is one \
     FIELD=VALUE or more, or the value alone if there is only one field. With --json it is a JSON \
     object of fields, `text`, `short` and `level`. Numbers may have their unit: 42%, 3.5G, 1h30m, \
     3/8. An empty text shows nothing. - is what standard input says, which must end within 10 s.",
    "Examples:
  rainline set build \"running tests\" --level info --for 10m
  rainline set ci passed=112 failed=0
  rainline set disk --json '{\"used\": \"3G/8G\", \"level\": \"warning\"}'"
);

/// Words that clap takes and the client did not.
pub fn run(_: Args) -> Result<i32, Error> {
    let words = sys::arguments().iter().skip(2).map(OsString::as_os_str);
    let read = args::set(words, &Environment::current());
    Err(Error::Usage(read.err().unwrap_or_else(|| "see `rainline set --help`".into())))
}

/// Hands the value to the daemon, which is started if need be; the exit code. Where standard input says
/// the value it is read first.
pub fn push(mut request: Request, reads: bool) -> i32 {
    let value = if reads { input().map(Some) } else { Ok(None) };
    let done = value.and_then(|value| {
        if let (Body::Set(set), Some(value)) = (&mut request.body, value) {
            set.value = value;
        }
        pushed(&request)
    });
    match done {
        Ok(()) => 0,
        Err(why) => {
            complain(&format!("rainline: {}\n", word(why.trim_end())));
            1
        }
    }
}

/// What standard input says, without the newlines at its end, as a shell's `$(…)` has it.
fn input() -> Result<String, String> {
    let until = sys::awake() + INPUT;
    let said = |error: Errno| format!("standard input: {}", runtime::plain(error));
    let mut bytes = Vec::new();
    loop {
        let left = until.saturating_sub(sys::awake());
        let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
        match poll(&mut fds, Some(&timespec(left))) {
            Ok(0) => {
                return Err(format!("standard input did not end within {} s", INPUT.as_secs()));
            }
            Err(Errno::INTR) => continue,
            polled => drop(polled.map_err(said)?),
        }
        let mut chunk = [0; 4096];
        match rustix::io::read(stdin(), &mut chunk) {
            Ok(0) => break,
            // No part of it is taken for the whole.
            Ok(count) if bytes.len() + count > MOST => return Err(too_long()),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(said(error)),
        }
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "standard input is not UTF-8")?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(text)
}

fn too_long() -> String {
    format!("a value has at most {MOST} bytes")
}

fn pushed(request: &Request) -> Result<(), String> {
    if matches!(&request.body, Body::Set(set) if set.value.len() > MOST) {
        return Err(too_long());
    }
    let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", word(path)))?;
    let until = sys::awake() + START;
    let mut started = false;
    loop {
        match rainline_client::ask(&runtime, request) {
            Ok((ReplyKind::Text, _)) => return Ok(()),
            Ok((ReplyKind::Refused, why)) => {
                return Err(String::from_utf8_lossy(&why).into_owned());
            }
            // A daemon that is leaving is about to be none.
            Ok((ReplyKind::Bye | ReplyKind::Line, _)) | Err(Why::Absent) => {}
            Err(why) => return Err(why.to_string()),
        }
        if !std::mem::replace(&mut started, true) {
            spawn::start(&runtime);
        }
        if sys::awake() >= until {
            return Err(format!("{} and cannot be started; see `rainline doctor`", Why::Absent));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

//! `rainline set`

use std::ffi::OsString;
use std::time::Duration;

use super::{complain, print};
use crate::error::Error;
use rainline_client::args::{self, SET};
use rainline_client::environment::Environment;
use rainline_client::protocol::{Body, ReplyKind, Request};
use rainline_client::{self, Why};
use rainline_client::{runtime, spawn, sys};

/// The most bytes of a value.
const MOST: usize = 16 * 1024;
/// How long a daemon that had to be started is waited for.
const START: Duration = Duration::from_secs(3);

print::client_command!(
    SET,
    "Push a value into a `custom` segment, from any script",
    "All lines show it at once. A value is a text; where the segment declares fields it is one \
     FIELD=VALUE or more, or the value alone if there is only one field. With --json it is a JSON \
     object of fields, `text`, `short` and `level`. Numbers may have their unit: 42%, 3.5G, 1h30m, \
     3/8. An empty text shows nothing.",
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

/// Hands the value to the daemon, which is started if need be; the exit code.
pub fn push(request: &Request) -> i32 {
    match pushed(request) {
        Ok(()) => 0,
        Err(why) => {
            complain(&format!("rainline: {}\n", why.trim_end()));
            1
        }
    }
}

fn pushed(request: &Request) -> Result<(), String> {
    if matches!(&request.body, Body::Set(set) if set.value.len() > MOST) {
        return Err(format!("a value has at most {MOST} bytes"));
    }
    let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", path.display()))?;
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

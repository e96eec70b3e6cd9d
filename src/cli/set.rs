//! `rainline set`

use std::path::PathBuf;
use std::time::Duration;

use super::complain;
use crate::error::Error;
use rainline_client::protocol::{ReplyKind, Request};
use rainline_client::{self, Why};
use rainline_client::{runtime, spawn, sys};

/// The most bytes of a value.
const MOST: usize = 16 * 1024;
/// How long a daemon that had to be started is waited for.
const START: Duration = Duration::from_secs(3);

/// Push a value into a `custom` segment, from any script.
///
/// All lines show it at once. A value is a text; where the segment declares fields it is one
/// `FIELD=VALUE` or more, the value alone if there is only one field, or a JSON object. Numbers may
/// have their unit: 42%, 3.5G, 1h30m, 3/8. An empty text shows nothing.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rainline set build \"running tests\" --level info --for 10m
  rainline set ci passed=112 failed=0
  rainline set disk '{\"used\": \"3G/8G\", \"level\": \"warning\"}'")]
pub struct Args {
    /// The segment, as the config calls it.
    name: String,
    /// What it shows.
    #[arg(required = true)]
    value: Vec<String>,
    /// How much it asks for attention: idle, good, info, warning, critical.
    #[arg(long)]
    level: Option<String>,
    /// How long it is good for: 90s, 10m, 2h.
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<String>,
    /// The config that has the segment.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Words that clap understands and the fast path did not.
pub fn run(_: Args) -> Result<i32, Error> {
    Err(Error::Usage("a word is not UTF-8; see `rainline set --help`".into()))
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
    if request.admin.len() > MOST {
        return Err(format!("a value has at most {MOST} bytes"));
    }
    let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", path.display()))?;
    let until = sys::awake() + START;
    let mut started = false;
    loop {
        let why = match rainline_client::ask(&runtime, request) {
            Ok((ReplyKind::Text, _)) => return Ok(()),
            Ok((ReplyKind::Refused, why)) => {
                return Err(String::from_utf8_lossy(&why).into_owned());
            }
            Ok((ReplyKind::Bye | ReplyKind::Line | ReplyKind::Taken, _)) | Err(Why::Absent) => {
                "does not run"
            }
            Err(Why::Late) => return Err("the daemon does not answer".into()),
            Err(Why::Foreign) => {
                return Err("another user's process listens where the daemon should".into());
            }
            Err(Why::Nowhere | Why::Refused) => return Err("the daemon cannot be asked".into()),
        };
        if !std::mem::replace(&mut started, true) {
            spawn::start(&runtime);
        }
        if sys::awake() >= until {
            return Err(format!("the daemon {why} and cannot be started; see `rainline doctor`"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

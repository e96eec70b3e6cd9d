//! `rainline` without a command: this terminal's own line, live, and what to do next.

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::output;
use crate::error::Error;
use crate::local::Local;
use rainline_caps::Depth;
use rainline_client::environment::Environment;
use rainline_client::protocol::{ReplyKind, Request};
use rainline_client::{self, Why, args};
use rainline_client::{runtime, spawn};

const NEXT: &str = "
  rainline try tmux     try it in a sandboxed tmux; nothing of yours is changed
  rainline init tmux    the few lines that add it to your own tmux
  rainline segments     what a line can show
";

/// How long a person waits for a line here.
const TIMEOUT: Duration = Duration::from_millis(300);

/// What is read from counters shows only from the second reading on, a second after the first.
const SECOND_READING: Duration = Duration::from_millis(1100);

/// Shows the line until a key is pressed; once, if this is no terminal.
pub fn run() -> Result<i32, Error> {
    let mut drawer = Drawer::default();
    let first = drawer.line("");
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    if !stdin.is_terminal() || !stdout.is_terminal() {
        std::thread::sleep(SECOND_READING);
        output(&format!("{}\n{NEXT}", drawer.line("")));
        return Ok(0);
    }
    let below = NEXT.lines().count() + 2;
    output(&format!("{first}\n{NEXT}\n  press any key to quit\x1b[{below}A\r"));
    let keys = Keys::quiet();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let second = Timespec { tv_sec: 1, tv_nsec: 0 };
    while let Ok(0) = poll(&mut fds, Some(&second)) {
        output(&format!("\r{}\x1b[K\r", drawer.line("")));
    }
    drop(keys);
    output(&format!("\x1b[{below}B\r\x1b[K"));
    Ok(0)
}

/// This terminal's line in each of these themes.
pub fn lines_in(themes: &[&str]) -> Vec<String> {
    let mut drawer = Drawer::default();
    drawer.line("");
    std::thread::sleep(SECOND_READING);
    themes.iter().map(|theme| drawer.line(theme)).collect()
}

/// How many colours this terminal has.
pub fn depth() -> Depth {
    let env = Environment::current();
    if env.is_colourless() { Depth::Mono } else { env.depth() }
}

/// The request for this terminal's line.
fn request(theme: &str) -> Option<Request> {
    let mut words = vec!["print", "terminal", "full", "--target", "ansi"];
    if !theme.is_empty() {
        words.extend(["--theme", theme]);
    }
    let words = words.into_iter().map(OsStr::new);
    let request = args::line(words, &Environment::current()).ok()?;
    Some(Request { deadline: TIMEOUT, ..request })
}

/// Asks the daemon; where there is none it starts one and draws the line itself meanwhile.
#[derive(Default)]
struct Drawer {
    local: Local,
}

impl Drawer {
    fn line(&mut self, theme: &str) -> String {
        let Some(request) = request(theme) else { return String::new() };
        let line = match runtime::open() {
            Ok(runtime) => match rainline_client::ask(&runtime, &request) {
                Ok((ReplyKind::Line, line)) => line,
                answer => {
                    let why = answer.err().unwrap_or(Why::Refused);
                    // Draw before the start: this saves counters that the new daemon reads.
                    let line = self.local.line(&request, why);
                    if why == Why::Absent {
                        spawn::start(&runtime);
                    }
                    line
                }
            },
            Err(_) => self.local.line(&request, Why::Nowhere),
        };
        String::from_utf8_lossy(&line).into_owned()
    }
}

/// A terminal that hands over single keys and does not echo them; restored when dropped.
struct Keys(Option<Termios>);

impl Keys {
    fn quiet() -> Keys {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            // Ctrl-C must arrive as a key, too, so that the terminal is restored.
            quiet.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            let _ = tcsetattr(&stdin, OptionalActions::Now, &quiet);
        }
        Keys(before)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Drop what was typed meanwhile.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}

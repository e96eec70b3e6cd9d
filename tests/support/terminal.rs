//! A terminal with a program in it: a pty outside, a vt100 model inside, cells to look at.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{DEADLINE, Sandbox, tool};

/// One cell as it is drawn. The second half of a wide character is a cell with no text.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub text: String,
    pub fg: vt100::Color,
    pub bg: vt100::Color,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub inverse: bool,
}

impl Look {
    fn of(cell: &vt100::Cell) -> Look {
        let empty = !cell.has_contents();
        Look {
            // Never written and written blank look the same.
            text: if empty { " ".into() } else { cell.contents().into() },
            fg: cell.fgcolor(),
            bg: cell.bgcolor(),
            bold: cell.bold(),
            dim: cell.dim(),
            italic: cell.italic(),
            underline: cell.underline(),
            inverse: cell.inverse(),
        }
    }
}

/// The cells of one row of a screen.
pub fn looks(screen: &vt100::Screen, row: u16) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    for cell in (0..screen.size().1).filter_map(|column| screen.cell(row, column)) {
        let look = match looks.last() {
            // The model keeps no style for the second half of a wide character.
            Some(first) if cell.is_wide_continuation() => {
                Look { text: String::new(), ..first.clone() }
            }
            _ => Look::of(cell),
        };
        looks.push(look);
    }
    looks
}

/// The cells that `bytes` draw on an empty terminal of one row.
pub fn drawn(bytes: &[u8], columns: u16) -> Vec<Look> {
    let mut parser = vt100::Parser::new(1, columns, 0);
    parser.process(bytes);
    looks(parser.screen(), 0)
}

/// The model of a terminal's cells, fed with what reads give.
struct Model {
    parser: vt100::Parser,
    /// The first bytes of a character whose rest has not come.
    begun: Vec<u8>,
}

impl Model {
    fn new(rows: u16, columns: u16) -> Model {
        Model { parser: vt100::Parser::new(rows, columns, 0), begun: Vec::new() }
    }

    /// Feeds whole characters only: where bytes end inside of one, vte 0.15 may lose the character
    /// behind it.
    fn feed(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        let odd = self.begun.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
        // No length of an error: more bytes may complete it.
        let incomplete = str::from_utf8(odd).is_err_and(|error| error.error_len().is_none());
        let whole = self.begun.len() - if incomplete { odd.len() } else { 0 };
        self.parser.process(&self.begun[..whole]);
        self.begun.drain(..whole);
    }
}

pub struct Terminal {
    master: OwnedFd,
    child: Child,
    model: Model,
    /// Bytes that ring, those that end a title among them.
    bells: usize,
    closed: bool,
}

impl Terminal {
    /// Runs a program in a new terminal of this size, as leader of its own session.
    pub fn spawn<S: AsRef<OsStr>>(
        sandbox: &Sandbox,
        argv: &[S],
        rows: u16,
        columns: u16,
    ) -> Terminal {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        grantpt(&master).expect("a pty");
        unlockpt(&master).expect("a pty");
        tcsetwinsize(&master, size(rows, columns)).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("a pty's name");
        let slave = open(
            OsStr::from_bytes(name.as_bytes()),
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .expect("the other end");
        let stdio = || Stdio::from(slave.try_clone().expect("a descriptor"));
        // setsid is not a group leader here, so it does not fork: its pid is the program's.
        let mut command: Command = sandbox.command(tool("setsid"));
        command.arg("--ctty").args(argv).stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = command.spawn().expect("a process");
        Terminal { master, child, model: Model::new(rows, columns), bells: 0, closed: false }
    }

    /// Feeds what the program writes until the screen satisfies `done`. Panics at the deadline or
    /// when the program has gone, with what was on the screen.
    pub fn wait(&mut self, what: &str, mut done: impl FnMut(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !done(self.screen()) {
            let left = DEADLINE.saturating_sub(start.elapsed());
            if self.closed || left.is_zero() {
                let why = if self.closed { "the program left" } else { "nothing came" };
                panic!("waited for {what}; {why}; the screen:\n{}", self.contents());
            }
            self.feed(left);
        }
    }

    /// Feeds what is written until the screen satisfies `done`, or for this long; whether it does.
    pub fn comes(
        &mut self,
        span: std::time::Duration,
        mut done: impl FnMut(&vt100::Screen) -> bool,
    ) -> bool {
        let start = Instant::now();
        while !done(self.screen()) {
            let left = span.saturating_sub(start.elapsed());
            if self.closed || left.is_zero() {
                return false;
            }
            self.feed(left);
        }
        true
    }

    /// Waits until `text` is somewhere on the screen.
    pub fn wait_text(&mut self, text: &str) {
        self.wait(&format!("{text:?}"), |screen| screen.contents().contains(text));
    }

    /// Feeds what is written for this long: for what must *not* appear.
    pub fn watch(&mut self, span: std::time::Duration) {
        let start = Instant::now();
        while !self.closed && start.elapsed() < span {
            self.feed(span.saturating_sub(start.elapsed()));
        }
    }

    /// Waits for the program's end and gives its exit code.
    pub fn end(mut self) -> Option<i32> {
        let start = Instant::now();
        while !self.closed && start.elapsed() < DEADLINE {
            self.feed(DEADLINE.saturating_sub(start.elapsed()));
        }
        assert!(self.closed, "the program does not end; the screen:\n{}", self.contents());
        self.child.wait().expect("an exit").code()
    }

    /// Takes in what is there, waiting for it at most `limit`.
    fn feed(&mut self, limit: std::time::Duration) {
        let timeout = Timespec::try_from(limit).expect("a short time");
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return,
            Ok(_) => (),
            Err(error) => panic!("poll: {error}"),
        }
        let mut buffer = [0; 65536];
        match rustix::io::read(&self.master, &mut buffer) {
            // EIO: no process has the other end open any more.
            Ok(0) | Err(Errno::IO) => self.closed = true,
            Ok(count) => {
                self.bells += buffer[..count].iter().filter(|byte| **byte == 7).count();
                self.model.feed(&buffer[..count]);
            }
            Err(Errno::INTR | Errno::AGAIN) => (),
            Err(error) => panic!("read: {error}"),
        }
    }

    /// Waits for a bell since the terminal was opened.
    pub fn wait_bell(&mut self) {
        let start = Instant::now();
        while self.bells == 0 {
            let left = DEADLINE.saturating_sub(start.elapsed());
            assert!(!self.closed && !left.is_zero(), "no bell");
            self.feed(left);
        }
    }

    /// Types.
    pub fn send(&mut self, keys: impl AsRef<[u8]>) {
        let mut left = keys.as_ref();
        while !left.is_empty() {
            let count = rustix::io::write(&self.master, left).expect("a write");
            left = &left[count..];
        }
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.model.parser.screen_mut().set_size(rows, columns);
        tcsetwinsize(&self.master, size(rows, columns)).expect("a size");
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.model.parser.screen()
    }

    pub fn contents(&self) -> String {
        self.screen().contents()
    }

    /// The cells of a row.
    pub fn row(&self, row: u16) -> Vec<Look> {
        looks(self.screen(), row)
    }

    /// The text of a row, blanks at the end included.
    pub fn text(&self, row: u16) -> String {
        self.row(row).into_iter().map(|look| look.text).collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// A program and its arguments from texts and paths.
pub fn argv<const N: usize>(words: [&dyn AsRef<OsStr>; N]) -> Vec<OsString> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}

#[test]
fn a_character_in_two_reads_takes_none_of_its_neighbours_away() {
    let bytes = "aé!… 漢·ﬀx한e\u{301}👍…·!→,é·\x1b[31m…é!\u{9b}…".as_bytes();
    let bytes = [bytes, b"\xff\xe2!\xf0\x9f\x91 \xc3"].concat();
    let mut whole = Model::new(1, 80);
    whole.feed(&bytes);
    for at in 0..bytes.len() {
        let mut parts = Model::new(1, 80);
        parts.feed(&bytes[..at]);
        parts.feed(&bytes[at..]);
        assert_eq!(looks(parts.parser.screen(), 0), looks(whole.parser.screen(), 0), "{at}");
    }
}

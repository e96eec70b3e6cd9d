//! The fast path: ask the daemon, print, leave. [`stream`](mod@stream) asks once and prints for ever.
//!
//! This runs before each prompt, so it knows the protocol and the runtime directory and nothing
//! else: no config, no theme, no clap. It never fails: where no daemon answers in time it says so
//! to its caller ([`Outcome::Miss`]), which draws a line without one. Nothing is ever written to a
//! bar but whole lines, each in one write. std, rustix, sys, protocol, runtime, spawn.

use std::convert::Infallible;
use std::ffi::{CStr, OsString};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::protocol::{
    self, ENV, Fixed, HEADER, MORE_ENV, ReplyHeader, ReplyKind, Request, RequestRef, Verb,
};
use crate::runtime::{self, Door};
use crate::sys;

mod conversation;
mod pace;
mod set;
mod stream;

pub(crate) use conversation::timespec;
use conversation::{Conversation, connect, nonce};
pub use conversation::{admin, ask, write_whole};
pub(crate) use pace::Pace;
pub use stream::{Draw, stream};

/// The widest line anybody gets; a terminal is never wider.
const MOST_COLUMNS: u16 = 4096;

/// The names under which this program is a drop-in and no client of its own.
pub const DROP_INS: [&str; 4] = ["battery", "rainbarf", "spark", "tmux-mem-cpu-load"];

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
    let mut args = args.map(CStr::to_bytes);
    let program = args.next().unwrap_or_default();
    let mut args = args.peekable();
    // The environment is long and most commands don't need it here.
    let ours = |verb: &&[u8]| matches!(*verb, b"print" | b"stream" | b"set");
    if is_drop_in(program) || !args.peek().is_some_and(ours) {
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

/// Whether the program's name, after its last slash, is that of a drop-in.
#[inline(always)]
fn is_drop_in(program: &[u8]) -> bool {
    let is = |name: &&str| match program.strip_suffix(name.as_bytes()) {
        Some(folder) => matches!(folder, [] | [.., b'/']),
        None => false,
    };
    DROP_INS.iter().any(is)
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
    let door = Door::find(around.get("RAINLINE_RUNTIME_DIR"), &mut place).ok_or(None)?;
    // Each page of a larger room would cost a fault, used or not.
    let mut room = [MaybeUninit::uninit(); 3 * 1024];
    if let Some(key) = request.frame_key()
        && let Some(bytes) = door.frame(key, &mut room)
        && let Some(line) = runtime::frame_line(bytes, request.build)
    {
        print_and_leave(&[IoSlice::new(line)]);
    }
    complete(request, directory);
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

/// Room on the stack for what a request points to.
#[derive(Default)]
struct Room<'a> {
    parts: Parts<'a>,
    directory: Directory,
}

struct Parts<'a> {
    env: [(&'static str, &'a [u8]); ENV.len()],
    statuses: [i32; 64],
    directory: Directory,
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Parts { env: [("", b""); ENV.len()], statuses: [0; 64], directory: Directory::default() }
    }
}

/// Room for a path.
struct Directory([MaybeUninit<u8>; 1024]);

impl Default for Directory {
    fn default() -> Self {
        Directory([MaybeUninit::uninit(); 1024])
    }
}

/// What of the environment decides on a line, found in one walk.
struct Around<'a> {
    values: [Option<&'a [u8]>; ENV.len() + MORE_ENV.len()],
}

impl<'a> Around<'a> {
    fn of(env: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut values = [None; ENV.len() + MORE_ENV.len()];
        for pair in env {
            let look = |name: &str, value: &mut Option<&'a [u8]>| {
                // The first of two wins, as in libc.
                if value.is_none()
                    && let Some([b'=', said @ ..]) = pair.strip_prefix(name.as_bytes())
                {
                    *value = Some(said);
                }
            };
            let (travel, stay) = values.split_at_mut(ENV.len());
            ENV.iter().zip(travel).for_each(|(name, value)| look(name, value));
            MORE_ENV.iter().zip(stay).for_each(|(name, value)| look(name, value));
        }
        Around { values }
    }

    /// What a variable says; an empty one says nothing.
    #[inline(always)]
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        let at = ENV.iter().position(|known| *known == name);
        let more = || MORE_ENV.iter().position(|known| *known == name).map(|at| ENV.len() + at);
        self.values[at.or_else(more)?].filter(|value| !value.is_empty())
    }

    #[inline(always)]
    fn text(&self, name: &str) -> Option<&'a str> {
        sys::text(self.get(name)?)
    }
}

/// Reads the arguments of `print` and `stream`, with this process's surroundings for what they
/// leave open. `None`: something in it is not known here.
pub fn parse(args: &[OsString]) -> Option<Request> {
    let env: Vec<Vec<u8>> = std::env::vars_os()
        .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
        .collect();
    let around = Around::of(env.iter().map(Vec::as_slice));
    let mut room = Room::default();
    let mut request = read(args.iter().map(|arg| arg.as_bytes()), &around, &mut room.parts)?;
    complete(&mut request, &mut room.directory);
    Some(*owned(&request))
}

/// The request that a print of these words in this environment would be. Who asks, and from where,
/// is not in it.
pub fn from_words<'a>(
    words: impl Iterator<Item = &'a [u8]>,
    env: impl Iterator<Item = &'a [u8]>,
) -> Option<Request> {
    let around = Around::of(env);
    let mut parts = Parts::default();
    Some(read(words, &around, &mut parts)?.to_owned())
}

#[inline(always)]
fn read<'r, 'e: 'r>(
    mut args: impl Iterator<Item = &'e [u8]>,
    around: &Around<'e>,
    parts: &'r mut Parts<'e>,
) -> Option<RequestRef<'r>> {
    let verb = match args.next()? {
        b"print" => Verb::Print,
        b"stream" => Verb::Stream,
        _ => return None,
    };
    let mut request = RequestRef { verb, ..RequestRef::default() };
    let Parts { env, statuses, directory } = parts;
    let mut config = None;
    let mut client_columns = None;
    let mut percent = None;
    let mut places = 0;
    let mut pipe = 0;
    while let Some(bytes) = args.next() {
        if !bytes.starts_with(b"-") {
            let text = sys::text(bytes)?;
            match places {
                0 => request.line = text,
                1 => request.slot = text,
                _ => return None,
            }
            places += 1;
            continue;
        }
        let cut = bytes.iter().position(|byte| *byte == b'=');
        let name = &bytes[..cut.unwrap_or(bytes.len())];
        let value = match cut {
            Some(cut) => &bytes[cut + 1..],
            None => args.next()?,
        };
        if name == b"--config" {
            config = Some(value);
            continue;
        }
        let value = sys::text(value)?;
        match name {
            b"--columns" => request.columns = number::<u16>(value)?.clamp(1, MOST_COLUMNS),
            b"--client-columns" => client_columns = Some(number::<u16>(value)?),
            b"--share" => percent = Some(number::<u16>(value)?.clamp(1, 100)),
            b"--target" => request.target = value,
            b"--theme" => request.theme = value,
            b"--glyphs" if matches!(value, "ascii" | "unicode" | "nerd") => request.glyphs = value,
            b"--depth" if matches!(value, "mono" | "16" | "256" | "true") => request.depth = value,
            b"--width" if matches!(value, "wcwidth" | "unicode" | "cjk") => request.width = value,
            b"--host-version" => request.version = version(value)?,
            b"--pane" => request.pane = value,
            b"--status" => request.status = number::<u32>(value)?.saturating_add(1),
            b"--pipestatus" => {
                let mut count = 0;
                for word in value.split_whitespace() {
                    let status = word.parse().ok()?;
                    if let Some(place) = statuses.get_mut(count) {
                        *place = status;
                        count += 1;
                    }
                }
                pipe = count;
            }
            b"--duration" => request.duration = number::<u32>(value)?.saturating_add(1),
            b"--jobs" => request.jobs = number(value)?,
            b"--keymap" => request.keymap = value,
            b"--holds" => request.holds = value,
            b"--channel" => request.channel = value,
            b"--deadline" => request.deadline = number::<u16>(value)?.max(1),
            _ => return None,
        }
    }
    if request.line.is_empty() {
        return None;
    }
    request.pipestatus = &statuses[..pipe];
    if request.slot.is_empty() {
        request.slot = "full";
    }
    if client_columns.is_none() && host(request.line) == b"screen" {
        client_columns = Some(screen_columns());
    }
    if let (0, Some(columns)) = (request.columns, client_columns) {
        request.columns = share(request.slot, percent, columns).clamp(1, MOST_COLUMNS);
    }
    request.build = protocol::build_id();
    request.config = config_path(config, around, directory);
    if request.target.is_empty() {
        request.target = target(request.line);
    }
    if request.columns == 0 {
        request.columns = columns_said(around.text("COLUMNS"));
    }
    if request.depth.is_empty() {
        request.depth = depth(matches!(request.target, "svg" | "tmux"), around);
    }
    if request.glyphs.is_empty() && !is_utf8(around) {
        request.glyphs = "ascii";
    }
    if request.deadline == 0 {
        request.deadline = deadline(request.line);
    }
    if request.pane.is_empty() {
        request.pane = around.text("TMUX_PANE").unwrap_or_default();
    }
    let mut count = 0;
    for name in ENV {
        if let Some(value) = around.get(name) {
            env[count] = (name, value);
            count += 1;
        }
    }
    request.env = &env[..count];
    Some(request)
}

/// What a slot may take of its host's whole line, in cells: so many percent, or what leaves room
/// for the windows between. Of 80 columns the right side gets the 52 that cpu, battery and clock
/// need.
#[inline(always)]
fn share(slot: &str, percent: Option<u16>, columns: u16) -> u16 {
    let percent = percent.unwrap_or(match slot {
        "left" => 25,
        "right" => 65,
        _ => 100,
    });
    (u32::from(columns) * u32::from(percent) / 100) as u16
}

/// Says who asks, and from where.
#[inline(always)]
fn complete<'a>(request: &mut RequestRef<'a>, directory: &'a mut Directory) {
    request.cwd = sys::working_directory(&mut directory.0).unwrap_or_default();
    // Ours is over before anybody looks; whoever ran us stays.
    request.pid = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32);
    request.session = sys::session(0);
    request.nonce = nonce();
}

/// A request that lasts.
#[cold]
fn owned(request: &RequestRef) -> Box<Request> {
    let mut request = request.to_owned();
    if request.nonce == 0 {
        let mut directory = Directory::default();
        let mut whole = RequestRef::default();
        complete(&mut whole, &mut directory);
        let RequestRef { pid, session, nonce, .. } = whole;
        (request.pid, request.session, request.nonce) = (pid, session, nonce);
    }
    if request.cwd.is_empty() {
        // None, or one with a path too long for the stack.
        let directory = std::env::current_dir().unwrap_or_default();
        request.cwd = directory.into_os_string().into_vec();
    }
    Box::new(request)
}

/// Digits as a number. std's own reading of them lies in a page of the program that no start needs
/// otherwise.
#[inline(always)]
fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let mut number = 0_u64;
    for byte in text.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    if text.is_empty() { None } else { T::try_from(number).ok() }
}

/// `3.3a`, `next-3.8`, `5` → major and minor.
#[inline(always)]
fn version(text: &str) -> Option<(u16, u16)> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts = digits.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

/// The host of a line: what stands before its first dot.
#[inline(always)]
fn host(line: &str) -> &[u8] {
    let line = line.as_bytes();
    let end = line.iter().position(|byte| *byte == b'.');
    &line[..end.unwrap_or(line.len())]
}

/// Which target a line is for unless it is said.
#[inline(always)]
fn target(line: &str) -> &'static str {
    match host(line) {
        b"tmux" => "tmux",
        b"screen" => "screen",
        b"dvtm" => "dvtm",
        _ => "ansi",
    }
}

/// How long the host of a line can wait, in milliseconds: a prompt or a screen backtick holds up
/// typing.
#[inline(always)]
fn deadline(line: &str) -> u16 {
    match host(line) {
        b"prompt" => 30,
        b"screen" => 50,
        _ => 200,
    }
}

/// The columns of this terminal.
pub fn columns() -> u16 {
    columns_said(std::env::var("COLUMNS").ok().as_deref())
}

#[inline(always)]
fn columns_said(said: Option<&str>) -> u16 {
    let said = said.and_then(|text| text.trim().parse::<u64>().ok());
    let said = said.filter(|columns| *columns > 0).map(|n| n.min(MOST_COLUMNS.into()) as u16);
    said.or_else(|| sys::columns(rustix::stdio::stdout()))
        .or_else(|| sys::columns(rustix::stdio::stderr()))
        .unwrap_or(80)
        .min(MOST_COLUMNS)
}

/// The columns of the terminal that shows the screen above us, of the narrowest if there are more.
/// A backtick command has no terminal and no word about one, but its parent is screen itself, which
/// keeps the terminals open. 80 where that cannot be seen, and while nobody looks.
fn screen_columns() -> u16 {
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let kept = std::fs::read_dir(format!("/proc/{parent}/fd"));
    let terminal = |entry: std::fs::DirEntry| {
        let path = std::fs::read_link(entry.path()).ok()?;
        let name = path.to_str()?;
        let is_one = name.starts_with("/dev/pts/") || name.starts_with("/dev/tty");
        is_one.then_some(path)
    };
    let columns = |path| {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        sys::columns(&terminal)
    };
    let kept = kept.into_iter().flatten().flatten();
    kept.filter_map(terminal).filter_map(columns).min().unwrap_or(80)
}

/// The colours that the environment promises. tmux comes down from 24 bits by itself.
#[inline(always)]
fn depth(adapts: bool, around: &Around) -> &'static str {
    if around.get("NO_COLOR").is_some() {
        return "mono";
    }
    if adapts || matches!(around.get("COLORTERM"), Some(b"truecolor" | b"24bit")) {
        return "true";
    }
    match around.text("TERM") {
        Some("dumb") => "mono",
        Some(term) if term.ends_with("direct") => "true",
        Some(term) if term.contains("256color") => "256",
        _ => "16",
    }
}

/// Whether the locale's character set is UTF-8, by the order in which libc asks.
#[inline(always)]
fn is_utf8(around: &Around) -> bool {
    let mut rest: &[u8] = b"";
    for name in ["LANG", "LC_CTYPE", "LC_ALL"] {
        if let Some(locale) = around.get(name) {
            rest = locale;
        }
    }
    while let [a, b, c, after @ ..] = rest {
        if [*a | 32, *b | 32, *c | 32] == *b"utf" {
            return matches!(after, [b'8', ..] | [b'-', b'8', ..]);
        }
        rest = &rest[1..];
    }
    false
}

/// The config file that is meant, as the parts of an absolute path; empty without a home.
#[inline(always)]
fn config_path<'a>(
    said: Option<&'a [u8]>,
    around: &Around<'a>,
    directory: &'a mut Directory,
) -> [&'a [u8]; 3] {
    if let Some(path) = said.or_else(|| around.get("RAINLINE_CONFIG")) {
        if path.starts_with(b"/") || path.is_empty() {
            return [path, b"", b""];
        }
        return match sys::working_directory(&mut directory.0) {
            Some(directory) => [directory, b"/", path],
            None => [b"", b"", b""],
        };
    }
    let absolute = |name| around.get(name).filter(|dir| dir.starts_with(b"/"));
    if let Some(dir) = absolute("XDG_CONFIG_HOME") {
        return [dir, b"/rainline/config.toml", b""];
    }
    match absolute("HOME") {
        Some(home) => [home, b"/.config/rainline/config.toml", b""],
        None => [b"", b"", b""],
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Request> {
        parse(&text.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn print_is_read_without_clap() {
        let text = "print tmux right --columns 120 --target=plain --host-version 3.3a --status 0";
        let request = parsed(text).expect("known");
        assert_eq!((&*request.line, &*request.slot), ("tmux", "right"));
        assert_eq!((request.columns, &*request.target), (120, "plain"));
        assert_eq!((request.version, request.status), ((3, 3), 1));
        assert_eq!(request.deadline, 200);
    }

    #[test]
    fn what_is_not_known_goes_to_clap() {
        for text in
            ["", "doctor", "print", "print --help", "print tmux right x", "print tmux --columns x"]
        {
            assert!(parsed(text).is_none(), "{text}");
        }
        assert!(parsed("print tmux --depth blue").is_none());
    }

    #[test]
    fn a_line_knows_its_target_and_how_long_it_can_wait() {
        let request = parsed("print tmux.windows").expect("known");
        assert_eq!((&*request.target, &*request.depth.clone()), ("tmux", &*request.depth));
        assert_eq!(parsed("print prompt").expect("known").deadline, 30);
        assert_eq!(parsed("print screen").expect("known").deadline, 50);
    }

    #[test]
    fn colours_follow_the_environment() {
        let with = |adapts, env: &[&'static str]| {
            depth(adapts, &Around::of(env.iter().map(|pair| pair.as_bytes())))
        };
        assert_eq!(with(false, &["TERM=xterm-256color"]), "256");
        assert_eq!(with(false, &["TERM=xterm", "COLORTERM=24bit"]), "true");
        assert_eq!(with(false, &["TERM=dumb"]), "mono");
        assert_eq!(with(false, &[]), "16");
        assert_eq!(with(true, &["TERM=screen"]), "true");
        assert_eq!(with(true, &["NO_COLOR=1"]), "mono");
    }

    #[test]
    fn the_locale_decides_about_utf8_in_libc_order() {
        let with =
            |env: &[&'static str]| is_utf8(&Around::of(env.iter().map(|pair| pair.as_bytes())));
        assert!(with(&["LANG=de_DE.UTF-8"]));
        assert!(with(&["LC_ALL=C.utf8", "LANG=C"]));
        assert!(!with(&["LC_ALL=C", "LANG=de_DE.UTF-8"]));
        assert!(!with(&[]));
    }

    #[test]
    fn versions_are_read_from_what_hosts_say() {
        assert_eq!(version("3.3a"), Some((3, 3)));
        assert_eq!(version("next-3.8"), Some((3, 8)));
        assert_eq!(version("5"), Some((5, 0)));
        assert_eq!(version("x"), None);
    }

    #[test]
    fn the_config_is_the_one_that_is_named_or_where_it_usually_is() {
        let path = |said: Option<&'static [u8]>, env: &[&'static [u8]]| {
            let mut room = Directory::default();
            config_path(said, &Around::of(env.iter().copied()), &mut room).concat()
        };
        assert_eq!(path(None, &[b"HOME=/h"]), b"/h/.config/rainline/config.toml");
        assert_eq!(path(None, &[b"XDG_CONFIG_HOME=/x"]), b"/x/rainline/config.toml");
        assert_eq!(path(None, &[b"XDG_CONFIG_HOME=x", b"HOME="]), b"");
        assert_eq!(path(Some(b"/c"), &[b"RAINLINE_CONFIG=/d"]), b"/c");
        assert_eq!(path(None, &[b"RAINLINE_CONFIG=/d", b"HOME=/h"]), b"/d");
        assert!(path(Some(b"c"), &[]).ends_with(b"/c") && path(Some(b"c"), &[]).starts_with(b"/"));
    }

    #[test]
    fn the_environment_is_read_by_whole_names_and_the_first_of_two_counts() {
        let env: [&[u8]; 5] = [b"TERMINAL=x", b"TERM=a", b"TERM=b", b"STY=", b"nonsense"];
        let around = Around::of(env.into_iter());
        assert_eq!(around.text("TERM"), Some("a"));
        assert_eq!((around.get("STY"), around.get("TMUX")), (None, None));
    }
}

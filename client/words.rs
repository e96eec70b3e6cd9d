//! A request from the words of `print` and `stream` and from what surrounds them: the environment,
//! the terminal, the working directory. Nothing here talks to a daemon.
//!
//! What a start needs of it stays in few pages of the program and off the heap: what a request
//! points to lies in the caller's [`Room`].

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::conversation::nonce;
use crate::protocol::{self, ENV, MORE_ENV, Request, RequestRef, Verb};
use crate::sys;

/// The widest line anybody gets; a terminal is never wider.
pub(super) const MOST_COLUMNS: u16 = 4096;

/// Room on the stack for what a request points to.
#[derive(Default)]
pub(super) struct Room<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) directory: Directory,
}

pub(super) struct Parts<'a> {
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
pub(super) struct Directory([MaybeUninit<u8>; 1024]);

impl Default for Directory {
    fn default() -> Self {
        Directory([MaybeUninit::uninit(); 1024])
    }
}

/// What of the environment decides on a line, found in one walk.
pub(super) struct Around<'a> {
    values: [Option<&'a [u8]>; ENV.len() + MORE_ENV.len()],
}

impl<'a> Around<'a> {
    pub(super) fn of(env: impl Iterator<Item = &'a [u8]>) -> Self {
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
    pub(super) fn get(&self, Known(at): Known) -> Option<&'a [u8]> {
        match self.values[at] {
            Some([]) | None => None,
            said => said,
        }
    }

    #[inline(always)]
    pub(super) fn text(&self, name: Known) -> Option<&'a str> {
        sys::text(self.get(name)?)
    }
}

/// The place of a variable among those that are looked at. Finding it in a start would cost a page
/// of the program, so it is found while that is compiled: `const { known("HOME") }`.
#[derive(Clone, Copy)]
pub(super) struct Known(usize);

pub(super) const fn known(name: &str) -> Known {
    let mut at = 0;
    while at < ENV.len() + MORE_ENV.len() {
        let other = if at < ENV.len() { ENV[at] } else { MORE_ENV[at - ENV.len()] };
        if is_same(name.as_bytes(), other.as_bytes()) {
            return Known(at);
        }
        at += 1;
    }
    panic!("nobody looks at this variable")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
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
pub(super) fn read<'r, 'e: 'r>(
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
        request.columns = columns_said(around.text(const { known("COLUMNS") }));
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
        request.pane = around.text(const { known("TMUX_PANE") }).unwrap_or_default();
    }
    let mut count = 0;
    for (at, name) in ENV.iter().enumerate() {
        if let Some(value) = around.get(Known(at)) {
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
pub(super) fn share(slot: &str, percent: Option<u16>, columns: u16) -> u16 {
    let percent = percent.unwrap_or(match slot {
        "left" => 25,
        "right" => 65,
        _ => 100,
    });
    (u32::from(columns) * u32::from(percent) / 100) as u16
}

/// Says who asks, and from where.
#[inline(always)]
pub(super) fn complete<'a>(request: &mut RequestRef<'a>, directory: &'a mut Directory) {
    request.cwd = sys::working_directory(&mut directory.0).unwrap_or_default();
    // Ours is over before anybody looks; whoever ran us stays.
    request.pid = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32);
    request.session = sys::session(0);
    request.nonce = nonce();
}

/// A request that lasts.
#[cold]
pub(super) fn owned(request: &RequestRef) -> Box<Request> {
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
pub(super) fn screen_columns() -> u16 {
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
    if around.get(const { known("NO_COLOR") }).is_some() {
        return "mono";
    }
    if adapts || matches!(around.get(const { known("COLORTERM") }), Some(b"truecolor" | b"24bit")) {
        return "true";
    }
    match around.text(const { known("TERM") }) {
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
    for name in const { [known("LANG"), known("LC_CTYPE"), known("LC_ALL")] } {
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
pub(super) fn config_path<'a>(
    said: Option<&'a [u8]>,
    around: &Around<'a>,
    directory: &'a mut Directory,
) -> [&'a [u8]; 3] {
    let named = match said {
        Some(path) => Some(path),
        None => around.get(const { known("RAINLINE_CONFIG") }),
    };
    if let Some(path) = named {
        if path.starts_with(b"/") || path.is_empty() {
            return [path, b"", b""];
        }
        return match sys::working_directory(&mut directory.0) {
            Some(directory) => [directory, b"/", path],
            None => [b"", b"", b""],
        };
    }
    if let Some(dir @ [b'/', ..]) = around.get(const { known("XDG_CONFIG_HOME") }) {
        return [dir, b"/rainline/config.toml", b""];
    }
    match around.get(const { known("HOME") }) {
        Some(home @ [b'/', ..]) => [home, b"/.config/rainline/config.toml", b""],
        _ => [b"", b"", b""],
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
        assert_eq!(around.text(const { known("TERM") }), Some("a"));
        assert_eq!(
            (around.get(const { known("STY") }), around.get(const { known("TMUX") })),
            (None, None)
        );
    }
}

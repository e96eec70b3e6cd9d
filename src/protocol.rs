//! Request and reply as bytes. std only: this is the hot path.
//!
//! A request is a header and tagged fields; an unknown tag is passed over, so that a newer client
//! may tell an older daemon more than it understands. What breaks the meaning of a known tag
//! raises [`PROTOCOL`], which is part of the socket's name: old and new never meet.
//!
//! ```text
//! request  "RLq" PROTOCOL:u8 verb:u8 0:u8×3 nonce:u64 build:u64 length:u32 fields…
//! field    tag:u8 length:u16 bytes
//! reply    "RLr" PROTOCOL:u8 kind:u8 0:u8×3 nonce:u64 build:u64 length:u32 body
//! ```
//! Numbers are little-endian. A print gets one reply, a stream any number.

mod sink;

pub use sink::{Fixed, Hash, Sink};

/// Raised when old and new can no longer talk.
pub const PROTOCOL: u8 = 1;
/// The most bytes a request may have, header included.
pub const MAX_REQUEST: usize = 64 * 1024;
/// The most bytes a reply's body may have.
pub const MAX_REPLY: usize = 256 * 1024;
/// Bytes before the fields of a request and before the body of a reply.
pub const HEADER: usize = 28;

/// The environment that travels with a request: what the segments declare they look at (a test
/// compares), sorted. Nothing else of the asker's environment ever leaves it.
pub const ENV: &[&str] = &[
    "ABDUCO_SESSION",
    "ABDUCO_SOCKET",
    "ABDUCO_SOCKET_DIR",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_VAULT",
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CONDA_DEFAULT_ENV",
    "CONTAINER_ID",
    "DIRENV_DIR",
    "DISPLAY",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DVTM",
    "DVTM_WINDOW_ID",
    "GUIX_ENVIRONMENT",
    "HOME",
    "IN_NIX_SHELL",
    "KUBECONFIG",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "MAIL",
    "NODE_ENV",
    "OS_CLOUD",
    "PWD",
    "PYENV_VERSION",
    "RAILS_ENV",
    "RUSTUP_TOOLCHAIN",
    "SCREENDIR",
    "SHLVL",
    "SSH_CONNECTION",
    "SSH_TTY",
    "STY",
    "SUDO_USER",
    "TERM",
    "TERM_PROGRAM",
    "TF_WORKSPACE",
    "TMUX",
    "TMUX_PANE",
    "TMUX_TMPDIR",
    "TZ",
    "USER",
    "VAGRANT_CWD",
    "VIRTUAL_ENV",
    "WAYLAND_DISPLAY",
    "WINDOW",
    "XPRA_SERVER_SOCKET",
];

/// What else of the asker's environment decides on a request, sorted; it does not travel.
pub const MORE_ENV: [&str; 11] = [
    "COLORTERM",
    "COLUMNS",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "NO_COLOR",
    "RAINLINE_CONFIG",
    "RAINLINE_RUNTIME_DIR",
    "TERM",
    "XDG_CONFIG_HOME",
];

/// What is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verb {
    /// One line, now.
    #[default]
    Print,
    /// A line now and whenever it changes, until one side leaves.
    Stream,
    /// Push a value into the segment that `line` names: `admin` is the value, `slot` its level,
    /// `holds` how long it is good for, both in words.
    Set,
    /// A word to the daemon itself, in [`Request::admin`]: `status`, `stop`, `reload`, `retire`.
    Admin,
    /// The past of a line's numbers instead of the line: `NAME KIND FIELD` and the readings at the
    /// segment's pace, oldest first, a `-` for a gap; a line each, tabs between.
    Feed,
}

impl Verb {
    const ALL: [Verb; 5] = [Verb::Print, Verb::Stream, Verb::Set, Verb::Admin, Verb::Feed];
}

/// A request. Empty texts and zeros are not sent and mean "not said".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub verb: Verb,
    /// Echoed by the reply; a reply with another nonce is not ours.
    pub nonce: u64,
    /// The asker's build, see [`build_id`].
    pub build: u64,
    /// The config file, as an absolute path; empty: built-in defaults.
    pub config: Vec<u8>,
    pub line: String,
    pub slot: String,
    pub target: String,
    /// Overrides of the config for this line.
    pub theme: String,
    pub glyphs: String,
    /// `mono`, `16`, `256`, `true`.
    pub depth: String,
    /// `wcwidth`, `unicode`, `cjk`; empty: the target's own.
    pub width: String,
    pub columns: u16,
    /// The host's version, major and minor.
    pub version: (u16, u16),
    /// Milliseconds that the asker waits; a reply after that is for nobody.
    pub deadline: u16,
    pub cwd: Vec<u8>,
    /// Set variables among [`ENV`], in its order.
    pub env: Vec<(String, Vec<u8>)>,
    pub pid: u32,
    /// The asker's session (getsid), which tells two terminals of one user apart.
    pub session: u32,
    /// Exit status plus one, so that zero means "not said".
    pub status: u32,
    pub pipestatus: Vec<i32>,
    /// Milliseconds of the last command plus one.
    pub duration: u32,
    pub jobs: u32,
    pub keymap: String,
    pub pane: String,
    /// Conditions that hold where nobody can pick live: `prefix`, `zoomed`, `pane=%3`, by comma.
    pub holds: String,
    /// The shell that would ask without a process from now on: its number and when it started, as
    /// in `/proc/PID/stat`, with a dash between. After `winch-`: one that does not, but that draws
    /// its prompt again when it gets that signal.
    pub channel: String,
    pub admin: String,
    /// Nothing more is asked over this connection: who answered may close it.
    pub last: bool,
}

/// What a reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// A line to print, without its newline.
    Line,
    /// Text for a person (admin verbs).
    Text,
    /// The request could not be served; the body says why. For `doctor`, never for a bar.
    Refused,
    /// The daemon leaves (upgrade, stop): ask the next one.
    Bye,
    /// The daemon writes the stream's lines itself, to the descriptor that came with the request.
    Taken,
}

impl ReplyKind {
    const ALL: [ReplyKind; 5] =
        [ReplyKind::Line, ReplyKind::Text, ReplyKind::Refused, ReplyKind::Bye, ReplyKind::Taken];
}

/// The start of a reply; the body follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    pub kind: ReplyKind,
    pub nonce: u64,
    pub build: u64,
    pub length: usize,
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not ours at all: wrong magic, wrong protocol, unknown verb or kind.
    Foreign,
    TooLong,
    /// A field's length runs past the end, or its bytes are not what its tag means.
    Broken,
}

impl Bad {
    pub fn text(self) -> &'static str {
        match self {
            Bad::Foreign => "not a message of this protocol",
            Bad::TooLong => "message too long",
            Bad::Broken => "broken field",
        }
    }
}

/// The number of this build, from its version: a later version has a greater one.
pub fn build_id() -> u64 {
    const fn number(text: &str) -> u64 {
        let (bytes, mut at, mut number) = (text.as_bytes(), 0, 0);
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            number = number * 10 + (bytes[at] - b'0') as u64;
            at += 1;
        }
        number
    }
    const BUILD: u64 = number(env!("CARGO_PKG_VERSION_MAJOR")) << 32
        | number(env!("CARGO_PKG_VERSION_MINOR")) << 16
        | number(env!("CARGO_PKG_VERSION_PATCH"));
    BUILD
}

/// A request whose parts lie where they were found: what the hot path sends without a heap.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestRef<'a> {
    pub verb: Verb,
    pub nonce: u64,
    pub build: u64,
    /// Parts that make the path when they are put together.
    pub config: [&'a [u8]; 3],
    pub line: &'a str,
    pub slot: &'a str,
    pub target: &'a str,
    pub theme: &'a str,
    pub glyphs: &'a str,
    pub depth: &'a str,
    pub width: &'a str,
    pub columns: u16,
    pub version: (u16, u16),
    pub deadline: u16,
    pub cwd: &'a [u8],
    pub env: &'a [(&'a str, &'a [u8])],
    pub pid: u32,
    pub session: u32,
    pub status: u32,
    pub pipestatus: &'a [i32],
    pub duration: u32,
    pub jobs: u32,
    pub keymap: &'a str,
    pub pane: &'a str,
    pub holds: &'a str,
    pub channel: &'a str,
    pub admin: &'a str,
    pub last: bool,
}

impl RequestRef<'_> {
    /// Appends the message to `out`.
    #[inline(always)]
    pub fn encode(&self, out: &mut (impl Sink + AsMut<[u8]>)) {
        let start = out.as_mut().len();
        out.put(b"RLq");
        out.put(&[PROTOCOL, self.verb as u8, 0, 0, 0]);
        out.put(&self.nonce.to_le_bytes());
        out.put(&self.build.to_le_bytes());
        out.put(&[0; 4]);
        for (name, value) in self.env {
            field(out, tag::ENV, &[name.as_bytes(), b"=", value]);
        }
        field(out, tag::CONFIG, &self.config);
        self.shape(out);
        number(out, tag::DEADLINE, self.deadline.into());
        field(out, tag::CWD, &[self.cwd]);
        number(out, tag::PID, self.pid);
        number(out, tag::SESSION, self.session);
        number(out, tag::STATUS, self.status);
        for status in self.pipestatus {
            field(out, tag::PIPESTATUS, &[&status.to_le_bytes()]);
        }
        number(out, tag::DURATION, self.duration);
        number(out, tag::JOBS, self.jobs);
        field(out, tag::KEYMAP, &[self.keymap.as_bytes()]);
        field(out, tag::CHANNEL, &[self.channel.as_bytes()]);
        field(out, tag::ADMIN, &[self.admin.as_bytes()]);
        number(out, tag::LAST, self.last.into());
        let end = out.as_mut().len();
        let length = end.saturating_sub(start + HEADER) as u32;
        if let Some(place) = out.as_mut().get_mut(start + HEADER - 4..start + HEADER) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    /// What all requests have in common that get the same line of the same config, as long as
    /// nothing on it depends on who asks; `None` for a prompt, which always does.
    #[inline(always)]
    pub fn frame_key(&self) -> Option<u64> {
        if matches!(
            self.line.as_bytes(),
            b"prompt" | [b'p', b'r', b'o', b'm', b'p', b't', b'.', ..]
        ) {
            return None;
        }
        let mut hash = Hash::default();
        field(&mut hash, tag::CONFIG, &self.config);
        self.shape(&mut hash);
        Some(hash.value())
    }

    /// The fields on which a line depends whoever asks for it, and from where.
    #[inline(always)]
    fn shape(&self, out: &mut impl Sink) {
        field(out, tag::LINE, &[self.line.as_bytes()]);
        field(out, tag::SLOT, &[self.slot.as_bytes()]);
        field(out, tag::TARGET, &[self.target.as_bytes()]);
        field(out, tag::THEME, &[self.theme.as_bytes()]);
        field(out, tag::GLYPHS, &[self.glyphs.as_bytes()]);
        field(out, tag::DEPTH, &[self.depth.as_bytes()]);
        field(out, tag::WIDTH, &[self.width.as_bytes()]);
        number(out, tag::COLUMNS, self.columns.into());
        number(out, tag::VERSION, u32::from(self.version.0) << 16 | u32::from(self.version.1));
        field(out, tag::PANE, &[self.pane.as_bytes()]);
        field(out, tag::HOLDS, &[self.holds.as_bytes()]);
    }

    /// The same in one piece of its own.
    pub fn to_owned(&self) -> Request {
        let env = self.env.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        Request {
            verb: self.verb,
            nonce: self.nonce,
            build: self.build,
            config: self.config.concat(),
            line: self.line.to_owned(),
            slot: self.slot.to_owned(),
            target: self.target.to_owned(),
            theme: self.theme.to_owned(),
            glyphs: self.glyphs.to_owned(),
            depth: self.depth.to_owned(),
            width: self.width.to_owned(),
            columns: self.columns,
            version: self.version,
            deadline: self.deadline,
            cwd: self.cwd.to_owned(),
            env: env.collect(),
            pid: self.pid,
            session: self.session,
            status: self.status,
            pipestatus: self.pipestatus.to_owned(),
            duration: self.duration,
            jobs: self.jobs,
            keymap: self.keymap.to_owned(),
            pane: self.pane.to_owned(),
            holds: self.holds.to_owned(),
            channel: self.channel.to_owned(),
            admin: self.admin.to_owned(),
            last: self.last,
        }
    }
}

impl Request {
    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let env: Vec<(&str, &[u8])> =
            self.env.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        self.borrowed(&env).encode(out);
    }

    /// As [`RequestRef::frame_key`].
    pub fn frame_key(&self) -> Option<u64> {
        self.borrowed(&[]).frame_key()
    }

    fn borrowed<'a>(&'a self, env: &'a [(&'a str, &'a [u8])]) -> RequestRef<'a> {
        RequestRef {
            verb: self.verb,
            nonce: self.nonce,
            build: self.build,
            config: [&self.config, b"", b""],
            line: &self.line,
            slot: &self.slot,
            target: &self.target,
            theme: &self.theme,
            glyphs: &self.glyphs,
            depth: &self.depth,
            width: &self.width,
            columns: self.columns,
            version: self.version,
            deadline: self.deadline,
            cwd: &self.cwd,
            env,
            pid: self.pid,
            session: self.session,
            status: self.status,
            pipestatus: &self.pipestatus,
            duration: self.duration,
            jobs: self.jobs,
            keymap: &self.keymap,
            pane: &self.pane,
            holds: &self.holds,
            channel: &self.channel,
            admin: &self.admin,
            last: self.last,
        }
    }

    /// Reads a message from the start of `bytes`. `Ok(None)`: not all of it is here yet. Otherwise
    /// the request and the bytes it took.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Request, usize)>, Bad> {
        let Some((verb, nonce, build, length)) = header(bytes, b"RLq")? else { return Ok(None) };
        if HEADER + length > MAX_REQUEST {
            return Err(Bad::TooLong);
        }
        let verb = *Verb::ALL.get(usize::from(verb)).ok_or(Bad::Foreign)?;
        let Some(mut rest) = bytes.get(HEADER..HEADER + length) else { return Ok(None) };
        let mut request = Request { verb, nonce, build, ..Request::default() };
        while let [tag, low, high, more @ ..] = rest {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            if more.len() < length {
                return Err(Bad::Broken);
            }
            let (value, after) = more.split_at(length);
            request.take(*tag, value)?;
            rest = after;
        }
        if rest.is_empty() { Ok(Some((request, HEADER + length))) } else { Err(Bad::Broken) }
    }

    fn take(&mut self, tag: u8, value: &[u8]) -> Result<(), Bad> {
        let text = || String::from_utf8(value.to_vec()).map_err(|_| Bad::Broken);
        let number = || value.try_into().map(u32::from_le_bytes).map_err(|_| Bad::Broken);
        let short = || u16::try_from(number()?).map_err(|_| Bad::Broken);
        match tag {
            tag::ENV => {
                let at = value.iter().position(|b| *b == b'=').ok_or(Bad::Broken)?;
                let name = String::from_utf8(value[..at].to_vec()).map_err(|_| Bad::Broken)?;
                if self.env.len() >= 2 * ENV.len() {
                    return Err(Bad::TooLong);
                }
                self.env.push((name, value[at + 1..].to_vec()));
            }
            tag::CONFIG => self.config = value.to_vec(),
            tag::LINE => self.line = text()?,
            tag::SLOT => self.slot = text()?,
            tag::TARGET => self.target = text()?,
            tag::THEME => self.theme = text()?,
            tag::GLYPHS => self.glyphs = text()?,
            tag::DEPTH => self.depth = text()?,
            tag::WIDTH => self.width = text()?,
            tag::COLUMNS => self.columns = short()?,
            tag::VERSION => {
                let both = number()?;
                self.version = ((both >> 16) as u16, both as u16);
            }
            tag::DEADLINE => self.deadline = short()?,
            tag::CWD => self.cwd = value.to_vec(),
            tag::PID => self.pid = number()?,
            tag::SESSION => self.session = number()?,
            tag::STATUS => self.status = number()?,
            tag::PIPESTATUS => {
                let status = value.try_into().map(i32::from_le_bytes).map_err(|_| Bad::Broken)?;
                if self.pipestatus.len() < 256 {
                    self.pipestatus.push(status);
                }
            }
            tag::DURATION => self.duration = number()?,
            tag::JOBS => self.jobs = number()?,
            tag::KEYMAP => self.keymap = text()?,
            tag::PANE => self.pane = text()?,
            tag::HOLDS => self.holds = text()?,
            tag::CHANNEL => self.channel = text()?,
            tag::ADMIN => self.admin = text()?,
            tag::LAST => self.last = number()? != 0,
            _ => {}
        }
        Ok(())
    }
}

impl ReplyHeader {
    /// Appends a whole reply to `out`; a body over [`MAX_REPLY`] is cut.
    pub fn encode(kind: ReplyKind, nonce: u64, body: &[u8], out: &mut Vec<u8>) {
        let body = &body[..body.len().min(MAX_REPLY)];
        out.extend_from_slice(b"RLr");
        out.push(PROTOCOL);
        out.push(ReplyKind::ALL.iter().position(|known| *known == kind).unwrap_or(0) as u8);
        out.extend_from_slice(&[0; 3]);
        out.extend_from_slice(&nonce.to_le_bytes());
        out.extend_from_slice(&build_id().to_le_bytes());
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(body);
    }

    /// Reads a header from the start of `bytes`; `Ok(None)`: not all of it is here yet. The body
    /// is the `length` bytes after [`HEADER`].
    #[inline(always)]
    pub fn decode(bytes: &[u8]) -> Result<Option<ReplyHeader>, Bad> {
        let Some((kind, nonce, build, length)) = header(bytes, b"RLr")? else { return Ok(None) };
        if length > MAX_REPLY {
            return Err(Bad::TooLong);
        }
        let kind = *ReplyKind::ALL.get(usize::from(kind)).ok_or(Bad::Foreign)?;
        Ok(Some(ReplyHeader { kind, nonce, build, length }))
    }
}

/// The common header: what byte 4 says, nonce, build, length of the rest.
#[inline(always)]
fn header(bytes: &[u8], magic: &[u8; 3]) -> Result<Option<(u8, u64, u64, usize)>, Bad> {
    let seen = bytes.len().min(3);
    if bytes[..seen] != magic[..seen] || bytes.get(3).is_some_and(|proto| *proto != PROTOCOL) {
        return Err(Bad::Foreign);
    }
    let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let long = |at: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(eight)
    };
    let length = u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
    Ok(Some((bytes[4], long(8), long(16), length as usize)))
}

/// Appends a field, whose value is the parts one after another, unless it is empty; a value too
/// long for a field is cut.
#[inline(always)]
fn field(out: &mut impl Sink, tag: u8, parts: &[&[u8]]) {
    let mut left: usize = parts.iter().map(|part| part.len()).sum::<usize>().min(u16::MAX.into());
    if left == 0 {
        return;
    }
    let [low, high] = (left as u16).to_le_bytes();
    out.put(&[tag, low, high]);
    for part in parts {
        let part = &part[..part.len().min(left)];
        out.put(part);
        left -= part.len();
    }
}

#[inline(always)]
fn number(out: &mut impl Sink, tag: u8, value: u32) {
    if value != 0 {
        field(out, tag, &[&value.to_le_bytes()]);
    }
}

/// Numbers never change their meaning; new ones are added at the end.
mod tag {
    pub const ENV: u8 = 1;
    pub const CONFIG: u8 = 2;
    pub const LINE: u8 = 3;
    pub const SLOT: u8 = 4;
    pub const TARGET: u8 = 5;
    pub const THEME: u8 = 6;
    pub const GLYPHS: u8 = 7;
    pub const DEPTH: u8 = 8;
    pub const WIDTH: u8 = 9;
    pub const COLUMNS: u8 = 10;
    pub const VERSION: u8 = 11;
    pub const DEADLINE: u8 = 12;
    pub const CWD: u8 = 13;
    pub const PID: u8 = 14;
    pub const SESSION: u8 = 15;
    pub const STATUS: u8 = 16;
    pub const PIPESTATUS: u8 = 17;
    pub const DURATION: u8 = 18;
    pub const JOBS: u8 = 19;
    pub const KEYMAP: u8 = 20;
    pub const PANE: u8 = 21;
    pub const HOLDS: u8 = 22;
    pub const ADMIN: u8 = 23;
    pub const CHANNEL: u8 = 24;
    pub const LAST: u8 = 25;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            verb: Verb::Stream,
            nonce: 7,
            build: build_id(),
            config: b"/home/u/.config/rainline/config.toml".to_vec(),
            line: "tmux".into(),
            slot: "right".into(),
            columns: 120,
            version: (3, 3),
            env: vec![("TMUX".into(), b"/tmp/tmux-0/default,1,0".to_vec())],
            status: 1,
            pipestatus: vec![0, -1, 141],
            ..Request::default()
        }
    }

    #[test]
    fn a_request_comes_back_as_it_went() {
        let mut bytes = Vec::new();
        request().encode(&mut bytes);
        let taken = bytes.len();
        bytes.extend_from_slice(b"next");
        assert_eq!(Request::decode(&bytes), Ok(Some((request(), taken))));
    }

    #[test]
    fn every_start_of_a_request_waits_for_more() {
        let mut bytes = Vec::new();
        request().encode(&mut bytes);
        for end in 0..bytes.len() {
            assert_eq!(Request::decode(&bytes[..end]), Ok(None), "{end} bytes");
        }
    }

    #[test]
    fn foreign_and_broken_bytes_are_refused() {
        assert_eq!(Request::decode(b"GET / HTTP/1.1\r\n"), Err(Bad::Foreign));
        let mut bytes = Vec::new();
        request().encode(&mut bytes);
        bytes[HEADER + 1] = 0xff;
        bytes[HEADER + 2] = 0xff;
        assert_eq!(Request::decode(&bytes), Err(Bad::Broken));
        bytes[27] = 0xff;
        assert_eq!(Request::decode(&bytes), Err(Bad::TooLong));
    }

    #[test]
    fn a_reply_comes_back_as_it_went() {
        let mut bytes = Vec::new();
        ReplyHeader::encode(ReplyKind::Line, 9, b"hello", &mut bytes);
        let header = ReplyHeader::decode(&bytes).expect("ours").expect("whole");
        assert_eq!((header.kind, header.nonce, header.length), (ReplyKind::Line, 9, 5));
        assert_eq!(&bytes[HEADER..], b"hello");
    }

    #[test]
    fn the_key_of_a_frame_leaves_out_who_asks_and_never_means_a_prompt() {
        let key = |request: Request| request.frame_key();
        let other = Request { nonce: 8, pid: 5, session: 3, cwd: b"/".to_vec(), ..request() };
        assert_eq!(key(request()), key(Request { env: Vec::new(), ..other }));
        assert_ne!(key(request()), key(Request { columns: 121, ..request() }));
        assert_ne!(key(request()), key(Request { config: b"/x".to_vec(), ..request() }));
        assert_eq!(key(Request { line: "prompt.right".into(), ..request() }), None);
    }

    #[test]
    fn a_config_in_parts_is_that_in_one_piece() {
        let whole = RequestRef { config: [b"/home/u/x.toml", b"", b""], ..RequestRef::default() };
        let parts = RequestRef { config: [b"/home/u", b"/", b"x.toml"], ..RequestRef::default() };
        assert_eq!(whole.frame_key(), parts.frame_key());
        let (mut one, mut other) = (Vec::new(), Vec::new());
        whole.encode(&mut one);
        parts.to_owned().encode(&mut other);
        assert_eq!(one, other);
    }

    #[test]
    fn what_does_not_fit_on_the_stack_is_void() {
        let (mut small, mut large) = (Fixed::<32>::default(), Fixed::<512>::default());
        let whole = request();
        whole.borrowed(&[]).encode(&mut small);
        whole.borrowed(&[]).encode(&mut large);
        assert!(small.whole().is_none());
        let (request, _) =
            Request::decode(large.whole().expect("fits")).expect("ours").expect("whole");
        assert_eq!(request, Request { env: Vec::new(), ..whole });
    }
}

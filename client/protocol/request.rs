//! What the daemon is asked: one type for each verb.

use std::path::PathBuf;
use std::time::Duration;

use rainline_caps::{Depth, Glyphs, Policy, Version};

use super::codec::{Class, Hash, Header, Malformed, Record, each_field, put_field, record};
use super::{HEADER, MAX_REQUEST, build_id};

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

/// A request as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Echoed by the reply; a reply with another nonce is not ours.
    pub nonce: u64,
    /// The asker's build, see [`build_id`].
    pub build: u64,
    /// How long the asker waits; a later reply is not read.
    pub deadline: Duration,
    /// Nothing more is asked over this connection: the daemon may close it with its reply.
    pub last: bool,
    /// What is asked.
    pub body: Body,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One line, now.
    Print(LineRequest),
    /// A line now and whenever it changes, until one side leaves.
    Stream(LineRequest),
    /// A value for a segment.
    Set(Set),
    /// Something about the daemon itself.
    Admin(Admin),
    /// The past of a line's numbers instead of the line: `NAME KIND FIELD` and the readings at the
    /// segment's pace, oldest first, a `-` for a gap; a line each, tabs between.
    History(LineRequest),
}

record! {
    /// A line: which one, what the place that shows it is like, and who asks.
    LineRequest {
        /// Variables among [`ENV`] that are set, in its order.
        1 env: Vec<(String, Vec<u8>)>, [];
        /// The config file, as an absolute path; empty: the built-in config.
        2 config: PathBuf, [line];
        /// A line of the config.
        3 line: String, [line];
        /// A slot of the line.
        4 slot: String = "full".to_owned(), [line];
        /// The escape language.
        5 target: String, [line];
        /// A theme instead of the config's; empty: the config's.
        6 theme: String, [line];
        /// Glyphs instead of the config's and the target's.
        7 glyphs: Option<Glyphs>, [line];
        /// Colours instead of the terminal's.
        8 depth: Option<Depth>, [line];
        /// A width policy instead of the target's.
        9 width: Option<Policy>, [line];
        /// The cells that there are for the slot.
        10 columns: u16 = 80, [line moment];
        /// The host's version.
        11 version: Version, [line];
        /// The colours that the asker's terminal has by its environment. Not asked by targets that
        /// come down to each client's colours themselves.
        12 terminal: Depth, [line];
        /// The asker's directory; empty: not known.
        13 cwd: PathBuf, [moment];
        /// The asker: the shell, or whatever ran the client. 0: not known.
        14 pid: u32, [moment];
        /// The asker's session (getsid), which tells two terminals of one user apart; 0: none.
        15 session: u32, [moment];
        /// The last command's exit code.
        16 status: Option<i32>, [moment];
        /// The exit codes of the last pipeline.
        17 pipestatus: Vec<i32>, [moment];
        /// How long the last command took.
        18 duration: Option<Duration>, [moment];
        /// Background jobs.
        19 jobs: u32, [moment];
        /// The keymap of the line editor; empty: not known.
        20 keymap: String, [moment];
        /// The pane that asks, as the host names it; empty: none.
        21 pane: String, [line moment];
        /// Conditions that hold, where the host cannot tell them by itself: `prefix`, `zoomed`,
        /// `pane=%3`, with commas between.
        22 holds: String, [line];
        /// The shell that wants a channel: its number and when it started, as in `/proc/PID/stat`,
        /// with a dash between. After `winch-`: one that wants none and draws its prompt again when
        /// it gets that signal. Any other text gets no channel.
        23 channel: String, [];
    }
}

record! {
    /// A value for a segment; what its words mean is the segment's to say.
    Set {
        /// The config that has the segment, as in [`LineRequest`].
        1 config: PathBuf, [];
        /// The segment, as the config calls it.
        2 segment: String, [];
        /// Its values, one a line.
        3 value: String, [];
        /// How much it asks for attention; empty: the segment decides.
        4 level: String, [];
        /// How long the value is good for; empty: until the next one.
        5 hold: String, [];
        /// Whether the value is a JSON object.
        6 json: bool, [];
    }
}

/// Something about the daemon itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admin {
    /// An answer of any kind.
    #[default]
    Ping,
    /// What it does, for a person.
    Status,
    /// Reads all configs again.
    Reload,
    /// Leaves.
    Stop,
}

impl Admin {
    const ALL: [Admin; 4] = [Admin::Ping, Admin::Status, Admin::Reload, Admin::Stop];
    const TAG: u8 = 1;
}

impl Record for Admin {
    fn put(&self, _: Option<Class>, out: &mut Vec<u8>) {
        put_field(out, Admin::TAG, &[*self as u8]);
    }

    fn take(&mut self, tag: u8, value: &[u8]) -> Result<(), Malformed> {
        if let (Admin::TAG, [number]) = (tag, value) {
            *self = *Admin::ALL.get(usize::from(*number)).ok_or(Malformed::Broken)?;
        }
        Ok(())
    }
}

/// The identity of a line: what two requests must share to get the same bytes from the same
/// readings. Made in one place ([`LineRequest::key`]) and used by every store of drawn lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey(u64);

impl LineKey {
    /// As a number: the same in every process of this build.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl LineRequest {
    /// The identity of the line that is asked for: all fields of the class `line`, and the build.
    pub fn key(&self) -> LineKey {
        LineKey(self.hash(Class::line).with(&build_id().to_le_bytes()).value())
    }

    /// A number for all that the request says about this one moment: the fields of the class
    /// `moment`. Two requests with different ones share no reading that depends on the asker.
    pub fn moment(&self) -> u64 {
        self.hash(Class::moment).value()
    }

    fn hash(&self, class: Class) -> Hash {
        let mut fields = Vec::with_capacity(256);
        self.put(Some(class), &mut fields);
        Hash::new().with(&fields)
    }
}

impl Body {
    fn verb(&self) -> u8 {
        match self {
            Body::Print(_) => 0,
            Body::Stream(_) => 1,
            Body::Set(_) => 2,
            Body::Admin(_) => 3,
            Body::History(_) => 4,
        }
    }

    /// With every field at its default.
    fn of_verb(verb: u8) -> Option<Body> {
        Some(match verb {
            0 => Body::Print(LineRequest::default()),
            1 => Body::Stream(LineRequest::default()),
            2 => Body::Set(Set::default()),
            3 => Body::Admin(Admin::default()),
            4 => Body::History(LineRequest::default()),
            _ => return None,
        })
    }

    fn record(&mut self) -> &mut dyn Record {
        match self {
            Body::Print(line) | Body::Stream(line) | Body::History(line) => line,
            Body::Set(set) => set,
            Body::Admin(admin) => admin,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Body::Print(line) | Body::Stream(line) | Body::History(line) => line.put(None, out),
            Body::Set(set) => set.put(None, out),
            Body::Admin(admin) => admin.put(None, out),
        }
    }
}

impl Request {
    /// A request of this process and this build, the only one over its connection.
    pub fn new(body: Body, deadline: Duration) -> Request {
        Request { nonce: next_nonce(), build: build_id(), deadline, last: false, body }
    }

    /// The line that is asked for, if one is.
    pub fn line(&self) -> Option<&LineRequest> {
        match &self.body {
            Body::Print(line) | Body::Stream(line) | Body::History(line) => Some(line),
            Body::Set(_) | Body::Admin(_) => None,
        }
    }

    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let deadline = u16::try_from(self.deadline.as_millis()).unwrap_or(u16::MAX);
        let [low, high] = deadline.to_le_bytes();
        let first = [self.body.verb(), self.last.into(), low, high];
        Header { start: first, nonce: self.nonce, build: self.build, length: 0 }.put(b"RLq", out);
        self.body.put(out);
        let length = (out.len() - start - HEADER) as u32;
        out[start + HEADER - 4..start + HEADER].copy_from_slice(&length.to_le_bytes());
    }

    /// Reads a message from the start of `bytes`. `Ok(None)`: not all of it is here yet. Otherwise
    /// the request and the bytes it took.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Request, usize)>, Malformed> {
        let Some(header) = Header::take(bytes, b"RLq")? else { return Ok(None) };
        let Header { start: [verb, last, low, high], nonce, build, length } = header;
        if HEADER + length > MAX_REQUEST {
            return Err(Malformed::TooLong);
        }
        let mut body = Body::of_verb(verb).ok_or(Malformed::Foreign)?;
        let Some(fields) = bytes.get(HEADER..HEADER + length) else { return Ok(None) };
        let record = body.record();
        each_field(fields, |tag, value| record.take(tag, value))?;
        let deadline = Duration::from_millis(u16::from_le_bytes([low, high]).into());
        let request = Request { nonce, build, deadline, last: last != 0, body };
        Ok(Some((request, HEADER + length)))
    }
}

/// A number that no other request of this process has: it tells the replies on a connection apart,
/// and a connection has one client only. Where it starts cannot be known before a request was read.
pub fn next_nonce() -> u64 {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static START: OnceLock<u64> = OnceLock::new();
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let start = || {
        let now = crate::sys::wall().as_nanos() as u64;
        Hash::new().with(&now.to_le_bytes()).with(&std::process::id().to_le_bytes()).value()
    };
    START.get_or_init(start).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> LineRequest {
        LineRequest {
            config: "/home/u/.config/rainline/config.toml".into(),
            line: "tmux".into(),
            slot: "right".into(),
            glyphs: Some(Glyphs::Ascii),
            depth: Some(Depth::Mono),
            width: Some(Policy::Cjk),
            columns: 120,
            version: (3, 3),
            terminal: Depth::Ansi256,
            env: vec![("TMUX".into(), b"/tmp/tmux-0/default,1,0".to_vec())],
            status: Some(0),
            pipestatus: vec![0, -1, 141],
            duration: Some(Duration::ZERO),
            ..LineRequest::default()
        }
    }

    fn request() -> Request {
        Request {
            nonce: 7,
            build: build_id(),
            deadline: Duration::from_millis(200),
            last: true,
            body: Body::Stream(line()),
        }
    }

    #[test]
    fn a_request_comes_back_as_it_went() {
        let set = Set { segment: "ci".into(), value: "a\nb".into(), ..Set::default() };
        let bodies = [Body::Print(line()), Body::Stream(line()), Body::History(line())];
        let others = [Body::Set(set)].into_iter().chain(Admin::ALL.map(Body::Admin));
        for body in bodies.into_iter().chain(others) {
            let request = Request { body, ..request() };
            let mut bytes = Vec::new();
            request.encode(&mut bytes);
            let taken = bytes.len();
            bytes.extend_from_slice(b"next");
            assert_eq!(Request::decode(&bytes), Ok(Some((request, taken))));
        }
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
        assert_eq!(Request::decode(b"GET / HTTP/1.1\r\n"), Err(Malformed::Foreign));
        let mut bytes = Vec::new();
        request().encode(&mut bytes);
        bytes[HEADER + 1] = 0xff;
        bytes[HEADER + 2] = 0xff;
        assert_eq!(Request::decode(&bytes), Err(Malformed::Broken));
        bytes[27] = 0xff;
        assert_eq!(Request::decode(&bytes), Err(Malformed::TooLong));
    }

    #[test]
    fn an_unknown_field_is_passed_over_and_an_unknown_name_is_not() {
        let mut bytes = Vec::new();
        request().encode(&mut bytes);
        let mut fields = bytes.split_off(HEADER);
        let with = |fields: &[u8]| {
            let mut message = bytes.clone();
            message[24..28].copy_from_slice(&(fields.len() as u32).to_le_bytes());
            message.extend_from_slice(fields);
            Request::decode(&message).map(|decoded| decoded.map(|(request, _)| request))
        };
        put_field(&mut fields, 250, b"news");
        assert_eq!(with(&fields), Ok(Some(request())));
        put_field(&mut fields, 8, b"ultraviolet");
        assert_eq!(with(&fields), Err(Malformed::Broken));
    }

    #[test]
    fn a_line_has_another_key_for_each_thing_that_shapes_it_and_the_same_for_each_asker() {
        let others = [
            LineRequest { config: "/x".into(), ..line() },
            LineRequest { line: "screen".into(), ..line() },
            LineRequest { slot: "left".into(), ..line() },
            LineRequest { target: "tmux".into(), ..line() },
            LineRequest { theme: "rain".into(), ..line() },
            LineRequest { glyphs: None, ..line() },
            LineRequest { depth: None, ..line() },
            LineRequest { width: None, ..line() },
            LineRequest { columns: 121, ..line() },
            LineRequest { version: (3, 4), ..line() },
            LineRequest { terminal: Depth::Mono, ..line() },
            LineRequest { pane: "%1".into(), ..line() },
            LineRequest { holds: "zoomed".into(), ..line() },
        ];
        let keys: std::collections::HashSet<_> =
            others.iter().chain([&line()]).map(LineRequest::key).collect();
        assert_eq!(keys.len(), others.len() + 1);
        let env = Vec::new();
        let asker = LineRequest { pid: 5, session: 3, cwd: "/".into(), env, ..line() };
        assert_eq!(asker.key(), line().key());
        assert_ne!(asker.moment(), line().moment());
    }
}

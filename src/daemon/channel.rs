//! Shells that ask for their prompt without a process: three files a shell in the runtime
//! directory, served from the daemon's own loop.
//!
//! ```text
//! shell-PID-START.ask   FIFO   the shell's words, each ended by NUL, the last by a second one:
//!                              "ask ID" or "watch ID", the words of `print`, "--", NAME=VALUE of
//!                              its environment
//! shell-PID-START.ack   FIFO   ID (ten digits), what came of it, newline: twelve bytes
//! shell-PID-START.line  file   ID, newline, the line
//! ```
//! NUL is the one byte that no argument, path or variable can hold, so no text breaks the framing;
//! the words are the text form of a request, which a client reads from its arguments
//! ([`args`]). The answer is a file and only its announcement goes through the FIFO: bash reads from
//! a FIFO with a time limit only byte by byte, and a write of twelve bytes is never seen in part.
//! A `watch` is answered again when the line changes: zsh sends it, which can wait for the channel.
//! Both FIFOs are open here for both directions, so neither side ever sees an end of file or a
//! broken pipe.
//!
//! A shell does not look for the directory: the process by which it makes its first prompt tells it
//! where the channel is and which process answers there. It opens that directory and then the files
//! in it, without making any, and looks at each descriptor (type, owner) before it uses it. It asks
//! nothing while an earlier question is still unread, so that it never waits to write.
//!
//! A shell is known by its number and the moment it started: numbers come again. The files stay when
//! the daemon leaves, and the next one opens them again; they go when the shell is gone. Where a shell
//! registers again because something else has taken their place they are made anew.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use rainline_client::environment::Environment;
use rainline_client::protocol::{Body, LineRequest, MAX_REQUEST, ReplyKind, Request};
use rainline_client::runtime::{Runtime, SHELL};
use rainline_client::{args, sys, timespec};
use rainline_segments::family::Stat;

/// The most shells; each takes four descriptors.
const MOST: usize = 512;
/// Set in every number of a channel, and in no connection's.
const CHANNEL: u64 = 1 << 63;
/// Set where the shell's pidfd is meant, and not its channel.
const ENDED: u64 = 1;

/// A shell: its number and when it started, in ticks after boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shell {
    pid: Pid,
    start: u64,
}

impl Shell {
    /// From `PID-START`.
    fn parse(text: &str) -> Option<Shell> {
        let (pid, start) = text.split_once('-')?;
        Some(Shell { pid: Pid::from_raw(pid.parse().ok()?)?, start: start.parse().ok()? })
    }

    fn lives(self) -> bool {
        let pid = self.pid.as_raw_nonzero().get().cast_unsigned();
        Stat::of(pid).is_some_and(|stat| stat.start == self.start)
    }

    /// A descriptor of it, if it is still the one that is meant.
    fn open(self) -> Option<OwnedFd> {
        let fd = pidfd_open(self.pid, PidfdFlags::empty()).ok()?;
        self.lives().then_some(fd)
    }

    fn name(self, what: &str) -> String {
        format!("{SHELL}{}-{}.{what}", self.pid.as_raw_nonzero(), self.start)
    }

    /// Its directory; `None` where that has no path that is sure to be right.
    fn directory(self) -> Option<PathBuf> {
        let link = std::fs::read_link(format!("/proc/{}/cwd", self.pid.as_raw_nonzero())).ok()?;
        let is_deleted = link.as_os_str().as_bytes().ends_with(b" (deleted)");
        (link.is_absolute() && !is_deleted).then_some(link)
    }
}

struct Channel {
    shell: Shell,
    /// Readable when the shell has ended.
    life: OwnedFd,
    ask: OwnedFd,
    ack: OwnedFd,
    line: OwnedFd,
    /// How long the file of the line may be.
    length: usize,
    input: Vec<u8>,
    /// Whether the shell watches the channel while its prompt is shown.
    watches: bool,
}

/// A prompt that a shell was shown while something on it was still being read.
pub struct Unfinished {
    /// The view it is of.
    pub view: u64,
    /// That of its request.
    pub nonce: u64,
    /// What was shown.
    pub line: Rc<[u8]>,
    /// What was asked for, if its config was still being read and the built-in one stood in.
    pub meant: Option<LineRequest>,
    /// Keeps its view while it waits for a reading of it.
    pub held: Option<Rc<()>>,
}

/// A shell that can draw its prompt again.
pub enum PromptOwner {
    /// A shell with this channel.
    Channel(u64),
    /// A shell without a channel, which draws its prompt again at SIGWINCH.
    Process(i32, OwnedFd),
}

/// All shells, by number.
#[derive(Default)]
pub struct Channels {
    runtime: Option<Rc<Runtime>>,
    all: HashMap<u64, Channel>,
    last: u64,
    unfinished: Vec<(PromptOwner, Unfinished)>,
}

impl Channels {
    /// Opens what an earlier daemon left, as far as the shells live.
    pub fn adopt(runtime: Rc<Runtime>) -> Channels {
        let names = runtime.names();
        let mut channels = Channels { runtime: Some(runtime.clone()), ..Channels::default() };
        for name in names {
            let known = name.to_str().and_then(|name| name.strip_prefix(SHELL));
            let Some((shell, what)) = known.and_then(|name| name.split_once('.')) else { continue };
            let living = Shell::parse(shell).filter(|shell| shell.lives());
            match living {
                Some(shell) if what == "ask" => channels.add(shell),
                Some(_) => {}
                None => runtime.remove(&name),
            }
        }
        channels
    }

    /// Makes a channel for the shell `PID-START`, unless it has one; `winch-PID-START` wants none. A
    /// shell of another pid namespace is not found and gets none.
    pub fn register(&mut self, shell: &str) {
        if let Some(shell) = Shell::parse(shell) {
            self.add(shell);
        }
    }

    fn add(&mut self, shell: Shell) {
        let Some(runtime) = self.runtime.clone() else { return };
        if let Some((id, channel)) = self.all.iter().find(|(_, channel)| channel.shell == shell) {
            // It registers again because it has found something wrong with its files.
            if channel.is_in_place(&runtime) {
                return;
            }
            self.remove(*id);
        }
        if self.all.len() >= MOST {
            return;
        }
        let Some(life) = shell.open() else { return };
        let open = || -> Result<Channel, Errno> {
            let line = runtime.file(&shell.name("line"))?;
            let ack = runtime.fifo(&shell.name("ack"))?;
            let ask = runtime.fifo(&shell.name("ask"))?;
            // An earlier daemon's line may have any length.
            let (length, input) = (usize::MAX, Vec::new());
            Ok(Channel { shell, life, ask, ack, line, length, input, watches: false })
        };
        match open() {
            Ok(channel) => {
                self.last += 1;
                self.all.insert(CHANNEL | self.last << 1, channel);
            }
            Err(_) => forget(&runtime, shell),
        }
    }

    /// Whether this number is a channel's.
    pub fn owns(&self, id: u64) -> bool {
        self.all.contains_key(&(id & !ENDED)) && id & CHANNEL != 0
    }

    /// What to poll for something to read.
    pub fn fds(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>)> {
        self.all.iter().flat_map(|(id, channel)| {
            [(*id, channel.ask.as_fd()), (*id | ENDED, channel.life.as_fd())]
        })
    }

    /// The requests that have arrived, complete with who asks and from where.
    pub fn read(&mut self, id: u64) -> Vec<Request> {
        if id & ENDED != 0 {
            self.remove(id & !ENDED);
            return Vec::new();
        }
        let Some(channel) = self.all.get_mut(&id) else { return Vec::new() };
        let mut chunk = [0; 4096];
        // No more than a pipe holds: a shell that writes on and on does not keep the others waiting.
        for _ in 0..16 {
            let Ok(count @ 1..) = rustix::io::read(&channel.ask, &mut chunk) else { break };
            channel.input.extend_from_slice(&chunk[..count]);
            if channel.input.len() > MAX_REQUEST {
                channel.input.clear();
            }
            if count < chunk.len() {
                break;
            }
        }
        let mut requests = Vec::new();
        while let Some(end) = channel.input.windows(2).position(|two| two == [0, 0]) {
            let message: Vec<u8> = channel.input.drain(..end + 2).take(end).collect();
            let Some(asked) = Asked::parse(&message) else { continue };
            channel.watches = asked.watches;
            match asked.request.and_then(|request| channel.complete(request)) {
                Some(request) => requests.push(Request { nonce: asked.nonce, ..request }),
                None => channel.acknowledge(asked.nonce, b'!'),
            }
        }
        if !requests.is_empty() {
            self.forget_unfinished(id);
        }
        requests
    }

    /// Answers a request.
    pub fn reply(&mut self, id: u64, kind: ReplyKind, nonce: u64, body: &[u8]) {
        let Some(channel) = self.all.get_mut(&id) else { return };
        let written = kind == ReplyKind::Line && channel.put(nonce, body).is_ok();
        channel.acknowledge(nonce, if written { b'=' } else { b'!' });
    }

    /// Remembers what was shown to a shell that can draw it again.
    pub fn watch(&mut self, id: u64, request: &LineRequest, prompt: Unfinished) {
        if let Some(channel) = self.all.get(&id) {
            if channel.watches {
                self.unfinished.push((PromptOwner::Channel(id), prompt));
            }
        } else if let Some(shell) = request.channel.strip_prefix("winch-").and_then(Shell::parse)
            && let Some(life) = shell.open()
        {
            let pid = shell.pid.as_raw_nonzero().get();
            self.unfinished.retain(
                |(owner, _)| !matches!(owner, PromptOwner::Process(other, _) if *other == pid),
            );
            self.unfinished.push((PromptOwner::Process(pid, life), prompt));
        }
    }

    /// Hands out all shells that wait for the rest of a prompt.
    pub fn take_unfinished(&mut self) -> Vec<(PromptOwner, Unfinished)> {
        std::mem::take(&mut self.unfinished)
    }

    /// Puts one of them back.
    pub fn keep(&mut self, owner: PromptOwner, prompt: Unfinished) {
        self.unfinished.push((owner, prompt));
    }

    /// Shows a prompt anew that was answered before.
    pub fn repaint(&mut self, owner: PromptOwner, nonce: u64, line: &[u8]) {
        match owner {
            PromptOwner::Channel(id) => {
                if let Some(channel) = self.all.get_mut(&id)
                    && channel.put(nonce, line).is_ok()
                {
                    channel.acknowledge(nonce, b'*');
                }
            }
            PromptOwner::Process(_, life) => drop(pidfd_send_signal(life, Signal::WINCH)),
        }
    }

    fn forget_unfinished(&mut self, id: u64) {
        self.unfinished
            .retain(|(owner, _)| !matches!(owner, PromptOwner::Channel(other) if *other == id));
    }

    fn remove(&mut self, id: u64) {
        self.forget_unfinished(id);
        if let (Some(channel), Some(runtime)) = (self.all.remove(&id), &self.runtime) {
            forget(runtime, channel.shell);
        }
    }

    /// Drops what is kept for shells that are gone.
    pub fn sweep(&mut self) {
        self.unfinished.retain(|(owner, _)| match owner {
            PromptOwner::Channel(_) => true,
            PromptOwner::Process(_, life) => !has_ended(life),
        });
        let gone = self.all.iter().filter(|(_, channel)| !channel.shell.lives());
        let gone: Vec<u64> = gone.map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }

    /// Stops answering. The files stay for the next daemon.
    pub fn close(&mut self) {
        self.unfinished.clear();
    }
}

impl Channel {
    /// Whether the shell finds these files under their names.
    fn is_in_place(&self, runtime: &Runtime) -> bool {
        let files = [("ask", &self.ask), ("ack", &self.ack), ("line", &self.line)];
        files.iter().all(|(what, file)| runtime.leads_to(&self.shell.name(what), file))
    }

    /// Adds the asker, which a client adds itself: here it is the shell.
    fn complete(&self, mut request: Request) -> Option<Request> {
        let Body::Print(line) = &mut request.body else { return None };
        let pid = self.shell.pid.as_raw_nonzero().get();
        line.cwd = self.shell.directory()?;
        (line.pid, line.session) = (pid as u32, sys::session(pid));
        Some(request)
    }

    fn put(&mut self, nonce: u64, line: &[u8]) -> Result<(), Errno> {
        let mut text = format!("{nonce:010}\n").into_bytes();
        text.extend_from_slice(line);
        text.push(b'\n');
        let mut done = 0;
        while done < text.len() {
            done += rustix::io::pwrite(&self.line, &text[done..], done as u64)?;
        }
        // Changing a file's length costs a journal more than writing to it.
        if text.len() < std::mem::replace(&mut self.length, text.len()) {
            rustix::fs::ftruncate(&self.line, text.len() as u64)?;
        }
        Ok(())
    }

    fn acknowledge(&mut self, nonce: u64, what: u8) {
        let mut message = format!("{nonce:010}").into_bytes();
        message.extend_from_slice(&[what, b'\n']);
        if rustix::io::write(&self.ack, &message) == Err(Errno::AGAIN) {
            // Full of answers that the shell gave up waiting for. No more is read than a pipe holds.
            let mut chunk = [0; 4096];
            for _ in 0..16 {
                let Ok(1..) = rustix::io::read(&self.ack, &mut chunk) else { break };
            }
            let _ = rustix::io::write(&self.ack, &message);
        }
    }
}

/// A message of a shell.
struct Asked {
    nonce: u64,
    /// Whether the shell is sent changes until it asks again.
    watches: bool,
    /// `None`: its words are no request.
    request: Option<Request>,
}

impl Asked {
    /// From words with NUL between them. What stands before the last start is of a message that
    /// was broken off.
    fn parse(message: &[u8]) -> Option<Asked> {
        let words: Vec<&[u8]> = message.split(|byte| *byte == 0).collect();
        let start = |word: &&[u8]| word.starts_with(b"ask ") || word.starts_with(b"watch ");
        let words = &words[words.iter().rposition(start)?..];
        let (verb, nonce) = std::str::from_utf8(words[0]).ok()?.split_once(' ')?;
        let nonce = nonce.parse().ok().filter(|nonce| *nonce < 10_000_000_000)?;
        let end = words.iter().position(|word| *word == b"--");
        let (words, env) = words[1..].split_at(end.unwrap_or(words.len()) - 1);
        let env = Environment::of_words(env.iter().skip(1).copied());
        let request = args::line_of(words.iter().map(|word| OsStr::from_bytes(word)), &env).ok();
        Some(Asked { nonce, watches: verb == "watch", request })
    }
}

/// Whether the process of a pidfd has ended.
fn has_ended(life: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(life, PollFlags::IN)];
    poll(&mut fds, Some(&timespec(Duration::ZERO))).is_ok_and(|ready| ready > 0)
}

fn forget(runtime: &Runtime, shell: Shell) {
    for what in ["ask", "ack", "line"] {
        runtime.remove(shell.name(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_caps::Depth;

    #[test]
    fn words_become_the_request_of_a_print() {
        let message = b"watch 0000000012\0print\0prompt\0all\0--target=zsh\0--status=3\0\
                        --pipestatus=0 3\0--\0TERM=xterm-256color\0PWD=/a\nask 1\0HOME=";
        let asked = Asked::parse(message).expect("a message");
        assert!(asked.watches && asked.nonce == 12);
        let request = asked.request.expect("a request");
        let line = request.line().expect("a line");
        assert_eq!((&*line.target, line.terminal), ("zsh", Depth::Ansi256));
        assert_eq!((line.status, &line.pipestatus[..]), (Some(3), &[0, 3][..]));
        let env: Vec<_> = line.env.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(env, ["PWD", "TERM"]);
    }

    fn line(asked: &Asked) -> Option<&str> {
        Some(&asked.request.as_ref()?.line()?.line)
    }

    #[test]
    fn a_message_broken_off_takes_no_other_with_it() {
        let asked = Asked::parse(b"ask 1\0print\0pro\0ask 2\0print\0prompt").expect("a message");
        assert_eq!((asked.nonce, line(&asked).expect("a line")), (2, "prompt"));
        assert!(Asked::parse(b"print\0prompt").is_none());
        assert!(Asked::parse(b"ask x\0print\0prompt").is_none());
    }

    #[test]
    fn a_channel_goes_with_its_shell_and_is_adopted_by_the_next_daemon() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Rc::new(Runtime::at(root.path().join("r")).expect("made"));
        let pid = std::process::id();
        let start = Stat::of(pid).expect("it lives").start;
        let mut channels = Channels::adopt(runtime.clone());
        channels.register(&format!("{pid}-{start}"));
        channels.register(&format!("{pid}-{}", start + 1));
        assert_eq!(channels.all.len(), 1, "another start is another process");
        // A second daemon takes the same up; one of a shell that is gone it removes.
        let gone = format!("{SHELL}{pid}-{}.ask", start + 1);
        drop(runtime.fifo(&gone).expect("made"));
        let mut channels = Channels::adopt(runtime.clone());
        assert_eq!(channels.all.len(), 1);
        assert_eq!(runtime.identity(&gone), None);
        let id = *channels.all.keys().next().expect("one");
        assert!(channels.read(id | ENDED).is_empty());
        channels.close();
        assert_eq!(runtime.names(), [""; 0]);
    }
}

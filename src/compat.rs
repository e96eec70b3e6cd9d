//! Drop-ins: other programs' commands under their own names, with what they print on sound input
//! and with the right answer where they crash, lie or stay blank.
//!
//! One file a command, all of one shape: a `static PEER` with a name, what it is, where it differs
//! on purpose ([`Deviation`], which the docs are written from), and `run`: words and a machine in,
//! bytes out. Where that is more than one subject, `run` and the drawing stay in the file and the
//! rest (options, history, colours …) is in a folder beside it. `rainline compat NAME …` runs one,
//! and so does a link of that name to this program.
//!
//! Decisions a newcomer would ask about:
//! - A drop-in starts no daemon and needs none. What the daemon knows is asked for where it runs
//!   ([`base::usage`]); else the counters of the last call make a true difference, and only who is
//!   alone and first measures for a tenth of a second.
//! - What is kept between calls is a small text file beside the daemon's own history
//!   ([`base::state`]). The files of the peers are read and never written.
//! - Input is data. Nothing of it is evaluated, sourced or run.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use rainline_segments::Host;

pub mod base {
    //! What the drop-ins share: the machine's usage, its batteries, what is kept between calls.
    pub mod counters;
    pub mod past;
    pub mod power;
    pub mod state;
    pub mod usage;
}

mod battery;
mod rainbarf;
mod spark;
mod tmux_mem_cpu_load;
pub mod tmux_plugins;

/// Every drop-in, by name.
pub static ALL: &[&Peer] =
    &[&battery::PEER, &rainbarf::PEER, &spark::PEER, &tmux_mem_cpu_load::PEER, &tmux_plugins::PEER];

/// The drop-in of this name.
pub fn find(name: &str) -> Option<&'static Peer> {
    ALL.iter().copied().find(|peer| peer.name == name)
}

/// A command that this program also is.
pub struct Peer {
    pub name: &'static str,
    pub about: &'static str,
    /// Whether a link of this name is this command; otherwise only `compat NAME` is.
    pub link: bool,
    /// Where it differs on purpose.
    pub deviations: &'static [Deviation],
    pub run: fn(&mut Call) -> Printed,
}

/// Where a drop-in does not do what its peer does.
pub struct Deviation {
    pub case: &'static str,
    pub peer: &'static str,
    pub ours: &'static str,
}

/// One call of a drop-in.
pub struct Call<'a> {
    /// Its words, without its name.
    pub args: &'a [OsString],
    pub host: &'a Host,
    pub input: &'a mut dyn Read,
    pub input_is_terminal: bool,
    pub output_is_terminal: bool,
    /// What is kept between calls; `None` where there is no place for it.
    pub state: Option<PathBuf>,
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Call<'_> {
    /// The words as text.
    pub fn words(&self) -> Vec<String> {
        self.args.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// A variable that says something.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        (self.env)(name).filter(|value| !value.is_empty())
    }
}

/// What a call comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Printed {
    pub fn line(mut text: String) -> Printed {
        text.push('\n');
        Printed { out: text, ..Printed::default() }
    }

    /// A mistake of whoever called: the message, and help where the peer gives it.
    pub fn wrong(out: impl Into<String>, err: impl Into<String>) -> Printed {
        Printed { out: out.into(), err: err.into(), code: 1 }
    }
}

/// Runs the drop-in that the program's words ask for, by its name or by `compat NAME`; `None`: they
/// ask for none. `args` has the program's own name first.
pub fn called(args: &[OsString]) -> Option<i32> {
    let (program, rest) = args.split_first()?;
    let name = Path::new(program).file_name().unwrap_or_default();
    if let Some(peer) = linked(name) {
        return Some(run(peer, rest, &Host::real()));
    }
    let rest = rest.strip_prefix(&[OsString::from("compat")])?;
    let (host, rest) = match rest {
        [flag, root, rest @ ..] if flag == "--root" => (Host::rooted(root), rest),
        rest => (Host::real(), rest),
    };
    let (name, rest) = rest.split_first()?;
    Some(run(find(name.to_str()?)?, rest, &host))
}

fn linked(name: &OsStr) -> Option<&'static Peer> {
    find(name.to_str()?).filter(|peer| peer.link)
}

fn run(peer: &Peer, args: &[OsString], host: &Host) -> i32 {
    let stdin = std::io::stdin();
    let mut call = Call {
        args,
        host,
        input_is_terminal: stdin.is_terminal(),
        input: &mut stdin.lock(),
        output_is_terminal: std::io::stdout().is_terminal(),
        state: base::state::place(),
        env: &|name| std::env::var_os(name),
    };
    let Printed { out, err, code } = (peer.run)(&mut call);
    let _ = std::io::stderr().lock().write_all(err.as_bytes());
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever closed a pipe does not want to be told; a full disk is another matter.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => code.max(1),
        _ => code,
    }
}

/// A call in tests: these words on this machine.
#[cfg(test)]
pub(crate) fn call(peer: &Peer, words: &[&str], host: &Host, input: &str) -> Printed {
    let args: Vec<OsString> = words.iter().map(OsString::from).collect();
    let mut call = Call {
        args: &args,
        host,
        input: &mut input.as_bytes(),
        input_is_terminal: false,
        output_is_terminal: false,
        state: None,
        env: &|_| None,
    };
    (peer.run)(&mut call)
}

//! Drop-ins: other programs' commands under their own names. They print what the originals print on
//! sound input, and the right answer where those crash, are wrong or print nothing.
//!
//! A command is one file of one shape: a `static PEER` with its name, what it is, where it differs
//! on purpose (docs/compat.md is generated from that), and `run`: words and a machine in, text out.
//! Subjects of its own (options, history, colours …) are in a folder of that name. It is registered
//! by two lines in this file, and runs as `rainline compat NAME …` or by a link of its name.
//!
//! Decisions a newcomer would ask about:
//! - A drop-in starts no daemon and needs none. A running one is asked for what it has measured
//!   ([`base::usage`]); else the counters of the last call make a true difference, and only a first
//!   call without a daemon measures, for a tenth of a second.
//! - What is kept between calls is a small text file beside the daemon's own history
//!   ([`base::state`]). The originals' files are read and never written.
//! - Input is data. Nothing of it is evaluated, sourced or run.
//! - `RAINLINE_ROOT` names a directory to read in place of this machine, as `--root` does for the
//!   daemon (see [`Machine::rooted`]): the options of a drop-in are those of the original.

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::path::Path;

use rainline_segments::Machine;

use base::peer::{Call, Printed};

pub use base::peer::{Deviation, Peer};

mod base {
    //! What the drop-ins share.
    pub mod options;
    pub mod peer;
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
pub static ALL: &[&Peer] = &[
    // One a line.
    &battery::PEER,
    &rainbarf::PEER,
    &spark::PEER,
    &tmux_mem_cpu_load::PEER,
    &tmux_plugins::PEER,
];

/// Whether the program was called by a drop-in's name, so that its words are the drop-in's.
pub fn is_link(program: &OsStr) -> bool {
    linked(program).is_some()
}

fn linked(program: &OsStr) -> Option<&'static Peer> {
    let name = Path::new(program).file_name()?;
    ALL.iter().copied().find(|peer| peer.link && name == peer.name)
}

/// Runs the drop-in that the program's words ask for, by its name or by `compat NAME`; `None`: they
/// ask for none. The first word is the program's own name.
pub fn called(words: &[OsString]) -> Option<i32> {
    let (program, rest) = words.split_first()?;
    if let Some(peer) = linked(program) {
        return Some(run(peer, rest));
    }
    let (name, rest) = rest.strip_prefix(&[OsString::from("compat")])?.split_first()?;
    Some(run(ALL.iter().find(|peer| name == peer.name)?, rest))
}

fn run(peer: &Peer, words: &[OsString]) -> i32 {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let root = std::env::var_os("RAINLINE_ROOT").filter(|root| !root.is_empty());
    let stdin = std::io::stdin();
    let mut call = Call {
        words: &words,
        machine: &root.map_or_else(Machine::real, Machine::rooted),
        input_is_terminal: stdin.is_terminal(),
        input: &mut stdin.lock(),
        output_is_terminal: std::io::stdout().is_terminal(),
        state: base::state::path(),
        env: &|name| std::env::var_os(name),
    };
    let Printed { out, err, code } = (peer.run)(&mut call);
    let _ = std::io::stderr().lock().write_all(err.as_bytes());
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()) {
        // A reader that left early is no failure; a full disk is one.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => code.max(1),
        _ => code,
    }
}

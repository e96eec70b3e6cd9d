//! Other programs, for sources that run in a worker: what has no file to read.
//!
//! No shell is ever asked: a command is a list of words. It gets a process group of its own and no
//! input. [`Machine::run`] and [`Machine::perform`] (`run.rs`) give it a limit; [`Machine::follow`]
//! (`follow.rs`) stays with it.
//!
//! No command outlives its use, nor does anything that it started (`family.rs`). All of that is killed
//! at the limit, at its end (what it left behind would pile up) and when its user is gone: a worker's
//! commands end when the daemon closes its standard input ([`Machine::of_worker`]), and what kills a
//! worker kills its descendants first.

mod child;
pub mod family;
mod follow;
mod run;

use std::ffi::OsStr;
use std::path::Path;

use super::{Machine, World};

/// The most bytes that are taken of what a command prints; a longer output is an error, and so is a
/// longer line of one that is followed.
pub const MAX_OUTPUT: usize = 64 * 1024;
/// The most bytes that are kept of its standard error.
const MAX_COMPLAINT: usize = 1024;

/// A command and what it runs in.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The program, a path or looked up in the daemon's `PATH`, and its arguments.
    pub words: &'a [&'a str],
    /// What it starts in.
    pub surroundings: Surroundings,
    /// Set besides what the daemon has.
    pub env: &'a [(&'a str, &'a str)],
}

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// A source's own: it starts in `/` and speaks English.
    Source,
    /// One of the user's config: it starts at home and speaks the user's language. `~/` at the
    /// front of its first word is the home.
    User,
}

/// What came of a command that ended in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The bytes on its standard output.
    pub printed: Vec<u8>,
    /// The start of its standard error.
    pub complaint: String,
    /// Its exit status; `None`: a signal ended it.
    pub code: Option<i32>,
}

impl Output {
    /// What to say about a command that failed: its own first words, if it has any.
    pub fn reason(&self) -> String {
        let how = match self.code {
            Some(code) => format!("exit status {code}"),
            None => "ended by a signal".to_owned(),
        };
        match self.complaint.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{line} ({how})"),
            None => how,
        }
    }
}

impl Machine {
    /// For a worker, whose standard input is a pipe from the daemon, and who does one thing at a
    /// time: commands end when that input does, and every process below this one ends with them.
    pub fn of_worker(mut self) -> Machine {
        self.in_worker = true;
        self
    }

    /// Whether there is such a program: a path, or found in the daemon's `PATH`. In a fixture it is
    /// there if `commands/` has a file of its name alone.
    pub fn has_program(&self, name: &str) -> bool {
        if let World::Fixture(_) = &self.world {
            return self.lstat(format!("/commands/{}", name.replace('/', "_"))).is_ok();
        }
        if name.contains('/') {
            return is_program(Path::new(name));
        }
        #[allow(clippy::disallowed_methods, reason = "the daemon's own, of one user")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        is_in_path(name, &path)
    }

    /// What the fixture has for this command.
    fn fixture_answer(&self, words: &[&str]) -> Option<Vec<u8>> {
        let whole = words.join(" ").replace('/', "_");
        let first = words.first()?.replace('/', "_");
        let named = |name: &str| self.read(format!("/commands/{name}")).ok();
        named(&whole).or_else(|| named(&first))
    }
}

/// Whether a directory of `path`, a value of `PATH`, has a program of this name.
pub fn is_in_path(name: &str, path: &OsStr) -> bool {
    std::env::split_paths(path).any(|dir| is_program(&dir.join(name)))
}

/// Whether this is a file that we may run.
fn is_program(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::EXEC_OK).is_ok() && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn a_program_is_there_if_it_can_be_run() {
        assert!(["sh", "/bin/sh"].map(|name| Machine::real().has_program(name)) == [true, true]);
        for name in ["rainline-no-such-program", "/etc/passwd", "/etc", ""] {
            assert!(!Machine::real().has_program(name), "{name:?}");
        }
    }

    #[test]
    fn a_fixture_has_the_programs_that_it_answers_for() {
        let (_dir, machine) = machine_with(&[("commands/a b", "both"), ("commands/a", "one")]);
        assert!(machine.has_program("a") && !machine.has_program("c"));
    }
}

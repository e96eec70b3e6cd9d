//! What a drop-in is: its entry in the table, what it is called with, what it prints.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use rainline_segments::Machine;

/// A command of another program that this program also is.
pub struct Peer {
    /// The command's name.
    pub name: &'static str,
    /// What it prints, in one sentence for the documentation.
    pub about: &'static str,
    /// Whether a link of this name is this command; otherwise only `compat NAME` is.
    pub link: bool,
    /// Where it differs on purpose.
    pub deviations: &'static [Deviation],
    /// Does the work of one call.
    pub run: fn(&mut Call) -> Printed,
}

/// Where a drop-in does not do what its peer does.
pub struct Deviation {
    /// When they differ.
    pub case: &'static str,
    /// What the peer does.
    pub peer: &'static str,
    /// What the drop-in does.
    pub ours: &'static str,
}

/// One call of a drop-in.
pub struct Call<'a> {
    /// The words after the command's name.
    pub words: &'a [String],
    pub machine: &'a Machine,
    pub input: &'a mut dyn Read,
    pub input_is_terminal: bool,
    pub output_is_terminal: bool,
    /// The file of what is kept between calls; `None` where there is no place for it.
    pub state: Option<PathBuf>,
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Call<'_> {
    /// A variable of the environment that is not empty.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        (self.env)(name).filter(|value| !value.is_empty())
    }
}

/// What a call prints, and its exit code.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Printed {
    pub fn line(mut text: String) -> Printed {
        text.push('\n');
        Printed::text(text)
    }

    pub fn text(out: impl Into<String>) -> Printed {
        Printed { out: out.into(), ..Printed::default() }
    }

    /// A usage error: the message, and help on standard output where the peer prints it there.
    pub fn wrong(out: impl Into<String>, err: impl Into<String>) -> Printed {
        Printed { out: out.into(), err: err.into(), code: 1 }
    }
}

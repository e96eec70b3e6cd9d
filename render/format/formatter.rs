//! The formatters: how a value is written. One set serves every segment.
//!
//! A formatter is one file of `formatter/`: its [`Entry`] (name, arguments, the units it takes), what
//! it writes, its tests. It is registered by two lines here: its `mod` and its place in [`TABLE`],
//! on which the parser, the checks and the docs all run.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use rainline_caps::Glyphs;
use rainline_segments::{Kind, Unit, Untrusted, Value};

use super::args::{Arg, Args};
use super::{Content, Context};
use crate::diagnostic::Fault;

pub mod bar;
pub mod braille;
pub mod columns;
pub mod dur;
pub mod eng;
pub mod gauge;
pub mod heat;
pub mod mirror;
pub mod num;
pub mod pair;
pub mod pct;
pub mod rain;
pub mod spark;
pub mod stack;
pub mod text;
pub mod time;
pub mod whisker;

/// Every formatter, in the order of the reference.
pub static TABLE: &[&Entry] = &[
    &num::ENTRY,
    &eng::ENTRY,
    &pct::ENTRY,
    &dur::ENTRY,
    &time::ENTRY,
    &text::ENTRY,
    &bar::ENTRY,
    &gauge::ENTRY,
    &stack::ENTRY,
    &columns::ENTRY,
    &heat::ENTRY,
    &spark::ENTRY,
    &braille::ENTRY,
    &whisker::ENTRY,
    &pair::ENTRY,
    &mirror::ENTRY,
    &rain::ENTRY,
];

/// The formatter of values of this unit where the template names none, with its one argument.
fn usual(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Text => ("text", ""),
        Unit::Percent => ("pct", ""),
        Unit::Bytes => ("eng", ""),
        Unit::Count | Unit::Celsius => ("num", ""),
        Unit::Watts => ("num", "p:1"),
        Unit::Duration => ("dur", ""),
        Unit::Time => ("time", ""),
        Unit::Parts => ("stack", ""),
        Unit::History(_) => ("spark", ""),
    }
}

/// A formatter with its arguments, ready to write.
pub trait Formatter: Debug + Send + Sync {
    /// Writes a value that was read. `None`: it does not write this sort of value.
    fn value(&self, _value: &Value, _context: &Context) -> Option<Content> {
        None
    }

    /// Draws the history of the field `of`, which is blank as long as nothing was read.
    fn history(&self, _of: &str, _context: &Context) -> Option<Content> {
        None
    }

    /// Stands for a value that was not read yet or is too old to be believed, and is as wide. `None`:
    /// the width is not known beforehand, so nothing is written.
    fn placeholder(&self, _context: &Context) -> Option<Content> {
        None
    }

    /// Whether this text is written whole, so that its parts may keep styles of their own.
    fn is_whole(&self, _text: &Untrusted, _context: &Context) -> bool {
        false
    }

    /// The fields that are drawn beside its own.
    fn other_fields(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// An argument that must name a second field of the same sample, and which units that may have.
pub type Second = (&'static str, fn(Unit) -> bool);

/// What a formatter is to the parser and the docs.
pub struct Entry {
    /// As templates write it; the name of its file.
    pub name: &'static str,
    /// What it writes, for lists and docs.
    pub about: &'static str,
    /// Whether it draws.
    pub graph: bool,
    /// Name, default as written (empty: none), meaning.
    pub args: &'static [(&'static str, &'static str, &'static str)],
    /// Which units it can write.
    pub takes: fn(Unit) -> bool,
    /// The argument that must name a second field, if there is one.
    pub second: Option<Second>,
    make: fn(&Args) -> Result<Arc<dyn Formatter>, Fault>,
}

/// Builds the formatter called `word`; `span` is the word's place. Faults name the place of what is
/// wrong and, where there is one, the nearest right word.
pub(super) fn build(
    word: &str,
    span: Range<usize>,
    given: &[Arg],
    kind: &Kind,
    unit: Unit,
) -> Result<Arc<dyn Formatter>, Fault> {
    let Some(entry) = TABLE.iter().find(|entry| entry.name == word) else {
        let known = TABLE.iter().map(|entry| entry.name);
        return Err(Fault::new(span, format!("there is no formatter `{word}`")).meant(word, known));
    };
    if !(entry.takes)(unit) {
        let fitting = TABLE.iter().filter(|entry| (entry.takes)(unit)).map(|entry| entry.name);
        let fitting: Vec<&str> = fitting.collect();
        let message = format!("`{word}` cannot write {}; use {}", unit.name(), fitting.join(", "));
        return Err(Fault::new(span, message));
    }
    let args = Args { entry, given, kind, unit, span };
    args.check_names()?;
    (entry.make)(&args)
}

/// Builds the usual formatter of a unit.
pub(super) fn build_usual(kind: &Kind, unit: Unit) -> Result<Arc<dyn Formatter>, Fault> {
    let (word, arg) = usual(unit);
    let arg = arg.split_once(':').map(|(key, value)| Arg { key, value: value.into(), span: 0..0 });
    build(word, 0..0, arg.as_slice(), kind, unit)
}

/// Stands for the digits of a missing value.
fn missing(context: &Context) -> &'static str {
    match (context.lost, context.glyphs) {
        (true, _) => "?",
        (false, Glyphs::Ascii) => "-",
        (false, _) => "–",
    }
}

/// So many blanks.
fn blank(cells: usize) -> Option<Content> {
    Some(Content::Ours(" ".repeat(cells)))
}

fn is_history(unit: Unit) -> bool {
    matches!(unit, Unit::History(_))
}

#[cfg(test)]
mod tests;

//! The arguments of a formatter, read against what its [`Entry`] declares. A default is written
//! once, in the declaration, and read like an argument that was given.

use std::ops::Range;

use rainline_segments::{Kind, Unit};

use super::formatter::Entry;
use crate::diagnostic::{Fault, nearest};

/// No graph or number is wider than this, in cells.
const MAX_CELLS: usize = 400;

/// An argument as written; an empty key is a value alone, which is the first argument.
#[derive(Clone, Debug)]
pub struct Arg<'a> {
    /// The name before the `:`.
    pub key: &'a str,
    /// What follows it, without quotes.
    pub value: String,
    /// Its bytes in the template.
    pub span: Range<usize>,
}

/// The arguments of one use of a formatter.
pub struct Args<'a> {
    pub(super) entry: &'a Entry,
    pub(super) given: &'a [Arg<'a>],
    pub(super) kind: &'a Kind,
    /// Of the field that is written.
    pub(super) unit: Unit,
    /// The formatter's name in the template.
    pub(super) span: Range<usize>,
}

impl Args<'_> {
    /// An error unless every argument is declared.
    pub(super) fn check_names(&self) -> Result<(), Fault> {
        let known = || self.entry.args.iter().map(|(name, ..)| *name);
        let unknown = |arg: &&Arg| !arg.key.is_empty() && known().all(|name| name != arg.key);
        let Some(arg) = self.given.iter().find(unknown) else { return Ok(()) };
        let message = format!("`{}` takes no `{}`", self.entry.name, arg.key);
        let hint = nearest(arg.key, known()).map(str::to_owned);
        Err(Fault { hint, ..Fault::new(arg.span.clone(), message) })
    }

    fn find(&self, name: &str) -> Option<&Arg<'_>> {
        let first = self.entry.args.first().map(|(first, ..)| *first);
        self.given.iter().find(|arg| arg.key == name || (arg.key.is_empty() && first == Some(name)))
    }

    /// The bytes of an argument; those of the formatter's name where it was not given.
    pub(super) fn span(&self, name: &str) -> Range<usize> {
        self.find(name).map_or(self.span.clone(), |arg| arg.span.clone())
    }

    /// The argument as given, or its default.
    pub(super) fn text(&self, name: &str) -> &str {
        let declared = || self.entry.args.iter().find(|(known, ..)| *known == name);
        match self.find(name) {
            Some(arg) => &arg.value,
            None => declared().map_or("", |(_, default, _)| default),
        }
    }

    /// A number of cells, digits or readings.
    pub(super) fn count(&self, name: &str) -> Result<usize, Fault> {
        let text = self.text(name);
        text.parse().ok().filter(|count| *count <= MAX_CELLS).ok_or_else(|| {
            let message = format!("expected a number from 0 to {MAX_CELLS}, found `{text}`");
            Fault::new(self.span(name), message)
        })
    }

    /// What the word stands for.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, Fault> {
        let text = self.text(name);
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let message = format!("expected {}, found `{text}`", words.join(", "));
            Fault::new(self.span(name), message).meant(text, words)
        })
    }

    /// The field that the argument names, if it names one: of this kind and of a fitting unit.
    pub(super) fn field(
        &self,
        name: &str,
        fits: impl Fn(Unit) -> bool,
    ) -> Result<Option<String>, Fault> {
        let Some(arg) = self.find(name) else { return Ok(None) };
        let message = match self.unit_of(&arg.value) {
            Some(unit) if fits(unit) => return Ok(Some(arg.value.clone())),
            Some(unit) => {
                let fitting = self.fitting(&fits);
                let use_instead = match fitting.is_empty() {
                    true => String::new(),
                    false => format!("; use {}", fitting.join(", ")),
                };
                format!("`{}` is {}, not fit for `{name}`{use_instead}", arg.value, unit.name())
            }
            None => format!("`{}` has no field `{}`", self.kind.name, arg.value),
        };
        Err(Fault::new(arg.span.clone(), message).meant(&arg.value, self.fitting(&fits)))
    }

    /// The second field that the entry asks for.
    pub(super) fn second(&self) -> Result<String, Fault> {
        let (name, fits) = self.entry.second.unwrap_or(("with", |_| false));
        self.field(name, fits)?.ok_or_else(|| {
            let known = self.fitting(&fits);
            let one_of = match known.is_empty() {
                true => format!("`{}` has none", self.kind.name),
                false => known.join(", "),
            };
            let message = format!("`{}` needs `{name}:` and a field: {one_of}", self.entry.name);
            Fault::new(self.span.clone(), message)
        })
    }

    /// The unit of what a history is of.
    pub(super) fn history_unit(&self, unit: Unit) -> Option<Unit> {
        let Unit::History(of) = unit else { return None };
        self.unit_of(of)
    }

    /// The unit of a field of this kind.
    pub(super) fn unit_of(&self, field: &str) -> Option<Unit> {
        self.kind.fields.iter().find(|known| known.name == field).map(|field| field.unit)
    }

    fn fitting(&self, fits: &impl Fn(Unit) -> bool) -> Vec<&'static str> {
        let fields = self.kind.fields.iter().filter(|field| fits(field.unit));
        fields.map(|field| field.name).collect()
    }
}

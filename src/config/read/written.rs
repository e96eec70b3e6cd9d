//! Keys and values as they are written in a file, with their places.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rainline_render::diagnostic::{Diagnostic, Fault, Source};
use rainline_segments::OptionValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A place in a file.
#[derive(Clone)]
pub struct Place {
    source: Arc<Source>,
    span: Range<usize>,
}

impl Place {
    /// A problem here.
    pub fn problem(&self, message: impl Into<String>) -> Diagnostic {
        let fault = Fault::new(self.span.clone(), message);
        Diagnostic { source: self.source.clone(), fault }
    }

    /// A problem with a word that stands here, with the nearest known one as a suggestion.
    pub fn unknown<'a>(
        &self,
        message: impl Into<String>,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        let fault = Fault::new(self.span.clone(), message).meant(word, known);
        Diagnostic { source: self.source.clone(), fault }
    }
}

/// A value, its place and that of its key.
#[derive(Clone)]
pub struct Written {
    pub value: toml::Value,
    pub place: Place,
    pub key: Place,
}

/// The keys of a table and their values.
pub type Section = BTreeMap<String, Written>;

impl Written {
    /// The value as an option of this type.
    pub fn read<T: OptionValue>(&self) -> Result<T, Diagnostic> {
        T::from_toml(&self.value).map_err(|message| self.place.problem(message))
    }

    /// What the value names among these.
    pub fn one_of<T: Copy>(&self, names: &[(&str, T)]) -> Result<T, Diagnostic> {
        let word = self.read::<String>()?;
        let found = names.iter().find(|(name, _)| *name == word).map(|(_, meant)| *meant);
        found.ok_or_else(|| {
            let words: Vec<_> = names.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let message = format!("expected one of {}", words.join(", "));
            self.place.unknown(message, &word, names.iter().map(|(name, _)| *name))
        })
    }

    /// A fault inside this text, at its place in the file if the text stands there as it is
    /// (without escapes), else at the whole text.
    pub fn inside(&self, fault: Fault) -> Diagnostic {
        let Place { source, span } = &self.place;
        let raw = source.text.get(span.clone()).unwrap_or_default();
        let text = self.value.as_str().unwrap_or_default();
        let fault = match raw.find(text).filter(|_| !text.is_empty()) {
            Some(at) => fault.shifted(span.start + at),
            None => Fault { span: span.clone(), ..fault },
        };
        Diagnostic { source: source.clone(), fault }
    }
}

/// A key and its value in a parsed file.
#[derive(Clone, Copy)]
pub struct Entry<'a, 'i> {
    source: &'a Arc<Source>,
    key: &'a Spanned<Cow<'i, str>>,
    value: &'a Spanned<DeValue<'i>>,
}

impl<'a, 'i> Entry<'a, 'i> {
    /// The entries of a table.
    pub fn all(source: &'a Arc<Source>, table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
        table.iter().map(|(key, value)| Entry { source, key, value }).collect()
    }

    pub fn name(&self) -> &'a str {
        self.key.get_ref()
    }

    pub fn value(&self) -> &'a DeValue<'i> {
        self.value.get_ref()
    }

    /// The entries of the table that the value is.
    pub fn table(&self) -> Result<Vec<Entry<'a, 'i>>, Diagnostic> {
        let table = self.value().as_table();
        let entries = table.map(|table| Entry::all(self.source, table));
        entries.ok_or_else(|| self.place().problem("expected a table"))
    }

    /// Where the value is.
    pub fn place(&self) -> Place {
        self.place_of(self.value)
    }

    /// Where the key is.
    pub fn key_place(&self) -> Place {
        Place { source: self.source.clone(), span: self.key.span() }
    }

    /// Where a part of the value is.
    pub fn place_of(&self, part: &Spanned<DeValue>) -> Place {
        Place { source: self.source.clone(), span: part.span() }
    }

    pub fn written(&self) -> Written {
        Written { value: plain(self.value()), place: self.place(), key: self.key_place() }
    }
}

/// The value without its places.
pub fn plain(value: &DeValue) -> toml::Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(number) => {
            // TOML's integers are 64 bits wide; beyond that the parser has complained already.
            i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX).into()
        }
        DeValue::Float(number) => number.as_str().parse().unwrap_or(f64::NAN).into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Array(list) => {
            toml::Value::Array(list.iter().map(|item| plain(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let member = |(key, value): (&Spanned<Cow<str>>, &Spanned<DeValue>)| {
                (key.get_ref().to_string(), plain(value.get_ref()))
            };
            toml::Value::Table(table.iter().map(member).collect())
        }
    }
}

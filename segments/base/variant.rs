//! Kinds whose fields are declared in the config.
//!
//! A kind is static, and everything that checks, draws and stores samples relies on that. So a kind
//! whose fields come from a config becomes a kind of its own, made once for each set of declarations
//! and kept until the process ends: the same declarations, in another config or after a reload, give
//! the same kind. The number of kinds and names is bounded; past the bound no new ones are made.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::contract::{Field, Kind, Unit, Variant};

/// The most different sets of declarations in the life of a process.
const MAX_KINDS: usize = 256;
/// The most different names in all of them.
const MAX_NAMES: usize = 1024;
/// The most bytes of a name.
pub const MAX_NAME: usize = 32;

/// The name as a static text; `None` if it is too long or there are too many names.
pub fn intern(text: &str) -> Option<&'static str> {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text) {
        return Some(known);
    }
    if text.len() > MAX_NAME || names.len() >= MAX_NAMES {
        return None;
    }
    let name: &'static str = Box::leak(text.into());
    names.insert(name);
    Some(name)
}

/// The kind with what the variant says; `None` if there are too many kinds already.
pub fn of_kind(kind: &'static Kind, variant: Variant) -> Option<&'static Kind> {
    static KINDS: Mutex<Vec<&'static Kind>> = Mutex::new(Vec::new());
    let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
    let Variant { fields, format, runs_in, pace } = variant;
    let is_same = |known: &&&'static Kind| {
        let alike = |(a, b): (&Field, &Field)| a.name == b.name && a.unit == b.unit;
        known.name == kind.name
            && (known.format, known.runs_in, known.pace) == (&*format, runs_in, pace)
            && known.fields.len() == fields.len()
            && known.fields.iter().zip(&fields).all(alike)
    };
    if let Some(known) = kinds.iter().find(is_same) {
        return Some(known);
    }
    if kinds.len() >= MAX_KINDS {
        return None;
    }
    let kind: &'static Kind = Box::leak(Box::new(Kind {
        fields: Vec::leak(fields),
        format: String::leak(format),
        runs_in,
        pace,
        ..*kind
    }));
    kinds.push(kind);
    Some(kind)
}

/// The declared fields and, for each number among them, `NAME_history`.
pub fn with_histories(declared: &[Field]) -> Option<Vec<Field>> {
    let mut fields = declared.to_vec();
    for field in declared.iter().filter(|field| field.unit.is_number()) {
        let history = intern(&format!("{}_history", field.name))?;
        fields.push(Field::new(history, "its history", Unit::History(field.name)));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::contract::{Pace, RunsIn};

    fn variant(names: &[&str]) -> Variant {
        let field = |text: &&str| Field::new(intern(text).expect("a name"), "", Unit::Count);
        let fields = names.iter().map(field).collect();
        Variant { fields, format: " x ".into(), runs_in: RunsIn::Worker, pace: Pace::Change }
    }

    #[test]
    fn the_same_declarations_are_the_same_kind() {
        let base = crate::ALL[0];
        let make = |names: &[&str]| of_kind(base, variant(names)).expect("room");
        assert!(std::ptr::eq(make(&["a", "b"]), make(&["a", "b"])));
        assert!(!std::ptr::eq(make(&["a", "b"]), make(&["b", "a"])));
        assert_eq!(make(&["a"]).name, base.name);
        // However often a config changes, the number is bounded, and the known kinds stay.
        let other = |n: usize| Variant { format: format!("{n}"), ..variant(&["a"]) };
        let made = (0..MAX_KINDS + 9).filter_map(|n| of_kind(base, other(n))).count();
        assert!((1..=MAX_KINDS).contains(&made), "{made}");
        assert!(std::ptr::eq(make(&["a", "b"]), make(&["a", "b"])));
    }

    #[test]
    fn names_are_interned_and_bounded() {
        let (one, other) = (intern("once"), intern(&String::from("once")));
        assert!(std::ptr::eq(one.expect("a name"), other.expect("a name")));
        assert_eq!(intern(&"x".repeat(MAX_NAME + 1)), None);
    }

    #[test]
    fn numbers_have_a_history_and_texts_have_none() {
        let declared = [Field::new("a", "", Unit::Percent), Field::new("b", "", Unit::Text)];
        let fields = with_histories(&declared).expect("room");
        let names: Vec<_> = fields.iter().map(|field| (field.name, field.unit)).collect();
        let history = ("a_history", Unit::History("a"));
        assert_eq!(names, [("a", Unit::Percent), ("b", Unit::Text), history]);
    }
}

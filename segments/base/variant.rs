//! Kinds as their options make them: for those whose fields are the user's own to declare.
//!
//! A kind is static, and everything that checks, draws and remembers samples goes by it. So a kind
//! whose fields come from a config becomes another kind, made once for each set of declarations and
//! kept for good: the same declarations again, of another config or after a reload, are the same
//! kind. What is kept for good is bounded; past the bound there are no new ones until the daemon
//! starts anew.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::contract::{Field, Kind, Pace, Unit, Where};

/// The most different sets of declarations in the life of a process.
const MOST_KINDS: usize = 256;
/// The most different names in all of them, and the most bytes of one.
const MOST_NAMES: usize = 1024;
pub const MAX_NAME: usize = 32;

/// What options make of a kind.
#[derive(Clone, Debug)]
pub struct Variant {
    pub fields: Vec<Field>,
    pub format: String,
    pub place: Where,
    pub pace: Pace,
}

/// The name as one that lasts; `None` if it is too long or there are too many.
pub fn name(text: &str) -> Option<&'static str> {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text) {
        return Some(known);
    }
    if text.len() > MAX_NAME || names.len() >= MOST_NAMES {
        return None;
    }
    let name: &'static str = Box::leak(text.into());
    names.insert(name);
    Some(name)
}

impl Kind {
    /// This kind as a variant of it; `None` if there are too many of them already.
    pub fn variant(&'static self, variant: Variant) -> Option<&'static Kind> {
        static KINDS: Mutex<Vec<&'static Kind>> = Mutex::new(Vec::new());
        let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
        let Variant { fields, format, place, pace } = variant;
        let same = |kind: &&&'static Kind| {
            let alike = |(a, b): (&Field, &Field)| a.name == b.name && a.unit == b.unit;
            kind.name == self.name
                && (kind.format, kind.place, kind.pace) == (&*format, place, pace)
                && kind.fields.len() == fields.len()
                && kind.fields.iter().zip(&fields).all(alike)
        };
        if let Some(known) = kinds.iter().find(same) {
            return Some(known);
        }
        if kinds.len() >= MOST_KINDS {
            return None;
        }
        let kind: &'static Kind = Box::leak(Box::new(Kind {
            fields: Vec::leak(fields),
            format: String::leak(format),
            place,
            pace,
            ..*self
        }));
        kinds.push(kind);
        Some(kind)
    }
}

/// The declared fields and, for each number among them, `NAME_history`.
pub fn with_histories(declared: &[Field]) -> Option<Vec<Field>> {
    let mut fields = declared.to_vec();
    for field in declared.iter().filter(|field| field.unit.is_number()) {
        let history = name(&format!("{}_history", field.name))?;
        fields.push(Field::new(history, "its past", Unit::History(field.name)));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(names: &[&str]) -> Variant {
        let field = |text: &&str| Field::new(name(text).expect("a name"), "", Unit::Count);
        let fields = names.iter().map(field).collect();
        Variant { fields, format: " x ".into(), place: Where::Worker, pace: Pace::Change }
    }

    #[test]
    fn the_same_declarations_are_the_same_kind() {
        let base = crate::ALL[0];
        let make = |names: &[&str]| base.variant(variant(names)).expect("room");
        assert!(std::ptr::eq(make(&["a", "b"]), make(&["a", "b"])));
        assert!(!std::ptr::eq(make(&["a", "b"]), make(&["b", "a"])));
        assert_eq!(make(&["a"]).name, base.name);
        // However often a config changes, there is an end to it, and what was made stays.
        let other = |n: usize| Variant { format: format!("{n}"), ..variant(&["a"]) };
        let made = (0..MOST_KINDS + 9).filter_map(|n| base.variant(other(n))).count();
        assert!((1..=MOST_KINDS).contains(&made), "{made}");
        assert!(std::ptr::eq(make(&["a", "b"]), make(&["a", "b"])));
    }

    #[test]
    fn names_last_and_have_a_bound() {
        let (one, other) = (name("once"), name(&String::from("once")));
        assert!(std::ptr::eq(one.expect("a name"), other.expect("a name")));
        assert_eq!(name(&"x".repeat(MAX_NAME + 1)), None);
    }

    #[test]
    fn numbers_have_a_past_and_words_have_none() {
        let declared = [Field::new("a", "", Unit::Percent), Field::new("b", "", Unit::Text)];
        let fields = with_histories(&declared).expect("room");
        let names: Vec<_> = fields.iter().map(|field| (field.name, field.unit)).collect();
        let past = ("a_history", Unit::History("a"));
        assert_eq!(names, [("a", Unit::Percent), ("b", Unit::Text), past]);
    }
}

//! What a source tells the one after it, as text: JSON of its form's number and of what it knows.
//! What another version wrote in another form, or anything else, is nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// For [`Source::save`](super::contract::Source::save). `form` is another number whenever `known`
/// means something else.
pub fn keep(form: u32, known: impl Serialize) -> Option<String> {
    serde_json::to_string(&(form, known)).ok()
}

/// For [`Source::recall`](super::contract::Source::recall): what [`keep`] was given.
pub fn recall<T: DeserializeOwned>(form: u32, memo: &str) -> Option<T> {
    let (known, told) = serde_json::from_str::<(u32, T)>(memo).ok()?;
    (known == form).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_form_is_understood() {
        let memo = keep(2, ("x", 7)).expect("plain values");
        assert_eq!(recall::<(String, u32)>(2, &memo), Some(("x".to_owned(), 7)));
        assert_eq!(recall::<(String, u32)>(1, &memo), None);
        for memo in [&*memo, "", "2", "[2]", "{}"] {
            assert_eq!(recall::<u32>(2, memo), None, "{memo:?}");
        }
    }
}

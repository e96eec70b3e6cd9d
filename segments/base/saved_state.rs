//! The state of a source, saved for the next process, as text: JSON of a version and the values. Another
//! version, or any other text, is ignored.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// For [`Source::save`](super::contract::Source::save). `version` changes with the meaning of the
/// values.
pub fn save(version: u32, values: impl Serialize) -> Option<String> {
    serde_json::to_string(&(version, values)).ok()
}

/// For [`Source::restore`](super::contract::Source::restore): what [`save`] was given.
pub fn restore<T: DeserializeOwned>(version: u32, saved: &str) -> Option<T> {
    let (known, values) = serde_json::from_str::<(u32, T)>(saved).ok()?;
    (known == version).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_version_is_read() {
        let saved = save(2, ("x", 7)).expect("plain values");
        assert_eq!(restore::<(String, u32)>(2, &saved), Some(("x".to_owned(), 7)));
        assert_eq!(restore::<(String, u32)>(1, &saved), None);
        for saved in [&*saved, "", "2", "[2]", "{}"] {
            assert_eq!(restore::<u32>(2, saved), None, "{saved:?}");
        }
    }
}

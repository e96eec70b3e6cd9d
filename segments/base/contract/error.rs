//! Why there is no source.

/// An option whose value has the right type but makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct OptionError {
    /// As written in a config, in kebab-case.
    pub key: String,
    /// What is wrong with its value.
    pub message: String,
}

impl OptionError {
    /// An error in the value of option `key`.
    pub fn new(key: &str, message: impl Into<String>) -> OptionError {
        OptionError { key: key.into(), message: message.into() }
    }
}

//! Why there is no source.

/// An option whose value has the right type but makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct OptionError {
    /// As written in a config, in kebab-case.
    pub key: String,
    pub message: String,
}

impl OptionError {
    pub fn new(key: &str, message: impl Into<String>) -> OptionError {
        OptionError { key: key.into(), message: message.into() }
    }
}

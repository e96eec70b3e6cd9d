//! Why there is no sample, or no source.

use std::path::PathBuf;

/// Why there is no sample. Shown by `doctor`, never in a line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {cause}")]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("{path} does not have the expected form: {what}")]
    Strange { path: PathBuf, what: String },
    #[error("{0}")]
    Other(String),
}

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

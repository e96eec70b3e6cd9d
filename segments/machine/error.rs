//! Why there is no reading.

use std::path::PathBuf;

/// Why there is no sample. Shown by `doctor`, never in a bar.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {cause}")]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("{path} does not say what was expected: {what}")]
    Strange { path: PathBuf, what: String },
    #[error("{0}")]
    Other(String),
}

//! Why there is no reading.

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

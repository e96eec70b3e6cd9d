//! Why there is no reading.

use std::path::PathBuf;

/// Why there is no sample. Shown by `doctor`, never in a line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// What was read is not what was expected.
    #[error("{path} does not have the expected form: {what}")]
    Strange {
        /// The file or the command it was read from.
        path: PathBuf,
        /// What was expected.
        what: String,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

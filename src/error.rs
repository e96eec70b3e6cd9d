//! How a command of the command line fails: one line for a person, and an exit code.

/// Why a command failed. Its text is one line of at most 80 columns; details follow below it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The words on the command line are wrong. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It could not be done. Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The system refused. Exit code 1.
    #[error("{what}: {cause}")]
    Io {
        /// What it was about: a path or a program.
        what: String,
        /// Why.
        cause: std::io::Error,
    },
}

impl Error {
    /// Makes an error of the system's: `.map_err(Error::io("the file's name"))`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let what = what.into();
        move |cause| Error::Io { what, cause }
    }

    /// The process's exit code.
    pub fn code(&self) -> i32 {
        match self {
            Error::Usage(_) => 2,
            Error::Failed(_) | Error::Io { .. } => 1,
        }
    }
}

//! The machine as a source sees it.
use std::path::PathBuf;

pub struct Host {
    root: PathBuf,
}

impl Host {
    pub fn real() -> Host {
        Host::rooted("/".into())
    }

    pub fn rooted(root: PathBuf) -> Host {
        Host { root }
    }

    pub fn root(&self) -> &std::path::Path {
        &self.root
    }
}

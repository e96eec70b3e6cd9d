//! The machine as a source sees it.
pub struct Host;

//! A request's line: what is meant by it under a config, and its rows from readings.
//!
//! Shared by the daemon and by the line that is drawn without one, so that both draw the same.

pub mod drawing;
pub mod identity;
pub mod rows;

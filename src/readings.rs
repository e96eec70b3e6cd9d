//! What a reading is beside its values: which one it is, when it is due, how it is taken and what
//! of it outlives a process.
//!
//! Shared by the daemon, which keeps readings, and by workers, which take them. Nothing here knows
//! of requests, connections or processes.

pub mod history;
pub mod id;
pub mod sample;
pub mod schedule;
pub mod source;

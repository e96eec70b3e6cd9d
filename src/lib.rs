//! Rainline: one daemon samples, one renderer draws, every host shows the same line.
pub mod config;
pub mod diagnostic;
pub mod format;
pub mod frame;
pub mod graph;
pub mod layout;
pub mod paint;
pub mod protocol;
pub mod render;
pub mod style;
pub mod targets;
pub mod theme;
pub mod width;

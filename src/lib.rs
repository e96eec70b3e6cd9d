//! Rainline: one daemon samples, one renderer draws, every host shows the same line.
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod frame;
pub mod graph;
pub mod local;
pub mod protocol;
pub mod render;
pub mod runtime;
pub mod spawn;
pub mod style;
pub mod sys;
pub mod targets;
pub mod width;

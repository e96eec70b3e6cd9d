//! From samples to bytes: one direction and no way back, each arrow a plain function on plain data.
//!
//! ```text
//! Sample ──format──▶ Runs ──paint(theme)──▶ Spans ──layout──▶ Frame ──targets──▶ bytes
//! ```
//!
//! The modules in the order in which they build on each other:
//!
//! - [`width`], [`diagnostic`], [`style`]: cells, messages with a place in a file, colours.
//! - [`frame`], [`graph`], [`format`](mod@format), [`theme`]: what is drawn, pictures of numbers, the
//!   format language, palettes.
//! - [`paint`], [`layout`], [`targets`]: styled spans, a row of exact width, its bytes for a host.
//!
//! Nothing here reads a clock, a file or a socket, and nothing knows configs or the daemon.

pub mod diagnostic;
pub mod format;
pub mod frame;
pub mod graph;
pub mod layout;
pub mod paint;
pub mod style;
pub mod targets;
pub mod theme;
pub mod width;

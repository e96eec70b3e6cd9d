//! From samples to bytes: one direction and no way back, each arrow a plain function on plain data.
//!
//! ```text
//! Sample ──format──▶ Runs ──paint(theme)──▶ Spans ──layout──▶ Frame ──targets──▶ bytes
//! ```
//!
//! The modules as the data flows:
//!
//! - [`format`](mod@format): a template and a sample into runs of text and graphs, not yet coloured.
//!   A [`formatter`](format::formatter) is a file; graphs are drawn with [`graph`].
//! - [`theme`], [`paint`]: a theme's file into styles, runs into styled spans.
//! - [`layout`]: the spans of all segments into a row of at most so many cells.
//! - [`targets`]: the row into the bytes of a host, a file each.
//!
//! What they share: [`frame`] (spans, choices, rows), [`style`] (colours and styles), [`width`] (the
//! cells of a text), [`diagnostic`] (messages with a place in a file).
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

//! Rainline: one daemon samples, one renderer draws, every host shows the same line.
//!
//! The way of a value, one direction and no way back; each arrow is a plain function on plain data:
//!
//! ```text
//! host ──sample──▶ Sample ──format──▶ Runs ──paint──▶ Spans ──fit──▶ Frame ──encode──▶ bytes
//!     segments/           format.rs       paint.rs      layout.rs       targets/
//! └────────── daemon/: schedule, cache, history, workers ──────────┘           client.rs prints
//! ```
//!
//! The layers, the ground first; a module names what stands before it, never what comes after:
//!
//! - [`sys`], [`protocol`], [`runtime`], [`spawn`], [`client`]: the hot path. It asks the daemon,
//!   prints and leaves; it knows nothing of configs, themes or segments.
//! - [`diagnostic`], [`style`], [`width`], [`frame`], [`targets`]: how a line looks, as data, and its
//!   encoders. A target knows nothing of themes, configs, kinds of segments or the daemon.
//! - [`graph`], [`format`](mod@format), [`theme`], [`paint`], [`layout`], [`config`], [`render`]:
//!   from samples to frames. Nothing here reads a clock, a file (but `config::gather`) or a socket.
//! - [`daemon`], [`local`]: who samples, when, and what a request gets. The loop is in `daemon.rs`,
//!   the short way from a request to its reply in `daemon/engine.rs`; whatever happens besides has
//!   a room of its own in `daemon/` or `daemon/engine/`.
//! - [`hosts`], [`compat`], [`imports`], [`docs`], [`example`], [`paths`], [`files`], [`error`],
//!   [`cli`]: wiring lines, other programs' commands and settings, texts, the user's places, files
//!   replaced in one step, how a command fails, and the command line.
//!
//! Invariants:
//! - Text from outside is `Untrusted` until a target's encoder has escaped it. Themes and config
//!   are the only trusted markup. Nothing that a directory contains is executed.
//! - A bar or prompt never waits past its deadline, never shows an error, is never empty.
//! - The daemon opens no path that a client named, runs no command and waits for nobody: workers do.
//! - Only [`cli`] and [`compat`] print for people; `unsafe` stands in [`sys`] alone.

pub mod cli;
pub mod client;
pub mod compat;
pub mod config;
pub mod daemon;
pub mod diagnostic;
pub mod docs;
pub mod error;
pub mod example;
pub mod files;
pub mod format;
pub mod frame;
pub mod graph;
pub mod hosts;
pub mod imports;
pub mod layout;
pub mod local;
pub mod paint;
pub mod paths;
pub mod protocol;
pub mod render;
pub mod runtime;
pub mod spawn;
pub mod style;
pub mod sys;
pub mod targets;
pub mod theme;
pub mod width;

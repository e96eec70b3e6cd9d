//! Rainline: one daemon samples, one renderer draws, every host shows the same line.
//!
//! The way of a value, one direction and no way back; each arrow is a plain function on plain data:
//!
//! ```text
//! machine ──sample──▶ Sample ──format──▶ Runs ──paint──▶ Spans ──layout──▶ Frame ──encode──▶ bytes
//!         segments/            └──────────────────── render/ ─────────────────────┘
//! └─────────────────────── src/daemon/: schedule, cache, workers ───────────────────────┘
//!                                                                           client/ prints them
//! ```
//!
//! The crates, each knowing only those before it: `rainline_caps` (what a host can show),
//! `rainline_segments` (what is sampled), `rainline_render` (from samples to bytes),
//! `rainline_client` (the fast path: ask, print, stream), and this one:
//!
//! - [`config`], [`line`](mod@line): what the user wants, and a request's line under it.
//! - [`readings`], [`worker`]: which reading is meant, how it is taken and kept; what runs in another
//!   process.
//! - [`daemon`], [`local`]: what is read when, and what a request gets; a line without a daemon.
//! - [`hosts`], [`compat`], [`imports`], [`docs`], [`sample_data`], [`paths`], [`files`], [`quote`],
//!   [`error`], [`cli`]: wiring lines, other programs' commands and settings, generated texts, made-up
//!   readings, the user's paths, files replaced in one step, quoting, how a command fails, and the
//!   command line.
//! - [`sys`]: what is unsafe here.
//!
//! Invariants:
//! - Text from outside is `Untrusted` until a target's encoder has escaped it. Themes and config
//!   are the only trusted markup. Nothing that a directory contains is executed.
//! - A bar or prompt never waits past its deadline, never shows an error, is never empty.
//! - The daemon opens no path that a client named, runs no command and never blocks;
//!   workers may.
//! - Only [`cli`] and [`compat`] print for people; `unsafe` stands in [`sys`], in
//!   `rainline_client::sys` and in `main.rs`.

pub mod cli;
pub mod compat;
pub mod config;
pub mod daemon;
pub mod docs;
pub mod error;
pub mod files;
pub mod hosts;
pub mod imports;
pub mod line;
pub mod local;
pub mod paths;
pub mod quote;
pub mod readings;
pub mod sample_data;
pub mod sys;
pub mod worker;

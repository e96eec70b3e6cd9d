//! The segments of Rainline: one file a kind, all of one shape.
//!
//! A kind is a `static SEGMENT: Kind` (data: icons, fields, options, default format) and a
//! [`Source`] (code: one reading). To add one, write `segments/NAME.rs` and add its two lines here;
//! docs, schema, default config and tests follow from the table.
//!
//! Invariants:
//! - A segment imports [`base`] only: it knows no theme, no config, no target, no other segment.
//! - A source sees the machine through [`Host`] and the asker through [`Ask`], nothing else: no
//!   environment, no clock, no command of its own.
//! - A source never says a colour; [`Level`] is all it may say about looks.
//! - Text from outside is [`Untrusted`] from the moment it is read.
//! - No reading is worth a panic: missing, empty, frozen and absurd files are ordinary input.

pub mod base {
    //! What all segments share: the contract, values, the machine, history.
    pub mod contract;
    pub mod history;
    pub mod host;
    pub mod rate;
    pub mod untrusted;
    pub mod value;
}

pub use base::contract::{
    Ask, Error, Field, Icons, Kind, Opt, OptionError, OptionType, Pace, Scope, Shape, Source, Unit,
    Where, expected,
};
pub use base::history::{Cell, Ring};
pub use base::host::Host;
pub use base::untrusted::Untrusted;
pub use base::value::{HostId, Level, Live, Part, Sample, Value};

mod clock;
mod cpu;
mod hostname;
mod memory;
mod session;
mod text;

/// Every kind, by name.
pub static ALL: &[&Kind] = &[
    &clock::SEGMENT,
    &cpu::SEGMENT,
    &hostname::SEGMENT,
    &memory::SEGMENT,
    &session::SEGMENT,
    &text::SEGMENT,
];

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

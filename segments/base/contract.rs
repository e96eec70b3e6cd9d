//! The contract between a segment and the engine: a static [`Kind`] and a [`Source`].
//!
//! A kind is data: name, icons, fields, options, default format. The engine lists, documents,
//! checks and schedules kinds without knowing any of them. A source is the code that reads an
//! instance's values; it sees the machine only through [`Machine`](crate::machine::Machine) and the
//! asker through [`Ask`].

mod ask;
mod error;
mod field;
mod kind;
mod option;
mod source;

pub use crate::machine::Error;
pub use ask::Ask;
pub use error::OptionError;
pub use field::{Field, Unit};
pub use kind::{Icons, Kind, Pace, RunsIn, Scope, Variant};
pub use option::{Opt, OptionType, OptionValue, expected};
pub use source::{Emit, SetValue, Source};

pub(crate) use option::{choice, kebab, option_key, options, read_option};

//! For tests: one reading of a segment, and a number of it.

use super::contract::{Ask, Kind};
use super::value::{Sample, Value};
use crate::machine::Machine;

/// The first reading with these options, in TOML.
#[track_caller]
pub(crate) fn sample_with(kind: &Kind, options: &str, machine: &Machine) -> Option<Sample> {
    let mut source = (kind.open)(&options.parse().expect("TOML")).expect("good options");
    source.sample(machine, &Ask::default()).expect("no error")
}

/// The number of a field, if it has one.
pub(crate) fn number(sample: &Sample, field: &str) -> Option<f64> {
    sample.get(field).and_then(Value::as_number)
}

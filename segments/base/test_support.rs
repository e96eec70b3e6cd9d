//! For tests: sources, their readings, and a number in them.

use super::contract::{Ask, Kind, OptionError, Source};
use super::value::{Sample, Value};
use crate::machine::Machine;

/// A source with these options, in TOML.
#[track_caller]
pub(crate) fn opened(kind: &Kind, options: &str) -> Box<dyn Source> {
    let table: toml::Table = options.parse().expect("TOML");
    for key in table.keys() {
        assert!(kind.options.iter().any(|option| option.name == key), "there is no option `{key}`");
    }
    (kind.open)(&table).expect("good options")
}

/// Why these options are refused.
#[track_caller]
pub(crate) fn refused(kind: &Kind, options: &str) -> OptionError {
    (kind.open)(&options.parse().expect("TOML")).err().expect("options that make no sense")
}

/// The first reading with these options.
#[track_caller]
pub(crate) fn sample_with(kind: &Kind, options: &str, machine: &Machine) -> Option<Sample> {
    sample_for(kind, options, machine, &Ask::default())
}

/// The first reading with these options for this asker.
#[track_caller]
pub(crate) fn sample_for(
    kind: &Kind,
    options: &str,
    machine: &Machine,
    ask: &Ask,
) -> Option<Sample> {
    opened(kind, options).sample(machine, ask).expect("no error")
}

/// The number of a field, if it has one.
pub(crate) fn number(sample: &Sample, field: &str) -> Option<f64> {
    sample.get(field).and_then(Value::as_number)
}

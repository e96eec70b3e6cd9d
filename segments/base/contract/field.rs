//! The values that a sample may carry, and their units.

/// A value that a sample of this kind may carry.
///
/// Names are in `snake_case`. A history is named after its number, `NAME_history`; the history of
/// the kind's main number is just `history`.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name by which formats use it.
    pub name: &'static str,
    /// What it is, in one sentence, for docs.
    pub about: &'static str,
    /// What its value is measured in.
    pub unit: Unit,
}

impl Field {
    /// A field of this name, description and unit.
    pub const fn new(name: &'static str, about: &'static str, unit: Unit) -> Field {
        Field { name, about, unit }
    }
}

/// What a field's value is measured in. Static, so that a formatter on the wrong kind of value is
/// an error of the config and not an empty bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A text of any kind, signs and live texts included.
    Text,
    /// 0 to 100, everywhere: in values, in options and in thresholds.
    Percent,
    /// A size or, per second, a rate, in bytes.
    Bytes,
    /// A number without a unit.
    Count,
    /// A temperature in °C.
    Celsius,
    /// A power in W.
    Watts,
    /// A length of time.
    Duration,
    /// A moment, with its time zone.
    Time,
    /// Disjoint parts of a whole, all in one unit.
    Parts,
    /// The past values of a numeric field of the same kind; the engine keeps them.
    History(&'static str),
}

impl Unit {
    /// The word used in messages and docs.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Text => "text",
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
            Unit::Celsius => "celsius",
            Unit::Watts => "watts",
            Unit::Duration => "duration",
            Unit::Time => "time",
            Unit::Parts => "parts",
            Unit::History(_) => "history",
        }
    }

    /// Whether values of this unit are single numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Unit::Percent | Unit::Bytes | Unit::Count | Unit::Celsius | Unit::Watts)
    }
}

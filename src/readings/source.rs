//! Opening and reading a source, in whichever process. A source that panics fails like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rainline_segments::{Ask, Kind, Machine, Sample, SetValue, Source};

/// The error of a source that panicked.
pub const PANICKED: &str = "it panicked (a bug)";

/// A source with these options.
pub fn open(kind: &Kind, options: &toml::Table) -> Result<Box<dyn Source>, String> {
    (kind.open)(options).map_err(|error| error.to_string())
}

/// Gives a source what it saved at an earlier reading; it ignores what it cannot read.
pub fn restore(source: &mut dyn Source, saved: &str) {
    let _ = catch_unwind(AssertUnwindSafe(|| source.restore(saved)));
}

/// Takes a reading.
pub fn sample(
    source: &mut dyn Source,
    machine: &Machine,
    ask: &Ask,
) -> Result<Option<Sample>, String> {
    match catch_unwind(AssertUnwindSafe(|| source.sample(machine, ask))) {
        Ok(sampled) => sampled.map_err(|error| error.to_string()),
        Err(_) => Err(PANICKED.into()),
    }
}

/// Takes a value that was pushed from outside.
pub fn push(
    source: &mut dyn Source,
    machine: &Machine,
    pushed: &SetValue,
) -> Result<Option<Sample>, String> {
    match catch_unwind(AssertUnwindSafe(|| source.set(machine, pushed))) {
        Ok(taken) => taken.map_err(|error| error.to_string()),
        Err(_) => Err(PANICKED.into()),
    }
}

/// Whether a source would rather be followed than sampled; one that panics does not.
pub fn prefers_follow(source: &dyn Source, machine: &Machine) -> bool {
    catch_unwind(AssertUnwindSafe(|| source.prefers_follow(machine))).unwrap_or(false)
}

/// The paths on which the last reading depends; none if the source panics.
pub fn depends(source: &dyn Source) -> Vec<PathBuf> {
    catch_unwind(AssertUnwindSafe(|| source.dependencies())).unwrap_or_default()
}

/// The machine as sources see it, or a directory that stands for it.
pub fn machine(root: Option<PathBuf>) -> Machine {
    root.map_or_else(Machine::real, Machine::rooted)
}

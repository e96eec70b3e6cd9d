//! A window in tmux's list of windows: its number, name and flags.
//!
//! tmux draws the list, once for each window, so it fills in all values itself. Nothing is shown
//! elsewhere.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Live, Sample, Value};
use crate::machine::Machine;

options! {}

pub(crate) static SEGMENT: Kind = Kind {
    name: "window",
    about: "A window in tmux's list; for the line `tmux.windows`.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " $index $name.text(max:24) ",
    fields: &[
        Field::new("index", "the window's number", Unit::Text),
        Field::new("name", "the window's name", Unit::Text),
        Field::new("flags", "tmux's flags: `*`, `Z` …", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 50,
    open: |table| {
        Options::read(table)?;
        Ok(Box::new(Window))
    },
};

struct Window;

impl Source for Window {
    fn sample(&mut self, _: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let live = |what| Value::Live { what, known: Untrusted::default() };
        Ok(Some(
            Sample::new(Level::Idle)
                .with("index", live(Live::WindowIndex))
                .with("name", live(Live::WindowName))
                .with("flags", live(Live::WindowFlags)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_left_to_tmux() {
        let mut source = (SEGMENT.open)(&toml::Table::new()).expect("opens");
        let sample =
            source.sample(&Machine::real(), &Ask::default()).expect("reads").expect("shows");
        assert_eq!(sample.values.len(), SEGMENT.fields.len());
        assert!(sample.values.iter().all(|(_, value)| matches!(value, Value::Live { .. })));
    }
}

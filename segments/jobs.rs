//! How many jobs the asking shell has in the background, as the shell reports it.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Hidden below this number of jobs.
    hide_when_below: u32 = 1_u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "jobs",
    about: "How many jobs your shell has in the background.",
    icons: Icons { nerd: "\u{f013}", unicode: "✦", ascii: "&" },
    format: " ($icon )$count ",
    fields: &[Field::new("count", "running and stopped jobs", Unit::Count)],
    options: OPTIONS,
    env: &[],
    scope: Scope::Client,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 72,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Jobs { fewest: Options::read(table)?.hide_when_below }))
}

struct Jobs {
    fewest: u32,
}

impl Source for Jobs {
    fn sample(&mut self, _: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let shown = ask.jobs > 0 && ask.jobs >= self.fewest;
        Ok(shown
            .then(|| Sample::new(Level::Info).with("count", Value::number(f64::from(ask.jobs)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_for;
    use crate::machine::fixture;

    fn count(options: &str, jobs: u32) -> Option<f64> {
        let ask = Ask { jobs, ..Ask::default() };
        let sample = sample_for(&SEGMENT, options, &fixture("empty"), &ask)?;
        sample.get("count").and_then(Value::as_number)
    }

    #[test]
    fn no_jobs_show_nothing() {
        assert_eq!([0, 1, 12].map(|jobs| count("", jobs)), [None, Some(1.0), Some(12.0)]);
        assert_eq!(count("", u32::MAX), Some(f64::from(u32::MAX)));
    }

    #[test]
    fn a_few_jobs_can_be_hidden() {
        assert_eq!([2, 3].map(|jobs| count("hide-when-below = 3", jobs)), [None, Some(3.0)]);
        assert_eq!(count("hide-when-below = 0", 0), None);
    }
}

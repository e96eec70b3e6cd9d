//! How many tasks run or wait for a processor, on average, from `/proc/loadavg`.
//!
//! A load needs to be seen with the number of processors: four is low on 64 and high on one. So the
//! level follows the load per processor, in percent. Tasks that wait for a disk count as well
//! (proc(5)): a high load with idle processors means that something blocks.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{LoadReader, Machine};

options! {
    /// Load per processor in percent from which the level is `warning`.
    warning: f64 = 100.0,
    /// Load per processor in percent from which the level is `critical`.
    critical: f64 = 200.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "load",
    about: "How many tasks run or wait for a processor, over 1, 5 and 15 minutes.",
    icons: Icons { nerd: "\u{f029a}", unicode: "load", ascii: "load" },
    format: " ($icon )$one.num(p:2) $history.spark(w:8) ",
    fields: &[
        Field::new("one", "mean over one minute; full at one task per processor", Unit::Count),
        Field::new("five", "mean over five minutes", Unit::Count),
        Field::new("fifteen", "mean over fifteen minutes", Unit::Count),
        Field::new("usage", "the minute's load per processor, at most 100 %", Unit::Percent),
        Field::new("each", "the minute's load per processor", Unit::Count),
        Field::new("count", "processors that are online", Unit::Count),
        Field::new("running", "tasks that run or are ready to run now", Unit::Count),
        Field::new("tasks", "all tasks; each thread counts", Unit::Count),
        Field::new("history", "history of the usage", Unit::History("usage")),
        Field::new("one_history", "history of `one`, not limited to 100 %", Unit::History("one")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    // The kernel updates it every five seconds (LOAD_FREQ of loadavg.h).
    pace: Pace::Tick(std::time::Duration::from_secs(5)),
    priority: 45,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let (reader, level) = (LoadReader::default(), Level::Idle);
    Ok(Box::new(Load { options: Options::read(table)?, reader, level }))
}

struct Load {
    options: Options,
    reader: LoadReader,
    level: Level,
}

impl Source for Load {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let Some(load) = self.reader.load(machine)? else { return Ok(None) };
        let count = self.reader.processors(machine).map(|count| count as f64);
        let value = |load| count.map_or(Value::number(load), |count| Value::of(load, count));
        let mut sample = Sample::new(Level::Idle)
            .with("one", value(load.one))
            .with("five", value(load.five))
            .with("fifteen", value(load.fifteen));
        if let Some(count) = count {
            let usage = 100.0 * load.one / count;
            self.level = self.level.settle(usage, self.options.warning, self.options.critical);
            sample.level = self.level;
            sample = sample
                .with("usage", Value::percent(usage))
                .with("each", Value::of(load.one / count, 1.0))
                .with("count", Value::number(count));
        }
        if let Some((running, tasks)) = load.tasks {
            sample = sample
                .with("running", Value::number(running.into()))
                .with("tasks", Value::number(tasks.into()));
        }
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn sample_on(machine: &Machine) -> Option<Sample> {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        source.sample(machine, &Ask::default()).expect("no error")
    }

    fn level(load: &str, online: &str) -> Level {
        let load = format!("{load} 0.00 0.00 1/1 1\n");
        let files = [("proc/loadavg", &*load), ("sys/devices/system/cpu/online", online)];
        sample_on(&machine_with(&files).1).expect("a load").level
    }

    #[test]
    fn the_load_is_full_at_one_for_each_processor() {
        let sample = sample_on(&fixture("laptop")).expect("a load");
        assert_eq!(sample.get("one"), Some(&Value::of(1.25, 4.0)));
        assert_eq!(sample.get("fifteen"), Some(&Value::of(0.33, 4.0)));
        assert_eq!(sample.get("usage"), Some(&Value::percent(31.25)));
        assert_eq!(sample.get("each"), Some(&Value::of(0.3125, 1.0)));
    }

    #[test]
    fn the_level_is_per_processor() {
        assert_eq!(level("4.00", "0-63"), Level::Idle);
        assert_eq!(level("4.00", "0-3"), Level::Warning);
        assert_eq!(level("4.00", "0"), Level::Critical);
        assert_eq!(level("9999999.00", "0-1"), Level::Critical);
    }

    #[test]
    fn without_the_number_of_processors_there_is_no_level() {
        assert_eq!(level("400.00", "nonsense"), Level::Idle);
    }

    #[test]
    fn a_machine_without_a_load_has_nothing_to_show_and_nonsense_is_an_error() {
        assert_eq!(sample_on(&fixture("empty")), None);
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let (_dir, machine) = machine_with(&[("proc/loadavg", "none\n")]);
        assert!(source.sample(&machine, &Ask::default()).is_err());
    }
}

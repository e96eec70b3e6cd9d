//! How long the queue for the processors is: tasks that run or wait, on average.
//!
//! A load means nothing without the number of processors: four is idling on sixty-four and jammed
//! on one. So the level goes by the load for each processor. Waiting for a disk counts as well
//! (proc(5)): a high load beside idle processors says that something hangs.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{LoadReader, Machine};

crate::options! {
    /// Load for each processor, in percent, from which the level is `warning`.
    warning: f64 = 100.0,
    /// Load for each processor, in percent, from which the level is `critical`.
    critical: f64 = 200.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "load",
    about: "How many tasks run or wait for a processor, over 1, 5 and 15 minutes.",
    icons: Icons { nerd: "\u{f029a}", unicode: "load", ascii: "load" },
    format: " ($icon )$one.num(p:2) $history.spark(w:8) ",
    fields: &[
        Field::new("one", "on average over a minute; full is one for each processor", Unit::Count),
        Field::new("five", "on average over five minutes", Unit::Count),
        Field::new("fifteen", "on average over a quarter of an hour", Unit::Count),
        Field::new("usage", "the minute's load for each processor, at most 100 %", Unit::Percent),
        Field::new("each", "the minute's load for each processor", Unit::Count),
        Field::new("count", "processors that are on", Unit::Count),
        Field::new("running", "tasks that run or wait to run now", Unit::Count),
        Field::new("tasks", "all tasks, each thread counted", Unit::Count),
        Field::new(
            "history",
            "the past of the usage: full is one for each",
            Unit::History("usage"),
        ),
        Field::new("history_one", "the past of the load, of whatever height", Unit::History("one")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    // The kernel itself counts every five seconds (LOAD_FREQ of loadavg.h).
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
    fn the_level_goes_by_the_processors() {
        assert_eq!(level("4.00", "0-63"), Level::Idle);
        assert_eq!(level("4.00", "0-3"), Level::Warning);
        assert_eq!(level("4.00", "0"), Level::Critical);
        assert_eq!(level("9999999.00", "0-1"), Level::Critical);
    }

    #[test]
    fn without_a_count_there_is_no_level() {
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

//! How much memory is swapped out, and what compressed swap really takes.
//!
//! Swap that is used says that memory was short once, not that it is now: a page that nobody wants
//! stays out for ever. So the level rises late, and a swap as good as unused is not shown.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Zram};

crate::options! {
    /// Usage in percent below which nothing is shown.
    hide_below("hide-below"): f64 = 1.0,
    /// Usage in percent from which the level is `warning`.
    warning: f64 = 60.0,
    /// Usage in percent from which the level is `critical`.
    critical: f64 = 90.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "swap",
    about: "How much memory is swapped out.",
    icons: Icons { nerd: "\u{f04e1}", unicode: "swap", ascii: "swap" },
    format: " ($icon )$used.eng(w:3) $usage.pct(w:2) ",
    fields: &[
        Field::new("used", "what is swapped out", Unit::Bytes),
        Field::new("free", "what could still be", Unit::Bytes),
        Field::new("total", "used and free", Unit::Bytes),
        Field::new("usage", "used of total", Unit::Percent),
        Field::new("zram", "memory that swap in zram takes, compressed", Unit::Bytes),
        Field::new("zswap", "memory that zswap takes, compressed", Unit::Bytes),
        Field::new(
            "saved",
            "memory that zram saves: what is in it, less what it takes",
            Unit::Bytes,
        ),
        Field::new("history", "the past of the usage", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    pace: Pace::Tick(std::time::Duration::from_secs(5)),
    priority: 40,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Swap { options, level: Level::Idle }))
}

struct Swap {
    options: Options,
    level: Level,
}

impl Source for Swap {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let memory = machine.meminfo()?;
        let (Some(total), Some(free)) = (memory.swap_total, memory.swap_free) else {
            return Ok(None);
        };
        // In a container both may be of different machines.
        let free = free.min(total);
        if total == 0 {
            return Ok(None);
        }
        let used = total - free;
        let usage = 100.0 * used as f64 / total as f64;
        if usage < self.options.hide_below {
            self.level = Level::Idle;
            return Ok(None);
        }
        self.level = self.level.settle(usage, self.options.warning, self.options.critical);
        let mut sample = Sample::new(self.level)
            .with("used", Value::of(used as f64, total as f64))
            .with("free", Value::of(free as f64, total as f64))
            .with("total", Value::number(total as f64))
            .with("usage", Value::percent(usage));
        if let Some(Zram { original, taken }) = machine.zram() {
            sample = sample
                .with("zram", Value::number(taken as f64))
                .with("saved", Value::number(original.saturating_sub(taken) as f64));
        }
        // The line is there, at zero, on every kernel that could have it.
        if let Some(zswap) = memory.zswap.filter(|bytes| *bytes > 0) {
            sample = sample.with("zswap", Value::number(zswap as f64));
        }
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn sample_on(options: &str, machine: &Machine) -> Option<Sample> {
        let mut source = open(&options.parse().expect("TOML")).expect("good options");
        source.sample(machine, &Ask::default()).expect("no error")
    }

    fn bytes(sample: &Sample, field: &str) -> Option<u64> {
        sample.get(field).and_then(Value::as_number).map(|bytes| bytes as u64)
    }

    #[test]
    fn used_is_the_total_less_what_is_free() {
        let sample = sample_on("", &fixture("server")).expect("swap");
        assert_eq!(bytes(&sample, "used"), Some((8_388_604 - 8_201_212) * 1024));
        assert_eq!(bytes(&sample, "total"), Some(8_388_604 * 1024));
        assert_eq!((sample.level, sample.get("zram")), (Level::Idle, None));
    }

    #[test]
    fn compressed_swap_says_what_it_takes() {
        let sample = sample_on("", &fixture("two-batteries")).expect("swap");
        assert_eq!(bytes(&sample, "zram"), Some(1_258_291_200));
        assert_eq!(bytes(&sample, "saved"), Some(4_194_304_000 - 1_258_291_200));
        assert_eq!((bytes(&sample, "zswap"), sample.level), (Some(65_536), Level::Idle));
    }

    #[test]
    fn no_swap_or_one_as_good_as_unused_is_not_shown() {
        assert_eq!(sample_on("", &fixture("laptop")), None);
        assert_eq!(sample_on("hide-below = 5", &fixture("server")), None);
        assert_eq!(sample_on("", &machine_with(&[("proc/meminfo", "")]).1), None);
    }

    #[test]
    fn more_free_than_there_is_is_none_used() {
        let (_dir, machine) =
            machine_with(&[("proc/meminfo", "SwapTotal: 10 kB\nSwapFree: 99 kB\n")]);
        let sample = sample_on("hide-below = 0", &machine).expect("swap");
        assert_eq!((bytes(&sample, "used"), bytes(&sample, "free")), (Some(0), Some(10 * 1024)));
    }

    #[test]
    fn a_full_swap_is_critical() {
        let (_dir, machine) =
            machine_with(&[("proc/meminfo", "SwapTotal: 100 kB\nSwapFree: 3 kB\n")]);
        assert_eq!(sample_on("", &machine).expect("swap").level, Level::Critical);
    }
}

//! How much memory is swapped out, in bytes and percent, and the memory that compressed swap uses;
//! from `/proc/meminfo` and zram.
//!
//! Used swap means that memory was short once, not that it is now: a page that is never needed
//! again stays swapped out. So the level rises late, and swap that is almost unused is hidden.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Zram};

options! {
    /// Hidden below this usage in percent.
    hide_when_below: f64 = 1.0,
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
        Field::new("used", "memory that is swapped out", Unit::Bytes),
        Field::new("free", "free swap space", Unit::Bytes),
        Field::new("total", "total swap space", Unit::Bytes),
        Field::new("usage", "used swap space of the total", Unit::Percent),
        Field::new("zram", "memory that compressed swap in zram uses", Unit::Bytes),
        Field::new("zswap", "memory that zswap uses", Unit::Bytes),
        Field::new("saved", "memory that zram saves by compression", Unit::Bytes),
        Field::new("history", "history of the usage", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
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
        // In a container the two may come from different machines.
        let free = free.min(total);
        if total == 0 {
            return Ok(None);
        }
        let used = total - free;
        let usage = 100.0 * used as f64 / total as f64;
        if usage < self.options.hide_when_below {
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
        // Kernels that support zswap always report it, as 0 if unused.
        let zswap = memory.zswap.filter(|bytes| *bytes > 0);
        Ok(Some(sample.with_some("zswap", zswap.map(|bytes| Value::number(bytes as f64)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn bytes(sample: &Sample, field: &str) -> Option<u64> {
        sample.get(field).and_then(Value::as_number).map(|bytes| bytes as u64)
    }

    #[test]
    fn used_is_the_total_less_what_is_free() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("swap");
        assert_eq!(bytes(&sample, "used"), Some((8_388_604 - 8_201_212) * 1024));
        assert_eq!(bytes(&sample, "total"), Some(8_388_604 * 1024));
        assert_eq!((sample.level, sample.get("zram")), (Level::Idle, None));
    }

    #[test]
    fn compressed_swap_has_its_size() {
        let sample = sample_with(&SEGMENT, "", &fixture("two-batteries")).expect("swap");
        assert_eq!(bytes(&sample, "zram"), Some(1_258_291_200));
        assert_eq!(bytes(&sample, "saved"), Some(4_194_304_000 - 1_258_291_200));
        assert_eq!((bytes(&sample, "zswap"), sample.level), (Some(65_536), Level::Idle));
    }

    #[test]
    fn no_swap_or_almost_unused_swap_is_hidden() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("laptop")), None);
        assert_eq!(sample_with(&SEGMENT, "hide-when-below = 5", &fixture("server")), None);
        assert_eq!(sample_with(&SEGMENT, "", &machine_with(&[("proc/meminfo", "")]).1), None);
    }

    #[test]
    fn more_free_than_total_means_unused() {
        let (_dir, machine) =
            machine_with(&[("proc/meminfo", "SwapTotal: 10 kB\nSwapFree: 99 kB\n")]);
        let sample = sample_with(&SEGMENT, "hide-when-below = 0", &machine).expect("swap");
        assert_eq!((bytes(&sample, "used"), bytes(&sample, "free")), (Some(0), Some(10 * 1024)));
    }

    #[test]
    fn a_full_swap_is_critical() {
        let (_dir, machine) =
            machine_with(&[("proc/meminfo", "SwapTotal: 100 kB\nSwapFree: 3 kB\n")]);
        assert_eq!(sample_with(&SEGMENT, "", &machine).expect("swap").level, Level::Critical);
    }
}

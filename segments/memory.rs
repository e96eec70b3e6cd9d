//! How full the memory is, in bytes and percent, from `/proc/meminfo`.
//!
//! *Used* is what other programs cannot have: the total less what is available. The parts add up to
//! the total. In a control group with a limit below the machine's memory the total is that limit,
//! and `scope` says so. `base/memory_breakdown.rs` explains the parts.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::memory_breakdown::{self, Limit};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Whose memory: the machine's (`machine`), the control group's if it has a limit (`cgroup`), or
    /// `auto`: the group's if its limit is below the machine's memory.
    limit: Limit = Limit::Auto,
    /// Usage in percent from which the level is `warning`.
    warning: f64 = 80.0,
    /// Usage in percent from which the level is `critical`.
    critical: f64 = 95.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "memory",
    about: "How full the memory of the machine or container is, and what uses it.",
    icons: Icons { nerd: "\u{f035b}", unicode: "mem", ascii: "mem" },
    format: " ($icon )$used.eng(w:3) $parts.stack(w:8) ",
    fields: &[
        Field::new("used", "memory that other programs cannot have", Unit::Bytes),
        Field::new("total", "total memory, or the limit", Unit::Bytes),
        Field::new("available", "memory that a program can still have", Unit::Bytes),
        Field::new("usage", "used memory of the total", Unit::Percent),
        Field::new(
            "parts",
            "kernel, anonymous, shared, cache and free; together the total",
            Unit::Parts,
        ),
        Field::new("limit", "the control group's limit, if it is used", Unit::Bytes),
        Field::new("scope", "`cgroup` if a limit is used", Unit::Text),
        Field::new("history", "history of the usage", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Tick(std::time::Duration::from_secs(1)),
    priority: 65,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Memory {
        options,
        memory: memory_breakdown::Memory::default(),
        level: Level::Idle,
    }))
}

struct Memory {
    options: Options,
    memory: memory_breakdown::Memory,
    level: Level,
}

impl Source for Memory {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let picture = self.memory.read(machine, self.options.limit)?;
        let (total, usage) = (picture.total as f64, picture.usage());
        self.level = self.level.settle(usage, self.options.warning, self.options.critical);
        let sample = Sample::new(self.level)
            .with("used", Value::of(picture.used() as f64, total))
            .with("total", Value::number(total))
            .with("available", Value::of(picture.available as f64, total))
            .with("usage", Value::percent(usage))
            .with("parts", picture.parts());
        Ok(Some(match picture.limited {
            true => sample.with("limit", Value::number(total)).with("scope", Value::text("cgroup")),
            false => sample,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{refused, sample_with};
    use crate::machine::fixture;

    const KB: u64 = 1024;
    const MB: u64 = 1024 * KB;

    fn shown_with(options: &str, name: &str) -> Sample {
        sample_with(&SEGMENT, options, &fixture(name)).expect("something to show")
    }

    fn sample(name: &str) -> Sample {
        shown_with("", name)
    }

    fn bytes(sample: &Sample, field: &str) -> Option<u64> {
        sample.get(field).and_then(Value::as_number).map(|bytes| bytes as u64)
    }

    /// The parts in their order, and the whole.
    fn parts(sample: &Sample) -> (Vec<u64>, u64) {
        let Some(Value::Parts { parts, whole }) = sample.get("parts") else { panic!("no parts") };
        (parts.iter().map(|part| part.value as u64).collect(), *whole as u64)
    }

    #[test]
    fn used_is_the_total_less_the_available() {
        let laptop = sample("laptop");
        assert_eq!(bytes(&laptop, "used"), Some((24_684_092 - 23_080_768) * KB));
        assert_eq!(bytes(&laptop, "available"), Some(23_080_768 * KB));
        assert_eq!(laptop.get("scope"), None);
        assert_eq!(laptop.get("limit"), None);
    }

    #[test]
    fn the_parts_add_up_to_the_total() {
        let (parts, whole) = parts(&sample("laptop"));
        let anonymous = 883_608;
        let shared = 9_312;
        let cache = 2_629_756 - 9_312 + 64_520 + 349_828;
        let free = 20_351_664;
        let kernel = 24_684_092 - anonymous - shared - cache - free;
        assert_eq!(parts, [kernel, anonymous, shared, cache, free].map(|kb| kb * KB));
        assert_eq!(whole, 24_684_092 * KB);
    }

    #[test]
    fn huge_pages_belong_to_programs() {
        let (parts, _) = parts(&sample("server"));
        assert_eq!(parts[1], (163_990_012 + 16_777_216) * KB);
    }

    #[test]
    fn without_available_it_is_free_and_cache() {
        let old = sample("old");
        let cache = 60_000 + 400_000 - 10_000 + 60_000;
        assert_eq!(bytes(&old, "available"), Some((210_000 + cache) * KB));
    }

    #[test]
    fn a_limit_below_the_hosts_memory_is_the_total() {
        let container = sample("container");
        assert_eq!(bytes(&container, "total"), Some(2048 * MB));
        assert_eq!(bytes(&container, "limit"), Some(2048 * MB));
        assert_eq!(bytes(&container, "used"), Some((1280 - 256) * MB));
        assert_eq!(container.get("scope"), Some(&Value::text("cgroup")));
        let expected = [128, 512, 64, 576, 768].map(|megabytes| megabytes * MB);
        assert_eq!(parts(&container), (expected.to_vec(), 2048 * MB));
    }

    #[test]
    fn a_limit_of_cgroup_v1_counts_as_well() {
        let container = sample("container-v1");
        assert_eq!(bytes(&container, "total"), Some(512 * MB));
        assert_eq!(bytes(&container, "used"), Some((300 - 100) * MB));
        let expected = [20, 160, 8, 112, 212].map(|megabytes| megabytes * MB);
        assert_eq!(parts(&container), (expected.to_vec(), 512 * MB));
    }

    /// In this file more is available than there is, and the cache is larger than all that is not
    /// free.
    #[test]
    fn the_host_seen_from_a_container_stays_within_its_total() {
        let machine = shown_with("limit = 'machine'", "container");
        assert_eq!(bytes(&machine, "total"), Some(4_000_000 * KB));
        assert_eq!(bytes(&machine, "used"), Some(200_000 * KB));
        let expected = [0, 0, 200_000, 1_800_000, 2_000_000].map(|kb| kb * KB);
        assert_eq!(parts(&machine), (expected.to_vec(), 4_000_000 * KB));
    }

    #[test]
    fn a_group_without_a_limit_shows_the_host() {
        let laptop = shown_with("limit = 'cgroup'", "laptop");
        assert_eq!(bytes(&laptop, "total"), Some(24_684_092 * KB));
        assert_eq!(laptop.get("scope"), None);
    }

    #[test]
    fn an_unknown_limit_is_refused_with_the_known_ones() {
        let error = refused(&SEGMENT, "limit = 'docker'");
        assert_eq!(error.key, "limit");
        assert!(error.message.contains("\"cgroup\""), "{}", error.message);
    }

    #[test]
    fn an_unusable_total_is_an_error() {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let error = source.sample(&fixture("broken"), &Ask::default()).expect_err("refused");
        assert!(matches!(error, Error::Strange { .. }), "{error}");
    }

    #[test]
    fn the_real_machine_adds_up() {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let sample = source.sample(&Machine::real(), &Ask::default());
        let (parts, whole) = parts(&sample.expect("readable").expect("something to show"));
        assert_eq!(parts.iter().sum::<u64>(), whole);
    }
}

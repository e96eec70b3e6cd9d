//! How full the memory is, in numbers that a program's author would agree with.
//!
//! *Used* is what programs could not have: the total less what is available. The stack (`parts`)
//! sums up to the total, which in a control group with a limit below the machine's memory is that
//! limit, and `scope` says so. How the numbers come about is said in `base/classes.rs`.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::memory_breakdown::{self, Limit};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

crate::options! {
    /// Whose memory is shown: the host's, the control group's where it has a limit, or (auto) the
    /// group's where its limit is below the host's memory.
    limit: Limit = Limit::Auto,
    /// Usage in percent from which the level is `warning`.
    warning: f64 = 80.0,
    /// Usage in percent from which the level is `critical`.
    critical: f64 = 95.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "memory",
    about: "How full the memory is, of the machine or of the container, and with what.",
    icons: Icons { nerd: "\u{f035b}", unicode: "mem", ascii: "mem" },
    format: " ($icon )$used.eng(w:3) $parts.stack(w:8) ",
    fields: &[
        Field::new("used", "what other programs could not have", Unit::Bytes),
        Field::new("total", "all there is, or the limit", Unit::Bytes),
        Field::new("available", "what a program could have", Unit::Bytes),
        Field::new("usage", "used of total", Unit::Percent),
        Field::new(
            "parts",
            "kernel, anonymous, shared, cache and free; in sum the total",
            Unit::Parts,
        ),
        Field::new("limit", "the control group's limit, where it is in force", Unit::Bytes),
        Field::new("scope", "`cgroup` where a limit is in force", Unit::Text),
        Field::new("history", "the past of the usage", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    pace: Pace::Tick(std::time::Duration::from_secs(1)),
    priority: 65,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Memory {
        options,
        reader: memory_breakdown::Memory::default(),
        level: Level::Idle,
    }))
}

struct Memory {
    options: Options,
    reader: memory_breakdown::Memory,
    level: Level,
}

impl Source for Memory {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let picture = self.reader.read(machine, self.options.limit)?;
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
    use crate::machine::fixture;

    const KB: u64 = 1024;
    const MB: u64 = 1024 * KB;

    fn sample_with(options: &str, name: &str) -> Sample {
        let table = options.parse().expect("TOML");
        let mut source = open(&table).expect("good options");
        let sample = source.sample(&fixture(name), &Ask::default());
        sample.expect("readable").expect("something to show")
    }

    fn sample(name: &str) -> Sample {
        sample_with("", name)
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
    fn used_is_what_is_not_available() {
        let laptop = sample("laptop");
        assert_eq!(bytes(&laptop, "used"), Some((24_684_092 - 23_080_768) * KB));
        assert_eq!(bytes(&laptop, "available"), Some(23_080_768 * KB));
        assert_eq!(laptop.get("scope"), None);
        assert_eq!(laptop.get("limit"), None);
    }

    #[test]
    fn the_stack_is_disjoint_and_whole() {
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
    fn a_kernel_that_does_not_say_what_is_available_has_free_and_cache() {
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
    fn a_limit_of_the_first_version_counts_as_well() {
        let container = sample("container-v1");
        assert_eq!(bytes(&container, "total"), Some(512 * MB));
        assert_eq!(bytes(&container, "used"), Some((300 - 100) * MB));
        let expected = [20, 160, 8, 112, 212].map(|megabytes| megabytes * MB);
        assert_eq!(parts(&container), (expected.to_vec(), 512 * MB));
    }

    /// Here the host's file says that more is available than there is, and that the cache is
    /// larger than all that is not free.
    #[test]
    fn the_host_seen_from_a_container_stays_within_its_total() {
        let machine = sample_with("limit = 'host'", "container");
        assert_eq!(bytes(&machine, "total"), Some(4_000_000 * KB));
        assert_eq!(bytes(&machine, "used"), Some(200_000 * KB));
        let expected = [0, 0, 200_000, 1_800_000, 2_000_000].map(|kb| kb * KB);
        assert_eq!(parts(&machine), (expected.to_vec(), 4_000_000 * KB));
    }

    #[test]
    fn a_group_without_a_limit_shows_the_host() {
        let laptop = sample_with("limit = 'cgroup'", "laptop");
        assert_eq!(bytes(&laptop, "total"), Some(24_684_092 * KB));
        assert_eq!(laptop.get("scope"), None);
    }

    #[test]
    fn another_word_for_the_limit_is_refused_with_the_words_meant() {
        let table = "limit = 'docker'".parse().expect("TOML");
        let error = open(&table).err().expect("refused");
        assert_eq!(error.key, "limit");
        assert!(error.message.contains("\"cgroup\""), "{}", error.message);
    }

    #[test]
    fn a_total_that_says_nothing_is_an_error() {
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

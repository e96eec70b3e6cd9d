//! How full the memory is, in numbers that a program's author would agree with.
//!
//! - *Used* is what programs could not have: the total less what the kernel says is available
//!   (`MemAvailable`). Kernels before 3.14 do not say; then free memory and cache are available.
//! - The stack (`parts`) is disjoint and sums up to the total, to the byte. Shared memory is taken
//!   out of the page cache, in which the kernel counts it. What no other part explains belongs to
//!   the kernel. Where numbers contradict each other (containers mix their own with their host's)
//!   each part gets at most what is left.
//! - In a control group with a limit below the machine's memory, all of it is about the group:
//!   there the limit is the total, and `scope` says so.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::host::{CgroupDoor, CgroupMemory, Host, Meminfo, MemoryDoor};
use crate::base::value::{Level, Part, Sample, Value};

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
    scope: Scope::Host,
    place: Where::Daemon,
    pace: Pace::Tick(std::time::Duration::from_secs(1)),
    priority: 65,
    open,
};

crate::choice! {
    /// Whose memory is shown.
    Limit { Auto = "auto", Host = "host", Cgroup = "cgroup" }
}

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Memory {
        options: Options::read(table)?,
        meminfo: MemoryDoor::default(),
        cgroup: CgroupDoor::default(),
        level: Level::Idle,
    }))
}

struct Memory {
    options: Options,
    meminfo: MemoryDoor,
    cgroup: CgroupDoor,
    level: Level,
}

impl Source for Memory {
    fn sample(&mut self, host: &Host, _: &Ask) -> Result<Option<Sample>, Error> {
        let meminfo = self.meminfo.read(host)?;
        let Some(total) = meminfo.total.filter(|total| *total > 0) else {
            let what = "a MemTotal above zero".into();
            return Err(Error::Strange { path: "/proc/meminfo".into(), what });
        };
        let group = match self.options.limit {
            Limit::Host => None,
            Limit::Auto => self.cgroup.read(host, total),
            // A limit above the machine's memory is as good as that memory.
            Limit::Cgroup => self
                .cgroup
                .read(host, u64::MAX)
                .map(|group| CgroupMemory { limit: group.limit.min(total), ..group }),
        };
        // A group that may have nothing at all has no percentages.
        let group = group.filter(|group| group.limit > 0);
        let picture = match &group {
            Some(group) => Picture::of_group(group),
            None => Picture::of_host(total, &meminfo),
        };
        let Picture { total, available, stack } = picture;
        let used = total - available;
        let usage = 100.0 * used as f64 / total as f64;
        self.level = self.level.settle(usage, self.options.warning, self.options.critical);
        let sample = Sample::new(self.level)
            .with("used", Value::of(used as f64, total as f64))
            .with("total", Value::number(total as f64))
            .with("available", Value::of(available as f64, total as f64))
            .with("usage", Value::percent(usage))
            .with("parts", stack.value(total));
        Ok(Some(match group {
            Some(group) => sample
                .with("limit", Value::number(group.limit as f64))
                .with("scope", Value::text("cgroup")),
            None => sample,
        }))
    }
}

/// What is shown of a machine or a group, in bytes; `available` is at most `total`.
#[derive(Debug, PartialEq)]
struct Picture {
    total: u64,
    available: u64,
    stack: Stack,
}

/// Disjoint parts of a total, in bytes.
#[derive(Debug, PartialEq)]
struct Stack {
    kernel: u64,
    anonymous: u64,
    shared: u64,
    cache: u64,
    free: u64,
}

impl Picture {
    fn of_host(total: u64, meminfo: &Meminfo) -> Picture {
        let or_none = |value: Option<u64>| value.unwrap_or(0);
        let mut rest = total;
        // Each part takes what it says and at most what is left.
        let mut take = |bytes: u64| {
            let taken = bytes.min(rest);
            rest -= taken;
            taken
        };
        let free = take(or_none(meminfo.free));
        let shmem = or_none(meminfo.shmem);
        let shared = take(shmem);
        let pages = or_none(meminfo.cached).saturating_sub(shmem);
        let cache = take(
            pages
                .saturating_add(or_none(meminfo.buffers))
                .saturating_add(or_none(meminfo.reclaimable)),
        );
        let (kernel, anonymous) = match meminfo.anonymous {
            // Huge pages are set aside for programs, though not counted as theirs.
            Some(bytes) => {
                let anonymous = take(bytes.saturating_add(or_none(meminfo.hugetlb)));
                (rest, anonymous)
            }
            None => {
                let known = [meminfo.unreclaimable, meminfo.kernel_stack, meminfo.page_tables];
                let known = known.into_iter().flatten().fold(0u64, u64::saturating_add);
                let kernel = take(known);
                (kernel, rest)
            }
        };
        // More available than there is means that somebody mixed two machines' numbers.
        let available =
            meminfo.available.filter(|available| *available <= total).unwrap_or(free + cache);
        Picture { total, available, stack: Stack { kernel, anonymous, shared, cache, free } }
    }

    fn of_group(group: &CgroupMemory) -> Picture {
        let total = group.limit;
        let charged = group.current.min(total);
        let mut rest = charged;
        let mut take = |bytes: u64| {
            let taken = bytes.min(rest);
            rest -= taken;
            taken
        };
        let anonymous = take(group.anonymous);
        let shared = take(group.shared);
        let cache = take(group.file.saturating_sub(group.shared));
        let kernel = rest;
        // What the kernel would drop first is as good as free, as docker counts it.
        let used = charged - group.inactive_file.min(charged);
        let free = total - charged;
        Picture {
            total,
            available: total - used,
            stack: Stack { kernel, anonymous, shared, cache, free },
        }
    }
}

impl Stack {
    fn value(&self, total: u64) -> Value {
        let part = |name: &'static str, bytes: u64| Part { name: name.into(), value: bytes as f64 };
        Value::Parts {
            parts: vec![
                part("kernel", self.kernel),
                part("anonymous", self.anonymous),
                part("shared", self.shared),
                part("cache", self.cache),
                part("free", self.free),
            ],
            whole: total as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host::fixture;
    use proptest::prelude::*;

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
        let host = sample_with("limit = 'host'", "container");
        assert_eq!(bytes(&host, "total"), Some(4_000_000 * KB));
        assert_eq!(bytes(&host, "used"), Some(200_000 * KB));
        let expected = [0, 0, 200_000, 1_800_000, 2_000_000].map(|kb| kb * KB);
        assert_eq!(parts(&host), (expected.to_vec(), 4_000_000 * KB));
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
        let sample = source.sample(&Host::real(), &Ask::default());
        let (parts, whole) = parts(&sample.expect("readable").expect("something to show"));
        assert_eq!(parts.iter().sum::<u64>(), whole);
    }

    /// Small, large, absurd or missing: all that a line may say.
    fn line() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![
            Just(None),
            (0..8u64).prop_map(Some),
            (0..64 * 1024 * MB).prop_map(Some),
            any::<u64>().prop_map(Some),
        ]
    }

    fn check(picture: &Picture, total: u64) {
        let Stack { kernel, anonymous, shared, cache, free } = picture.stack;
        let sum =
            [kernel, anonymous, shared, cache, free].into_iter().map(u128::from).sum::<u128>();
        assert_eq!(sum, u128::from(total), "{picture:?}");
        assert!(picture.available <= total, "{picture:?}");
    }

    proptest! {
        #[test]
        fn any_host_adds_up(lines in proptest::array::uniform11(line()), total in 1..u64::MAX) {
            let [free, available, buffers, cached, shmem, reclaimable, unreclaimable, kernel_stack,
                page_tables, anonymous, hugetlb] = lines;
            let meminfo = Meminfo { total: Some(total), free, available, buffers, cached, shmem,
                reclaimable, unreclaimable, kernel_stack, page_tables, anonymous, hugetlb, ..Meminfo::default() };
            check(&Picture::of_host(total, &meminfo), total);
        }

        #[test]
        fn any_group_adds_up(lines in proptest::array::uniform5(line()), limit in 1..u64::MAX) {
            let [current, anonymous, file, shared, inactive_file] =
                lines.map(|line| line.unwrap_or(0));
            let group = CgroupMemory { limit, current, anonymous, file, shared, inactive_file };
            check(&Picture::of_group(&group), limit);
        }
    }
}

//! How busy the graphics cards are, in percent, their memory in bytes, temperature and power; from
//! sysfs, and for NVIDIA's cards from `nvidia-smi`.
//!
//! - A card that sleeps is not asked anything: that would wake it and cost the battery watts. Its
//!   `power/runtime_status` can be read without waking it.
//! - Of several cards that are awake, the one with the most memory is shown, among equals the
//!   busiest; another may be chosen.
//! - Reading a card may wait for its firmware, so it runs in a worker.
//! - Starting NVIDIA's command costs more than keeping it: where there are such cards it keeps
//!   running, and each of its answers is a reading of all cards.

mod amd;
mod intel;
mod nvidia;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::contract::{
    Ask, Emit, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::saved_state;
use crate::base::value::{Level, Part, Sample, Value};
use crate::machine::{Machine, Scan};

options! {
    /// The card: `amd`, `intel`, `nvidia`, or a name such as `card1`; empty: the one with the most
    /// memory.
    card: String = "",
    /// Usage in percent from which the level is `warning`.
    warning: f64 = 80.0,
    /// Usage in percent from which the level is `critical`.
    critical: f64 = 95.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "gpu",
    about: "How busy the graphics cards are, their memory, temperature and power.",
    icons: Icons { nerd: "\u{f08ae}", unicode: "gpu", ascii: "gpu" },
    format: " ($icon ){$usage.pct(w:3) $history.spark(w:8)|$clock.eng(w:3,unit:Hz,base:1000)|$name} ",
    fields: &[
        Field::new("usage", "share of time in which the card worked", Unit::Percent),
        Field::new("memory", "used memory of the card", Unit::Bytes),
        Field::new("memory_total", "total memory of the card", Unit::Bytes),
        Field::new("memory_usage", "used memory of the total", Unit::Percent),
        Field::new("temperature", "temperature of the card", Unit::Celsius),
        Field::new("power", "power that the card draws", Unit::Watts),
        Field::new("clock", "clock of its engines in Hz, of the highest", Unit::Count),
        Field::new("name", "name of the card, or of its maker", Unit::Text),
        Field::new("state", "`asleep` while it sleeps", Unit::Text),
        Field::new("count", "number of cards", Unit::Count),
        Field::new("cards", "usage of each card", Unit::Parts),
        Field::new("history", "history of the usage", Unit::History("usage")),
        Field::new(
            "memory_usage_history",
            "history of `memory_usage`",
            Unit::History("memory_usage"),
        ),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(2)),
    priority: 45,
    open,
};

const CARDS: &str = "/sys/class/drm";

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Gpu {
        options: Options::read(table)?,
        devices: Scan::default(),
        idle: intel::IdleTimes::default(),
        level: Level::Idle,
    }))
}

struct Gpu {
    options: Options,
    devices: Scan<Vec<Device>>,
    idle: intel::IdleTimes,
    level: Level,
}

/// A card in sysfs.
#[derive(Clone, Debug)]
struct Device {
    /// `card0`.
    name: String,
    dir: PathBuf,
    driver: String,
}

/// The values of a card; what it does not report is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
struct Card {
    /// `card0`; NVIDIA's have their own numbers.
    id: String,
    maker: &'static str,
    name: String,
    asleep: bool,
    /// Percent.
    usage: Option<f64>,
    /// Bytes: used, and total.
    memory: Option<(f64, f64)>,
    /// °C.
    temperature: Option<f64>,
    /// W.
    power: Option<f64>,
    /// Hz: now, and at most.
    clock: Option<(f64, Option<f64>)>,
}

impl Card {
    fn is(&self, wanted: &str) -> bool {
        self.id == wanted || self.maker == wanted || self.name == wanted
    }
}

impl Source for Gpu {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let nvidia = match nvidia::cards(machine) {
            nvidia::Cards::None => Ok(Vec::new()),
            nvidia::Cards::Asleep(cards) => Ok(cards),
            nvidia::Cards::Awake => nvidia::ask(machine),
        };
        match nvidia {
            Ok(nvidia) => Ok(self.show(machine, nvidia)),
            // The other cards are shown without them.
            Err(why) => self.show(machine, Vec::new()).map(Some).ok_or(why),
        }
    }

    fn prefers_follow(&self, machine: &Machine) -> bool {
        !matches!(nvidia::cards(machine), nvidia::Cards::None)
            && machine.has_program(nvidia::PROGRAM)
    }

    fn follow(
        &mut self,
        machine: &Machine,
        _: &Ask,
        every: Duration,
        emit: &mut Emit,
    ) -> Result<(), Error> {
        nvidia::follow(machine, every, &mut |nvidia| emit(Ok(self.show(machine, nvidia))))
    }

    /// The level, and how long each card had slept.
    fn save(&self) -> Option<String> {
        saved_state::save(2, (self.level, &self.idle))
    }

    fn restore(&mut self, saved: &str) {
        if let Some((level, idle)) = saved_state::restore(2, saved) {
            (self.level, self.idle) = (level, idle);
        }
    }
}

impl Gpu {
    /// A sample of all cards, including NVIDIA's.
    fn show(&mut self, machine: &Machine, nvidia: Vec<Card>) -> Option<Sample> {
        let devices = self.devices.get(machine, find);
        let mut cards = Vec::new();
        for device in devices.iter() {
            let maker = match &*device.driver {
                "amdgpu" => "amd",
                "i915" | "xe" => "intel",
                _ => continue,
            };
            let asleep = sleeps(machine, &device.dir.join("device"));
            let card = Card {
                id: device.name.clone(),
                maker,
                name: maker.into(),
                asleep,
                ..Card::default()
            };
            cards.push(match maker {
                _ if asleep => Card { usage: Some(0.0), ..card },
                "amd" => amd::read(machine, device, card),
                _ => self.idle.read(machine, device, card),
            });
        }
        cards.extend(nvidia);
        let wanted = &*self.options.card;
        let memory = |card: &Card| card.memory.map_or(0.0, |(_, total)| total);
        let rank = |card: &&Card| (!card.asleep, memory(card), card.usage);
        let chosen = cards.iter().filter(|card| wanted.is_empty() || card.is(wanted));
        let chosen = chosen
            .rev()
            .max_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
        let card = chosen?;
        let mut sample = Sample::new(Level::Idle);
        if let Some(usage) = card.usage {
            self.level = self.level.settle(usage, self.options.warning, self.options.critical);
            sample.level = self.level;
            sample = sample.with("usage", Value::percent(usage));
        }
        if let Some((used, total)) = card.memory {
            sample = sample
                .with("memory", Value::of(used, total))
                .with("memory_total", Value::number(total))
                .with("memory_usage", Value::percent(100.0 * used / total));
        }
        sample = sample
            .with_some("temperature", card.temperature.map(|degrees| Value::of(degrees, 100.0)))
            .with_some("power", card.power.map(Value::number));
        if let Some((clock, most)) = card.clock {
            sample = sample.with("clock", Value::of(clock, most.unwrap_or(0.0)));
        }
        sample = sample
            .with("name", Value::text(&*card.name))
            .with_some("state", card.asleep.then(|| Value::text("asleep")));
        let part = |card: &Card| Some(Part { name: card.id.clone().into(), value: card.usage? });
        let parts: Vec<Part> = cards.iter().filter_map(part).collect();
        if !parts.is_empty() {
            sample = sample.with("cards", Value::percentages(parts));
        }
        Some(sample.with("count", Value::number(cards.len() as f64)))
    }
}

/// Whether a device sleeps.
fn sleeps(machine: &Machine, device: &Path) -> bool {
    machine.word(device.join("power/runtime_status")).as_deref() == Some("suspended")
}

fn find(machine: &Machine) -> Vec<Device> {
    let cards = machine.numbered(CARDS, "card").into_iter();
    let device = |(number, dir): (u32, PathBuf)| {
        let uevent = machine.read(dir.join("device/uevent")).ok()?;
        let uevent = String::from_utf8_lossy(&uevent);
        let driver = uevent.lines().find_map(|line| line.strip_prefix("DRIVER="))?.to_owned();
        Some(Device { name: format!("card{number}"), dir, driver })
    };
    cards.filter_map(device).collect()
}

/// A usage in percent, if it is one.
fn percent(value: i64) -> Option<f64> {
    (0..=100).contains(&value).then_some(value as f64)
}

/// Used and total memory, if they make sense.
fn memory(used: Option<f64>, total: Option<f64>) -> Option<(f64, f64)> {
    let total = total.filter(|total| *total > 0.0)?;
    Some((used.filter(|used| *used >= 0.0)?.min(total), total))
}

/// A temperature or power, if it is plausible.
fn sane(value: Option<f64>) -> Option<f64> {
    value.filter(|value| (0.0..2000.0).contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_card_with_the_most_memory_is_shown() {
        let sample = sample_with(&SEGMENT, "", &fixture("laptop")).expect("cards");
        let fields = ["usage", "memory", "memory_usage", "temperature", "power", "clock", "count"];
        let expected = [37.0, 1073741824.0, 25.0, 66.0, 21.5, 1.45e9, 2.0].map(Some);
        assert_eq!(fields.map(|field| number(&sample, field)), expected);
        assert_eq!(sample.get("name"), Some(&Value::text("amd")));
    }

    #[test]
    fn another_card_can_be_chosen() {
        let sample = sample_with(&SEGMENT, "card = 'intel'", &fixture("laptop")).expect("a card");
        assert_eq!([number(&sample, "clock"), number(&sample, "usage")], [Some(3e8), None]);
        assert_eq!(sample_with(&SEGMENT, "card = 'card7'", &fixture("laptop")), None);
    }

    #[test]
    fn a_server_asks_for_its_cards_by_a_command() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("cards");
        let fields = ["usage", "memory", "temperature", "power", "count"];
        let mib = 1024.0 * 1024.0;
        let expected = [98.0, 40_000.0 * mib, 71.0, 389.25, 2.0].map(Some);
        assert_eq!(fields.map(|field| number(&sample, field)), expected);
        assert_eq!(sample.get("name"), Some(&Value::text("NVIDIA A100-SXM4-80GB")));
        assert_eq!(sample.level, Level::Critical);
        let Some(Value::Parts { parts, .. }) = sample.get("cards") else { panic!("no cards") };
        assert_eq!(parts.iter().map(|part| part.value).collect::<Vec<_>>(), [0.0, 98.0]);
        let idle = sample_with(&SEGMENT, "card = '0'", &fixture("server")).expect("cards");
        assert_eq!((number(&idle, "usage"), idle.level), (Some(0.0), Level::Idle));
    }

    /// What a followed source emits on this machine, until it has emitted `most` readings.
    fn followed(machine: &Machine, most: usize) -> (Vec<Option<Sample>>, Result<(), Error>) {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        assert!(source.prefers_follow(machine));
        let mut emitted = Vec::new();
        let done =
            source.follow(machine, &Ask::default(), Duration::from_secs(2), &mut |sampled| {
                emitted.push(sampled.expect("no error"));
                emitted.len() < most
            });
        (emitted, done)
    }

    #[test]
    fn a_followed_command_gives_readings_of_all_cards() {
        let device = "sys/class/drm/card0/device";
        let (_dir, machine) = machine_with(&[
            ("proc/driver/nvidia/gpus/0000:01:00.0/information", ""),
            ("commands/nvidia-smi", "0, GeForce, 40, 1024, 8192, 60, 100, 900, 1900\n"),
            (&format!("{device}/uevent"), "DRIVER=amdgpu\n"),
            (&format!("{device}/gpu_busy_percent"), "12\n"),
        ]);
        let (emitted, done) = followed(&machine, 1);
        let sample = emitted[0].as_ref().expect("cards");
        assert_eq!([number(sample, "usage"), number(sample, "count")], [Some(40.0), Some(2.0)]);
        assert!(done.is_ok());
        let named = |program: &str| machine_with(&[(&format!("commands/{program}"), "")]);
        for (dir, machine) in
            [named("nvidia-smi"), machine_with(&[(&format!("{device}/uevent"), "")])]
        {
            let source = open(&toml::Table::new()).expect("defaults are fine");
            assert!(!source.prefers_follow(&machine), "{}", dir.path().display());
        }
    }

    #[test]
    fn a_sleeping_card_is_not_woken_by_a_followed_command() {
        let (_dir, machine) = machine_with(&[
            ("proc/driver/nvidia/gpus/0000:01:00.0/information", ""),
            ("sys/bus/pci/devices/0000:01:00.0/power/runtime_status", "suspended\n"),
            ("commands/nvidia-smi", "0, GeForce, 40, 1024, 8192, 60, 100, 900, 1900\n"),
        ]);
        let (emitted, done) = followed(&machine, 2);
        assert_eq!(emitted.len(), 1, "then it waits until the card wakes");
        let sample = emitted[0].as_ref().expect("a card");
        assert_eq!(sample.get("state"), Some(&Value::text("asleep")));
        assert!(done.is_ok());
    }

    #[test]
    fn cards_without_their_command_are_an_error_but_others_are_shown() {
        let card = ("proc/driver/nvidia/gpus/0000:01:00.0/information", "");
        let (_dir, machine) = machine_with(&[card]);
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        assert!(!source.prefers_follow(&machine));
        let why = source.sample(&machine, &Ask::default()).expect_err("no command").to_string();
        assert_eq!(why, "nvidia-smi: not found; it comes with NVIDIA's driver");
        let other = ("sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\n");
        let (_dir, machine) = machine_with(&[card, other]);
        let sample = sample_with(&SEGMENT, "", &machine).expect("the other card");
        assert_eq!(sample.get("name"), Some(&Value::text("amd")));
    }

    #[test]
    fn sleep_times_are_saved_for_the_next_worker() {
        let file = "sys/class/drm/card0/gt/gt0/rc6_residency_ms";
        let (_dir, machine) = machine_with(&[
            ("proc/uptime", "100.00 1\n"),
            ("proc/uptime@3", "104.00 1\n"),
            ("sys/class/drm/card0/device/uevent", "DRIVER=i915\n"),
            (file, "50000\n"),
            (&format!("{file}@2"), "53000\n"),
        ]);
        let mut first = open(&toml::Table::new()).expect("defaults are fine");
        first.sample(&machine, &Ask::default()).expect("no error");
        let mut next = open(&toml::Table::new()).expect("defaults are fine");
        next.restore("nonsense");
        next.restore(&first.save().expect("a past"));
        let sample = next.sample(&machine, &Ask::default()).expect("no error").expect("a card");
        assert_eq!(number(&sample, "usage"), Some(25.0));
    }

    #[test]
    fn a_sleeping_card_is_not_woken() {
        let sample = sample_with(&SEGMENT, "", &fixture("two-batteries")).expect("a card");
        assert_eq!(sample.get("state"), Some(&Value::text("asleep")));
        assert_eq!([number(&sample, "usage"), number(&sample, "temperature")], [Some(0.0), None]);
    }

    #[test]
    fn missing_and_malformed_files_give_no_numbers() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("empty")), None);
        let sample = sample_with(&SEGMENT, "", &fixture("broken")).expect("a card");
        for field in ["usage", "memory", "temperature", "power", "clock"] {
            assert_eq!(number(&sample, field), None, "{field}");
        }
    }
}

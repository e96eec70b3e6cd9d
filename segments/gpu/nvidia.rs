//! NVIDIA's cards, from NVIDIA's own command: the driver has no files for it, and its library
//! cannot be loaded into a static program.
//!
//! The command is started once and repeats (`-l SECONDS`). While it runs no card can fall asleep.
//! So it is not started while all cards sleep; and where they may sleep (`power/control` is `auto`)
//! it is stopped after a minute without work, so that a card can.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Card, memory, sane, sleeps};
use crate::base::contract::Error;
use crate::machine::{Call, DirEntry, Machine, Surroundings};

pub(super) const PROGRAM: &str = "nvidia-smi";
/// Less than the engine's own timeout, so that the command's error message is received.
const LIMIT: Duration = Duration::from_millis(1800);
/// It has a directory for each card, named by its address on the bus.
const DEVICES: &str = "/proc/driver/nvidia/gpus";
const QUERY: &str = "--query-gpu=index,name,utilization.gpu,memory.used,memory.total,\
    temperature.gpu,power.draw,clocks.gr,clocks.max.gr";
const FORMAT: &str = "--format=csv,noheader,nounits";
/// The most cards of one answer.
const MAX_CARDS: usize = 64;
/// After this many readings without work the command is stopped: a minute, at one every two
/// seconds.
const IDLE_READINGS: u32 = 30;
/// The longest pause in which cards may fall asleep.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A card without a row for this many readings is gone; a command without output for this long has
/// failed.
const MISSING_READINGS: u32 = 10;

/// NVIDIA's cards, as far as they can be seen without waking any.
pub(super) enum Cards {
    None,
    /// All of them.
    Asleep(Vec<Card>),
    Awake,
}

pub(super) fn cards(machine: &Machine) -> Cards {
    let known = machine.list(DEVICES).unwrap_or_default();
    if known.is_empty() {
        return Cards::None;
    }
    if !known.iter().all(|entry| sleeps(machine, &device(entry))) {
        return Cards::Awake;
    }
    let card = |index: usize| Card {
        id: index.to_string(),
        maker: "nvidia",
        name: "nvidia".into(),
        asleep: true,
        usage: Some(0.0),
        ..Card::default()
    };
    Cards::Asleep((0..known.len()).map(card).collect())
}

fn device(entry: &DirEntry) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(&entry.name)
}

/// Whether a card would fall asleep without the command.
fn may_sleep(machine: &Machine) -> bool {
    let known = machine.list(DEVICES).unwrap_or_default();
    let auto = |entry: &DirEntry| machine.word(device(entry).join("power/control"));
    known.iter().any(|entry| auto(entry).as_deref() == Some("auto"))
}

/// The cards, from one run of the command.
pub(super) fn ask(machine: &Machine) -> Result<Vec<Card>, Error> {
    let printed = machine.run(&[PROGRAM, QUERY, FORMAT], LIMIT)?;
    let missing = || Error::Other(format!("{PROGRAM}: not found; it comes with NVIDIA's driver"));
    let printed = printed.ok_or_else(missing)?;
    Ok(String::from_utf8_lossy(&printed).lines().filter_map(card).collect())
}

/// Emits the cards each time the command prints them, which is after each `every`, until `emit`
/// returns `false`. While they sleep, that is emitted instead.
pub(super) fn follow(
    machine: &Machine,
    every: Duration,
    emit: &mut dyn FnMut(Vec<Card>) -> bool,
) -> Result<(), Error> {
    loop {
        match cards(machine) {
            // Without the driver the command does not work either.
            Cards::None => return Err(Error::Other("NVIDIA's driver was removed".into())),
            Cards::Asleep(cards) => {
                if !(emit(cards) && machine.pause(Some(every))) {
                    return Ok(());
                }
            }
            Cards::Awake => {
                if follow_command(machine, every, emit)? == After::Done {
                    return Ok(());
                }
                // Long enough to fall asleep, but not so long that the last values count as old.
                if !machine.pause(Some((every * 5 / 2).min(MAX_PAUSE))) {
                    return Ok(());
                }
            }
        }
    }
}

#[derive(PartialEq)]
enum After {
    /// No card works: pause, so that they can fall asleep.
    Pause,
    /// No more readings are wanted.
    Done,
}

/// Runs the command and emits what it prints.
fn follow_command(
    machine: &Machine,
    every: Duration,
    emit: &mut dyn FnMut(Vec<Card>) -> bool,
) -> Result<After, Error> {
    // It takes whole seconds.
    let seconds = every.as_secs_f64().round().clamp(1.0, 3600.0);
    let every = every.max(Duration::from_secs(1));
    let seconds = format!("{seconds}");
    let words = [PROGRAM, QUERY, FORMAT, "-l", &seconds];
    let call = Call { words: &words, surroundings: Surroundings::Source, env: &[] };
    let mut table = Table::default();
    let (mut idle, mut last_output, mut after) = (0, machine.uptime(), After::Done);
    let mut silent = false;
    machine.follow(&call, Some(every), &mut |lines| {
        let now = machine.uptime();
        if !table.read(&String::from_utf8_lossy(lines), now, every * MISSING_READINGS) {
            silent = now.saturating_sub(last_output) > every * MISSING_READINGS;
            return !silent;
        }
        last_output = now;
        let cards = table.cards();
        let works = cards.iter().any(|card| card.usage != Some(0.0));
        idle = if works { 0 } else { idle + 1 };
        if !emit(cards) {
            return false;
        }
        if idle >= IDLE_READINGS && may_sleep(machine) {
            after = After::Pause;
        }
        after == After::Done
    })?;
    match (silent, after, table.message) {
        (true, ..) => Err(Error::Other(format!("{PROGRAM}: no more output"))),
        // It prints why it fails, but may exit with 0.
        (_, After::Done, Some(why)) => Err(Error::Other(format!("{PROGRAM}: {why}"))),
        (_, after, _) => Ok(after),
    }
}

/// The cards by number, and when the row of each was read.
#[derive(Default)]
struct Table {
    rows: Vec<(Duration, Card)>,
    /// The last output that was not a card.
    message: Option<String>,
}

impl Table {
    /// Reads rows, and returns whether something changed. The rows of one answer may arrive in
    /// parts.
    fn read(&mut self, text: &str, now: Duration, max_age: Duration) -> bool {
        let before = self.rows.len();
        let mut any = false;
        for line in text.lines() {
            let Some(card) = card(line) else {
                if !line.trim().is_empty() {
                    self.message = Some(line.trim().chars().take(200).collect());
                }
                continue;
            };
            (any, self.message) = (true, None);
            match self.rows.iter().position(|(_, known)| known.id == card.id) {
                Some(row) => self.rows[row] = (now, card),
                None if self.rows.len() < MAX_CARDS => self.rows.push((now, card)),
                None => {}
            }
        }
        self.rows.retain(|(at, _)| now.saturating_sub(*at) <= max_age);
        any || self.rows.len() != before
    }

    fn cards(&self) -> Vec<Card> {
        self.rows.iter().map(|(_, card)| card.clone()).collect()
    }
}

/// Parses a row; what a card does not support is `[N/A]`.
fn card(row: &str) -> Option<Card> {
    let mut columns = row.split(',').map(str::trim);
    let id =
        columns.next().filter(|id| id.bytes().all(|b| b.is_ascii_digit()) && !id.is_empty())?;
    let name = columns.next()?.to_owned();
    let mut number = || columns.next()?.parse::<f64>().ok().filter(|number| number.is_finite());
    let usage = number().filter(|usage| (0.0..=100.0).contains(usage));
    let mebibytes = [number(), number()].map(|mib| mib.map(|mib| mib * 1024.0 * 1024.0));
    let (temperature, power) = (sane(number()), sane(number()));
    let clock = number().filter(|mhz| *mhz > 0.0).map(|mhz| mhz * 1e6);
    let most = number().filter(|mhz| *mhz > 0.0).map(|mhz| mhz * 1e6);
    Some(Card {
        id: id.to_owned(),
        maker: "nvidia",
        name,
        asleep: false,
        usage,
        memory: memory(mebibytes[0], mebibytes[1]),
        temperature,
        power,
        clock: clock.map(|hz| (hz, most)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_does_not_support_is_unknown() {
        let card = card("0, NVIDIA GeForce MX150, [N/A], 5, 2048, 41, [Not Supported], 139, 1911");
        let card = card.expect("a card");
        assert_eq!((card.usage, card.power, card.temperature), (None, None, Some(41.0)));
        assert_eq!(card.clock, Some((139e6, Some(1911e6))));
    }

    #[test]
    fn rows_arrive_in_parts_and_expire() {
        let row = |id: u32, usage: u32| format!("{id}, x, {usage}, 1, 2, 3, 4, 5, 6\n");
        let second = Duration::from_secs;
        let mut table = Table::default();
        let usages = |table: &Table| {
            table.cards().iter().map(|card| card.usage.unwrap_or(-1.0) as u32).collect::<Vec<_>>()
        };
        assert!(table.read(&row(0, 1), second(1), second(20)));
        assert!(table.read(&row(1, 2), second(1), second(20)));
        assert_eq!(usages(&table), [1, 2]);
        assert!(table.read(&(row(0, 3) + &row(0, 4)), second(20), second(20)));
        assert_eq!(usages(&table), [4, 2]);
        assert!(!table.read("", second(21), second(20)), "nothing is nothing new");
        assert!(table.read(&row(0, 5), second(22), second(20)));
        assert_eq!(usages(&table), [5]);
        let flood: String = (0..1_000).map(|id| row(id, 7)).collect();
        table.read(&flood, second(23), second(20));
        assert_eq!(table.rows.len(), MAX_CARDS);
    }

    #[test]
    fn an_error_message_is_kept_until_a_row_comes() {
        let mut table = Table::default();
        assert!(!table.read("No devices were found\n", Duration::ZERO, Duration::MAX));
        assert_eq!(table.message.as_deref(), Some("No devices were found"));
        assert!(table.read("0, x, 1, 2, 3, 4, 5, 6, 7\n", Duration::ZERO, Duration::MAX));
        assert_eq!(table.message, None);
    }

    #[test]
    fn an_error_message_is_not_a_card() {
        for row in ["", "No devices were found", "NVIDIA-SMI has failed, because", ", ,", "x, y, 1"]
        {
            assert_eq!(card(row), None, "{row:?}");
        }
        let card = card("0, x, nan, -1, 0, 99999, inf, -5").expect("a card without numbers");
        assert_eq!(
            card,
            Card { id: "0".into(), maker: "nvidia", name: "x".into(), ..Card::default() }
        );
    }
}

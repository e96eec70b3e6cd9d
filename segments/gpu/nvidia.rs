//! NVIDIA's cards, by NVIDIA's own command: its driver has no files, and its library cannot be
//! loaded into a static program.
//!
//! The command is started once and asked to go on (`-l SECONDS`). While it goes on no card can fall
//! asleep. So it is not started while all of them sleep, and where they may (`power/control` says
//! `auto`) it is let go after a calm while: a card that then falls asleep is left alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Card, memory, sane, sleeps};
use crate::base::contract::Error;
use crate::machine::{Call, Entry, Machine, Surroundings};

pub(super) const PROGRAM: &str = "nvidia-smi";
/// Less than the engine's own patience, so that the command's complaint is heard.
const LIMIT: Duration = Duration::from_millis(1800);
/// A directory for each card, by its address on the bus.
const DEVICES: &str = "/proc/driver/nvidia/gpus";
const QUERY: &str = "--query-gpu=index,name,utilization.gpu,memory.used,memory.total,\
    temperature.gpu,power.draw,clocks.gr,clocks.max.gr";
const FORMAT: &str = "--format=csv,noheader,nounits";
/// The most cards that are kept of an endless answer.
const MOST: usize = 64;
/// So many readings without any work are a calm while, at a reading in two seconds a minute.
const CALM: u32 = 30;
/// The longest that cards are left alone to fall asleep.
const MOST_REST: Duration = Duration::from_secs(30);
/// A card whose row did not come for so many readings is gone, and so is a command that said
/// nothing.
const SILENT: u32 = 10;

/// What the machine says of NVIDIA's cards without waking any.
pub(super) enum Cards {
    None,
    /// All of them.
    Asleep(Vec<Card>),
    Awake,
}

pub(super) fn look(machine: &Machine) -> Cards {
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

fn device(entry: &Entry) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(&entry.name)
}

/// Whether some card would fall asleep if it were left alone.
fn may_sleep(machine: &Machine) -> bool {
    let known = machine.list(DEVICES).unwrap_or_default();
    let auto = |entry: &Entry| machine.word(device(entry).join("power/control"));
    known.iter().any(|entry| auto(entry).as_deref() == Some("auto"))
}

/// The cards as the command tells them once.
pub(super) fn ask(machine: &Machine) -> Result<Vec<Card>, Error> {
    let printed = machine.run(&[PROGRAM, QUERY, FORMAT], LIMIT)?;
    let missing = || Error::Other(format!("{PROGRAM}: not found; it comes with NVIDIA's driver"));
    let printed = printed.ok_or_else(missing)?;
    Ok(String::from_utf8_lossy(&printed).lines().filter_map(card).collect())
}

/// Hands over the cards whenever the command tells of them, which it does `every` so often, until
/// `heard` says `false`. While they sleep that is said instead.
pub(super) fn follow(
    machine: &Machine,
    every: Duration,
    heard: &mut dyn FnMut(Vec<Card>) -> bool,
) -> Result<(), Error> {
    loop {
        match look(machine) {
            // Without a driver no command answers either.
            Cards::None => return Err(Error::Other("NVIDIA's driver is gone".into())),
            Cards::Asleep(cards) => {
                if !(heard(cards) && machine.pause(Some(every))) {
                    return Ok(());
                }
            }
            Cards::Awake => {
                if attend(machine, every, heard)? == After::Over {
                    return Ok(());
                }
                // Long enough to fall asleep; what was told last is not old by then.
                if !machine.pause(Some((every * 5 / 2).min(MOST_REST))) {
                    return Ok(());
                }
            }
        }
    }
}

#[derive(PartialEq)]
enum After {
    /// All is calm: the cards are to be left alone for a while.
    Rest,
    /// Nobody wants more.
    Over,
}

/// Stays with the command.
fn attend(
    machine: &Machine,
    every: Duration,
    heard: &mut dyn FnMut(Vec<Card>) -> bool,
) -> Result<After, Error> {
    // It counts in whole seconds.
    let seconds = every.as_secs_f64().round().clamp(1.0, 3600.0);
    let every = every.max(Duration::from_secs(1));
    let seconds = format!("{seconds}");
    let words = [PROGRAM, QUERY, FORMAT, "-l", &seconds];
    let task = Call { words: &words, surroundings: Surroundings::Source, env: &[] };
    let mut table = Table::default();
    let (mut calm, mut spoke, mut after) = (0, machine.uptime(), After::Over);
    let mut silent = false;
    machine.follow(&task, Some(every), &mut |lines| {
        let now = machine.uptime();
        if !table.read(&String::from_utf8_lossy(lines), now, every * SILENT) {
            silent = now.saturating_sub(spoke) > every * SILENT;
            return !silent;
        }
        spoke = now;
        let cards = table.cards();
        let works = cards.iter().any(|card| card.usage != Some(0.0));
        calm = if works { 0 } else { calm + 1 };
        if !heard(cards) {
            return false;
        }
        if calm >= CALM && may_sleep(machine) {
            after = After::Rest;
        }
        after == After::Over
    })?;
    match (silent, after, table.said) {
        (true, ..) => Err(Error::Other(format!("{PROGRAM}: it says nothing any more"))),
        // It prints why it fails, and may end well all the same.
        (_, After::Over, Some(why)) => Err(Error::Other(format!("{PROGRAM}: {why}"))),
        (_, after, _) => Ok(after),
    }
}

/// The cards by their number, and when each was told of.
#[derive(Default)]
struct Table {
    rows: Vec<(Duration, Card)>,
    /// What it said that was no card.
    said: Option<String>,
}

impl Table {
    /// Takes rows; whether there was one. Rows of one answer may come in pieces.
    fn read(&mut self, text: &str, now: Duration, lasts: Duration) -> bool {
        let before = self.rows.len();
        let mut any = false;
        for line in text.lines() {
            let Some(card) = card(line) else {
                if !line.trim().is_empty() {
                    self.said = Some(line.trim().chars().take(200).collect());
                }
                continue;
            };
            (any, self.said) = (true, None);
            match self.rows.iter().position(|(_, known)| known.id == card.id) {
                Some(row) => self.rows[row] = (now, card),
                None if self.rows.len() < MOST => self.rows.push((now, card)),
                None => {}
            }
        }
        self.rows.retain(|(at, _)| now.saturating_sub(*at) <= lasts);
        any || self.rows.len() != before
    }

    fn cards(&self) -> Vec<Card> {
        self.rows.iter().map(|(_, card)| card.clone()).collect()
    }
}

/// Reads a row; what a card does not support is `[N/A]`.
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
    fn rows_come_in_pieces_and_go_when_they_do_not_come_any_more() {
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
        assert_eq!(table.rows.len(), MOST);
    }

    #[test]
    fn a_complaint_is_the_reason_until_a_card_is_told_of() {
        let mut table = Table::default();
        assert!(!table.read("No devices were found\n", Duration::ZERO, Duration::MAX));
        assert_eq!(table.said.as_deref(), Some("No devices were found"));
        assert!(table.read("0, x, 1, 2, 3, 4, 5, 6, 7\n", Duration::ZERO, Duration::MAX));
        assert_eq!(table.said, None);
    }

    #[test]
    fn a_complaint_is_no_card() {
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

//! NVIDIA's cards, by NVIDIA's own command: its driver has no files, and its library cannot be
//! loaded into a static program.

use std::path::Path;
use std::time::Duration;

use super::{Card, memory, sane, sleeps};
use crate::base::contract::Error;
use crate::base::host::{Entry, Host};

/// A start of the command costs some tens of milliseconds.
const EVERY: Duration = Duration::from_secs(5);
/// Less than the engine's own patience, so that the command's complaint is heard.
const LIMIT: Duration = Duration::from_millis(1800);
/// A directory for each card, by its address on the bus.
const DEVICES: &str = "/proc/driver/nvidia/gpus";
const COMMAND: [&str; 3] = [
    "nvidia-smi",
    "--query-gpu=index,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw,clocks.gr,clocks.max.gr",
    "--format=csv,noheader,nounits",
];

/// The last answer, and when it came.
#[derive(Default)]
pub(super) struct Query(Option<(Duration, Vec<Card>)>);

impl Query {
    /// The cards as the command tells them; none if it is not there. While all of them sleep it is
    /// not asked: it would wake them.
    pub(super) fn cards(&mut self, host: &Host) -> Result<Vec<Card>, Error> {
        let known = host.list(DEVICES).unwrap_or_default();
        let asleep =
            |entry: &Entry| sleeps(host, &Path::new("/sys/bus/pci/devices").join(&entry.name));
        if known.iter().all(asleep) {
            let card = |(index, _): (usize, &Entry)| Card {
                id: index.to_string(),
                maker: "nvidia",
                name: "nvidia".into(),
                asleep: true,
                usage: Some(0.0),
                ..Card::default()
            };
            return Ok(known.iter().enumerate().map(card).collect());
        }
        let now = host.uptime();
        if let Some((at, cards)) = &self.0
            && now.saturating_sub(*at) < EVERY
        {
            return Ok(cards.clone());
        }
        let printed = host.run(&COMMAND, LIMIT)?.unwrap_or_default();
        let cards: Vec<Card> = String::from_utf8_lossy(&printed).lines().filter_map(card).collect();
        self.0 = Some((now, cards.clone()));
        Ok(cards)
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

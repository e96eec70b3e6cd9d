//! How full the batteries are, all of this machine's as one, and how long they last. Read from the
//! kernel's power supplies. Charges are in percent, powers in watts.
//!
//! - Batteries are weighted by capacity: 2 of 20 Wh and 72 of 80 Wh are 74 %, not 50 %.
//! - The time left follows the mean power of the last minute, so that a second of compiling does
//!   not halve it. Without a current there is no time.
//! - A battery with a charge limit of 80 % is full at 80 %: the time counts up to there, and `not
//!   charging` is good there. `not charging` far below the limit means a weak charger, and a low
//!   charge stays a warning.
//! - A battery's firmware answers slowly (the kernel asks it at most once a second), and its values
//!   change slowly: a reading every five seconds is enough to show that the plug was pulled.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::battery_total::BatteryTotal;
use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::saved_state;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{BatteryReader, Charging, Machine};

options! {
    /// Charge in percent at or below which the level is `warning`, unless it is charging.
    warning: f64 = 20.0,
    /// Charge in percent at or below which the level is `critical`, unless it is charging.
    critical: f64 = 10.0,
    /// Hidden above this charge in percent, and at the charge limit; 100: never.
    hide_when_above: f64 = 100.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "battery",
    about: "How full the batteries are, and how long until they are empty or full.",
    icons: Icons { nerd: "\u{f0079}", unicode: "bat", ascii: "bat" },
    format: " ($icon )$charge.pct(w:1)$arrow( $remaining)( $history.spark(w:4,step:15)) ",
    fields: &[
        Field::new("charge", "the charge of all batteries together", Unit::Percent),
        Field::new(
            "state",
            "`charging`, `discharging`, `full`, `not charging`, `unknown`",
            Unit::Text,
        ),
        Field::new("arrow", "the direction: up, down, or none", Unit::Text),
        Field::new("sign", "a battery icon with this charge, in nerd fonts", Unit::Text),
        Field::new("remaining", "time until empty or full", Unit::Duration),
        Field::new("empty", "time until empty, while discharging", Unit::Duration),
        Field::new("full", "time until full or at the limit, while charging", Unit::Duration),
        Field::new("power", "mean power of the last minute, in or out", Unit::Watts),
        Field::new("limit", "the charge limit, if it is below 100 %", Unit::Percent),
        Field::new("count", "number of batteries", Unit::Count),
        Field::new("history", "history of the charge", Unit::History("charge")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // The firmware of a broken battery may never answer.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 75,
    open,
};

/// Time constant of the exponential mean of the power, in seconds.
const TIME_CONSTANT: f64 = 60.0;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    let reader = BatteryReader::default();
    Ok(Box::new(Battery { options, reader, flow: None, level: Level::Idle }))
}

struct Battery {
    options: Options,
    reader: BatteryReader,
    flow: Option<Flow>,
    level: Level,
}

/// The version of what is saved.
const SAVED: u32 = 1;

/// The mean power of the last minute.
#[derive(Clone, Serialize, Deserialize)]
struct Flow {
    state: Charging,
    /// When it was last read, by the boot clock.
    at: Duration,
    rate: f64,
}

impl Source for Battery {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let cells = self.reader.read(machine)?;
        let Some(all) = BatteryTotal::of(&cells) else {
            self.flow = None;
            return Ok(None);
        };
        let charge = 100.0 * all.share;
        let rate = self.smooth(&all, machine.uptime());
        let over = matches!(all.state, Charging::Full | Charging::NotCharging);
        let hidden = self.options.hide_when_above < 100.0
            && (charge > self.options.hide_when_above || (over && all.is_at_limit()));
        if hidden {
            return Ok(None);
        }
        self.level = self.judge(&all);
        let mut sample = Sample::new(self.level)
            .with("charge", Value::percent(charge))
            .with("state", Value::text(word(all.state)))
            .with("arrow", all.state.arrow())
            .with("sign", sign(all.state, all.share));
        let time = rate.and_then(|rate| all.time(rate));
        if let Some(time) = time {
            let end = if all.state == Charging::Discharging { "empty" } else { "full" };
            sample =
                sample.with("remaining", Value::Duration(time)).with(end, Value::Duration(time));
        }
        let limit = (all.limit < 1.0).then(|| Value::percent(100.0 * all.limit));
        Ok(Some(
            sample
                .with_some("power", all.power.map(Value::number))
                .with_some("limit", limit)
                .with("count", Value::number(cells.len() as f64)),
        ))
    }

    fn save(&self) -> Option<String> {
        self.flow.as_ref().and_then(|flow| saved_state::save(SAVED, flow))
    }

    fn restore(&mut self, saved: &str) {
        if let Some(flow) = saved_state::restore(SAVED, saved) {
            self.flow = flow;
        }
    }
}

impl Battery {
    /// The mean rate of the last minute. It starts again when the plug is pulled or put in.
    fn smooth(&mut self, all: &BatteryTotal, now: Duration) -> Option<f64> {
        let Some(rate) = all.rate else {
            self.flow = None;
            return None;
        };
        let smooth = match &self.flow {
            Some(flow) if flow.state == all.state => {
                let passed = now.saturating_sub(flow.at).as_secs_f64();
                flow.rate + (rate - flow.rate) * (1.0 - (-passed / TIME_CONSTANT).exp())
            }
            _ => rate,
        };
        self.flow = Some(Flow { state: all.state, at: now, rate: smooth });
        Some(smooth)
    }

    fn judge(&self, all: &BatteryTotal) -> Level {
        // Levels rise as the charge falls.
        let (empty, warning, critical) = (
            100.0 * (1.0 - all.share),
            100.0 - self.options.warning,
            100.0 - self.options.critical,
        );
        match all.state {
            Charging::Charging | Charging::Full => Level::Good,
            Charging::NotCharging if all.is_at_limit() => Level::Good,
            Charging::NotCharging => Level::rising(empty, warning, f64::INFINITY),
            Charging::Discharging | Charging::Unknown => {
                self.level.settle(empty, warning, critical)
            }
        }
    }
}

fn word(state: Charging) -> &'static str {
    match state {
        Charging::Charging => "charging",
        Charging::Discharging => "discharging",
        Charging::Full => "full",
        Charging::NotCharging => "not charging",
        Charging::Unknown => "unknown",
    }
}

/// Nerd Fonts' battery icons in steps of 10 %; elsewhere the word that is the icon.
fn sign(state: Charging, share: f64) -> Value {
    const DRAINING: [&str; 11] = [
        "\u{f008e}",
        "\u{f007a}",
        "\u{f007b}",
        "\u{f007c}",
        "\u{f007d}",
        "\u{f007e}",
        "\u{f007f}",
        "\u{f0080}",
        "\u{f0081}",
        "\u{f0082}",
        "\u{f0079}",
    ];
    let tenth = (share * 10.0).round().clamp(0.0, 10.0) as usize;
    let nerd = match state {
        Charging::Charging => "\u{f0084}",
        Charging::Full | Charging::NotCharging => "\u{f06a5}",
        Charging::Unknown => "\u{f0091}",
        Charging::Discharging => DRAINING[tenth],
    };
    Value::sign(nerd, "bat", "bat")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::{Battery as Cell, fixture};

    fn cell(state: Charging, share: f64, capacity: f64, rate: f64) -> Cell {
        let rate = (rate > 0.0).then_some(rate);
        Cell { state, share, capacity: Some(capacity), rate, power: rate, limit: None }
    }

    fn shown_with(options: &str, machine: &str) -> Option<Sample> {
        sample_with(&SEGMENT, options, &fixture(machine))
    }

    fn sample(machine: &str) -> Sample {
        shown_with("", machine).expect("batteries")
    }

    fn judged(cell: Cell) -> Level {
        let options = Options::read(&toml::Table::new()).expect("defaults");
        let source =
            Battery { options, reader: BatteryReader::default(), flow: None, level: Level::Idle };
        source.judge(&BatteryTotal::of(&[cell]).expect("a battery"))
    }

    fn minutes(cells: &[Cell]) -> Option<u64> {
        let sum = BatteryTotal::of(cells).expect("a battery");
        Some(sum.time(sum.rate?)?.as_secs() / 60)
    }

    #[test]
    fn a_laptop_on_its_battery() {
        let sample = sample("laptop");
        assert_eq!(number(&sample, "charge"), Some(42.0));
        assert_eq!(sample.get("state"), Some(&Value::text("discharging")));
        assert_eq!(sample.get("arrow"), Some(&Value::sign("↓", "↓", "-")));
        // 21 Wh at 8.4 W.
        let time = Value::Duration(Duration::from_secs(150 * 60));
        assert_eq!((sample.get("remaining"), sample.get("empty")), (Some(&time), Some(&time)));
        assert_eq!((number(&sample, "power"), number(&sample, "count")), (Some(8.4), Some(1.0)));
        assert_eq!((sample.get("full"), sample.level), (None, Level::Idle));
    }

    /// A full mouse lies beside them.
    #[test]
    fn two_batteries_are_weighted_by_capacity() {
        let sample = sample("two-batteries");
        assert_eq!(number(&sample, "charge"), Some(74.0));
        assert_eq!(number(&sample, "count"), Some(2.0));
        assert_eq!(number(&sample, "empty"), Some(7.4 * 3600.0));
    }

    #[test]
    fn a_machine_without_a_battery_has_nothing_to_show() {
        assert_eq!(shown_with("", "server"), None);
        assert_eq!(shown_with("", "empty"), None);
    }

    #[test]
    fn malformed_files_are_not_a_battery() {
        assert_eq!(shown_with("", "broken"), None);
    }

    #[test]
    fn the_time_counts_up_to_the_charge_limit() {
        let charging = |limit| Cell { limit, ..cell(Charging::Charging, 0.4, 50.0, 20.0) };
        assert_eq!(minutes(&[charging(None)]), Some(90));
        assert_eq!(minutes(&[charging(Some(0.8))]), Some(60));
        assert_eq!(minutes(&[charging(Some(0.3))]), Some(90), "a limit that is not kept");
    }

    #[test]
    fn implausible_times_are_not_shown() {
        use Charging::{Discharging, Full, NotCharging, Unknown};
        assert_eq!(minutes(&[cell(Discharging, 0.5, 50.0, 0.0)]), None);
        assert_eq!(minutes(&[cell(Discharging, 0.5, 50.0, 0.01)]), None);
        for state in [Full, NotCharging, Unknown] {
            assert_eq!(minutes(&[cell(state, 0.5, 50.0, 5.0)]), None);
        }
        let unknown = Cell { capacity: None, ..cell(Discharging, 0.5, 1.0, 5.0) };
        assert_eq!(minutes(&[unknown]), None);
    }

    #[test]
    fn charging_and_discharging_batteries_are_added_up() {
        let cells = [
            cell(Charging::Discharging, 0.5, 50.0, 10.0),
            cell(Charging::Charging, 0.5, 50.0, 5.0),
        ];
        assert_eq!(minutes(&cells), Some(600));
    }

    #[test]
    fn levels_follow_the_charge_and_the_plug() {
        use Charging::{Charging as Up, Discharging, Full, NotCharging, Unknown};
        let at = |state, share| judged(cell(state, share, 50.0, 1.0));
        assert_eq!(
            [0.21, 0.2, 0.1].map(|share| at(Discharging, share)),
            [Level::Idle, Level::Warning, Level::Critical]
        );
        assert_eq!(at(Unknown, 0.05), Level::Critical);
        assert_eq!([at(Up, 0.05), at(Full, 1.0)], [Level::Good; 2]);
        assert_eq!([at(NotCharging, 0.98), at(NotCharging, 0.6)], [Level::Good, Level::Idle]);
        assert_eq!(at(NotCharging, 0.05), Level::Warning);
        let limited = Cell { limit: Some(0.8), ..cell(NotCharging, 0.79, 50.0, 0.0) };
        assert_eq!(judged(limited), Level::Good);
    }

    #[test]
    fn a_short_load_hardly_changes_the_time_but_the_plug_does() {
        let options = Options::read(&toml::Table::new()).expect("defaults");
        let mut source =
            Battery { options, reader: BatteryReader::default(), flow: None, level: Level::Idle };
        let mut rate = |state, rate, second| {
            let sum = BatteryTotal::of(&[cell(state, 0.5, 50.0, rate)]).expect("a battery");
            source.smooth(&sum, Duration::from_secs(second))
        };
        assert_eq!(rate(Charging::Discharging, 5.0, 100), Some(5.0));
        let sip = rate(Charging::Discharging, 30.0, 105).expect("flows");
        assert!((5.0..8.0).contains(&sip), "{sip}");
        let settled = rate(Charging::Discharging, 30.0, 705).expect("flows");
        assert!(settled > 29.9, "{settled}");
        assert_eq!(rate(Charging::Charging, 12.0, 710), Some(12.0));
        assert_eq!(rate(Charging::Charging, 0.0, 715), None);
    }

    #[test]
    fn states_of_several_batteries_are_combined() {
        use Charging::{Charging as Up, Discharging, Full, NotCharging, Unknown};
        let together = |cells: &[Cell]| BatteryTotal::of(cells).expect("a battery").state;
        let both = |a, b| together(&[cell(a, 1.0, 1.0, 1.0), cell(b, 1.0, 1.0, 0.0)]);
        assert_eq!(both(Discharging, Full), Discharging);
        assert_eq!(both(Full, Up), Up);
        assert_eq!(both(Full, Full), Full);
        assert_eq!(both(Full, NotCharging), NotCharging);
        assert_eq!(both(Unknown, Unknown), Unknown);
        assert_eq!(together(&[cell(Up, 1.0, 1.0, 0.0)]), Full, "charging for ever");
    }

    #[test]
    fn is_hidden_above_the_chosen_charge() {
        assert_eq!(shown_with("hide-when-above = 40", "laptop"), None);
        assert!(shown_with("hide-when-above = 50", "laptop").is_some());
    }
}

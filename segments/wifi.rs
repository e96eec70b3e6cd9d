//! The wireless network and the quality of its signal in percent, from the kernel (nl80211).
//!
//! *Quality* is the signal's position between -110 dBm (none) and -40 dBm (beside the antenna), the
//! scale of the kernel's wireless extensions. A network's name is chosen by its owner, so it is
//! untrusted.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// The interface; empty: the first that is connected.
    interface: String = "",
    /// Quality in percent at or below which the level is `warning`.
    warning: f64 = 40.0,
    /// Quality in percent at or below which the level is `critical`.
    critical: f64 = 20.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "wifi",
    about: "The wireless network and the quality of its signal.",
    icons: Icons { nerd: "\u{f05a9}", unicode: "wifi", ascii: "wifi" },
    format: " ($icon )($ssid.text(max:16) )$quality.pct(w:2) ",
    fields: &[
        Field::new("ssid", "the network's name", Unit::Text),
        Field::new("quality", "quality of the signal", Unit::Percent),
        Field::new("signal", "strength of the signal: `-60 dBm`", Unit::Text),
        Field::new("rate", "bits sent per second", Unit::Count),
        Field::new("interface", "the interface's name", Unit::Text),
        Field::new("history", "history of the quality", Unit::History("quality")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(10)),
    priority: 35,
    open,
};

/// The signals of 0 % and 100 %, in dBm.
const WEAKEST: f64 = -110.0;
const STRONGEST: f64 = -40.0;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Wifi { options: Options::read(table)?, level: Level::Idle }))
}

struct Wifi {
    options: Options,
    level: Level,
}

impl Source for Wifi {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let interfaces = machine
            .wireless()
            .map_err(|error| Error::Other(format!("cannot ask nl80211: {error}")))?;
        let wanted = self.options.interface.as_bytes();
        let mut interfaces = interfaces.into_iter();
        let Some(found) = interfaces.find(|i| wanted.is_empty() || i.interface == wanted) else {
            self.level = Level::Idle;
            return Ok(None);
        };
        let mut sample = Sample::new(Level::Idle)
            .with_some("ssid", found.ssid.map(|ssid| Value::text(Untrusted::new(ssid))));
        if let Some(signal) = found.signal.filter(|signal| signal.is_finite()) {
            let quality = (100.0 * (signal - WEAKEST) / (STRONGEST - WEAKEST)).clamp(0.0, 100.0);
            // Levels rise as the quality falls.
            let (warning, critical) = (100.0 - self.options.warning, 100.0 - self.options.critical);
            self.level = self.level.settle(100.0 - quality, warning, critical);
            sample.level = self.level;
            sample = sample
                .with("quality", Value::percent(quality))
                .with("signal", Value::text(format!("{signal:.0} dBm")));
        }
        let rate = found.rate.filter(|rate| rate.is_finite() && *rate >= 0.0);
        Ok(Some(
            sample
                .with_some("rate", rate.map(Value::number))
                .with("interface", Value::text(Untrusted::new(found.interface))),
        ))
    }

    fn save(&self) -> Option<String> {
        self.level.save()
    }

    fn restore(&mut self, saved: &str) {
        self.level.restore(saved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn a_network_has_a_name_and_a_quality() {
        let sample = sample_with(&SEGMENT, "", &fixture("laptop")).expect("connected");
        assert_eq!(number(&sample, "quality"), Some(80.0));
        assert_eq!(number(&sample, "rate"), Some(866_700_000.0));
        assert_eq!(sample.get("signal"), Some(&Value::text("-54 dBm")));
        assert_eq!(
            (sample.level, sample.get("ssid")),
            (Level::Idle, Some(&Value::text("Rookery 5G")))
        );
    }

    #[test]
    fn a_name_is_text_and_a_weak_signal_a_warning() {
        let (_dir, machine) = machine_with(&[("wireless", "wlan0 -85 1 #(id)\x1b[31m$(id)\n")]);
        let sample = sample_with(&SEGMENT, "", &machine).expect("connected");
        assert_eq!(sample.get("ssid"), Some(&Value::text("#(id)·[31m$(id)")));
        assert_eq!(sample.level, Level::Warning);
        assert_eq!(sample_with(&SEGMENT, "interface = 'wlan1'", &machine), None);
        let (_dir, machine) = machine_with(&[("wireless", "wlan0 -1e300 nan x\nw -inf -5 y\n")]);
        assert_eq!(sample_with(&SEGMENT, "", &machine).expect("connected").level, Level::Critical);
        assert_eq!(
            sample_with(&SEGMENT, "interface = 'w'", &machine).expect("connected").get("rate"),
            None
        );
    }

    #[test]
    fn without_wireless_nothing_is_shown() {
        assert_eq!(sample_with(&SEGMENT, "", &fixture("server")), None);
    }
}

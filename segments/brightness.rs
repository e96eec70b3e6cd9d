//! How bright the screen is, in percent of its maximum, from `/sys/class/backlight`.
//!
//! A laptop often has two entries for one panel: the firmware's and the graphics card's. The
//! kernel's documentation says which to prefer (sysfs-class-backlight): `firmware`, then
//! `platform`, then `raw`.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Scan, SmallFile};

options! {
    /// The screen, as named in `/sys/class/backlight`; empty: the built-in panel.
    device: String = "",
    /// Hidden above this brightness in percent; 100: never.
    hide_when_above: f64 = 100.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "brightness",
    about: "How bright the screen is.",
    icons: Icons { nerd: "\u{f00df}", unicode: "☼", ascii: "bl" },
    format: " ($icon )$brightness.pct(w:1) ",
    fields: &[
        Field::new("brightness", "brightness in percent of the maximum", Unit::Percent),
        Field::new("device", "the screen's name", Unit::Text),
        Field::new("history", "history of the brightness", Unit::History("brightness")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // A driver may have to ask the panel, and wait for it.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(1)),
    priority: 20,
    open,
};

const CLASS: &str = "/sys/class/backlight";
/// The types of backlight, the preferred one first.
const KINDS: [&str; 3] = ["firmware", "platform", "raw"];

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Brightness { options: Options::read(table)?, panel: Scan::default() }))
}

struct Brightness {
    options: Options,
    panel: Scan<Option<Panel>>,
}

struct Panel {
    name: Untrusted,
    most: f64,
    /// The requested brightness: the actual one may lag behind or not be reported.
    now: SmallFile,
}

impl Source for Brightness {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let wanted = &self.options.device;
        let Some(panel) = self.panel.get(machine, |machine| find(machine, wanted)) else {
            return Ok(None);
        };
        let Some(now) = panel.now.read(machine).filter(|now| *now >= 0) else {
            self.panel.doubt();
            return Ok(None);
        };
        let percent = 100.0 * now as f64 / panel.most;
        if percent > self.options.hide_when_above {
            return Ok(None);
        }
        let sample = Sample::new(Level::Idle).with("brightness", Value::percent(percent));
        Ok(Some(sample.with("device", Value::Text(panel.name.clone()))))
    }
}

fn find(machine: &Machine, wanted: &str) -> Option<Panel> {
    let entries = machine.list(CLASS).ok()?;
    let panels = entries.iter().filter_map(|entry| {
        let name = entry.name.to_string_lossy();
        if !wanted.is_empty() && wanted != name {
            return None;
        }
        let dir = PathBuf::from(CLASS).join(&entry.name);
        let most = machine.number(dir.join("max_brightness")).filter(|most| *most > 0)? as f64;
        let kind = machine.word(dir.join("type"));
        let rank = KINDS.iter().position(|known| kind.as_deref() == Some(known));
        let now = SmallFile::new(dir.join("brightness"));
        Some((rank.unwrap_or(KINDS.len()), Panel { name: (&*name).into(), most, now }))
    });
    panels.min_by_key(|(rank, _)| *rank).map(|(_, panel)| panel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_preferred_of_two_backlights_is_read() {
        let sample = sample_with(&SEGMENT, "", &fixture("laptop")).expect("a panel");
        assert_eq!(sample.get("brightness"), Some(&Value::percent(40.0)));
        assert_eq!(sample.get("device"), Some(&Value::text("acpi_video0")));
    }

    #[test]
    fn a_screen_can_be_chosen_and_a_bright_one_hidden() {
        let sample =
            sample_with(&SEGMENT, "device = 'intel_backlight'", &fixture("laptop")).expect("one");
        assert_eq!(sample.get("brightness"), Some(&Value::percent(50.0)));
        assert_eq!(sample_with(&SEGMENT, "device = 'none'", &fixture("laptop")), None);
        assert_eq!(sample_with(&SEGMENT, "hide-when-above = 39", &fixture("laptop")), None);
    }

    #[test]
    fn missing_and_malformed_files_show_nothing() {
        let (_dir, machine) = machine_with(&[
            ("sys/class/backlight/a/max_brightness", "0\n"),
            ("sys/class/backlight/a/brightness", "5\n"),
            ("sys/class/backlight/b/max_brightness", "100\n"),
            ("sys/class/backlight/b/brightness", "-5\n"),
        ]);
        assert_eq!(sample_with(&SEGMENT, "", &machine), None);
        assert_eq!(sample_with(&SEGMENT, "", &fixture("empty")), None);
    }
}

//! The plugins' options: what they are without a word of the user, and what tmux says.

use std::collections::BTreeMap;

use super::LOADS;

const LEVELS: [&str; 3] = ["low", "medium", "high"];
const STATES: [&str; 5] = ["charged", "charging", "discharging", "attached", "unknown"];

/// The plugins' options and what they are without a word of the user.
pub(super) fn defaults() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut say = |name: String, value: &str| all.insert(name, value.to_owned());
    for load in LOADS {
        for (level, (icon, colour)) in
            LEVELS.iter().zip([("=", "green"), ("≡", "yellow"), ("≣", "red")])
        {
            say(format!("{load}_{level}_icon"), icon);
            say(format!("{load}_{level}_fg_color"), &format!("#[fg={colour}]"));
            say(format!("{load}_{level}_bg_color"), &format!("#[bg={colour}]"));
        }
        // What they usually are depends on the unit of what they judge.
        say(format!("{load}_medium_thresh"), "");
        say(format!("{load}_high_thresh"), "");
        if load.ends_with("temp") {
            say(format!("{load}_format"), "%2.0f");
            say(format!("{load}_unit"), "C");
        } else {
            say(format!("{load}_percentage_format"), "%3.1f%%");
        }
    }
    let tiers = [
        ("▁", "#ff0000"),
        ("▂", "#ff4000"),
        ("▃", "#ff8000"),
        ("▄", "#ffc000"),
        ("▅", "#ffff00"),
        ("▆", "#aaff00"),
        ("▇", "#55ff00"),
        ("█", "#00ff00"),
    ];
    for (tier, (icon, colour)) in (1..).zip(tiers) {
        say(format!("batt_icon_charge_tier{tier}"), icon);
        say(format!("batt_color_charge_primary_tier{tier}"), colour);
        say(format!("batt_color_charge_secondary_tier{tier}"), "colour0");
    }
    let icons = ["\u{1f50c}", "\u{1f50c}", "\u{1f50b}", "\u{26a0}\u{fe0f}", "?"];
    let colours = ["33", "33", "14", "201", "7"];
    for (state, (icon, colour)) in STATES.iter().zip(icons.iter().zip(colours)) {
        say(format!("batt_icon_status_{state}"), icon);
        say(format!("batt_color_status_primary_{state}"), &format!("colour{colour}"));
        say(format!("batt_color_status_secondary_{state}"), "colour0");
    }
    all
}

/// The options as they are in force.
pub(super) struct Options(BTreeMap<String, String>);

impl Options {
    pub(super) fn with(said: impl IntoIterator<Item = (String, String)>) -> Options {
        let mut all = defaults();
        for (name, value) in said {
            all.insert(name, value);
        }
        Options(all)
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn number(&self, name: &str, usual: f64) -> f64 {
        self.get(name).trim().parse().unwrap_or(usual)
    }
}

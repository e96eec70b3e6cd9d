//! The plugins' options: their defaults, and what the user set.

use std::collections::BTreeMap;

use super::LOADS;

const LEVELS: [&str; 3] = ["low", "medium", "high"];
const STATES: [&str; 5] = ["charged", "charging", "discharging", "attached", "unknown"];

/// The plugins' options with their defaults.
pub(super) fn defaults() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut set = |name: String, value: &str| all.insert(name, value.to_owned());
    for load in LOADS {
        for (level, (icon, colour)) in
            LEVELS.iter().zip([("=", "green"), ("≡", "yellow"), ("≣", "red")])
        {
            set(format!("{load}_{level}_icon"), icon);
            set(format!("{load}_{level}_fg_color"), &format!("#[fg={colour}]"));
            set(format!("{load}_{level}_bg_color"), &format!("#[bg={colour}]"));
        }
        // Their defaults depend on the unit of what they are compared with.
        set(format!("{load}_medium_thresh"), "");
        set(format!("{load}_high_thresh"), "");
        if load.ends_with("temp") {
            set(format!("{load}_format"), "%2.0f");
            set(format!("{load}_unit"), "C");
        } else {
            set(format!("{load}_percentage_format"), "%3.1f%%");
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
        set(format!("batt_icon_charge_tier{tier}"), icon);
        set(format!("batt_color_charge_primary_tier{tier}"), colour);
        set(format!("batt_color_charge_secondary_tier{tier}"), "colour0");
    }
    let icons = ["\u{1f50c}", "\u{1f50c}", "\u{1f50b}", "\u{26a0}\u{fe0f}", "?"];
    let colours = ["33", "33", "14", "201", "7"];
    for (state, (icon, colour)) in STATES.iter().zip(icons.iter().zip(colours)) {
        set(format!("batt_icon_status_{state}"), icon);
        set(format!("batt_color_status_primary_{state}"), &format!("colour{colour}"));
        set(format!("batt_color_status_secondary_{state}"), "colour0");
    }
    all
}

/// The options in force.
pub(super) struct Options(BTreeMap<String, String>);

impl Options {
    /// The defaults, and over them what was set.
    pub(super) fn with(set: impl IntoIterator<Item = (String, String)>) -> Options {
        let mut all = defaults();
        all.extend(set);
        Options(all)
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn number(&self, name: &str, default: f64) -> f64 {
        self.get(name).trim().parse().unwrap_or(default)
    }
}

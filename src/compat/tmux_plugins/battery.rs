//! tmux-battery's names.

use rainline_segments::Machine;
use rainline_segments::base::battery_total::BatteryTotal;
use rainline_segments::machine::Charging;

use super::options::Options;
use crate::compat::base::power::power;

/// All batteries as one.
pub(super) struct Battery {
    percent: u64,
    state: &'static str,
    /// Until empty or full.
    minutes: Option<u64>,
    watts: Option<f64>,
}

impl Battery {
    pub(super) fn read(machine: &Machine) -> Option<Battery> {
        let power = power(machine)?;
        let sum = BatteryTotal::of(&machine.batteries().unwrap_or_default());
        let state = match sum.as_ref().map(|sum| sum.state) {
            Some(Charging::Discharging) => "discharging",
            Some(Charging::Charging) => "charging",
            Some(Charging::NotCharging) => "attached",
            Some(Charging::Full) => "charged",
            Some(Charging::Unknown) | None => "unknown",
        };
        let charging = sum.filter(|sum| sum.state == Charging::Charging);
        let to_full = || {
            let sum = charging.as_ref()?;
            Some(sum.time(sum.rate?)?.as_secs() / 60)
        };
        Some(Battery {
            percent: power.percent(),
            state,
            minutes: power.minutes.or_else(to_full),
            watts: charging.as_ref().and_then(|sum| sum.power),
        })
    }

    fn tier(&self) -> usize {
        match self.percent {
            95.. => 8,
            80.. => 7,
            65.. => 6,
            50.. => 5,
            35.. => 4,
            20.. => 3,
            6.. => 2,
            _ => 1,
        }
    }

    pub(super) fn value(&self, name: &str, options: &Options) -> String {
        let tier = format!("tier{}", self.tier());
        // While it discharges the charge counts, else what it does.
        let (what, of) = match self.state {
            "discharging" => ("charge", tier.as_str()),
            state => ("status", state),
        };
        let colour = |what: &str, of: &str, plane: &str| {
            let other = if plane == "bg" { "fg" } else { "bg" };
            let first = options.get(&format!("batt_color_{what}_primary_{of}"));
            let second = options.get(&format!("batt_color_{what}_secondary_{of}"));
            match second {
                "" => format!("#[{plane}={first}]"),
                second => format!("#[{plane}={first},{other}={second}]"),
            }
        };
        let icon = |what: &str, of: &str| options.get(&format!("batt_icon_{what}_{of}")).to_owned();
        match name {
            "battery_percentage" => format!("{}%", self.percent),
            "battery_graph" => match self.percent {
                95.. => "█",
                75.. => "▆",
                50.. => "▄",
                25.. => "▂",
                6.. => "▁",
                _ => " ",
            }
            .into(),
            "battery_remain" => self.minutes.map_or(String::new(), |minutes| {
                format!("{:02}:{:02}", minutes / 60, minutes % 60)
            }),
            "battery_charging_watts" => {
                self.watts.map_or(String::new(), |watts| format!("{watts:.1}W"))
            }
            "battery_icon" => icon(what, of),
            "battery_icon_charge" => icon("charge", &tier),
            "battery_icon_status" => icon("status", self.state),
            "battery_color_bg" => colour(what, of, "bg"),
            "battery_color_fg" => colour(what, of, "fg"),
            "battery_color_charge_bg" => colour("charge", &tier, "bg"),
            "battery_color_charge_fg" => colour("charge", &tier, "fg"),
            "battery_color_status_bg" => colour("status", self.state, "bg"),
            _ => colour("status", self.state, "fg"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_and_graphs_change_where_the_peer_changes_them() {
        let options = Options::with([]);
        let battery = |percent, state| Battery { percent, state, minutes: Some(135), watts: None };
        let value = |percent, name: &str| battery(percent, "discharging").value(name, &options);
        let tiers: Vec<usize> = [0, 5, 6, 19, 20, 35, 50, 65, 80, 94, 95, 100]
            .map(|percent| battery(percent, "full").tier())
            .to_vec();
        assert_eq!(tiers, [1, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 8]);
        assert_eq!(value(50, "battery_graph"), "▄");
        assert_eq!(value(94, "battery_graph"), "▆");
        assert_eq!(value(5, "battery_graph"), " ");
        assert_eq!(value(50, "battery_remain"), "02:15");
        assert_eq!(value(50, "battery_icon"), "▅");
        assert_eq!(value(50, "battery_color_bg"), "#[bg=#ffff00,fg=colour0]");
        let charging = battery(50, "charging");
        assert_eq!(charging.value("battery_icon", &options), "\u{1f50c}");
        assert_eq!(charging.value("battery_color_fg", &options), "#[fg=colour33,bg=colour0]");
        assert_eq!(charging.value("battery_icon_charge", &options), "▅");
    }
}

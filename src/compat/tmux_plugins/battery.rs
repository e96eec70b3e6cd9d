//! tmux-battery's names.

use rainline_segments::Host;
use rainline_segments::machine::Charging;

use super::options::Options;
use crate::compat::base::power::{Power, power};

/// The batteries as the names want them.
pub(super) struct Battery {
    percent: u64,
    state: &'static str,
    minutes: Option<u64>,
    watts: Option<f64>,
}

impl Battery {
    pub(super) fn read(host: &Host) -> Option<Battery> {
        let Power { share, minutes, .. } = power(host)?;
        let all = host.batteries().unwrap_or_default();
        let any = |state| all.iter().any(|one| one.state == state);
        let state = match () {
            () if any(Charging::Discharging) => "discharging",
            () if any(Charging::Charging) => "charging",
            () if any(Charging::NotCharging) => "attached",
            () if any(Charging::Full) => "charged",
            () => "unknown",
        };
        let to_full = || {
            let lacks: f64 =
                all.iter().filter_map(|one| Some(one.capacity? * (1.0 - one.share))).sum();
            let rate: f64 = all.iter().filter_map(|one| one.rate).sum();
            (state == "charging" && rate > 0.0).then(|| (lacks / rate * 60.0 + 1e-6) as u64)
        };
        let watts: Vec<f64> = all.iter().filter_map(|one| one.power).collect();
        Some(Battery {
            percent: (100.0 * share + 1e-9) as u64,
            state,
            minutes: minutes.or_else(to_full),
            watts: (state == "charging" && !watts.is_empty()).then(|| watts.iter().sum()),
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

//! Batteries of the real machine: the whole program, daemon and all, on a `/sys/class/power_supply`
//! of our making.
//!
//! A battery cannot be made up: a directory is mounted over the real one ([`namespace`]).

use crate::support::Sandbox;
use crate::support::namespace::{self, DISCHARGING_BATTERY, Supply};

const CONFIG: &str = r#"
[line.terminal]
right = ["battery"]
[segment.battery]
format = "$charge.pct(w:1) $state.text()(, $remaining)(, ${power}W)( of $count)"
"#;

/// What the program shows of these supplies; `None` where no namespace is to be had.
#[track_caller]
fn shown(supplies: &[Supply]) -> Option<String> {
    let sandbox = Sandbox::new().configured(CONFIG);
    let script = "start_daemon
        \"$2\" print terminal right --target plain --columns 80 --deadline 20000
        \"$2\" daemon stop >/dev/null";
    let line = namespace::run_with_batteries(&sandbox, supplies, script)?;
    Some(line.trim_end().trim_start_matches('!').trim_start().to_owned())
}

#[track_caller]
fn check(supplies: &[Supply], expected: &str) {
    if let Some(shown) = shown(supplies) {
        assert_eq!(shown, expected);
    }
}

#[test]
fn a_discharging_battery_with_its_right_time() {
    check(&[("BAT0", &DISCHARGING_BATTERY)], "42% discharging, 2h 30m, 8.4W of 1");
}

#[test]
fn a_charging_battery_counts_to_full() {
    let battery = [
        ("type", "Battery"),
        ("status", "Charging"),
        ("energy_now", "20000000"),
        ("energy_full", "50000000"),
        ("power_now", "30000000"),
    ];
    check(&[("BAT0", &battery)], "40% charging, 1h, 30.0W of 1");
}

#[test]
fn charges_in_ampere_hours_without_a_voltage() {
    let battery = [
        ("type", "Battery"),
        ("status", "Discharging"),
        ("charge_now", "3000000"),
        ("charge_full", "5000000"),
        ("current_now", "1500000"),
    ];
    check(&[("BAT0", &battery)], "60% discharging, 2h of 1");
}

#[test]
fn two_batteries_are_weighed_and_a_mouse_is_none() {
    let small = [
        ("type", "Battery"),
        ("status", "Discharging"),
        ("energy_now", "2000000"),
        ("energy_full", "20000000"),
        ("power_now", "0"),
    ];
    let large = [
        ("type", "Battery"),
        ("status", "Discharging"),
        ("energy_now", "72000000"),
        ("energy_full", "80000000"),
        ("power_now", "10000000"),
    ];
    let mouse = [("type", "Battery"), ("scope", "Device"), ("capacity", "100")];
    check(
        &[("BAT0", &small), ("BAT1", &large), ("hidpp_battery_3", &mouse)],
        "74% discharging, 7h 24m, 10.0W of 2",
    );
}

#[test]
fn a_full_battery_has_no_time() {
    let battery = [
        ("type", "Battery"),
        ("status", "Full"),
        ("energy_now", "50000000"),
        ("energy_full", "50000000"),
        ("power_now", "0"),
    ];
    check(&[("BAT0", &battery)], "100% full, 0.0W of 1");
}

#[test]
fn a_battery_at_its_limit_says_so() {
    let battery = [
        ("type", "Battery"),
        ("status", "Not charging"),
        ("capacity", "80"),
        ("charge_control_end_threshold", "80"),
    ];
    check(&[("BAT0", &battery)], "80% not charging of 1");
}

#[test]
fn no_battery_is_no_segment() {
    check(&[("AC", &[("type", "Mains"), ("online", "1")])], "");
}

/// A battery that drains again and again, and the line that follows it.
#[test]
fn the_past_of_the_charge_is_drawn() {
    let machine = Sandbox::new();
    let config = "[line.terminal]\nright = ['battery']\n[segment.battery]\ninterval = '200ms'\n\
                  format = '$history.spark(w:4)'\n";
    machine.write("sys/class/power_supply/BAT0/type", "Battery\n");
    // More than are read: a line that stands still would not be written again.
    for (index, charge) in [100, 75, 50, 25].into_iter().cycle().take(300).enumerate() {
        let path = format!("sys/class/power_supply/BAT0/capacity@{}", index + 1);
        machine.write(&path, format!("{charge}\n"));
    }
    let sandbox = Sandbox::on_machine(&machine.path(""), config);
    let mut stream = sandbox.stream(&["terminal", "right", "--target", "plain", "--columns", "20"]);
    let rounds = ["█▇▅▃", "▇▅▃█", "▅▃█▇", "▃█▇▅"];
    let drawn = |line: &String| rounds.iter().any(|round| line.contains(round));
    assert!((0..30).any(|_| drawn(&stream.next())));
}

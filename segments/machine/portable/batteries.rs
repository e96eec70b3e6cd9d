//! Batteries by the crate `battery`. One that it cannot read is passed over.

use crate::machine::batteries::ABSURD;
use crate::machine::{Battery, Charging, Error};

pub fn read() -> Result<Vec<Battery>, Error> {
    use battery::State;
    use battery::units::energy::watt_hour;
    use battery::units::power::watt;
    use battery::units::ratio::ratio;
    let failed =
        |error: battery::Error| Error::Other(format!("The batteries cannot be read: {error}."));
    let manager = battery::Manager::new().map_err(failed)?;
    let all = manager.batteries().map_err(failed)?.filter_map(Result::ok).map(|found| {
        let number = |value: f32| Some(f64::from(value)).filter(|value| value.is_finite());
        let power = number(found.energy_rate().get::<watt>()).map(f64::abs);
        let power = power.filter(|watts| *watts < ABSURD);
        Battery {
            state: match found.state() {
                State::Charging => Charging::Charging,
                State::Discharging | State::Empty => Charging::Discharging,
                State::Full => Charging::Full,
                State::Paused => Charging::NotCharging,
                State::Unknown => Charging::Unknown,
            },
            share: number(found.state_of_charge().get::<ratio>()).unwrap_or(0.0).clamp(0.0, 1.0),
            capacity: number(found.energy_full().get::<watt_hour>()).filter(|full| *full > 0.0),
            rate: power.filter(|power| *power > 0.0),
            power,
            limit: None,
        }
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;
    use crate::machine::{Machine, Reader};

    /// The crate reads where the real machine has it; see the test below.
    #[test]
    #[ignore = "wants another /sys/class/power_supply; the next test runs it there"]
    fn the_crate_sees_the_same() {
        let (ours, theirs) = (Machine::read_by(Reader::Native).batteries(), read());
        let (ours, theirs) = (ours.expect("readable"), theirs.expect("readable"));
        assert_eq!((ours.len(), theirs.len()), (1, 1));
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 0.001 * a.max(1.0),
            (a, b) => a == b,
        };
        let (ours, theirs) = (&ours[0], &theirs[0]);
        assert_eq!(ours.state, theirs.state);
        assert!(near(Some(ours.share), Some(theirs.share)), "{ours:?} {theirs:?}");
        assert!(near(ours.capacity, theirs.capacity), "{ours:?} {theirs:?}");
        assert!(near(ours.rate, theirs.rate), "{ours:?} {theirs:?}");
    }

    /// A battery with all that the crate asks for, shown to both as the real machine's.
    #[test]
    #[cfg(target_os = "linux")]
    #[allow(clippy::disallowed_methods, reason = "a test runs itself in another mount namespace")]
    fn the_crate_sees_the_same_on_a_real_machine() {
        let files = [
            ("type", "Battery\n"),
            ("status", "Discharging\n"),
            ("capacity", "42\n"),
            ("energy_now", "21000000\n"),
            ("energy_full", "50000000\n"),
            ("energy_full_design", "60000000\n"),
            ("power_now", "10500000\n"),
            ("voltage_now", "11800000\n"),
        ];
        let files = files.map(|(name, text)| (format!("BAT0/{name}"), text));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let (dir, _) = machine_with(&files);
        let script = "mount --bind \"$1\" /sys/class/power_supply && echo mounted && exec \"$2\" \
                      --ignored --exact machine::portable::batteries::tests::the_crate_sees_the_same";
        let mut command = std::process::Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", script, "sh"]).arg(dir.path());
        command.arg(std::env::current_exe().expect("our own file"));
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => return println!("skipped: unshare: {error}"),
        };
        let said = String::from_utf8_lossy(&output.stdout);
        if !said.contains("mounted") {
            let why = String::from_utf8_lossy(&output.stderr);
            return println!("skipped: no mount namespace: {why}");
        }
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

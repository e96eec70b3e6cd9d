//! Units of systemd that failed, of the system and of the user.
//!
//! No file lists them, so `systemctl` is run, in a worker and only if systemd runs.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// Whose units are checked.
    Managers { Both = "both", System = "system", User = "user" }
}

options! {
    /// Whose units are checked.
    scope: Managers = Managers::Both,
    /// Units that may fail: whole names (`fwupd.service`), or beginnings with a `*`.
    ignore: Vec<String> = Vec::new(),
    /// Number of failed units from which the level is `critical`; 0: never.
    critical: u32 = 0u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "services",
    about: "Units of systemd that failed.",
    icons: Icons { nerd: "\u{f0493}", unicode: "failed", ascii: "failed" },
    format: " ($icon )$failed $names.text(max:20) ",
    fields: &[
        Field::new("failed", "number of failed units", Unit::Count),
        Field::new("names", "the first few of their names, without `.service`", Unit::Text),
        Field::new("system", "failed units of the system", Unit::Count),
        Field::new("user", "failed units of the user", Unit::Count),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(30)),
    priority: 55,
    open,
};

const LIMIT: Duration = Duration::from_millis(1500);
/// How many names are shown.
const NAMES: usize = 5;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Services { options: Options::read(table)? }))
}

struct Services {
    options: Options,
}

impl Source for Services {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        // The test of sd_booted(3).
        if machine.lstat("/run/systemd/system").is_err() {
            return Ok(None);
        }
        let managers = self.options.scope;
        let system = match managers {
            Managers::User => BTreeSet::new(),
            _ => self.failed(machine, "--system")?,
        };
        // Root without a session, or a daemon started by cron, has no user manager.
        let manager = format!("/run/user/{}/systemd", machine.uid());
        let user = match managers {
            Managers::System => BTreeSet::new(),
            _ if machine.lstat(manager).is_err() => BTreeSet::new(),
            Managers::User => self.failed(machine, "--user")?,
            // A user manager that does not answer does not hide the system's units.
            Managers::Both => self.failed(machine, "--user").unwrap_or_default(),
        };
        let count = system.len() + user.len();
        if count == 0 {
            return Ok(None);
        }
        let critical = self.options.critical as usize;
        let level = match critical > 0 && count >= critical {
            true => Level::Critical,
            false => Level::Warning,
        };
        let names: Vec<&str> = system
            .iter()
            .chain(&user)
            .take(NAMES)
            .map(|name| name.strip_suffix(".service").unwrap_or(name))
            .collect();
        Ok(Some(
            Sample::new(level)
                .with("failed", Value::number(count as f64))
                .with("names", Value::text(Untrusted::new(names.join(" "))))
                .with("system", Value::number(system.len() as f64))
                .with("user", Value::number(user.len() as f64)),
        ))
    }
}

impl Services {
    /// The failed units of one manager, without ignored ones.
    fn failed(&self, machine: &Machine, manager: &str) -> Result<BTreeSet<String>, Error> {
        let command = ["systemctl", manager, "--no-pager", "--no-legend", "--plain", "--failed"];
        let printed = machine.run(&command, LIMIT)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&printed);
        let units = text.lines().filter_map(|line| {
            // UNIT LOAD ACTIVE SUB DESCRIPTION; old versions print a dot in front in spite of
            // `--plain`.
            let mut words = line.trim_start_matches(['●', '*', ' ']).split_ascii_whitespace();
            let unit = words.next()?;
            (words.nth(1) == Some("failed") && !self.may_fail(unit)).then(|| unit.to_owned())
        });
        Ok(units.collect())
    }

    fn may_fail(&self, unit: &str) -> bool {
        self.options.ignore.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => unit.starts_with(beginning),
            None => unit == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    const ARGUMENTS: &str = "--no-pager --no-legend --plain --failed";
    const SYSTEM: &str = "nginx.service loaded failed failed A web server\n\
        certbot.timer loaded failed failed Run certbot\n\
        odd\\x2dname.service not-found failed failed odd-name.service\nnoise\n";
    const USER: &str = "● emacs.service loaded failed failed Emacs\n";

    fn on(options: &str, files: &[(&str, &str)]) -> Option<Sample> {
        let (_dir, machine) = machine_with(files);
        sample_with(&SEGMENT, options, &machine)
    }

    #[test]
    fn failed_units_of_both_managers_are_counted_and_named() {
        let system = format!("commands/systemctl --system {ARGUMENTS}");
        let user = format!("commands/systemctl --user {ARGUMENTS}");
        let files = [
            ("run/systemd/system/x", ""),
            ("run/user/1000/systemd/private", ""),
            (&*system, SYSTEM),
            (&*user, USER),
        ];
        let sample = on("", &files).expect("failures");
        assert_eq!(
            ["failed", "system", "user"].map(|field| number(&sample, field)),
            [Some(4.0), Some(3.0), Some(1.0)]
        );
        let names = "certbot.timer nginx odd\\x2dname emacs";
        assert_eq!(sample.get("names"), Some(&Value::text(names)));
        assert_eq!(sample.level, Level::Warning);
        assert_eq!(on("critical = 4", &files).expect("failures").level, Level::Critical);
        let few = on("scope = 'system'\nignore = ['odd*', 'nginx.service']", &files);
        assert_eq!(few.expect("one").get("names"), Some(&Value::text("certbot.timer")));
        assert_eq!(on("scope = 'user'\nignore = ['emacs.service']", &files), None);
    }

    #[test]
    fn without_systemd_no_command_is_run() {
        assert_eq!(on("", &[("commands/systemctl", SYSTEM)]), None);
        assert_eq!(on("", &[("run/systemd/system/x", "")]), None);
    }

    #[test]
    fn a_server_has_a_failed_unit() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("a failure");
        assert_eq!(sample.get("names"), Some(&Value::text("backup")));
    }
}

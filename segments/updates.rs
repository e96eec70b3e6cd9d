//! How many packages can be upgraded, and how many of these updates are for security.
//!
//! - Ubuntu has the answer in a file. Elsewhere the system's package manager is asked, by a command
//!   that changes nothing and, where possible, uses only what was fetched before.
//! - The command is run once an hour, and when the package database changed, so that an upgrade
//!   shows soon. `interval` sets how often the database is checked.
//! - Security updates are a warning, others only information.

use std::path::Path;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, OptionType, OptionValue, Pace, RunsIn, Scope,
    Source, Unit, expected, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// The package manager; `auto`: the first that is found here.
    manager: Choice = Choice(None),
    /// Hidden below this number of updates, unless some are for security.
    hide_when_below: u32 = 1u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "updates",
    about: "How many packages can be upgraded.",
    icons: Icons { nerd: "\u{f03d7}", unicode: "upd", ascii: "upd" },
    format: " ($icon )$count( $security!) ",
    fields: &[
        Field::new("count", "number of packages that can be upgraded", Unit::Count),
        Field::new("security", "number of security updates among them, if any", Unit::Count),
        Field::new("manager", "the package manager", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(600)),
    priority: 30,
    open,
};

/// How often the command is run while the database does not change.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The timeout of one command.
const LIMIT: Duration = Duration::from_secs(25);

/// A package manager.
struct Manager {
    name: &'static str,
    /// Changes with each change of the packages; without it the manager is not used here.
    database: &'static str,
    command: &'static [&'static str],
    /// Exit statuses that do not mean a failure.
    fine: &'static [i32],
    /// Whether a line of the output is an update.
    update: fn(&str) -> bool,
    security: Security,
}

/// How security updates are recognised.
enum Security {
    Unknown,
    /// By the line of the update.
    Line(fn(&str) -> bool),
    /// By another command, with the same output.
    Command(&'static [&'static str]),
}

/// A package, a version and a repository.
fn three_words(line: &str) -> bool {
    !line.starts_with([' ', '\t']) && line.split_ascii_whitespace().count() == 3
}

fn any(line: &str) -> bool {
    !line.trim().is_empty()
}

/// The managers, in the order in which they are tried.
const MANAGERS: &[Manager] = &[
    Manager {
        name: "apt",
        database: "/var/lib/dpkg/status",
        command: &["apt", "-qq", "list", "--upgradable"],
        fine: &[0],
        update: |line| line.contains("[upgradable from"),
        security: Security::Line(|line| {
            line.split(' ').next().is_some_and(|suites| suites.contains("-security"))
        }),
    },
    Manager {
        name: "dnf",
        database: "/var/lib/rpm",
        command: &["dnf", "-q", "-C", "check-update"],
        fine: &[0, 100],
        update: three_words,
        security: Security::Command(&["dnf", "-q", "-C", "check-update", "--security"]),
    },
    Manager {
        name: "zypper",
        database: "/var/lib/rpm",
        command: &["zypper", "-q", "--no-refresh", "list-updates"],
        fine: &[0],
        update: |line| line.starts_with("v "),
        security: Security::Unknown,
    },
    Manager {
        name: "checkupdates",
        database: "/var/lib/pacman/local",
        command: &["checkupdates"],
        fine: &[0, 2],
        update: |line| line.contains(" -> "),
        security: Security::Unknown,
    },
    Manager {
        name: "pacman",
        database: "/var/lib/pacman/local",
        command: &["pacman", "-Qu"],
        fine: &[0, 1],
        update: |line| line.contains(" -> ") && !line.ends_with("[ignored]"),
        security: Security::Unknown,
    },
    Manager {
        name: "apk",
        database: "/lib/apk/db/installed",
        command: &["apk", "version", "-l", "<"],
        fine: &[0],
        update: |line| line.contains(" < "),
        security: Security::Unknown,
    },
    Manager {
        name: "xbps",
        database: "/var/db/xbps",
        command: &["xbps-install", "-nu"],
        fine: &[0],
        update: any,
        security: Security::Unknown,
    },
    Manager {
        name: "opkg",
        database: "/usr/lib/opkg/status",
        command: &["opkg", "list-upgradable"],
        fine: &[0],
        update: |line| line.contains(" - "),
        security: Security::Unknown,
    },
];

/// The words of the option: `auto` and the names of the managers.
const NAMES: &[&str] = &{
    let mut names = ["auto"; MANAGERS.len() + 1];
    let mut at = 0;
    while at < MANAGERS.len() {
        names[at + 1] = MANAGERS[at].name;
        at += 1;
    }
    names
};

/// The index of one of [`MANAGERS`]; `None` for the first that is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice(Option<usize>);

impl OptionValue for Choice {
    const TYPE: OptionType = OptionType::Choice(NAMES);

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let word = value.as_str().ok_or_else(|| expected(Self::TYPE, value))?;
        if word == "auto" {
            return Ok(Choice(None));
        }
        let at = MANAGERS.iter().position(|manager| manager.name == word);
        let unknown = || format!("expected {}, found {word:?}", Self::TYPE.describe());
        at.map(|at| Choice(Some(at))).ok_or_else(unknown)
    }

    fn to_toml(&self) -> toml::Value {
        self.0.map_or("auto", |at| MANAGERS[at].name).into()
    }
}

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Updates { options: Options::read(table)?, last: None }))
}

struct Updates {
    options: Options,
    last: Option<Asked>,
}

/// The last answer of a command.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Asked {
    /// The manager's index in [`MANAGERS`].
    manager: usize,
    /// In seconds since 1970, as it must stay valid over a restart of the machine.
    at: i64,
    /// When the database was changed, in nanoseconds since 1970.
    database: i128,
    found: Scan,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Scan {
    count: u32,
    security: u32,
}

impl Source for Updates {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let noted = match self.options.manager {
            Choice(None) => noted(machine).map(|found| ("update-notifier", found)),
            Choice(Some(_)) => None,
        };
        let asked = match noted {
            Some(noted) => Some(noted),
            None => self.ask(machine)?,
        };
        let Some((manager, Scan { count, security })) = asked else { return Ok(None) };
        if security == 0 && count < self.options.hide_when_below.max(1) {
            return Ok(None);
        }
        let level = if security > 0 { Level::Warning } else { Level::Info };
        let sample =
            Sample::new(level).with("count", Value::number(f64::from(count.max(security))));
        let sample = match security {
            0 => sample,
            security => sample.with("security", Value::number(f64::from(security))),
        };
        Ok(Some(sample.with("manager", Value::text(manager))))
    }

    /// `1 MANAGER SECONDS DATABASE COUNT SECURITY`.
    fn save(&self) -> Option<String> {
        let Asked { manager, at, database, found: Scan { count, security } } = self.last?;
        Some(format!("1 {} {at} {database} {count} {security}", MANAGERS[manager].name))
    }

    fn restore(&mut self, saved: &str) {
        // The saved answer may be from another worker and newer.
        let at = |asked: &Option<Asked>| asked.map_or(i64::MIN, |asked| asked.at);
        let other = parse_saved(saved);
        if at(&other) > at(&self.last) {
            self.last = other;
        }
    }
}

impl Updates {
    /// Asks the first manager that is found, or takes its last answer.
    fn ask(&mut self, machine: &Machine) -> Result<Option<(&'static str, Scan)>, Error> {
        let now = machine.now().timestamp();
        for (at, manager) in MANAGERS.iter().enumerate() {
            if matches!(self.options.manager, Choice(Some(wanted)) if wanted != at) {
                continue;
            }
            let Ok(facts) = machine.metadata(Path::new(manager.database)) else { continue };
            if let Some(last) = &self.last
                && last.manager == at
                && last.database == facts.modified
                && now.abs_diff(last.at) < MAX_AGE.as_secs()
            {
                return Ok(Some((manager.name, last.found)));
            }
            let Some(found) = manager.ask(machine)? else { continue };
            self.last = Some(Asked { manager: at, at: now, database: facts.modified, found });
            return Ok(Some((manager.name, found)));
        }
        Ok(None)
    }
}

impl Manager {
    /// `None`: its program is not installed.
    fn ask(&self, machine: &Machine) -> Result<Option<Scan>, Error> {
        let Some(printed) = machine.run_well(self.command, LIMIT, self.fine)? else {
            return Ok(None);
        };
        let lines = |printed: &[u8], counts: &dyn Fn(&str) -> bool| {
            let text = String::from_utf8_lossy(printed).into_owned();
            text.lines().filter(|line| (self.update)(line) && counts(line)).count() as u32
        };
        let count = lines(&printed, &|_| true);
        let security = match self.security {
            Security::Unknown => 0,
            Security::Line(is_one) => lines(&printed, &is_one),
            // Not run without updates.
            Security::Command(_) if count == 0 => 0,
            Security::Command(command) => machine
                .run_well(command, LIMIT, self.fine)?
                .map_or(0, |printed| lines(&printed, &|_| true)),
        };
        Ok(Some(Scan { count, security }))
    }
}

/// The numbers that Ubuntu's update-notifier wrote to its file.
fn noted(machine: &Machine) -> Option<Scan> {
    let text = machine.read("/var/lib/update-notifier/updates-available").ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut found = Scan::default();
    let mut any = false;
    for line in text.lines() {
        let Some(count) = line.split(' ').next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        // Updates for subscribers only (ESM) do not count.
        if line.contains("ESM") || line.contains("additional") {
            continue;
        }
        if line.contains("security") {
            found.security = count;
        } else if !any {
            (found.count, any) = (count, true);
        }
    }
    // A file without a number: there are no updates, or they were not checked.
    Some(found)
}

/// Parses what [`Updates::save`] wrote.
fn parse_saved(saved: &str) -> Option<Asked> {
    let mut words = saved.strip_prefix("1 ")?.split(' ');
    let name = words.next()?;
    let manager = MANAGERS.iter().position(|manager| manager.name == name)?;
    let at = words.next()?.parse().ok()?;
    let database = words.next()?.parse().ok()?;
    let found = Scan { count: words.next()?.parse().ok()?, security: words.next()?.parse().ok()? };
    Some(Asked { manager, at, database, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, opened, refused};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    /// Count, security and the level.
    fn shown(source: &mut dyn Source, machine: &Machine) -> Option<(f64, Option<f64>, Level)> {
        let sample = source.sample(machine, &Ask::default()).expect("no error")?;
        Some((number(&sample, "count")?, number(&sample, "security"), sample.level))
    }

    fn on(files: &[(&str, &str)]) -> Option<(f64, Option<f64>, Level)> {
        shown(&mut *opened(&SEGMENT, ""), &machine_with(files).1)
    }

    #[test]
    fn every_manager_can_be_chosen() {
        assert_eq!(NAMES[0], "auto");
        let ways: Vec<_> = MANAGERS.iter().map(|manager| manager.name).collect();
        assert_eq!(NAMES[1..], ways);
    }

    #[test]
    fn ubuntus_file_is_read() {
        const FILE: &str = "var/lib/update-notifier/updates-available";
        let new = "\nExpanded Security Maintenance for Applications is not enabled.\n\n\
            12 updates can be applied immediately.\n3 of these updates are standard security updates.\n\
            To see these additional updates run: apt list --upgradable\n\n\
            5 additional security updates can be applied with ESM Apps.\n";
        assert_eq!(on(&[(FILE, new)]), Some((12.0, Some(3.0), Level::Warning)));
        let old = "\n7 packages can be updated.\n0 updates are security updates.\n";
        assert_eq!(on(&[(FILE, old)]), Some((7.0, None, Level::Info)));
        assert_eq!(on(&[(FILE, "\n0 updates can be applied immediately.\n")]), None);
        assert_eq!(on(&[(FILE, "")]), None);
    }

    #[test]
    fn each_managers_output_is_parsed() {
        let apt = "libc6/stable-security 2.36-9+deb12u9 amd64 [upgradable from: 2.36-9+deb12u8]\n\
            vim/stable 2:9.0.1378-2 amd64 [upgradable from: 2:9.0.1-1]\nnoise\n";
        let found = on(&[("var/lib/dpkg/status", ""), ("commands/apt", apt)]);
        assert_eq!(found, Some((2.0, Some(1.0), Level::Warning)));
        let arch = "linux 6.9-1 -> 6.10-1\nvim 1 -> 2\n";
        let local = ("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
        assert_eq!(on(&[local, ("commands/checkupdates", arch)]), Some((2.0, None, Level::Info)));
        let qu = "linux 6.9-1 -> 6.10-1 [ignored]\nvim 1 -> 2\n";
        assert_eq!(on(&[local, ("commands/pacman", qu)]), Some((1.0, None, Level::Info)));
        let dnf = "\nkernel.x86_64   6.9.4-200.fc40   updates\nvim.x86_64  1  updates\n";
        let security = "\nkernel.x86_64   6.9.4-200.fc40   updates\n";
        let found = on(&[
            ("var/lib/rpm/rpmdb.sqlite", ""),
            ("commands/dnf -q -C check-update", dnf),
            ("commands/dnf -q -C check-update --security", security),
        ]);
        assert_eq!(found, Some((2.0, Some(1.0), Level::Warning)));
        let apk = "Installed:   Available:\nbusybox-1.36.1-r0   < 1.36.1-r5\n";
        assert_eq!(
            on(&[("lib/apk/db/installed", ""), ("commands/apk", apk)]),
            Some((1.0, None, Level::Info))
        );
    }

    #[test]
    fn without_a_manager_nothing_is_shown() {
        assert_eq!(on(&[]), None);
        assert_eq!(on(&[("var/lib/dpkg/status", "")]), None, "no program");
        let files = [("var/lib/dpkg/status", ""), ("commands/apt", "a [upgradable from: 1]\n")];
        let (_dir, machine) = machine_with(&files);
        assert!(shown(&mut *opened(&SEGMENT, "manager = 'apt'"), &machine).is_some());
        assert_eq!(shown(&mut *opened(&SEGMENT, "manager = 'pacman'"), &machine), None);
        refused(&SEGMENT, "manager = 'rm'");
    }

    /// What a machine that was asked at noon shows later, when the command finds no updates any
    /// more, and what is saved.
    fn later(clock: &str, times: &str) -> Option<(f64, Option<f64>, Level)> {
        let on = |clock: &str, times: &str, apt: &str| {
            let database = ("var/lib/dpkg/status", "");
            machine_with(&[database, ("clock", clock), ("times", times), ("commands/apt", apt)])
        };
        let noon = on(
            "2026-11-23T12:00:00+00:00",
            "/var/lib/dpkg/status 100 0\n",
            "a [upgradable from: 1]\n",
        );
        let mut first = opened(&SEGMENT, "");
        assert!(shown(&mut *first, &noon.1).is_some());
        let mut second = opened(&SEGMENT, "");
        second.restore(&first.save().expect("an answer"));
        shown(&mut *second, &on(clock, times, "").1)
    }

    #[test]
    fn a_command_is_run_once_an_hour_or_when_the_packages_changed() {
        let same = "/var/lib/dpkg/status 100 0\n";
        assert!(later("2026-11-23T12:59:59+00:00", same).is_some(), "within the hour");
        assert_eq!(later("2026-11-23T13:00:00+00:00", same), None, "an hour later");
        let changed = "/var/lib/dpkg/status 101 0\n";
        assert_eq!(later("2026-11-23T12:01:00+00:00", changed), None, "after an upgrade");
    }

    #[test]
    fn only_a_newer_answer_is_restored() {
        for saved in ["", "1", "1 apt", "2 apt 1 1 1 1", "1 rm 1 1 1 1", "1 apt x 1 1 1"] {
            assert_eq!(parse_saved(saved), None, "{saved:?}");
        }
        let mut source = Updates {
            options: Options::read(&toml::Table::new()).expect("defaults"),
            last: parse_saved("1 apt 200 5 7 0"),
        };
        source.restore("1 apt 100 4 9 0");
        assert_eq!(source.save().as_deref(), Some("1 apt 200 5 7 0"));
        source.restore("1 apt 300 6 1 1");
        assert_eq!(source.save().as_deref(), Some("1 apt 300 6 1 1"));
    }

    #[test]
    fn a_server_has_security_updates() {
        let found = shown(&mut *opened(&SEGMENT, ""), &fixture("server"));
        assert_eq!(found, Some((9.0, Some(2.0), Level::Warning)));
    }
}

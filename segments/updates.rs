//! How many packages can be upgraded, and how many of those for security's sake.
//!
//! - Ubuntu keeps the answer in a file. Elsewhere the system's own package manager is asked, by a
//!   command that changes nothing and goes by what it has already fetched, where it can tell.
//! - A command is run once an hour and, so that an upgrade shows soon, when the packages' database
//!   changed. `interval` sets how often that is looked for.
//! - Security updates are a warning, others are news.

use std::path::Path;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, OptionType, Pace, Scope, Shape, Source, Unit,
    Where, expected,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

crate::options! {
    /// Who is asked: `auto` for whoever has a database here, or one of them by name.
    manager: Manager = Manager(None),
    /// Updates below which nothing is shown, unless some are for security.
    hide_below("hide-below"): u32 = 1u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "updates",
    about: "How many packages can be upgraded.",
    icons: Icons { nerd: "\u{f03d7}", unicode: "upd", ascii: "upd" },
    format: " ($icon )$count( $security!) ",
    fields: &[
        Field::new("count", "packages that can be upgraded", Unit::Count),
        Field::new("security", "those among them that mend a weakness, if any", Unit::Count),
        Field::new("manager", "who says so", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Worker,
    pace: Pace::Tick(Duration::from_secs(600)),
    priority: 30,
    open,
};

/// How often a command is run at most while the database stays as it is.
const OFTEN: Duration = Duration::from_secs(3600);
/// How long one command may run.
const LIMIT: Duration = Duration::from_secs(25);

/// A way to find out.
struct Way {
    name: &'static str,
    /// What changes with every change of the packages; without it the way is not for this machine.
    database: &'static str,
    command: &'static [&'static str],
    /// Exit statuses that are no failure.
    fine: &'static [i32],
    /// Whether a line of the output is an update.
    update: fn(&str) -> bool,
    security: Security,
}

/// How security updates are told.
enum Security {
    Unknown,
    /// By a line that is an update.
    Line(fn(&str) -> bool),
    /// By a command of their own, whose lines are told like the others'.
    Command(&'static [&'static str]),
}

/// A package, then a version, then where from.
fn three_words(line: &str) -> bool {
    !line.starts_with([' ', '\t']) && line.split_ascii_whitespace().count() == 3
}

fn any(line: &str) -> bool {
    !line.trim().is_empty()
}

/// Who is asked, the first whose database and program are there.
static WAYS: &[Way] = &[
    Way {
        name: "apt",
        database: "/var/lib/dpkg/status",
        command: &["apt", "-qq", "list", "--upgradable"],
        fine: &[0],
        update: |line| line.contains("[upgradable from"),
        security: Security::Line(|line| {
            line.split(' ').next().is_some_and(|suites| suites.contains("-security"))
        }),
    },
    Way {
        name: "dnf",
        database: "/var/lib/rpm",
        command: &["dnf", "-q", "-C", "check-update"],
        fine: &[0, 100],
        update: three_words,
        security: Security::Command(&["dnf", "-q", "-C", "check-update", "--security"]),
    },
    Way {
        name: "zypper",
        database: "/var/lib/rpm",
        command: &["zypper", "-q", "--no-refresh", "list-updates"],
        fine: &[0],
        update: |line| line.starts_with("v "),
        security: Security::Unknown,
    },
    Way {
        name: "checkupdates",
        database: "/var/lib/pacman/local",
        command: &["checkupdates"],
        fine: &[0, 2],
        update: |line| line.contains(" -> "),
        security: Security::Unknown,
    },
    Way {
        name: "pacman",
        database: "/var/lib/pacman/local",
        command: &["pacman", "-Qu"],
        fine: &[0, 1],
        update: |line| line.contains(" -> ") && !line.ends_with("[ignored]"),
        security: Security::Unknown,
    },
    Way {
        name: "apk",
        database: "/lib/apk/db/installed",
        command: &["apk", "version", "-l", "<"],
        fine: &[0],
        update: |line| line.contains(" < "),
        security: Security::Unknown,
    },
    Way {
        name: "xbps",
        database: "/var/db/xbps",
        command: &["xbps-install", "-nu"],
        fine: &[0],
        update: any,
        security: Security::Unknown,
    },
    Way {
        name: "opkg",
        database: "/usr/lib/opkg/status",
        command: &["opkg", "list-upgradable"],
        fine: &[0],
        update: |line| line.contains(" - "),
        security: Security::Unknown,
    },
    Way {
        name: "brew",
        database: "/opt/homebrew/Cellar",
        command: &["brew", "outdated", "-q"],
        fine: &[0],
        update: any,
        security: Security::Unknown,
    },
];

const NAMES: &[&str] =
    &["auto", "apt", "dnf", "zypper", "checkupdates", "pacman", "apk", "xbps", "opkg", "brew"];

/// One of [`WAYS`] by its place; `None`: whichever is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Manager(Option<usize>);

impl OptionType for Manager {
    const SHAPE: Shape = Shape::Choice(NAMES);

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let word = value.as_str().ok_or_else(|| expected(Self::SHAPE, value))?;
        if word == "auto" {
            return Ok(Manager(None));
        }
        let at = WAYS.iter().position(|way| way.name == word);
        let unknown = || format!("expected {}, found {word:?}", Self::SHAPE.describe());
        at.map(|at| Manager(Some(at))).ok_or_else(unknown)
    }

    fn to_toml(&self) -> toml::Value {
        self.0.map_or("auto", |at| WAYS[at].name).into()
    }
}

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Updates { options: Options::read(table)?, last: None }))
}

struct Updates {
    options: Options,
    last: Option<Asked>,
}

/// What a command said, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Asked {
    /// The way's place in [`WAYS`].
    way: usize,
    /// Seconds since 1970: it must hold over a restart of the machine.
    at: i64,
    /// When the database was changed, in nanoseconds since 1970.
    database: i128,
    found: Found,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Found {
    count: u32,
    security: u32,
}

impl Source for Updates {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let noted = match self.options.manager {
            Manager(None) => noted(machine).map(|found| ("update-notifier", found)),
            Manager(Some(_)) => None,
        };
        let asked = match noted {
            Some(noted) => Some(noted),
            None => self.ask(machine)?,
        };
        let Some((manager, Found { count, security })) = asked else { return Ok(None) };
        if security == 0 && count < self.options.hide_below.max(1) {
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

    /// `1 WAY SECONDS DATABASE COUNT SECURITY`.
    fn memo(&self) -> Option<String> {
        let Asked { way, at, database, found: Found { count, security } } = self.last?;
        Some(format!("1 {} {at} {database} {count} {security}", WAYS[way].name))
    }

    fn recall(&mut self, memo: &str) {
        // Another worker may know better.
        let at = |asked: &Option<Asked>| asked.map_or(i64::MIN, |asked| asked.at);
        let other = remembered(memo);
        if at(&other) > at(&self.last) {
            self.last = other;
        }
    }
}

impl Updates {
    /// Asks whoever is there, or takes what it said lately.
    fn ask(&mut self, machine: &Machine) -> Result<Option<(&'static str, Found)>, Error> {
        let now = machine.now().timestamp();
        for (at, way) in WAYS.iter().enumerate() {
            if matches!(self.options.manager, Manager(Some(wanted)) if wanted != at) {
                continue;
            }
            let Ok(facts) = machine.metadata(Path::new(way.database)) else { continue };
            if let Some(last) = &self.last
                && last.way == at
                && last.database == facts.modified
                && now.abs_diff(last.at) < OFTEN.as_secs()
            {
                return Ok(Some((way.name, last.found)));
            }
            let Some(found) = way.ask(machine)? else { continue };
            self.last = Some(Asked { way: at, at: now, database: facts.modified, found });
            return Ok(Some((way.name, found)));
        }
        Ok(None)
    }
}

impl Way {
    /// `None`: its program is not here.
    fn ask(&self, machine: &Machine) -> Result<Option<Found>, Error> {
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
            // One command less where there is nothing to find.
            Security::Command(_) if count == 0 => 0,
            Security::Command(command) => machine
                .run_well(command, LIMIT, self.fine)?
                .map_or(0, |printed| lines(&printed, &|_| true)),
        };
        Ok(Some(Found { count, security }))
    }
}

/// What Ubuntu's update-notifier wrote down.
fn noted(machine: &Machine) -> Option<Found> {
    let text = machine.read("/var/lib/update-notifier/updates-available").ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut found = Found::default();
    let mut any = false;
    for line in text.lines() {
        let Some(count) = line.split(' ').next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        // What only subscribers get (ESM) cannot be had.
        if line.contains("ESM") || line.contains("additional") {
            continue;
        }
        if line.contains("security") {
            found.security = count;
        } else if !any {
            (found.count, any) = (count, true);
        }
    }
    // A file without a number: nothing can be upgraded, or nobody looked.
    Some(found)
}

/// Reads what [`Updates::memo`] wrote; `None` if it is anything else.
fn remembered(memo: &str) -> Option<Asked> {
    let mut words = memo.strip_prefix("1 ")?.split(' ');
    let name = words.next()?;
    let way = WAYS.iter().position(|way| way.name == name)?;
    let at = words.next()?.parse().ok()?;
    let database = words.next()?.parse().ok()?;
    let found = Found { count: words.next()?.parse().ok()?, security: words.next()?.parse().ok()? };
    Some(Asked { way, at, database, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn source(options: &str) -> Box<dyn Source> {
        open(&options.parse().expect("TOML")).expect("good options")
    }

    /// Count, security and the level.
    fn shown(source: &mut dyn Source, machine: &Machine) -> Option<(f64, Option<f64>, Level)> {
        let sample = source.sample(machine, &Ask::default()).expect("no error")?;
        let number = |field| sample.get(field).and_then(Value::as_number);
        Some((number("count")?, number("security"), sample.level))
    }

    fn on(files: &[(&str, &str)]) -> Option<(f64, Option<f64>, Level)> {
        shown(&mut *source(""), &machine_with(files).1)
    }

    #[test]
    fn every_way_can_be_chosen() {
        assert_eq!(NAMES[0], "auto");
        let ways: Vec<_> = WAYS.iter().map(|way| way.name).collect();
        assert_eq!(NAMES[1..], ways);
    }

    #[test]
    fn ubuntu_has_written_it_down() {
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
    fn package_managers_are_asked_in_their_own_words() {
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
        assert!(shown(&mut *source("manager = 'apt'"), &machine).is_some());
        assert_eq!(shown(&mut *source("manager = 'pacman'"), &machine), None);
        assert!(open(&"manager = 'rm'".parse().expect("TOML")).is_err());
    }

    /// What a machine that was asked at noon shows later, when the command says that nothing is
    /// left; and what of it is remembered.
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
        let mut first = source("");
        assert!(shown(&mut *first, &noon.1).is_some());
        let mut second = source("");
        second.recall(&first.memo().expect("an answer"));
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
    fn only_what_is_newer_is_taken_over() {
        for memo in ["", "1", "1 apt", "2 apt 1 1 1 1", "1 rm 1 1 1 1", "1 apt x 1 1 1"] {
            assert_eq!(remembered(memo), None, "{memo:?}");
        }
        let mut source = Updates {
            options: Options::read(&toml::Table::new()).expect("defaults"),
            last: remembered("1 apt 200 5 7 0"),
        };
        source.recall("1 apt 100 4 9 0");
        assert_eq!(source.memo().as_deref(), Some("1 apt 200 5 7 0"));
        source.recall("1 apt 300 6 1 1");
        assert_eq!(source.memo().as_deref(), Some("1 apt 300 6 1 1"));
    }

    #[test]
    fn a_server_has_security_updates() {
        let found = shown(&mut *source(""), &fixture("server"));
        assert_eq!(found, Some((9.0, Some(2.0), Level::Warning)));
    }
}

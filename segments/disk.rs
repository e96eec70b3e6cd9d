//! How full a file system is, from `statvfs`. Sizes are in bytes, usages in percent.
//!
//! - *Usage* is what `df` shows: used space of what users can have, without the superuser's
//!   reserve. A disk is full when users cannot write any more.
//! - It runs in a worker: a mount whose server is away blocks only that.
//! - A file system that cannot fill up (`/proc`, `/sys`) is refused, not shown as 0 %.
//! - Running out of inodes is as bad as running out of bytes: the level follows the fuller of both.

use std::path::Path;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, Space};

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Unmounted = "unmounted" }
}

options! {
    /// A path in the file system, from `/`.
    path: String = "/",
    /// `unmounted`: hidden while nothing is mounted exactly at `path`, such as a removable disk.
    hide_when: HideWhen = HideWhen::Never,
    /// Hidden below this usage in percent.
    hide_when_below: f64 = 0.0,
    /// Usage of bytes or inodes in percent from which the level is `warning`.
    warning: f64 = 85.0,
    /// Usage of bytes or inodes in percent from which the level is `critical`.
    critical: f64 = 95.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "disk",
    about: "How full a file system is.",
    icons: Icons { nerd: "\u{f02ca}", unicode: "disk", ascii: "disk" },
    format: " ($icon )($name )$used.eng(w:3) $usage.pct(w:2) ",
    fields: &[
        Field::new("used", "used space", Unit::Bytes),
        Field::new("free", "space that users can still use", Unit::Bytes),
        Field::new("total", "size of the file system", Unit::Bytes),
        Field::new("usage", "used space of what users can have", Unit::Percent),
        Field::new("inodes", "used inodes, if their number is limited", Unit::Percent),
        Field::new("inodes_free", "free inodes, if their number is limited", Unit::Count),
        Field::new("path", "the path", Unit::Text),
        Field::new("name", "the path's last part; none for `/`", Unit::Text),
        Field::new("kind", "type of the file system", Unit::Text),
        Field::new("device", "the mounted device", Unit::Text),
        Field::new("history", "history of the usage", Unit::History("usage")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(15)),
    priority: 40,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if !options.path.starts_with('/') {
        let message = "expected a path from `/`".into();
        return Err(OptionError { key: "path".into(), message });
    }
    Ok(Box::new(Disk { options, level: Level::Idle }))
}

struct Disk {
    options: Options,
    level: Level,
}

impl Source for Disk {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let path = Path::new(&self.options.path);
        let mount = machine.mount_of(path);
        if self.options.hide_when == HideWhen::Unmounted
            && mount.as_ref().is_none_or(|mount| mount.point != path)
        {
            return Ok(None);
        }
        if let Some(pseudo) = mount.as_ref().filter(|mount| mount.is_pseudo()) {
            let what = format!("{} is a {}, which cannot fill up", path.display(), pseudo.kind);
            return Err(Error::Other(what));
        }
        let space = match machine.space(path) {
            Ok(space) => space,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(Error::Read { path: path.into(), cause }),
        };
        let Some(Fill { used, available, usage, inodes }) = Fill::of(&space) else {
            return Ok(None);
        };
        let fuller = inodes.unwrap_or(0.0).max(usage);
        self.level = self.level.settle(fuller, self.options.warning, self.options.critical);
        if fuller < self.options.hide_when_below {
            return Ok(None);
        }
        let whole = used.saturating_add(available) as f64;
        let mut sample = Sample::new(self.level)
            .with("used", Value::of(used as f64, whole))
            .with("free", Value::of(available as f64, whole))
            .with("total", Value::number(space.total as f64))
            .with("usage", Value::percent(usage));
        if let Some(inodes) = inodes {
            sample = sample
                .with("inodes", Value::percent(inodes))
                .with("inodes_free", Value::number(space.inodes_free as f64));
        }
        if let Some(mount) = mount {
            sample = sample
                .with("kind", Value::text(mount.kind))
                .with("device", Value::text(Untrusted::new(mount.from)));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(
            sample.with("path", Value::text(&*self.options.path)).with("name", Value::text(name)),
        ))
    }

    fn save(&self) -> Option<String> {
        self.level.save()
    }

    fn restore(&mut self, saved: &str) {
        self.level.restore(saved);
    }
}

/// How full a file system is, with absurd values corrected.
struct Fill {
    used: u64,
    available: u64,
    usage: f64,
    inodes: Option<f64>,
}

impl Fill {
    /// `None` if the file system has no space at all.
    fn of(space: &Space) -> Option<Fill> {
        let used = space.total.checked_sub(space.free)?;
        let available = space.available.min(space.free);
        let whole = used.saturating_add(available);
        if whole == 0 {
            return None;
        }
        let inodes = (space.inodes > 0).then(|| {
            let used = space.inodes.saturating_sub(space.inodes_free);
            100.0 * used as f64 / space.inodes as f64
        });
        Some(Fill { used, available, usage: 100.0 * used as f64 / whole as f64, inodes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, opened, refused};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    const MOUNTS: &str = "27 1 8:2 / / rw - ext4 /dev/sda2 rw\n22 27 0:21 / /proc rw - proc proc rw\n\
        31 27 8:3 / /mnt/back\\040up rw - xfs /dev/sda3 rw\n";

    fn read(options: &str, machine: &Machine) -> Result<Option<Sample>, String> {
        let mut source = opened(&SEGMENT, options);
        source.sample(machine, &Ask::default()).map_err(|error| error.to_string())
    }

    fn on(space: &str, options: &str) -> Option<Sample> {
        let (_dir, machine) = machine_with(&[("proc/self/mountinfo", MOUNTS), ("space", space)]);
        read(options, &machine).expect("no error")
    }

    #[test]
    fn the_superusers_reserve_does_not_count() {
        let sample = on("/ 1000 300 200 0 0\n", "").expect("a disk");
        assert_eq!((number(&sample, "used"), number(&sample, "free")), (Some(700.0), Some(200.0)));
        assert_eq!(number(&sample, "usage").map(f64::round), Some(78.0));
        assert_eq!(sample.get("inodes"), None);
        assert_eq!(sample.get("name"), Some(&Value::text("")));
    }

    #[test]
    fn used_up_inodes_make_a_disk_full() {
        let sample = on("/ 1000 900 900 100 2\n", "").expect("a disk");
        assert_eq!((number(&sample, "inodes"), sample.level), (Some(98.0), Level::Critical));
    }

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        let sample = on("/home 10 5 5 0 0\n", "path = '/home'").expect("a disk");
        assert_eq!(sample.get("name"), Some(&Value::text("home")));
        assert_eq!(sample.get("device"), Some(&Value::text("/dev/sda2")));
    }

    #[test]
    fn missing_and_pseudo_file_systems_are_not_shown() {
        let (_dir, machine) =
            machine_with(&[("proc/self/mountinfo", MOUNTS), ("space", "/proc 0 0 0 0 0")]);
        let error = read("path = '/proc'", &machine).expect_err("refused");
        assert_eq!(error, "/proc is a proc, which cannot fill up");
        assert_eq!(read("path = '/gone'", &machine), Ok(None));
        assert_eq!(on("/home 10 5 5 0 0\n", "path = '/home'\nhide-when = \"unmounted\""), None);
        assert!(on("/ 10 5 5 0 0\n", "hide-when = \"unmounted\"").is_some());
        refused(&SEGMENT, "path = 'home'");
    }

    #[test]
    fn absurd_numbers_are_refused_or_limited() {
        let most = u64::MAX;
        assert_eq!(on("/ 0 0 0 0 0\n", ""), None);
        assert_eq!(on("/ 5 9 9 0 0\n", ""), None);
        let sample = on(&format!("/ {most} 0 {most} 5 9\n"), "").expect("full");
        assert_eq!((number(&sample, "usage"), number(&sample, "inodes")), (Some(100.0), Some(0.0)));
    }

    #[test]
    fn a_level_is_saved_for_the_next_worker() {
        let mut source = open(&toml::Table::new()).expect("good options");
        source.restore("warning");
        let (_dir, machine) = machine_with(&[("space", "/ 100 16 16 0 0\n")]);
        let sample = source.sample(&machine, &Ask::default()).expect("readable").expect("a disk");
        assert_eq!(sample.level, Level::Warning, "84 % is within the slack");
        assert_eq!(source.save().as_deref(), Some("warning"));
        source.restore("nonsense");
    }

    #[test]
    fn a_laptop_has_its_disk() {
        let sample = read("", &fixture("laptop")).expect("readable").expect("a disk");
        assert_eq!(number(&sample, "usage").map(f64::round), Some(59.0));
    }
}

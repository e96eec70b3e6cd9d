//! Arrays and pools of disks that are not in order: Linux' own RAID (md), from `/proc/mdstat`, and
//! pools of ZFS. Progress is in percent.
//!
//! Hidden while all is in order. An array that lacks a disk and is not being repaired is one
//! failure away from data loss: critical. One that is being repaired is a warning, a routine check
//! only information.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Ok = "ok" }
}

options! {
    /// `ok`: hidden while all arrays and pools are in order.
    hide_when: HideWhen = HideWhen::Ok,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "raid",
    about: "Arrays and pools of disks that lack a disk, or are being repaired or checked.",
    icons: Icons { nerd: "\u{f01bc}", unicode: "raid", ascii: "raid" },
    format: " ($icon )($name )$state( $progress.pct(w:1))( $remaining) ",
    fields: &[
        Field::new("name", "the array or pool in the worst state", Unit::Text),
        Field::new(
            "state",
            "`degraded`, `inactive`, `recovery`, `resync`, `reshape`, `check`, a pool's own word, or `ok`",
            Unit::Text,
        ),
        Field::new("progress", "progress of the repair or check", Unit::Percent),
        Field::new("remaining", "remaining time of the repair or check", Unit::Duration),
        Field::new("arrays", "number of arrays and pools", Unit::Count),
        Field::new("troubled", "number of those that are not in order", Unit::Count),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(30)),
    priority: 60,
    open,
};

/// The most arrays, and the most pools, that are read.
const MAX_ARRAYS: usize = 256;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Raid { options: Options::read(table)? }))
}

struct Raid {
    options: Options,
}

#[derive(Debug, PartialEq)]
struct Array {
    name: String,
    level: Level,
    state: String,
    /// In percent.
    progress: Option<f64>,
    remaining: Option<Duration>,
}

impl Source for Raid {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let table = machine.read("/proc/mdstat").unwrap_or_default();
        let mut arrays = arrays(&String::from_utf8_lossy(&table));
        arrays.extend(pools(machine));
        let troubled = arrays.iter().filter(|array| array.level > Level::Good).count();
        // The first among equals.
        let Some(worst) = arrays.iter().rev().max_by_key(|array| array.level) else {
            return Ok(None);
        };
        if worst.level <= Level::Good && self.options.hide_when == HideWhen::Ok {
            return Ok(None);
        }
        // No name if all are in order.
        let name = if worst.level > Level::Good { &*worst.name } else { "" };
        let sample = Sample::new(worst.level)
            .with("name", Value::text(name))
            .with("state", Value::text(Untrusted::new(&worst.state)))
            .with_some("progress", worst.progress.map(Value::percent))
            .with_some("remaining", worst.remaining.map(Value::Duration));
        Ok(Some(
            sample
                .with("arrays", Value::number(arrays.len() as f64))
                .with("troubled", Value::number(troubled as f64)),
        ))
    }
}

/// The arrays in the text of `/proc/mdstat`: each begins with a line that starts with its name, and
/// continues in indented lines.
fn arrays(text: &str) -> Vec<Array> {
    let mut found: Vec<Array> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(array) = found.last_mut() {
                detail(array, line);
            }
        } else if found.len() < MAX_ARRAYS
            && line.starts_with("md")
            && let Some((name, rest)) = line.split_once(" :")
        {
            let inactive = rest.split_ascii_whitespace().next() == Some("inactive");
            let (level, state) =
                if inactive { (Level::Critical, "inactive") } else { (Level::Good, "ok") };
            let (name, state) = (name.trim().to_owned(), state.to_owned());
            found.push(Array { name, level, state, progress: None, remaining: None });
        }
    }
    found
}

/// Reads an indented line, with the disks (`136448 blocks [2/1] [_U]`) or the progress (`[=>…]
/// recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec`).
fn detail(array: &mut Array, line: &str) {
    const REPAIRS: [&str; 4] = ["recovery", "reshape", "resync", "repair"];
    let counts = line.split_ascii_whitespace().find_map(|word| {
        let (wanted, there) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((wanted.parse::<u32>().ok()?, there.parse::<u32>().ok()?))
    });
    if counts.is_some_and(|(wanted, there)| there < wanted) && array.level < Level::Critical {
        (array.level, array.state) = (Level::Critical, "degraded".into());
    }
    let Some((before, after)) =
        line.split_once('=').map(|(before, rest)| match before.contains('[') {
            // The first `=` belongs to the bar.
            true => line
                .split_once("] ")
                .and_then(|(_, rest)| rest.split_once('='))
                .unwrap_or((before, rest)),
            false => (before, rest),
        })
    else {
        return;
    };
    let word = before.trim();
    let lacking = array.state == "degraded";
    if REPAIRS.contains(&word) {
        // An array that is synchronized for the first time lacks no disk, but does not protect yet.
        (array.level, array.state) = (Level::Warning, word.into());
    } else if word == "check" {
        if lacking {
            return;
        }
        (array.level, array.state) = (Level::Info, word.into());
    } else {
        return;
    }
    let mut words = after.split_ascii_whitespace();
    let percent = words.next().and_then(|word| word.strip_suffix('%')?.parse::<f64>().ok());
    // `resync=DELAYED` has no percentage.
    array.progress = percent.filter(|percent| (0.0..=100.0).contains(percent));
    array.remaining = words.find_map(|word| {
        let minutes: f64 = word.strip_prefix("finish=")?.strip_suffix("min")?.parse().ok()?;
        Duration::try_from_secs_f64(minutes * 60.0).ok()
    });
}

/// The pools of ZFS, as its kernel module lists them.
fn pools(machine: &Machine) -> Vec<Array> {
    const DIR: &str = "/proc/spl/kstat/zfs";
    let entries = machine.list(DIR).unwrap_or_default();
    let pools = entries.into_iter().filter(|entry| entry.is_dir).filter_map(|entry| {
        let state = machine.read(format!("{DIR}/{}/state", entry.name.to_str()?)).ok()?;
        let state = String::from_utf8_lossy(&state).trim().to_ascii_lowercase();
        let (level, state) = match &*state {
            "" => return None,
            "online" => (Level::Good, "ok".to_owned()),
            _ => (Level::Critical, state),
        };
        let name = entry.name.to_str()?.to_owned();
        Some(Array { name, level, state, progress: None, remaining: None })
    });
    pools.take(MAX_ARRAYS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    const HEALTHY: &str = "Personalities : [raid1] [raid6] [raid5] [raid4]\n\
        md127 : active raid1 sdb1[1] sda1[0]\n      523264 blocks super 1.2 [2/2] [UU]\n      \n\
        unused devices: <none>\n";
    const TROUBLED: &str = "Personalities : [raid1] [raid5]\n\
        md1 : active raid1 sdb2[1] sda2[0](F)\n      136448 blocks [2/1] [_U]\n\n\
        md0 : active raid5 sdi1[6] sdh1[5](F) sda1[0]\n\
        \x20     1318680576 blocks level 5, 1024k chunk, algorithm 2 [10/9] [UUUUUUU_UU]\n\
        \x20     [=>...................]  recovery = 12.6% (37043392/292945152) finish=127.5min speed=33440K/sec\n\
        \x20     bitmap: 0/2 pages [0KB], 65536KB chunk\n\n\
        md2 : active raid1 sdc1[0] sdd1[1]\n      1 blocks [2/2] [UU]\n\
        \x20     [==>..]  check =  5.0% (5/100) finish=1.0min speed=1K/sec\n\
        md3 : inactive sde1[0](S)\n      8 blocks\nmd4 : active raid1 a b\n      9 blocks [2/2] [UU]\n        resync=DELAYED\n";

    #[test]
    fn each_array_has_its_state() {
        let arrays = arrays(TROUBLED);
        let states: Vec<_> = arrays.iter().map(|a| (&*a.name, &*a.state, a.level)).collect();
        assert_eq!(
            states,
            [
                ("md1", "degraded", Level::Critical),
                ("md0", "recovery", Level::Warning),
                ("md2", "check", Level::Info),
                ("md3", "inactive", Level::Critical),
                ("md4", "resync", Level::Warning),
            ]
        );
        assert_eq!(
            (arrays[1].progress, arrays[1].remaining),
            (Some(12.6), Some(Duration::from_secs(7650)))
        );
        assert_eq!((arrays[4].progress, arrays[4].remaining), (None, None));
    }

    #[test]
    fn the_worst_is_shown_and_ok_only_on_request() {
        let (_dir, machine) = machine_with(&[("proc/mdstat", TROUBLED)]);
        let sample = sample_with(&SEGMENT, "", &machine).expect("trouble");
        assert_eq!(
            (sample.level, sample.get("name")),
            (Level::Critical, Some(&Value::text("md1")))
        );
        assert_eq!(sample.get("troubled"), Some(&Value::number(5.0)));
        let (_dir, machine) = machine_with(&[("proc/mdstat", HEALTHY)]);
        assert_eq!(sample_with(&SEGMENT, "", &machine), None);
        let sample = sample_with(&SEGMENT, "hide-when = \"never\"", &machine).expect("asked for");
        assert_eq!((sample.level, sample.get("state")), (Level::Good, Some(&Value::text("ok"))));
    }

    #[test]
    fn a_pool_has_the_state_that_it_reports() {
        let (_dir, machine) = machine_with(&[
            ("proc/spl/kstat/zfs/tank/state", "DEGRADED\n"),
            ("proc/spl/kstat/zfs/rpool/state", "ONLINE\n"),
            ("proc/spl/kstat/zfs/arcstats", "1 2\n"),
        ]);
        let sample = sample_with(&SEGMENT, "", &machine).expect("trouble");
        assert_eq!(sample.get("state"), Some(&Value::text("degraded")));
        assert_eq!(
            (sample.get("name"), sample.get("arrays")),
            (Some(&Value::text("tank")), Some(&Value::number(2.0)))
        );
    }

    #[test]
    fn a_repair_is_shown_and_malformed_text_is_ignored() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("recovery");
        assert_eq!(
            (sample.level, sample.get("state")),
            (Level::Warning, Some(&Value::text("recovery")))
        );
        for text in
            ["", "md\n [1/", "md0 :\n [9/1] =\n [= = =", "md : x\n recovery = nan% finish=-1min\n"]
        {
            for array in arrays(text) {
                assert!(array.progress.is_none() && array.remaining.is_none(), "{array:?}");
            }
        }
    }
}

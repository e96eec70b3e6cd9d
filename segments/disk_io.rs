//! What the disks read and write, in bytes per second, and how busy they are, in percent of time;
//! from `/proc/diskstats`.
//!
//! - All physical disks together, each counted once: no partitions, no devices on top of others
//!   (LVM, RAID, encryption), no disks in memory. `busy` is that of the busiest one: two disks that
//!   are half busy are not one that is full.
//! - `disk` selects one device instead: a disk, a partition (`sda2`), or the device of a mount.
//! - When a counter goes backwards, the last rates are kept.
//! - A busy solid-state disk may still have capacity left, so the level rises late.

use std::path::Path;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::rate::Meter;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Disk, DiskReader, Machine};

options! {
    /// A disk or partition (`sda`), or a mount (`/home`); empty: all physical disks.
    disk: String = "",
    /// Hidden while both reading and writing are below this many bytes per second.
    hide_when_below: f64 = 0.0,
    /// Busy time in percent from which the level is `warning`; above 100: never.
    warning: f64 = 95.0,
    /// Busy time in percent from which the level is `critical`; above 100: never.
    critical: f64 = 101.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "disk-io",
    about: "What the disks read and write, and how busy they are.",
    icons: Icons { nerd: "\u{f0a0}", unicode: "io", ascii: "io" },
    format: " ($icon )[r](label)$read.eng(w:2) [w](label)$write.eng(w:2) $history.spark(w:8,max:100) ",
    fields: &[
        Field::new("read", "bytes read per second", Unit::Bytes),
        Field::new("write", "bytes written per second", Unit::Bytes),
        Field::new("busy", "share of time in which the busiest disk was working", Unit::Percent),
        Field::new("disks", "number of disks", Unit::Count),
        Field::new("history", "history of `busy`", Unit::History("busy")),
        Field::new("read_history", "history of `read`", Unit::History("read")),
        Field::new("write_history", "history of `write`", Unit::History("write")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Tick(Duration::from_secs(1)),
    priority: 35,
    open,
};

/// The most disks that are counted.
const MAX_DISKS: usize = 1024;
/// Readings after which the device of a mount is looked up again, as it may have changed.
const DEVICE_READINGS: u32 = 30;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(DiskIo {
        options: Options::read(table)?,
        reader: DiskReader::default(),
        device: None,
        meters: Vec::new(),
        level: Level::Idle,
    }))
}

struct DiskIo {
    options: Options,
    reader: DiskReader,
    /// The device of the chosen mount, and for how many more readings it is used.
    device: Option<(Device, u32)>,
    /// For each disk by its number: read, written, busy.
    meters: Vec<((u32, u32), Meter<3>)>,
    level: Level,
}

/// Which row of the table is meant.
#[derive(Clone, Debug, PartialEq)]
enum Device {
    Number(u32, u32),
    /// For a file system without a device number of its own (btrfs).
    Name(String),
}

impl Source for DiskIo {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let wanted = match &*self.options.disk {
            "" => None,
            name if !name.starts_with('/') => Some(Device::Name(name.into())),
            mount => match device_of(&mut self.device, machine, mount) {
                Some(device) => Some(device),
                None => return Ok(None),
            },
        };
        let now = machine.uptime();
        let mut count = 0;
        let mut known: Option<[f64; 3]> = None;
        let mut knows_busy = true;
        let mut take = |disk: Disk<'_>| {
            // The order of the table rarely changes.
            let at = match self.meters.get(count) {
                Some((number, _)) if *number == disk.number => count,
                _ => {
                    let found = self.meters.iter().position(|(number, _)| *number == disk.number);
                    let at = found.unwrap_or_else(|| {
                        self.meters.push((disk.number, Meter::default()));
                        self.meters.len() - 1
                    });
                    let to = count.min(self.meters.len() - 1);
                    self.meters.swap(at, to);
                    to
                }
            };
            count += 1;
            knows_busy &= disk.busy.is_some();
            if let Some([read, written, busy]) =
                self.meters[at].1.read([disk.read, disk.written, disk.busy.unwrap_or(0)], now)
            {
                let sum = known.get_or_insert([0.0; 3]);
                *sum = [sum[0] + read, sum[1] + written, sum[2].max(busy)];
            }
        };
        match wanted {
            None => self.reader.physical(machine)?.take(MAX_DISKS).for_each(&mut take),
            Some(wanted) => self
                .reader
                .all(machine)?
                .filter(|disk| match &wanted {
                    Device::Number(major, minor) => disk.number == (*major, *minor),
                    Device::Name(name) => disk.name == name,
                })
                .take(1)
                .for_each(&mut take),
        }
        // A disk that disappeared starts again when it comes back.
        self.meters.truncate(count);
        if count == 0 {
            self.device = None;
            return Ok(None);
        }
        let mut sample = Sample::new(self.level);
        if let Some([read, written, busy]) = known {
            // From milliseconds per second to percent. Slightly different clocks may give more than
            // 100 %.
            let busy = (busy / 10.0).min(100.0);
            self.level = self.level.settle(busy, self.options.warning, self.options.critical);
            if read.max(written) < self.options.hide_when_below {
                return Ok(None);
            }
            sample.level = self.level;
            sample = sample.with("read", Value::number(read)).with("write", Value::number(written));
            if knows_busy {
                sample = sample.with("busy", Value::percent(busy));
            }
        }
        Ok(Some(sample.with("disks", Value::number(count as f64))))
    }
}

/// The device of a mount, looked up from time to time; `None` if there is none.
fn device_of(known: &mut Option<(Device, u32)>, machine: &Machine, path: &str) -> Option<Device> {
    if let Some((device, left)) = known
        && *left > 0
    {
        *left -= 1;
        return Some(device.clone());
    }
    let mount = machine.mount_of(Path::new(path))?;
    let device = match mount.device {
        (0, _) => {
            let from = String::from_utf8(mount.from).ok()?;
            Device::Name(from.strip_prefix("/dev/")?.into())
        }
        (major, minor) => Device::Number(major, minor),
    };
    *known = Some((device.clone(), DEVICE_READINGS));
    Some(device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::opened;
    use crate::machine::tests::machine_with;

    const MOUNTS: &str = "27 1 8:2 / / rw - ext4 /dev/sda2 rw\n\
        31 27 0:41 / /home rw - btrfs /dev/sdb rw\n32 27 0:50 / /run rw - tmpfs tmpfs rw\n";

    /// Rows of sda, sda2 and sdb with these counters: sectors read and written, busy ms.
    fn table(sda: [u64; 3], sdb: Option<[u64; 3]>) -> String {
        let row = |minor: u32, name: &str, [read, written, busy]: [u64; 3]| {
            format!("8 {minor} {name} 1 1 {read} 1 1 1 {written} 1 0 {busy} 1\n")
        };
        let part = row(2, "sda2", sda.map(|n| n / 2));
        row(0, "sda", sda) + &part + &sdb.map_or(String::new(), |sdb| row(16, "sdb", sdb))
    }

    /// Read, write and busy after each table, a second apart.
    fn seen(options: &str, tables: &[String]) -> Vec<Option<Vec<f64>>> {
        let mut files = vec![("proc/self/mountinfo".to_owned(), MOUNTS.to_owned())];
        for (index, table) in (1..).zip(tables) {
            files.push((format!("proc/diskstats@{index}"), table.clone()));
            files.push((format!("proc/uptime@{index}"), format!("{}.0 0\n", 50 + index)));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let (_dir, machine) = machine_with(&files);
        let mut source = opened(&SEGMENT, options);
        let mut sample = || source.sample(&machine, &Ask::default()).expect("readable");
        let numbers = |sample: Sample| {
            let number = |field: &&str| sample.get(field).and_then(Value::as_number);
            ["read", "write", "busy"].iter().filter_map(number).collect()
        };
        tables.iter().map(|_| sample().map(numbers)).collect()
    }

    #[test]
    fn disks_are_summed_once_and_the_busiest_one_counts() {
        let tables = [table([0, 0, 0], Some([0, 0, 0])), table([10, 4, 300], Some([2, 0, 900]))];
        let sum = vec![12.0 * 512.0, 4.0 * 512.0, 90.0];
        assert_eq!(seen("", &tables), [Some(vec![]), Some(sum)]);
    }

    #[test]
    fn a_partition_or_a_mount_can_be_chosen() {
        let tables = [table([0, 0, 0], Some([0, 0, 0])), table([10, 4, 300], Some([2, 0, 900]))];
        let half = vec![5.0 * 512.0, 2.0 * 512.0, 15.0];
        let other = vec![1024.0, 0.0, 90.0];
        assert_eq!(seen("disk = 'sda2'", &tables)[1], Some(half.clone()));
        assert_eq!(seen("disk = '/'", &tables)[1], Some(half));
        assert_eq!(seen("disk = '/home'", &tables)[1], Some(other), "no number of its own");
        assert_eq!(seen("disk = '/run'", &tables), [None, None]);
        assert_eq!(seen("disk = 'sdz'", &tables), [None, None]);
    }

    #[test]
    fn a_disk_that_comes_and_goes_gives_no_spike() {
        let big = Some([1 << 40, 1 << 40, 0]);
        let tables = [
            table([0, 0, 0], None),
            table([2, 0, 0], None),
            table([4, 0, 0], big),
            table([6, 0, 0], big),
            table([8, 0, 0], None),
            table([10, 0, 0], Some([1 << 41, 0, 0])),
        ];
        let steady = Some(vec![1024.0, 0.0, 0.0]);
        let seen = seen("", &tables);
        assert_eq!(seen[0], Some(vec![]));
        assert!(seen[1..].iter().all(|reading| *reading == steady), "{seen:?}");
    }

    #[test]
    fn counters_that_wrap_keep_the_last_rates() {
        let most = u64::from(u32::MAX);
        let tables = [
            table([0, 0, most - 1000], None),
            table([2, 0, most - 500], None),
            table([4, 0, 100], None),
            table([6, 0, 600], None),
        ];
        let steady = Some(vec![1024.0, 0.0, 50.0]);
        assert_eq!(seen("", &tables)[1..], [steady.clone(), steady.clone(), steady]);
    }
}

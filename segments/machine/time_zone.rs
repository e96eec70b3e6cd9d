//! Time zones by the system's own files, so that no table in the program grows old. They are read by
//! the crate `tz-rs`: of those for the format (RFC 8536) and POSIX' rules it is the smallest.
//!
//! The local zone is what `TZ` says (tzset(3)): a name, a rule or a file. Any file at all may be named
//! there, and one that is not among the system's is read in workers only ([`super::quick`]); elsewhere
//! the time is then that of the system.

use std::path::{Component, Path, PathBuf};

use tz::{LocalTimeType, TimeZone};

use super::{Error, Machine};

/// Where systems keep the files.
const DIRECTORIES: [&str; 3] =
    ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"];
/// Where else the link of the local zone may lead: NixOS, macOS.
const MORE_DIRECTORIES: [&str; 2] = ["/etc/zoneinfo", "/var/db/timezone"];
/// The system's local zone: a file or a link to one.
const SYSTEM: &str = "/etc/localtime";
/// A longer rule is not read.
const MAX_RULE: usize = 256;

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

/// A kind of local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Seconds east of Greenwich.
    pub offset: i32,
    /// `CET`, `+03`.
    pub name: String,
}

/// Whether this could be a zone's name: no path that leads elsewhere.
pub fn is_zone_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-_/".contains(c);
    !name.is_empty() && name.len() < 64 && name.chars().all(is_plain) && !name.starts_with('/')
}

/// The local zone as it was last read.
#[derive(Default)]
pub(super) struct LocalZone {
    /// `None`: UTC.
    zone: Option<Zone>,
    /// When its file was last looked at, in seconds since 1970.
    looked: Option<i64>,
    /// What stood there then.
    stamp: Option<(u64, i64, i64)>,
}

/// What `TZ` says.
#[derive(Debug, PartialEq)]
enum Named {
    /// Nothing: the system's.
    System,
    /// A file of the system.
    File(PathBuf),
    /// Another file.
    OddFile(PathBuf),
    /// A rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    Rule(Zone),
}

impl Named {
    fn of(text: Option<&str>) -> Named {
        let Some(text) = text.filter(|text| text.len() <= MAX_RULE) else { return Named::System };
        let name = text.strip_prefix(':').unwrap_or(text);
        if name.starts_with('/') {
            let path = PathBuf::from(name);
            let odd = path != Path::new(SYSTEM) && !is_systems(&path);
            return if odd { Named::OddFile(path) } else { Named::File(path) };
        }
        match Zone::by_rule(if name.is_empty() { "UTC0" } else { name }) {
            Some(zone) => Named::Rule(zone),
            None if is_zone_name(name) => Named::File(PathBuf::from(name)),
            None => Named::System,
        }
    }
}

/// Whether a path is below a directory of the system's zones.
fn is_systems(path: &Path) -> bool {
    let mut directories = DIRECTORIES.iter().chain(&MORE_DIRECTORIES);
    directories.any(|dir| path.starts_with(dir))
        && path.components().all(|part| part != Component::ParentDir)
}

#[allow(clippy::disallowed_methods, reason = "the daemon's own, of one user")]
fn named() -> Named {
    Named::of(std::env::var("TZ").ok().as_deref())
}

impl Machine {
    /// The file that the local zone is read from, if it is not among the system's.
    pub(super) fn odd_zone_file(&self) -> Option<PathBuf> {
        match named() {
            Named::OddFile(path) => Some(path),
            Named::System => linked().filter(|path| !is_systems(path)),
            _ => None,
        }
    }

    /// Seconds east of Greenwich at a moment, in seconds since 1970.
    pub(super) fn local_offset(&self, moment: i64) -> i32 {
        let mut local = self.local_zone.borrow_mut();
        if local.looked != Some(moment) {
            let stamp = stamp();
            if local.looked.is_none() || local.stamp != stamp {
                local.zone = self.local_zone();
            }
            (local.looked, local.stamp) = (Some(moment), stamp);
        }
        local.zone.as_ref().map_or(0, |zone| zone.at(moment).offset)
    }

    fn local_zone(&self) -> Option<Zone> {
        let parsed = |path: &Path| Zone::parse(&self.read(path).ok()?);
        let systems = || match linked() {
            Some(path) if !is_systems(&path) && !self.in_worker => None,
            _ => parsed(Path::new(SYSTEM)),
        };
        let zone = match named() {
            Named::System => None,
            Named::File(path) if path.is_absolute() => parsed(&path),
            Named::File(name) => self.zone(name.to_str()?).ok(),
            Named::OddFile(path) if self.in_worker => parsed(&path),
            Named::OddFile(_) => None,
            Named::Rule(zone) => Some(zone),
        };
        zone.or_else(systems)
    }

    /// The zone of this name (`Europe/Berlin`).
    pub fn zone(&self, name: &str) -> Result<Zone, Error> {
        let directories = DIRECTORIES.iter().filter(|_| is_zone_name(name));
        let mut files = directories.filter_map(|dir| {
            let path = format!("{dir}/{name}");
            Some((self.read(&path).ok()?, path))
        });
        let Some((bytes, path)) = files.next() else {
            return Err(Error::Other(format!("There is no time zone {name:?} on this machine.")));
        };
        let strange = || Error::Strange { path: path.into(), what: "a time zone".into() };
        Zone::parse(&bytes).ok_or_else(strange)
    }
}

/// Where the system's local zone leads, if it is a link.
#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn linked() -> Option<PathBuf> {
    let link = std::fs::read_link(SYSTEM).ok()?;
    let mut path = PathBuf::from("/etc");
    for part in link.components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    Some(path)
}

/// What tells whether the system's local zone is another now.
#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn stamp() -> Option<(u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::symlink_metadata(SYSTEM).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

/// A file of the third version, without a change of its own: all is in its last line.
fn rule_file(rule: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..2 {
        bytes.extend(b"TZif3");
        bytes.extend([0; 15]);
        for count in [0u32, 0, 0, 0, 1, 4] {
            bytes.extend(count.to_be_bytes());
        }
        bytes.extend([0; 6]);
        bytes.extend(b"UTC\0");
    }
    bytes.extend(format!("\n{rule}\n").bytes());
    bytes
}

impl Zone {
    /// The zone of a rule (POSIX' `TZ`); `None` if it cannot be read as one.
    fn by_rule(rule: &str) -> Option<Zone> {
        if rule.len() > MAX_RULE || rule.contains('\n') {
            return None;
        }
        Zone::parse(&rule_file(rule))
    }

    /// Reads a file; `None` if it is none, or has a time that is a day from Greenwich.
    pub fn parse(file: &[u8]) -> Option<Zone> {
        const DAY: u32 = 86_400;
        let zone = TimeZone::from_tz_data(file).ok()?;
        let mut kinds = zone.as_ref().local_time_types().iter();
        kinds.all(|kind| kind.ut_offset().unsigned_abs() < DAY).then_some(Zone(zone))
    }

    /// The local time at a moment, in seconds since 1970.
    pub fn at(&self, moment: i64) -> Local {
        let zone = self.0.as_ref();
        let found = zone.find_local_time_type(moment).ok().or_else(|| {
            // Without a rule for the time after its last change, that change stays in force.
            let last = zone.transitions().last()?;
            zone.local_time_types().get(last.local_time_type_index())
        });
        let name = |found: &LocalTimeType| found.time_zone_designation().to_owned();
        Local {
            offset: found.map_or(0, LocalTimeType::ut_offset),
            name: found.map_or_else(|| "UTC".into(), name),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::rule_file as file;
    use super::*;
    use proptest::prelude::*;

    /// A file of the first version, whose last change is to this offset and has no rule after it.
    fn file_with_a_change(at: i32, offset: i32) -> Vec<u8> {
        let mut bytes = b"TZif".to_vec();
        bytes.extend([0; 16]);
        for count in [0u32, 0, 0, 1, 2, 8] {
            bytes.extend(count.to_be_bytes());
        }
        bytes.extend(at.to_be_bytes());
        bytes.push(1);
        bytes.extend([0, 0, 0, 0, 0, 0]);
        bytes.extend(offset.to_be_bytes());
        bytes.extend([0, 4]);
        bytes.extend(b"UTC\0EST\0");
        bytes
    }

    #[test]
    fn the_last_change_stays_in_force_without_a_rule() {
        let zone = Zone::parse(&file_with_a_change(1000, -18_000)).expect("a zone");
        assert_eq!(
            [999, 1000, i64::from(i32::MAX)].map(|at| zone.at(at).offset),
            [0, -18_000, -18_000]
        );
    }

    fn at(rule: &str, time: &str) -> (i32, String) {
        let zone = Zone::parse(&file(rule)).expect("a zone");
        let moment = chrono::DateTime::parse_from_rfc3339(time).expect("a time").timestamp();
        let local = zone.at(moment);
        (local.offset, local.name)
    }

    #[test]
    fn summer_in_berlin_goes_from_march_to_october() {
        const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
        let cet = (3600, "CET".to_owned());
        let cest = (7200, "CEST".to_owned());
        assert_eq!(at(BERLIN, "2026-03-29T00:59:59Z"), cet);
        assert_eq!(at(BERLIN, "2026-03-29T01:00:00Z"), cest);
        assert_eq!(at(BERLIN, "2026-10-25T00:59:59Z"), cest);
        assert_eq!(at(BERLIN, "2026-10-25T01:00:00Z"), cet);
    }

    #[test]
    fn summer_in_sydney_goes_over_the_new_year() {
        const SYDNEY: &str = "AEST-10AEDT,M10.1.0,M4.1.0/3";
        assert_eq!(at(SYDNEY, "2027-01-01T00:00:00Z").0, 39_600);
        assert_eq!(at(SYDNEY, "2026-07-01T00:00:00Z").0, 36_000);
        assert_eq!(at(SYDNEY, "2026-10-03T15:59:59Z").0, 36_000);
        assert_eq!(at(SYDNEY, "2026-10-03T16:00:00Z").0, 39_600);
    }

    #[test]
    fn zones_without_summer_and_with_odd_names() {
        assert_eq!(at("<+0545>-5:45", "2026-06-01T00:00:00Z"), (20_700, "+0545".into()));
        assert_eq!(at("EST5", "2026-06-01T00:00:00Z"), (-18_000, "EST".into()));
        // Greenland's summer begins before midnight of its Sunday.
        let nuuk = "<-02>2<-01>,M3.5.0/-1,M10.5.0/0";
        assert_eq!(at(nuuk, "2026-03-29T00:59:59Z").0, -7200);
        assert_eq!(at(nuuk, "2026-03-29T01:00:00Z").0, -3600);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for bytes in [&b""[..], b"TZif", b"TZif2", &[0; 100], b"UTC0"] {
            assert_eq!(Zone::parse(bytes), None);
        }
        for offset in [86_400, -86_400, 16_777_216, i32::MIN] {
            assert_eq!(Zone::parse(&file_with_a_change(1000, offset)), None, "{offset}");
        }
        for name in ["", "/etc/passwd", "../../etc/passwd", "a b", "Europe/../x."] {
            assert!(!is_zone_name(name), "{name}");
        }
        for rule in ["C", "CET", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M1.1.0", "CET-999"] {
            assert_eq!(Zone::parse(&file(rule)), None, "{rule}");
        }
    }

    #[test]
    fn any_file_that_a_variable_names_is_told_from_the_systems_own() {
        let file = |path: &str| Named::File(path.into());
        assert_eq!(Named::of(None), Named::System);
        for (text, wanted) in [
            ("Europe/Berlin", file("Europe/Berlin")),
            (":Europe/Berlin", file("Europe/Berlin")),
            ("/usr/share/zoneinfo/UTC", file("/usr/share/zoneinfo/UTC")),
            (":/etc/localtime", file("/etc/localtime")),
            ("../../dev/zero", Named::System),
            ("a\nb", Named::System),
        ] {
            assert_eq!(Named::of(Some(text)), wanted, "{text}");
        }
        for text in ["/mnt/dead/zone", ":/dev/zero", "/usr/share/zoneinfo/../../../dev/zero"] {
            let path = text.trim_start_matches(':').into();
            assert_eq!(Named::of(Some(text)), Named::OddFile(path));
        }
        for (text, offset) in [("", 0), (":", 0), ("CET-1", 3600), ("<+0545>-5:45", 20_700)] {
            let Named::Rule(zone) = Named::of(Some(text)) else { panic!("{text}") };
            assert_eq!(zone.at(0).offset, offset, "{text}");
        }
        assert_eq!(Named::of(Some(&"x".repeat(5000))), Named::System);
    }

    /// Where the system has the files they are read, and tell what everybody knows of them.
    #[test]
    fn the_systems_own_zones_are_read() {
        for (name, offset) in [("UTC", 0), ("Asia/Kolkata", 19_800)] {
            if let Ok(zone) = Machine::real().zone(name) {
                assert_eq!(zone.at(1_800_000_000).offset, offset, "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_zone_or_none(
            cut in 0..200usize, at in 0..200usize, byte: u8, moment: i64, rule in "[A-Z<>0-9+,./:MJ-]{0,30}"
        ) {
            let mut bytes = file(&rule);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
                if let Some(zone) = Zone::parse(bytes) {
                    let offset = zone.at(moment).offset;
                    // A rule may have up to 24:59:59.
                    prop_assert!(offset.unsigned_abs() < 25 * 3600, "{offset}");
                }
            }
        }
    }
}

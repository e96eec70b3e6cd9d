//! `/proc/PID/stat` of each process.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::str::SplitAsciiWhitespace;
use std::time::Duration;

use crate::machine::processes::MAX_PROCESSES;
use crate::machine::{Doing, Error, Machine, Task, World};

/// Longer than any `/proc/PID/stat`: a name of 64 bytes and 51 numbers.
const BUFFER: usize = 2048;

/// Reads what the kernel tells of each process.
pub struct Files<'a> {
    machine: &'a Machine,
    hertz: u64,
    page: u64,
}

impl<'a> Files<'a> {
    pub fn new(machine: &'a Machine) -> Files<'a> {
        let auxiliary = machine.read("/proc/self/auxv").unwrap_or_default();
        let value = |name| auxiliary_value(&auxiliary, name).filter(|value| *value > 0);
        let (hertz, page) = (value(AT_CLKTCK).unwrap_or(100), value(AT_PAGESZ).unwrap_or(4096));
        Files { machine, hertz, page }
    }

    /// A process; `None` if it has ended meanwhile.
    pub fn task(&self, pid: u32, now: Duration) -> Option<Task> {
        let Files { machine, hertz, page } = *self;
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        if !machine.is_real() {
            return parse(&machine.read(path).ok()?, hertz, page, now);
        }
        let mut buffer = [0; BUFFER];
        let length = crate::machine::open(&path).ok()?.read_at(&mut buffer, 0).ok()?;
        parse(&buffer[..length], hertz, page, now)
    }
}

/// The numbers of all processes.
#[allow(clippy::disallowed_methods, reason = "this is the reader")]
pub fn pids(machine: &Machine) -> Result<Vec<u32>, Error> {
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<u32>().ok();
    let path = match &machine.world {
        World::Real => "/proc".into(),
        World::Fixture(fixture) => fixture.path("/proc".as_ref()),
    };
    let names = match std::fs::read_dir(path) {
        Ok(names) => names,
        Err(_) if !machine.is_real() => return Ok(Vec::new()),
        Err(cause) => return Err(Error::Read { path: "/proc".into(), cause }),
    };
    Ok(names.filter_map(|entry| number(entry.ok()?.file_name())).take(MAX_PROCESSES).collect())
}

/// `getauxval(3)`'s names for the ticks in a second and the bytes of a page.
const AT_CLKTCK: u64 = 17;
const AT_PAGESZ: u64 = 6;

/// A value of `/proc/self/auxv`: pairs of machine words, name and value.
fn auxiliary_value(auxiliary: &[u8], name: u64) -> Option<u64> {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| -> u64 {
        let bytes = bytes.try_into().map_or(0, usize::from_ne_bytes);
        bytes as u64
    };
    let pairs = auxiliary.chunks_exact(2 * WORD).map(|pair| pair.split_at(WORD));
    pairs.map(|(key, value)| (word(key), word(value))).find(|(key, _)| *key == name).map(|(_, v)| v)
}

/// Takes `PID (NAME) STATE PPID …` apart: pid, name and the columns from STATE on. A name may hold
/// anything, parentheses included.
pub fn columns(stat: &[u8]) -> Option<(u32, String, SplitAsciiWhitespace<'_>)> {
    let open = stat.iter().position(|b| *b == b'(')?;
    let close = stat.iter().rposition(|b| *b == b')')?;
    let pid = std::str::from_utf8(stat.get(..open)?).ok()?.trim().parse().ok()?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    Some((pid, name, rest.split_ascii_whitespace()))
}

/// Reads a process; the columns are those of proc_pid_stat(5).
fn parse(stat: &[u8], hertz: u64, page: u64, at: Duration) -> Option<Task> {
    let (pid, name, mut columns) = columns(stat)?;
    let doing = match columns.next()? {
        "R" => Doing::Running,
        "D" => Doing::Blocked,
        "Z" | "X" | "x" => Doing::Zombie,
        _ => Doing::Other,
    };
    // The columns are counted from PID, which is the first: utime 14, stime 15, starttime 22 and
    // rss 24; the next here is 4.
    let mut column = |skipped: usize| columns.nth(skipped)?.parse::<i64>().ok();
    let (user, system) = (column(10)?, column(0)?);
    let (start, pages) = (column(6)?, column(1)?);
    let ticks = u64::try_from(user.saturating_add(system)).ok()?;
    Some(Task {
        pid,
        name,
        doing,
        taken: Duration::from_millis(ticks.saturating_mul(1000) / hertz),
        start: start.try_into().ok()?,
        resident: u64::try_from(pages).unwrap_or(0).saturating_mul(page),
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "77 (a) (b c)) D 1 77 77 0 -1 4194304 500 0 0 0 150 50 0 0 20 0 4 0 900 \
        123456 300 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n";

    #[test]
    fn the_columns_are_counted_after_the_name() {
        let expected = Task {
            pid: 77,
            name: "a) (b c)".into(),
            doing: Doing::Blocked,
            taken: Duration::from_secs(2),
            start: 900,
            resident: 300 * 4096,
            at: Duration::from_secs(7),
        };
        assert_eq!(parse(STAT.as_bytes(), 100, 4096, Duration::from_secs(7)), Some(expected));
    }

    #[test]
    fn what_is_no_stat_is_no_process() {
        for end in 0..130 {
            let _ = parse(&STAT.as_bytes()[..end], 100, 4096, Duration::ZERO);
        }
        for text in ["", "1", "1 (", ")(", "1 (x) R", "x (x) R 1", "1 (x) R 1 1 1 1 1 1 1 1 1 1 -5"]
        {
            assert_eq!(parse(text.as_bytes(), 100, 4096, Duration::ZERO), None, "{text:?}");
        }
    }

    #[test]
    fn our_own_auxiliary_vector_tells_the_page() {
        let Ok(auxiliary) = Machine::real().read("/proc/self/auxv") else { return };
        let page = auxiliary_value(&auxiliary, AT_PAGESZ).expect("every program is told");
        assert!(page.is_power_of_two());
        assert_eq!(auxiliary_value(&auxiliary[..7], AT_PAGESZ), None);
        assert_eq!(auxiliary_value(b"", AT_CLKTCK), None);
    }
}

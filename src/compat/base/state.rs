//! What the drop-ins keep between two calls: counters, and the samples of each chart.
//!
//! A text file beside the daemon's history, replaced in one step under a lock, so that ten calls at
//! once leave ten samples. The wait for the lock is short: a call that does not get it keeps
//! nothing. A file that cannot be read counts as empty, as does what is no regular file of this user's.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rainline_segments::machine::Times;
use rustix::fs::{Access, FlockOperation, OFlags};

use rainline_client::{runtime, sys};

use crate::files;

/// The first line of the file.
const MAGIC: &str = "rainline drop-ins 1\n";
/// The longest wait for the lock; its owner writes a few kilobytes.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
const MAX_CHARTS: usize = 32;
/// The most samples of a chart.
pub const MAX_SAMPLES: usize = 1000;
/// A longer file was not written here.
const MAX_BYTES: u64 = 4 << 20;

/// Where the file is: beside the daemon's history, else in the runtime directory. Nothing is made yet.
pub fn path() -> Option<PathBuf> {
    let beside_history = runtime::history_file().and_then(|path| {
        let name = path.file_name()?.to_str()?.replace("history", "drop-ins");
        Some(path.with_file_name(name))
    });
    let is_writable = |path: &PathBuf| {
        let existing = path.ancestors().skip(1).find(|dir| dir.exists());
        let access = Access::WRITE_OK | Access::EXEC_OK;
        existing.is_some_and(|dir| rustix::fs::access(dir, access).is_ok())
    };
    beside_history.filter(is_writable).or_else(|| Some(runtime::open().ok()?.path.join("drop-ins")))
}

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The last two readings of the processors, the older first.
    pub readings: Vec<Counted>,
    pub charts: BTreeMap<String, Chart>,
}

/// A reading of the processors' counters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Time since boot, and when that boot was in seconds since 1970.
    pub at: Duration,
    pub boot: u64,
    pub times: Times,
}

/// The samples of one chart, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Seconds since 1970 of the last sample.
    pub stored: u64,
    /// Which version of a peer's own file they begin with; empty: none.
    pub imported: String,
    pub samples: Vec<f64>,
}

/// The state as it is now.
pub fn read(path: Option<&Path>) -> State {
    let Some(path) = path else { return State::default() };
    let mut text = String::new();
    let read = open(path, OpenOptions::new().read(true))
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text).ok());
    match read {
        Some(length) if length as u64 <= MAX_BYTES => decode(&text),
        _ => State::default(),
    }
}

/// Opens a file for this user alone. A FIFO is not waited for, a link not followed, and what was
/// opened is what is looked at.
fn open(path: &Path, options: &mut OpenOptions) -> Option<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options.custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let is_ours = metadata.uid() == sys::uid() && metadata.mode() & 0o022 == 0;
    (metadata.is_file() && is_ours).then_some(file)
}

/// Changes the state while no other call can. Without a file `change` sees an empty state.
pub fn update(path: Option<&Path>, change: impl FnOnce(&mut State)) {
    let Some((path, _lock)) = path.and_then(|path| Some((path, lock(path)?))) else {
        return change(&mut State::default());
    };
    let mut state = read(Some(path));
    let before = state.clone();
    change(&mut state);
    while state.charts.len() > MAX_CHARTS {
        let oldest = state.charts.iter().min_by_key(|(_, chart)| chart.stored);
        let oldest = oldest.map(|(key, _)| key.clone()).unwrap_or_default();
        state.charts.remove(&oldest);
    }
    if state != before {
        // A state that cannot be kept is no reason to print nothing.
        let _ = files::replace(path, encode(&state).as_bytes());
    }
}

/// The lock, which ends with the file that is returned.
fn lock(path: &Path) -> Option<File> {
    files::private_dir(path.parent()?).ok()?;
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = open(&files::beside(path, ".lock"), options)?;
    let deadline = sys::awake() + LOCK_TIMEOUT;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(file),
            // There is no waiting for a lock with a timeout.
            Err(rustix::io::Errno::WOULDBLOCK) if sys::awake() < deadline => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(_) => return None,
        }
    }
}

fn encode(state: &State) -> String {
    let mut out = MAGIC.to_owned();
    for Counted { at, boot, times } in &state.readings {
        let Times { user, nice, system, idle, iowait, irq, steal } = times;
        let at = at.as_millis();
        out +=
            &format!("counted {at} {boot} {user} {nice} {system} {idle} {iowait} {irq} {steal}\n");
    }
    for (key, chart) in &state.charts {
        let imported = if chart.imported.is_empty() { "-" } else { &chart.imported };
        out += &format!("chart {key} {} {imported}", chart.stored);
        let newest = &chart.samples[chart.samples.len().saturating_sub(MAX_SAMPLES)..];
        newest.iter().for_each(|sample| out += &format!(" {sample}"));
        out.push('\n');
    }
    out
}

fn decode(text: &str) -> State {
    let mut state = State::default();
    let Some(lines) = text.strip_prefix(MAGIC) else { return state };
    for line in lines.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["counted", ref numbers @ ..] => state.readings.extend(reading(numbers)),
            ["chart", key, stored, imported, ref samples @ ..] => {
                let samples = samples.iter().filter_map(|word| word.parse::<f64>().ok());
                let chart = Chart {
                    stored: stored.parse().unwrap_or(0),
                    imported: if imported == "-" { String::new() } else { imported.into() },
                    samples: samples.filter(|sample| sample.is_finite()).collect(),
                };
                state.charts.insert(key.into(), chart);
            }
            _ => {}
        }
    }
    state
}

fn reading(words: &[&str]) -> Option<Counted> {
    let numbers: Option<Vec<u64>> = words.iter().map(|word| word.parse().ok()).collect();
    let [at, boot, user, nice, system, idle, iowait, irq, steal] = numbers?.try_into().ok()?;
    let times = Times { user, nice, system, idle, iowait, irq, steal };
    Some(Counted { at: Duration::from_millis(at), boot, times })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/rainline/drop-ins");
        let times = Times { user: 7, idle: 9, ..Times::default() };
        let reading = Counted { at: Duration::from_millis(1234), boot: 5, times };
        let chart = Chart { stored: 9, imported: "a:b".into(), samples: vec![0.1, 1.0 / 3.0] };
        update(Some(&path), |state| {
            state.readings.push(reading);
            state.charts.insert("k".into(), chart.clone());
        });
        let state = read(Some(&path));
        assert_eq!((state.readings, &state.charts["k"]), (vec![reading], &chart));
        std::fs::write(&path, "rainline drop-ins 1\nchart\ncounted 1 x\nchart k 1 - nan 2\n")
            .expect("written");
        assert_eq!(read(Some(&path)).charts["k"].samples, [2.0]);
    }

    #[test]
    fn ten_at_once_lose_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("drop-ins");
        std::thread::scope(|scope| {
            for number in 0..10 {
                let path = &path;
                scope.spawn(move || {
                    update(Some(path), |state| {
                        state.charts.entry("k".into()).or_default().samples.push(number.into());
                    });
                });
            }
        });
        let mut samples = read(Some(&path)).charts["k"].samples.clone();
        samples.sort_by(f64::total_cmp);
        assert_eq!(samples, (0..10).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_plain_file_of_ours_is_an_empty_state_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("drop-ins");
        let good = dir.path().join("good");
        std::fs::write(&good, "rainline drop-ins 1\nchart k 1 - 2\n").expect("written");
        assert_eq!(read(Some(&good)).charts.len(), 1);
        let plant = |what: &str| {
            let _ = std::fs::remove_file(&path);
            match what {
                "fifo" => {
                    let mode = rustix::fs::Mode::from_raw_mode(0o600);
                    rustix::fs::mknodat(
                        rustix::fs::CWD,
                        &path,
                        rustix::fs::FileType::Fifo,
                        mode,
                        0,
                    )
                    .expect("a FIFO");
                }
                "link" => std::os::unix::fs::symlink(&good, &path).expect("a link"),
                "zero" => std::os::unix::fs::symlink("/dev/zero", &path).expect("a link"),
                "large" => {
                    std::fs::copy(&good, &path).expect("copied");
                    let file = OpenOptions::new().write(true).open(&path).expect("opened");
                    file.set_len(10 << 30).expect("a sparse file");
                }
                _ => {
                    use std::os::unix::fs::PermissionsExt;
                    std::fs::copy(&good, &path).expect("copied");
                    let mode = std::fs::Permissions::from_mode(0o666);
                    std::fs::set_permissions(&path, mode).expect("set");
                }
            }
        };
        for what in ["fifo", "link", "zero", "large", "writable by others"] {
            plant(what);
            assert_eq!(read(Some(&path)), State::default(), "{what}");
            update(Some(&path), |state| {
                state.charts.insert("new".into(), Chart::default());
            });
            assert!(read(Some(&path)).charts.contains_key("new"), "{what} is replaced");
            assert_eq!(read(Some(&good)).charts.len(), 1, "{what}: what it led to stays");
        }
        std::fs::remove_file(files::beside(&path, ".lock")).expect("it was made");
        let lock = files::beside(&path, ".lock");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &lock, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
        let mut is_called = false;
        update(Some(&path), |_| is_called = true);
        assert!(is_called, "a FIFO for a lock is not waited for");
    }

    #[test]
    fn nowhere_to_keep_it_is_no_error() {
        let mut seen = false;
        update(Some(Path::new("/proc/nowhere/drop-ins")), |_| seen = true);
        update(None, |_| seen &= true);
        assert!(seen);
    }
}

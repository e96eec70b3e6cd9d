//! What the drop-ins keep between two calls: counters, and the samples of each chart.
//!
//! A text file beside the daemon's history, replaced in one step under a lock, so that ten calls at
//! once leave ten samples. Nobody waits long for the lock: then nothing is kept this once. What
//! cannot be read is as good as nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rainline_segments::machine::Times;
use rustix::fs::{Access, FlockOperation};

use rainline_client::{runtime, sys};

const MAGIC: &str = "rainline drop-ins 1";
/// The longest wait for the lock; whoever has it writes a few kilobytes.
const PATIENCE: Duration = Duration::from_millis(500);
/// The most charts, and the most samples of each.
const MOST_CHARTS: usize = 32;
pub const MOST_SAMPLES: usize = 1000;
/// A longer file is none of ours.
const MOST_BYTES: u64 = 4 << 20;

/// Where it is kept: beside the daemon's history, else in the runtime directory. Nothing is made yet.
pub fn place() -> Option<PathBuf> {
    let kept = runtime::history_file().and_then(|path| {
        let name = path.file_name()?.to_str()?.replace("history", "drop-ins");
        Some(path.with_file_name(name))
    });
    let usable = |path: &PathBuf| {
        let there = path.ancestors().skip(1).find(|dir| dir.exists());
        let may = Access::WRITE_OK | Access::EXEC_OK;
        there.is_some_and(|dir| rustix::fs::access(dir, may).is_ok())
    };
    kept.filter(usable).or_else(|| Some(runtime::open().ok()?.path.join("drop-ins")))
}

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The last two readings of the processors, the older first.
    pub counted: Vec<Counted>,
    pub charts: BTreeMap<String, Chart>,
}

/// A reading of the processors' counters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// When, by the clock since boot, and which boot that was.
    pub at: Duration,
    pub boot: u64,
    pub times: Times,
}

/// The samples of one chart, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Seconds since 1970 of the last sample.
    pub stored: u64,
    /// Which state of a peer's own file they begin with; empty: none.
    pub imported: String,
    pub samples: Vec<f64>,
}

/// What is kept as of now.
pub fn read(path: Option<&Path>) -> State {
    let Some(path) = path else { return State::default() };
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if size > MOST_BYTES {
        return State::default();
    }
    std::fs::read_to_string(path).map(|text| decode(&text)).unwrap_or_default()
}

/// Changes what is kept, alone.
pub fn update(path: Option<&Path>, change: impl FnOnce(&mut State)) {
    let Some(path) = path else { return change(&mut State::default()) };
    let Some(lock) = lock(path) else { return change(&mut State::default()) };
    let mut state = read(Some(path));
    let before = state.clone();
    change(&mut state);
    while state.charts.len() > MOST_CHARTS {
        let oldest = state.charts.iter().min_by_key(|(_, chart)| chart.stored);
        let oldest = oldest.map(|(key, _)| key.clone()).unwrap_or_default();
        state.charts.remove(&oldest);
    }
    if state != before {
        // Nowhere to keep it is no reason to show nothing.
        let _ = write(path, encode(&state).as_bytes());
    }
    drop(lock);
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn lock(path: &Path) -> Option<File> {
    let dir = path.parent()?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).ok()?;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600);
    let file = file.open(beside(path, ".lock")).ok()?;
    let until = sys::awake() + PATIENCE;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(file),
            // The kernel tells nobody when a lock is free but who waits for it without end.
            Err(rustix::io::Errno::WOULDBLOCK) if sys::awake() < until => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(_) => return None,
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = beside(path, &format!(".{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        std::fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

fn encode(state: &State) -> String {
    let mut out = format!("{MAGIC}\n");
    for Counted { at, boot, times } in &state.counted {
        let Times { user, nice, system, idle, iowait, irq, steal } = times;
        out += &format!(
            "counted {} {boot} {user} {nice} {system} {idle} {iowait} {irq} {steal}\n",
            at.as_millis()
        );
    }
    for (key, chart) in &state.charts {
        let imported = if chart.imported.is_empty() { "-" } else { &chart.imported };
        out += &format!("chart {key} {} {imported}", chart.stored);
        let newest = &chart.samples[chart.samples.len().saturating_sub(MOST_SAMPLES)..];
        newest.iter().for_each(|sample| out += &format!(" {sample}"));
        out.push('\n');
    }
    out
}

fn decode(text: &str) -> State {
    let mut state = State::default();
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return state;
    }
    for line in lines {
        let mut words = line.split(' ');
        match words.next() {
            Some("counted") => {
                let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
                let Some([at, boot, user, nice, system, idle, iowait, irq, steal]) =
                    numbers.and_then(|numbers| <[u64; 9]>::try_from(numbers).ok())
                else {
                    continue;
                };
                let times = Times { user, nice, system, idle, iowait, irq, steal };
                state.counted.push(Counted { at: Duration::from_millis(at), boot, times });
            }
            Some("chart") => {
                let (Some(key), Some(stored), Some(imported)) =
                    (words.next(), words.next(), words.next())
                else {
                    continue;
                };
                let samples = words.filter_map(|word| word.parse::<f64>().ok());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/rainline/drop-ins");
        let times = Times { user: 7, idle: 9, ..Times::default() };
        let counted = Counted { at: Duration::from_millis(1234), boot: 5, times };
        let chart = Chart { stored: 9, imported: "a:b".into(), samples: vec![0.1, 1.0 / 3.0] };
        update(Some(&path), |state| {
            state.counted.push(counted);
            state.charts.insert("k".into(), chart.clone());
        });
        let state = read(Some(&path));
        assert_eq!((state.counted, &state.charts["k"]), (vec![counted], &chart));
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
    fn nowhere_to_keep_it_is_no_error() {
        let mut seen = false;
        update(Some(Path::new("/proc/nowhere/drop-ins")), |_| seen = true);
        update(None, |_| seen &= true);
        assert!(seen);
    }
}

//! Whether a daemon that answered too late is stopped or stuck, or only busy for once.

use rainline_client::runtime::Runtime;
use rainline_client::sys;
use rainline_segments::family::Stat;

/// When answers were late: a second since boot a line.
const FILE: &str = "late";
/// Seconds for which they are remembered.
const WINDOW: u64 = 10;
/// Answers that were late in so many of these seconds are no accident.
const MANY: usize = 3;

/// Whether it will last: the daemon is stopped, or late again and again. To be asked once for each
/// answer that was late.
pub fn is_lasting(runtime: &Runtime) -> bool {
    is_often(runtime, sys::boot().as_secs()) || is_stopped(runtime)
}

fn is_often(runtime: &Runtime, now: u64) -> bool {
    let text = runtime.read(FILE).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let times = text.lines().filter_map(|line| line.parse::<u64>().ok());
    let mut times: Vec<u64> =
        times.filter(|at| now.checked_sub(*at).is_some_and(|ago| ago < WINDOW)).collect();
    if !times.contains(&now) {
        times.push(now);
        let text: String = times.iter().map(|at| format!("{at}\n")).collect();
        let _ = runtime.write(FILE, text.as_bytes());
    }
    times.len() >= MANY
}

/// Whether the process that listens is stopped, or dead and not collected.
fn is_stopped(runtime: &Runtime) -> bool {
    let stat = rainline_client::listener(runtime).ok().and_then(Stat::of);
    stat.is_some_and(|stat| matches!(stat.state, b'T' | b't' | b'Z' | b'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_answer_is_an_accident_and_several_are_not() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        assert!(!is_often(&runtime, 100));
        assert!(!is_often(&runtime, 100), "the same busy moment");
        assert!(!is_often(&runtime, 101));
        assert!(is_often(&runtime, 103));
        assert!(!is_often(&runtime, 150), "that was long ago");
        assert!(!is_often(&runtime, 7), "they were of another boot");
    }
}

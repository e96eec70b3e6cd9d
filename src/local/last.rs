//! The last good lines, kept for a time when none can be drawn. Each is kept as it looks when it is
//! old, so that it is not taken for a new one.

use std::time::Duration;

use rainline_client::protocol::LineKey;
use rainline_client::runtime::Runtime;
use rainline_client::sys;
use serde::{Deserialize, Serialize};

use crate::worker::Old;

/// Files for last lines: a new line takes the place of an old one of the same number.
const LINES: u64 = 64;
/// An older line is shown as it looks a minute after it was drawn.
const SOON: Duration = Duration::from_secs(15);

/// A line that was kept.
#[derive(Serialize, Deserialize)]
pub struct Last {
    /// The whole key: another width, theme or config is another line.
    key: u64,
    /// When it was drawn, in time since boot.
    at: Duration,
    old: Old,
}

impl Last {
    pub fn new(key: LineKey, old: Old) -> Last {
        Last { key: key.value(), at: sys::boot(), old }
    }

    /// Keeps it for other processes. Without space for it their next line is a placeholder.
    pub fn keep(&self, runtime: &Runtime) {
        if let Ok(bytes) = postcard::to_stdvec(self) {
            let _ = runtime.write(&file_name(self.key), &bytes);
        }
    }

    /// The one that was kept under this key.
    pub fn kept(runtime: &Runtime, key: LineKey) -> Option<Last> {
        let bytes = runtime.read(&file_name(key.value()))?;
        postcard::from_bytes(&bytes).ok()
    }

    /// The line as it looks now, if it is of this key.
    pub fn line(&self, key: LineKey, trouble: bool) -> Option<Vec<u8>> {
        // A time in the future is of another boot.
        let age = sys::boot().checked_sub(self.at);
        let is_soon = age.is_some_and(|age| age < SOON);
        let lines = if is_soon { &self.old.soon } else { &self.old.late };
        let line = lines[usize::from(trouble)].as_bytes();
        (self.key == key.value() && !line.is_empty()).then(|| line.to_vec())
    }
}

fn file_name(key: u64) -> String {
    format!("last-{:02}", key % LINES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_client::protocol::LineRequest;

    fn old(text: &str) -> Old {
        let lines = |when: &str| ["", "!"].map(|sign| format!("{text} {when}{sign}"));
        Old { soon: lines("soon"), late: lines("late") }
    }

    #[test]
    fn a_kept_line_is_never_one_of_another_width_or_config() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        let line = LineRequest { line: "tmux".into(), ..LineRequest::default() };
        let kept = |line: &LineRequest| {
            let last = Last::kept(&runtime, line.key())?;
            last.line(line.key(), false).and_then(|line| String::from_utf8(line).ok())
        };
        Last::new(line.key(), old("eighty columns")).keep(&runtime);
        assert_eq!(kept(&line).as_deref(), Some("eighty columns soon"));
        // Some of so many have the number of the same file.
        for columns in 81..400 {
            let wider = LineRequest { columns, ..line.clone() };
            assert_eq!(kept(&wider), None, "{columns}");
            Last::new(wider.key(), old("wider")).keep(&runtime);
        }
        let other = LineRequest { config: "/other.toml".into(), ..line.clone() };
        assert_eq!(kept(&other), None);
        assert!(runtime.names().len() <= LINES as usize);
        for nonsense in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            runtime.write(&file_name(line.key().value()), nonsense).expect("written");
            assert_eq!(kept(&line), None);
        }
    }

    #[test]
    fn a_line_of_long_ago_or_another_boot_shows_no_value_as_if_it_held() {
        let key = LineRequest::default().key();
        let line = |at: Duration, trouble| {
            let last = Last { at, ..Last::new(key, old("x")) };
            String::from_utf8(last.line(key, trouble).expect("a line")).expect("text")
        };
        let now = sys::boot();
        assert_eq!([false, true].map(|trouble| line(now, trouble)), ["x soon", "x soon!"]);
        for other in [now.saturating_sub(SOON), now + Duration::from_secs(3600)] {
            assert_eq!([false, true].map(|t| line(other, t)), ["x late", "x late!"]);
        }
    }
}

//! The daemon's state: data, which `daemon status` shows as text or as JSON and of which
//! `doctor` names what is wrong.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most notes that are kept.
const MAX_NOTES: usize = 50;

/// The state of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's process.
    pub pid: u32,
    /// Grows with each version.
    pub build: u64,
    /// The version of the protocol it speaks.
    pub protocol: u8,
    /// For how long it has been running.
    pub uptime_seconds: u64,
    /// Resident memory.
    pub memory_kilobytes: Option<u64>,
    /// Open connections, streams included.
    pub clients: usize,
    /// Connections that are streams.
    pub streams: usize,
    /// Requests since its start.
    pub requests: u64,
    /// Connections of other users or pid namespaces, and beyond the limit.
    pub refused: u64,
    /// Lines that are kept drawn.
    pub views: usize,
    /// How often a line was drawn.
    pub drawings: u64,
    /// Worker processes.
    pub workers: usize,
    /// Workers that cannot be killed.
    pub abandoned: usize,
    /// `None`: history is not kept.
    pub history: Option<HistoryFile>,
    /// The configs in use.
    pub configs: Vec<ConfigStatus>,
    /// What requests asked for and no config has.
    pub unknown: Vec<String>,
    /// The readings that are kept going.
    pub segments: Vec<SegmentStatus>,
    /// Alerts whose last notification was not delivered.
    pub alerts: Vec<AlertStatus>,
    /// The last events worth knowing.
    pub notes: Vec<String>,
}

/// Where history is kept over restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryFile {
    /// Where the file is.
    #[serde(serialize_with = "rainline_segments::base::path_bytes::as_text")]
    pub path: PathBuf,
    /// Whether it could be read.
    pub loaded: bool,
    /// Why it cannot be read or written; `None` while it can.
    #[serde(default)]
    pub error: Option<String>,
}

/// A config file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// `None`: the built-in config.
    #[serde(serialize_with = "rainline_segments::base::path_bytes::option::as_text")]
    pub path: Option<PathBuf>,
    /// Whether it was read yet.
    pub loaded: bool,
    /// What is wrong with it, as messages for a person.
    pub problems: Vec<String>,
}

/// A reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentStatus {
    /// The instance's name in its config.
    pub name: String,
    /// Tells the readings of one instance for several terminals or moments apart; 0: it is the same
    /// for all.
    pub asker: u64,
    /// The directory that it belongs to; `None`: it depends on none.
    #[serde(serialize_with = "rainline_segments::base::path_bytes::option::as_text")]
    pub directory: Option<PathBuf>,
    /// `None`: it was never taken.
    pub age_seconds: Option<f64>,
    /// Why the last attempt failed; `None` if it did not.
    pub error: Option<String>,
}

/// An alert whose last notification was not delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertStatus {
    /// The alert's name.
    pub name: String,
    /// Why the notification was not delivered.
    pub error: String,
}

impl Status {
    /// What is wrong, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let problems = self.configs.iter().flat_map(|config| config.problems.iter().cloned());
        let failing = |segment: &SegmentStatus| {
            let error = segment.error.as_ref()?;
            Some(format!("segment {} fails: {error}", segment.name))
        };
        let alerts =
            self.alerts.iter().map(|alert| format!("alert {}: error: {}", alert.name, alert.error));
        let segments = self.segments.iter().filter_map(failing);
        let history = self.history.iter().filter_map(|file| file.error.clone());
        let unknown = self.unknown.iter().cloned();
        problems.chain(unknown).chain(segments).chain(alerts).chain(history).collect()
    }
}

/// A line a subject.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pid {}", self.pid)?;
        writeln!(f, "build {:016x} protocol {}", self.build, self.protocol)?;
        writeln!(f, "uptime {} s", self.uptime_seconds)?;
        if let Some(kilobytes) = self.memory_kilobytes {
            writeln!(f, "memory {kilobytes} kB")?;
        }
        let Status { clients, streams, requests, refused, .. } = self;
        writeln!(f, "clients {clients} streams {streams} requests {requests} refused {refused}")?;
        writeln!(f, "views {} drawings {}", self.views, self.drawings)?;
        writeln!(f, "workers {} abandoned {}", self.workers, self.abandoned)?;
        if let Some(HistoryFile { path, loaded, error }) = &self.history {
            let state = if *loaded { "" } else { " (not read)" };
            writeln!(f, "history {}{state}", path.display())?;
            if let Some(error) = error {
                writeln!(f, "problem {error}")?;
            }
        }
        for config in &self.configs {
            let path = config.path.as_ref().map(|path| path.display().to_string());
            let state = if config.loaded { "" } else { " (being read)" };
            writeln!(f, "config {}{state}", path.as_deref().unwrap_or("(built in)"))?;
            for problem in &config.problems {
                writeln!(f, "problem {}", problem.replace('\n', "\n  "))?;
            }
        }
        for unknown in &self.unknown {
            writeln!(f, "problem {unknown}")?;
        }
        // Of many terminals with the same segment the newest reading tells enough.
        let is_same = |a: &SegmentStatus, b: &SegmentStatus| a.name == b.name && a.error == b.error;
        for group in self.segments.chunk_by(is_same) {
            let SegmentStatus { name, error, .. } = &group[0];
            write!(f, "segment {name}")?;
            if group.len() > 1 {
                write!(f, " ×{}, newest", group.len())?;
            }
            let ages = group.iter().filter_map(|segment| segment.age_seconds);
            match ages.min_by(f64::total_cmp) {
                Some(seconds) => write!(f, " age {seconds:.1} s")?,
                None => write!(f, " has no value yet")?,
            }
            match error {
                Some(error) => writeln!(f, "; the last attempt failed: {error}")?,
                None => writeln!(f)?,
            }
        }
        for AlertStatus { name, error } in &self.alerts {
            writeln!(f, "alert {name}: error: {error}")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note {note}"))
    }
}

/// What is counted from start to end.
pub struct Counters {
    started: Duration,
    last_request: Duration,
    requests: u64,
}

impl Counters {
    /// Starts counting at this time of the boot clock.
    pub fn new(boot: Duration) -> Counters {
        Counters { started: boot, last_request: boot, requests: 0 }
    }

    /// Counts one request.
    pub fn count_request(&mut self) {
        self.requests += 1;
    }

    /// Notes that a request uses the daemon; one about the daemon itself does not.
    pub fn note_use(&mut self, boot: Duration) {
        self.last_request = boot;
    }

    /// When the daemon was used last, by the boot clock.
    pub fn last_request(&self) -> Duration {
        self.last_request
    }

    /// For how long the daemon has been running.
    pub fn uptime(&self, boot: Duration) -> Duration {
        boot.saturating_sub(self.started)
    }

    /// Fills in its part of a status.
    pub fn fill(&self, status: &mut Status, boot: Duration) {
        status.requests = self.requests;
        status.uptime_seconds = self.uptime(boot).as_secs();
        status.pid = std::process::id();
        status.memory_kilobytes = resident();
        status.notes = notes();
    }
}

/// Resident memory in kilobytes.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Notes are global because a panic's hook takes them, too.
static NOTES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Notes an event for `status`, once where it comes again and again.
pub fn note(text: String) {
    let mut notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    if notes.back() == Some(&text) {
        return;
    }
    if notes.len() >= MAX_NOTES {
        notes.pop_front();
    }
    notes.push_back(text);
}

fn notes() -> Vec<String> {
    NOTES.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let segment = |name: &str, error: Option<&str>| SegmentStatus {
            name: name.into(),
            age_seconds: Some(1.25),
            error: error.map(str::to_owned),
            ..SegmentStatus::default()
        };
        Status {
            pid: 7,
            configs: vec![ConfigStatus { loaded: true, ..ConfigStatus::default() }],
            segments: vec![segment("error-rate", None), segment("problem", None)],
            notes: vec!["an error is only a word".into()],
            ..Status::default()
        }
    }

    #[test]
    fn names_that_sound_like_trouble_are_no_warnings() {
        assert_eq!(status().warnings(), [""; 0]);
    }

    #[test]
    fn problems_errors_and_failed_notifications_are_warnings() {
        let mut status = status();
        status.configs[0].problems.push("no such theme".into());
        status.segments[0].error = Some("it took too long".into());
        status.unknown.push("there is no line `x`".into());
        status.alerts.push(AlertStatus { name: "loud".into(), error: "not found".into() });
        let expected = [
            "no such theme",
            "there is no line `x`",
            "segment error-rate fails: it took too long",
            "alert loud: error: not found",
        ];
        assert_eq!(status.warnings(), expected);
    }

    #[test]
    fn it_comes_back_from_json_as_it_went_and_reads_as_lines() {
        let json = serde_json::to_string(&status()).expect("JSON");
        assert_eq!(serde_json::from_str::<Status>(&json).expect("a status"), status());
        let text = status().to_string();
        assert!(text.contains("pid 7\n") && text.contains("\nconfig (built in)\n"), "{text}");
        assert!(text.contains("\nsegment error-rate age 1.2 s\n"), "{text}");
        assert!(text.ends_with("note an error is only a word\n"), "{text}");
    }

    #[test]
    fn readings_of_many_terminals_are_one_line_with_the_newest_age() {
        let reading = |asker, seconds| SegmentStatus {
            name: "session".into(),
            asker,
            age_seconds: seconds,
            ..SegmentStatus::default()
        };
        let mut status = status();
        status.segments = vec![reading(1, Some(9.0)), reading(2, Some(3.0)), reading(3, None)];
        let text = status.to_string();
        assert!(text.contains("\nsegment session ×3, newest age 3.0 s\n"), "{text}");
    }
}

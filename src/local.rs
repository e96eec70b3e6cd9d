//! A good line without a daemon.
//!
//! Reading a config or a source may hang, so it happens in a worker that is left behind at the
//! deadline; what is printed then is the last line with the same key, or one without any reading. It
//! is never empty, and never an error. What counters and graphs need to know of the last time is
//! kept in the runtime directory, so that a second call shows true differences; where nothing can
//! be kept, everything still works.

use std::time::Duration;

use rainline_caps::Glyphs;

use crate::config::Config;
use crate::line::drawing::{Drawing, Nothing};
use crate::readings::history::History;
use crate::worker::{Answer, Job, Process, Worker};
use rainline_client::protocol::{Body, LineKey, LineRequest, Request};
use rainline_client::runtime::{self, Runtime};
use rainline_client::sys;

/// Files for last lines: a new line takes the place of an old one of the same number.
const LAST_LINES: u64 = 64;

/// Draws lines without a daemon. Its worker stays open between two lines of a stream.
#[derive(Default)]
pub struct Local {
    worker: Option<Process>,
    /// The history as of the last line, for where no file can be kept.
    history: Vec<u8>,
}

/// One line, without its newline.
pub fn line(request: &Request) -> Vec<u8> {
    Local::default().line(request)
}

impl Local {
    /// One line, without its newline.
    pub fn line(&mut self, request: &Request) -> Vec<u8> {
        let until = sys::awake() + request.deadline.max(Duration::from_millis(1));
        let Some(line) = request.line() else { return Vec::new() };
        let runtime = runtime::open().ok();
        if let Some(drawn) = self.fresh(request, line, runtime.as_ref(), until) {
            if let Some(runtime) = &runtime {
                keep(runtime, line.key(), drawn.as_bytes());
            }
            return drawn.into_bytes();
        }
        // Whatever the worker is doing, it is not waited for again.
        self.worker = None;
        let last = runtime.and_then(|runtime| kept(&runtime, line.key()));
        last.unwrap_or_else(|| placeholder(line))
    }

    /// The best line that a worker draws in time.
    fn fresh(
        &mut self,
        request: &Request,
        line: &LineRequest,
        runtime: Option<&Runtime>,
        until: Duration,
    ) -> Option<String> {
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Process::start(None).ok()?),
        };
        let history = runtime.and_then(|runtime| runtime.read(runtime::HISTORY));
        let history = history.unwrap_or_else(|| std::mem::take(&mut self.history));
        let mut bytes = Vec::new();
        Request { body: Body::Print(line.clone()), ..request.clone() }.encode(&mut bytes);
        worker.send(&Job::Line { request: bytes, history }).ok()?;
        let mut best = None;
        while let Some(Answer::Line { line, last, history }) = worker.wait(until) {
            best = Some(line);
            if last {
                if History::decode(&history).is_some_and(|history| !history.is_empty()) {
                    runtime.map(|runtime| runtime.write(runtime::HISTORY, &history));
                    self.history = history;
                }
                return best;
            }
        }
        // Its answer would come too late, and be taken for that of the next line.
        self.worker = None;
        best
    }
}

/// The line as it looks before anything was read. Nothing is touched for it.
fn placeholder(request: &LineRequest) -> Vec<u8> {
    let config = Config::built_in();
    let line = Drawing::of(request, &config).draw(&config, &Nothing::default()).unwrap_or_default();
    if !line.is_empty() {
        return line.into_bytes();
    }
    if request.glyphs == Some(Glyphs::Ascii) { b"...".to_vec() } else { "…".into() }
}

/// Keeps a line for a time when none can be drawn. What stands in its file besides is its whole
/// key: another width, theme or config is another line.
fn keep(runtime: &Runtime, key: LineKey, line: &[u8]) {
    let bytes = [&key.value().to_le_bytes(), line].concat();
    // Without space for it the next line is a placeholder.
    let _ = runtime.write(&file_name(key), &bytes);
}

/// The line that was kept under this key.
fn kept(runtime: &Runtime, key: LineKey) -> Option<Vec<u8>> {
    let bytes = runtime.read(&file_name(key))?;
    let line = bytes.strip_prefix(&key.value().to_le_bytes())?;
    (!line.is_empty()).then(|| line.to_vec())
}

fn file_name(key: LineKey) -> String {
    format!("last-{:02}", key.value() % LAST_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poorest_line_is_still_a_line() {
        let request = LineRequest { line: "no such line".into(), ..LineRequest::default() };
        assert!(!placeholder(&request).is_empty());
    }

    #[test]
    fn a_kept_line_is_never_one_of_another_width_or_config() {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        let line = LineRequest { line: "tmux".into(), ..LineRequest::default() };
        keep(&runtime, line.key(), b"eighty columns");
        assert_eq!(kept(&runtime, line.key()).as_deref(), Some(&b"eighty columns"[..]));
        // Some of so many have the number of the same file.
        for columns in 81..400 {
            let wider = LineRequest { columns, ..line.clone() };
            assert_eq!(kept(&runtime, wider.key()), None, "{columns}");
            keep(&runtime, wider.key(), b"wider");
        }
        let other = LineRequest { config: "/other.toml".into(), ..line.clone() };
        assert_eq!(kept(&runtime, other.key()), None);
        assert!(runtime.names().len() <= LAST_LINES as usize);
    }
}

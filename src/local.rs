//! A good line without a daemon.
//!
//! Reading a config or a source may hang, so it happens in a worker that is left behind at the
//! deadline; what is printed then is the last line of this kind, or one without any reading. It is
//! never nothing, and never an error. What counters and graphs need to know of the last time is
//! kept in the runtime directory, so that a second call shows true differences; where nothing can
//! be kept, everything works all the same.

use std::time::Duration;

use crate::config::Config;
use crate::daemon::Past;
use crate::daemon::workers::{Answer, Job, Process};
use crate::line::drawing::{Drawing, Nothing};
use rainline_client::protocol::{Request, Verb};
use rainline_client::runtime::{self, Runtime};
use rainline_client::sys;

/// Draws lines without a daemon. Its worker stays open between two lines, for whoever draws many.
#[derive(Default)]
pub struct Local {
    worker: Option<Process>,
    /// The past as of the last line, for where nothing can be kept.
    past: Vec<u8>,
}

/// One line, without its newline.
pub fn line(request: &Request) -> Vec<u8> {
    Local::default().line(request)
}

impl Local {
    /// One line, without its newline.
    pub fn line(&mut self, request: &Request) -> Vec<u8> {
        let until = sys::awake() + Duration::from_millis(request.deadline.max(1).into());
        let runtime = runtime::open().ok();
        let place = file_name(request);
        if let Some(line) = self.fresh(request, runtime.as_ref(), until) {
            if let Some(runtime) = &runtime {
                let _ = runtime.write(&place, line.as_bytes());
            }
            return line.into_bytes();
        }
        // Whatever it is doing, it will not be waited for again.
        self.worker = None;
        let saved = runtime.and_then(|runtime| runtime.read(&place));
        saved.filter(|line| !line.is_empty()).unwrap_or_else(|| placeholder(request))
    }

    /// The best line that a worker draws in time.
    fn fresh(
        &mut self,
        request: &Request,
        runtime: Option<&Runtime>,
        until: Duration,
    ) -> Option<String> {
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Process::start(None).ok()?),
        };
        let memo = runtime.and_then(|runtime| runtime.read(runtime::MEMO));
        let memo = memo.unwrap_or_else(|| std::mem::take(&mut self.past));
        let mut bytes = Vec::new();
        Request { verb: Verb::Print, ..request.clone() }.encode(&mut bytes);
        worker.send(&Job::Line { request: bytes }, &memo).ok()?;
        let mut best = None;
        while let Some((Answer::Line { line, last }, past)) = worker.wait(until) {
            best = Some(line);
            if last {
                if Past::decode(&past).is_some_and(|past| !past.is_empty()) {
                    runtime.map(|runtime| runtime.write(runtime::MEMO, &past));
                    self.past = past;
                }
                return best;
            }
        }
        // Its answer would come too late, and out of turn.
        self.worker = None;
        best
    }
}

/// The line as it looks before anything was read. Nothing is touched for it.
fn placeholder(request: &Request) -> Vec<u8> {
    let config = Config::built_in();
    let line = Drawing::of(request, &config).draw(&config, &Nothing).unwrap_or_default();
    if !line.is_empty() {
        return line.into_bytes();
    }
    if request.glyphs == "ascii" { b"...".to_vec() } else { "…".into() }
}

/// Where the last line of this kind is kept: one file for each line and slot, so that they stay few.
fn file_name(request: &Request) -> String {
    let key = format!("{}\0{}\0{}\0{}", request.line, request.slot, request.target, request.depth);
    format!("last-{:016x}", runtime::hash(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poorest_line_is_still_a_line() {
        let request = Request { line: "no such line".into(), ..Request::default() };
        assert!(!placeholder(&request).is_empty());
    }
}

//! A good line without a daemon.
//!
//! Reading a config or a source may hang, so it happens in a worker that is left behind at the
//! deadline; what is printed then is the last line with the same key, or one of what the request itself
//! says. It is never empty, and never an error. What counters and graphs need to know of the last time is
//! kept in the runtime directory, so that a second call shows true differences; where nothing can
//! be kept, everything still works.
//!
//! Workers that hang in the kernel are counted over all processes of the user. While there is room for
//! one only, the segments that may hang are left out; while there is none, no worker is started.

use std::time::Duration;

use crate::readings::history::History;
use crate::worker::{Answer, Job, Old, Process, Worker, of_request};
use last::Last;
use rainline_client::Why;
use rainline_client::protocol::{Body, LineRequest, Request};
use rainline_client::runtime::{self, Runtime};
use rainline_client::{spawn, sys};

mod hung;
mod last;
mod late;

/// Draws lines without a daemon. Its worker stays open between two lines of a stream.
#[derive(Default)]
pub struct Local {
    worker: Option<Process>,
    /// Workers that were killed and have not ended yet.
    killed: Vec<Process>,
    /// The history as of the last line, for where no file can be kept.
    history: Vec<u8>,
    /// The last line, for where no file can be kept.
    last: Option<Last>,
    /// When the last whole line was drawn, by the boot clock.
    drawn: Option<Duration>,
}

/// What a worker draws.
struct Drawn {
    line: String,
    /// `None`: not all of it was read, an earlier line is better to be kept.
    old: Option<Old>,
}

/// One line, without its newline.
pub fn line(request: &Request, why: Why) -> Vec<u8> {
    Local::default().line(request, why)
}

impl Local {
    /// One line, without its newline; `why` no daemon draws it.
    pub fn line(&mut self, request: &Request, why: Why) -> Vec<u8> {
        let until = sys::awake() + request.deadline.max(Duration::from_millis(1));
        let Some(line) = request.line() else { return Vec::new() };
        let runtime = runtime::open().ok();
        let trouble = is_trouble(why, runtime.as_ref());
        let key = line.key();
        if let Some(drawn) = self.fresh(request, line, trouble, runtime.as_ref(), until) {
            if let Some(old) = drawn.old {
                let last = Last::new(key, old);
                runtime.iter().for_each(|runtime| last.keep(runtime));
                self.last = Some(last);
            }
            return drawn.line.into_bytes();
        }
        // Whatever the worker is doing, it is not waited for again.
        self.leave_worker(runtime.as_ref());
        let kept = runtime.and_then(|runtime| Last::kept(&runtime, key));
        let mut kept = kept.iter().chain(&self.last);
        kept.find_map(|last| last.line(key, trouble))
            .unwrap_or_else(|| of_request(line, trouble).into_bytes())
    }

    /// The best line that a worker draws in time.
    fn fresh(
        &mut self,
        request: &Request,
        line: &LineRequest,
        trouble: bool,
        runtime: Option<&Runtime>,
        until: Duration,
    ) -> Option<Drawn> {
        self.killed.retain_mut(|worker| !worker.has_ended());
        let hung = hung::count(runtime, until).max(self.killed.len());
        if hung >= hung::MOST {
            return None;
        }
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Process::start(None).ok()?),
        };
        let history = runtime.and_then(|runtime| runtime.read(runtime::HISTORY));
        let history = history.unwrap_or_else(|| self.history.clone());
        let mut bytes = Vec::new();
        Request { body: Body::Print(line.clone()), ..request.clone() }.encode(&mut bytes);
        let is_quick = hung + 1 >= hung::MOST;
        let since = self.drawn.take().map(|at| sys::boot().saturating_sub(at));
        worker.send(&Job::Line { request: bytes, history, since, trouble, is_quick }).ok()?;
        let mut best = None;
        while let Some(Answer::Line { line, last, history, old }) = worker.wait(until) {
            best = Some(Drawn { line, old: last.then_some(old) });
            if last {
                self.drawn = Some(sys::boot());
                if History::decode(&history).is_some_and(|history| !history.is_empty()) {
                    runtime.map(|runtime| runtime.write(runtime::HISTORY, &history));
                    self.history = history;
                }
                return best;
            }
        }
        // Its answer would come too late, and be taken for that of the next line.
        self.leave_worker(runtime);
        best
    }

    fn leave_worker(&mut self, runtime: Option<&Runtime>) {
        let Some(mut worker) = self.worker.take() else { return };
        worker.kill();
        if worker.has_ended() {
            return;
        }
        if let Some(runtime) = runtime {
            hung::note(runtime, &worker.family());
        }
        self.killed.push(worker);
    }
}

/// Whether a line has the sign of trouble because no daemon draws it. One that is being started, or
/// late once, is no trouble.
fn is_trouble(why: Why, runtime: Option<&Runtime>) -> bool {
    match why {
        Why::Absent => runtime.is_some_and(spawn::fails),
        Why::Late => runtime.is_some_and(late::is_lasting),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poorest_line_is_still_a_line() {
        let request = LineRequest { line: "no such line".into(), ..LineRequest::default() };
        assert!(!of_request(&request, false).is_empty());
    }

    #[test]
    fn a_line_of_the_request_alone_tells_the_last_command_and_no_job() {
        let request = |status| LineRequest {
            line: "prompt".into(),
            slot: "all".into(),
            target: "plain".into(),
            status: Some(status),
            ..LineRequest::default()
        };
        let [well, badly] = [0, 3].map(|status| of_request(&request(status), false));
        assert!(!well.contains('✘') && badly.contains("✘ 3"), "{well}\n{badly}");
    }

    #[test]
    fn a_line_of_the_request_alone_has_one_sign_if_there_is_trouble() {
        let request =
            LineRequest { line: "tmux".into(), slot: "right".into(), ..LineRequest::default() };
        let signs = |trouble| of_request(&request, trouble).matches('!').count();
        assert_eq!([false, true].map(signs), [0, 1]);
    }

    #[test]
    fn a_daemon_on_its_way_is_no_trouble_and_what_is_refused_is() {
        assert!(!is_trouble(Why::Absent, None));
        for why in [Why::Nowhere, Why::Foreign, Why::Refused] {
            assert!(is_trouble(why, None), "{why}");
        }
    }
}

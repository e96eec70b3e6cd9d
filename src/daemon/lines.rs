//! The lines that are shown, and to whom: connections and shells that ask, requests that wait, views
//! and streams. Which readings are in a line is the sampler's business; here a line is drawn from
//! them, compared with what was sent, and sent.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::{LineRequest, ReplyKind, Request};
use rainline_client::runtime::Runtime;
use rustix::event::PollFlags;

use super::channel::{Channels, PromptOwner, Unfinished};
use super::sampler::Cache;
use super::serve::{Connections, Streaming};
use super::status::Status;
use crate::readings::schedule::Now;

mod views;

use views::Views;
pub use views::{Token, ViewId};

/// The longest wait for the moment at which a line may be sent: that is a moment of the wall clock,
/// which may be set meanwhile.
const MAX_WRITE_WAIT: Duration = Duration::from_secs(1);

/// So many streams are sent a line before requests have their turn again: a print does not wait for
/// the lines of a thousand bars. Each pass polls all of them: with 1 000 that read nothing, and without
/// askers, the daemon took 17 ms CPU/s at 32 and 11 at 128; docs/performance.md has it with the rest.
const AT_ONCE: usize = 128;

/// A request that waits for its config or for a first reading.
pub struct Pending {
    /// Its connection.
    pub id: u64,
    pub request: Request,
    /// When it is answered with what there is.
    pub until: Duration,
    /// The attempt to read its config that it waits for, because the config as it was read last has
    /// nothing that fits.
    pub attempt: Cell<Option<u64>>,
    /// Keeps its view while it waits for a reading of it.
    pub view: Cell<Option<Rc<()>>>,
}

/// All lines.
pub struct Lines {
    connections: Connections,
    pub views: Views,
    pending: Vec<Pending>,
    /// When streams are sent the lines that are held back.
    held: Option<Duration>,
    /// The streams that have not been sent their newest line yet.
    behind: VecDeque<u64>,
}

/// What comes in.
impl Lines {
    pub fn new(runtime: &Rc<Runtime>) -> Lines {
        let mut connections = Connections::default();
        connections.channels = Channels::adopt(runtime.clone());
        Lines {
            connections,
            views: Views::default(),
            pending: Vec::new(),
            held: None,
            behind: VecDeque::new(),
        }
    }

    /// Whether new connections are accepted: not for a moment after descriptors ran out.
    pub fn is_accepting(&self, boot: Duration) -> bool {
        self.connections.pause.is_none_or(|until| boot >= until)
    }

    /// The descriptors to poll, with their connections' numbers.
    pub fn fds(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>, PollFlags)> {
        self.connections.fds()
    }

    /// Accepts, reads and writes what the poll found; the requests that are whole.
    pub fn receive(
        &mut self,
        listener: Option<&OwnedFd>,
        mut events: Vec<(u64, PollFlags)>,
        boot: Duration,
    ) -> Vec<(u64, Request)> {
        if let Some(listener) = listener {
            self.connections.pause = None;
            // A new client has usually sent its request already: it is read in this pass.
            let new = self.connections.accept(listener, boot);
            events.extend(new.into_iter().map(|id| (id, PollFlags::IN)));
        }
        // One request of each in a pass: what the poll found is read already.
        let mut more: HashSet<u64> = self.connections.with_more().collect();
        let found = events.iter().filter(|(_, flags)| flags.contains(PollFlags::IN));
        for (id, _) in found {
            more.remove(id);
        }
        events.extend(more.into_iter().map(|id| (id, PollFlags::IN)));
        let mut requests = Vec::new();
        for (id, flags) in events {
            if flags.contains(PollFlags::OUT) {
                self.connections.flush(id);
            }
            if flags.contains(PollFlags::IN) {
                let read = self.connections.read(id, boot);
                requests.extend(read.into_iter().map(|request| (id, request)));
            } else if flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                self.connections.remove(id);
            }
        }
        self.connections.shed();
        requests
    }

    /// Makes a channel for a shell that wants one.
    pub fn register_shell(&mut self, shell: &str) {
        if !shell.is_empty() {
            self.connections.channels.register(shell);
        }
    }

    /// Lets a connection's request wait; no other is read from it meanwhile.
    pub fn set_waiting(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.waiting = true;
        }
    }

    /// Keeps a request until what it needs has been read.
    pub fn defer(&mut self, pending: Pending) {
        self.set_waiting(pending.id);
        self.pending.push(pending);
    }

    /// Takes out the waiting requests of connections that are still there.
    pub fn take_pending(&mut self) -> Vec<Pending> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|pending| self.connections.contains(pending.id));
        pending
    }
}

/// What is shown.
impl Lines {
    /// The streams: their connections, views and requests.
    pub fn streams(&mut self) -> Vec<(u64, ViewId, LineRequest)> {
        let streams = self.connections.each_stream();
        streams.map(|(id, stream)| (id, stream.view, stream.request.clone())).collect()
    }

    /// Gives a stream another view.
    pub fn move_stream(&mut self, id: u64, view: ViewId, boot: Duration) {
        if let Some(stream) = self.connections.get_mut(id).and_then(|c| c.stream.as_mut()) {
            let is_behind = stream.token.is_behind;
            (stream.view, stream.token) = (view, self.views.hold(view));
            stream.token.is_behind = is_behind;
        }
        self.views.note_streams(boot);
    }

    /// Drops what is not used any more.
    pub fn sweep(&mut self, boot: Duration) {
        self.connections.sweep(boot);
        self.connections.channels.sweep();
        self.views.note_streams(boot);
        self.views.sweep(boot);
    }

    /// The most connections, and pages of what they keep, since the last call.
    pub fn take_peak(&mut self) -> usize {
        self.connections.take_peak()
    }

    /// How many connections and views there are.
    pub fn size(&self) -> usize {
        self.connections.len() + self.views.len()
    }

    /// When something is due without an event on a descriptor. `is_following`: whether sources
    /// are to be stopped when a lease ends.
    pub fn wake(&self, boot: Duration, is_following: bool) -> Option<Duration> {
        let pending = self.pending.iter().map(|pending| pending.until);
        let pause = self.connections.pause.filter(|until| *until > boot);
        let lease = self.views.lease_end(boot).filter(|_| is_following);
        let more = self.connections.with_more().next().map(|_| boot);
        let behind = (!self.behind.is_empty()).then_some(Duration::ZERO);
        pending.chain(lease).chain(self.held).chain(pause).chain(more).chain(behind).min()
    }

    /// Fills in its part of a status.
    pub fn fill(&self, status: &mut Status) {
        status.clients = self.connections.len();
        status.streams = self.connections.streams();
        status.refused = self.connections.turned_away;
        status.views = self.views.len();
        status.drawings = self.views.drawings();
        let unknown: HashSet<&String> = self.views.unknown().collect();
        status.unknown = unknown.into_iter().cloned().collect();
        status.unknown.sort_unstable();
    }
}

/// What goes out.
impl Lines {
    pub fn reply(&mut self, id: u64, nonce: u64, kind: ReplyKind, text: &str) {
        self.connections.reply(id, kind, nonce, text.as_bytes());
    }

    /// Answers a request for a line once. `meant`: what to show as soon as its config is read, where
    /// another one stands in.
    pub fn print(
        &mut self,
        pending: &Pending,
        request: &LineRequest,
        view: ViewId,
        meant: Option<LineRequest>,
        cache: &Cache,
        boot: Duration,
    ) {
        let nonce = pending.request.nonce;
        let Some(line) = self.draw(pending.id, nonce, view, cache, boot) else { return };
        if meant.is_some() || self.views.is_unfinished(view, cache) {
            let held = self.views.wait_for(view);
            let prompt = Unfinished { view, nonce, line: line.clone(), meant, held };
            self.connections.channels.watch(pending.id, request, prompt);
        }
        self.connections.reply(pending.id, ReplyKind::Line, nonce, &line);
        if pending.request.last {
            self.connections.close_answered(pending.id);
        }
    }

    /// Sends a stream its first line, and keeps it open.
    pub fn stream(
        &mut self,
        id: u64,
        nonce: u64,
        request: LineRequest,
        view: ViewId,
        cache: &Cache,
        boot: Duration,
    ) {
        let Some(line) = self.draw(id, nonce, view, cache, boot) else { return };
        let token = self.views.hold(view);
        let stream = Streaming::new(view, token, nonce, request, line.clone());
        if !self.connections.stream(id, stream) {
            return self.reply(id, nonce, ReplyKind::Refused, "there are no descriptors left");
        }
        self.views.note_streams(boot);
        self.connections.reply(id, ReplyKind::Line, nonce, &line);
    }

    /// The line of a view; where there is none, that is the reply.
    fn draw(
        &mut self,
        id: u64,
        nonce: u64,
        view: ViewId,
        cache: &Cache,
        boot: Duration,
    ) -> Option<Rc<[u8]>> {
        let line = self.views.draw(view, cache, boot);
        if line.is_none() {
            self.reply(id, nonce, ReplyKind::Refused, "drawing failed (a bug)");
        }
        line
    }

    /// Sends every stream its line if that changed and its host takes one. Lines are drawn anew once all
    /// have been sent the last ones. Looked at in each pass that sends some, 250 lines of 1 000 streams
    /// cost the daemon 23 ms CPU/s instead of 17, measured as for [`AT_ONCE`].
    pub fn update_streams(&mut self, cache: &Cache, now: &Now) {
        self.views.note_streams(now.boot);
        let mut left = AT_ONCE;
        self.send_behind(&mut left);
        if self.behind.is_empty() {
            self.offer_lines(cache, now);
            self.send_behind(&mut left);
        }
        self.views.note_streams(now.boot);
    }

    /// Finds the streams whose line changed and whose host takes one.
    fn offer_lines(&mut self, cache: &Cache, now: &Now) {
        let is_due = self.held.is_some_and(|at| now.boot >= at);
        if !self.views.draw_streamed(cache, now.boot) && !is_due {
            return;
        }
        self.held = None;
        for (id, stream) in self.connections.each_stream() {
            let newest = self.views.newest(stream.view);
            let Some(line) = newest.filter(|line| stream.sent.as_ref() != Some(line)) else {
                continue;
            };
            match stream.offer(line, now.wall) {
                Ok(()) if std::mem::replace(&mut stream.token.is_behind, true) => {}
                Ok(()) => self.behind.push_back(id),
                Err(at) => {
                    let wait = at.saturating_sub(now.wall).min(MAX_WRITE_WAIT);
                    let at = now.boot.saturating_add(wait);
                    self.held = Some(self.held.map_or(at, |held| held.min(at)));
                }
            }
        }
    }

    /// Sends streams that are behind their line, to so many at most.
    fn send_behind(&mut self, left: &mut usize) {
        while *left > 0
            && let Some(id) = self.behind.pop_front()
        {
            *left -= 1;
            let stream = self.connections.get_mut(id).and_then(|c| c.stream.as_mut());
            if let Some(stream) = stream
                && let Some(line) = stream.sent.clone()
            {
                stream.token.is_behind = false;
                let nonce = stream.nonce;
                self.connections.reply(id, ReplyKind::Line, nonce, &line);
            }
        }
    }

    /// Takes out the prompts that were shown before their last reading came.
    pub fn take_unfinished_prompts(&mut self) -> Vec<(PromptOwner, Unfinished)> {
        self.connections.channels.take_unfinished()
    }

    /// Has a shell draw its prompt again if it is finished and another one by now.
    pub fn finish_prompt(
        &mut self,
        owner: PromptOwner,
        mut prompt: Unfinished,
        cache: &Cache,
        boot: Duration,
    ) {
        if prompt.meant.is_some() || self.views.is_unfinished(prompt.view, cache) {
            prompt.held = self.views.wait_for(prompt.view);
            self.connections.channels.keep(owner, prompt);
        } else if let Some(line) = self.views.draw(prompt.view, cache, boot)
            && line != prompt.line
        {
            self.connections.channels.repaint(owner, prompt.nonce, &line);
        }
    }

    /// Says goodbye to all streams and to all requests that wait.
    pub fn dismiss(&mut self) {
        self.connections.channels.close();
        let streams = self.connections.each_stream().map(|(id, stream)| (id, stream.nonce));
        let mut open: Vec<(u64, u64)> = streams.collect();
        // A print that waits for a reading still gets its line.
        let prints = |pending: &Pending| {
            matches!(pending.request.body, rainline_client::protocol::Body::Print(_))
        };
        let others = self.pending.extract_if(.., |pending| !prints(pending));
        open.extend(others.map(|pending| (pending.id, pending.request.nonce)));
        for (id, nonce) in open {
            self.connections.reply(id, ReplyKind::Bye, nonce, &[]);
        }
    }

    /// Whether a request waits for what it needs.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.connections.is_flushed()
    }
}

//! Lines that are sent unasked: to open streams, and to shells whose prompt was drawn before its
//! last reading came. Which readings are in them is settled elsewhere; here they are drawn,
//! compared with what was sent, and sent.

use std::collections::HashMap;
use std::rc::Rc;

use crate::daemon::engine::Engine;
use crate::daemon::schedule::{self, Now};
use rainline_client::protocol::ReplyKind;

impl Engine {
    /// Whether a stream is open.
    pub(in crate::daemon) fn is_watched(&self) -> bool {
        self.cache.views.values().any(|view| view.streams > 0)
    }

    /// Counts the streams of each view: connections come and go in many ways. What the last one
    /// leaves is kept going for a moment.
    pub(super) fn count_streams(&mut self, now: &Now) {
        for view in self.cache.views.values_mut() {
            if view.streams > 0 {
                view.lease = view.lease.max(now.boot + schedule::GRACE);
            }
            view.streams = 0;
        }
        let views: Vec<u64> = self.connections.each_stream().map(|(_, s)| s.view).collect();
        for view in views {
            if let Some(view) = self.cache.views.get_mut(&view) {
                view.streams += 1;
            }
        }
    }

    /// Sends every stream its line if it changed.
    pub(in crate::daemon) fn feed_streams(&mut self, now: &Now) {
        if !self.is_watched() {
            return;
        }
        let mut changed = Vec::new();
        let mut lines: HashMap<u64, Option<Rc<[u8]>>> = HashMap::new();
        let streams: Vec<_> = self.connections.each_stream().map(|(id, s)| (id, s.view)).collect();
        for (id, view) in streams {
            let line = lines.entry(view).or_insert_with(|| self.draw(view, now)).clone();
            changed.extend(line.map(|line| (id, line)));
        }
        for (id, line) in changed {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            let Some(stream) = &mut connection.stream else { continue };
            if stream.sent.as_deref() != Some(&line) {
                stream.sent = Some(line.clone());
                let nonce = stream.nonce;
                self.connections.reply(id, ReplyKind::Line, nonce, &line);
            }
        }
        self.count_streams(now);
    }

    /// Tells the shells whose prompt was drawn before its last reading came.
    pub(in crate::daemon) fn repaint(&mut self, now: &Now) {
        for (who, mut drawn) in self.connections.channels.watched() {
            if let Some(request) = &drawn.meant
                && let Ok(Some(view)) = self.find_view(request, now)
                && self.is_of_its_config(view, &request.config)
            {
                self.renew(view, request, None, now);
                (drawn.view, drawn.meant) = (view, None);
            }
            if drawn.meant.is_some() || self.is_busy(drawn.view) {
                self.connections.channels.keep(who, drawn);
            } else if let Some(line) = self.draw(drawn.view, now)
                && line != drawn.line
            {
                self.connections.channels.repaint(who, drawn.nonce, &line);
            }
        }
    }
}

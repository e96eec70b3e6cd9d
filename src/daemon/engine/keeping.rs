//! The past over the end of this daemon: read from the history file at the start, given to whoever
//! was quicker, and put together to be saved. How it is written is `history`'s; files are read and
//! written by workers.

use std::time::Duration;

use rainline_segments::RunsIn;

use crate::daemon::cache::{Entry, Key};
use crate::daemon::engine::{Engine, Errand};
use crate::daemon::history::{self, Past};
use crate::daemon::note;
use crate::daemon::schedule::Now;
use crate::daemon::workers::{Answer, Job, Kept, Outcome, Wire};

/// How long the history file may take.
const FILE: Duration = Duration::from_secs(10);

impl Engine {
    /// Has the history file read, if there is a place for one.
    pub(super) fn read_past(&mut self) {
        let Some(path) = self.history.clone() else { return };
        let ticket = self.pool.submit("history", Job::Read { path }, Vec::new(), Some(FILE));
        self.errands.insert(ticket, Errand::ReadPast);
    }

    /// Takes over the past that the history file kept.
    pub(super) fn remember(&mut self, outcome: Outcome) {
        let bytes = match outcome {
            Ok((Answer::Read(Ok(())), bytes)) => bytes,
            Ok((Answer::Read(Err(why)), _)) | Err(why) => {
                return note(format!("the history cannot be read: {why}"));
            }
            Ok(_) => return,
        };
        self.remembered = true;
        let Some(past) = Past::decode(&bytes) else { return };
        self.past.adopt(past);
        // Whoever was quicker than the file gets its past all the same.
        let keys: Vec<Key> =
            self.cache.entries.keys().filter(|key| key.is_host()).cloned().collect();
        for key in keys {
            let Some((slot, instance)) = self.configs.instance(key.config, key.instance) else {
                continue;
            };
            let mut rings = self.past.take(&history::key(&slot.path, instance), instance.kind);
            let Some(entry) = self.cache.entries.get_mut(&key) else { continue };
            for ((_, old), (_, new)) in rings.iter_mut().zip(&entry.rings) {
                let seconds = entry.taken.unwrap_or_default().as_secs();
                new.recent(usize::MAX).for_each(|cell| old.push(cell.mean.into(), seconds));
            }
            entry.rings = rings;
            entry.version += 1;
        }
    }

    pub(super) fn keep_past(&mut self, now: &Now) {
        for (key, entry) in &self.cache.entries {
            if !key.is_host() {
                continue;
            }
            let Some((slot, instance)) = self.configs.instance(key.config, key.instance) else {
                continue;
            };
            let key = history::key(&slot.path, instance);
            self.past.put(&key, &entry.rings);
            let memo = match &entry.source {
                _ if instance.kind.runs_in == RunsIn::OwnWorker => kept(entry, now),
                Some(source) => source.save(),
                None => entry.memo.clone().filter(|memo| !memo.is_empty()),
            };
            if let Some(memo) = memo {
                self.past.memos.insert(key, memo);
            }
        }
    }

    /// Everything worth keeping, as of now.
    pub(in crate::daemon) fn past(&mut self) -> &Past {
        self.keep_past(&Now::read());
        &self.past
    }

    /// Has the history file written; the ticket, if there is a place for it. A file that was not
    /// read is not written over.
    pub(in crate::daemon) fn save(&mut self) -> Option<u64> {
        self.keep_past(&Now::read());
        if !self.remembered {
            return None;
        }
        let path = self.history.clone()?;
        let bytes = self.past.encode();
        let ticket = self.pool.submit("history", Job::Write { path }, bytes, Some(FILE));
        self.errands.insert(ticket, Errand::SavePast);
        // Started here: whoever leaves makes no further turn.
        let mut outcomes = self.pool.turn(false);
        let failed = outcomes.iter().any(|(ended, outcome)| *ended == ticket && outcome.is_err());
        let now = Now::read();
        outcomes.drain(..).for_each(|(ticket, outcome)| self.outcome(ticket, outcome, &now));
        (!failed).then_some(ticket)
    }

    pub(super) fn past_saved(&self, outcome: Outcome) {
        if let Ok((Answer::Wrote(Err(why)), _)) | Err(why) = outcome {
            note(format!("the history is not saved: {why}"));
        }
    }
}

/// What was heard last, to be shown while no daemon listens.
fn kept(entry: &Entry, now: &Now) -> Option<String> {
    let (at, sample) = entry.right_at(now)?;
    Kept { at, sample: sample.map(Wire::new) }.encode()
}

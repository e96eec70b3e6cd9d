//! What the daemon wants done by workers: owners put jobs here, the pool takes them out. Plain data,
//! so that an owner is tested without a process.

use std::collections::HashSet;
use std::time::Duration;

use crate::readings::id::{ConfigId, ReadingId};
use crate::worker::{Answer, Job};

/// A job's number, under which its outcome comes back.
pub type Ticket = u64;

/// What came of a job, or why nothing did.
pub type Outcome = Result<Answer, String>;

/// What a job is for: who gets its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Take a reading, or keep taking it.
    Reading(ReadingId),
    ReadConfig(ConfigId),
    WatchConfig(ConfigId),
    /// Deliver the notification of this alert.
    Notify(ConfigId, String),
    ReadHistory,
    WriteHistory,
}

impl Purpose {
    /// Which jobs hang and recover together. Of two disks only the one whose mount is dead gets no
    /// more workers, and it gets none for all clients.
    pub fn group(&self) -> Purpose {
        match self {
            Purpose::Reading(id) => Purpose::Reading(id.of_asker(0, None)),
            Purpose::ReadHistory | Purpose::WriteHistory => Purpose::ReadHistory,
            other => other.clone(),
        }
    }
}

/// A job that waits for a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    pub ticket: Ticket,
    pub purpose: Purpose,
    pub job: Job,
    /// How long it may run; `None`: it never ends, and each of its answers is an outcome.
    pub timeout: Option<Duration>,
}

/// The jobs that owners want done, and those that they want ended.
#[derive(Debug, Default)]
pub struct Jobs {
    last: Ticket,
    submitted: Vec<Submission>,
    cancelled: Vec<Ticket>,
    withdrawn: HashSet<Ticket>,
}

impl Jobs {
    /// Has a job done.
    pub fn submit(&mut self, purpose: Purpose, job: Job, timeout: Option<Duration>) -> Ticket {
        self.last += 1;
        self.submitted.push(Submission { ticket: self.last, purpose, job, timeout });
        self.last
    }

    /// Ends a job, whatever it is doing. No outcome comes of it.
    pub fn cancel(&mut self, ticket: Ticket) {
        let before = self.submitted.len();
        self.submitted.retain(|submission| submission.ticket != ticket);
        if self.submitted.len() == before {
            self.cancelled.push(ticket);
        }
    }

    /// A job is not wanted any more: it is not begun, unless a worker does it already. Its outcome
    /// then comes all the same.
    pub fn withdraw(&mut self, ticket: Ticket) {
        self.withdrawn.insert(ticket);
    }

    /// Takes out what was withdrawn.
    pub fn take_withdrawn(&mut self) -> HashSet<Ticket> {
        let withdrawn = std::mem::take(&mut self.withdrawn);
        if !withdrawn.is_empty() {
            self.submitted.retain(|submission| !withdrawn.contains(&submission.ticket));
        }
        withdrawn
    }

    /// Gives back room that was needed once.
    pub fn shrink(&mut self) {
        self.submitted.shrink_to_fit();
        self.withdrawn.shrink_to_fit();
    }

    pub fn is_empty(&self) -> bool {
        self.submitted.is_empty() && self.cancelled.is_empty() && self.withdrawn.is_empty()
    }

    /// Takes out what was submitted and what was cancelled.
    pub fn take(&mut self) -> (Vec<Submission>, Vec<Ticket>) {
        (std::mem::take(&mut self.submitted), std::mem::take(&mut self.cancelled))
    }
}

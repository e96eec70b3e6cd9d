//! The history file over the end of this daemon: read at the start, written now and then. Workers
//! read and write it; a file that was not read is not written over.

use std::path::PathBuf;
use std::time::Duration;

use super::jobs::{Jobs, Outcome, Purpose, Ticket};
use super::status::{HistoryFile, note};
use crate::readings::history::History;
use crate::worker::{Answer, Job};

/// How long the history file may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The history file.
pub struct Persistence {
    /// `None`: there is no place for one.
    path: Option<PathBuf>,
    /// Whether it was read.
    loaded: bool,
    writing: Option<Ticket>,
}

impl Persistence {
    /// Has the file read.
    pub fn new(path: Option<PathBuf>, jobs: &mut Jobs) -> Persistence {
        if let Some(path) = path.clone() {
            jobs.submit(Purpose::ReadHistory, Job::ReadHistory { path }, Some(TIMEOUT));
        }
        Persistence { path, loaded: false, writing: None }
    }

    pub fn status(&self) -> Option<HistoryFile> {
        Some(HistoryFile { path: self.path.clone()?, loaded: self.loaded })
    }

    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// What the file holds.
    pub fn read(&mut self, outcome: Outcome) -> Option<History> {
        match outcome {
            Ok(Answer::HistoryRead(Ok(bytes))) => {
                self.loaded = true;
                History::decode(&bytes)
            }
            Ok(Answer::HistoryRead(Err(why))) | Err(why) => {
                note(format!("the history cannot be read: {why}"));
                None
            }
            Ok(_) => None,
        }
    }

    /// Has the file replaced.
    pub fn write(&mut self, history: &History, jobs: &mut Jobs) {
        let Some(path) = self.path.clone().filter(|_| self.loaded) else { return };
        let job = Job::WriteHistory { path, bytes: history.encode() };
        self.writing = Some(jobs.submit(Purpose::WriteHistory, job, Some(TIMEOUT)));
    }

    /// Takes what came of writing.
    pub fn written(&mut self, ticket: Ticket, outcome: Outcome) {
        if self.writing == Some(ticket) {
            self.writing = None;
        }
        if let Ok(Answer::HistoryWritten(Err(why))) | Err(why) = outcome {
            note(format!("the history is not saved: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harness() -> (Persistence, Jobs) {
        let mut jobs = Jobs::default();
        let persistence = Persistence::new(Some("/h".into()), &mut jobs);
        assert_eq!(jobs.take().0[0].purpose, Purpose::ReadHistory);
        (persistence, jobs)
    }

    #[test]
    fn a_file_that_was_not_read_is_not_written_over() {
        let (mut persistence, mut jobs) = harness();
        persistence.write(&History::default(), &mut jobs);
        assert!(jobs.is_empty());
        assert!(persistence.read(Err("it took too long".into())).is_none());
        persistence.write(&History::default(), &mut jobs);
        assert!(jobs.is_empty() && persistence.status().is_some_and(|file| !file.loaded));
    }

    #[test]
    fn a_file_that_is_not_there_is_written_and_only_the_last_writing_counts() {
        let (mut persistence, mut jobs) = harness();
        assert!(persistence.read(Ok(Answer::HistoryRead(Ok(Vec::new())))).is_none());
        persistence.write(&History::default(), &mut jobs);
        persistence.write(&History::default(), &mut jobs);
        let tickets: Vec<Ticket> = jobs.take().0.iter().map(|request| request.ticket).collect();
        persistence.written(tickets[0], Ok(Answer::HistoryWritten(Ok(()))));
        assert!(persistence.is_writing());
        persistence.written(tickets[1], Err("the worker ended".into()));
        assert!(!persistence.is_writing());
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (mut persistence, mut jobs) = harness();
        persistence.read(Ok(Answer::HistoryRead(Ok(Vec::new()))));
        persistence.write(&History::default(), &mut jobs);
        let request = jobs.take().0.remove(0);
        let Job::WriteHistory { bytes, .. } = request.job else { panic!("{request:?}") };
        assert!(persistence.read(Ok(Answer::HistoryRead(Ok(bytes)))).is_some());
    }
}

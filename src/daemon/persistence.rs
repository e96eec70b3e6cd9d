//! The history file over the end of this daemon: read at the start, written now and then. Workers
//! read and write it. What cannot be read is tried again, and is not written over before.

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
    is_reading: bool,
    writing: Option<Ticket>,
    /// Why it cannot be read or written; `None` while it can.
    error: Option<String>,
}

impl Persistence {
    /// Has the file read.
    pub fn new(path: Option<PathBuf>, jobs: &mut Jobs) -> Persistence {
        let mut persistence =
            Persistence { path, loaded: false, is_reading: false, writing: None, error: None };
        persistence.request(jobs);
        persistence
    }

    /// Has the file read, unless it is.
    fn request(&mut self, jobs: &mut Jobs) {
        if let Some(path) = self.path.clone().filter(|_| !self.is_reading) {
            self.is_reading = true;
            jobs.submit(Purpose::ReadHistory, Job::ReadHistory { path }, Some(TIMEOUT));
        }
    }

    pub fn status(&self) -> Option<HistoryFile> {
        let (loaded, error) = (self.loaded, self.error.clone());
        Some(HistoryFile { path: self.path.clone()?, loaded, error })
    }

    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// What the file holds.
    pub fn read(&mut self, outcome: Outcome) -> Option<History> {
        self.is_reading = false;
        match outcome {
            Ok(Answer::HistoryRead(Ok(bytes))) => {
                self.loaded = true;
                self.error = None;
                History::decode(&bytes)
            }
            Ok(Answer::HistoryRead(Err(why))) | Err(why) => {
                self.fail(format!("the history cannot be read: {why}"));
                None
            }
            Ok(_) => None,
        }
    }

    /// Has the file replaced, or read if it was not yet.
    pub fn write(&mut self, history: &History, jobs: &mut Jobs) {
        if !self.loaded {
            return self.request(jobs);
        }
        let Some(path) = self.path.clone() else { return };
        let job = Job::WriteHistory { path, bytes: history.encode() };
        self.writing = Some(jobs.submit(Purpose::WriteHistory, job, Some(TIMEOUT)));
    }

    /// Takes what came of writing.
    pub fn written(&mut self, ticket: Ticket, outcome: Outcome) {
        if self.writing == Some(ticket) {
            self.writing = None;
        }
        match outcome {
            Ok(Answer::HistoryWritten(Err(why))) | Err(why) => {
                self.fail(format!("the history is not saved: {why}"));
            }
            Ok(_) => self.error = None,
        }
    }

    /// Remembers what is wrong, and notes it once.
    fn fail(&mut self, why: String) {
        if self.error.as_ref() != Some(&why) {
            note(why.clone());
            self.error = Some(why);
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
        let status = persistence.status().expect("a file");
        assert!(!status.loaded && status.error.is_some_and(|why| why.contains("too long")));
    }

    #[test]
    fn one_that_could_not_be_read_is_read_and_saved_some_day() {
        let (mut persistence, mut jobs) = harness();
        persistence.read(Err("it took too long".into()));
        persistence.write(&History::default(), &mut jobs);
        assert_eq!(jobs.take().0[0].purpose, Purpose::ReadHistory);
        persistence.read(Ok(Answer::HistoryRead(Ok(Vec::new()))));
        assert!(persistence.status().is_some_and(|file| file.loaded && file.error.is_none()));
        persistence.write(&History::default(), &mut jobs);
        assert_eq!(jobs.take().0[0].purpose, Purpose::WriteHistory);
    }

    #[test]
    fn a_full_disk_is_told_until_there_is_room() {
        let (mut persistence, mut jobs) = harness();
        persistence.read(Ok(Answer::HistoryRead(Ok(Vec::new()))));
        let mut write = |outcome| {
            persistence.write(&History::default(), &mut jobs);
            let ticket = jobs.take().0[0].ticket;
            persistence.written(ticket, outcome);
            persistence.status().expect("a file").error
        };
        let full = || Ok(Answer::HistoryWritten(Err("no space".into())));
        assert!(write(full()).is_some_and(|why| why.contains("not saved: no space")));
        assert!(write(full()).is_some());
        assert_eq!(write(Ok(Answer::HistoryWritten(Ok(())))), None);
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

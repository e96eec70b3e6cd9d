//! What is wrong with a config, collected while it is read.
//!
//! Only so many problems are kept and worded: a file with nothing but mistakes costs no more than a
//! right one.

use std::sync::Arc;

use rainline_render::diagnostic::{Diagnostic, Source};

use super::written::Place;

/// The most problems that are told.
pub const MAX_TOLD: usize = 50;

/// Problems, in the order in which they were met.
#[derive(Default)]
pub struct Problems {
    told: Vec<Diagnostic>,
    /// How many there are beyond those.
    more: usize,
}

impl Problems {
    pub fn add(&mut self, problem: Diagnostic) {
        if self.told.len() >= MAX_TOLD {
            self.more += 1;
        } else if !self.told.contains(&problem) {
            self.told.push(problem);
        }
    }

    /// Adds a problem with a word that stands at a place, with the nearest known one.
    pub fn unknown<'a>(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        // To find the nearest word is the costly part.
        if self.told.len() >= MAX_TOLD {
            self.more += 1;
        } else {
            self.add(place.unknown(message, word, known));
        }
    }

    pub fn extend(&mut self, problems: impl IntoIterator<Item = Diagnostic>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// The value; `None` where there is a problem instead, which is kept.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    /// As texts for a person, each once: file by file as they were read (theme files last), and in
    /// each from its beginning to its end. And how many there are beyond those.
    pub fn in_order_of(mut self, files: &[Arc<Source>]) -> (Vec<String>, usize) {
        let place = |problem: &Diagnostic| {
            let file = files.iter().position(|file| Arc::ptr_eq(file, &problem.source));
            (file.unwrap_or(files.len()), problem.source.path.clone(), problem.fault.span.start)
        };
        self.told.sort_by_cached_key(place);
        (self.told.iter().map(Diagnostic::to_string).collect(), self.more)
    }
}

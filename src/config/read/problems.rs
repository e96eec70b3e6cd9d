//! What is wrong with a config, collected while it is read.

use std::sync::Arc;

use rainline_render::diagnostic::{Diagnostic, Source};

/// Problems, in the order in which they were met.
#[derive(Default)]
pub struct Problems(Vec<Diagnostic>);

impl Problems {
    pub fn add(&mut self, problem: Diagnostic) {
        self.0.push(problem);
    }

    pub fn extend(&mut self, problems: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(problems);
    }

    /// The value; `None` where there is a problem instead, which is kept.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    /// As texts for a person, each once: file by file as they were read (theme files last), and in
    /// each from its beginning to its end.
    pub fn in_order_of(mut self, files: &[Arc<Source>]) -> Vec<String> {
        let place = |problem: &Diagnostic| {
            let file = files.iter().position(|file| Arc::ptr_eq(file, &problem.source));
            (file.unwrap_or(files.len()), problem.source.path.clone(), problem.fault.span.start)
        };
        self.0.sort_by_cached_key(place);
        self.0.dedup();
        self.0.iter().map(Diagnostic::to_string).collect()
    }
}

//! `pct`: a percentage.

use std::sync::Arc;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, missing};

pub(super) static ENTRY: Entry = Entry {
    name: "pct",
    about: "a percentage of what full is",
    graph: false,
    args: &[("w", "3", "cells of the number, filled up at the left")],
    takes: Unit::is_number,
    second: None,
    make: |args| Ok(Arc::new(Pct { width: args.count("w")? })),
};

#[derive(Debug)]
struct Pct {
    width: usize,
}

impl Formatter for Pct {
    fn value(&self, value: &Value, _: &Context) -> Option<Content> {
        let percent = value.position()? * 100.0;
        Some(Content::Ours(format!("{percent:>width$.0}%", width = self.width)))
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        Some(Content::Ours(format!("{:>width$}%", missing(context), width = self.width)))
    }
}

#[cfg(test)]
mod tests {
    use crate::format::tests::{fill, sample};

    #[test]
    fn is_of_what_full_is() {
        assert_eq!(fill("$usage.pct()|$bytes.pct(w:1)", &sample()), " 42%|47%");
    }
}

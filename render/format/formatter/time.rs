//! `time`: a point in time.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::format::{Item, StrftimeItems};
use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, missing};
use crate::diagnostic::Fault;

pub(super) static ENTRY: Entry = Entry {
    name: "time",
    about: "a time by a strftime pattern",
    graph: false,
    args: &[("pattern", "%H:%M", "as strftime(3)")],
    takes: |unit| unit == Unit::Time,
    second: None,
    make: |args| {
        let pattern = args.text("pattern");
        if StrftimeItems::new(pattern).any(|item| item == Item::Error) {
            let message = format!("`{pattern}` is no strftime pattern");
            return Err(Fault::new(args.span("pattern"), message));
        }
        Ok(Arc::new(Time { pattern: pattern.to_owned() }))
    },
};

#[derive(Debug)]
struct Time {
    pattern: String,
}

impl Formatter for Time {
    fn value(&self, value: &Value, _: &Context) -> Option<Content> {
        let Value::Time(time) = value else { return None };
        let mut out = String::new();
        // The pattern was checked when it was read; a failure here writes nothing.
        write!(out, "{}", time.format(&self.pattern)).ok()?;
        Some(Content::Ours(out))
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        context.lost.then(|| Content::Ours(missing(context).into()))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rainline_segments::{Level, Sample, Value};

    use crate::format::tests::fill;

    #[test]
    fn is_written_by_its_pattern() {
        let noon = DateTime::parse_from_rfc3339("2026-03-01T12:30:00Z").expect("a time");
        let sample = Sample::new(Level::Idle).with("at", Value::Time(noon));
        assert_eq!(fill("$at.time('%M %%')", &sample), "30 %");
    }
}

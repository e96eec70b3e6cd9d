//! `num`: a plain number.

use std::sync::Arc;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, missing};

pub(super) static ENTRY: Entry = Entry {
    name: "num",
    about: "a plain number",
    graph: false,
    args: &[("w", "1", "cells, filled up at the left"), ("p", "0", "digits after the point")],
    takes: Unit::is_number,
    second: None,
    make: |args| Ok(Arc::new(Num { width: args.count("w")?, decimals: args.count("p")?.min(9) })),
};

#[derive(Debug)]
struct Num {
    width: usize,
    decimals: usize,
}

impl Formatter for Num {
    fn value(&self, value: &Value, _: &Context) -> Option<Content> {
        let Num { width, decimals } = *self;
        Some(Content::Ours(format!("{:>width$.decimals$}", value.as_number()?)))
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        let point = usize::from(self.decimals > 0);
        let width = self.width + self.decimals + point;
        Some(Content::Ours(format!("{:>width$}", missing(context))))
    }
}

#[cfg(test)]
mod tests {
    use crate::format::tests::{fill, sample};

    #[test]
    fn fills_up_at_the_left() {
        assert_eq!(fill("$usage.num(w:6,p:2)", &sample()), " 42.40");
    }
}

//! `eng`: a number with a prefix.

use std::sync::Arc;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, missing};

pub(super) static ENTRY: Entry = Entry {
    name: "eng",
    about: "a number with a prefix: 3.4G",
    graph: false,
    args: &[
        ("w", "3", "digits shown"),
        ("unit", "", "text after the prefix"),
        ("base", "1024", "1024 or 1000"),
    ],
    takes: Unit::is_number,
    second: None,
    make: |args| {
        Ok(Arc::new(Eng {
            base: args.choice("base", &[("1024", 1024.0), ("1000", 1000.0)])?,
            digits: args.count("w")?.clamp(2, 9),
            unit: args.text("unit").to_owned(),
        }))
    },
};

#[derive(Debug)]
struct Eng {
    digits: usize,
    unit: String,
    base: f64,
}

impl Eng {
    /// The cells of the digits, a point and a prefix. Numbers are filled up to them, so that what
    /// follows does not move.
    fn width(&self) -> usize {
        self.digits + 2
    }
}

impl Formatter for Eng {
    fn value(&self, value: &Value, _: &Context) -> Option<Content> {
        const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
        let mut scaled = value.as_number()?;
        let mut step = 0;
        // 999.5 would be written with one digit more than 999: it belongs to the next prefix.
        while scaled.abs() >= 999.5 && step + 1 < PREFIXES.len() {
            scaled /= self.base;
            step += 1;
        }
        let whole = scaled.abs().max(1.0).log10().floor() as usize + 1;
        let decimals = if step == 0 { 0 } else { self.digits.saturating_sub(whole) };
        let text = format!("{scaled:.decimals$}{}", PREFIXES[step]);
        Some(Content::Ours(format!("{text:>width$}{}", self.unit, width = self.width())))
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        let (mark, width) = (missing(context), self.width());
        Some(Content::Ours(format!("{mark:>width$}{}", self.unit)))
    }
}

#[cfg(test)]
mod tests {
    use rainline_segments::{Level, Sample, Value};

    use crate::format::tests::{fill, sample};

    #[test]
    fn has_a_prefix_and_a_unit() {
        assert_eq!(fill("$bytes.eng(unit:B)", &sample()), "3.50GB");
    }

    #[test]
    fn prefixes_never_make_a_number_wider() {
        for (value, text) in [
            (0.0, "    0"),
            (999.4, "  999"),
            (999.6, "0.98K"),
            (1023e3, " 999K"),
            (1024e4, "9.77M"),
        ] {
            let sample = Sample::new(Level::Idle).with("bytes", Value::number(value));
            assert_eq!(fill("$bytes", &sample), text, "{value}");
        }
    }
}

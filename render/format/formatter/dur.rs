//! `dur`: a duration.

use std::sync::Arc;
use std::time::Duration;

use rainline_segments::{Unit, Value};

use super::{Content, Context, Entry, Formatter, missing};

pub(super) static ENTRY: Entry = Entry {
    name: "dur",
    about: "a duration in its largest units: 3h 12m",
    graph: false,
    args: &[("units", "2", "how many units")],
    takes: |unit| unit == Unit::Duration,
    second: None,
    make: |args| Ok(Arc::new(Dur { units: args.count("units")?.clamp(1, 4) })),
};

#[derive(Debug)]
struct Dur {
    units: usize,
}

impl Formatter for Dur {
    fn value(&self, value: &Value, _: &Context) -> Option<Content> {
        let Value::Duration(time) = value else { return None };
        Some(Content::Ours(duration(*time, self.units)))
    }

    fn placeholder(&self, context: &Context) -> Option<Content> {
        context.lost.then(|| Content::Ours(missing(context).into()))
    }
}

/// The largest unit that is not zero, and those of the next `units - 1` that are not zero.
fn duration(time: Duration, units: usize) -> String {
    let seconds = time.as_secs();
    let all = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = all.iter().position(|(count, _)| *count > 0).unwrap_or(all.len() - 1);
    let shown: Vec<String> = all[first..]
        .iter()
        .take(units)
        .enumerate()
        .filter(|(index, (count, _))| *index == 0 || *count > 0)
        .map(|(_, (count, unit))| format!("{count}{unit}"))
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_units_are_written() {
        let of = |seconds, units| duration(Duration::from_secs(seconds), units);
        assert_eq!([of(0, 2), of(61, 1), of(11_520, 2)], ["0s", "1m", "3h 12m"]);
        // A unit of which there are none is left out.
        assert_eq!([of(86_400 + 59, 2), of(86_400 + 59, 4)], ["1d", "1d 59s"]);
    }
}

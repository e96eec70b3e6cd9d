//! The formatters: how a value is written. One set serves every segment.
//!
//! [`TABLE`] is what the parser, the checks and the docs all run on.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use chrono::format::{Item, StrftimeItems};
use rainline_segments::{Cell, Marked, Ring, Unit, Value};

use super::{Content, Context};
use crate::diagnostic::{Fault, nearest};
use crate::graph::{self, Dot};
use crate::targets::Glyphs;
use crate::width::{self, Cut};

/// How a value is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Formatter {
    Num { width: usize, decimals: usize },
    Eng { digits: usize, unit: String, base: f64 },
    Pct { width: usize },
    Dur { units: usize },
    Time { pattern: String },
    Text { max: usize, cut: Cut },
    Bar { width: usize },
    Gauge,
    Stack { width: usize },
    Spark { width: usize, max: Top, pace: Stretch },
    Braille { width: usize, max: Top, pace: Stretch },
}

/// What the full height of a history graph means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Top {
    /// The field's own 100 %, else the highest reading shown.
    Auto,
    /// The highest but for one reading in twenty, so that one spike does not flatten the rest.
    P95,
    Number(f64),
}

/// How much time a cell of a history graph covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stretch {
    /// One reading.
    Reading,
    /// So many minutes.
    Minutes(usize),
}

/// A formatter, for the parser and the docs.
pub struct Entry {
    pub name: &'static str,
    pub about: &'static str,
    /// Name, default as written, meaning.
    pub args: &'static [(&'static str, &'static str, &'static str)],
    pub takes: fn(Unit) -> bool,
    make: fn(&Args) -> Result<Formatter, Fault>,
}

/// An argument as written; an empty key is a value alone, which is the first argument.
#[derive(Clone, Debug)]
pub struct Arg<'a> {
    pub key: &'a str,
    pub value: String,
    pub span: Range<usize>,
}

const GRAPH_MAX: (&str, &str, &str) =
    ("max", "auto", "what full height means: `auto`, `p95` or a number");
const GRAPH_STEP: (&str, &str, &str) =
    ("step", "0", "minutes a cell covers; 0: one reading a cell");

/// Every formatter.
pub static TABLE: &[Entry] = &[
    Entry {
        name: "num",
        about: "a plain number",
        args: &[("w", "1", "cells, filled up at the left"), ("p", "0", "digits after the point")],
        takes: Unit::is_number,
        make: |args| {
            Ok(Formatter::Num { width: args.count("w", 1)?, decimals: args.count("p", 0)?.min(9) })
        },
    },
    Entry {
        name: "eng",
        about: "a number with a prefix: 3.4G",
        args: &[
            ("w", "3", "digits shown"),
            ("unit", "", "text after the prefix"),
            ("base", "1024", "1024 or 1000"),
        ],
        takes: Unit::is_number,
        make: |args| {
            let base = args.choice("base", &[("1024", 1024.0), ("1000", 1000.0)])?;
            let digits = args.count("w", 3)?.clamp(2, 9);
            Ok(Formatter::Eng { digits, unit: args.text("unit", ""), base })
        },
    },
    Entry {
        name: "pct",
        about: "a percentage of what full is",
        args: &[("w", "3", "cells of the number, filled up at the left")],
        takes: Unit::is_number,
        make: |args| Ok(Formatter::Pct { width: args.count("w", 3)? }),
    },
    Entry {
        name: "dur",
        about: "a duration in its largest units: 3h 12m",
        args: &[("units", "2", "how many units")],
        takes: |unit| unit == Unit::Duration,
        make: |args| Ok(Formatter::Dur { units: args.count("units", 2)?.clamp(1, 4) }),
    },
    Entry {
        name: "time",
        about: "a time by a strftime pattern",
        args: &[("pattern", "%H:%M", "as strftime(3)")],
        takes: |unit| unit == Unit::Time,
        make: |args| {
            let pattern = args.text("pattern", "%H:%M");
            if StrftimeItems::new(&pattern).any(|item| item == Item::Error) {
                let span = args.span("pattern");
                return Err(Fault::new(span, format!("`{pattern}` is no strftime pattern")));
            }
            Ok(Formatter::Time { pattern })
        },
    },
    Entry {
        name: "text",
        about: "a text, cut where it is too long",
        args: &[("max", "64", "the most cells"), ("cut", "end", "`end`, `middle` or `start`")],
        takes: |unit| unit == Unit::Text,
        make: |args| {
            let cuts = [("end", Cut::End), ("middle", Cut::Middle), ("start", Cut::Start)];
            Ok(Formatter::Text { max: args.count("max", 64)?, cut: args.choice("cut", &cuts)? })
        },
    },
    Entry {
        name: "bar",
        about: "a bar that fills from the left",
        args: &[("w", "8", "cells")],
        takes: Unit::is_number,
        make: |args| Ok(Formatter::Bar { width: args.count("w", 8)? }),
    },
    Entry {
        name: "gauge",
        about: "one cell that fills from below",
        args: &[],
        takes: Unit::is_number,
        make: |_| Ok(Formatter::Gauge),
    },
    Entry {
        name: "stack",
        about: "disjoint parts of a whole, side by side, edges to an eighth of a cell",
        args: &[("w", "10", "cells")],
        takes: |unit| unit == Unit::Parts,
        make: |args| Ok(Formatter::Stack { width: args.count("w", 10)? }),
    },
    Entry {
        name: "spark",
        about: "a history, one bar a cell",
        args: &[("w", "10", "cells"), GRAPH_MAX, GRAPH_STEP],
        takes: |unit| matches!(unit, Unit::History(_)),
        make: |args| {
            let (width, max, pace) = args.graph()?;
            Ok(Formatter::Spark { width, max, pace })
        },
    },
    Entry {
        name: "braille",
        about: "a history in dots, two readings a cell",
        args: &[("w", "10", "cells"), GRAPH_MAX, GRAPH_STEP],
        takes: |unit| matches!(unit, Unit::History(_)),
        make: |args| {
            let (width, max, pace) = args.graph()?;
            Ok(Formatter::Braille { width, max, pace })
        },
    },
];

/// No graph or number is wider than this.
const MAX_CELLS: usize = 400;

/// The arguments of one use, checked against the entry's declaration.
struct Args<'a> {
    entry: &'a Entry,
    given: &'a [Arg<'a>],
    whole: Range<usize>,
}

impl Args<'_> {
    fn find(&self, name: &str) -> Option<&Arg<'_>> {
        let first = self.entry.args.first().map(|(first, ..)| *first);
        self.given.iter().find(|arg| arg.key == name || (arg.key.is_empty() && first == Some(name)))
    }

    fn span(&self, name: &str) -> Range<usize> {
        self.find(name).map_or(self.whole.clone(), |arg| arg.span.clone())
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.find(name).map_or(default.to_owned(), |arg| arg.value.clone())
    }

    fn count(&self, name: &str, default: usize) -> Result<usize, Fault> {
        let Some(arg) = self.find(name) else { return Ok(default) };
        match arg.value.parse::<usize>() {
            Ok(count) if count <= MAX_CELLS => Ok(count),
            _ => Err(Fault::new(
                arg.span.clone(),
                format!("expected a number from 0 to {MAX_CELLS}, found `{}`", arg.value),
            )),
        }
    }

    /// The value of the word given; the first choice is the default.
    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, Fault> {
        let Some(arg) = self.find(name) else { return Ok(choices[0].1) };
        let found = choices.iter().find(|(word, _)| *word == arg.value);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Fault::new(
                arg.span.clone(),
                format!("expected {}, found `{}`", words.join(", "), arg.value),
            )
            .meant(&arg.value, words)
        })
    }

    fn graph(&self) -> Result<(usize, Top, Stretch), Fault> {
        let top = match self.text("max", "auto").as_str() {
            "auto" => Top::Auto,
            "p95" => Top::P95,
            number => match number.parse::<f64>() {
                Ok(number) if number > 0.0 && number.is_finite() => Top::Number(number),
                _ => {
                    let message = format!("expected auto, p95 or a number, found `{number}`");
                    return Err(Fault::new(self.span("max"), message));
                }
            },
        };
        let pace = match self.count("step", 0)? {
            0 => Stretch::Reading,
            minutes => Stretch::Minutes(minutes),
        };
        Ok((self.count("w", 10)?, top, pace))
    }
}

impl Formatter {
    /// Builds the formatter called `word`; `span` is the word's place.
    pub fn build(
        word: &str,
        span: Range<usize>,
        given: &[Arg],
        unit: Unit,
    ) -> Result<Formatter, Fault> {
        let Some(entry) = TABLE.iter().find(|entry| entry.name == word) else {
            let known = TABLE.iter().map(|entry| entry.name);
            return Err(
                Fault::new(span, format!("there is no formatter `{word}`")).meant(word, known)
            );
        };
        if !(entry.takes)(unit) {
            let fitting = TABLE.iter().filter(|entry| (entry.takes)(unit)).map(|entry| entry.name);
            let fitting: Vec<&str> = fitting.collect();
            return Err(Fault::new(
                span,
                format!("`{word}` cannot write {}; use {}", unit.name(), fitting.join(", ")),
            ));
        }
        for arg in given.iter().filter(|arg| !arg.key.is_empty()) {
            if !entry.args.iter().any(|(name, ..)| *name == arg.key) {
                let known: Vec<&str> = entry.args.iter().map(|(name, ..)| *name).collect();
                let mut fault =
                    Fault::new(arg.span.clone(), format!("`{word}` takes no `{}`", arg.key));
                fault.hint = nearest(arg.key, known).map(str::to_owned);
                return Err(fault);
            }
        }
        (entry.make)(&Args { entry, given, whole: span })
    }

    /// How values of this unit are written when the template does not say.
    pub fn usual(unit: Unit) -> Formatter {
        let graph = (10, Top::Auto, Stretch::Reading);
        match unit {
            Unit::Text => Formatter::Text { max: 64, cut: Cut::End },
            Unit::Percent => Formatter::Pct { width: 3 },
            Unit::Bytes => Formatter::Eng { digits: 3, unit: String::new(), base: 1024.0 },
            Unit::Count | Unit::Celsius => Formatter::Num { width: 1, decimals: 0 },
            Unit::Watts => Formatter::Num { width: 1, decimals: 1 },
            Unit::Duration => Formatter::Dur { units: 2 },
            Unit::Time => Formatter::Time { pattern: "%H:%M".into() },
            Unit::Parts => Formatter::Stack { width: 10 },
            Unit::History(_) => Formatter::Spark { width: graph.0, max: graph.1, pace: graph.2 },
        }
    }

    /// Writes a value. `None` where this formatter has nothing to say to this kind of value.
    pub(super) fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let glyphs = context.glyphs;
        if matches!(value, Value::Number { value, .. } if !value.is_finite()) {
            return self.placeholder(false, glyphs);
        }
        let graph = |dots| Content::Graph { dots, parts: Vec::new() };
        Some(match (self, value) {
            (Formatter::Text { max, cut }, Value::Text(text)) => {
                let ellipsis = glyphs.ellipsis(context.policy);
                let shown = width::cut(text.reveal(), *max, *cut, ellipsis, context.policy);
                Content::Outside(shown.into())
            }
            (Formatter::Text { max, cut }, Value::Marked(pieces)) => {
                let (text, ellipsis) = (Marked::text(pieces), glyphs.ellipsis(context.policy));
                let shown = width::cut(text.reveal(), *max, *cut, ellipsis, context.policy);
                Content::Outside(shown.into())
            }
            (Formatter::Text { max, cut }, Value::Sign(sign)) => {
                let text = match glyphs {
                    Glyphs::Nerd => &sign.nerd,
                    Glyphs::Unicode => &sign.unicode,
                    Glyphs::Ascii => &sign.ascii,
                };
                let ellipsis = glyphs.ellipsis(context.policy);
                let shown = width::cut(text.reveal(), *max, *cut, ellipsis, context.policy);
                Content::Outside(shown.into())
            }
            (Formatter::Text { max, .. }, Value::Live { what, known }) => Content::Live {
                what: *what,
                most: u16::try_from(*max).unwrap_or(u16::MAX),
                known: width::cut(
                    known.reveal(),
                    *max,
                    Cut::End,
                    glyphs.ellipsis(context.policy),
                    context.policy,
                )
                .into(),
            },
            (Formatter::Time { pattern }, Value::Time(time)) => {
                let mut out = String::new();
                // The pattern was checked when it was read; a failure here writes nothing.
                write!(out, "{}", time.format(pattern)).ok()?;
                Content::Ours(out)
            }
            (Formatter::Dur { units }, Value::Duration(time)) => {
                Content::Ours(duration(*time, *units))
            }
            (Formatter::Stack { width }, Value::Parts { parts, whole }) => {
                let mut values: Vec<f64> = parts.iter().map(|part| part.value).collect();
                let glyphs = if context.colour { glyphs } else { Glyphs::Ascii };
                if glyphs == Glyphs::Ascii && parts.last().is_some_and(|part| part.name == "free") {
                    // A letter for it would look like something taken.
                    values.pop();
                }
                let dots = graph::stack(&values, *whole, *width, glyphs);
                let parts = parts.iter().map(|part| part.name.to_string()).collect();
                Content::Graph { dots, parts }
            }
            (Formatter::Bar { width }, value) => {
                graph(graph::bar(value.position()?, *width, glyphs))
            }
            (Formatter::Gauge, value) => graph(vec![graph::gauge(value.position()?, glyphs)]),
            (Formatter::Pct { width }, value) => {
                let percent = value.position()? * 100.0;
                Content::Ours(format!("{percent:>width$.0}%"))
            }
            (Formatter::Num { width, decimals }, value) => {
                Content::Ours(format!("{:>width$.decimals$}", value.as_number()?))
            }
            (Formatter::Eng { digits, unit, base }, value) => {
                Content::Ours(engineering(value.as_number()?, *digits, unit, *base))
            }
            _ => return None,
        })
    }

    /// Draws a history; without a ring its cells are blank.
    pub(super) fn history(
        &self,
        ring: Option<&Ring>,
        full: Option<f64>,
        glyphs: Glyphs,
    ) -> Vec<Dot> {
        let (width, top, pace, readings_a_cell) = match self {
            Formatter::Spark { width, max, pace } => (*width, *max, *pace, 1),
            Formatter::Braille { width, max, pace } => (*width, *max, *pace, 2),
            _ => return Vec::new(),
        };
        let count = width * readings_a_cell;
        let cells: Vec<Cell> = match (ring, pace) {
            (None, _) => Vec::new(),
            (Some(ring), Stretch::Reading) => ring.recent(count).collect(),
            (Some(ring), Stretch::Minutes(minutes)) => {
                let all: Vec<Cell> = ring.minutes(count * minutes).collect();
                let mut cells: Vec<Cell> =
                    all.rchunks(minutes).map(|chunk| Cell::merge(chunk.iter().copied())).collect();
                cells.reverse();
                cells
            }
        };
        let max = match top {
            Top::Number(max) => max,
            Top::Auto => full.unwrap_or_else(|| highest(&cells, 1.0)),
            Top::P95 => highest(&cells, 0.95),
        };
        match self {
            Formatter::Braille { .. } => graph::braille(&cells, width, max, glyphs),
            _ => graph::spark(&cells, width, max, glyphs),
        }
    }

    /// What stands in the cells of a value that was not read yet, or is not to be believed.
    pub(super) fn placeholder(&self, lost: bool, glyphs: Glyphs) -> Option<Content> {
        let mark = match (lost, glyphs) {
            (true, _) => "?",
            (false, Glyphs::Ascii) => "-",
            (false, _) => "–",
        };
        let blank = |width: usize| Content::Ours(" ".repeat(width));
        match self {
            Formatter::Pct { width } => Some(Content::Ours(format!("{mark:>width$}%"))),
            Formatter::Num { width, decimals } => {
                let width = width + if *decimals > 0 { decimals + 1 } else { 0 };
                Some(Content::Ours(format!("{mark:>width$}")))
            }
            Formatter::Eng { digits, unit, .. } => {
                let width = digits + 2;
                Some(Content::Ours(format!("{mark:>width$}{unit}")))
            }
            Formatter::Bar { width } | Formatter::Stack { width } => Some(blank(*width)),
            Formatter::Gauge => Some(blank(1)),
            Formatter::Time { .. } | Formatter::Dur { .. } if lost => {
                Some(Content::Ours(mark.into()))
            }
            // A text, a time or a duration that is not there has no place to keep.
            _ => None,
        }
    }
}

/// The value that a share of the readings does not exceed; at least a little, so that a flat line
/// at zero stays a line at zero.
fn highest(cells: &[Cell], share: f64) -> f64 {
    let mut tops: Vec<f32> =
        cells.iter().filter(|cell| !cell.is_gap()).map(|cell| cell.max).collect();
    tops.sort_by(f32::total_cmp);
    let index = ((tops.len() as f64 * share).ceil() as usize).clamp(1, tops.len().max(1)) - 1;
    f64::from(tops.get(index).copied().unwrap_or(1.0)).max(f64::MIN_POSITIVE)
}

/// `3.42G`, filled up to the cells of its digits, a point and a prefix, so that nothing moves.
fn engineering(value: f64, digits: usize, unit: &str, base: f64) -> String {
    const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let mut scaled = value;
    let mut step = 0;
    // 999.5 would be written with one digit more than 999: it belongs to the next prefix.
    while scaled.abs() >= 999.5 && step + 1 < PREFIXES.len() {
        scaled /= base;
        step += 1;
    }
    let whole = scaled.abs().max(1.0).log10().floor() as usize + 1;
    let decimals = if step == 0 { 0 } else { digits.saturating_sub(whole) };
    let text = format!("{scaled:.decimals$}{}", PREFIXES[step]);
    format!("{text:>width$}{unit}", width = digits + 2)
}

/// `3h 12m`: the largest unit that is not zero, and those after it.
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

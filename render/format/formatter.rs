//! The formatters: how a value is written. One set serves every segment.
//!
//! [`TABLE`] is what the parser, the checks and the docs all run on.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use chrono::format::{Item, StrftimeItems};
use rainline_segments::{Kind, Styled, Unit, Value};

use super::{Content, Context};
use crate::diagnostic::{Fault, nearest};
use crate::graph::{self, Curve, Form, Scale};
use crate::width::{self, Cut};
use rainline_caps::Glyphs;

mod past;

pub use past::{Past, Shape, Stretch, Top};

/// How a value is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Formatter {
    Num {
        width: usize,
        decimals: usize,
    },
    Eng {
        digits: usize,
        unit: String,
        base: f64,
    },
    Pct {
        width: usize,
    },
    Dur {
        units: usize,
    },
    Time {
        pattern: String,
    },
    Text {
        max: usize,
        cut: Cut,
    },
    Bar {
        width: usize,
        marker: Option<Marker>,
    },
    Gauge {
        form: Form,
    },
    Stack {
        width: usize,
    },
    Columns {
        width: usize,
        curve: Curve,
    },
    Heat {
        width: usize,
        curve: Curve,
    },
    /// A graph of a history.
    Past(Past),
}

/// Where a bar has a line across it.
#[derive(Clone, Debug, PartialEq)]
pub enum Marker {
    /// In the unit of the bar's own field.
    Number(f64),
    /// Where this field of the same sample stands.
    Field(String),
}

/// The argument that must name a second field of the same sample, and which units may be in it.
pub type Second = (&'static str, fn(Unit) -> bool);

/// A formatter, for the parser and the docs.
pub struct Entry {
    pub name: &'static str,
    pub about: &'static str,
    /// Whether it draws.
    pub graph: bool,
    /// Name, default as written, meaning.
    pub args: &'static [(&'static str, &'static str, &'static str)],
    pub takes: fn(Unit) -> bool,
    pub second: Option<Second>,
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
const GRAPH_SCALE: (&str, &str, &str) = ("scale", "linear", "`linear` or `log`");
const GRAPH_EVERY: (&str, &str, &str) = ("every", "1", "readings in one");
const GRAPH_STEP: (&str, &str, &str) =
    ("step", "0", "minutes in one; 0: as many readings as `every` says");

fn is_history(unit: Unit) -> bool {
    matches!(unit, Unit::History(_))
}

/// Every formatter.
pub static TABLE: &[Entry] = &[
    Entry {
        name: "num",
        about: "a plain number",
        graph: false,
        args: &[("w", "1", "cells, filled up at the left"), ("p", "0", "digits after the point")],
        takes: Unit::is_number,
        second: None,
        make: |args| {
            Ok(Formatter::Num { width: args.count("w", 1)?, decimals: args.count("p", 0)?.min(9) })
        },
    },
    Entry {
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
            let base = args.choice("base", &[("1024", 1024.0), ("1000", 1000.0)])?;
            let digits = args.count("w", 3)?.clamp(2, 9);
            Ok(Formatter::Eng { digits, unit: args.text("unit", ""), base })
        },
    },
    Entry {
        name: "pct",
        about: "a percentage of what full is",
        graph: false,
        args: &[("w", "3", "cells of the number, filled up at the left")],
        takes: Unit::is_number,
        second: None,
        make: |args| Ok(Formatter::Pct { width: args.count("w", 3)? }),
    },
    Entry {
        name: "dur",
        about: "a duration in its largest units: 3h 12m",
        graph: false,
        args: &[("units", "2", "how many units")],
        takes: |unit| unit == Unit::Duration,
        second: None,
        make: |args| Ok(Formatter::Dur { units: args.count("units", 2)?.clamp(1, 4) }),
    },
    Entry {
        name: "time",
        about: "a time by a strftime pattern",
        graph: false,
        args: &[("pattern", "%H:%M", "as strftime(3)")],
        takes: |unit| unit == Unit::Time,
        second: None,
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
        graph: false,
        args: &[("max", "64", "the most cells"), ("cut", "end", "`end`, `middle` or `start`")],
        takes: |unit| unit == Unit::Text,
        second: None,
        make: |args| {
            let cuts = [("end", Cut::End), ("middle", Cut::Middle), ("start", Cut::Start)];
            Ok(Formatter::Text { max: args.count("max", 64)?, cut: args.choice("cut", &cuts)? })
        },
    },
    Entry {
        name: "bar",
        about: "a bar that fills from the left",
        graph: true,
        args: &[("w", "8", "cells"), ("marker", "", "a number or a field to mark on it")],
        takes: Unit::is_number,
        second: None,
        make: |args| {
            Ok(Formatter::Bar { width: args.count("w", 8)?, marker: args.marker("marker")? })
        },
    },
    Entry {
        name: "gauge",
        about: "one cell that fills from below",
        graph: true,
        args: &[("form", "block", "`block`, or `dots` that are set one by one")],
        takes: Unit::is_number,
        second: None,
        make: |args| {
            let forms = [("block", Form::Block), ("dots", Form::Dots)];
            Ok(Formatter::Gauge { form: args.choice("form", &forms)? })
        },
    },
    Entry {
        name: "stack",
        about: "disjoint parts of a whole, side by side, edges to an eighth of a cell",
        graph: true,
        args: &[("w", "10", "cells")],
        takes: |unit| unit == Unit::Parts,
        second: None,
        make: |args| Ok(Formatter::Stack { width: args.count("w", 10)? }),
    },
    Entry {
        name: "columns",
        about: "the height of each part of its share, one a cell: processor cores",
        graph: true,
        args: &[("w", "32", "the most cells"), GRAPH_SCALE],
        takes: |unit| unit == Unit::Parts,
        second: None,
        make: |args| Ok(Formatter::Columns { width: args.count("w", 32)?, curve: args.curve()? }),
    },
    Entry {
        name: "heat",
        about: "the same by colour, two a cell; digits without colours",
        graph: true,
        args: &[("w", "32", "the most cells"), GRAPH_SCALE],
        takes: |unit| unit == Unit::Parts,
        second: None,
        make: |args| Ok(Formatter::Heat { width: args.count("w", 32)?, curve: args.curve()? }),
    },
    Entry {
        name: "spark",
        about: "a history, one bar a cell",
        graph: true,
        args: &[("w", "10", "cells"), GRAPH_MAX, GRAPH_SCALE, GRAPH_EVERY, GRAPH_STEP],
        takes: is_history,
        second: None,
        make: |args| args.past(Shape::Spark, 1),
    },
    Entry {
        name: "braille",
        about: "a history in dots, two readings a cell",
        graph: true,
        args: &[("w", "10", "cells"), GRAPH_MAX, GRAPH_SCALE, GRAPH_EVERY, GRAPH_STEP],
        takes: is_history,
        second: None,
        make: |args| args.past(Shape::Braille, 1),
    },
    Entry {
        name: "whisker",
        about: "a history of means, and behind them in a faint colour how high it got",
        graph: true,
        args: &[
            ("w", "10", "cells"),
            GRAPH_MAX,
            GRAPH_SCALE,
            ("every", "5", "readings in one"),
            GRAPH_STEP,
        ],
        takes: is_history,
        second: None,
        make: |args| args.past(Shape::Whisker, 5),
    },
    Entry {
        name: "pair",
        about: "two histories by colour in one row: this above, another below",
        graph: true,
        args: &[
            ("w", "10", "cells"),
            ("with", "", "the history below"),
            GRAPH_MAX,
            GRAPH_SCALE,
            GRAPH_EVERY,
            GRAPH_STEP,
        ],
        takes: is_history,
        second: Some(("with", is_history)),
        make: |args| {
            let with = args.second()?;
            args.past(Shape::Pair { with }, 1)
        },
    },
    Entry {
        name: "mirror",
        about: "two histories in dots: this up from the middle, another down",
        graph: true,
        args: &[
            ("w", "10", "cells"),
            ("with", "", "the history that goes down, of the same unit"),
            GRAPH_MAX,
            GRAPH_SCALE,
            GRAPH_EVERY,
            GRAPH_STEP,
        ],
        takes: is_history,
        second: Some(("with", is_history)),
        make: |args| {
            let with = args.second()?;
            args.same_unit("with", &with)?;
            args.past(Shape::Mirror { with }, 1)
        },
    },
    Entry {
        name: "rain",
        about: "a history in front of the parts of a whole",
        graph: true,
        args: &[
            ("w", "38", "cells"),
            ("over", "", "the parts behind"),
            ("hue", "", "a history of percentages that colours the cells by `work`"),
            GRAPH_MAX,
            GRAPH_SCALE,
            GRAPH_EVERY,
            GRAPH_STEP,
        ],
        takes: is_history,
        second: Some(("over", |unit| unit == Unit::Parts)),
        make: |args| {
            let (over, hue) = (
                args.second()?,
                args.other("hue", |unit| args.measured(unit) == Some(Unit::Percent))?,
            );
            args.past(Shape::Rain { over, hue }, 1)
        },
    },
];

/// No graph or number is wider than this.
const MAX_CELLS: usize = 400;

/// The arguments of one use, checked against the entry's declaration.
struct Args<'a> {
    entry: &'a Entry,
    given: &'a [Arg<'a>],
    kind: &'a Kind,
    /// Of the field that is written.
    unit: Unit,
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

    /// The field that the argument names, if it names one: of this kind and of a fitting unit.
    fn other(&self, name: &str, fits: impl Fn(Unit) -> bool) -> Result<Option<String>, Fault> {
        let Some(arg) = self.find(name) else { return Ok(None) };
        let fields = self.kind.fields;
        let fitting = || fields.iter().filter(|field| fits(field.unit)).map(|field| field.name);
        let message = match fields.iter().find(|field| field.name == arg.value) {
            Some(field) if fits(field.unit) => return Ok(Some(arg.value.clone())),
            Some(field) => {
                let fitting: Vec<&str> = fitting().collect();
                let use_instead = match fitting.is_empty() {
                    true => String::new(),
                    false => format!("; use {}", fitting.join(", ")),
                };
                format!(
                    "`{}` is {}, not fit for `{name}`{use_instead}",
                    field.name,
                    field.unit.name()
                )
            }
            None => format!("`{}` has no field `{}`", self.kind.name, arg.value),
        };
        Err(Fault::new(arg.span.clone(), message).meant(&arg.value, fitting()))
    }

    /// The second field that the entry asks for.
    fn second(&self) -> Result<String, Fault> {
        let (name, fits) = self.entry.second.unwrap_or(("with", |_| false));
        self.other(name, fits)?.ok_or_else(|| {
            let fields = self.kind.fields.iter().filter(|field| fits(field.unit));
            let known: Vec<&str> = fields.map(|field| field.name).collect();
            let one_of = match known.is_empty() {
                true => format!("`{}` has none", self.kind.name),
                false => known.join(", "),
            };
            let message = format!("`{}` needs `{name}:` and a field: {one_of}", self.entry.name);
            Fault::new(self.whole.clone(), message)
        })
    }

    /// What a history is of.
    fn measured(&self, unit: Unit) -> Option<Unit> {
        let Unit::History(of) = unit else { return None };
        let field = self.kind.fields.iter().find(|known| known.name == of)?;
        Some(field.unit)
    }

    /// That a second history is measured in what the first one is.
    fn same_unit(&self, name: &str, other: &str) -> Result<(), Fault> {
        let its = self.kind.fields.iter().find(|known| known.name == other);
        match (self.measured(self.unit), its.and_then(|its| self.measured(its.unit))) {
            (Some(mine), Some(its)) if mine != its => {
                let (mine, its) = (mine.name(), its.name());
                let message = format!("`{other}` is of {its}, what stands above it of {mine}");
                Err(Fault::new(self.span(name), message))
            }
            _ => Ok(()),
        }
    }

    fn marker(&self, name: &str) -> Result<Option<Marker>, Fault> {
        let Some(arg) = self.find(name) else { return Ok(None) };
        match arg.value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(Marker::Number(number))),
            _ => Ok(self.other(name, |unit| unit == self.unit)?.map(Marker::Field)),
        }
    }

    fn curve(&self) -> Result<Curve, Fault> {
        self.choice("scale", &[("linear", Curve::Linear), ("log", Curve::Log)])
    }

    /// A graph of a history, which takes so many readings as one unless it is told.
    fn past(&self, shape: Shape, every: usize) -> Result<Formatter, Fault> {
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
        let stretch = match self.count("step", 0)? {
            0 => Stretch::Readings(self.count("every", every)?.max(1)),
            minutes => Stretch::Minutes(minutes),
        };
        let usual = self.entry.args.first().and_then(|(_, usual, _)| usual.parse().ok());
        let width = self.count("w", usual.unwrap_or(10))?;
        Ok(Formatter::Past(Past { shape, width, top, curve: self.curve()?, stretch }))
    }
}

impl Formatter {
    /// Builds the formatter called `word`; `span` is the word's place.
    pub fn build(
        word: &str,
        span: Range<usize>,
        given: &[Arg],
        kind: &Kind,
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
        (entry.make)(&Args { entry, given, kind, unit, whole: span })
    }

    /// How values of this unit are written when the template does not say.
    pub fn usual(unit: Unit) -> Formatter {
        match unit {
            Unit::Text => Formatter::Text { max: 64, cut: Cut::End },
            Unit::Percent => Formatter::Pct { width: 3 },
            Unit::Bytes => Formatter::Eng { digits: 3, unit: String::new(), base: 1024.0 },
            Unit::Count | Unit::Celsius => Formatter::Num { width: 1, decimals: 0 },
            Unit::Watts => Formatter::Num { width: 1, decimals: 1 },
            Unit::Duration => Formatter::Dur { units: 2 },
            Unit::Time => Formatter::Time { pattern: "%H:%M".into() },
            Unit::Parts => Formatter::Stack { width: 10 },
            Unit::History(_) => Formatter::Past(Past::default()),
        }
    }

    /// The fields it writes beside its own.
    pub fn others(&self) -> Vec<&str> {
        match self {
            Formatter::Bar { marker: Some(Marker::Field(name)), .. } => vec![name],
            Formatter::Past(past) => past.others().collect(),
            _ => Vec::new(),
        }
    }

    /// Writes a value. `None` where this formatter has nothing to say to this kind of value.
    pub(super) fn value(&self, value: &Value, context: &Context) -> Option<Content> {
        let glyphs = context.glyphs;
        if matches!(value, Value::Number { value, .. } if !value.is_finite()) {
            return self.placeholder(context);
        }
        let graph = |dots| Content::Graph { dots, parts: Vec::new() };
        let pen = context.pen();
        Some(match (self, value) {
            (Formatter::Text { max, cut }, Value::Text(text)) => {
                let ellipsis = glyphs.ellipsis(context.policy);
                let shown = width::cut(text.reveal(), *max, *cut, ellipsis, context.policy);
                Content::Outside(shown.into())
            }
            (Formatter::Text { max, cut }, Value::Styled(pieces)) => {
                let (text, ellipsis) = (Styled::text(pieces), glyphs.ellipsis(context.policy));
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
                let signs = glyphs == Glyphs::Ascii || !context.colour;
                if signs && parts.last().is_some_and(|part| part.name == "free") {
                    // A letter for it would look like something taken.
                    values.pop();
                }
                let dots = graph::stack(&values, *whole, context.cells(*width), pen);
                let parts = parts.iter().map(|part| part.name.clone()).collect();
                Content::Graph { dots, parts }
            }
            (Formatter::Columns { width, curve }, Value::Parts { parts, whole }) => {
                let values: Vec<f64> = parts.iter().map(|part| part.value).collect();
                let scale = Scale { max: whole / values.len().max(1) as f64, curve: *curve };
                graph(graph::columns(&values, values.len().min(context.cells(*width)), scale, pen))
            }
            (Formatter::Heat { width, curve }, Value::Parts { parts, whole }) => {
                let values: Vec<f64> = parts.iter().map(|part| part.value).collect();
                let scale = Scale { max: whole / values.len().max(1) as f64, curve: *curve };
                graph(graph::heat(
                    &values,
                    values.len().div_ceil(2).min(context.cells(*width)),
                    scale,
                    pen,
                ))
            }
            (Formatter::Bar { width, marker }, value) => {
                let marker = marker.as_ref().and_then(|marker| marker.stands(value, context));
                graph(graph::bar(value.position()?, marker, context.cells(*width), pen))
            }
            (Formatter::Gauge { form }, value) => {
                graph(vec![graph::gauge(value.position()?, *form, pen)])
            }
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

    /// What stands in the cells of a value that was not read yet, or is not to be believed.
    pub(super) fn placeholder(&self, context: &Context) -> Option<Content> {
        let lost = context.lost;
        let mark = match (lost, context.glyphs) {
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
            Formatter::Bar { width, .. } | Formatter::Stack { width } => {
                Some(blank(context.cells(*width)))
            }
            Formatter::Gauge { .. } => Some(blank(1)),
            Formatter::Time { .. } | Formatter::Dur { .. } if lost => {
                Some(Content::Ours(mark.into()))
            }
            // A text, a time or a duration that is not there has no place to keep.
            _ => None,
        }
    }
}

impl Marker {
    /// Where it stands on the bar of this value, 0–1.
    fn stands(&self, bar: &Value, context: &Context) -> Option<f64> {
        let number = match self {
            Marker::Number(number) => *number,
            Marker::Field(name) => context.sample.get(name)?.as_number()?,
        };
        match bar {
            Value::Number { full: Some(full), .. } => Some(number / full),
            _ => None,
        }
    }
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

//! What a source reads: typed values with names, a level, and nothing about looks.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::untrusted::Untrusted;

/// How much a reading asks for attention; all that a source may say about looks.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    #[default]
    Idle,
    Good,
    Info,
    Warning,
    Critical,
}

impl Level {
    pub const ALL: [Level; 5] =
        [Level::Idle, Level::Good, Level::Info, Level::Warning, Level::Critical];

    /// The name that themes use.
    pub fn name(self) -> &'static str {
        match self {
            Level::Idle => "idle",
            Level::Good => "good",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Critical => "critical",
        }
    }

    /// The level of this name; `Err` says which there are.
    pub fn named(word: &str) -> Result<Level, String> {
        let found = Level::ALL.into_iter().find(|level| level.name() == word);
        found.ok_or_else(|| {
            let known: Vec<_> = Level::ALL.iter().map(|level| level.name()).collect();
            let word: String = word.chars().take(40).collect();
            format!("there is no level {word:?}; there are {}", known.join(", "))
        })
    }

    /// `Critical` from `critical`, `Warning` from `warning`, else `Idle`.
    pub fn rising(value: f64, warning: f64, critical: f64) -> Level {
        if value >= critical {
            Level::Critical
        } else if value >= warning {
            Level::Warning
        } else {
            Level::Idle
        }
    }

    /// Like [`Level::rising`], but a level once reached is left only [`Level::SLACK`] below its
    /// threshold: a value that hovers there does not flutter. `self` is the level before.
    pub fn settle(self, value: f64, warning: f64, critical: f64) -> Level {
        let slack = |level| if self >= level { Level::SLACK } else { 0.0 };
        Level::rising(value, warning - slack(Level::Warning), critical - slack(Level::Critical))
    }

    /// In the value's unit, for percentages.
    pub const SLACK: f64 = 3.0;
}

/// One part of a whole, in the whole's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The part's name; a theme may colour it (`memory.cache`).
    pub name: std::borrow::Cow<'static, str>,
    pub value: f64,
}

/// Facts that the host of a line (tmux) knows better than we do, and can fill in as it draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Live {
    SessionName,
    WindowIndex,
    WindowName,
    WindowFlags,
    PaneIndex,
    PaneTitle,
}

/// A short sign in place of a word: the same thing at each glyph level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    pub nerd: Untrusted,
    pub unicode: Untrusted,
    pub ascii: Untrusted,
}

/// A piece of a text and its style, as the format language writes it; empty for none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marked {
    pub text: Untrusted,
    pub style: String,
}

impl Marked {
    /// The most pieces of one text; what comes after them is plain.
    const MOST: usize = 64;

    /// Reads `[text](style)`, and `\\` before a character that should mean nothing. Whatever is not
    /// whole is text.
    pub fn read(line: &str) -> Vec<Marked> {
        let mut pieces = Vec::new();
        let (mut text, mut rest) = (String::new(), line);
        while let Some(c) = rest.chars().next() {
            let styled = if pieces.len() < Marked::MOST { whole(rest) } else { None };
            if let Some((inside, style, after)) = styled {
                if !text.is_empty() {
                    pieces.push(Marked::plain(&std::mem::take(&mut text)));
                }
                pieces.push(Marked { text: inside.into(), style: style.to_owned() });
                rest = after;
                continue;
            }
            rest = &rest[c.len_utf8()..];
            match (c, rest.chars().next()) {
                ('\\', Some(next)) if next.is_ascii_punctuation() => {
                    text.push(next);
                    rest = &rest[next.len_utf8()..];
                }
                _ => text.push(c),
            }
        }
        if !text.is_empty() {
            pieces.push(Marked::plain(&text));
        }
        pieces
    }

    fn plain(text: &str) -> Marked {
        Marked { text: text.into(), style: String::new() }
    }

    /// The text alone.
    pub fn text(pieces: &[Marked]) -> Untrusted {
        pieces.iter().map(|piece| piece.text.reveal()).collect::<String>().into()
    }
}

/// The text, the style and what follows, where `[text](style)` stands at the front.
fn whole(rest: &str) -> Option<(String, &str, &str)> {
    let mut inside = String::new();
    let mut chars = rest.strip_prefix('[')?.chars();
    loop {
        match chars.next()? {
            ']' => break,
            '\\' => inside.push(chars.next()?),
            c => inside.push(c),
        }
    }
    let style = chars.as_str().strip_prefix('(')?;
    // A style may hold one level of parentheses: `fg:gradient(load)`.
    let mut depth = 1;
    let end = style.char_indices().find_map(|(at, c)| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        (depth == 0).then_some(at)
    })?;
    Some((inside, &style[..end], &style[end + 1..]))
}

/// A value of a sample. The unit is not here: it is static, in the field's declaration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Text(Untrusted),
    /// A text that the host may fill in itself as it draws; `known` is what we know meanwhile.
    Live {
        what: Live,
        known: Untrusted,
    },
    /// A text that depends on the glyphs that the place can show.
    Sign(Sign),
    /// A text with styles of its own, from somebody whom the config lets do that.
    Marked(Vec<Marked>),
    /// A number in its field's unit; `full` is what 100 % is, where there is such a thing.
    Number {
        value: f64,
        full: Option<f64>,
    },
    Duration(Duration),
    Time(DateTime<FixedOffset>),
    /// Disjoint parts and the whole they fill (the parts may leave some of it empty).
    Parts {
        parts: Vec<Part>,
        whole: f64,
    },
}

impl Value {
    pub fn text(text: impl Into<Untrusted>) -> Self {
        Value::Text(text.into())
    }

    /// A sign that needs no special font at its second level, nor more than ASCII at its third.
    pub fn sign(nerd: &str, unicode: &str, ascii: &str) -> Self {
        Value::Sign(Sign { nerd: nerd.into(), unicode: unicode.into(), ascii: ascii.into() })
    }

    /// A percentage, 0–100, never outside and never NaN.
    pub fn percent(value: f64) -> Self {
        let value = if value.is_finite() { value.clamp(0.0, 100.0) } else { 0.0 };
        Value::Number { value, full: Some(100.0) }
    }

    pub fn number(value: f64) -> Self {
        Value::Number { value, full: None }
    }

    pub fn of(value: f64, full: f64) -> Self {
        Value::Number { value, full: (full > 0.0).then_some(full) }
    }

    /// Where the value stands between nothing (0) and full (1); gradients are asked with it.
    pub fn position(&self) -> Option<f64> {
        match self {
            Value::Number { value, full: Some(full) } if *full > 0.0 => {
                Some((value / full).clamp(0.0, 1.0))
            }
            _ => None,
        }
    }

    /// The plain number, where there is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number { value, .. } => Some(*value),
            Value::Duration(d) => Some(d.as_secs_f64()),
            _ => None,
        }
    }

    /// Text that is empty, or parts that are none, count as no value in `(…)` and `{a|b}`.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::Sign(sign) => sign.ascii.is_empty(),
            Value::Marked(pieces) => pieces.iter().all(|piece| piece.text.is_empty()),
            Value::Parts { parts, .. } => parts.is_empty(),
            _ => false,
        }
    }
}

/// Named typed values and a level, at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    pub level: Level,
    /// In the order in which the source set them; the names are the kind's declared fields.
    pub values: Vec<(&'static str, Value)>,
}

impl Sample {
    pub fn new(level: Level) -> Self {
        // Most have so many, and a sample is made every second.
        Sample { level, values: Vec::with_capacity(8) }
    }

    /// Adds a value; for building a sample in one expression.
    pub fn with(mut self, field: &'static str, value: Value) -> Self {
        self.values.push((field, value));
        self
    }

    pub fn get(&self, field: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }
}

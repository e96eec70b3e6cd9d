//! What a source reads: named, typed values and a level, but nothing about looks.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::untrusted::Untrusted;

/// How much a reading needs attention: all that a source may say about looks.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    #[default]
    /// Needs no attention.
    Idle,
    /// Better than usual.
    Good,
    /// Worth knowing.
    Info,
    /// Should be looked at soon.
    Warning,
    /// Should be looked at now.
    Critical,
}

impl Level {
    /// All levels, the least first.
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

    /// The level of this name; the error lists the known ones.
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

    /// How far a percentage must fall below a threshold before its level is left.
    pub const HYSTERESIS: f64 = 3.0;

    /// The next level of a percentage, where `self` is the one before; see
    /// [`Level::settle_by`].
    pub fn settle(self, value: f64, warning: f64, critical: f64) -> Level {
        self.settle_by(Level::HYSTERESIS, value, warning, critical)
    }

    /// Like [`Level::rising`] with hysteresis: a level once reached is left only when the value is
    /// `hysteresis` below its threshold, so that a value near it does not flicker. `self` is the
    /// level before.
    pub fn settle_by(self, hysteresis: f64, value: f64, warning: f64, critical: f64) -> Level {
        let slack = |level| if self >= level { hysteresis } else { 0.0 };
        Level::rising(value, warning - slack(Level::Warning), critical - slack(Level::Critical))
    }

    /// A threshold as an option writes it, where 0 means never.
    pub fn threshold(option: f64) -> f64 {
        if option > 0.0 { option } else { f64::INFINITY }
    }

    /// For [`Source::save`](super::contract::Source::save), as hysteresis needs the level before.
    pub fn save(self) -> Option<String> {
        Some(self.name().into())
    }

    /// Takes over what [`Level::save`] gave; anything else is ignored.
    pub fn restore(&mut self, saved: &str) {
        *self = Level::named(saved).unwrap_or(*self);
    }
}

/// One part of a whole, in the whole's unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The part's name; a theme may colour it (`memory.cache`).
    pub name: std::borrow::Cow<'static, str>,
    /// Its size, in the whole's unit.
    pub value: f64,
}

/// Facts that the host of a line (tmux) knows better than we do, and fills in as it draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Live {
    /// The session's name.
    SessionName,
    /// The window's number.
    WindowIndex,
    /// The window's name.
    WindowName,
    /// The window's flags (`*Z`).
    WindowFlags,
    /// The pane's number.
    PaneIndex,
    /// The title that the pane's program set.
    PaneTitle,
}

/// A short sign in place of a word, with a form for each glyph level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// With a Nerd Font.
    pub nerd: Untrusted,
    /// With the glyphs that every terminal font has.
    pub unicode: Untrusted,
    /// With ASCII alone.
    pub ascii: Untrusted,
}

/// A piece of a text and its style in the format language; an empty style is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Styled {
    /// The piece of text.
    pub text: Untrusted,
    /// Its style in the format language.
    pub style: String,
}

impl Styled {
    /// The most pieces of one text; the rest is not styled.
    const MAX_PIECES: usize = 64;

    /// Parses `[text](style)`, with `\\` before a character that is meant literally. Anything
    /// incomplete is plain text.
    pub fn parse(line: &str) -> Vec<Styled> {
        let mut pieces = Vec::new();
        let (mut text, mut rest) = (String::new(), line);
        while let Some(c) = rest.chars().next() {
            let styled = if pieces.len() < Styled::MAX_PIECES { styled_piece(rest) } else { None };
            if let Some((inside, style, after)) = styled {
                if !text.is_empty() {
                    pieces.push(Styled::plain(&std::mem::take(&mut text)));
                }
                pieces.push(Styled { text: inside.into(), style: style.to_owned() });
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
            pieces.push(Styled::plain(&text));
        }
        pieces
    }

    fn plain(text: &str) -> Styled {
        Styled { text: text.into(), style: String::new() }
    }

    /// The text alone.
    pub fn text(pieces: &[Styled]) -> Untrusted {
        pieces.iter().map(|piece| piece.text.reveal()).collect::<String>().into()
    }
}

/// The text, the style and the rest, where `rest` begins with `[text](style)`.
fn styled_piece(rest: &str) -> Option<(String, &str, &str)> {
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
    /// A text from outside.
    Text(Untrusted),
    /// A text that the host may fill in itself as it draws; `known` is our own value for it.
    Live {
        /// Which of the host's facts it is.
        what: Live,
        /// Our own value, for hosts that do not fill it in.
        known: Untrusted,
    },
    /// A text that depends on the glyphs that the terminal can show.
    Sign(Sign),
    /// A text with its own styles, from a source that the config allows to have them.
    Styled(Vec<Styled>),
    /// A number in its field's unit; `full` is the value at which a bar is full, if there is one.
    Number {
        /// The number, in the field's unit.
        value: f64,
        /// The number at which a bar is full, in the same unit.
        full: Option<f64>,
    },
    /// A length of time.
    Duration(Duration),
    /// A moment, with its time zone.
    Time(DateTime<FixedOffset>),
    /// Disjoint parts and the whole they fill (the parts may leave some of it empty).
    Parts {
        /// The parts, in the order in which they are drawn.
        parts: Vec<Part>,
        /// The size of the whole, in the parts' unit.
        whole: f64,
    },
}

impl Value {
    /// A text from outside.
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

    /// A number without a full value.
    pub fn number(value: f64) -> Self {
        Value::Number { value, full: None }
    }

    /// The percentages of several things as parts of a whole: each of four is at most 100 of 400.
    pub fn percentages(parts: Vec<Part>) -> Self {
        let whole = 100.0 * parts.len() as f64;
        Value::Parts { parts, whole }
    }

    /// A number of at most `full`.
    pub fn of(value: f64, full: f64) -> Self {
        Value::Number { value, full: (full > 0.0).then_some(full) }
    }

    /// The value's position between 0 (nothing) and 1 (full), by which gradients are coloured.
    pub fn position(&self) -> Option<f64> {
        match self {
            Value::Number { value, full: Some(full) } if *full > 0.0 => {
                Some((value / full).clamp(0.0, 1.0))
            }
            _ => None,
        }
    }

    /// The plain number, if it is one; a duration in seconds.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number { value, .. } => Some(*value),
            Value::Duration(d) => Some(d.as_secs_f64()),
            _ => None,
        }
    }

    /// An empty text, or an empty list of parts, counts as no value in `(…)` and `{a|b}`.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::Sign(sign) => sign.ascii.is_empty(),
            Value::Styled(pieces) => pieces.iter().all(|piece| piece.text.is_empty()),
            Value::Parts { parts, .. } => parts.is_empty(),
            _ => false,
        }
    }
}

/// Named, typed values and a level at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// How much attention the reading needs.
    pub level: Level,
    /// In the order in which the source adds them; the names are the kind's declared fields.
    pub values: Vec<(&'static str, Value)>,
}

impl Sample {
    /// A sample without values.
    pub fn new(level: Level) -> Self {
        // Most samples have up to eight values, and one is made every second.
        Sample { level, values: Vec::with_capacity(8) }
    }

    /// Adds a value; for building a sample in one expression.
    pub fn with(mut self, field: &'static str, value: Value) -> Self {
        self.values.push((field, value));
        self
    }

    /// Adds a value, if there is one.
    pub fn with_some(self, field: &'static str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    /// The value of this field, if the sample has it.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }
}

//! From the text of config files to a [`Config`]: layers, checks, diagnostics.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rainline_segments::{ALL, Kind, Level, Opt, OptionType, Pace, Scope, Shape, Unit, quantity};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::alerts::{self, Action, Alert};
use super::common::OPTIONS;
use super::{Config, DEFAULT, Instance, KEYS, Line, SLOTS, kind_named};
use crate::diagnostic::{Diagnostic, Fault, Source};
use crate::format::Format;
use crate::frame::{InstanceId, STATES};
use crate::style::spec::Spec;
use crate::targets::Glyphs;
use crate::theme::{self, Theme};

type Key<'i> = Spanned<Cow<'i, str>>;
type Node<'i> = Spanned<DeValue<'i>>;

/// A value and where it was written.
#[derive(Clone)]
struct Written {
    value: toml::Value,
    source: Arc<Source>,
    span: Range<usize>,
    /// Where its key is.
    key: Range<usize>,
}

/// A line's slot: rows of names, each with its place.
type Rows = Vec<Vec<(String, Arc<Source>, Range<usize>)>>;

/// Everything that the layers say, later ones over earlier ones.
#[derive(Default)]
pub struct Reader {
    theme: Option<Written>,
    glyphs: Option<Written>,
    reader: Option<Written>,
    lines: BTreeMap<String, BTreeMap<String, Rows>>,
    shares: BTreeMap<String, BTreeMap<String, u16>>,
    segments: BTreeMap<String, BTreeMap<String, Written>>,
    alerts: BTreeMap<String, (Written, BTreeMap<String, Written>)>,
    problems: Vec<Diagnostic>,
    unusable: bool,
}

impl Reader {
    /// Reads all layers and builds the config.
    pub fn read(
        files: &[Arc<Source>],
        host: &str,
        user_themes: Vec<(String, Arc<Source>)>,
    ) -> Config {
        let mut reader = Reader::default();
        let default = Source { path: "default.toml".into(), text: DEFAULT.into() };
        reader.file(&Arc::new(default), host);
        for file in files {
            reader.file(file, host);
        }
        reader.build(user_themes)
    }

    fn fault(&mut self, source: &Arc<Source>, fault: Fault) {
        self.problems.push(Diagnostic { source: source.clone(), fault });
    }

    fn file(&mut self, source: &Arc<Source>, host: &str) {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            self.unusable = true;
            let fault = Fault::new(error.span().unwrap_or(0..1), error.message());
            self.fault(source, fault);
        }
        self.layer(source, table.get_ref(), host, true);
    }

    /// The keys of a file, or of a `[host]` table in it.
    fn layer(&mut self, source: &Arc<Source>, table: &DeTable, host: &str, top: bool) {
        for (key, value) in table.iter() {
            match &**key.get_ref() {
                "theme" => self.theme = self.text(source, key, value).or(self.theme.take()),
                "glyphs" => self.glyphs = self.text(source, key, value).or(self.glyphs.take()),
                "reader" => self.reader = self.text(source, key, value).or(self.reader.take()),
                "include" if top => self.include(source, value),
                "line" => self.each_table(source, value, |reader, key, table| {
                    reader.line(source, key, table);
                }),
                "segment" => self.each_table(source, value, |reader, key, table| {
                    reader.segment(source, key, table);
                }),
                "alert" => self.each_table(source, value, |reader, key, table| {
                    reader.alert(source, key, table);
                }),
                "host" if top => self.each_table(source, value, |reader, key, table| {
                    if glob(key.get_ref(), host) {
                        reader.layer(source, table, host, false);
                    }
                }),
                unknown => {
                    let fault = Fault::new(key.span(), format!("unknown key `{unknown}`"));
                    let fault = fault.meant(unknown, KEYS.iter().map(|(name, _)| *name));
                    self.fault(source, fault);
                }
            }
        }
    }

    fn text(&mut self, source: &Arc<Source>, key: &Key, value: &Node) -> Option<Written> {
        if !value.get_ref().is_str() {
            let found = value.get_ref().type_str();
            self.fault(source, Fault::new(value.span(), format!("expected a text, found {found}")));
            return None;
        }
        Some(written(source, key, value))
    }

    fn include(&mut self, source: &Arc<Source>, value: &Node) {
        // The files were read before; here only their names' types are checked.
        let list = value
            .get_ref()
            .as_array()
            .is_some_and(|list| list.iter().all(|item| item.get_ref().is_str()));
        if !list && !value.get_ref().is_str() {
            self.fault(source, Fault::new(value.span(), "expected a file or a list of files"));
        }
    }

    fn each_table(
        &mut self,
        source: &Arc<Source>,
        value: &Node,
        mut each: impl FnMut(&mut Self, &Key, &DeTable),
    ) {
        let Some(table) = value.get_ref().as_table() else {
            return self.fault(source, Fault::new(value.span(), "expected a table"));
        };
        for (key, value) in table.iter() {
            match value.get_ref().as_table() {
                Some(table) => each(self, key, table),
                None => self.fault(source, Fault::new(value.span(), "expected a table")),
            }
        }
    }

    fn line(&mut self, source: &Arc<Source>, name: &Key, table: &DeTable) {
        for (key, value) in table.iter() {
            if key.get_ref() == "share" {
                self.share(source, name, value);
                continue;
            }
            if !SLOTS.iter().any(|(slot, _)| slot == key.get_ref()) {
                let slots = SLOTS.iter().map(|(slot, _)| *slot).chain(["share"]);
                let fault = Fault::new(key.span(), format!("unknown slot `{}`", key.get_ref()));
                self.fault(source, fault.meant(key.get_ref(), slots));
                continue;
            }
            let Some(rows) = self.rows(source, value) else { continue };
            let line = self.lines.entry(name.get_ref().to_string()).or_default();
            line.insert(key.get_ref().to_string(), rows);
        }
    }

    /// `{ left = 25 }`: percent of the host's whole line, by slot.
    fn share(&mut self, source: &Arc<Source>, line: &Key, value: &Node) {
        let Some(table) = value.get_ref().as_table() else {
            let message = "expected percents by slot: { left = 25, right = 60 }";
            return self.fault(source, Fault::new(value.span(), message));
        };
        for (slot, value) in table.iter() {
            let percent = plain(value.get_ref()).as_integer().and_then(|n| u16::try_from(n).ok());
            match percent.filter(|percent| (1..=100).contains(percent)) {
                Some(percent) => {
                    let shares = self.shares.entry(line.get_ref().to_string()).or_default();
                    shares.insert(slot.get_ref().to_string(), percent);
                }
                None => {
                    self.fault(source, Fault::new(value.span(), "expected percent, 1 to 100"));
                }
            }
        }
    }

    /// `["a", "b"]` is one row, `[["a"], ["b"]]` are two.
    fn rows(&mut self, source: &Arc<Source>, value: &Node) -> Option<Rows> {
        let expected = "expected a list of segments, or a list of such lists";
        let Some(list) = value.get_ref().as_array() else {
            self.fault(source, Fault::new(value.span(), expected));
            return None;
        };
        let mut rows: Rows = Vec::new();
        let mut single = Vec::new();
        for item in list.iter() {
            match item.get_ref() {
                DeValue::String(name) => {
                    single.push((name.to_string(), source.clone(), item.span()));
                }
                DeValue::Array(row) => {
                    let mut names = Vec::new();
                    for item in row.iter() {
                        match item.get_ref().as_str() {
                            Some(name) => {
                                names.push((name.to_owned(), source.clone(), item.span()));
                            }
                            None => self.fault(source, Fault::new(item.span(), expected)),
                        }
                    }
                    rows.push(names);
                }
                _ => self.fault(source, Fault::new(item.span(), expected)),
            }
        }
        if rows.is_empty() {
            rows.push(single);
        } else if !single.is_empty() {
            self.fault(source, Fault::new(value.span(), "either segments or rows, not both"));
        }
        Some(rows)
    }

    fn segment(&mut self, source: &Arc<Source>, name: &Key, table: &DeTable) {
        let segment = self.segments.entry(name.get_ref().to_string()).or_default();
        for (key, value) in table.iter() {
            segment.insert(key.get_ref().to_string(), written(source, key, value));
        }
    }

    /// Keeps an alert's keys, and the place of its name for what is missing.
    fn alert(&mut self, source: &Arc<Source>, name: &Key, table: &DeTable) {
        let place = Written {
            value: name.get_ref().to_string().into(),
            source: source.clone(),
            span: name.span(),
            key: name.span(),
        };
        let (_, alert) =
            self.alerts.entry(name.get_ref().to_string()).or_insert((place, BTreeMap::new()));
        for (key, value) in table.iter() {
            alert.insert(key.get_ref().to_string(), written(source, key, value));
        }
    }

    fn build_alert(
        &mut self,
        name: String,
        (place, written): (Written, BTreeMap<String, Written>),
        theme: &Theme,
        instances: &mut Vec<Instance>,
    ) -> Option<Alert> {
        for (key, value) in &written {
            if !alerts::KEYS.iter().any(|(known, _)| known == key) {
                let fault = Fault::new(value.key.clone(), format!("an alert has no key `{key}`"));
                let known = alerts::KEYS.iter().map(|(known, _)| *known);
                self.fault(&value.source, fault.meant(key, known));
            }
        }
        let missing =
            |what: &str| Fault::new(place.key.clone(), format!("the alert has no `{what}`"));
        let Some(segment) = written.get("segment") else {
            self.fault(&place.source, missing("segment"));
            return None;
        };
        let wanted = self.option::<String>(Some(segment))?;
        let span = segment.span.clone();
        let instance = self.instance(&wanted, &segment.source, span.clone(), theme, instances)?;
        let kind = instances.get(usize::from(instance))?.kind;
        if kind.scope != Scope::Machine || kind.pace == Pace::Ask {
            let message =
                format!("`{wanted}` depends on who looks, so there is nothing to wait for");
            self.fault(&segment.source, Fault::new(span, message));
            return None;
        }
        let mut level = Level::Critical;
        if let (Some(word), Some(at)) =
            (self.option::<String>(written.get("level")), written.get("level"))
        {
            match Level::named(&word) {
                Ok(named) => level = named,
                Err(why) => self.fault(&at.source, Fault::new(at.span.clone(), why)),
            }
        }
        let hold = self.time(written.get("hold")).unwrap_or_default();
        let again = self.time(written.get("again")).filter(|again| !again.is_zero());
        let back = self.option::<bool>(written.get("back")).unwrap_or_default();
        let action = match written.get("do") {
            None => {
                self.fault(&place.source, missing("do"));
                return None;
            }
            Some(written) => self.action(written)?,
        };
        Some(Alert { name, instance, level, hold, again, action, back })
    }

    /// What an alert does.
    fn action(&mut self, written: &Written) -> Option<Action> {
        let named = |word: &str| {
            Action::NAMED.iter().find(|(name, _)| *name == word).map(|(_, action)| action.clone())
        };
        let words = Vec::<String>::from_toml(&written.value).ok();
        let found = match &written.value {
            toml::Value::String(word) => named(word),
            _ => words
                .filter(|words| words.first().is_some_and(|word| !word.is_empty()))
                .map(Action::Command),
        };
        if found.is_none() {
            let names: Vec<_> =
                Action::NAMED.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let message = format!("expected {} or a list of words", names.join(", "));
            self.fault(&written.source, Fault::new(written.span.clone(), message));
        }
        found
    }

    /// A duration in words.
    fn time(&mut self, written: Option<&Written>) -> Option<Duration> {
        let text = self.option::<String>(written)?;
        let time = quantity::duration(&text);
        if let (None, Some(written)) = (time, written) {
            let message = format!("expected {}", quantity::described(Unit::Duration));
            self.fault(&written.source, Fault::new(written.span.clone(), message));
        }
        time
    }

    fn build(mut self, user_themes: Vec<(String, Arc<Source>)>) -> Config {
        let theme = self.build_theme(&user_themes);
        let glyphs = self.glyphs.take().and_then(|written| {
            let text = written.value.as_str().unwrap_or_default();
            let glyphs = Glyphs::named(text);
            if glyphs.is_none() {
                let known = Glyphs::NAMES.iter().map(|(name, _)| *name);
                let fault = Fault::new(written.span, format!("`{text}` is no glyph level"));
                self.fault(&written.source, fault.meant(text, known));
            }
            glyphs
        });
        let reader = self.reader.take().and_then(|written| {
            let text = written.value.as_str().unwrap_or_default();
            let reader = rainline_segments::Reader::named(text);
            if reader.is_none() {
                let known = rainline_segments::Reader::ALL.map(|reader| reader.name());
                let fault = Fault::new(written.span, format!("`{text}` is no reader"));
                self.fault(&written.source, fault.meant(text, known));
            }
            reader
        });
        let mut instances = Vec::new();
        let mut lines = BTreeMap::new();
        for (name, slots) in std::mem::take(&mut self.lines) {
            let shares = self.shares.remove(&name).unwrap_or_default();
            let mut line = Line { shares, ..Line::default() };
            for (slot, rows) in slots {
                let ids = rows.into_iter().map(|row| {
                    let id = |(name, source, span): (String, _, _)| {
                        self.instance(&name, &source, span, &theme, &mut instances)
                    };
                    row.into_iter().filter_map(id).collect()
                });
                line.slots.insert(slot, ids.collect());
            }
            lines.insert(name, line);
        }
        // What no line shows is checked too: a mistake should not wait until it is used.
        for (name, options) in self.segments.clone() {
            if let Some(written) = options.values().next() {
                let place = written.key.clone();
                self.instance(&name, &written.source, place, &theme, &mut instances);
            }
        }
        let alerts = std::mem::take(&mut self.alerts)
            .into_iter()
            .filter_map(|(name, alert)| self.build_alert(name, alert, &theme, &mut instances));
        let alerts = alerts.collect();
        self.problems.sort_by_key(|problem| problem.fault.span.start);
        self.problems.dedup();
        Config {
            theme: Arc::new(theme),
            glyphs,
            reader: reader.unwrap_or_default(),
            instances,
            lines,
            alerts,
            problems: self.problems.iter().map(Diagnostic::to_string).collect(),
            unusable: self.unusable,
            files: Vec::new(),
            user_themes,
            themes: Mutex::default(),
        }
    }

    fn build_theme(&mut self, user: &[(String, Arc<Source>)]) -> Theme {
        let mut name = "rain".to_owned();
        if let Some(written) = self.theme.take() {
            let wanted = written.value.as_str().unwrap_or_default();
            if let Some((theme, problems)) = Theme::load(wanted, user) {
                self.problems.extend(problems);
                return theme;
            }
            let known = user.iter().map(|(name, _)| name.as_str());
            let known = known.chain(theme::BUILT_IN.iter().map(|(name, _)| *name));
            let fault = Fault::new(written.span, format!("there is no theme `{wanted}`"));
            self.fault(&written.source, fault.meant(wanted, known));
            name = theme::BUILT_IN[0].0.to_owned();
        }
        Theme::load(&name, user).map(|(theme, _)| theme).unwrap_or_default()
    }

    /// The instance of this name, built when it is first met.
    fn instance(
        &mut self,
        name: &str,
        source: &Arc<Source>,
        span: Range<usize>,
        theme: &Theme,
        instances: &mut Vec<Instance>,
    ) -> Option<InstanceId> {
        if let Some(id) = instances.iter().position(|instance| instance.name == name) {
            return Some(id as InstanceId);
        }
        let written = self.segments.get(name).cloned().unwrap_or_default();
        let kind = self.kind(name, written.get("use"), source, span)?;
        let instance = self.build_instance(name, kind, &written, theme);
        instances.push(instance);
        InstanceId::try_from(instances.len() - 1).ok()
    }

    fn kind(
        &mut self,
        name: &str,
        used: Option<&Written>,
        source: &Arc<Source>,
        span: Range<usize>,
    ) -> Option<&'static Kind> {
        let (wanted, source, span) = match used {
            Some(written) => match written.value.as_str() {
                Some(wanted) => (wanted, &written.source, written.span.clone()),
                None => {
                    let fault = Fault::new(written.span.clone(), "expected a kind's name");
                    self.fault(&written.source, fault);
                    return None;
                }
            },
            None => (name, source, span),
        };
        let kind = kind_named(wanted);
        if kind.is_none() {
            let known = ALL.iter().map(|kind| kind.name);
            let known = known.chain(self.segments.keys().map(String::as_str));
            let known: Vec<&str> = known.filter(|known| *known != wanted).collect();
            let fault = Fault::new(span, format!("there is no segment `{wanted}`"));
            let fault = fault.meant(wanted, known.iter().copied());
            self.fault(source, fault);
        }
        kind
    }

    fn build_instance(
        &mut self,
        name: &str,
        kind: &'static Kind,
        written: &BTreeMap<String, Written>,
        theme: &Theme,
    ) -> Instance {
        let mut options = toml::Table::new();
        for (key, value) in written {
            if let Some(option) = kind.options.iter().find(|option| option.name == key) {
                match fits(option, &value.value) {
                    Ok(()) => {
                        options.insert(key.clone(), value.value.clone());
                    }
                    Err(message) => {
                        let fault = Fault::new(value.span.clone(), message);
                        self.fault(&value.source, fault);
                    }
                }
            } else if !OPTIONS.iter().any(|option| option.name == key) {
                let known = kind.options.iter().chain(OPTIONS).map(|option| option.name);
                let message = format!("`{}` has no option `{key}`", kind.name);
                let fault = Fault::new(value.key.clone(), message).meant(key, known);
                self.fault(&value.source, fault);
            }
        }
        // A value of the right type that makes no sense: that option falls back to its default.
        let source = loop {
            let error = match (kind.open)(&options) {
                Ok(source) => break Some(source),
                Err(error) => error,
            };
            if let Some(value) = written.get(&error.key) {
                self.fault(&value.source, Fault::new(value.span.clone(), error.message));
            }
            if options.remove(&error.key).is_none() {
                break None;
            }
        };
        let kind = match source.as_ref().and_then(|source| source.variant()) {
            None => kind,
            Some(variant) => kind.variant(variant).unwrap_or_else(|| {
                if let Some(value) = written.values().next() {
                    let message = "too many different declarations; `rainline daemon stop`";
                    self.fault(&value.source, Fault::new(value.key.clone(), message));
                }
                kind
            }),
        };
        let format = self.format(kind, written.get("format"), theme);
        let interval = self.option::<f64>(written.get("interval"));
        let pace = match (kind.pace, interval) {
            (Pace::Tick(_), Some(seconds)) if seconds > 0.0 => {
                Pace::Tick(Duration::from_secs_f64(seconds.clamp(0.1, 86_400.0)))
            }
            (pace, _) => pace,
        };
        let priority = self.option::<u32>(written.get("priority"));
        Instance {
            name: name.to_owned(),
            kind,
            options,
            patience: source.and_then(|source| source.patience()),
            format,
            icon: self.option(written.get("icon")),
            style: self.style(written.get("style"), theme),
            priority: priority.map_or(kind.priority, |priority| priority.min(100) as u8),
            pace,
            react: self.react(written.get("react")),
        }
    }

    /// A common option's value, if it is written and of the right type.
    fn option<T: OptionType>(&mut self, written: Option<&Written>) -> Option<T> {
        let written = written?;
        match T::from_toml(&written.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(&written.source, Fault::new(written.span.clone(), message));
                None
            }
        }
    }

    fn format(&mut self, kind: &'static Kind, written: Option<&Written>, theme: &Theme) -> Format {
        if let (Some(text), Some(written)) = (self.option::<String>(written), written) {
            match Format::parse(&text, kind) {
                Ok(format) => {
                    for spec in format.styles() {
                        for fault in theme::unknown_names(theme, spec, &text) {
                            self.inside(written, fault);
                        }
                    }
                    return format;
                }
                Err(faults) => faults.into_iter().for_each(|fault| self.inside(written, fault)),
            }
        }
        // A test holds that every kind's own format is right.
        Format::parse(kind.format, kind).unwrap_or_default()
    }

    fn style(&mut self, written: Option<&Written>, theme: &Theme) -> Option<Spec> {
        let text = self.option::<String>(written)?;
        let written = written?;
        match Spec::parse(&text) {
            Ok(spec) => {
                for fault in theme::unknown_names(theme, &spec, &text) {
                    self.inside(written, fault);
                }
                Some(spec)
            }
            Err(faults) => {
                faults.into_iter().for_each(|fault| self.inside(written, fault));
                None
            }
        }
    }

    /// The states it reacts to, the most urgent first, which is their order in [`STATES`].
    fn react(&mut self, written: Option<&Written>) -> Vec<&'static str> {
        let names = self.option::<Vec<String>>(written).unwrap_or_default();
        for name in names.iter().filter(|name| !STATES.iter().any(|(known, _)| known == name)) {
            let Some(written) = written else { continue };
            let fault = Fault::new(written.span.clone(), format!("`{name}` is no state"));
            let fault = fault.meant(name, STATES.iter().map(|(known, _)| *known));
            self.fault(&written.source, fault);
        }
        let meant = |known: &&str| names.iter().any(|name| name == known);
        STATES.iter().map(|(known, _)| *known).filter(meant).collect()
    }

    /// A fault inside a text, at its place in the file if the text stands there as it is (without
    /// escapes), else at the whole text.
    fn inside(&mut self, written: &Written, fault: Fault) {
        let raw = written.source.text.get(written.span.clone()).unwrap_or_default();
        let text = written.value.as_str().unwrap_or_default();
        let span = match raw.find(text).filter(|_| !text.is_empty()) {
            Some(at) => {
                let start = written.span.start + at;
                start + fault.span.start..start + fault.span.end
            }
            None => written.span.clone(),
        };
        self.fault(&written.source, Fault { span, ..fault });
    }
}

/// Whether a value has the shape that an option wants.
fn fits(option: &Opt, value: &toml::Value) -> Result<(), String> {
    match option.shape {
        Shape::Bool => bool::from_toml(value).map(drop),
        Shape::Integer => u32::from_toml(value).map(drop),
        Shape::Number => f64::from_toml(value).map(drop),
        Shape::Text => String::from_toml(value).map(drop),
        Shape::List => Vec::<String>::from_toml(value).map(drop),
        Shape::Table => BTreeMap::<String, String>::from_toml(value).map(drop),
        Shape::Choice(words) => match value.as_str() {
            Some(word) if words.contains(&word) => Ok(()),
            Some(word) => {
                let expected = option.shape.describe();
                Err(match crate::diagnostic::nearest(word, words.iter().copied()) {
                    Some(near) => format!("expected {expected}; did you mean \"{near}\"?"),
                    None => format!("expected {expected}, found \"{word}\""),
                })
            }
            None => Err(rainline_segments::expected(option.shape, value)),
        },
    }
}

fn written(source: &Arc<Source>, key: &Key, value: &Node) -> Written {
    Written {
        value: plain(value.get_ref()),
        source: source.clone(),
        span: value.span(),
        key: key.span(),
    }
}

/// The value without its places.
fn plain(value: &DeValue) -> toml::Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(number) => {
            // TOML's integers are 64 bits wide; beyond that the parser has complained already.
            i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX).into()
        }
        DeValue::Float(number) => number.as_str().parse().unwrap_or(f64::NAN).into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => toml::Value::Datetime(*time),
        DeValue::Array(list) => {
            toml::Value::Array(list.iter().map(|item| plain(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let mut values = toml::Table::new();
            for (key, value) in table.iter() {
                values.insert(key.get_ref().to_string(), plain(value.get_ref()));
            }
            toml::Value::Table(values)
        }
    }
}

/// Whether `name` matches a pattern in which `*` stands for anything.
fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

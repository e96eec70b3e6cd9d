//! What a command of yours prints, or what `rainline set` gives it: text, or named typed values.
//!
//! Declared fields make it a segment like any other: formats, graphs, levels and history work on
//! them. What a command prints is text from outside. With `markup = true` it may style itself in
//! the format language's `[text](style)`, and nothing else of that language or of any host's.
//!
//! A command is a list of words and no shell reads it; who wants one writes `["sh", "-c", "…"]`.
//! It runs at home, with its own process group, one at a time. One that stays (`mode =
//! "streaming"`) prints a line for each change and is started anew when it ends.
//!
//! i3blocks' scripts (`output = "i3blocks"`) print a full text, a short text and a colour, and end
//! with 33 where it is urgent. A source never says a colour: its hue becomes a level. Byobu's
//! (`output = "byobu"`) have the colours of tmux or screen in their text, which are left out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::base::contract::{
    Ask, Error, Field, Heard, Icons, Kind, OptionError, Pace, Pushed, Scope, Source, Unit, Where,
};
use crate::base::quantity;
use crate::base::value::{Level, Marked, Sample, Value};
use crate::base::variant::{self, Variant};
use crate::machine::{Call, Machine, Surroundings};

/// The most fields that one instance may declare.
const MOST_FIELDS: usize = 16;
/// A command may take so long at the most, in seconds.
const MOST_TIMEOUT: f64 = 600.0;
/// i3blocks' exit status for what is urgent.
const URGENT: i32 = 33;

crate::options! {
    /// The program and its arguments, each a word of its own; none: values come from `rainline set`.
    command: Vec<String> = Vec::<String>::new(),
    /// `streaming`: the command stays and prints a line whenever something changes.
    mode: Mode = Mode::Once,
    /// Seconds after which a command is ended with all that it started.
    timeout: f64 = 5.0,
    /// How to read what it prints; `auto` is JSON where `fields` are declared and text elsewhere.
    output: Form = Form::Auto,
    /// Named values and their units: text, percent, bytes, count, celsius, watts, duration, time.
    fields: BTreeMap<String, String> = BTreeMap::new(),
    /// The number by which the level goes, unless the output says one.
    level_by("level-by"): String = "",
    /// From here on the level is `warning`.
    warning: f64 = 80.0,
    /// From here on it is `critical`; if that is less than `warning`, less is worse.
    critical: f64 = 95.0,
    /// Whether a text may style itself: `[text](bold fg:red)`.
    markup: bool = false,
}

crate::choice! {
    /// Whether the command ends or stays.
    Mode { Once = "once", Streaming = "streaming" }
}

crate::choice! {
    /// What it prints.
    Form { Auto = "auto", Text = "text", Json = "json", I3blocks = "i3blocks", Byobu = "byobu" }
}

const TEXT: Field = Field::new("text", "the text that was printed or set", Unit::Text);
const SHORT: Field = Field::new("short", "a shorter text, where there is one", Unit::Text);

pub(crate) static SEGMENT: Kind = Kind {
    name: "custom",
    about: "What a command of yours prints, or what `rainline set` gives it.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " ($icon )$text ",
    fields: &[TEXT, SHORT],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Worker,
    pace: Pace::Tick(Duration::from_secs(10)),
    priority: 50,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    let wrong = |key: &str, message: String| OptionError { key: key.into(), message };
    if options.command.first().is_some_and(String::is_empty) {
        return Err(wrong("command", "the first word is the program and cannot be empty".into()));
    }
    if !(options.timeout > 0.0 && options.timeout <= MOST_TIMEOUT) {
        let message = format!("expected seconds, more than 0 and at most {MOST_TIMEOUT}");
        return Err(wrong("timeout", message));
    }
    if options.fields.len() > MOST_FIELDS {
        return Err(wrong("fields", format!("at most {MOST_FIELDS} fields")));
    }
    let mut fields = Vec::new();
    for (name, unit) in &options.fields {
        fields.push(declared(name, unit).map_err(|message| wrong("fields", message))?);
    }
    if !options.level_by.is_empty() {
        let by = fields.iter().find(|field| field.name == options.level_by);
        if !by.is_some_and(|field| field.unit.is_number()) {
            let message = format!("`{}` is no number among the fields", options.level_by);
            return Err(wrong("level-by", message));
        }
    }
    if !fields.is_empty() && matches!(options.output, Form::Text | Form::I3blocks | Form::Byobu) {
        return Err(wrong("output", "declared fields are read from JSON: \"json\"".into()));
    }
    Ok(Box::new(Custom { options, fields, level: Level::Idle, held: None }))
}

/// A field as the config declares it.
fn declared(name: &str, unit: &str) -> Result<Field, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.len() + 8 > variant::MAX_NAME {
        return Err(format!("`{name}` is no name: a-z, 0-9 and _, at most 24 of them"));
    }
    if matches!(name, "icon" | "level" | "text" | "short") || name.ends_with("_history") {
        return Err(format!("the name `{name}` is taken"));
    }
    let Some(unit) = quantity::unit(unit) else {
        let known: Vec<_> = quantity::UNITS.iter().map(|unit| unit.name()).collect();
        return Err(format!("`{unit}` is no unit; there are {}", known.join(", ")));
    };
    let name = variant::name(name).ok_or("too many different names since the daemon started")?;
    Ok(Field::new(name, "declared in the config", unit))
}

struct Custom {
    options: Options,
    /// Those that were declared.
    fields: Vec<Field>,
    level: Level,
    held: Option<Held>,
}

/// A value that was set, until it is over.
struct Held {
    pushed: Pushed,
    sample: Option<Sample>,
    until: Option<DateTime<FixedOffset>>,
}

/// A value that was set, for the next daemon.
#[derive(Serialize, Deserialize)]
struct Memo {
    text: String,
    level: Option<Level>,
    until: Option<DateTime<FixedOffset>>,
}

impl Source for Custom {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        if self.options.command.is_empty() {
            if self
                .held
                .as_ref()
                .is_some_and(|held| held.until.is_some_and(|at| machine.now() >= at))
            {
                self.held = None;
            }
            return Ok(self.held.as_ref().and_then(|held| held.sample.clone()));
        }
        if self.options.mode == Mode::Streaming {
            return Ok(None);
        }
        let limit = Duration::from_secs_f64(self.options.timeout);
        let words = self.words();
        let program = words[0];
        let task = Call { words: &words, surroundings: Surroundings::User, env: &[] };
        let failed = |what: &str| Error::Other(format!("{program}: {what}"));
        let output = machine.perform(&task, limit)?.ok_or_else(|| failed("not found"))?;
        let urgent = self.options.output == Form::I3blocks && output.code == Some(URGENT);
        if output.code != Some(0) && !urgent {
            return Err(failed(&output.reason()));
        }
        let sample = self.read(&output.printed)?;
        Ok(sample.map(|sample| match urgent {
            true => Sample { level: Level::Critical, ..sample },
            false => sample,
        }))
    }

    fn follow(
        &mut self,
        machine: &Machine,
        _: &Ask,
        _: Duration,
        heard: &mut Heard,
    ) -> Result<(), Error> {
        let words: Vec<String> = self.options.command.clone();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let task = Call { words: &words, surroundings: Surroundings::User, env: &[] };
        machine.follow(&task, None, &mut |lines| {
            // Only the newest counts: what came at once would be seen by nobody.
            let mut lines = lines.rsplit(|byte| *byte == b'\n');
            let newest = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
            let read = self.read(newest);
            heard(read)
        })
    }

    fn take(&mut self, machine: &Machine, pushed: &Pushed) -> Result<Option<Sample>, Error> {
        let mut sample = self.pushed(&pushed.text).map_err(Error::Other)?;
        if let (Some(sample), Some(level)) = (&mut sample, pushed.level) {
            sample.level = level;
        }
        let lasts = pushed.lasts.and_then(|lasts| chrono::TimeDelta::from_std(lasts).ok());
        let until = lasts.and_then(|lasts| machine.now().checked_add_signed(lasts));
        self.held = Some(Held { pushed: pushed.clone(), sample: sample.clone(), until });
        Ok(sample)
    }

    fn memo(&self) -> Option<String> {
        let Held { pushed, until, .. } = self.held.as_ref()?;
        let memo = Memo { text: pushed.text.clone(), level: pushed.level, until: *until };
        serde_json::to_string(&memo).ok()
    }

    fn recall(&mut self, memo: &str) {
        let Ok(Memo { text, level, until }) = serde_json::from_str(memo) else { return };
        let pushed = Pushed { text, level, lasts: None };
        let Ok(mut sample) = self.pushed(&pushed.text) else { return };
        if let (Some(sample), Some(level)) = (&mut sample, level) {
            sample.level = level;
        }
        self.held = Some(Held { pushed, sample, until });
    }

    fn variant(&self) -> Option<Variant> {
        let (place, pace) = match (self.options.command.is_empty(), self.options.mode) {
            (true, _) => (Where::Daemon, Pace::Change),
            (false, Mode::Streaming) => (Where::Own, Pace::Change),
            (false, Mode::Once) => (Where::Worker, SEGMENT.pace),
        };
        let mut format = String::from(" ($icon )");
        match self.fields.is_empty() {
            true => format.push_str("$text "),
            false => {
                let fields = self.fields.iter().chain([&TEXT]);
                fields.for_each(|field| format.push_str(&format!("(${} )", field.name)));
            }
        }
        let mut fields = variant::with_histories(&self.fields)?;
        fields.extend([TEXT, SHORT]);
        Some(Variant { fields, format, place, pace })
    }

    fn patience(&self) -> Option<Duration> {
        // The command is ended before its worker is.
        Some(Duration::from_secs_f64(self.options.timeout) + Duration::from_secs(1))
    }
}

impl Custom {
    fn words(&self) -> Vec<&str> {
        self.options.command.iter().map(String::as_str).collect()
    }

    /// What a command printed; `None` where it printed nothing.
    fn read(&mut self, printed: &[u8]) -> Result<Option<Sample>, Error> {
        let text = String::from_utf8_lossy(printed);
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        let json = match self.options.output {
            Form::Auto => !self.fields.is_empty(),
            form => form == Form::Json,
        };
        if json {
            let Some(line) = lines.find(|line| !line.trim().is_empty()) else { return Ok(None) };
            return self.json(line).map_err(Error::Other);
        }
        let first = lines.next().unwrap_or_default();
        let full = match self.options.output {
            Form::Byobu => Cow::Owned(without_colours(first)),
            _ => Cow::Borrowed(first),
        };
        let mut sample = Sample::new(Level::Idle);
        if self.options.output == Form::I3blocks {
            let (short, colour) = (lines.next().unwrap_or_default(), lines.next());
            sample.level = colour.map_or(Level::Idle, level_of);
            if !short.trim().is_empty() {
                sample.values.push(("short", self.text(short)));
            }
        }
        if full.trim().is_empty() {
            return Ok(None);
        }
        sample.values.push(("text", self.text(&full)));
        Ok(Some(sample))
    }

    fn text(&self, line: &str) -> Value {
        match self.options.markup {
            true => Value::Marked(Marked::read(line)),
            false => Value::text(line),
        }
    }

    /// One line of JSON: an object of declared fields, `text`, `short` and `level`.
    fn json(&mut self, line: &str) -> Result<Option<Sample>, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).map_err(|error| format!("no line of JSON: {error}"))?;
        let mut sample = Sample::new(Level::Idle);
        let mut level = None;
        for (name, value) in &object {
            if value.is_null() {
                continue;
            }
            match (name.as_str(), value.as_str()) {
                ("level", Some(word)) => level = Some(Level::named(word)?),
                ("text", Some(text)) => sample.values.push(("text", self.text(text))),
                ("short", Some(text)) => sample.values.push(("short", self.text(text))),
                _ => {
                    let field = self.field(name)?;
                    let value =
                        of_json(value, field.unit).map_err(|why| format!("{name}: {why}"))?;
                    sample.values.push((field.name, value));
                }
            }
        }
        if object.is_empty() {
            return Ok(None);
        }
        sample.level = self.settle(&sample, level);
        Ok(Some(sample))
    }

    /// What was pushed: a JSON object, `field=value` lines, or a text.
    fn pushed(&mut self, text: &str) -> Result<Option<Sample>, String> {
        if text.trim_start().starts_with('{') {
            return self.json(text);
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let named = |line: &str| line.split_once('=').map(|(name, _)| name.trim().to_owned());
        let is_field = |name: &str| self.fields.iter().any(|field| field.name == name);
        let names: Vec<Option<String>> = text.lines().map(named).collect();
        let mut sample = Sample::new(Level::Idle);
        if names.iter().all(Option::is_some) && names.iter().flatten().any(|name| is_field(name)) {
            for line in text.lines() {
                let (name, value) = line.split_once('=').unwrap_or_default();
                let field = self.field(name.trim())?;
                let value = quantity::read(value, field.unit);
                sample.values.push((field.name, value.map_err(|why| format!("{name}: {why}"))?));
            }
        } else if let [field] = *self.fields {
            sample.values.push((field.name, quantity::read(text, field.unit)?));
        } else if !self.fields.is_empty() {
            let names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
            return Err(format!("expected FIELD=VALUE or JSON; its fields: {}", names.join(", ")));
        } else {
            sample.values.push(("text", self.text(text)));
        }
        sample.level = self.settle(&sample, None);
        Ok(Some(sample))
    }

    fn field(&self, name: &str) -> Result<Field, String> {
        let known = || {
            let names = self.fields.iter().map(|field| field.name);
            names.chain(["text", "short", "level"]).collect::<Vec<_>>().join(", ")
        };
        let all = self.fields.iter().chain([&TEXT, &SHORT]);
        let found = all.copied().find(|field| field.name == name);
        found.ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            format!("there is no field {name:?}; there are {}", known())
        })
    }

    /// The level that was said, else the one by the number that the options name.
    fn settle(&mut self, sample: &Sample, said: Option<Level>) -> Level {
        let Options { level_by, warning, critical, .. } = &self.options;
        let (warning, critical) = (*warning, *critical);
        let number = sample.get(level_by).and_then(Value::as_number);
        self.level = match (said, number) {
            (Some(level), _) => level,
            (None, None) => Level::Idle,
            (None, Some(number)) => {
                // On a scale where the thresholds are percents, as levels settle there.
                let scale = 100.0 / warning.abs().max(critical.abs()).max(f64::MIN_POSITIVE);
                let scale = if critical < warning { -scale } else { scale };
                self.level.settle(number * scale, warning * scale, critical * scale)
            }
        };
        self.level
    }
}

/// A JSON value as one of this unit: a number, a text as people write it, or `[value, full]`.
fn of_json(value: &serde_json::Value, unit: Unit) -> Result<Value, String> {
    use serde_json::Value as Json;
    let wrong = || format!("expected {}", quantity::described(unit));
    match value {
        Json::String(text) => quantity::read(text, unit),
        Json::Number(_) | Json::Bool(_) if unit == Unit::Text => Ok(Value::text(value.to_string())),
        Json::Number(number) => {
            let number = number.as_f64().ok_or_else(wrong)?;
            quantity::of_number(number, None, unit).ok_or_else(wrong)
        }
        Json::Array(pair) => match pair.iter().map(Json::as_f64).collect::<Vec<_>>()[..] {
            [Some(value), Some(full)] => {
                quantity::of_number(value, Some(full), unit).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// A line without the colours of tmux (`#[…]`) and of screen (`^E{…}`).
fn without_colours(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let colour = [("#[", ']'), ("\u{5}{", '}')].into_iter().find_map(|(open, close)| {
            let inside = rest.strip_prefix(open)?;
            inside.find(close).map(|at| &inside[at + 1..])
        });
        match colour {
            Some(after) => rest = after,
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// `#RRGGBB` as a level, by its hue: red, yellow, green, blue; grey says nothing.
fn level_of(colour: &str) -> Level {
    let digits = colour.trim().trim_start_matches('#');
    if digits.len() < 6 || !digits.is_ascii() {
        return Level::Idle;
    }
    let part = |at| u8::from_str_radix(&digits[at..at + 2], 16).ok().map(f64::from);
    let (Some(r), Some(g), Some(b)) = (part(0), part(2), part(4)) else { return Level::Idle };
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most - least < 48.0 {
        return Level::Idle;
    }
    let sixth = 60.0 / (most - least);
    let hue = match most {
        _ if most == r => ((g - b) * sixth).rem_euclid(360.0),
        _ if most == g => 120.0 + (b - r) * sixth,
        _ => 240.0 + (r - g) * sixth,
    };
    match hue {
        ..20.0 | 330.0.. => Level::Critical,
        20.0..75.0 => Level::Warning,
        75.0..165.0 => Level::Good,
        _ => Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn custom(options: &str) -> Box<dyn Source> {
        open(&toml::from_str(options).expect("TOML")).expect("sensible")
    }

    fn wrong(options: &str) -> String {
        let opened = open(&toml::from_str(options).expect("TOML"));
        opened.err().expect("no sense").to_string()
    }

    /// The sample of a command that prints this.
    fn printed(options: &str, output: &str) -> Result<Option<Sample>, String> {
        let (_dir, machine) = machine_with(&[("commands/x", output)]);
        let mut source = custom(&format!("command = [\"x\"]\n{options}"));
        source.sample(&machine, &Ask::default()).map_err(|error| error.to_string())
    }

    fn push(source: &mut dyn Source, text: &str) -> Result<Option<Sample>, String> {
        let pushed = Pushed { text: text.into(), ..Pushed::default() };
        source.take(&fixture("empty"), &pushed).map_err(|error| error.to_string())
    }

    const LOAD: &str = "fields = { load = \"percent\", who = \"text\" }\nlevel-by = \"load\"";

    #[test]
    fn the_first_line_is_the_text_and_nothing_is_nothing() {
        let text = |output| printed("", output).expect("read").and_then(|s| s.get("text").cloned());
        assert_eq!(text("one\ntwo\n"), Some(Value::text("one")));
        assert_eq!(text("no newline"), Some(Value::text("no newline")));
        assert_eq!(text("#(id) \u{1b}[31mx\0"), Some(Value::text("#(id) \u{1b}[31mx\0")));
        assert_eq!((text(""), text("\n\n"), text("  \r\n")), (None, None, None));
    }

    #[test]
    fn markup_is_text_unless_it_is_allowed() {
        let text = "a [b](bold) \\[c";
        let of = |options| printed(options, text).expect("read").expect("a text");
        assert_eq!(of("").get("text"), Some(&Value::text(text)));
        let piece = |text: &str, style: &str| Marked { text: text.into(), style: style.into() };
        let marked = vec![piece("a ", ""), piece("b", "bold"), piece(" [c", "")];
        assert_eq!(of("markup = true").get("text"), Some(&Value::Marked(marked)));
    }

    #[test]
    fn declared_values_have_their_units_and_the_level_is_theirs() {
        let of = |json| printed(LOAD, json).expect("read").expect("values");
        let sample = of("{\"load\": 97, \"who\": \"me\"}");
        assert_eq!(sample.get("load"), Some(&Value::percent(97.0)));
        assert_eq!(sample.get("who"), Some(&Value::text("me")));
        assert_eq!(sample.level, Level::Critical);
        assert_eq!(of("{\"load\": [3, 8], \"level\": \"good\"}").level, Level::Good);
        assert_eq!(of("{\"load\": \"3/8\"}").get("load"), Some(&Value::percent(37.5)));
    }

    #[test]
    fn wrong_names_and_values_are_said() {
        let of = |json| printed(LOAD, json).expect_err("wrong");
        assert!(of("{\"laod\": 1}").contains("no field \"laod\"; there are load, who, text"));
        assert!(of("{\"load\": 130}").contains("load: expected a percentage"));
        assert!(of("{\"load\": {}}").contains("expected a percentage"));
        assert!(of("{\"level\": \"bad\"}").contains("there is no level \"bad\""));
        assert!(of("load: 1").contains("no line of JSON"));
    }

    #[test]
    fn options_that_make_no_sense_are_said() {
        assert!(wrong("fields = { Load = \"percent\" }").contains("is no name"));
        assert!(wrong("fields = { load = \"apples\" }").contains("is no unit; there are text"));
        assert!(wrong("fields = { text = \"text\" }").contains("is taken"));
        assert!(wrong("level-by = \"load\"").contains("no number among the fields"));
        assert!(wrong("timeout = 0").contains("more than 0"));
        assert!(wrong("command = [\"\"]").contains("cannot be empty"));
        assert!(wrong("output = \"text\"\nfields = { a = \"count\" }").contains("JSON"));
    }

    #[test]
    fn i3blocks_scripts_say_full_short_and_a_colour_that_is_a_level() {
        let sample = printed("output = \"i3blocks\"", "full\nfl\n#FF0000\n");
        let sample = sample.expect("read").expect("a text");
        assert_eq!(sample.get("short"), Some(&Value::text("fl")));
        assert_eq!(sample.level, Level::Critical);
        let levels = ["#FFAE00", "#00FF00", "#5E81AC", "#CCCCCC", "", "#é9999"].map(level_of);
        let expected = [Level::Warning, Level::Good, Level::Info, Level::Idle];
        assert_eq!((&levels[..4], levels[4], levels[5]), (&expected[..], Level::Idle, Level::Idle));
    }

    #[test]
    fn byobus_scripts_lose_their_colours() {
        let text = "#[fg=red,bg=black]hot#[default] \u{5}{=b rW}x\u{5}{-} #1 #[open";
        let sample = printed("output = \"byobu\"", text).expect("read").expect("a text");
        assert_eq!(sample.get("text"), Some(&Value::text("hot x #1 #[open")));
    }

    #[test]
    fn less_is_worse_where_the_thresholds_fall() {
        let options =
            "fields = { left = \"count\" }\nlevel-by = \"left\"\nwarning = 20\ncritical = 5";
        let mut source = custom(options);
        let mut level = |text| push(&mut *source, text).expect("fine").expect("a value").level;
        assert_eq!(level("100"), Level::Idle);
        assert_eq!(level("20"), Level::Warning);
        assert_eq!(level("20.1"), Level::Warning, "it settles");
        assert_eq!(level("4"), Level::Critical);
        assert_eq!(level("60"), Level::Idle);
    }

    #[test]
    fn what_is_set_is_read_by_what_is_declared() {
        let mut text = custom("");
        let value = push(&mut *text, "a=b #(id)").expect("a text").expect("a text");
        assert_eq!(value.get("text"), Some(&Value::text("a=b #(id)")));
        assert_eq!(push(&mut *text, " "), Ok(None));
        let mut fields = custom(LOAD);
        let sample = push(&mut *fields, "load=42%\nwho=a=b").expect("fine").expect("values");
        assert_eq!(sample.get("load"), Some(&Value::percent(42.0)));
        assert_eq!(sample.get("who"), Some(&Value::text("a=b")));
        assert!(push(&mut *fields, "42").expect_err("which?").contains("FIELD=VALUE"));
        assert!(push(&mut *fields, "load=x\nwho=y").expect_err("no").contains("a percentage"));
        assert!(push(&mut *fields, "load=1\nlaod=2").expect_err("no").contains("no field"));
    }

    #[test]
    fn what_is_set_lasts_as_long_as_it_was_said_and_over_a_restart() {
        let files = |clock: &'static str| machine_with(&[("clock", clock)]);
        let (_a, noon) = files("2026-11-23T12:00:00Z");
        let (_b, later) = files("2026-11-23T12:09:59Z");
        let (_c, over) = files("2026-11-23T12:10:00Z");
        let mut source = custom("");
        let lasts = Some(Duration::from_secs(600));
        let pushed = Pushed { text: "x".into(), level: Some(Level::Info), lasts };
        source.take(&noon, &pushed).expect("a text");
        let mut next = custom("");
        next.recall(&source.memo().expect("something to keep"));
        next.recall("nonsense");
        let mut level = |machine| {
            next.sample(machine, &Ask::default()).expect("fine").map(|sample| sample.level)
        };
        assert_eq!(level(&later), Some(Level::Info));
        assert_eq!(level(&over), None);
    }

    #[test]
    fn a_stream_shows_its_newest_line() {
        let (_dir, machine) = machine_with(&[("commands/x", "{\"load\":1}\n{\"load\":2}\n\n")]);
        let mut source = custom(&format!("command = [\"x\"]\nmode = \"streaming\"\n{LOAD}"));
        let mut heard = Vec::new();
        let done = source.follow(&machine, &Ask::default(), Duration::ZERO, &mut |sample| {
            heard.push(sample.expect("read").expect("a value"));
            true
        });
        assert!(done.is_ok());
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].get("load"), Some(&Value::percent(2.0)));
    }

    #[test]
    fn options_make_the_kind() {
        let variant = |options| custom(options).variant().expect("room");
        assert_eq!(variant("").place, Where::Daemon);
        assert_eq!(variant("command = [\"x\"]").place, Where::Worker);
        let streaming = variant("command = [\"x\"]\nmode = \"streaming\"");
        assert_eq!((streaming.place, streaming.pace), (Where::Own, Pace::Change));
        let declared = variant(LOAD);
        assert_eq!(declared.format, " ($icon )($load )($who )($text )");
        let names: Vec<_> = declared.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["load", "who", "load_history", "text", "short"]);
    }
}

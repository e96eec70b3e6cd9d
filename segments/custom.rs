//! What a command prints, or what `rainline set` gives: a text, or named values with units.
//!
//! - Fields declared in the config work like those of any other segment, in formats, graphs, levels
//!   and histories. Their units are those of [`quantity::UNITS`].
//! - A command is a list of words, and no shell reads it; for a shell write `["sh", "-c", "…"]`. It
//!   runs in the home directory, in its own process group, one at a time. With `mode = "streaming"`
//!   it keeps running, prints a line for each change, and is started again when it ends.
//! - What a command prints is untrusted text. With `markup = true` it may use the format language's
//!   `[text](style)`, but nothing else of that language or of any host's.
//! - The output may also be that of a script for i3blocks or Byobu, see [`scripts`].

mod parser;
mod scripts;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::base::contract::{
    Ask, Emit, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, SetValue, Source, Unit,
    Variant, choice, options,
};
use crate::base::value::{Level, Sample};
use crate::base::{quantity, variant};
use crate::machine::{Call, Machine, Surroundings};

use parser::Parser;

/// The most fields that one instance may declare.
const MAX_FIELDS: usize = 16;
/// The longest timeout of a command.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

options! {
    /// The program and its arguments, each a word of its own; empty: values come from `rainline set`.
    command: Vec<String> = Vec::<String>::new(),
    /// `streaming`: the command keeps running and prints a line for each change.
    mode: Mode = Mode::Once,
    /// How long the command may run before it is killed, with all processes that it started.
    timeout: Duration = Duration::from_secs(5),
    /// The form of the output; `auto` is JSON if `fields` are declared, else text.
    output: Form = Form::Auto,
    /// Names of values and their units: text, percent, bytes, count, celsius, watts, duration, time.
    fields: BTreeMap<String, String> = BTreeMap::new(),
    /// The number that sets the level, unless the output contains a level.
    level_by: String = "",
    /// Value from which the level is `warning`.
    warning: f64 = 80.0,
    /// Value from which the level is `critical`; below `warning`, low values are the bad ones.
    critical: f64 = 95.0,
    /// Whether the text may be styled: `[text](bold fg:red)`.
    markup: bool = false,
}

choice! {
    /// Whether the command ends or keeps running.
    Mode { Once = "once", Streaming = "streaming" }
}

choice! {
    /// The form of what a command prints.
    Form { Auto = "auto", Text = "text", Json = "json", I3blocks = "i3blocks", Byobu = "byobu" }
}

const TEXT: Field = Field::new("text", "the text that was printed or set", Unit::Text);
const SHORT: Field = Field::new("short", "a shorter text, if there is one", Unit::Text);

pub(crate) static SEGMENT: Kind = Kind {
    name: "custom",
    about: "What your command prints, or what `rainline set` gives it.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " ($icon )$text ",
    fields: &[TEXT, SHORT],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(10)),
    priority: 50,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if options.command.first().is_some_and(String::is_empty) {
        let message = "the first word is the program and cannot be empty";
        return Err(OptionError::new("command", message));
    }
    if options.timeout.is_zero() || options.timeout > MAX_TIMEOUT {
        return Err(OptionError::new("timeout", "expected more than \"0s\" and at most \"10m\""));
    }
    if options.fields.len() > MAX_FIELDS {
        return Err(OptionError::new("fields", format!("at most {MAX_FIELDS} fields are allowed")));
    }
    let fields = options.fields.iter().map(|(name, unit)| declared(name, unit));
    let fields: Result<Vec<Field>, String> = fields.collect();
    let fields = fields.map_err(|message| OptionError::new("fields", message))?;
    if !options.level_by.is_empty() {
        let by = fields.iter().find(|field| field.name == options.level_by);
        if !by.is_some_and(|field| field.unit.is_number()) {
            let message = format!("`{}` is not a number among the fields", options.level_by);
            return Err(OptionError::new("level-by", message));
        }
    }
    if !fields.is_empty() && matches!(options.output, Form::Text | Form::I3blocks | Form::Byobu) {
        return Err(OptionError::new("output", "declared fields are read from JSON: \"json\""));
    }
    let Options { command, mode, timeout, .. } = options.clone();
    let parser = Parser::new(options, fields);
    Ok(Box::new(Custom { command, mode, timeout, parser, given: None }))
}

/// A field as the config declares it.
fn declared(name: &str, unit: &str) -> Result<Field, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let longest = variant::MAX_NAME - "_history".len();
    if name.is_empty() || !name.chars().all(plain) || name.len() > longest {
        return Err(format!(
            "`{name}` is not a field name; expected at most {longest} of a-z, 0-9 and _"
        ));
    }
    if matches!(name, "icon" | "level" | "text" | "short") || name.ends_with("_history") {
        return Err(format!("the name `{name}` is reserved"));
    }
    let Some(unit) = quantity::unit(unit) else {
        let known: Vec<_> = quantity::UNITS.iter().map(|unit| unit.name()).collect();
        return Err(format!("there is no unit `{unit}`; there are {}", known.join(", ")));
    };
    let name = variant::intern(name)
        .ok_or("too many different field names since the daemon started; restart it")?;
    Ok(Field::new(name, "declared in the config", unit))
}

struct Custom {
    command: Vec<String>,
    mode: Mode,
    timeout: Duration,
    parser: Parser,
    given: Option<Given>,
}

/// The value that `rainline set` gave.
struct Given {
    value: SetValue,
    sample: Option<Sample>,
    until: Option<DateTime<FixedOffset>>,
}

/// A given value as it is saved for the next daemon.
#[derive(Serialize, Deserialize)]
struct Saved {
    text: String,
    #[serde(default)]
    json: bool,
    level: Option<Level>,
    until: Option<DateTime<FixedOffset>>,
}

impl Source for Custom {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        if self.command.is_empty() {
            let now = machine.now();
            self.given.take_if(|given| given.until.is_some_and(|until| now >= until));
            return Ok(self.given.as_ref().and_then(|given| given.sample.clone()));
        }
        if self.mode == Mode::Streaming {
            return Ok(None);
        }
        let words = self.words();
        let program = words[0];
        let call = Call { words: &words, surroundings: Surroundings::User, env: &[] };
        let failed = |what: &str| Error::Other(format!("{program}: {what}"));
        let output = machine.perform(&call, self.timeout)?.ok_or_else(|| failed("not found"))?;
        let urgent = self.parser.is_urgent(output.code);
        if output.code != Some(0) && !urgent {
            return Err(failed(&output.reason()));
        }
        let sample = self.parser.printed(&output.printed).map_err(Error::Other)?;
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
        emit: &mut Emit,
    ) -> Result<(), Error> {
        let command = self.command.clone();
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let call = Call { words: &words, surroundings: Surroundings::User, env: &[] };
        machine.follow(&call, None, &mut |lines| {
            // Of lines that arrive together only the newest would be seen.
            let mut lines = lines.rsplit(|byte| *byte == b'\n');
            let newest = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
            emit(self.parser.printed(newest).map_err(Error::Other))
        })
    }

    fn set(&mut self, machine: &Machine, value: &SetValue) -> Result<Option<Sample>, Error> {
        let valid_for = value.valid_for.and_then(|span| chrono::TimeDelta::from_std(span).ok());
        let until = valid_for.and_then(|span| machine.now().checked_add_signed(span));
        self.give(value.clone(), until).map_err(Error::Other)
    }

    fn save(&self) -> Option<String> {
        let Given { value, until, .. } = self.given.as_ref()?;
        let SetValue { text, json, level, .. } = value.clone();
        let saved = Saved { text, json, level, until: *until };
        serde_json::to_string(&saved).ok()
    }

    fn restore(&mut self, saved: &str) {
        if let Ok(Saved { text, json, level, until }) = serde_json::from_str(saved) {
            // A value that the declared fields no longer fit is dropped.
            let _ = self.give(SetValue { text, json, level, valid_for: None }, until);
        }
    }

    fn variant(&self) -> Option<Variant> {
        let (runs_in, pace) = match (self.command.is_empty(), self.mode) {
            (true, _) => (RunsIn::Daemon, Pace::Change),
            (false, Mode::Streaming) => (RunsIn::OwnWorker, Pace::Change),
            (false, Mode::Once) => (RunsIn::Worker, SEGMENT.pace),
        };
        let declared = self.parser.fields();
        let format = match declared {
            [] => " ($icon )$text ".to_owned(),
            fields => {
                let names = fields.iter().chain([&TEXT]).map(|field| format!("(${} )", field.name));
                format!(" ($icon ){}", names.collect::<String>())
            }
        };
        let mut fields = variant::with_histories(declared)?;
        fields.extend([TEXT, SHORT]);
        Some(Variant { fields, format, runs_in, pace })
    }

    fn timeout(&self) -> Option<Duration> {
        // The command is killed before its worker is.
        Some(self.timeout + Duration::from_secs(1))
    }
}

impl Custom {
    fn words(&self) -> Vec<&str> {
        self.command.iter().map(String::as_str).collect()
    }

    /// Shows the value, unless it cannot be parsed.
    fn give(
        &mut self,
        value: SetValue,
        until: Option<DateTime<FixedOffset>>,
    ) -> Result<Option<Sample>, String> {
        let mut sample = match value.json {
            true => self.parser.json(&value.text)?,
            false => self.parser.given(&value.text)?,
        };
        if let (Some(sample), Some(level)) = (&mut sample, value.level) {
            sample.level = level;
        }
        self.given = Some(Given { value, sample: sample.clone(), until });
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::scripts::level_of_colour;
    use super::*;
    use crate::base::value::{Styled, Value};
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

    fn set(source: &mut dyn Source, text: &str) -> Result<Option<Sample>, String> {
        set_as(false, source, text)
    }

    fn set_as(json: bool, source: &mut dyn Source, text: &str) -> Result<Option<Sample>, String> {
        let value = SetValue { text: text.into(), json, ..SetValue::default() };
        source.set(&fixture("empty"), &value).map_err(|error| error.to_string())
    }

    const LOAD: &str = "fields = { load = \"percent\", who = \"text\" }\nlevel-by = \"load\"";

    #[test]
    fn the_first_line_is_the_text_and_an_empty_one_shows_nothing() {
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
        let piece = |text: &str, style: &str| Styled { text: text.into(), style: style.into() };
        let marked = vec![piece("a ", ""), piece("b", "bold"), piece(" [c", "")];
        assert_eq!(of("markup = true").get("text"), Some(&Value::Styled(marked)));
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
    fn wrong_names_and_values_are_errors() {
        let of = |json| printed(LOAD, json).expect_err("wrong");
        assert!(of("{\"laod\": 1}").contains("no field \"laod\"; there are load, who, text"));
        assert!(of("{\"load\": 130}").contains("load: expected a percentage"));
        assert!(of("{\"load\": {}}").contains("expected a percentage"));
        assert!(of("{\"level\": \"bad\"}").contains("there is no level \"bad\""));
        assert!(of("load: 1").contains("not a JSON object"));
    }

    #[test]
    fn options_that_make_no_sense_are_errors() {
        assert!(wrong("fields = { Load = \"percent\" }").contains("is not a field name"));
        assert!(
            wrong("fields = { load = \"apples\" }")
                .contains("there is no unit `apples`; there are text")
        );
        assert!(wrong("fields = { text = \"text\" }").contains("is reserved"));
        assert!(wrong("level-by = \"load\"").contains("not a number among the fields"));
        assert!(wrong("timeout = \"0s\"").contains("more than \"0s\""));
        assert!(wrong("command = [\"\"]").contains("cannot be empty"));
        assert!(wrong("output = \"text\"\nfields = { a = \"count\" }").contains("JSON"));
    }

    #[test]
    fn i3blocks_scripts_say_full_short_and_a_colour_that_is_a_level() {
        let sample = printed("output = \"i3blocks\"", "full\nfl\n#FF0000\n");
        let sample = sample.expect("read").expect("a text");
        assert_eq!(sample.get("short"), Some(&Value::text("fl")));
        assert_eq!(sample.level, Level::Critical);
        let levels =
            ["#FFAE00", "#00FF00", "#5E81AC", "#CCCCCC", "", "#é9999"].map(level_of_colour);
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
    fn low_values_are_bad_if_critical_is_below_warning() {
        let options =
            "fields = { left = \"count\" }\nlevel-by = \"left\"\nwarning = 20\ncritical = 5";
        let mut source = custom(options);
        let mut level = |text| set(&mut *source, text).expect("fine").expect("a value").level;
        assert_eq!(level("100"), Level::Idle);
        assert_eq!(level("20"), Level::Warning);
        assert_eq!(level("20.1"), Level::Warning, "it settles");
        assert_eq!(level("4"), Level::Critical);
        assert_eq!(level("60"), Level::Idle);
    }

    #[test]
    fn set_values_are_parsed_by_the_declared_fields() {
        let mut text = custom("");
        let value = set(&mut *text, "a=b #(id)").expect("a text").expect("a text");
        assert_eq!(value.get("text"), Some(&Value::text("a=b #(id)")));
        assert_eq!(set(&mut *text, " "), Ok(None));
        let mut fields = custom(LOAD);
        let sample = set(&mut *fields, "load=42%\nwho=a=b").expect("fine").expect("values");
        assert_eq!(sample.get("load"), Some(&Value::percent(42.0)));
        assert_eq!(sample.get("who"), Some(&Value::text("a=b")));
        assert!(set(&mut *fields, "42").expect_err("which?").contains("FIELD=VALUE"));
        assert!(set(&mut *fields, "load=x\nwho=y").expect_err("no").contains("a percentage"));
        assert!(set(&mut *fields, "load=1\nlaod=2").expect_err("no").contains("no field"));
    }

    #[test]
    fn set_values_expire_and_survive_a_restart() {
        let files = |clock: &'static str| machine_with(&[("clock", clock)]);
        let (_a, noon) = files("2026-11-23T12:00:00Z");
        let (_b, later) = files("2026-11-23T12:09:59Z");
        let (_c, over) = files("2026-11-23T12:10:00Z");
        let mut source = custom("");
        let valid_for = Some(Duration::from_secs(600));
        let level = Some(Level::Info);
        let value = SetValue { text: "x".into(), json: false, level, valid_for };
        source.set(&noon, &value).expect("a text");
        let mut next = custom("");
        next.restore(&source.save().expect("something to keep"));
        next.restore("nonsense");
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
        let mut emitted = Vec::new();
        let done = source.follow(&machine, &Ask::default(), Duration::ZERO, &mut |sample| {
            emitted.push(sample.expect("read").expect("a value"));
            true
        });
        assert!(done.is_ok());
        assert_eq!(emitted.len(), 1);
        assert_eq!(emitted[0].get("load"), Some(&Value::percent(2.0)));
    }

    #[test]
    fn options_determine_the_variant() {
        let variant = |options| custom(options).variant().expect("room");
        assert_eq!(variant("").runs_in, RunsIn::Daemon);
        assert_eq!(variant("command = [\"x\"]").runs_in, RunsIn::Worker);
        let streaming = variant("command = [\"x\"]\nmode = \"streaming\"");
        assert_eq!((streaming.runs_in, streaming.pace), (RunsIn::OwnWorker, Pace::Change));
        let declared = variant(LOAD);
        assert_eq!(declared.format, " ($icon )($load )($who )($text )");
        let names: Vec<_> = declared.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["load", "who", "load_history", "text", "short"]);
    }
}

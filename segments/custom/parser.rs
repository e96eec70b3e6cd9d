//! Output and given values as samples.

use std::borrow::Cow;

use super::scripts::{URGENT, level_of_colour, without_colours};
use super::{Form, Options, SHORT, TEXT};
use crate::base::contract::{Field, Unit};
use crate::base::quantity;
use crate::base::value::{Level, Sample, Styled, Value};

/// Reads texts by the declared fields and options.
pub(super) struct Parser {
    options: Options,
    /// Those that the config declares.
    fields: Vec<Field>,
    /// The level before, for hysteresis.
    level: Level,
}

impl Parser {
    pub(super) fn new(options: Options, fields: Vec<Field>) -> Parser {
        Parser { options, fields, level: Level::Idle }
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether the exit status is the one by which an i3blocks script says that it is urgent.
    pub(super) fn is_urgent(&self, code: Option<i32>) -> bool {
        self.options.output == Form::I3blocks && code == Some(URGENT)
    }

    /// What a command printed; `None` if that is nothing.
    pub(super) fn printed(&mut self, printed: &[u8]) -> Result<Option<Sample>, String> {
        let text = String::from_utf8_lossy(printed);
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        let json = match self.options.output {
            Form::Auto => !self.fields.is_empty(),
            form => form == Form::Json,
        };
        if json {
            let Some(line) = lines.find(|line| !line.trim().is_empty()) else { return Ok(None) };
            return self.json(line);
        }
        let first = lines.next().unwrap_or_default();
        let full = match self.options.output {
            Form::Byobu => Cow::Owned(without_colours(first)),
            _ => Cow::Borrowed(first),
        };
        let mut sample = Sample::new(Level::Idle);
        if self.options.output == Form::I3blocks {
            let (short, colour) = (lines.next().unwrap_or_default(), lines.next());
            sample.level = colour.map_or(Level::Idle, level_of_colour);
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

    /// What `rainline set` gave: `field=value` lines where fields are declared, or a text, whatever
    /// it looks like.
    pub(super) fn given(&mut self, text: &str) -> Result<Option<Sample>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let pairs: Option<Vec<(&str, &str)>> =
            text.lines().map(|line| line.split_once('=')).collect();
        let is_field = |name: &str| self.fields.iter().any(|field| field.name == name.trim());
        let mut sample = Sample::new(Level::Idle);
        match (pairs, &*self.fields) {
            (Some(pairs), _) if pairs.iter().any(|(name, _)| is_field(name)) => {
                for (name, value) in pairs {
                    let field = self.field(name.trim())?;
                    let value = quantity::read(value, field.unit);
                    sample
                        .values
                        .push((field.name, value.map_err(|why| format!("{name}: {why}"))?));
                }
            }
            (_, [field]) => sample.values.push((field.name, quantity::read(text, field.unit)?)),
            (_, []) => sample.values.push(("text", self.text(text))),
            (_, fields) => {
                let names: Vec<_> = fields.iter().map(|field| field.name).collect();
                return Err(format!(
                    "expected FIELD=VALUE, or --json and an object; fields: {}",
                    names.join(", ")
                ));
            }
        }
        sample.level = self.settle(&sample, None);
        Ok(Some(sample))
    }

    fn text(&self, line: &str) -> Value {
        match self.options.markup {
            true => Value::Styled(Styled::parse(line)),
            false => Value::text(line),
        }
    }

    /// One line of JSON: an object of declared fields, `text`, `short` and `level`.
    pub(super) fn json(&mut self, line: &str) -> Result<Option<Sample>, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
        if object.is_empty() {
            return Ok(None);
        }
        let mut sample = Sample::new(Level::Idle);
        let mut level = None;
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
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
        sample.level = self.settle(&sample, level);
        Ok(Some(sample))
    }

    fn field(&self, name: &str) -> Result<Field, String> {
        let all = self.fields.iter().chain([&TEXT, &SHORT]);
        all.clone().copied().find(|field| field.name == name).ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            let known: Vec<_> = all.map(|field| field.name).chain(["level"]).collect();
            format!("there is no field {name:?}; there are {}", known.join(", "))
        })
    }

    /// The level that the output contains, else the one of the number that `level-by` names.
    fn settle(&mut self, sample: &Sample, level: Option<Level>) -> Level {
        let Options { level_by, warning, critical, .. } = &self.options;
        let number = sample.get(level_by).and_then(Value::as_number);
        self.level = level.unwrap_or_else(|| {
            let Some(number) = number else { return Level::Idle };
            let hysteresis = warning.abs().max(critical.abs()) * Level::HYSTERESIS / 100.0;
            let sign = if critical < warning { -1.0 } else { 1.0 };
            self.level.settle_by(hysteresis, sign * number, sign * warning, sign * critical)
        });
        self.level
    }
}

/// A JSON value in this unit: a number, a text as people write it, or `[value, full]`.
fn of_json(value: &serde_json::Value, unit: Unit) -> Result<Value, String> {
    use serde_json::Value as Json;
    let found = match value {
        Json::String(text) => return quantity::read(text, unit),
        Json::Number(_) | Json::Bool(_) if unit == Unit::Text => {
            Some(Value::text(value.to_string()))
        }
        Json::Number(number) => {
            number.as_f64().and_then(|number| quantity::of_number(number, None, unit))
        }
        Json::Array(pair) => match pair.iter().map(Json::as_f64).collect::<Vec<_>>()[..] {
            [Some(value), Some(full)] => quantity::of_number(value, Some(full), unit),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| format!("expected {}", quantity::described(unit)))
}

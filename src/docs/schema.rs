//! The JSON schema of a config, for editors.
//!
//! What is used twice is written once, below `$defs`: the options of all segments, a slot, the keys
//! that may also stand in a `[host]` table. A segment adds a line for itself, one for each of its
//! options, and one to the list of what an instance with a name of its own may be.

use rainline_caps::Glyphs;
use rainline_segments::{ALL, Level, Opt, OptionType, Reader};
use serde_json::{Map, Value, json};

use super::about;
use crate::config::alerts::{self, Action};
use crate::config::common::OPTIONS;
use crate::config::{KEYS, SHARE, SLOTS};

/// A JSON schema of the config.
pub fn schema() -> String {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let table = |of: &str| json!({ "type": "object", "additionalProperties": reference(of) });
    let glyphs: Vec<&str> = Glyphs::NAMES.iter().map(|(name, _)| *name).collect();
    let keys = json!({
        "theme": { "type": "string" },
        "glyphs": { "enum": glyphs },
        "reader": { "enum": Reader::NAMES.map(|(name, _)| name) },
        "include": { "anyOf": [{ "type": "string" }, reference("texts")] },
        "line": table("line"),
        "segment": reference("segments"),
        "alert": table("alert"),
        "host": {
            "type": "object",
            "additionalProperties": {
                "$ref": "#/$defs/layer", "type": "object", "unevaluatedProperties": false,
            },
        },
    });
    let key = |key: &crate::config::Key| {
        (key.name.to_owned(), described(keys[key.name].clone(), key.about))
    };
    let keys_of = |top_only| {
        KEYS.iter().filter(|key| key.top_only == top_only).map(key).collect::<Map<_, _>>()
    };
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rainline config",
        "$ref": "#/$defs/layer",
        "type": "object",
        "properties": keys_of(true),
        "unevaluatedProperties": false,
        "$defs": {
            "texts": texts,
            "slot": {
                "anyOf": [reference("texts"), { "type": "array", "items": reference("texts") }],
            },
            "line": line(),
            "options": { "type": "object", "properties": properties(OPTIONS) },
            "segments": segments(),
            "alert": alert(),
            "layer": { "properties": keys_of(false) },
        },
    });
    format!("{}\n", written(&schema, 0))
}

fn line() -> Value {
    let slot =
        |(name, about): &(&str, &str)| ((*name).to_owned(), described(reference("slot"), about));
    let mut keys: Map<_, _> = SLOTS.iter().map(slot).collect();
    let percent = json!({ "type": "integer", "minimum": 1, "maximum": 100 });
    keys.insert(SHARE.into(), json!({ "type": "object", "additionalProperties": percent }));
    json!({ "type": "object", "properties": keys, "additionalProperties": false })
}

/// An instance named like a kind has that kind's options; any other has those of some kind.
fn segments() -> Value {
    let kind = |kind: &&rainline_segments::Kind| {
        let schema = json!({
            "$ref": "#/$defs/options",
            "properties": properties(kind.options),
            "unevaluatedProperties": false,
        });
        (kind.name.to_owned(), described(schema, kind.about))
    };
    let any = ALL.iter().map(|kind| reference(&format!("segments/properties/{}", kind.name)));
    json!({
        "type": "object",
        "properties": ALL.iter().map(kind).collect::<Map<_, _>>(),
        "additionalProperties": { "anyOf": any.collect::<Vec<_>>() },
    })
}

fn alert() -> Value {
    let mut properties = properties(alerts::OPTIONS);
    let mut set = |name: &str, schema: Value| {
        let about = properties[name]["description"].clone();
        properties.insert(name.into(), described(schema, about.as_str().unwrap_or_default()));
    };
    let levels: Vec<&str> = Level::ALL.iter().map(|level| level.name()).collect();
    set("level", json!({ "enum": levels }));
    let named: Vec<&str> = Action::NAMED.iter().map(|(name, _)| *name).collect();
    set("do", json!({ "anyOf": [{ "enum": named }, reference("texts")] }));
    json!({
        "type": "object",
        "properties": properties,
        "required": ["segment", "do"],
        "additionalProperties": false,
    })
}

fn properties(options: &[Opt]) -> Map<String, Value> {
    let schema = |option: &Opt| {
        let schema = match option.accepts {
            OptionType::Bool => json!({ "type": "boolean" }),
            OptionType::Integer => json!({ "type": "integer", "minimum": 0 }),
            OptionType::Number => json!({ "type": "number" }),
            OptionType::TimeSpan => {
                json!({ "type": "string", "pattern": "^([0-9.]+ *(w|d|h|m|min|s|ms) *)+$" })
            }
            OptionType::Text => json!({ "type": "string" }),
            OptionType::List => reference("texts"),
            OptionType::Table => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            OptionType::Choice(words) => json!({ "enum": words }),
        };
        (option.name.to_owned(), described(schema, &about(option)))
    };
    options.iter().map(schema).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = about.into();
    schema
}

/// JSON in as few lines as can be read: what fits in a line is in one, and so is the beginning of
/// an object of which only one member does not.
fn written(value: &Value, indent: usize) -> String {
    const WIDTH: usize = 200;
    let line = value.to_string();
    if indent + line.len() <= WIDTH {
        return line;
    }
    let member = |(key, value): (&String, &Value), indent| {
        format!("{}: {}", Value::from(key.as_str()), written(value, indent))
    };
    let inner = indent + 2;
    let (open, members, close) = match value {
        Value::Array(list) => ('[', list.iter().map(|item| written(item, inner)).collect(), ']'),
        Value::Object(map) => {
            let members: Vec<_> = map.iter().map(|entry| member(entry, inner)).collect();
            let is_short = |text: &&String| !text.contains('\n');
            let short: Vec<&str> = members.iter().filter(is_short).map(String::as_str).collect();
            let begin: String = short.iter().map(|text| format!("{text}, ")).collect();
            let mut long = map.iter().zip(&members).filter(|(_, text)| !is_short(text));
            if let (Some((entry, _)), None) = (long.next(), long.next())
                && indent + begin.len() <= WIDTH
            {
                return format!("{{{begin}{}}}", member(entry, indent));
            }
            ('{', members, '}')
        }
        _ => return line,
    };
    let pad = " ".repeat(inner);
    let members = members.join(&format!(",\n{pad}"));
    format!("{open}\n{pad}{members}\n{}{close}", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_key_and_option_is_there_and_every_reference_leads_somewhere() {
        let text = schema();
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.len() > ALL.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("in this file");
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
        for key in KEYS {
            let at = if key.top_only { "/properties" } else { "/$defs/layer/properties" };
            let schema = schema.pointer(at).and_then(|keys| keys.get(key.name)).expect(key.name);
            assert!(schema.as_object().is_some_and(|schema| schema.len() > 1), "{}", key.name);
        }
        for kind in ALL {
            for option in kind.options {
                let at =
                    format!("/$defs/segments/properties/{}/properties/{}", kind.name, option.name);
                assert!(schema.pointer(&at).is_some(), "{at}");
            }
        }
    }

    #[test]
    fn it_is_short() {
        assert!(schema().len() <= 60_000);
        // A line for each option, and a few more for each kind.
        let options: usize = ALL.iter().map(|kind| kind.options.len()).sum();
        assert!(schema().lines().count() <= 7 * ALL.len() + 2 * options);
    }
}

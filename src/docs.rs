//! Reference, schema, default config and the manual's tables: all written from the tables that the
//! code itself runs on, so that they cannot drift. A test rewrites the generated files, then fails
//! once.

use std::fmt::Write as _;

use rainline_segments::{ALL, Kind, Level, Opt, Reader, Shape, Unit};
use serde_json::{Value, json};

use crate::config::alerts::{self, Action};
use crate::config::common::OPTIONS;
use crate::config::{KEYS, SLOTS};
use crate::format::formatter::TABLE;
use crate::theme::{BUILT_IN, TABLES, Theme};
use crate::{compat, hosts, targets};

/// Where the generated part of the README begins and ends.
pub const README_MARKS: (&str, &str) = ("<!-- reference -->", "<!-- /reference -->");

/// The reference part of the README, in Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    let mut say = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    say("### Segments\n");
    say("| segment | shows | fields | options |");
    say("|---|---|---|---|");
    for kind in ALL {
        let list = |names: Vec<&str>| match names.is_empty() {
            true => "–".to_owned(),
            false => names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" "),
        };
        say(&format!(
            "| `{}` | {} | {} | {} |",
            kind.name,
            kind.about,
            list(kind.fields.iter().map(|field| field.name).collect()),
            list(kind.options.iter().map(|option| option.name).collect()),
        ));
    }
    say("\n`rainline segments NAME` tells the rest. Every segment also has these options:\n");
    say("| option | default | meaning |");
    say("|---|---|---|");
    for option in OPTIONS {
        say(&format!("| `{}` | {} | {} |", option.name, shown_default(option), about(option)));
    }
    say("\n### Formatters\n");
    say("| formatter | writes | arguments |");
    say("|---|---|---|");
    for entry in TABLE {
        let args = entry.args.iter().map(|(name, default, about)| match default.is_empty() {
            true => format!("`{name}`: {about}"),
            false => format!("`{name}` = {default}: {about}"),
        });
        let args: Vec<String> = args.collect();
        say(&format!("| `{}` | {} | {} |", entry.name, entry.about, args.join("; ")));
    }
    say("\n### Config keys\n");
    say("| key | meaning |");
    say("|---|---|");
    for (name, about) in KEYS {
        say(&format!("| `{name}` | {about} |"));
    }
    say("\nSlots of a line:\n");
    say("| slot | meaning |");
    say("|---|---|");
    for (name, about) in SLOTS {
        say(&format!("| `{name}` | {about} |"));
    }
    say("\nKeys of an alert:\n");
    say("| key | meaning |");
    say("|---|---|");
    for (name, about) in alerts::KEYS {
        say(&format!("| `{name}` | {about} |"));
    }
    say("\n### Theme keys\n");
    say("| key | meaning |");
    say("|---|---|");
    for (name, about) in TABLES {
        say(&format!("| `{name}` | {about} |"));
    }
    say("\n### Themes, targets, hosts\n");
    say("| | name | |");
    say("|---|---|---|");
    for (name, _) in BUILT_IN {
        let about = Theme::built_in(name).map(|theme| theme.about).unwrap_or_default();
        say(&format!("| theme | `{name}` | {about} |"));
    }
    for target in targets::ALL {
        say(&format!("| target | `{}` | {} |", target.name, target.about));
    }
    for host in hosts::ALL {
        say(&format!("| host | `{}` | {} |", host.name, host.about));
    }
    out
}

/// Where the generated part of `docs/compat.md` begins and ends.
pub const COMPAT_MARKS: (&str, &str) = ("<!-- drop-ins -->", "<!-- /drop-ins -->");

/// Where each drop-in differs from its peer on purpose, in Markdown.
pub fn drop_ins() -> String {
    let mut out = String::new();
    for peer in compat::ALL {
        let _ = write!(out, "### `{}`\n\n{}.\n\n", peer.name, capital(peer.about));
        out.push_str("| where | the original | Rainline |\n|---|---|---|\n");
        for compat::Deviation { case, peer, ours } in peer.deviations {
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(out, "| {} | {} | {} |", cell(case), cell(peer), cell(ours));
        }
        out.push('\n');
    }
    out.push_str("The names of `tmux-plugins`: ");
    let names = compat::tmux_plugins::names();
    let names: Vec<String> = names.iter().map(|name| format!("`#{{{name}}}`")).collect();
    let _ = writeln!(out, "{}.", names.join(" "));
    out
}

/// A text that begins a sentence.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// A config with every option, its default and its meaning, all commented out.
pub fn default_config() -> String {
    let mut out = String::from(
        "# Rainline's config: ~/.config/rainline/config.toml\n\
         # Every option with its default. Take the `#` away from what you change.\n\n",
    );
    for line in crate::config::DEFAULT.lines().filter(|line| !line.starts_with('#')) {
        let _ = match line.is_empty() {
            true => writeln!(out),
            false => writeln!(out, "# {line}"),
        };
    }
    for kind in ALL {
        let _ = writeln!(out, "\n# {}", kind.about);
        let _ = writeln!(out, "# [segment.{}]", kind.name);
        let _ = writeln!(out, "# format = {}", quoted(kind.format));
        let _ = writeln!(out, "# priority = {}", kind.priority);
        for option in kind.options {
            let _ =
                writeln!(out, "# {} = {}  # {}", option.name, (option.default)(), about(option));
        }
    }
    out
}

/// A JSON schema of the config, for editors.
pub fn schema() -> String {
    let name = json!({ "type": "string" });
    let row = json!({ "type": "array", "items": name });
    let rows = json!({ "anyOf": [row, { "type": "array", "items": row }] });
    let mut keys = serde_json::Map::new();
    for (name, about) in SLOTS {
        let mut slot = rows.clone();
        slot["description"] = json!(about);
        keys.insert((*name).to_owned(), slot);
    }
    let percent = json!({ "type": "integer", "minimum": 1, "maximum": 100 });
    let share = json!({ "type": "object", "additionalProperties": percent });
    keys.insert("share".into(), share);
    let line = json!({ "type": "object", "properties": keys, "additionalProperties": false });
    // An instance may have any name; one named like a kind, or that uses it, has its options.
    let mut instances = Vec::new();
    let mut by_name = serde_json::Map::new();
    for kind in ALL {
        let mut properties = serde_json::Map::new();
        for option in kind.options.iter().chain(OPTIONS) {
            properties.insert(option.name.to_owned(), property(option));
        }
        let instance = json!({
            "title": kind.name,
            "description": kind.about,
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        by_name.insert(kind.name.to_owned(), instance.clone());
        instances.push(instance);
    }
    let about =
        |key: &str| alerts::KEYS.iter().find(|(name, _)| *name == key).map(|(_, about)| about);
    let word = |key: &str| json!({ "type": "string", "description": about(key) });
    let named: Vec<&str> = Action::NAMED.iter().map(|(name, _)| *name).collect();
    let levels: Vec<&str> = Level::ALL.iter().map(|level| level.name()).collect();
    let alert = json!({
        "type": "object",
        "properties": {
            "segment": word("segment"),
            "level": { "enum": levels, "description": about("level") },
            "hold": word("hold"),
            "again": word("again"),
            "do": {
                "anyOf": [{ "enum": named }, { "type": "array", "items": { "type": "string" } }],
                "description": about("do"),
            },
            "back": { "type": "boolean", "description": about("back") },
        },
        "required": ["segment", "do"],
        "additionalProperties": false,
    });
    let body = json!({
        "alert": { "type": "object", "additionalProperties": alert },
        "theme": { "type": "string", "description": key_about("theme") },
        "glyphs": { "enum": ["ascii", "unicode", "nerd"], "description": key_about("glyphs") },
        "reader": { "enum": Reader::ALL.map(Reader::name), "description": key_about("reader") },
        "line": { "type": "object", "additionalProperties": line },
        "segment": {
            "type": "object",
            "properties": by_name,
            "additionalProperties": { "anyOf": instances },
        },
    });
    let mut properties = body.clone();
    properties["include"] = json!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        "description": key_about("include"),
    });
    properties["host"] = json!({
        "type": "object",
        "description": key_about("host"),
        "additionalProperties": { "type": "object", "properties": body },
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rainline config",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    format!("{schema:#}\n")
}

/// One segment in words, for a terminal.
pub fn segment_text(kind: &Kind) -> String {
    let mut out = format!("{}: {}\n\n", kind.name, kind.about);
    let _ = writeln!(out, "format = {}\npriority = {}", quoted(kind.format), kind.priority);
    if !kind.fields.is_empty() {
        out.push_str("\nFields\n");
        for field in kind.fields {
            let unit = match field.unit {
                Unit::History(of) => format!("history of {of}"),
                unit => unit.name().to_owned(),
            };
            let _ = writeln!(out, "  ${:12} {unit:18} {}", field.name, field.about.trim());
        }
    }
    if !kind.options.is_empty() {
        out.push_str("\nOptions\n");
        for option in kind.options {
            let default = (option.default)().to_string();
            let _ = writeln!(out, "  {:13} {default:18} {}", option.name, about(option));
            if let Shape::Choice(_) = option.shape {
                let _ = writeln!(out, "  {:32} {}", "", option.shape.describe());
            }
        }
    }
    out
}

/// What else a theme has beside its palette.
pub fn theme_text(theme: &Theme) -> String {
    let names = |names: Vec<&str>| names.join(" ");
    let mut out = String::new();
    let styles = names(theme.styles.keys().map(String::as_str).collect());
    let gradients = names(theme.gradients.keys().map(String::as_str).collect());
    let _ = writeln!(out, "\n  styles     {styles}\n  gradients  {gradients}");
    out
}

/// The segments as a part of the manual page, in roff.
pub fn man_segments() -> String {
    let mut out = String::from(".SH SEGMENTS\n");
    for kind in ALL {
        let _ = writeln!(out, ".TP\n\\fB{}\\fR\n{}", kind.name, roff(kind.about));
        for option in kind.options {
            let _ = writeln!(out, ".br\n\\fI{}\\fR: {}", roff(option.name), roff(&about(option)));
        }
    }
    out.push_str(".SH FILES\n.TP\n~/.config/rainline/config.toml\nThe config.\n");
    out
}

fn property(option: &Opt) -> Value {
    let mut property = match option.shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer => json!({ "type": "integer", "minimum": 0 }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::List => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Table => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Choice(words) => json!({ "enum": words }),
    };
    property["description"] = json!(about(option));
    property
}

fn key_about(key: &str) -> &'static str {
    KEYS.iter().find(|(name, _)| *name == key).map_or("", |(_, about)| about)
}

/// The meaning as one line: doc comments begin with a blank and may have several lines.
fn about(option: &Opt) -> String {
    option.about.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shown_default(option: &Opt) -> String {
    match (option.default)().to_string().as_str() {
        "\"\"" => "the kind's own".into(),
        shown => format!("`{shown}`"),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn roff(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

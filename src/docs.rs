//! Reference, schema, default config and the tables of the manual page, all generated from the
//! tables that the code runs on. A test compares the generated files and rewrites those that differ.

use std::fmt::Write as _;

use rainline_segments::{ALL, Kind, Opt, OptionType, Unit};

use crate::config::alerts;
use crate::config::common::OPTIONS;
use crate::config::{KEYS, SLOTS};
use crate::{compat, hosts};
use rainline_render::format::formatter::{Entry, TABLE};
use rainline_render::targets;
use rainline_render::theme::{BUILT_IN, TABLES, Theme};

mod schema;

pub use schema::schema;

/// Where the generated part of the README begins and ends.
pub const README_MARKS: (&str, &str) = ("<!-- reference -->", "<!-- /reference -->");

/// The reference part of the README, in Markdown.
pub fn reference() -> String {
    let segment = |kind: &&Kind| {
        let fields = codes(kind.fields.iter().map(|field| field.name));
        let options = codes(kind.options.iter().map(|option| option.name));
        [code(kind.name), kind.about.into(), fields, options]
    };
    let formatter = |entry: &&Entry| {
        let args = entry.args.iter().map(|(name, default, about)| match default.is_empty() {
            true => format!("`{name}`: {about}"),
            false => format!("`{name}` = {default}: {about}"),
        });
        [code(entry.name), entry.about.into(), args.collect::<Vec<_>>().join("; ")]
    };
    let named = |(name, about): &(&str, &str)| [code(name), (*about).to_owned()];
    let option = |option: &Opt| [code(option.name), shown_default(option), about(option)];
    let themes = BUILT_IN.iter().map(|(name, _)| {
        let about = Theme::built_in(name).map(|theme| theme.about).unwrap_or_default();
        ["theme".into(), code(name), about]
    });
    let targets = targets::ALL.iter().map(|target| ("target", target.name, target.about));
    let hosts = hosts::ALL.iter().map(|host| ("host", host.name, host.about));
    let others =
        targets.chain(hosts).map(|(what, name, about)| [what.into(), code(name), about.into()]);
    [
        "### Segments\n\n".to_owned(),
        table(["segment", "shows", "fields", "options"], ALL.iter().map(segment)),
        "\n`rainline segments NAME` has the details. Every segment also has these options:\n\n"
            .into(),
        table(["option", "default", "meaning"], OPTIONS.iter().map(option)),
        "\n### Formatters\n\n".into(),
        table(["formatter", "writes", "arguments"], TABLE.iter().map(formatter)),
        "\n### Config keys\n\n".into(),
        table(["key", "meaning"], KEYS.iter().map(|key| named(&(key.name, key.about)))),
        "\nSlots of a line:\n\n".into(),
        table(["slot", "meaning"], SLOTS.iter().map(named)),
        "\nKeys of an alert:\n\n".into(),
        table(["key", "meaning"], alerts::OPTIONS.iter().map(|o| named(&(o.name, o.about)))),
        "\n### Theme keys\n\n".into(),
        table(["key", "meaning"], TABLES.iter().map(named)),
        "\n### Themes, targets, hosts\n\n".into(),
        table(["", "name", ""], themes.chain(others)),
    ]
    .concat()
}

/// A table in Markdown.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: String = rows.map(|cells| format!("| {} |\n", cells.join(" | "))).collect();
    format!("| {} |\n|{}\n{rows}", head.join(" | "), "---|".repeat(N))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn codes<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(code).collect();
    if names.is_empty() { "–".into() } else { names.join(" ") }
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
         # Every option with its default. Remove the `#` from what you change.\n\n",
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
            let _ = writeln!(out, "  ${:20} {unit:18} {}", field.name, field.about.trim());
        }
    }
    if !kind.options.is_empty() {
        out.push_str("\nOptions\n");
        for option in kind.options {
            let default = (option.default)().to_string();
            let _ = writeln!(out, "  {:17} {default:18} {}", option.name, about(option));
            if let OptionType::Choice(_) = option.accepts {
                let _ = writeln!(out, "  {:36} {}", "", option.accepts.describe());
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

//! The layers of a config, merged: what each key says last, and where.

use std::collections::BTreeMap;
use std::sync::Arc;

use rainline_render::diagnostic::{Diagnostic, Fault, Source};
use toml::de::{DeTable, DeValue};

use super::glob;
use super::problems::Problems;
use super::written::{Entry, Place, Section, Written, plain};
use crate::config::{SHARE, SLOTS};

/// The most lines, the most segments and the most alerts.
const MAX_NAMES: usize = 1000;
/// The most segments that all lines name together.
const MAX_SHOWN: usize = 4000;

/// The most rows of a slot.
const MAX_ROWS: usize = 50;

/// A key of a config file.
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// What it means, for the docs.
    pub about: &'static str,
    /// Whether it stands at the top of a file only, and not in a `[host]` table.
    pub top_only: bool,
    read: fn(&mut Layers, Entry),
}

/// The keys of a config file.
pub const KEYS: &[Key] = &[
    key("theme", "the theme's name", |layers, entry| {
        layers.theme = layers.text(entry).or(layers.theme.take());
    }),
    key(
        "glyphs",
        "`ascii`, `unicode` (the default) or `nerd`; where the terminal cannot show it, less is used",
        |layers, entry| layers.glyphs = layers.text(entry).or(layers.glyphs.take()),
    ),
    key(
        "reader",
        "how the machine is read: `native` (the default on Linux: its own files) or `portable` \
         (what every system offers)",
        |layers, entry| layers.reader = layers.text(entry).or(layers.reader.take()),
    ),
    Key {
        top_only: true,
        ..key(
            "include",
            "a file or a list of files that this one builds on; their paths are relative to it",
            Layers::include,
        )
    },
    key(
        "line",
        "[line.NAME]: the slots of a line, each a list of segments or a list of rows; \
         `share` = { left = 25, right = 65 }: percent of tmux's line that a slot may take",
        |layers, entry| layers.each_table(entry, Layers::line),
    ),
    key(
        "segment",
        "[segment.NAME]: an instance of a kind; `use` names the kind, else NAME does",
        |layers, entry| layers.each_table(entry, Layers::segment),
    ),
    key(
        "alert",
        "[alert.NAME]: what happens when a segment reaches a level; its keys are below",
        |layers, entry| layers.each_table(entry, Layers::alert),
    ),
    Key {
        top_only: true,
        ..key(
            "host",
            "[host.\"GLOB\"]: the same keys again, for machines whose name matches",
            |layers, entry| layers.each_table(entry, Layers::host),
        )
    },
];

const fn key(name: &'static str, about: &'static str, read: fn(&mut Layers, Entry)) -> Key {
    Key { name, about, top_only: false, read }
}

/// A line's slot: rows of names, each with its place.
pub type Rows = Vec<Vec<(String, Place)>>;

/// What the layers say of a line.
#[derive(Default)]
pub struct LineLayer {
    pub slots: BTreeMap<String, Rows>,
    pub shares: BTreeMap<String, u16>,
}

/// What the files say, later ones over earlier ones.
#[derive(Default)]
pub struct Layers {
    machine: String,
    pub theme: Option<Written>,
    pub glyphs: Option<Written>,
    pub reader: Option<Written>,
    pub lines: BTreeMap<String, LineLayer>,
    pub segments: BTreeMap<String, Section>,
    /// With the place of an alert's name, for what it lacks.
    pub alerts: BTreeMap<String, (Place, Section)>,
    pub problems: Problems,
    /// Whether a file is no TOML.
    pub unusable: bool,
    /// Whether what holds all segments, lines, alerts or hosts is no table.
    pub incomplete: bool,
    /// How many segments all lines name together.
    shown: usize,
}

impl Layers {
    /// No layer yet, on a machine of this name.
    pub fn new(machine: &str) -> Layers {
        Layers { machine: machine.to_owned(), ..Layers::default() }
    }

    /// Lays a file over what is there.
    pub fn file(&mut self, source: &Arc<Source>) {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        self.unusable |= !errors.is_empty();
        self.problems.extend(errors.into_iter().map(|error| {
            let fault = Fault::new(error.span().unwrap_or(0..1), error.message());
            Diagnostic { source: source.clone(), fault }
        }));
        self.keys(Entry::all(source, table.get_ref()), true);
    }

    /// The keys of a file, or of a `[host]` table in it.
    fn keys(&mut self, entries: Vec<Entry>, top: bool) {
        let known = || KEYS.iter().filter(|key| top || !key.top_only);
        for entry in entries {
            let name = entry.name();
            match known().find(|key| key.name == name) {
                Some(key) => (key.read)(self, entry),
                None => self.problems.unknown(
                    &entry.key_place(),
                    format!("unknown key `{name}`"),
                    name,
                    known().map(|key| key.name),
                ),
            }
        }
    }

    fn text(&mut self, entry: Entry) -> Option<Written> {
        let written = entry.written();
        self.problems.keep(written.read::<String>().map(|_| written))
    }

    /// The files have been read before; here only the types of their names are checked.
    fn include(&mut self, entry: Entry) {
        let written = entry.written();
        if written.read::<String>().is_err() && written.read::<Vec<String>>().is_err() {
            self.problems.add(entry.place().problem("expected a file or a list of files"));
        }
    }

    /// Hands each entry of a table on, with the entries of the table that it must be itself.
    fn each_table(&mut self, entry: Entry, each: fn(&mut Layers, Entry, Vec<Entry>)) {
        let table = self.problems.keep(entry.table());
        // With this everything of its kind would be lost.
        self.incomplete |= table.is_none();
        for entry in table.unwrap_or_default() {
            if let Some(entries) = self.problems.keep(entry.table()) {
                each(self, entry, entries);
            }
        }
    }

    fn host(&mut self, pattern: Entry, entries: Vec<Entry>) {
        if glob::matches(pattern.name(), &self.machine) {
            self.keys(entries, false);
        }
    }

    /// Whether there is room for a name among those that there are. The limits are far beyond what
    /// a person writes.
    fn has_room<T>(&mut self, known: fn(&Layers) -> &BTreeMap<String, T>, name: Entry) -> bool {
        let known = known(self);
        let has_room = known.len() < MAX_NAMES || known.contains_key(name.name());
        if !has_room {
            let message = format!("more than {MAX_NAMES} of these; this one is left out");
            self.problems.add(name.key_place().problem(message));
        }
        has_room
    }

    fn line(&mut self, line: Entry, entries: Vec<Entry>) {
        if !self.has_room(|layers| &layers.lines, line) {
            return;
        }
        let line = line.name();
        for entry in entries {
            let name = entry.name();
            if name == SHARE {
                self.share(line, entry);
            } else if SLOTS.iter().any(|(slot, _)| *slot == name) {
                let Some(rows) = self.rows(entry) else { continue };
                let line = self.lines.entry(line.to_owned()).or_default();
                line.slots.insert(name.to_owned(), rows);
            } else {
                let known = SLOTS.iter().map(|(slot, _)| *slot).chain([SHARE]);
                let message = format!("unknown slot `{name}`");
                self.problems.unknown(&entry.key_place(), message, name, known);
            }
        }
    }

    /// `{ left = 25 }`: percent of the host's whole line, by slot.
    fn share(&mut self, line: &str, entry: Entry) {
        let Ok(slots) = entry.table() else {
            let message = "expected a percentage for each slot: { left = 25, right = 60 }";
            return self.problems.add(entry.place().problem(message));
        };
        for slot in slots {
            let percent = plain(slot.value()).as_integer().and_then(|n| u16::try_from(n).ok());
            match percent.filter(|percent| (1..=100).contains(percent)) {
                Some(percent) => {
                    let line = self.lines.entry(line.to_owned()).or_default();
                    line.shares.insert(slot.name().to_owned(), percent);
                }
                None => {
                    self.problems.add(slot.place().problem("expected a percentage from 1 to 100"))
                }
            }
        }
    }

    /// `["a", "b"]` is one row, `[["a"], ["b"]]` are two.
    fn rows(&mut self, entry: Entry) -> Option<Rows> {
        let expected = "expected a list of segments, or a list of such lists";
        let Some(list) = entry.value().as_array() else {
            self.problems.add(entry.place().problem(expected));
            return None;
        };
        let mut rows: Rows = Vec::new();
        let mut single = Vec::new();
        for item in list.iter() {
            let (names, row): (Vec<_>, _) = match item.get_ref() {
                DeValue::Array(_) if rows.len() >= MAX_ROWS => {
                    let message = format!("more than {MAX_ROWS} rows; the rest is left out");
                    self.problems.add(entry.place_of(item).problem(message));
                    break;
                }
                DeValue::Array(row) => {
                    rows.push(Vec::new());
                    (row.iter().collect(), rows.last_mut()?)
                }
                _ => (vec![item], &mut single),
            };
            for name in names {
                let place = entry.place_of(name);
                match name.get_ref().as_str() {
                    Some(_) if self.shown >= MAX_SHOWN => {
                        let message =
                            format!("more than {MAX_SHOWN} in all lines; the rest is left out");
                        self.problems.add(place.problem(message));
                        break;
                    }
                    Some(name) => {
                        self.shown += 1;
                        row.push((name.to_owned(), place));
                    }
                    None => self.problems.add(place.problem(expected)),
                }
            }
        }
        if rows.is_empty() {
            rows.push(single);
        } else if !single.is_empty() {
            self.problems.add(entry.place().problem("expected segments or rows, not both"));
        }
        Some(rows)
    }

    fn segment(&mut self, name: Entry, entries: Vec<Entry>) {
        if !self.has_room(|layers| &layers.segments, name) {
            return;
        }
        let segment = self.segments.entry(name.name().to_owned()).or_default();
        segment.extend(entries.iter().map(|entry| (entry.name().to_owned(), entry.written())));
    }

    fn alert(&mut self, name: Entry, entries: Vec<Entry>) {
        if !self.has_room(|layers| &layers.alerts, name) {
            return;
        }
        let empty = || (name.key_place(), Section::new());
        let (_, alert) = self.alerts.entry(name.name().to_owned()).or_insert_with(empty);
        alert.extend(entries.iter().map(|entry| (entry.name().to_owned(), entry.written())));
    }
}

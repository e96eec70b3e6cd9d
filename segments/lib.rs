//! The segments of Rainline: one file a kind, all of one shape.
//!
//! A kind is a `static SEGMENT: Kind` (data: icons, fields, options, default format) and a
//! [`Source`] (code: one reading). To add one, write `segments/NAME.rs` and add its two lines here;
//! docs, schema, default config and tests follow from the table.
//!
//! Invariants:
//! - A segment imports [`base`] only: it knows no theme, no config, no target, no other segment.
//! - A source sees the machine through [`Host`] and the asker through [`Ask`], nothing else: no
//!   environment, no clock, no command of its own.
//! - A source never says a colour; [`Level`] is all it may say about looks.
//! - Text from outside is [`Untrusted`] from the moment it is read.
//! - No reading is worth a panic: missing, empty, frozen and absurd files are ordinary input.

pub mod base {
    //! What all segments share: the contract, values, the machine, history.
    pub mod contract;
    pub mod history;
    pub mod host;
    pub mod quantity;
    pub mod rate;
    pub mod untrusted;
    pub mod value;
    pub mod variant;
}

pub use base::contract::{
    Ask, Error, Field, Heard, Icons, Kind, Opt, OptionError, OptionType, Pace, Pushed, Scope,
    Shape, Source, Unit, Where, expected,
};
pub use base::history::{Cell, Ring};
pub use base::host::{Host, Surroundings, Task};
pub use base::quantity;
pub use base::untrusted::Untrusted;
pub use base::value::{HostId, Level, Live, Marked, Part, Sample, Sign, Value};
pub use base::variant::Variant;

mod battery;
mod character;
mod clock;
mod cpu;
mod custom;
mod directory;
mod duration;
mod env;
mod hostname;
mod jobs;
mod keymap;
mod load;
mod memory;
mod session;
mod status;
mod swap;
mod text;
mod uptime;
mod user;
mod window;

/// Every kind, by name.
pub static ALL: &[&Kind] = &[
    &battery::SEGMENT,
    &character::SEGMENT,
    &clock::SEGMENT,
    &cpu::SEGMENT,
    &custom::SEGMENT,
    &directory::SEGMENT,
    &duration::SEGMENT,
    &env::SEGMENT,
    &hostname::SEGMENT,
    &jobs::SEGMENT,
    &keymap::SEGMENT,
    &load::SEGMENT,
    &memory::SEGMENT,
    &session::SEGMENT,
    &status::SEGMENT,
    &swap::SEGMENT,
    &text::SEGMENT,
    &uptime::SEGMENT,
    &user::SEGMENT,
    &window::SEGMENT,
];

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn hosts() -> Vec<String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hosts");
        let entries = Host::real().list(dir).expect("the fixture machines");
        let names: Vec<_> = entries.iter().map(|e| e.name.to_string_lossy().into_owned()).collect();
        assert!(names.len() >= 7, "{names:?}");
        names
    }

    /// Everything a client could claim, all of it believable.
    fn ask(kind: &Kind) -> Ask {
        let value = |name: &str| match name {
            "TMUX" => "/tmp/tmux-1000/default,300,2",
            "SSH_CONNECTION" => "10.0.0.7 5 10.0.0.1 22",
            _ => "1",
        };
        let env = kind.env.iter().map(|name| (name.to_string(), value(name).into())).collect();
        Ask { client: 1, pid: 310, env, ..Ask::default() }
    }

    #[test]
    fn every_kind_samples_every_machine_and_says_only_what_it_declared() {
        for name in hosts() {
            for kind in ALL {
                let mut source = (kind.open)(&toml::Table::new()).expect("defaults are fine");
                let host = base::host::fixture(&name);
                for ask in [Ask::default(), ask(kind), ask(kind), Ask { pid: 7, ..ask(kind) }] {
                    let Ok(Some(sample)) = source.sample(&host, &ask) else { continue };
                    let mut seen = BTreeSet::new();
                    for (field, value) in &sample.values {
                        let place = format!("{}.{field} on {name}", kind.name);
                        assert!(seen.insert(field), "{place} is set twice");
                        let declared = kind.fields.iter().find(|known| known.name == *field);
                        let unit =
                            declared.unwrap_or_else(|| panic!("{place} is not declared")).unit;
                        check(unit, value, &place);
                    }
                }
            }
        }
    }

    /// The value is of its unit's shape and a number that can be drawn.
    fn check(unit: Unit, value: &Value, place: &str) {
        let fits = match value {
            Value::Text(_) | Value::Live { .. } | Value::Sign(_) | Value::Marked(_) => {
                unit == Unit::Text
            }
            Value::Number { value, .. } => {
                let most = if unit == Unit::Percent { 100.0 } else { f64::MAX };
                unit.is_number() && (0.0..=most).contains(value)
            }
            Value::Duration(_) => unit == Unit::Duration,
            Value::Time(_) => unit == Unit::Time,
            Value::Parts { parts, whole } => {
                // Shares of floating point may be off by a hair.
                let sum: f64 = parts.iter().map(|part| part.value).sum();
                unit == Unit::Parts
                    && parts.iter().all(|part| part.value >= 0.0)
                    && sum <= whole * (1.0 + 1e-9)
            }
        };
        assert!(fits, "{place} is {value:?}");
    }

    #[test]
    fn every_kind_samples_the_machine_we_run_on() {
        for kind in ALL {
            let mut source = (kind.open)(&toml::Table::new()).expect("defaults are fine");
            for _ in 0..2 {
                let sample = source.sample(&Host::real(), &Ask::default());
                assert!(sample.is_ok(), "{}: {sample:?}", kind.name);
            }
        }
    }

    #[test]
    fn the_table_has_every_file_in_order() {
        let files = Host::real().list(env!("CARGO_MANIFEST_DIR")).expect("our own directory");
        let files = files.iter().filter_map(|entry| entry.name.to_str()?.strip_suffix(".rs"));
        let files: Vec<_> = files.filter(|name| *name != "lib").collect();
        let kinds: Vec<_> = ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(files, kinds);
    }

    #[test]
    fn declarations_make_sense() {
        for kind in ALL {
            let name = kind.name;
            let fields: BTreeSet<_> = kind.fields.iter().map(|field| field.name).collect();
            assert_eq!(fields.len(), kind.fields.len(), "{name}: a field is declared twice");
            assert!(kind.env.is_sorted(), "{name}: env is not sorted");
            assert!(kind.priority <= 100, "{name}: priority");
            for field in kind.fields {
                if let Unit::History(of) = field.unit {
                    let of = kind.fields.iter().find(|field| field.name == of);
                    assert!(of.is_some_and(|of| of.unit.is_number()), "{name}.{}", field.name);
                }
            }
            for option in kind.options {
                let plain = |c: char| c.is_ascii_lowercase() || c == '-';
                assert!(option.name.chars().all(plain), "{name}: {}", option.name);
            }
            for word in kind.format.split('$').skip(1) {
                let end = word.find(|c: char| !c.is_ascii_lowercase() && c != '_');
                let word = &word[..end.unwrap_or(word.len())];
                assert!(word == "icon" || fields.contains(word), "{name}: ${word}");
            }
        }
    }
}

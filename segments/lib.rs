//! The segments of Rainline: one file per kind, all with the same structure.
//!
//! A kind is a `static SEGMENT: Kind` (data: icons, fields, options, default format) and a
//! [`Source`] (code: one reading). To add one, write `segments/NAME.rs` and add its two lines here;
//! docs, schema, default config and tests follow from the table.
//!
//! Invariants:
//! - A segment imports [`base`] and [`machine`] only: it knows no theme, no config, no target, no
//!   other segment.
//! - A source sees the machine through [`Machine`] and the asker through [`Ask`], and nothing else:
//!   it uses no environment, no clock and no command of its own.
//! - A source has no colours; [`Level`] is all it may say about looks.
//! - Text from outside is [`Untrusted`] from the moment it is read.
//! - A source does not panic: missing, empty, frozen and absurd files are ordinary input.
//! - Units are fixed by a field's [`Unit`]: a percentage is 0 to 100, a size is in bytes, a clock
//!   in Hz.

pub mod machine;

pub mod base {
    //! What segments share: the contract, values, history, and what several segments derive from the
    //! same readings.
    pub mod battery_total;
    pub mod contract;
    pub(crate) mod cpu_usage;
    pub mod history;
    pub(crate) mod http_cache;
    pub(crate) mod marquee;
    pub(crate) mod memory_breakdown;
    pub mod path_bytes;
    pub mod quantity;
    pub mod rate;
    pub mod reader_comparison;
    pub(crate) mod saved_state;
    pub(crate) mod scale;
    #[cfg(test)]
    pub(crate) mod test_support;
    pub mod time_span;
    pub mod untrusted;
    pub mod value;
    pub mod variant;
}

pub use base::contract::{
    Ask, Emit, Error, Field, Icons, Kind, Opt, OptionError, OptionType, OptionValue, Pace, RunsIn,
    Scope, SetValue, Source, Unit, Variant, expected,
};
pub use base::history::{Cell, Ring};
pub use base::untrusted::Untrusted;
pub use base::value::{Level, Live, Part, Sample, Sign, Styled, Value};
pub use base::{quantity, time_span, variant};
pub use machine::{
    Call, Machine, Reader, Surroundings, adopt_orphans, end_with_parent, family, set_name,
};

mod battery;
mod brightness;
mod character;
mod clock;
mod containers;
mod cores;
mod cpu;
mod custom;
mod directory;
mod disk;
mod disk_io;
mod duration;
mod env;
mod fan;
mod frequency;
mod gpu;
mod hostname;
mod ip;
mod jobs;
mod keymap;
mod load;
mod mail;
mod media;
mod memory;
mod network;
mod os;
mod pressure;
mod processes;
mod public_ip;
mod raid;
mod rainbar;
mod reboot_required;
mod services;
mod session;
mod status;
mod swap;
mod temperature;
mod text;
mod updates;
mod uptime;
mod user;
mod users;
mod volume;
mod vpn;
mod weather;
mod wifi;
mod window;

/// Every kind, by name.
pub static ALL: &[&Kind] = &[
    &battery::SEGMENT,
    &brightness::SEGMENT,
    &character::SEGMENT,
    &clock::SEGMENT,
    &containers::SEGMENT,
    &cores::SEGMENT,
    &cpu::SEGMENT,
    &custom::SEGMENT,
    &directory::SEGMENT,
    &disk::SEGMENT,
    &disk_io::SEGMENT,
    &duration::SEGMENT,
    &env::SEGMENT,
    &fan::SEGMENT,
    &frequency::SEGMENT,
    &gpu::SEGMENT,
    &hostname::SEGMENT,
    &ip::SEGMENT,
    &jobs::SEGMENT,
    &keymap::SEGMENT,
    &load::SEGMENT,
    &mail::SEGMENT,
    &media::SEGMENT,
    &memory::SEGMENT,
    &network::SEGMENT,
    &os::SEGMENT,
    &pressure::SEGMENT,
    &processes::SEGMENT,
    &public_ip::SEGMENT,
    &raid::SEGMENT,
    &rainbar::SEGMENT,
    &reboot_required::SEGMENT,
    &services::SEGMENT,
    &session::SEGMENT,
    &status::SEGMENT,
    &swap::SEGMENT,
    &temperature::SEGMENT,
    &text::SEGMENT,
    &updates::SEGMENT,
    &uptime::SEGMENT,
    &user::SEGMENT,
    &users::SEGMENT,
    &volume::SEGMENT,
    &vpn::SEGMENT,
    &weather::SEGMENT,
    &wifi::SEGMENT,
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

    fn machines() -> Vec<String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let entries = Machine::real().list(dir).expect("the fixture machines");
        let names: Vec<_> = entries.iter().map(|e| e.name.to_string_lossy().into_owned()).collect();
        assert!(names.len() >= 7, "{names:?}");
        names
    }

    /// Everything that a client can claim, all of it plausible.
    fn ask(kind: &Kind) -> Ask {
        let value = |name: &str| match name {
            "TMUX" => "/tmp/tmux-1000/default,300,2",
            "SSH_CONNECTION" => "10.0.0.7 5 10.0.0.1 22",
            _ => "1",
        };
        let env = kind.env.iter().map(|name| (name.to_string(), value(name).into())).collect();
        Ask { client: 1, pid: 310, env, ..Ask::default() }
    }

    fn opened(kind: &Kind) -> Box<dyn Source> {
        (kind.open)(&toml::Table::new()).expect("defaults are fine")
    }

    #[test]
    fn every_kind_samples_every_machine_as_declared() {
        for name in machines() {
            for kind in ALL {
                let mut source = opened(kind);
                let machine = machine::fixture(&name);
                for ask in [Ask::default(), ask(kind), ask(kind), Ask { pid: 7, ..ask(kind) }] {
                    let Ok(Some(sample)) = source.sample(&machine, &ask) else { continue };
                    check(kind, &sample).unwrap_or_else(|why| panic!("on {name}: {why}"));
                }
            }
        }
    }

    /// The daemon has one thread: what may block is for workers. A kind that opens another file than
    /// those is one.
    #[test]
    fn kinds_in_the_daemon_open_what_never_blocks() {
        let mut opened_any = 0;
        for name in machines() {
            for kind in ALL.iter().filter(|kind| kind.runs_in == RunsIn::Daemon) {
                let mut source = opened(kind);
                let machine = machine::fixture(&name);
                for ask in [Ask::default(), ask(kind), ask(kind)] {
                    let _ = source.sample(&machine, &ask);
                }
                for path in machine.touched() {
                    let (kind, path) = (kind.name, path.as_path());
                    assert!(machine::quick::is_quick(path), "{kind} opens {}", path.display());
                    opened_any += 1;
                }
            }
        }
        assert!(opened_any > 100, "{opened_any}");
    }

    /// Whatever files contain: no panic, and no value that cannot be drawn.
    #[test]
    fn mangled_files_are_ordinary_input() {
        type Mangle = fn(&[u8]) -> Vec<u8>;
        let manglings: [Mangle; 7] = [
            |_| Vec::new(),
            |text| text[..text.len() / 2].to_vec(),
            |_| b"\0\xff\x1b]0;x\x07\n".to_vec(),
            |_| b"-1\n".to_vec(),
            |_| b"99999999999999999999999\n".to_vec(),
            |text| text.iter().map(|b| if b.is_ascii_digit() { b'9' } else { *b }).collect(),
            |text| text.iter().map(|b| if b.is_ascii_digit() { b'0' } else { *b }).collect(),
        ];
        for name in ["laptop", "server", "container", "two-batteries"] {
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
            for mangle in manglings {
                let dir = tempfile::tempdir().expect("temporary directory");
                copy(&whole, dir.path(), mangle);
                let machine = Machine::rooted(dir.path());
                for kind in ALL {
                    let mut source = opened(kind);
                    for _ in 0..3 {
                        let Ok(Some(sample)) = source.sample(&machine, &ask(kind)) else {
                            continue;
                        };
                        check(kind, &sample)
                            .unwrap_or_else(|why| panic!("on a mangled {name}: {why}"));
                    }
                    if let Some(saved) = source.save() {
                        source.restore(&saved);
                    }
                }
            }
        }
    }

    /// Copies a directory, each file's text changed.
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn copy(from: &Path, to: &Path, mangle: fn(&[u8]) -> Vec<u8>) {
        std::fs::create_dir_all(to).expect("a directory");
        for entry in std::fs::read_dir(from).expect("a fixture").flatten() {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to, mangle);
            } else {
                let text = std::fs::read(entry.path()).expect("readable");
                std::fs::write(to, mangle(&text)).expect("written");
            }
        }
    }

    /// Each value has a declared field, once, and is a drawable value in the field's unit.
    fn check(kind: &Kind, sample: &Sample) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for (name, value) in &sample.values {
            let place = format!("{}.{name} is {value:?}", kind.name);
            let Some(field) = kind.fields.iter().find(|field| field.name == *name) else {
                return Err(format!("{place}, but not a declared field"));
            };
            if !seen.insert(name) {
                return Err(format!("{place}, the second value of that field"));
            }
            if !fits(field.unit, value) {
                return Err(format!("{place}, which is not a {}", field.unit.name()));
            }
        }
        Ok(())
    }

    fn fits(unit: Unit, value: &Value) -> bool {
        match value {
            Value::Text(_) | Value::Live { .. } | Value::Sign(_) | Value::Styled(_) => {
                unit == Unit::Text
            }
            Value::Number { value, .. } => {
                let range = match unit {
                    Unit::Percent => 0.0..=100.0,
                    // Absolute zero, in degrees Fahrenheit.
                    Unit::Celsius => -459.67..=f64::MAX,
                    _ => 0.0..=f64::MAX,
                };
                unit.is_number() && range.contains(value)
            }
            Value::Duration(_) => unit == Unit::Duration,
            Value::Time(_) => unit == Unit::Time,
            Value::Parts { parts, whole } => {
                // Floating-point shares may exceed the whole by a rounding error.
                let sum: f64 = parts.iter().map(|part| part.value).sum();
                unit == Unit::Parts
                    && parts.iter().all(|part| part.value >= 0.0)
                    && sum <= whole * (1.0 + 1e-9)
            }
        }
    }

    /// Files that the kinds read; any bytes may be in them.
    const READ: &[&str] = &[
        "proc/net/dev",
        "proc/net/route",
        "proc/net/ipv6_route",
        "proc/net/fib_trie",
        "proc/net/if_inet6",
        "proc/net/wireless",
        "proc/diskstats",
        "proc/mdstat",
        "proc/self/mountinfo",
        "proc/spl/kstat/zfs/pool/state",
        "run/utmp",
        "run/systemd/system/unit",
        "run/reboot-required.pkgs",
        "sys/class/net/eth0/tun_flags",
        "sys/class/net/eth0/flags",
        "var/lib/dpkg/status",
        "var/lib/update-notifier/updates-available",
        "etc/os-release",
        "commands/systemctl",
        "commands/apt",
        "space",
        "times",
        "wireless",
    ];

    /// Parts of these files, to be joined in any order.
    const PIECES: &[&str] = &[
        "eth0",
        ": ",
        "\n",
        "\t",
        " ",
        "0",
        "7",
        "99999999999999999999",
        "-1",
        "/",
        "00000000",
        "0003",
        "ffffffff",
        "|-- ",
        "10.0.0.7",
        "/32 host LOCAL",
        "md0 : ",
        "[2/1]",
        " [=>.] ",
        "recovery = 1.5%",
        " finish=",
        "min",
        "=",
        "\"",
        "\\",
        "'",
        "ID",
        "NAME",
        " - ",
        "8:1",
        "ext4",
        "\u{7}",
        "\0",
        "\u{202e}",
        "nan",
        "1e999",
        " failed failed ",
        "[upgradable from",
        "security",
    ];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

        #[test]
        fn no_text_breaks_a_source(
            pieces in proptest::collection::vec(0..PIECES.len(), 0..60),
            readings in 1..4,
        ) {
            let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
            let files: Vec<_> = READ.iter().map(|path| (*path, &*text)).collect();
            let (_dir, machine) = machine::tests::machine_with(&files);
            for kind in ALL {
                let mut source = opened(kind);
                source.restore(&text);
                for _ in 0..readings {
                    if let Ok(Some(sample)) = source.sample(&machine, &ask(kind)) {
                        // A returned failure is printed once; a panic for each case while shrinking.
                        check(kind, &sample).map_err(proptest::test_runner::TestCaseError::fail)?;
                    }
                }
                source.save();
            }
        }
    }

    /// Except those that ask a service on the web.
    #[test]
    fn every_kind_samples_the_machine_we_run_on() {
        let local = |kind: &&&Kind| kind.options.iter().all(|option| option.name != "url");
        for kind in ALL.iter().filter(local) {
            let mut source = opened(kind);
            for _ in 0..2 {
                match source.sample(&Machine::real(), &Ask::default()) {
                    Ok(sample) => check(kind, &sample.unwrap_or_default()).expect("a sample"),
                    Err(why) => panic!("{}: {why}", kind.name),
                }
            }
        }
    }

    /// All that a declaration promises by itself. That formats parse is tested where they are parsed.
    #[test]
    fn declarations_are_consistent() {
        let is = |name: &str, mark: char| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == mark)
        };
        for kind in ALL {
            let name = kind.name;
            assert!(kind.about.ends_with('.'), "{name}: about is not a sentence");
            assert!(kind.env.is_sorted(), "{name}: env is not sorted");
            assert!(kind.priority <= 100, "{name}: the priority is above 100");
            assert!((kind.open)(&toml::Table::new()).is_ok(), "{name}: the defaults are refused");
            let mut fields = BTreeSet::new();
            for field in kind.fields {
                let place = format!("{name}.{}", field.name);
                assert!(fields.insert(field.name), "{place}: declared twice");
                assert!(is(field.name, '_'), "{place}: not in snake_case");
                assert!(!field.about.is_empty(), "{place}: no description");
                if let Unit::History(number) = field.unit {
                    let of = kind.fields.iter().find(|field| field.name == number);
                    assert!(of.is_some_and(|of| of.unit.is_number()), "{place}: not of a number");
                    let named = ["history".to_owned(), format!("{number}_history")];
                    assert!(named.iter().any(|name| name == field.name), "{place}: not {named:?}");
                }
            }
            for option in kind.options {
                let place = format!("{name}: option {}", option.name);
                assert!(is(option.name, '-'), "{place}: not in kebab-case");
                assert!(!option.about.trim().is_empty(), "{place}: no description");
            }
        }
    }
}

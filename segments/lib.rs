//! The segments of Rainline: one file a kind, all of one shape.
//!
//! A kind is a `static SEGMENT: Kind` (data: icons, fields, options, default format) and a
//! [`Source`] (code: one reading). To add one, write `segments/NAME.rs` and add its two lines here;
//! docs, schema, default config and tests follow from the table.
//!
//! Invariants:
//! - A segment imports [`base`] and [`machine`] only: it knows no theme, no config, no target, no other
//!   segment. `machine` knows nothing of `base`.
//! - A source sees the machine through [`Machine`] and the asker through [`Ask`], nothing else: no
//!   environment, no clock, no command of its own.
//! - A source never says a colour; [`Level`] is all it may say about looks.
//! - Text from outside is [`Untrusted`] from the moment it is read.
//! - No reading is worth a panic: missing, empty, frozen and absurd files are ordinary input.

pub mod machine;

pub mod base {
    //! What segments share: the contract, values, history, and readings that more than one segment
    //! makes something of.
    pub mod agreement;
    pub mod battery_total;
    pub mod contract;
    pub mod cpu_usage;
    pub mod history;
    pub mod http_cache;
    pub mod marquee;
    pub mod memory_breakdown;
    pub mod quantity;
    pub mod rate;
    pub mod saved_state;
    #[cfg(test)]
    pub(crate) mod test_support;
    pub mod untrusted;
    pub mod value;
    pub mod variant;
}

pub use base::contract::{
    Ask, Error, Field, Heard, Icons, Kind, Opt, OptionError, OptionType, Pace, Pushed, Scope,
    Shape, Source, Unit, Where, expected,
};
pub use base::history::{Cell, Ring};
pub use base::quantity;
pub use base::untrusted::Untrusted;
pub use base::value::{Level, Live, Marked, Part, Sample, Sign, Value};
pub use base::variant::Variant;
pub use machine::{Call, Machine, Machine as Host, Reader, Surroundings};

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

    fn hosts() -> Vec<String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hosts");
        let entries = Machine::real().list(dir).expect("the fixture machines");
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
                let machine = machine::fixture(&name);
                for ask in [Ask::default(), ask(kind), ask(kind), Ask { pid: 7, ..ask(kind) }] {
                    let Ok(Some(sample)) = source.sample(&machine, &ask) else { continue };
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

    /// Whatever a file says instead of what it should: no panic, and nothing that cannot be drawn.
    #[test]
    fn no_kind_minds_what_files_say() {
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
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hosts").join(name);
            for mangle in manglings {
                let dir = tempfile::tempdir().expect("temporary directory");
                copy(&whole, dir.path(), mangle);
                let machine = Machine::rooted(dir.path());
                for kind in ALL {
                    let mut source = (kind.open)(&toml::Table::new()).expect("defaults are fine");
                    for _ in 0..3 {
                        let Ok(Some(sample)) = source.sample(&machine, &ask(kind)) else {
                            continue;
                        };
                        for (field, value) in &sample.values {
                            let place = format!("{}.{field} on a mangled {name}", kind.name);
                            let known = kind.fields.iter().find(|known| known.name == *field);
                            check(known.expect("declared").unit, value, &place);
                        }
                    }
                    if let Some(memo) = source.memo() {
                        source.recall(&memo);
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

    /// The value is of its unit's shape and a number that can be drawn.
    fn check(unit: Unit, value: &Value, place: &str) {
        let fits = match value {
            Value::Text(_) | Value::Live { .. } | Value::Sign(_) | Value::Marked(_) => {
                unit == Unit::Text
            }
            Value::Number { value, .. } => {
                let range = match unit {
                    Unit::Percent => 0.0..=100.0,
                    // Absolute zero, in the lower of the two scales.
                    Unit::Celsius => -459.67..=f64::MAX,
                    _ => 0.0..=f64::MAX,
                };
                unit.is_number() && range.contains(value)
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

    /// What the host's own kinds read, as any bytes at all.
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

    /// Bits of the files above, to be put together wrongly.
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
                let mut source = (kind.open)(&toml::Table::new()).expect("defaults are fine");
                source.recall(&text);
                for _ in 0..readings {
                    let sampled = source.sample(&machine, &ask(kind));
                    for (field, value) in sampled.ok().flatten().unwrap_or_default().values {
                        let unit = kind.fields.iter().find(|known| known.name == field);
                        check(unit.expect("declared").unit, &value, field);
                    }
                }
                source.memo();
            }
        }
    }

    /// But for those that would ask a service on the web, which only a user's line may.
    #[test]
    fn every_kind_samples_the_machine_we_run_on() {
        let local = |kind: &&&Kind| kind.options.iter().all(|option| option.name != "url");
        for kind in ALL.iter().filter(local) {
            let mut source = (kind.open)(&toml::Table::new()).expect("defaults are fine");
            for _ in 0..2 {
                let sample = source.sample(&Machine::real(), &Ask::default());
                assert!(sample.is_ok(), "{}: {sample:?}", kind.name);
            }
        }
    }

    #[test]
    fn the_table_has_every_file_in_order() {
        let files = Machine::real().list(env!("CARGO_MANIFEST_DIR")).expect("our own directory");
        let files = files.iter().filter_map(|entry| entry.name.to_str()?.strip_suffix(".rs"));
        let files = files.filter(|name| *name != "lib").map(|name| name.replace('_', "-"));
        let mut files: Vec<_> = files.collect();
        files.sort_unstable();
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
                let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let word = &word[..end.unwrap_or(word.len())];
                assert!(word == "icon" || fields.contains(word), "{name}: ${word}");
            }
        }
    }
}

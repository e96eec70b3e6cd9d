//! `docs/trust.md` and `SECURITY.md` say what is so: every target, host and source has its row, every
//! test that they name exists, and the dependencies are the ones that were looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rainline_render::targets;
use rainline_segments::{ALL, Unit};

use crate::support::root;

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).expect("readable")
}

/// The part under a heading, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).expect(heading);
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The cells of the rows of the tables in a text, without heads and rules.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names in a column of a section's table; each row has a test in its last column.
fn listed<'a>(text: &'a str, heading: &str, column: usize) -> BTreeSet<&'a str> {
    let rows = rows(section(text, heading));
    for row in &rows[1..] {
        let test = row.last().copied().unwrap_or_default();
        assert!(quoted(test).next().is_some(), "{row:?} names no test");
    }
    rows.iter().flat_map(|row| quoted(row[column])).collect()
}

#[test]
fn every_source_target_and_host_has_a_row_in_trust_md() {
    let text = document("docs/trust.md");
    let segments = listed(&text, "From outside to `Untrusted`", 1);
    for kind in ALL {
        let says = kind.fields.iter().any(|field| matches!(field.unit, Unit::Text));
        let name = kind.name.replace('-', "_");
        assert!(
            !says || segments.contains(&*name),
            "docs/trust.md: `{name}` has texts: say where they come from"
        );
    }
    let targets = listed(&text, "From `Untrusted` to the host", 0);
    for target in targets::ALL {
        assert!(targets.contains(target.name), "docs/trust.md: no row for target {}", target.name);
    }
    let hosts = listed(&text, "From `Untrusted` to the host", 1);
    for host in rainline::hosts::ALL {
        assert!(hosts.contains(host.name), "docs/trust.md: no row for host {}", host.name);
    }
    // And nothing that is no longer there.
    let known = |name: &&str| ALL.iter().any(|kind| kind.name.replace('-', "_") == **name);
    assert_eq!(segments.iter().find(|name| !known(name)), None);
    assert_eq!(targets.iter().find(|name| targets::find(name).is_none()), None);
    assert_eq!(hosts.iter().find(|name| rainline::hosts::find(name).is_none()), None);
}

/// All Rust text of the project.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(&path).expect("readable"));
        }
    }
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let mut all = String::new();
    for folder in ["caps", "client", "render", "segments", "src", "tests"] {
        sources(&root().join(folder), &mut all);
    }
    let parts = document("tests/run");
    let mut checked = 0;
    for name in ["docs/trust.md", "SECURITY.md"] {
        let text = document(name);
        for word in quoted(&text) {
            if let Some(part) = word.strip_prefix("tests/run ") {
                assert!(parts.contains(&format!("part_{part}()")), "{name}: there is no {word}");
            }
            // Names of tests are sentences.
            let is_name =
                word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if is_name && word.matches('_').count() > 2 {
                assert!(all.contains(&format!("fn {word}(")), "{name}: there is no test {word}");
                checked += 1;
            }
        }
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let link = rest.split(')').next().unwrap_or_default();
            let folder = root().join(name);
            let target = folder.parent().expect("a folder").join(link);
            assert!(link.starts_with("http") || target.exists(), "{name}: {link} leads nowhere");
        }
    }
    assert!(checked > 50, "{checked} tests are named");
}

/// The crates of others of which the released program is made, macros among them. A new one is
/// one more author whom every user of this program trusts: is it worth that?
const CRATES: &[&str] = &[
    "anstream",
    "anstyle",
    "anstyle-parse",
    "anstyle-query",
    "bitflags",
    "cfg-if",
    "chrono",
    "clap",
    "clap_builder",
    "clap_complete",
    "clap_derive",
    "clap_lex",
    "clap_mangen",
    "cobs",
    "colorchoice",
    "crc32fast",
    "dlmalloc",
    "heck",
    "iana-time-zone",
    "is_terminal_polyfill",
    "itoa",
    "lazycell",
    "lexopt",
    "libc",
    "linux-raw-sys",
    "memchr",
    "num-traits",
    "postcard",
    "proc-macro2",
    "quote",
    "roff",
    "rustix",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "serde_spanned",
    "starship-battery",
    "strsim",
    "syn",
    "sysinfo",
    "terminal_size",
    "thiserror",
    "thiserror-impl",
    "toml",
    "toml_datetime",
    "toml_parser",
    "toml_writer",
    "typenum",
    "tz-rs",
    "unicode-ident",
    "unicode-segmentation",
    "unicode-width",
    "uom",
    "utf8parse",
    "winnow",
    "zmij",
];

#[test]
fn the_released_program_is_made_of_known_crates() {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut command = Command::new(cargo);
    command.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    command.args(["--target", "x86_64-unknown-linux-musl", "--package", "rainline"]);
    let output = command.current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let found: BTreeSet<&str> =
        names.filter(|name| !name.is_empty() && !name.starts_with("rainline")).collect();
    let known: BTreeSet<&str> = CRATES.iter().copied().collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:?}; gone: {gone:?}");
    for name in ["docs/trust.md", "SECURITY.md"] {
        let says = format!("made of {} crates of others", CRATES.len());
        assert!(document(name).contains(&says), "{name} does not say: {says}");
    }
}

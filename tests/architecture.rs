//! Which module may import which, checked by reading the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Every Rust file below `folder`, with its path from the root of the project.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("below the root").display().to_string();
        (name, fs::read_to_string(&path).expect("readable"))
    };
    found.into_iter().map(named).collect()
}

/// Every Rust file of all crates.
fn crates() -> Vec<(String, String)> {
    ["caps", "segments", "render", "client", "src"].iter().flat_map(|dir| sources(dir)).collect()
}

/// The code of a file without its unit tests and comments.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines = body.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that a file names, by their first part.
fn names(text: &str) -> Vec<String> {
    named_after(&["crate::", "rainline::"], text)
}

/// What a file names after one of these prefixes, by its first part.
fn named_after(prefixes: &[&str], text: &str) -> Vec<String> {
    let code = code(text);
    let mut found = Vec::new();
    for prefix in prefixes {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or_default();
                found.extend(group.split(',').map(first_part));
            } else {
                found.push(first_part(rest));
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn first_part(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Layers of `src/`: what each may name of this crate. What stands in another crate the compiler
/// keeps apart. Every file is in one of them.
const MAY: &[(&str, &[&str])] = &[
    ("src/lib.rs", &[]),
    ("src/main.rs", &["cli", "compat", "local"]),
    ("src/sys.rs", &[]),
    ("src/paths.rs", &[]),
    ("src/quote.rs", &[]),
    ("src/error.rs", &[]),
    ("src/files.rs", &[]),
    ("src/config", &["config", "files"]),
    ("src/line", &["config", "line", "sample_data"]),
    ("src/sample_data.rs", &["config", "line"]),
    ("src/hosts", &["hosts", "quote"]),
    ("src/imports", &["config", "files", "imports"]),
    ("src/readings", &["config", "line", "readings"]),
    ("src/worker", &["config", "files", "line", "readings", "sys", "worker"]),
    ("src/daemon", &["config", "daemon", "line", "readings", "sys", "worker"]),
    ("src/local", &["config", "line", "readings", "worker"]),
    ("src/compat", &["compat", "files", "paths", "quote"]),
    ("src/docs", &["cli", "compat", "config", "docs", "hosts", "line"]),
    (
        "src/cli",
        &[
            "cli",
            "compat",
            "config",
            "daemon",
            "docs",
            "error",
            "hosts",
            "imports",
            "line",
            "local",
            "paths",
            "quote",
            "sample_data",
            "worker",
        ],
    ),
];

#[test]
fn dependencies_point_one_way() {
    let mut broken = Vec::new();
    for (file, text) in sources("src") {
        if file.ends_with("tests.rs") {
            continue;
        }
        let Some((_, may)) = MAY.iter().find(|(layer, _)| {
            file == *layer
                || file == format!("{layer}.rs")
                || file.starts_with(&format!("{layer}/"))
        }) else {
            broken.push(format!("{file} is in no layer: give it a line in MAY"));
            continue;
        };
        for name in names(&text) {
            if !may.contains(&name.as_str()) {
                broken.push(format!("{file} names {name}"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

/// The owners of the daemon's state; what goes from one to another is the engine's business.
const OWNERS: [&str; 6] = ["alerts", "configs", "lines", "persistence", "pool", "sampler"];

#[test]
fn owners_of_the_daemons_state_do_not_name_one_another() {
    let mut broken = Vec::new();
    for (file, text) in sources("src/daemon") {
        let path = file.trim_start_matches("src/daemon/").trim_end_matches(".rs");
        let owner = path.split('/').next().unwrap_or_default();
        // What the sampler shows of itself is its cache, to be read only.
        let is_other =
            |name: &String| OWNERS.contains(&name.as_str()) && name != owner && name != "sampler";
        if OWNERS.contains(&owner) {
            let named = named_after(&["super::", "crate::daemon::"], &text);
            broken
                .extend(named.iter().filter(|n| is_other(n)).map(|n| format!("{file} names {n}")));
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn segments_import_their_base_only() {
    for (file, text) in sources("segments") {
        let inner = ["segments/base/", "segments/machine", "segments/lib.rs"];
        if file.starts_with("segments/machine/") {
            // A port is a matter of few files.
            let is_os =
                file == "segments/machine/native/os.rs" || !code(&text).contains("target_os");
            assert!(
                is_os || file.ends_with("/mod.rs"),
                "{file} depends on the system: native/os.rs"
            );
            assert!(
                names(&text).iter().all(|name| name == "machine"),
                "{file} knows more than machine/"
            );
        }
        if inner.iter().any(|start| file.starts_with(start)) {
            continue;
        }
        for name in names(&text) {
            let fine =
                matches!(name.as_str(), "base" | "machine" | "choice" | "options" | "option_key");
            assert!(fine, "{file} names {name}");
        }
        for outside in
            ["std::env", "std::process", "std::fs", "std::net", "SystemTime", "Instant::"]
        {
            assert!(!code(&text).contains(outside), "{file} uses {outside}: ask the Machine");
        }
    }
}

#[test]
fn the_map_names_every_module() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("readable");
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let map: String = text.lines().filter(|line| line.starts_with("//!")).collect();
    let named = |module: &str| map.contains(&format!("[`{module}`]"));
    assert_eq!(modules.filter(|module| !named(module)).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn only_the_command_line_prints() {
    for (file, text) in crates() {
        if file.ends_with("tests.rs") {
            continue;
        }
        for print in ["println!", "eprintln!", "print!(", "eprint!(", "dbg!"] {
            assert!(!code(&text).contains(print), "{file} uses {print}; a closed pipe would panic");
        }
    }
}

#[test]
fn every_module_has_a_doc() {
    for (file, text) in crates() {
        if !file.ends_with("tests.rs") {
            assert!(text.starts_with("//!"), "{file} does not begin with a doc comment");
        }
    }
}

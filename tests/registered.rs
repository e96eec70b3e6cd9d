//! Every file of a folder that has a list of its files is in that list. The compiler does not notice
//! a file that no `mod` line names.

use std::fs;
use std::path::Path;

use crate::support::root;

/// A folder, the file that lists what is in it, what the list has for each file, and the files in
/// the folder that are something else.
struct List {
    folder: &'static str,
    list: &'static str,
    entry: &'static str,
    other: &'static [&'static str],
}

const LISTS: &[List] = &[
    List { folder: "segments", list: "segments/lib.rs", entry: "&NAME::SEGMENT", other: &["lib"] },
    List {
        folder: "render/targets",
        list: "render/targets.rs",
        entry: "&NAME::TARGET",
        other: &[],
    },
    List {
        folder: "render/format/formatter",
        list: "render/format/formatter.rs",
        entry: "&NAME::ENTRY",
        other: &["tests"],
    },
    List { folder: "src/hosts", list: "src/hosts.rs", entry: "&NAME::HOST", other: &[] },
    List { folder: "src/imports", list: "src/imports.rs", entry: "&NAME::IMPORT", other: &[] },
    List { folder: "src/compat", list: "src/compat.rs", entry: "&NAME::PEER", other: &[] },
    List {
        folder: "src/cli",
        list: "src/cli.rs",
        entry: "subcommand(\"NAME\", NAME::run)",
        // What runs without a command.
        other: &["live"],
    },
];

/// What the list lacks of a file; `None`: nothing.
fn missing(list: &List, name: &str, text: &str) -> Option<String> {
    // A keyword is no module's name.
    let module = if name == "try" { "r#try" } else { name };
    let entry = list.entry.replace("NAME::", &format!("{module}::")).replace("NAME", name);
    let there =
        |part: &str| text.lines().any(|line| line.trim().trim_start_matches("pub ") == part);
    let parts = [(format!("mod {module};"), there(&format!("mod {module};")))]
        .into_iter()
        .chain([(entry.clone(), text.contains(&entry))]);
    let missing: Vec<String> =
        parts.filter(|(_, there)| !there).map(|(part, _)| format!("`{part}`")).collect();
    let file = format!("{}/{name}.rs", list.folder);
    (!missing.is_empty()).then(|| format!("{file}: add {} to {}", missing.join(" and "), list.list))
}

#[test]
fn every_file_is_in_its_list() {
    let mut sentences = Vec::new();
    for list in LISTS {
        let text = fs::read_to_string(root().join(list.list)).expect("readable");
        let mut seen = 0;
        for entry in fs::read_dir(root().join(list.folder)).expect("a folder").flatten() {
            let file = entry.file_name().into_string().expect("UTF-8");
            let Some(name) = file.strip_suffix(".rs") else { continue };
            if !list.other.contains(&name) {
                sentences.extend(missing(list, name, &text));
                seen += 1;
            }
        }
        assert!(seen > 0, "{} is empty", list.folder);
    }
    sentences.sort();
    assert!(sentences.is_empty(), "{}", sentences.join("\n"));
}

#[test]
fn every_theme_is_built_in() {
    let text = fs::read_to_string(root().join("render/theme.rs")).expect("readable");
    for entry in fs::read_dir(root().join("themes")).expect("a folder").flatten() {
        let file = entry.file_name().into_string().expect("UTF-8");
        let line = format!("built_in!({:?})", file.trim_end_matches(".toml"));
        assert!(
            text.contains(&line),
            "themes/{file}: add `{line},` to BUILT_IN in render/theme.rs"
        );
    }
}

#[test]
fn a_forgotten_file_is_named_with_what_it_needs() {
    let list = LISTS.iter().find(|list| list.folder == "src/cli").expect("a list");
    assert_eq!(
        missing(list, "ping", "mod print;").as_deref(),
        Some(
            "src/cli/ping.rs: add `mod ping;` and `subcommand(\"ping\", ping::run)` to src/cli.rs"
        )
    );
    assert_eq!(
        missing(list, "try", "mod r#try;\n").as_deref(),
        Some("src/cli/try.rs: add `subcommand(\"try\", r#try::run)` to src/cli.rs")
    );
    assert_eq!(missing(list, "man", "pub mod man;\nsubcommand(\"man\", man::run),"), None);
}

#[test]
fn lists_are_sorted_by_name() {
    assert!(rainline_segments::ALL.iter().map(|kind| kind.name).is_sorted());
    assert!(rainline_render::targets::ALL.iter().map(|target| target.name).is_sorted());
    assert!(rainline::hosts::ALL.iter().map(|host| host.name).is_sorted());
    assert!(rainline::imports::ALL.iter().map(|import| import.name).is_sorted());
    assert!(rainline::compat::ALL.iter().map(|peer| peer.name).is_sorted());
}

/// The files that crates begin with, and the tests.
const ROOTS: [&str; 6] = [
    "caps/lib.rs",
    "segments/lib.rs",
    "render/lib.rs",
    "client/lib.rs",
    "src/lib.rs",
    "tests/main.rs",
];

/// A file without its `mod` line is not compiled, and the compiler does not notice.
#[test]
fn every_file_is_a_module() {
    fn visit(folder: &Path, parent: &Path, forgotten: &mut Vec<String>) {
        let declared = fs::read_to_string(parent).expect("a module");
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let own = folder.join(format!("{name}.rs"));
            if path.is_dir() {
                let inner = if own.exists() { own } else { path.join("mod.rs") };
                if inner.exists() {
                    visit(&path, &inner, forgotten);
                } else if declared.contains(&format!("mod {name} {{")) {
                    visit(&path, parent, forgotten);
                }
            } else if path == own
                && !["lib", "main", "mod"].contains(&&*name)
                && !["mod ", "mod r#"]
                    .iter()
                    .any(|word| declared.contains(&format!("{word}{name};")))
            {
                let [path, parent] = [&*path, parent]
                    .map(|path| path.strip_prefix(root()).expect("ours").display().to_string());
                forgotten.push(format!("{path}: add \"mod {name};\" to {parent}"));
            }
        }
    }
    let mut forgotten = Vec::new();
    for name in ROOTS {
        let file = root().join(name);
        visit(file.parent().expect("a folder"), &file, &mut forgotten);
    }
    assert!(forgotten.is_empty(), "{}", forgotten.join("\n"));
}

//! Every file is compiled, and is in the list of what it is. A forgotten one is named with the lines
//! that it needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::format::formatter::TABLE;
use crate::targets;
use crate::theme::BUILT_IN;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files with this extension directly in a folder of this crate, without it.
fn files(folder: &str, extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder").flatten();
    let paths = entries.map(|entry| entry.path());
    let named = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    named.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

/// What is wrong with a list of the files of a folder; `lines` is what a file needs.
fn forgotten(
    folder: &str,
    extension: &str,
    listed: &[&str],
    lines: fn(&str) -> String,
) -> Vec<String> {
    let mut there = files(folder, extension);
    // Tests of all, beside them.
    there.remove("tests");
    let listed: BTreeSet<String> = listed.iter().map(|name| (*name).to_owned()).collect();
    let forgotten = there.difference(&listed);
    let forgotten =
        forgotten.map(|name| format!("render/{folder}/{name}.{extension}: {}", lines(name)));
    let missing = listed.difference(&there);
    let missing = missing
        .map(|name| format!("render/{folder}: `{name}` is listed and has no {name}.{extension}"));
    forgotten.chain(missing).collect()
}

#[test]
fn every_formatter_target_and_theme_is_listed() {
    let formatters: Vec<&str> = TABLE.iter().map(|entry| entry.name).collect();
    let targets: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
    let themes: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    assert!(targets.is_sorted(), "targets::ALL is sorted by name: {targets:?}");
    let mut wrong = forgotten("format/formatter", "rs", &formatters, |name| {
        format!("add `pub mod {name};` and `&{name}::ENTRY,` to render/format/formatter.rs")
    });
    wrong.extend(forgotten("targets", "rs", &targets, |name| {
        format!("add `mod {name};` and `&{name}::TARGET,` to render/targets.rs")
    }));
    wrong.extend(forgotten("themes", "toml", &themes, |name| {
        format!("add `built_in!({name:?}),` to BUILT_IN in render/theme.rs")
    }));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file that no `mod` names is not compiled, and rustc does not say so.
#[test]
fn every_file_is_compiled() {
    fn walk(folder: &Path, wrong: &mut Vec<String>) {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        let parent = match folder == root() {
            true => folder.join("lib.rs"),
            false => folder.with_extension("rs"),
        };
        let text = fs::read_to_string(&parent).unwrap_or_default();
        let is_declared =
            |name: &str| text.lines().any(|line| line.ends_with(&format!("mod {name};")));
        for path in paths {
            let name = path.file_stem().expect("a name").to_string_lossy();
            // The other test names what is missing of those.
            if path.ends_with("targets") || path.ends_with("format/formatter") {
                continue;
            }
            if path.is_dir() {
                walk(&path, wrong);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path != parent
                && !is_declared(&name)
            {
                let [path, parent] = [&path, &parent]
                    .map(|path| path.strip_prefix(root()).expect("below").display());
                wrong.push(format!("render/{path}: add `mod {name};` to render/{parent}"));
            }
        }
    }
    let mut wrong = Vec::new();
    walk(root(), &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

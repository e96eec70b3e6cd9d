//! What is wrong with a config is reported with its place, and the rest of it works: each file in
//! `bad-configs/` with the report beside it.

use std::fs;

use rainline::config::{Gathered, SourceFile, build};

use crate::support::{Goldens, root};

#[test]
fn every_mistake_has_its_message() {
    let folder = root().join("tests/bad-configs");
    let (mut seen, mut goldens) = (0, Goldens::default());
    for entry in fs::read_dir(&folder).expect("the folder").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("readable");
        let file = SourceFile { path: name.clone().into(), text };
        let config = build(&Gathered { files: vec![file], ..Gathered::default() });
        assert!(!config.problems.is_empty(), "{name} has no problem");
        let text = config.problems.join("\n");
        goldens.compare_file(
            &format!("tests/bad-configs/{}", name.replace(".toml", ".expected")),
            &text,
        );
        // The line of the defaults is there all the same.
        assert!(config.lines.contains_key("terminal"), "{name}");
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} bad configs");
    goldens.finish();
}

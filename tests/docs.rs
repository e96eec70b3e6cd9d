//! Generated files say what the tables say. Where they differ they are rewritten and the test
//! fails once.

use std::fs;

use rainline::docs;

use crate::support::{golden, root};

/// Writes a file's generated part anew where it differs, and fails then.
fn part(file: &str, (begin, end): (&str, &str), fresh: &str) {
    let path = root().join(file);
    let text = fs::read_to_string(&path).expect("the file");
    let (before, rest) = text.split_once(begin).expect("where it begins");
    let (_, after) = rest.split_once(end).expect("where it ends");
    let fresh = format!("{before}{begin}\n{fresh}{end}{after}");
    if fresh != text {
        fs::write(&path, fresh).expect("writable");
        panic!("{file} was behind the tables and is rewritten: look at the difference");
    }
}

#[test]
fn the_readme_has_the_reference() {
    part("README.md", docs::README_MARKS, &docs::reference());
}

#[test]
fn what_the_drop_ins_do_otherwise_is_told() {
    part("docs/compat.md", docs::COMPAT_MARKS, &docs::drop_ins());
}

#[test]
fn schema_and_default_config_are_kept() {
    golden("schema.json", &docs::schema());
    golden("default-config.toml", &docs::default_config());
}

#[test]
fn the_default_config_uncommented_is_right() {
    use rainline::config::{Gathered, SourceFile, build};
    let uncommented: String = docs::default_config()
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let merged = merge(&uncommented);
    let file = SourceFile { path: "default.toml".into(), text: merged };
    let config = build(&Gathered { files: vec![file], ..Gathered::default() });
    assert_eq!(config.problems, [""; 0]);
}

/// Tables that stand twice (a segment of the defaults, and its options) as one.
fn merge(text: &str) -> String {
    let mut tables: Vec<(String, String)> = vec![(String::new(), String::new())];
    let mut at = 0;
    for line in text.lines() {
        if line.starts_with('[') && !line.contains(" = ") {
            at = tables.iter().position(|(name, _)| name == line).unwrap_or_else(|| {
                tables.push((line.to_owned(), String::new()));
                tables.len() - 1
            });
        } else {
            tables[at].1.push_str(line);
            tables[at].1.push('\n');
        }
    }
    tables.into_iter().map(|(name, body)| format!("{name}\n{body}")).collect()
}

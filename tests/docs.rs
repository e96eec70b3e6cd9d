//! Generated files say what the tables say. Where they differ they are rewritten and the test
//! fails once.

use rainline::docs;

use crate::support::Goldens;

#[test]
fn generated_files_are_what_the_tables_say() {
    let mut goldens = Goldens::default();
    goldens.compare_part("README.md", docs::README_MARKS, &docs::reference());
    goldens.compare_part("docs/compat.md", docs::COMPAT_MARKS, &docs::drop_ins());
    goldens.compare("schema.json", docs::schema());
    goldens.compare("default-config.toml", docs::default_config());
    goldens.finish();
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

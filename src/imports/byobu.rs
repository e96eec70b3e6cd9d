//! Byobu: the order of its items, and the scripts `bin/NNN_name`, where NNN is the interval in
//! seconds.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rainline_segments::find;

use super::Import;
use crate::files;

pub(super) static IMPORT: Import = Import {
    name: "byobu",
    about: "its order of items and your scripts in ~/.byobu/bin",
    folders: &[".byobu", ".config/byobu"],
    read,
};

/// Items whose segment has a name of its own: other than the item's in kebab-case.
const ITEMS: &[(&str, &str)] = &[
    ("arch", "os"),
    ("cpu_count", "cpu"),
    ("cpu_freq", "cpu"),
    ("cpu_temp", "temperature"),
    ("date", "clock"),
    ("distro", "os"),
    ("fan_speed", "fan"),
    ("ip_address", "ip"),
    ("load_average", "load"),
    ("logo", "os"),
    ("release", "os"),
    ("time", "clock"),
    ("updates_available", "updates"),
    ("whoami", "user"),
    ("wifi_quality", "wifi"),
];

/// The most bytes of a list of items.
const MAX_STATUS: u64 = 64 << 10;
/// The most entries of the folder of scripts that are looked at.
const MAX_ENTRIES: usize = 1000;

/// A script and how often it runs.
struct Script {
    name: String,
    path: PathBuf,
    seconds: u64,
}

fn read(folder: &Path) -> Result<String, String> {
    let scripts = scripts(&folder.join("bin"));
    let status = files::read_start(&folder.join("status"), MAX_STATUS).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let mut out = format!("# From {}: rainline config import byobu\n", folder.display());
    let mut unknown = Vec::new();
    let mut listed = false;
    let mut lines = String::new();
    for (slot, item) in [("left", "tmux_left"), ("right", "tmux_right")] {
        let Some(items) = items(&status, item) else { continue };
        let mut names: Vec<String> = Vec::new();
        for item in items {
            if item == "custom" {
                listed = true;
                names.extend(scripts.iter().map(|script| script.name.clone()));
                continue;
            }
            let named = ITEMS.iter().find(|(theirs, _)| *theirs == item);
            let name = named.map_or_else(|| item.replace('_', "-"), |(_, ours)| (*ours).to_owned());
            match find(&name) {
                Some(_) if names.contains(&name) => {}
                Some(_) => names.push(name),
                None => unknown.push(item.to_owned()),
            }
        }
        if slot == "right" && !listed {
            names.extend(scripts.iter().map(|script| script.name.clone()));
        }
        let _ = writeln!(lines, "{slot} = {}", toml::Value::from(names));
    }
    if !lines.is_empty() {
        let _ = write!(out, "\n[line.tmux]\n{lines}");
    }
    if !unknown.is_empty() {
        let _ = writeln!(out, "# Items without a segment here: {}", unknown.join(", "));
    }
    for Script { name, path, seconds } in &scripts {
        let key = toml::Value::from(name.as_str());
        let command = toml::Value::from(vec![path.display().to_string()]);
        let _ = write!(out, "\n[segment.{key}]\nuse = \"custom\"\ncommand = {command}\n");
        let _ = writeln!(out, "interval = \"{seconds}s\"\noutput = \"byobu\"");
    }
    Ok(out)
}

/// The items of the list that is in force, which is the last one of that name, without those that
/// are turned off.
fn items<'a>(status: &'a str, list: &str) -> Option<Vec<&'a str>> {
    let of_list = |line: &'a str| {
        let value = line.trim().strip_prefix(list)?.strip_prefix('=')?;
        Some(value.trim_matches(['"', '\'', ' ']))
    };
    let value = status.lines().filter_map(of_list).next_back()?;
    Some(value.split_whitespace().filter(|item| !item.starts_with('#')).collect())
}

/// The programs named `NNN_name` that their user may run, by name.
fn scripts(folder: &Path) -> Vec<Script> {
    let mut scripts: Vec<Script> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().take(MAX_ENTRIES).flatten() {
        let path = entry.path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some((seconds, name)) = file.split_once('_') else { continue };
        let runs = fs::metadata(&path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        // Editors leave `5_name~` and `5_name.bak` behind.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let (Ok(seconds), true) = (seconds.parse::<u64>(), runs)
            && !name.is_empty()
            && name.chars().all(plain)
        {
            let name = format!("byobu-{}", name.replace('_', "-"));
            if !scripts.iter().any(|script| script.name == name) {
                scripts.push(Script { name, seconds: seconds.clamp(1, 86_400), path });
            }
        }
    }
    scripts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    scripts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Gathered, SourceFile, build};

    #[test]
    fn the_list_in_force_is_the_last_one_without_what_is_off() {
        let status = "#tmux_right=\"old\"\ntmux_right=\"a b\"\ntmux_right=\" cpu #mail time \"\n";
        assert_eq!(items(status, "tmux_right"), Some(vec!["cpu", "time"]));
        assert_eq!(items(status, "tmux_left"), None);
    }

    #[test]
    fn scripts_become_segments_of_a_config_that_is_right() {
        let dir = tempfile::tempdir().expect("a directory");
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).expect("made");
        for (name, mode) in [("5_one", 0o755), ("99999999_two", 0o700), ("5_off", 0o644)] {
            fs::write(bin.join(name), "#!/bin/sh\n").expect("written");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(mode)).expect("set");
        }
        for name in ["5_one~", "x_three", "plain", "5_a\"]\nb"] {
            fs::write(bin.join(name), "").expect("written");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("set");
        }
        let status = "tmux_left=\"logo session\"\ntmux_right=\"custom load_average memory date time reboot_required no-such-item\"";
        fs::write(dir.path().join("status"), status).expect("written");
        let text = read(dir.path()).expect("a config");
        let file = SourceFile { path: "byobu.toml".into(), text: text.clone() };
        let config = build(&Gathered { files: vec![file], ..Gathered::default() });
        assert_eq!(config.problems, [""; 0], "{text}");
        let names: Vec<&str> = config.lines["tmux"].slots["right"][0]
            .iter()
            .map(|id| config.instances[usize::from(*id)].name.as_str())
            .collect();
        assert_eq!(names, ["byobu-one", "byobu-two", "load", "memory", "clock", "reboot-required"]);
        assert!(
            text.contains("interval = \"86400s\"") && text.contains("here: no-such-item\n"),
            "{text}"
        );
    }
}

//! The config file: a word a line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rainline_segments::Machine;

use super::options::{Given, Kind, resolve};
use crate::compat::base::peer::Call;

/// The words of the config file, the last line first: of two lines for one option the first counts,
/// as the last of two words does.
pub(super) fn config(call: &Call, home: Option<&Path>) -> Vec<String> {
    let named = call.variable("RAINBARF").map(PathBuf::from);
    let Some(path) = named.or_else(|| home.map(|home| home.join(".rainbarf.conf"))) else {
        return Vec::new();
    };
    let bytes = Machine::real().read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().rev().filter_map(|line| word_of(line, call.env)).collect()
}

/// The word that a line of the config stands for; `None`: none. A switch may be given `0`, and an
/// option without its value is as if it weren't there.
fn word_of(line: &str, env: &dyn Fn(&str) -> Option<OsString>) -> Option<String> {
    let line = uncommented(line).trim();
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name.trim_end(), expanded(value.trim_start(), env)),
        None => (line, String::new()),
    };
    let name = name.trim_start_matches('-');
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    match resolve(name) {
        Err(_) if value.is_empty() => Some(format!("--{name}")),
        Err(_) => Some(format!("--{name}={value}")),
        Ok(Given { name, kind: Kind::Text(_) | Kind::Whole(_), .. }) => {
            (!value.is_empty()).then(|| format!("--{name}={value}"))
        }
        Ok(Given { name, kind, on, .. }) => {
            let off = ["0", "no", "off", "false"].contains(&value.to_lowercase().as_str());
            match kind {
                _ if on != off => Some(format!("--{name}")),
                Kind::Switch(_) => Some(format!("--no{name}")),
                _ => None,
            }
        }
    }
}

/// A line without its comment. A `#` that follows a `=` at once is a colour's.
fn uncommented(line: &str) -> &str {
    let mut hashes = line.match_indices('#');
    let comment = hashes.find(|(at, _)| !line[..*at].trim_end().ends_with('='));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// A value with `$NAME` as the environment has it.
fn expanded(value: &str, env: &dyn Fn(&str) -> Option<OsString>) -> String {
    let mut parts = value.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = part.split_at(end.unwrap_or(part.len()));
        match name {
            "" => out.push('$'),
            name => out += &env(name).unwrap_or_default().to_string_lossy(),
        }
        out += rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_a_config_have_variables_and_colours() {
        let env = |name: &str| (name == "HOME").then(|| OsString::from("/home/é"));
        assert_eq!(expanded("$HOME/x$NONE.$", &env), "/home/é/x.$");
        assert_eq!(uncommented("fg=#ff0 # c"), "fg=#ff0 ");
        assert_eq!(uncommented("fg = #ff0#c"), "fg = #ff0");
        assert_eq!((uncommented("#x"), uncommented("a #é")), ("", "a "));
        for (line, word) in [
            (" width = 5 # five", "--width=5"),
            ("-width=5", "--width=5"),
            ("skip=0", "--skip=0"),
            ("wid=7", "--width=7"),
            ("bolt", "--bolt"),
            ("bolt=", "--bolt"),
            ("bolt=1", "--bolt"),
            ("BOLT=0", "--nobolt"),
            ("no-battery", "--nobattery"),
            ("nobattery=off", "--battery"),
            ("screen=0", ""),
            ("fg=", ""),
            ("datfile = $NONE", ""),
            ("width 20", ""),
            ("b=1", "--b=1"),
            ("nonsense", "--nonsense"),
        ] {
            assert_eq!(word_of(line, &env).unwrap_or_default(), word, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_it(line in "\\PC{0,40}") {
            let _ = word_of(&line, &|_| Some("é=".into()));
        }
    }
}

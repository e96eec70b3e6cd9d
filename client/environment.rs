//! What the asker's environment says about a line: the variables that are looked at, and what they
//! mean for colours, glyphs, width and the config.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rainline_caps::Depth;

use crate::protocol::{ENV, MAX_REQUEST};
use crate::sys;

/// The widest line there is; no terminal is wider.
pub const MOST_COLUMNS: u16 = 4096;

/// The most bytes of values that travel: the rest of a request needs far less than its other half.
const MOST_TRAVELLING: usize = MAX_REQUEST / 2;

/// What else of the asker's environment decides on a request, sorted; it does not travel.
const MORE_ENV: &[&str] = &[
    "COLORTERM",
    "COLUMNS",
    "LC_CTYPE",
    "NO_COLOR",
    "RAINLINE_CONFIG",
    "RAINLINE_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
];

/// The variables that a client looks at, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names = [ENV, MORE_ENV].concat();
    names.sort_unstable();
    names
}

/// The variables among [`names`] that are set; an empty one counts as not set.
#[derive(Clone, Debug, Default)]
pub struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    /// That of this process.
    pub fn current() -> Environment {
        Environment::of(std::env::vars_os())
    }

    /// From names and values. The first of two values wins, as in libc.
    pub fn of(variables: impl Iterator<Item = (impl AsRef<OsStr>, OsString)>) -> Environment {
        let mut found = Environment::default();
        for (name, value) in variables {
            let name = name.as_ref().as_bytes();
            let known = [ENV, MORE_ENV].into_iter().find_map(|names| {
                let at = names.binary_search_by(|known| known.as_bytes().cmp(name)).ok()?;
                Some(names[at])
            });
            if let Some(name) = known
                && !value.is_empty()
                && found.get(name).is_none()
            {
                found.0.push((name, value));
            }
        }
        found
    }

    /// From words `NAME=VALUE`; others are passed over.
    pub fn of_words<'a>(words: impl Iterator<Item = &'a [u8]>) -> Environment {
        Environment::of(words.filter_map(|word| {
            let at = word.iter().position(|byte| *byte == b'=')?;
            Some((OsStr::from_bytes(&word[..at]), OsString::from_vec(word[at + 1..].to_vec())))
        }))
    }

    /// What a variable says, if it is set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_os_str())
    }

    /// The same, if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// What travels with a request, in the order of [`ENV`]. A value for which there is no room is as
    /// if it were not set: a request that is too long gets no answer at all.
    pub fn travelling(&self) -> Vec<(String, Vec<u8>)> {
        let mut room = MOST_TRAVELLING;
        let value = |name: &&str| {
            let value = self.get(name)?.as_bytes();
            room = room.checked_sub(value.len())?;
            Some(((*name).to_owned(), value.to_vec()))
        };
        ENV.iter().filter_map(value).collect()
    }

    /// The config file: the one that is named, else `RAINLINE_CONFIG`, else where it usually is. An
    /// absolute path; empty without a home.
    pub fn config(&self, named: Option<&OsStr>) -> PathBuf {
        if let Some(path) = named.or_else(|| self.get("RAINLINE_CONFIG")) {
            return std::path::absolute(path).unwrap_or_default();
        }
        let absolute = |name| self.get(name).map(Path::new).filter(|path| path.is_absolute());
        match (absolute("XDG_CONFIG_HOME"), absolute("HOME")) {
            (Some(folder), _) => folder.join("rainline/config.toml"),
            (None, Some(home)) => home.join(".config/rainline/config.toml"),
            (None, None) => PathBuf::new(),
        }
    }

    /// The columns of the terminal: what `COLUMNS` says, else what ours has.
    pub fn columns(&self) -> u16 {
        let columns = self.text("COLUMNS").and_then(|text| text.trim().parse::<u64>().ok());
        let columns = columns.filter(|columns| *columns > 0);
        columns
            .map(|columns| columns.min(MOST_COLUMNS.into()) as u16)
            .or_else(|| sys::columns(rustix::stdio::stdout()))
            .or_else(|| sys::columns(rustix::stdio::stderr()))
            .unwrap_or(80)
            .min(MOST_COLUMNS)
    }

    /// Whether colours are not wanted at all (<https://no-color.org>).
    pub fn is_colourless(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// The colours that the terminal promises.
    pub fn depth(&self) -> Depth {
        if matches!(self.text("COLORTERM"), Some("truecolor" | "24bit")) {
            return Depth::True;
        }
        match self.text("TERM") {
            Some("dumb") => Depth::Mono,
            Some(term) if term.ends_with("direct") => Depth::True,
            Some(term) if term.contains("256color") => Depth::Ansi256,
            _ => Depth::Ansi16,
        }
    }

    /// The locale of texts, by the order in which libc asks; empty where none is set.
    pub fn locale(&self) -> &OsStr {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        names.into_iter().find_map(|name| self.get(name)).unwrap_or_default()
    }

    /// Whether the locale's character set is UTF-8.
    pub fn is_utf8(&self) -> bool {
        let locale = self.locale().as_bytes().to_ascii_lowercase();
        let has = |name: &[u8]| locale.windows(name.len()).any(|part| part == name);
        has(b"utf8") || has(b"utf-8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(words: &[&str]) -> Environment {
        Environment::of_words(words.iter().map(|word| word.as_bytes()))
    }

    #[test]
    fn a_value_too_long_for_a_request_stays_behind_and_takes_no_other_with_it() {
        let long = format!("TMUX={}", "x".repeat(MAX_REQUEST));
        let travelling = environment(&["HOME=/h", &long, "VIRTUAL_ENV=/v"]).travelling();
        let names: Vec<&str> = travelling.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["HOME", "VIRTUAL_ENV"]);
    }

    #[test]
    fn variables_are_looked_up_by_whole_names_and_the_first_of_two_counts() {
        let env = environment(&["TERMINAL=x", "TERM=a", "TERM=b", "STY=", "nonsense", "USER=me"]);
        assert_eq!(env.text("TERM"), Some("a"));
        assert_eq!((env.get("STY"), env.get("TMUX")), (None, None));
        let travelling = env.travelling();
        assert_eq!(
            travelling.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
            ["TERM", "USER"]
        );
    }

    #[test]
    fn both_lists_are_sorted_and_share_no_name() {
        let names = names();
        let mut once = names.clone();
        once.dedup();
        assert_eq!(names, once);
        assert!(ENV.is_sorted() && MORE_ENV.is_sorted());
    }

    #[test]
    fn colours_follow_the_environment() {
        let depth = |words: &[&str]| environment(words).depth();
        assert_eq!(depth(&["TERM=xterm-256color"]), Depth::Ansi256);
        assert_eq!(depth(&["TERM=xterm", "COLORTERM=24bit"]), Depth::True);
        assert_eq!(depth(&["TERM=xterm-direct"]), Depth::True);
        assert_eq!(depth(&["TERM=dumb"]), Depth::Mono);
        assert_eq!(depth(&[]), Depth::Ansi16);
        assert!(environment(&["NO_COLOR=1"]).is_colourless());
        assert!(!environment(&["NO_COLOR="]).is_colourless());
    }

    #[test]
    fn the_locale_decides_about_utf8_in_libc_order() {
        let is_utf8 = |words: &[&str]| environment(words).is_utf8();
        assert!(is_utf8(&["LANG=de_DE.UTF-8"]));
        assert!(is_utf8(&["LC_ALL=C.utf8", "LANG=C"]));
        assert!(!is_utf8(&["LC_ALL=C", "LANG=de_DE.UTF-8"]));
        assert!(!is_utf8(&[]));
    }

    #[test]
    fn the_config_is_the_one_that_is_named_or_where_it_usually_is() {
        let config = |named: Option<&str>, words: &[&str]| {
            environment(words).config(named.map(OsStr::new)).display().to_string()
        };
        assert_eq!(config(None, &["HOME=/h"]), "/h/.config/rainline/config.toml");
        assert_eq!(config(None, &["XDG_CONFIG_HOME=/x", "HOME=/h"]), "/x/rainline/config.toml");
        assert_eq!(config(None, &["XDG_CONFIG_HOME=x", "HOME="]), "");
        assert_eq!(config(Some("/c"), &["RAINLINE_CONFIG=/d"]), "/c");
        assert_eq!(config(None, &["RAINLINE_CONFIG=/d", "HOME=/h"]), "/d");
        let relative = config(Some("c"), &[]);
        assert!(relative.starts_with('/') && relative.ends_with("/c"));
    }
}

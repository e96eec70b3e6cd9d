//! The hosts that can be wired: one file each, with the lines that wire it and how to try it.
//!
//! A host file writes text in the host's own config language and starts nothing. Asking a host for
//! its version and running one for a try is the command line's business; what that takes is said
//! here as data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rainline_caps::Version;
use rainline_client::environment;
use rainline_render::theme::Theme;

mod bash;
mod byobu;
mod byobu_screen;
mod dvtm;
mod fish;
mod screen;
mod tmux;
mod zsh;

/// Every host, by name.
pub static ALL: &[&Host] = &[
    &bash::HOST,
    &byobu::HOST,
    &byobu_screen::HOST,
    &dvtm::HOST,
    &fish::HOST,
    &screen::HOST,
    &tmux::HOST,
    &zsh::HOST,
];

/// The host of this name.
pub fn find(name: &str) -> Option<&'static Host> {
    ALL.iter().copied().find(|host| host.name == name)
}

/// A host that shows our lines.
pub struct Host {
    pub name: &'static str,
    pub about: &'static str,
    /// The program that must be there.
    pub program: &'static str,
    /// The host that this one is a front end of: it shows that one's lines and has its version. The
    /// front's own program is never run to be asked something.
    pub base: Option<&'static Host>,
    /// With this argument it says its version and leaves.
    pub version: &'static str,
    /// Where the wiring lines go, as a person would say it.
    pub wired_in: &'static str,
    /// Files below the home in which they may stand.
    pub files: &'static [&'static str],
    /// A file with one of these texts in it wires this host: the lines themselves, or a call of
    /// `rainline init`.
    pub marks: &'static [&'static str],
    /// Whether the lines depend on the host's version. Asking costs a process.
    pub versioned: bool,
    /// The lines that wire it; safe to be read twice.
    pub init: fn(&Wiring) -> String,
    /// What a host of this version shows of our lines.
    pub abilities: fn(Version) -> Vec<Ability>,
    pub trial: Trial,
}

impl Host {
    /// The host whose lines are shown, by its name.
    pub fn shows(&self) -> &'static str {
        self.base.map_or(self.name, |base| base.name)
    }
}

/// What the wiring lines depend on.
pub struct Wiring<'a> {
    /// The absolute path of this program.
    pub program: PathBuf,
    /// The config to name in the lines; `None`: wherever it is looked for.
    pub config: Option<PathBuf>,
    pub theme: &'a Theme,
    /// The line of a window in the host's own list, in its language; empty for hosts without.
    pub windows: String,
    /// Percent of the host's line that a slot may take, where the config says so.
    pub shares: BTreeMap<String, u16>,
    /// Further lines that the config has for this host: `tmux.2` and so on.
    pub further: Vec<String>,
    /// The host's version, major and minor; `(0, 0)` is unknown and taken for a recent one.
    pub version: Version,
}

impl<'a> Wiring<'a> {
    /// Without a config to name, a window list of ours or further lines; of a recent version.
    pub fn new(program: impl Into<PathBuf>, theme: &'a Theme) -> Wiring<'a> {
        let (config, version) = (None, (0, 0));
        let (windows, shares, further) = Default::default();
        Wiring { program: program.into(), config, theme, windows, shares, further, version }
    }
}

/// One thing that a host does with our lines, or not.
pub struct Ability {
    pub what: &'static str,
    /// Why it is left out; `None`: it is there.
    pub missing: Option<&'static str>,
}

impl Ability {
    fn there(what: &'static str) -> Ability {
        Ability { what, missing: None }
    }

    fn never(what: &'static str, why: &'static str) -> Ability {
        Ability { what, missing: Some(why) }
    }

    /// There from a version on; an unknown version is taken for a recent one.
    fn from(version: Version, least: Version, what: &'static str, why: &'static str) -> Ability {
        let there = version == (0, 0) || version >= least;
        Ability { what, missing: (!there).then_some(why) }
    }
}

/// How a host is run in a sandbox. In the texts `{dir}` is the sandbox's folder (its `home` is the
/// home there) and `{file}` the file with the wiring lines.
pub struct Trial {
    /// That file, in the sandbox.
    pub file: &'static str,
    /// Set besides the sandbox's own variables.
    pub env: &'static [(&'static str, &'static str)],
    pub argv: &'static [&'static str],
    /// Ends what stays behind when its terminal is gone; empty: nothing does.
    pub end: &'static [&'static str],
    /// Typed into it where only a picture is taken.
    pub typed: &'static [&'static str],
    /// When the picture is whole.
    pub whole: Whole,
}

/// What the screen of a try has when it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// This text and a percentage in its last line: a first true reading of everything.
    Bar(&'static str),
    /// What it has, as soon as it no longer changes.
    Still,
}

/// The text in double quotes, with a backslash before each of the characters that are `special`.
pub(crate) fn in_quotes(text: &str, special: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A word for sh, bash and zsh, in single quotes where it needs any.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What a shell says of its environment, as words of bash and zsh. A value that is not exported is
/// said as well.
fn environment_words(names: &[&str]) -> String {
    // One that is not set is no word at all: most of them.
    names.iter().map(|name| format!(" ${{{name}:+\"{name}=${name}\"}}")).collect()
}

/// Wiring lines with `@PROGRAM@` and `@CONFIG@` filled in, as words of the host.
fn filled(lines: &str, wiring: &Wiring, word: fn(&Path) -> String) -> String {
    let config = match &wiring.config {
        Some(config) => format!(" --config {}", word(config)),
        None => String::new(),
    };
    let lines = lines.replace("@ENVIRONMENT@", &environment_words(&environment::names()));
    lines.replace("@CONFIG@", &config).replace("@PROGRAM@", &word(&wiring.program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_its_facts_and_a_target() {
        for host in ALL {
            let facts = rainline_caps::hosts::find(host.shows());
            assert!(facts.is_some(), "{} has no line in caps/hosts.rs", host.shows());
        }
        for facts in rainline_caps::hosts::ALL {
            assert!(
                find(facts.name).is_some(),
                "{} is not wired: it needs a file here",
                facts.name
            );
            let target = rainline_render::targets::find(facts.name);
            assert!(target.is_some(), "{} has no target", facts.name);
        }
    }

    #[test]
    fn a_config_is_named_in_every_hosts_lines() {
        let theme = Theme::built_in("rain").expect("built in");
        for host in ALL {
            let config = Some(PathBuf::from("/etc/its mine.toml"));
            let wiring = Wiring { config, ..Wiring::new("/bin/r", &theme) };
            let lines = (host.init)(&wiring);
            assert!(lines.contains("its mine.toml"), "{}", host.name);
            assert!(!lines.contains('@') || !lines.contains("@CONFIG@"), "{}", host.name);
            assert!(host.marks.iter().any(|mark| lines.contains(mark)), "{}: no mark", host.name);
        }
    }
}

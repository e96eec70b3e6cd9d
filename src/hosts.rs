//! The hosts that can be wired: one file each, with the lines that wire it and how to try it. A new
//! one also needs a `mod` line and a line of [`ALL`] here.
//!
//! A host file writes text in the host's own config language and starts nothing. Asking a host for
//! its version and running one for a try is the command line's business; what that takes is here as
//! data.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;

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
    /// What `rainline init` and `rainline try` call it.
    pub name: &'static str,
    /// What of it shows our lines, and how.
    pub about: &'static str,
    /// The program that must be installed.
    pub program: &'static str,
    /// The host that this one is a front end of: it shows that one's lines and has its version. The
    /// front end itself is never run to ask for a version.
    pub base: Option<&'static Host>,
    /// With this argument it prints its version and ends.
    pub version: &'static str,
    /// How a person wires it, in one line.
    pub how_to_wire: &'static str,
    /// Files below the home in which the wiring lines may be.
    pub files: &'static [&'static str],
    /// A file with one of these texts in it wires this host: the lines themselves, or a call of
    /// `rainline init`.
    pub marks: &'static [&'static str],
    /// Whether the lines depend on the host's version. Asking costs a process.
    pub versioned: bool,
    /// The lines that wire it; they may be read twice.
    pub init: fn(&Wiring) -> String,
    /// What a host of this version shows of our lines.
    pub abilities: fn(Version) -> Vec<Ability>,
    /// How `rainline try` runs it.
    pub trial: Trial,
}

impl Host {
    /// The name of the host whose lines are shown.
    pub fn shows(&self) -> &'static str {
        self.base.map_or(self.name, |base| base.name)
    }
}

/// What the wiring lines depend on.
pub struct Wiring<'a> {
    /// The absolute path of this program.
    pub program: PathBuf,
    /// The config to name in the lines; `None`: the usual one.
    pub config: Option<PathBuf>,
    /// The theme of what the host draws by itself.
    pub theme: &'a Theme,
    /// The line of a window in the host's own list, in its language; empty where it has none.
    pub windows: String,
    /// Percent of the host's line that a slot may take, where the config says so.
    pub shares: BTreeMap<String, u16>,
    /// Further lines that the config has for this host: `tmux.2` and so on.
    pub further: Vec<String>,
    /// The host's version, major and minor; `(0, 0)` is unknown and taken for a recent one.
    pub version: Version,
}

impl<'a> Wiring<'a> {
    /// For a recent version; no config to name, no window list, no further lines.
    pub fn new(program: impl Into<PathBuf>, theme: &'a Theme) -> Wiring<'a> {
        let (config, version) = (None, (0, 0));
        let (windows, shares, further) = Default::default();
        Wiring { program: program.into(), config, theme, windows, shares, further, version }
    }
}

/// One thing that a host can do with our lines, or cannot.
pub struct Ability {
    /// The thing.
    pub what: &'static str,
    /// Why it cannot; `None`: it can.
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

/// How a host is run in a sandbox. In the texts `{dir}` is the sandbox's folder (with `home` as the
/// home in it) and `{file}` the file with the wiring lines.
pub struct Trial {
    /// The file with the wiring lines, in the sandbox.
    pub file: &'static str,
    /// Variables besides the sandbox's own.
    pub env: &'static [(&'static str, &'static str)],
    /// The command that runs it.
    pub argv: &'static [&'static str],
    /// The command that ends what outlives its terminal; empty: nothing does.
    pub end: &'static [&'static str],
    /// What is typed into it before its screen is captured.
    pub typed: &'static [&'static str],
    /// When its screen can be captured.
    pub ready: Ready,
}

/// When the screen of a host can be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Once its last line has this text and a percentage: everything has been read by then.
    Bar(&'static str),
    /// Once it no longer changes.
    Still,
}

/// A shell's environment as words of bash and zsh, variables that are not exported included.
fn environment_words(names: &[&str]) -> String {
    // A variable that is not set, as most are, adds no word.
    names.iter().map(|name| format!(" ${{{name}:+\"{name}=${name}\"}}")).collect()
}

/// Wiring lines with their `@…@` filled in; `quote` makes a word of the host's language.
fn filled(lines: &str, wiring: &Wiring, quote: fn(&OsStr) -> String) -> String {
    let config = match &wiring.config {
        Some(config) => format!(" --config {}", quote(config.as_ref())),
        None => String::new(),
    };
    let environment = environment_words(&environment::names());
    let program = quote(wiring.program.as_ref());
    let holes = [("@ENVIRONMENT@", environment), ("@CONFIG@", config), ("@PROGRAM@", program)];
    let (mut out, mut rest) = (String::new(), lines);
    // Once from the start to the end: what a path holds is no hole.
    while let Some(at) = rest.find('@') {
        let (before, hole) = rest.split_at(at);
        out.push_str(before);
        let found = holes.iter().find(|(name, _)| hole.starts_with(name));
        let (name, text) = found.map_or(("@", "@"), |(name, text)| (*name, &**text));
        out.push_str(text);
        rest = &hole[name.len()..];
    }
    out + rest
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

    /// A config below a folder `@PROGRAM@` was named with the program's quotes inside its own.
    #[test]
    fn a_path_is_not_filled_in_again() {
        let theme = Theme::built_in("rain").expect("built in");
        for host in ALL {
            let config = Some(PathBuf::from("/a @PROGRAM@@CONFIG@ @ENVIRONMENT@/x"));
            let wiring = Wiring { config, ..Wiring::new("/b c/@CONFIG@", &theme) };
            let lines = (host.init)(&wiring);
            assert!(lines.contains("/a @PROGRAM@@CONFIG@ @ENVIRONMENT@/x"), "{}", host.name);
            assert!(lines.contains("/b c/@CONFIG@"), "{}", host.name);
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

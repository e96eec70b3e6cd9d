//! The config, typed and compiled: which segments each line shows, and how each is read and drawn.
//!
//! Reading files ([`gather()`]) may block and is apart from building ([`build`]), which is pure. The
//! built-in defaults are the oldest layer of every config; includes lie under the file that names
//! them, conditions for this machine on top. Building never fails: what is wrong becomes a diagnostic
//! with its place, and everything else works.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rainline_segments::{Kind, Pace, Reader, RunsIn, Scope};
use serde::{Deserialize, Serialize};

use rainline_caps::Glyphs;
use rainline_render::diagnostic::Source;
use rainline_render::format::Format;
use rainline_render::frame::InstanceId;
use rainline_render::style::spec::Spec;
use rainline_render::theme::Theme;

pub mod alerts;
pub mod common;
mod gather;
mod read;

pub use gather::gather;
pub use read::{KEYS, Key};

/// The defaults, as a config file; the oldest layer of every config.
pub const DEFAULT: &str = include_str!("config/default.toml");

/// The slots that a line may have.
pub const SLOTS: &[(&str, &str)] = &[
    ("left", "the left side, or the prompt itself"),
    ("right", "the right side"),
    ("continuation", "the prompt of a command's further lines"),
    ("transient", "what remains of a prompt once its command runs"),
    ("title", "the window's title"),
];

/// The key of a line that is no slot: percent of the host's whole line, by slot.
pub const SHARE: &str = "share";

/// The files that a config is made from, as read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gathered {
    /// Oldest layer first; the config itself comes last.
    pub files: Vec<SourceFile>,
    /// Theme files beside the config, by theme name.
    pub themes: Vec<(String, SourceFile)>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
    /// Whether the config's own file is there and could not be read.
    pub unreadable: bool,
    /// Whether a file that it includes could not be read.
    pub incomplete: bool,
    /// The themes beside it that could not be read, by name.
    pub unreadable_themes: Vec<String>,
    /// Whether the folder that they are in could not be read.
    pub no_themes: bool,
    /// Every file that was read or looked for.
    #[serde(with = "rainline_segments::base::path_bytes::list")]
    pub watched: Vec<PathBuf>,
    /// The machine's name, for `[host]`.
    pub host: String,
}

/// A file, as read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceFile {
    /// The name that it has in messages.
    #[serde(with = "rainline_segments::base::path_bytes")]
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// A config in force.
#[derive(Default)]
pub struct Config {
    /// The theme of all lines that ask for no other.
    pub theme: Arc<Theme>,
    /// `None`: what the place can show, and no more than Unicode.
    pub glyphs: Option<Glyphs>,
    /// How the machine is read.
    pub reader: Reader,
    /// The segments; an [`InstanceId`] is an index into them.
    pub instances: Vec<Instance>,
    /// The lines, by name.
    pub lines: BTreeMap<String, Line>,
    /// What is watched.
    pub alerts: Vec<alerts::Alert>,
    /// Messages for a person, each with its place.
    pub problems: Vec<String>,
    /// How many problems there are beyond those; one of them says so.
    pub untold: usize,
    /// Whether the file is so broken that a config in force before should stay in force, or the
    /// built-in one.
    pub unusable: bool,
    /// Whether a part of it is missing or broken, so that one in force before is better, and the
    /// built-in one is not.
    pub incomplete: bool,
    /// The files it was made from and those it looked for, to be watched.
    pub files: Vec<PathBuf>,
    /// The theme that the files name, whether there is one or not.
    theme_wanted: String,
    user_themes: Vec<(String, Arc<Source>)>,
    /// Other themes that requests asked for.
    themes: Mutex<BTreeMap<String, Option<Arc<Theme>>>>,
}

/// One segment of the config.
pub struct Instance {
    /// What lines call it.
    pub name: String,
    /// What it shows.
    pub kind: &'static Kind,
    /// The kind's own options, checked.
    pub options: toml::Table,
    /// How long a reading in a worker may take, where it is not the usual.
    pub timeout: Option<Duration>,
    /// How its fields are written.
    pub format: Format,
    /// Instead of the kind's or the theme's.
    pub icon: Option<String>,
    /// On top of the kind's style.
    pub style: Option<Spec>,
    /// What stays when a line is narrow: 0 goes first, 100 last.
    pub priority: u8,
    /// When it is read.
    pub pace: Pace,
    /// States of the multiplexer in which it takes the theme's style of that mode.
    pub react: Vec<&'static str>,
}

/// A place with ordered segments: slot name → rows → instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The rows of each slot.
    pub slots: BTreeMap<String, Vec<Vec<InstanceId>>>,
    /// Percent of the host's whole line that a slot may take, where the config says so.
    pub shares: BTreeMap<String, u16>,
}

/// Builds a config from what was read.
pub fn build(gathered: &Gathered) -> Config {
    let source =
        |file: &SourceFile| Arc::new(Source { path: file.path.clone(), text: file.text.clone() });
    let files: Vec<Arc<Source>> = gathered.files.iter().map(source).collect();
    let user_themes: Vec<(String, Arc<Source>)> =
        gathered.themes.iter().map(|(name, file)| (name.clone(), source(file))).collect();
    let mut config = read::read(&files, &gathered.host, user_themes);
    config.problems.splice(0..0, gathered.problems.iter().cloned());
    config.untold += config.problems.len().saturating_sub(read::MAX_TOLD);
    config.problems.truncate(read::MAX_TOLD);
    if config.untold > 0 {
        config.problems.push(format!("… and {} more", config.untold));
    }
    config.unusable |= gathered.unreadable;
    config.incomplete |= gathered.incomplete || lacks_theme(gathered, &config.theme_wanted);
    config.files = gathered.watched.clone();
    config
}

/// Whether a theme that is wanted could not be read.
fn lacks_theme(gathered: &Gathered, wanted: &str) -> bool {
    let is_known = || {
        let is_read = gathered.themes.iter().any(|(name, _)| name == wanted);
        wanted.is_empty() || is_read || Theme::built_in(wanted).is_some()
    };
    gathered.unreadable_themes.iter().any(|name| name == wanted)
        || (gathered.no_themes && !is_known())
}

impl Config {
    /// The defaults alone.
    pub fn built_in() -> Config {
        build(&Gathered::default())
    }

    /// The theme of this name; `None` if there is none.
    pub fn theme_named(&self, name: &str) -> Option<Arc<Theme>> {
        if name == self.theme.name {
            return Some(self.theme.clone());
        }
        let mut themes = self.themes.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || Theme::load(name, &self.user_themes).map(|(theme, _)| Arc::new(theme));
        // A hostile stream of names must not fill the memory.
        if themes.len() > 32 {
            themes.clear();
        }
        themes.entry(name.to_owned()).or_insert_with(load).clone()
    }

    /// The names of all themes that this config can use: the user's, then the built-in ones.
    pub fn theme_names(&self) -> Vec<&str> {
        let built_in = rainline_render::theme::BUILT_IN.iter().map(|(name, _)| *name);
        let mut names: Vec<&str> = self.user_themes.iter().map(|(name, _)| name.as_str()).collect();
        names.extend(built_in.filter(|name| !self.user_themes.iter().any(|(n, _)| n == name)));
        names
    }

    /// Where an instance is sampled. The crates of the portable reader may block, on a dead mount for
    /// one: with it, what is the same for all clients is read in a worker.
    pub fn runs_in(&self, instance: &Instance) -> RunsIn {
        let Instance { kind, pace, .. } = instance;
        let is_for_all = kind.scope == Scope::Machine && *pace != Pace::Ask;
        match (kind.runs_in, self.reader) {
            (RunsIn::Daemon, Reader::Portable) if is_for_all => RunsIn::Worker,
            (runs_in, _) => runs_in,
        }
    }

    /// The instance of this name.
    pub fn instance(&self, name: &str) -> Option<InstanceId> {
        self.instances.iter().position(|instance| instance.name == name).map(|id| id as InstanceId)
    }
}

#[cfg(test)]
mod tests;

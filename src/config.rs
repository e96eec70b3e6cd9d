//! The config, typed and compiled: which segments each line shows, and how each is read and drawn.
//!
//! Reading files ([`gather`]) may block and is apart from building ([`build`]), which is pure. The
//! built-in defaults are the oldest layer of every config; includes lie under the file that names
//! them, conditions for this host on top. Building never fails: what is wrong becomes a diagnostic
//! with its place, and everything else works.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rainline_segments::{Kind, Pace, find};
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

/// The defaults, as a config file; the oldest layer of every config.
pub const DEFAULT: &str = include_str!("config/default.toml");

/// The slots that a line may have.
pub const SLOTS: &[(&str, &str)] = &[
    ("left", "what stands at the left, or the prompt itself"),
    ("right", "what stands at the right"),
    ("continuation", "the prompt of a command's further lines"),
    ("transient", "what a prompt leaves behind once its command runs"),
    ("title", "the window's title"),
];

/// The keys of a config file.
pub const KEYS: &[(&str, &str)] = &[
    ("theme", "the theme's name"),
    ("glyphs", "`ascii`, `unicode` or `nerd`; without it `unicode`, `ascii` where it must be"),
    ("include", "files that lie under this one, relative to it"),
    (
        "line",
        "[line.NAME]: the slots of a line, each a list of segments or a list of rows; \
         `share` = { left = 25, right = 65 }: percent of tmux's line that a slot may take",
    ),
    ("segment", "[segment.NAME]: an instance of a kind; `use` names the kind, else NAME does"),
    ("alert", "[alert.NAME]: what is told when a segment reaches a level; its keys are below"),
    ("host", "[host.\"GLOB\"]: the same keys again, for machines with such a name"),
];

/// The files that a config is made from, as read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gathered {
    /// Oldest layer first; the config itself comes last.
    pub files: Vec<SourceFile>,
    /// Theme files beside the config, by theme name.
    pub themes: Vec<(String, SourceFile)>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
    /// Every file that was read or looked for.
    pub watched: Vec<PathBuf>,
    /// The machine's name, for `[host]`.
    pub host: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceFile {
    pub path: PathBuf,
    pub text: String,
}

/// A config in force.
#[derive(Default)]
pub struct Config {
    pub theme: Arc<Theme>,
    /// `None`: what the place can show, and no more than Unicode.
    pub glyphs: Option<Glyphs>,
    pub instances: Vec<Instance>,
    pub lines: BTreeMap<String, Line>,
    pub alerts: Vec<alerts::Alert>,
    /// Messages for a person, each with its place.
    pub problems: Vec<String>,
    /// Whether the file is so broken that a config in force before should stay in force.
    pub unusable: bool,
    /// The files it was made from and those it looked for, to be watched.
    pub files: Vec<PathBuf>,
    user_themes: Vec<(String, Arc<Source>)>,
    /// Other themes that requests asked for.
    themes: Mutex<BTreeMap<String, Option<Arc<Theme>>>>,
}

/// One segment of the config.
pub struct Instance {
    pub name: String,
    pub kind: &'static Kind,
    /// The kind's own options, checked.
    pub options: toml::Table,
    /// How long a reading in a worker may take, where it is not the usual.
    pub patience: Option<Duration>,
    pub format: Format,
    /// Instead of the kind's or the theme's.
    pub icon: Option<String>,
    /// On top of the kind's style.
    pub style: Option<Spec>,
    pub priority: u8,
    pub pace: Pace,
    /// States of the multiplexer in which it takes the theme's style of that mode.
    pub react: Vec<&'static str>,
}

/// A place with ordered segments: slot name → rows → instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
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
    let mut config = read::Reader::read(&files, &gathered.host, user_themes);
    config.problems.splice(0..0, gathered.problems.iter().cloned());
    config.files = gathered.watched.clone();
    config
}

impl Config {
    /// The config of somebody who has none.
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

    /// The instance of this name.
    pub fn instance(&self, name: &str) -> Option<InstanceId> {
        self.instances.iter().position(|instance| instance.name == name).map(|id| id as InstanceId)
    }
}

impl Instance {
    /// A source for this instance.
    pub fn open(
        &self,
    ) -> Result<Box<dyn rainline_segments::Source>, rainline_segments::OptionError> {
        (self.kind.open)(&self.options)
    }
}

/// The kind that an instance of this name has, if the name alone says so.
fn kind_named(name: &str) -> Option<&'static Kind> {
    find(name)
}

#[cfg(test)]
mod tests;

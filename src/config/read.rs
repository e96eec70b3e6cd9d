//! From the text of config files to a [`Config`].
//!
//! First the files are merged as layers ([`layers`]), later ones over earlier ones. Then each
//! subject is checked and built, by a file of its own, from what the layers say. What is wrong
//! becomes a problem with its place, and everything else works.

use std::iter;
use std::sync::{Arc, Mutex};

use rainline_caps::Glyphs;
use rainline_render::diagnostic::Source;
use rainline_segments::Reader;

use super::{Config, DEFAULT};
use layers::Layers;
use segment::Instances;

mod alert;
mod glob;
mod layers;
mod line;
mod problems;
mod segment;
mod theme;
mod written;

pub use layers::{KEYS, Key};
pub use problems::MAX_TOLD;

/// Reads these files, the oldest layer first, on a machine of this name.
pub fn read(
    files: &[Arc<Source>],
    machine: &str,
    user_themes: Vec<(String, Arc<Source>)>,
) -> Config {
    let default = Arc::new(Source { path: "default.toml".into(), text: DEFAULT.into() });
    let mut layers = Layers::new(machine);
    iter::once(&default).chain(files).for_each(|file| layers.file(file));
    let Layers { theme, lines, segments, alerts, mut problems, unusable, incomplete, .. } = layers;

    let theme_wanted = theme.as_ref().and_then(|theme| theme.value.as_str().map(str::to_owned));
    let theme_wanted = theme_wanted.unwrap_or_default();
    let incomplete = incomplete || theme::is_broken(&theme_wanted, &user_themes);
    let theme = theme::theme(theme, &user_themes, &mut problems);
    let glyphs = layers.glyphs.and_then(|named| problems.keep(named.one_of(Glyphs::NAMES)));
    let reader = layers.reader.and_then(|named| problems.keep(named.one_of(&Reader::NAMES)));
    let mut instances = Instances::new(&segments, &theme, &mut problems);
    let lines = line::lines(lines, &mut instances);
    // What no line shows is checked too: a mistake should not wait until it is used.
    instances.build_all();
    let alerts = alert::alerts(alerts, &mut instances);
    let instances = instances.built;

    let (problems, untold) = problems.in_order_of(files);
    Config {
        theme: Arc::new(theme),
        glyphs,
        reader: reader.unwrap_or_default(),
        instances,
        lines,
        alerts,
        problems,
        untold,
        unusable,
        incomplete,
        theme_wanted,
        files: Vec::new(),
        user_themes,
        themes: Mutex::default(),
    }
}

//! The theme.

use std::sync::Arc;

use rainline_render::diagnostic::Source;
use rainline_render::theme::{BUILT_IN, Theme};
use toml::de::DeTable;

use super::problems::Problems;
use super::written::Written;

/// Whether the user's theme of this name is no TOML, as one that is just being written.
pub fn is_broken(name: &str, user: &[(String, Arc<Source>)]) -> bool {
    let file = user.iter().find(|(known, _)| known == name);
    file.is_some_and(|(_, source)| !DeTable::parse_recoverable(&source.text).1.is_empty())
}

/// The theme that is named, or the default one where there is none of this name.
pub fn theme(
    named: Option<Written>,
    user: &[(String, Arc<Source>)],
    problems: &mut Problems,
) -> Theme {
    if let Some(written) = named {
        let name = written.value.as_str().unwrap_or_default();
        if let Some((theme, found)) = Theme::load(name, user) {
            problems.extend(found);
            return theme;
        }
        let known = user.iter().map(|(name, _)| name.as_str());
        let known = known.chain(BUILT_IN.iter().map(|(name, _)| *name));
        let message = format!("there is no theme `{name}`");
        problems.unknown(&written.place, message, name, known);
    }
    Theme::load(BUILT_IN[0].0, user).map(|(theme, _)| theme).unwrap_or_default()
}

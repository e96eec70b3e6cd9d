//! The theme.

use std::sync::Arc;

use rainline_render::diagnostic::Source;
use rainline_render::theme::{BUILT_IN, Theme};

use super::problems::Problems;
use super::written::Written;

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
        problems.add(written.place.unknown(message, name, known));
    }
    Theme::load(BUILT_IN[0].0, user).map(|(theme, _)| theme).unwrap_or_default()
}

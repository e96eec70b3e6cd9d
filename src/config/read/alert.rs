//! Alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use rainline_segments::{Level, OptionType, Pace, Scope, Unit, quantity};

use super::segment::Instances;
use super::written::{Place, Section, Written};
use crate::config::alerts::{self, Action, Alert};

/// The alerts, without those that lack something.
pub fn alerts(layers: BTreeMap<String, (Place, Section)>, instances: &mut Instances) -> Vec<Alert> {
    let each = layers.into_iter();
    each.filter_map(|(name, (place, section))| alert(name, &place, &section, instances)).collect()
}

fn alert(
    name: String,
    place: &Place,
    section: &Section,
    instances: &mut Instances,
) -> Option<Alert> {
    let known = || alerts::OPTIONS.iter().map(|option| option.name);
    for (key, written) in section.iter().filter(|(key, _)| !known().any(|name| name == *key)) {
        let message = format!("an alert has no option `{key}`");
        instances.problems.add(written.key.unknown(message, key, known()));
    }
    let required = |key: &str| {
        section.get(key).ok_or_else(|| place.problem(format!("the alert has no `{key}`")))
    };
    let segment = instances.problems.keep(required(alerts::SEGMENT.name))?;
    let instance = watched(segment, instances)?;
    let option = |key: &str| section.get(key);
    let problems = &mut instances.problems;
    let level = option(alerts::LEVEL.name).and_then(|written| problems.keep(level(written)));
    let hold = option(alerts::HOLD.name).and_then(|written| problems.keep(time(written)));
    let again = option(alerts::AGAIN.name).and_then(|written| problems.keep(time(written)));
    let back = option(alerts::BACK.name).and_then(|written| problems.keep(written.read::<bool>()));
    let action = problems.keep(required(alerts::DO.name).and_then(action))?;
    Some(Alert {
        name,
        instance,
        level: level.unwrap_or(Level::Critical),
        hold: hold.unwrap_or_default(),
        again: again.filter(|again| !again.is_zero()),
        action,
        back: back.unwrap_or_default(),
    })
}

type Checked<T> = Result<T, rainline_render::diagnostic::Diagnostic>;

/// The instance that an alert watches.
fn watched(segment: &Written, instances: &mut Instances) -> Option<u16> {
    let name = instances.problems.keep(segment.read::<String>())?;
    let id = instances.id(&name, &segment.place)?;
    let kind = instances.built.get(usize::from(id))?.kind;
    if kind.scope != Scope::Machine || kind.pace == Pace::Ask {
        let message = format!("`{name}` differs between clients, so an alert cannot watch it");
        instances.problems.add(segment.place.problem(message));
        return None;
    }
    Some(id)
}

fn level(written: &Written) -> Checked<Level> {
    Level::named(&written.read::<String>()?).map_err(|why| written.place.problem(why))
}

/// A duration in words.
fn time(written: &Written) -> Checked<Duration> {
    let expected = || format!("expected {}", quantity::described(Unit::Duration));
    quantity::duration(&written.read::<String>()?).ok_or_else(|| written.place.problem(expected()))
}

/// What an alert does.
fn action(written: &Written) -> Checked<Action> {
    let named = |word: &str| Action::NAMED.iter().find(|(name, _)| *name == word);
    let command = || Vec::<String>::from_toml(&written.value).ok().filter(|words| runs(words));
    let action = match written.value.as_str() {
        Some(word) => named(word).map(|(_, action)| action.clone()),
        None => command().map(Action::Command),
    };
    action.ok_or_else(|| {
        let names: Vec<_> = Action::NAMED.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let message = format!("expected {} or a command as a list of words", names.join(", "));
        written.place.problem(message)
    })
}

/// Whether these words name a program.
fn runs(words: &[String]) -> bool {
    words.first().is_some_and(|program| !program.is_empty())
}

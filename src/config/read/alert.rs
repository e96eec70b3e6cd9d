//! Alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use rainline_render::diagnostic::Diagnostic;
use rainline_segments::{Level, Opt, OptionValue, Pace, Scope};

use super::problems::Problems;
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
        instances.problems.unknown(&written.key, message, key, known());
    }
    let required = |key: &str| {
        section.get(key).ok_or_else(|| place.problem(format!("the alert has no `{key}`")))
    };
    // All of it is looked at, so that each mistake is told at once.
    let segment = instances.problems.keep(required(alerts::SEGMENT.name));
    let instance = segment.and_then(|segment| watched(segment, instances));
    let problems = &mut *instances.problems;
    let level = optional(section, &alerts::LEVEL, problems, level);
    let hold = optional(section, &alerts::HOLD, problems, Written::read::<Duration>);
    let again = optional(section, &alerts::AGAIN, problems, Written::read::<Duration>);
    let back = optional(section, &alerts::BACK, problems, Written::read);
    let action = problems.keep(required(alerts::DO.name).and_then(action));
    let (instance, action) = instance.zip(action)?;
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

type Checked<T> = Result<T, Diagnostic>;

/// The value of an option, if it is written and right.
fn optional<T>(
    section: &Section,
    option: &Opt,
    problems: &mut Problems,
    read: fn(&Written) -> Checked<T>,
) -> Option<T> {
    problems.keep(read(section.get(option.name)?))
}

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

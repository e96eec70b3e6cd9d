//! Instances of segments.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rainline_caps::STATES;
use rainline_render::format::Format;
use rainline_render::frame::InstanceId;
use rainline_render::style::spec::Spec;
use rainline_render::theme::{self, Theme};
use rainline_segments::{ALL, Kind, Opt, OptionType, OptionValue, Pace, Source, find, variant};

use super::problems::Problems;
use super::written::{Place, Section, Written};
use crate::config::Instance;
use crate::config::common::{self, OPTIONS};

/// The instances that lines and alerts name, each built when it is first met.
pub struct Instances<'a> {
    segments: &'a BTreeMap<String, Section>,
    theme: &'a Theme,
    pub problems: &'a mut Problems,
    pub built: Vec<Instance>,
    /// By name.
    ids: HashMap<String, InstanceId>,
}

impl<'a> Instances<'a> {
    pub fn new(
        segments: &'a BTreeMap<String, Section>,
        theme: &'a Theme,
        problems: &'a mut Problems,
    ) -> Instances<'a> {
        Instances { segments, theme, problems, built: Vec::new(), ids: HashMap::new() }
    }

    /// The instance of a name that stands at this place.
    pub fn id(&mut self, name: &str, place: &Place) -> Option<InstanceId> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let nothing = Section::new();
        let section = self.segments.get(name).unwrap_or(&nothing);
        let kind = self.kind(name, place, section)?;
        // There are far fewer, by the limit of segments.
        let id = InstanceId::try_from(self.built.len()).ok()?;
        let instance = self.build(name, kind, section);
        self.built.push(instance);
        self.ids.insert(name.to_owned(), id);
        Some(id)
    }

    /// Builds the instances of all `[segment]` tables.
    pub fn build_all(&mut self) {
        for (name, section) in self.segments {
            if let Some(first) = section.values().next() {
                self.id(name, &first.key);
            }
        }
    }

    fn kind(&mut self, name: &str, place: &Place, section: &Section) -> Option<&'static Kind> {
        let used = section.get(common::USE.name);
        let (wanted, place) = match used {
            Some(written) => (self.problems.keep(written.read::<String>())?, &written.place),
            None => (name.to_owned(), place),
        };
        let kind = find(&wanted);
        if kind.is_none() {
            let known = ALL.iter().map(|kind| kind.name);
            // What `use` names must be a kind; a line may name an instance.
            let instances = self.segments.keys().map(String::as_str).filter(|_| used.is_none());
            let known = known.chain(instances.filter(|known| *known != wanted));
            let message = format!("there is no segment `{wanted}`");
            self.problems.unknown(place, message, &wanted, known);
        }
        kind
    }

    fn build(&mut self, name: &str, kind: &'static Kind, section: &Section) -> Instance {
        self.unknown_options(kind, section);
        let (options, source) = self.open(kind, section);
        let kind = self.declared(kind, source.as_deref(), section);
        let interval = self.option::<Duration>(section, &common::INTERVAL);
        let pace = match (kind.pace, interval) {
            (Pace::Tick(_), Some(interval)) if !interval.is_zero() => {
                Pace::Tick(interval.clamp(Duration::from_millis(100), Duration::from_hours(24)))
            }
            (pace, _) => pace,
        };
        let priority = self.option::<u32>(section, &common::PRIORITY);
        Instance {
            name: name.to_owned(),
            kind,
            options,
            timeout: source.and_then(|source| source.timeout()),
            format: self.format(kind, section),
            icon: self.option(section, &common::ICON),
            style: self.style(section),
            priority: priority.map_or(kind.priority, |priority| priority.min(100) as u8),
            pace,
            react: self.react(section),
        }
    }

    fn unknown_options(&mut self, kind: &'static Kind, section: &Section) {
        let known = || kind.options.iter().chain(OPTIONS).map(|option| option.name);
        for (key, written) in section.iter().filter(|(key, _)| !known().any(|name| name == *key)) {
            let message = format!("`{}` has no option `{key}`", kind.name);
            self.problems.unknown(&written.key, message, key, known());
        }
    }

    /// The kind's own options and a source with them. An option whose value is wrong is left out,
    /// so that its default is in force.
    fn open(
        &mut self,
        kind: &'static Kind,
        section: &Section,
    ) -> (toml::Table, Option<Box<dyn Source>>) {
        let own = |key: &String| kind.options.iter().find(|option| option.name == key);
        let mut options: toml::Table = section
            .iter()
            .filter(|(key, _)| own(key).is_some())
            .map(|(key, written)| (key.clone(), written.value.clone()))
            .collect();
        loop {
            let error = match (kind.open)(&options) {
                Ok(source) => return (options, Some(source)),
                Err(error) => error,
            };
            if let Some(written) = section.get(&error.key) {
                let word = written.value.as_str().unwrap_or_default();
                let words = match own(&error.key).map(|option| option.accepts) {
                    Some(OptionType::Choice(words)) => words,
                    _ => &[],
                };
                let words = words.iter().copied();
                self.problems.unknown(&written.place, error.message, word, words);
            }
            if options.remove(&error.key).is_none() {
                return (options, None);
            }
        }
    }

    /// The kind, with the fields that the config declares for it.
    fn declared(
        &mut self,
        kind: &'static Kind,
        source: Option<&dyn Source>,
        section: &Section,
    ) -> &'static Kind {
        let Some(variant) = source.and_then(|source| source.variant()) else { return kind };
        variant::of_kind(kind, variant).unwrap_or_else(|| {
            if let Some(written) = section.values().next() {
                let message = "too many different declarations of fields since the daemon \
                               started; run `rainline daemon stop`";
                self.problems.add(written.key.problem(message));
            }
            kind
        })
    }

    /// The value of a common option, if it is written and right.
    fn option<T: OptionValue>(&mut self, section: &Section, option: &Opt) -> Option<T> {
        self.problems.keep(section.get(option.name)?.read())
    }

    fn format(&mut self, kind: &'static Kind, section: &Section) -> Format {
        if let Some(text) = self.option::<String>(section, &common::FORMAT) {
            let written = &section[common::FORMAT.name];
            match Format::parse(&text, kind) {
                Ok(format) => {
                    format.styles().into_iter().for_each(|spec| self.names(spec, &text, written));
                    return format;
                }
                Err(faults) => self.problems.extend(faults.into_iter().map(|f| written.inside(f))),
            }
        }
        // A test holds that every kind's own format is right.
        Format::parse(kind.format, kind).unwrap_or_default()
    }

    fn style(&mut self, section: &Section) -> Option<Spec> {
        let text = self.option::<String>(section, &common::STYLE)?;
        let written = &section[common::STYLE.name];
        match Spec::parse(&text) {
            Ok(spec) => {
                self.names(&spec, &text, written);
                Some(spec)
            }
            Err(faults) => {
                self.problems.extend(faults.into_iter().map(|fault| written.inside(fault)));
                None
            }
        }
    }

    /// Checks the names that a style uses, which stands in this text.
    fn names(&mut self, spec: &Spec, text: &str, written: &Written) {
        let faults = theme::unknown_names(self.theme, spec, text);
        self.problems.extend(faults.into_iter().map(|fault| written.inside(fault)));
    }

    /// The states it reacts to, the most urgent first, which is their order in [`STATES`].
    fn react(&mut self, section: &Section) -> Vec<&'static str> {
        let names = self.option::<Vec<String>>(section, &common::REACT).unwrap_or_default();
        let known = || STATES.iter().map(|(known, _)| *known);
        for name in names.iter().filter(|name| !known().any(|known| known == *name)) {
            let place = &section[common::REACT.name].place;
            let message = format!("there is no state `{name}`");
            self.problems.unknown(place, message, name, known());
        }
        known().filter(|known| names.iter().any(|name| name == known)).collect()
    }
}

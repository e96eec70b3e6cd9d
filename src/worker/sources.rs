//! The sources that a worker keeps open from one reading to the next, and what they depend on.

use std::collections::HashMap;
use std::sync::Arc;

use rainline_segments::{Ask, Machine, Source};

use super::message::Answer;
use super::watch::Dependencies;
use crate::readings::id::ReadingId;
use crate::readings::sample::PortableSample;
use crate::readings::source;

/// The most sources that a worker keeps open; one more closes all of them.
pub const MAX_SOURCES: usize = 64;

/// An open source, and with which options.
struct Open {
    options: Arc<str>,
    source: Box<dyn Source>,
}

/// The open sources, by the reading that they take.
pub struct Sources {
    open: HashMap<ReadingId, Open>,
    /// `None`: nothing is watched.
    dependencies: Option<Dependencies>,
}

impl Sources {
    pub fn new(watches: bool) -> Sources {
        Sources { open: HashMap::new(), dependencies: watches.then(Dependencies::default) }
    }

    /// Takes a reading. `saved` is what the source saved at the last one, which another worker
    /// may have taken.
    pub fn sample(
        &mut self,
        id: ReadingId,
        options: &Arc<str>,
        ask: &Ask,
        saved: &str,
        machine: &Machine,
    ) -> Answer {
        if self.open.len() >= MAX_SOURCES && !self.open.contains_key(&id) {
            self.open.clear();
            self.dependencies.iter_mut().for_each(Dependencies::clear);
        }
        if self.open.get(&id).is_none_or(|open| open.options != *options) {
            match open(&id.kind, options) {
                Ok(source) => {
                    self.open.insert(id.clone(), Open { options: options.clone(), source });
                }
                Err(why) => return Answer::Sampled { sample: Err(why), saved: None },
            }
        }
        let Some(Open { source, .. }) = self.open.get_mut(&id) else {
            return Answer::Sampled { sample: Err("it is not open".into()), saved: None };
        };
        let source = source.as_mut();
        if !saved.is_empty() {
            source::restore(source, saved);
        }
        if source::prefers_follow(source, machine) {
            return Answer::WantsFollowing;
        }
        // Watched before it is read, so that no change is missed; what it depends on may be
        // something else afterwards, and what changed before that was watched is read once more.
        self.dependencies.iter_mut().for_each(|dependencies| dependencies.watch_again(&id));
        let mut sampled = source::sample(source, machine, ask);
        if let Some(dependencies) = &mut self.dependencies
            && dependencies.watch(&id, source::depends(source))
        {
            sampled = source::sample(source, machine, ask);
        }
        let saved = sampled.is_ok().then(|| source.save()).flatten();
        if sampled.is_err() {
            // Opened anew next time: what made it fail may have left it broken.
            self.open.remove(&id);
        }
        Answer::Sampled { sample: sampled.map(|sample| sample.map(PortableSample::new)), saved }
    }

    /// Waits for standard input. Until then `outdated` is called with each reading that depends on
    /// something that changed.
    pub fn wait_for_input(
        &mut self,
        outdated: impl FnMut(ReadingId) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        match &mut self.dependencies {
            Some(dependencies) => dependencies.wait_for_input(outdated),
            None => Ok(()),
        }
    }
}

/// A source of a kind by its name, with options as TOML.
pub fn open(kind: &str, options: &str) -> Result<Box<dyn Source>, String> {
    let kind = rainline_segments::find(kind).ok_or("there is no such kind of segment")?;
    let options = toml::from_str(options).map_err(|error| error.to_string())?;
    source::open(kind, &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    #[test]
    fn another_option_opens_another_source_under_the_same_identity() {
        let config = Config::built_in();
        let index = config.instance("hostname").expect("built in");
        let instance = &config.instances[usize::from(index)];
        let id = ReadingId::shared_by_all(&Path::new("").into(), instance);
        let id = ReadingId { kind: "text".into(), ..id };
        let machine = Machine::rooted(std::env::temp_dir());
        let mut sources = Sources::new(false);
        let mut text = |options: &str| {
            let answer = sources.sample(id.clone(), &options.into(), &Ask::default(), "", &machine);
            let Answer::Sampled { sample: Ok(Some(sample)), .. } = answer else {
                panic!("{options}: {answer:?}");
            };
            sample.sample(rainline_segments::find("text").expect("a kind"))
        };
        assert_eq!(text("text = \"a\""), text("text = \"a\""));
        assert_ne!(text("text = \"a\""), text("text = \"b\""));
    }

    #[test]
    fn unknown_kinds_and_broken_options_are_errors() {
        assert!(open("no-such-kind", "").is_err());
        assert!(open("cpu", "= nonsense").is_err());
    }
}

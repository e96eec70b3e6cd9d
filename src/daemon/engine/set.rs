//! Values that are pushed from outside: `rainline set NAME VALUE`. What a value may be is the
//! source's to say, and no worker is
//! asked: here it finds the instance and shows at once.

use std::time::Duration;

use rainline_segments::{Level, OptionType, RunsIn, Scope, SetValue, time_span};

use crate::daemon::cache::Key;
use crate::daemon::engine::Engine;
use crate::daemon::schedule::Now;
use rainline_client::protocol::Set;

impl Engine {
    /// Gives a value to the instance that a request names. `false`: its config is being read.
    pub(super) fn set(&mut self, request: &Set, now: &Now) -> Result<bool, String> {
        let Some(id) = self.find_config(&request.config, now)? else {
            return Ok(false);
        };
        let config = self.configs.slots[&id].config.clone();
        let name = &request.segment;
        let Some(index) = config.instance(name) else {
            let names = config.instances.iter().map(|instance| instance.name.as_str());
            let near = rainline_render::diagnostic::suggestion(name, names);
            return Err(format!("there is no segment `{name}` in the config{near}"));
        };
        let instance = &config.instances[usize::from(index)];
        let key = Key { config: id, instance: index, who: 0, place: None };
        let lasts = match &*request.hold {
            "" => None,
            text => Some(time_span::parse(text).ok_or_else(|| {
                format!("--for: \"{text}\" is not {}", OptionType::TimeSpan.describe())
            })?),
        };
        let level = match &*request.level {
            "" => None,
            word => Some(Level::named(word).map_err(|why| format!("--level: {why}"))?),
        };
        let pushed = SetValue { text: request.value.clone(), level, valid_for: lasts };
        if instance.kind.scope != Scope::Machine {
            return Err(format!("`{name}` takes no values; only `custom` does"));
        }
        self.entry(&key, &config);
        self.open(&key, instance);
        let Some(entry) = self.cache.entries.get_mut(&key) else { return Ok(true) };
        let Some(source) = &mut entry.source else {
            return Err(format!("the options of `{name}` make no sense"));
        };
        let take = std::panic::AssertUnwindSafe(|| source.set(&self.host, &value));
        let taken = std::panic::catch_unwind(take).map_err(|_| "it broke down (a bug)")?;
        let sample = taken.map_err(|error| format!("{name}: {error}"))?;
        // A reading that is on its way is older than this.
        entry.busy.into_iter().for_each(|ticket| drop(self.errands.remove(&ticket)));
        if entry.follows.is_some() {
            entry.hear(Ok(sample), now);
        } else {
            entry.record(Ok(sample), now);
        }
        if let Some(lasts) = lasts {
            // A little later, so that the time is over when we look.
            let over = now.boot.saturating_add(lasts) + Duration::from_millis(5);
            let own = instance.kind.runs_in == RunsIn::Daemon;
            // Where a command reads it, it waits until then.
            entry.due = if own { entry.due.min(over) } else { over };
        }
        Ok(true)
    }
}

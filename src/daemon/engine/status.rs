//! What the daemon says of itself, for a person: `daemon status` and `doctor` show it. It only
//! looks; nothing is read, drawn or planned for it.

use std::collections::BTreeSet;

use crate::daemon::engine::Engine;
use rainline_client::sys;

impl Engine {
    /// For a person, a line a subject.
    pub(in crate::daemon) fn status(&self) -> String {
        let boot = sys::boot();
        let (workers, abandoned) = self.pool.counts();
        let mut text = format!(
            "clients {} streams {} requests {} refused {}\nviews {} drawings {}\nworkers {workers} abandoned {abandoned}\n",
            self.connections.len(),
            self.connections.streams(),
            self.requests,
            self.connections.turned_away,
            self.cache.views.len(),
            self.cache.drawings,
        );
        if let Some(path) = &self.history {
            let state = if self.remembered { "" } else { " (not read)" };
            text.push_str(&format!("history {}{state}\n", path.display()));
        }
        let mut slots: Vec<_> = self.configs.slots.values().collect();
        slots.sort_unstable_by_key(|slot| slot.id);
        for slot in slots {
            let builtin = slot.path.as_os_str().is_empty();
            let path = if builtin { "(built in)".into() } else { slot.path.display().to_string() };
            let state = if slot.loaded { "" } else { " (being read)" };
            text.push_str(&format!("config {path}{state}\n"));
            for problem in slot.config.problems.iter().chain(&slot.problems) {
                text.push_str(&format!("problem {}\n", problem.replace('\n', "\n  ")));
            }
        }
        let views = self.cache.views.values();
        let unknown: BTreeSet<_> = views.flat_map(|view| &view.drawing.unknown).collect();
        for unknown in unknown {
            text.push_str(&format!("problem asked for what is not there: {unknown}\n"));
        }
        let mut entries: Vec<_> = self.cache.entries.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| (key.config, key.instance, key.who));
        for (key, entry) in entries {
            let instance = self.configs.instance(key.config, key.instance);
            let name = instance.map_or("?", |(_, instance)| &instance.name);
            let age = entry.taken.map_or("never".to_owned(), |taken| {
                format!("{:.1} s", boot.saturating_sub(taken).as_secs_f64())
            });
            let error = entry.error.as_deref().map(|error| format!(" error: {error}"));
            text.push_str(&format!("segment {name} age {age}{}\n", error.unwrap_or_default()));
        }
        text
    }
}

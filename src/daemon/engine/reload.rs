//! Configs come, change and go: a config that is named is read and watched by workers, one that
//! changed is swapped for the new one under whoever looks, and one that nobody needs is forgotten
//! with all that was made from it. Which of two configs is in force is settled in `configs`.

use std::path::Path;
use std::time::Duration;

use crate::config::Config;
use crate::daemon::cache::{Entries, Key};
use crate::daemon::configs::Taken;
use crate::daemon::engine::{Engine, Errand};
use crate::daemon::history;
use crate::daemon::schedule::{self, Now};
use crate::daemon::workers::{Answer, Job, Outcome};

/// When files that could not be watched are tried again.
const RETRY: Duration = Duration::from_secs(30);

impl Engine {
    /// The config of a path; `None` while it is being read for the first time.
    pub(super) fn find_config(&mut self, path: &Path, now: &Now) -> Result<Option<u32>, String> {
        let id = match self.configs.find(path) {
            Some(id) => id,
            None => {
                let views = &self.cache.views;
                let busy = |id| views.values().any(|view| view.config == id && view.streams > 0);
                let (id, gone) =
                    self.configs.add(path, now.boot, busy).ok_or("too many configs are in use")?;
                if let Some(gone) = gone {
                    self.forget(gone.id);
                    gone.watch.into_iter().for_each(|ticket| self.pool.cancel(ticket));
                }
                if !path.as_os_str().is_empty() {
                    self.gather(id);
                }
                id
            }
        };
        let slot = self.configs.slots.get_mut(&id).ok_or("the config is gone")?;
        slot.used = now.boot;
        Ok(slot.loaded.then_some(id))
    }

    pub(super) fn gather(&mut self, id: u32) {
        let Some(slot) = self.configs.slots.get_mut(&id) else { return };
        slot.retry = None;
        if slot.path.as_os_str().is_empty() {
            return;
        }
        if slot.loading.is_some() {
            slot.again = true;
            return;
        }
        let job = Job::Gather { path: slot.path.clone() };
        // By its path: of two configs only the one whose mount is dead has to rest.
        let provider = format!("config {}", slot.path.display());
        let ticket = self.pool.submit(&provider, job, Vec::new(), Some(slot.patience()));
        slot.loading = Some(ticket);
        self.errands.insert(ticket, Errand::Gather(id));
    }

    /// Watches the files of a config, in place of those watched before.
    pub(super) fn watch(&mut self, id: u32) {
        let Some(slot) = self.configs.slots.get_mut(&id) else { return };
        slot.watch.take().into_iter().for_each(|ticket| self.pool.cancel(ticket));
        let mut paths = slot.watched.clone();
        if !paths.contains(&slot.path) {
            paths.push(slot.path.clone());
        }
        let ticket = self.pool.submit("watch", Job::Watch { paths }, Vec::new(), None);
        slot.watch = Some(ticket);
        self.errands.insert(ticket, Errand::Watch(id));
    }

    /// Takes what the worker said that watches a config's files.
    pub(super) fn watched(&mut self, ticket: u64, id: u32, outcome: &Outcome, now: &Now) {
        if outcome.is_ok() {
            self.gather(id);
        } else if let Some(slot) = self.configs.slots.get_mut(&id)
            && slot.watch == Some(ticket)
        {
            slot.watch = None;
            slot.retry = Some(now.boot + RETRY);
        }
    }

    /// Tries again to read the configs whose time for that has come.
    pub(in crate::daemon) fn retry(&mut self, now: &Now) {
        self.configs.due(now.boot).into_iter().for_each(|id| self.gather(id));
    }

    pub(super) fn gathered(&mut self, id: u32, outcome: Outcome, now: &Now) {
        let Some(slot) = self.configs.slots.get_mut(&id) else { return };
        slot.loading = None;
        let before = slot.config.clone();
        let (watched, again) = (slot.watched.clone(), std::mem::take(&mut slot.again));
        match outcome {
            Ok((Answer::Gathered { canonical, gathered }, _)) => {
                match self.configs.take(id, canonical, gathered) {
                    Taken::Swapped => self.swap(id, &before),
                    Taken::Kept => {}
                    Taken::SameAs(_) => self.forget(id),
                }
            }
            Ok(_) => self.configs.fail(id, "its worker answered something else", now.boot),
            Err(why) => self.configs.fail(id, &why, now.boot),
        }
        self.rehome(now);
        if let Some(slot) = self.configs.slots.get(&id)
            && (slot.watch.is_none() || slot.watched != watched)
            && slot.retry.is_none()
        {
            self.watch(id);
        }
        if again {
            self.gather(id);
        }
    }

    /// Takes over a changed config: readings of unchanged instances live on, views are made anew.
    pub(super) fn swap(&mut self, id: u32, before: &Config) {
        let Some(slot) = self.configs.slots.get(&id) else { return };
        let config = slot.config.clone();
        let moved = |key: &Key| {
            let old = before.instances.get(usize::from(key.instance))?;
            let same = config.instances.iter().position(|new| {
                new.name == old.name
                    && std::ptr::eq(new.kind, old.kind)
                    && new.options == old.options
                    && new.pace == old.pace
            })?;
            Some(Key { instance: same as u16, ..key.clone() })
        };
        let path = slot.path.clone();
        let (mut kept, mut lost) = (Entries::default(), Vec::new());
        for (key, mut entry) in std::mem::take(&mut self.cache.entries) {
            if key.config != id {
                kept.insert(key, entry);
                continue;
            }
            if let Some(new) = moved(&key) {
                entry.order = None;
                // A worker's answer would come under the old number: it is asked again.
                if entry.busy.take().is_some() {
                    entry.due = Duration::ZERO;
                }
                if let Some((ticket, _)) = entry.follows {
                    self.errands.insert(ticket, Errand::Follow(new.clone()));
                }
                kept.insert(new, entry);
                continue;
            } else if key.is_host()
                && let Some(old) = before.instances.get(usize::from(key.instance))
            {
                self.past.put(&history::key(&path, old), &entry.rings);
            }
            lost.extend(entry.follows);
        }
        self.cache.entries = kept;
        lost.into_iter().for_each(|(ticket, _)| self.unfollow(ticket));
        self.errands.retain(|_, errand| !matches!(errand, Errand::Sample(key) if key.config == id));
        self.shapes.retain(|(config, _), _| *config != id);
        self.cache.views.retain(|_, view| view.config != id);
        self.take_alerts(id);
    }

    /// Gives streams the view of the config that they name: they had one of it as it was before, or
    /// one of the built-in config while theirs was being read.
    fn rehome(&mut self, now: &Now) {
        for stream in self.connections.streaming() {
            let connection = self.connections.get_mut(stream);
            let Some(streaming) = connection.and_then(|c| c.stream.as_mut()) else { continue };
            let (view, request) = (streaming.view, streaming.request.clone());
            let view = self.cache.views.get(&view);
            if view.is_some_and(|view| Some(view.config) == self.configs.find(&request.config)) {
                continue;
            }
            if let Ok(Some(view)) = self.find_view(&request, now) {
                if let Some(c) = self.connections.get_mut(stream).and_then(|c| c.stream.as_mut()) {
                    c.view = view;
                }
                self.renew(view, &request, Some(schedule::GRACE), now);
            }
        }
        self.count_streams(now);
    }

    /// Drops everything that was made from a config.
    pub(super) fn forget(&mut self, config: u32) {
        self.keep_past(&Now::read());
        let gone = self.cache.entries.iter().filter(|(key, _)| key.config == config);
        let follows: Vec<u64> = gone.filter_map(|(_, entry)| Some(entry.follows?.0)).collect();
        follows.into_iter().for_each(|ticket| self.unfollow(ticket));
        self.shapes.retain(|(id, _), _| *id != config);
        self.cache.views.retain(|_, view| view.config != config);
        self.cache.entries.retain(|key, _| key.config != config);
        self.cache.alerted.retain(|key| key.config != config);
        self.alerts.forget(config);
    }

    /// Reads every config and every reading again.
    pub(in crate::daemon) fn reload(&mut self) {
        let ids: Vec<u32> = self.configs.slots.keys().copied().collect();
        ids.into_iter().for_each(|id| self.gather(id));
        for entry in self.cache.entries.values_mut() {
            (entry.due, entry.errors) = (Duration::ZERO, 0);
        }
    }
}

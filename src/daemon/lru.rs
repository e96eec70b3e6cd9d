//! A table that keeps to a budget of bytes: what was used longest ago makes room.
//!
//! Clients decide how many different things are asked for, and how long their names are. What the
//! daemon keeps for them is weighed, so that a million of them take no more memory than the first
//! ones that filled the budget. To make room costs a walk over the table; a quarter of the budget is
//! freed at once, so that a new entry pays for a few others only.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;

/// What an entry costs beside what it says itself: its place in a table that is half empty, and what
/// allocators add.
const OVERHEAD: usize = 128;

/// Something whose size others decide.
pub trait Weigh {
    /// About how many bytes it takes, with all that it owns.
    fn weight(&self) -> usize;
}

impl Weigh for u64 {
    fn weight(&self) -> usize {
        size_of::<u64>()
    }
}

impl Weigh for PathBuf {
    fn weight(&self) -> usize {
        size_of::<PathBuf>() + self.as_os_str().len()
    }
}

struct Entry<V> {
    /// In a place of its own: while a table grows it is there twice, and half of it is empty. The
    /// table of the readings of a thousand prompts took 12 of 17 MB.
    value: Box<V>,
    /// What it weighs without its value, and with it.
    bare: usize,
    weight: usize,
    /// Grows with each use of any entry.
    used: u64,
}

/// A table with a budget. What is never to make room says so when room is made.
pub struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    budget: usize,
    weight: usize,
    /// Beyond this weight room is made: the budget, or more where what has to stay is more.
    limit: usize,
    uses: u64,
}

impl<K: Clone + Eq + Hash + Weigh, V: Weigh> Lru<K, V> {
    pub fn new(budget: usize) -> Lru<K, V> {
        Lru { entries: HashMap::new(), budget, weight: 0, limit: budget, uses: 0 }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.entries.contains_key(key)
    }

    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|entry| &*entry.value)
    }

    /// For a change that makes it neither larger nor smaller, and is no use of it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut *entry.value)
    }

    /// Uses an entry and weighs it anew.
    pub fn change<Q: Eq + Hash + ?Sized, R>(
        &mut self,
        key: &Q,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get_mut(key)?;
        let result = change(&mut entry.value);
        self.uses += 1;
        entry.used = self.uses;
        let weight = entry.bare + entry.value.weight();
        self.weight = self.weight - entry.weight + weight;
        entry.weight = weight;
        Some(result)
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        self.uses += 1;
        let bare = OVERHEAD + key.weight();
        let weight = bare + value.weight();
        self.weight += weight;
        let value = Box::new(value);
        self.entries.insert(key, Entry { value, bare, weight, used: self.uses });
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.weight -= entry.weight;
        Some(*entry.value)
    }

    /// Whether there is more than there should be, see [`Lru::make_room`].
    pub fn is_over(&self) -> bool {
        self.weight > self.limit
    }

    /// Takes out what was used longest ago, but for what has to stay, if there is more than the
    /// budget allows.
    pub fn make_room(&mut self, stays: impl Fn(&K, &V) -> bool) -> Vec<(K, V)> {
        let mut removed = Vec::new();
        if !self.is_over() {
            return removed;
        }
        let may_go = self.entries.iter().filter(|(key, entry)| !stays(key, &entry.value));
        let mut may_go: Vec<_> = may_go.map(|(key, entry)| (entry.used, key.clone())).collect();
        may_go.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in may_go {
            if self.weight <= self.budget - self.budget / 4 {
                break;
            }
            removed.extend(self.remove(&key).map(|value| (key, value)));
        }
        // Where what stays is beyond the budget, the next walk is not at the next entry already.
        self.limit = self.budget.max(self.weight + self.budget / 4);
        removed
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let weight = &mut self.weight;
        self.entries.retain(|key, entry| {
            let keeps = keep(key, &mut entry.value);
            if !keeps {
                *weight -= entry.weight;
            }
            keeps
        });
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, entry)| (key, &*entry.value))
    }

    /// For changes as with [`Lru::get_mut`].
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, entry)| (key, &mut *entry.value))
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|entry| &*entry.value)
    }

    /// For changes as with [`Lru::get_mut`].
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().map(|entry| &mut *entry.value)
    }

    /// Gives back the room that was needed once, if it is much more than is needed now.
    pub fn shrink(&mut self) {
        self.limit = self.budget.max(self.weight);
        if self.entries.capacity() / 4 > self.entries.len() {
            self.entries.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(usize);

    impl Weigh for Bytes {
        fn weight(&self) -> usize {
            self.0
        }
    }

    /// A table with room for about ten entries of a thousand bytes.
    fn table() -> Lru<u64, Bytes> {
        Lru::new(10 * (1000 + OVERHEAD + size_of::<u64>()))
    }

    fn keys(table: &Lru<u64, Bytes>) -> Vec<u64> {
        let mut keys: Vec<u64> = table.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let mut table = table();
        (0..10).for_each(|key| table.insert(key, Bytes(1000)));
        assert!(!table.is_over() && table.make_room(|_, _| false).is_empty());
        table.change(&0, |_| ());
        table.insert(10, Bytes(1000));
        assert_eq!(table.make_room(|_, _| false).len(), 4);
        assert_eq!(keys(&table), [0, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn an_entry_that_grew_weighs_more() {
        let mut table = table();
        (0..4).for_each(|key| table.insert(key, Bytes(10)));
        assert_eq!(table.change(&1, |bytes| bytes.0 = 90_000), Some(()));
        assert!(table.is_over());
        table.make_room(|key, _| *key == 1);
        assert_eq!(keys(&table), [1], "what stays is more than the budget");
        assert!(!table.is_over(), "and is walked over again only when there is more");
        table.remove(&1);
        assert_eq!(table.weight, 0);
    }

    #[test]
    fn it_stays_within_its_budget_whatever_comes() {
        let mut table = table();
        for key in 0..100_000 {
            table.insert(key, Bytes((key % 2000) as usize));
            table.make_room(|_, _| false);
            assert!(table.weight <= table.budget + 2100, "{key}");
        }
        let weight = table.entries.values().map(|entry| entry.weight).sum::<usize>();
        assert_eq!(weight, table.weight);
        table.retain(|_, _| false);
        table.shrink();
        assert_eq!((table.weight, table.entries.capacity()), (0, 0));
    }
}

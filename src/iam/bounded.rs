//! A map that stays within a number of bytes.

use std::collections::HashMap;
use std::hash::Hash;

struct Entry<V> {
    value: V,
    loaded_at: u64,
    bytes: usize,
}

/// What was used lately stays: entries are young, then old, then gone. Each half holds as many bytes
/// as the limit says, and one entry that is larger.
pub struct Bounded<K, V> {
    limit: usize,
    young: HashMap<K, Entry<V>>,
    old: HashMap<K, Entry<V>>,
    /// Of the young.
    bytes: usize,
}

impl<K: Eq + Hash, V: Clone> Bounded<K, V> {
    /// Holds at most twice `limit` bytes and two entries that are larger.
    pub fn new(limit: usize) -> Self {
        Bounded { limit, young: HashMap::new(), old: HashMap::new(), bytes: 0 }
    }

    /// What is kept for `key` and was not loaded before `since`.
    pub fn get(&mut self, key: K, since: u64) -> Option<V> {
        if let Some(entry) = self.young.get(&key) {
            return (entry.loaded_at >= since).then(|| entry.value.clone());
        }
        let entry = self.old.remove(&key)?;
        if entry.loaded_at < since {
            return None;
        }
        let value = entry.value.clone();
        self.keep(key, entry);
        Some(value)
    }

    /// Some of what is kept and was not loaded before `since`, those used last before others.
    pub fn some(&self, since: u64, limit: usize) -> HashMap<K, V>
    where
        K: Copy,
    {
        self.young
            .iter()
            .chain(&self.old)
            .filter(|(_, entry)| entry.loaded_at >= since)
            .take(limit)
            .map(|(key, entry)| (*key, entry.value.clone()))
            .collect()
    }

    pub fn put(&mut self, key: K, value: V, loaded_at: u64, bytes: usize) {
        self.old.remove(&key);
        // What an entry takes beside its value.
        let bytes = bytes + 2 * (size_of::<K>() + size_of::<Entry<V>>());
        self.keep(key, Entry { value, loaded_at, bytes });
    }

    fn keep(&mut self, key: K, entry: Entry<V>) {
        if self.bytes + entry.bytes > self.limit && !self.young.is_empty() {
            self.old = std::mem::take(&mut self.young);
            self.old.remove(&key);
            self.bytes = 0;
        }
        self.bytes += entry.bytes;
        if let Some(before) = self.young.insert(key, entry) {
            self.bytes -= before.bytes;
        }
    }

    #[cfg(test)]
    fn all_bytes(&self) -> usize {
        self.young.values().chain(self.old.values()).map(|entry| entry.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_forgets_but_never_lies(
            steps in prop::collection::vec((0..30u32, any::<bool>(), 0..300usize, 0..5u64), 0..400)
        ) {
            let mut bounded = Bounded::new(2000);
            let mut truth = HashMap::new();
            for (step, (key, put, bytes, back)) in steps.into_iter().enumerate() {
                let now = step as u64;
                if put {
                    bounded.put(key, step, now, bytes);
                    truth.insert(key, (step, now));
                } else {
                    let since = now.saturating_sub(back);
                    let found = bounded.get(key, since);
                    let known = truth.get(&key).filter(|(_, at)| *at >= since).map(|(v, _)| *v);
                    prop_assert!(found.is_none() || found == known);
                }
                let some = bounded.some(now.saturating_sub(back), 5);
                prop_assert!(some.len() <= 5);
                for (key, value) in some {
                    let at = now.saturating_sub(back);
                    prop_assert!(truth.get(&key).is_some_and(|(v, loaded)| *v == value && *loaded >= at));
                }
                let young: usize = bounded.young.values().map(|entry| entry.bytes).sum();
                prop_assert_eq!(young, bounded.bytes);
                prop_assert!(bounded.all_bytes() <= 4000);
                prop_assert!(bounded.young.keys().all(|key| !bounded.old.contains_key(key)));
            }
        }
    }

    #[test]
    fn what_is_used_stays() {
        let mut bounded = Bounded::new(10_000);
        bounded.put("used", 1, 0, 100);
        for other in ["a", "b", "c", "d"].iter().cycle().take(1000) {
            bounded.put(other, 2, 0, 1000);
            assert_eq!(bounded.get("used", 0), Some(1));
        }
        assert_eq!(bounded.get("used", 1), None);
        // One that is too large stays alone.
        bounded.put("large", 3, 0, 1_000_000);
        assert_eq!(bounded.get("large", 0), Some(3));
        bounded.put("a", 2, 0, 1000);
        bounded.put("b", 2, 0, 9900);
        assert_eq!(bounded.get("large", 0), None);
    }
}

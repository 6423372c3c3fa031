//! `Near`: what one thread asked for lately, where no other thread reads or writes. Serving an answer that is here takes no lock, and
//! counts nothing that others count.

use super::{Entry, Key};
use std::sync::Arc;

/// Sets, and entries in each: enough for the names that a network asks all day.
const SETS: usize = 8192;
const WAYS: usize = 4;

/// One of so many finds elsewhere is kept here. What is asked for often is soon among them; a walk through more names than there is
/// room for does not turn everything over, query by query.
const KEPT_OF: usize = 8;

/// Answers with more octets than that are not kept here: they would outweigh the cache that has given them up.
const ANSWER_LEN_MAX: usize = 512;

/// Four entries and bits of their hashes.
#[derive(Default)]
struct Set {
    tags: [u32; WAYS],
    entries: [Option<Arc<Entry>>; WAYS],
}

pub(super) struct Near {
    /// The number of the cache whose entries these are.
    cache: u64,
    sets: Vec<Set>,
    /// Which way gives way next.
    turn: usize,
    /// Finds elsewhere since one was kept.
    found: usize,
}

impl Near {
    /// A place for entries of no cache yet; takes memory once there is one.
    pub(super) const fn new() -> Self {
        Self { cache: 0, sets: Vec::new(), turn: 0, found: 0 }
    }

    /// The entry for a key, unless it has left the cache; `cache` is the number of the one that is asked.
    #[inline]
    pub(super) fn get(&self, cache: u64, key: &Key<'_>, hash: u64) -> Option<&Entry> {
        if self.cache != cache {
            return None;
        }
        let set = &self.sets[hash as usize % SETS];
        let tag = (hash >> 32) as u32;
        // An entry looks at its tag first, which nearly always settles it.
        let entry = set.tags.iter().zip(&set.entries).find_map(|(it, entry)| {
            entry.as_deref().filter(|entry| *it == tag && key.matches(entry))
        })?;
        (!entry.is_gone()).then_some(entry)
    }

    /// Keeps one of a few entries that were found elsewhere, if it is small.
    pub(super) fn keep_some(&mut self, cache: u64, hash: u64, entry: &Arc<Entry>) {
        self.found = (self.found + 1) % KEPT_OF;
        if self.found == 0 {
            self.keep(cache, hash, entry);
        }
    }

    fn keep(&mut self, cache: u64, hash: u64, entry: &Arc<Entry>) {
        if entry.answer.size() > ANSWER_LEN_MAX {
            return;
        }
        if self.cache != cache {
            self.cache = cache;
            self.sets = (0..SETS).map(|_| Set::default()).collect();
        }
        let set = &mut self.sets[hash as usize % SETS];
        self.turn = (self.turn + 1) % WAYS;
        let is_free = |at: &usize| set.entries[*at].as_ref().is_none_or(|it| it.is_gone());
        let at = (0..WAYS).find(is_free).unwrap_or(self.turn);
        set.tags[at] = (hash >> 32) as u32;
        set.entries[at] = Some(Arc::clone(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cache::entry::tests::entry, name::Name};

    #[test]
    fn entries_stay_until_they_leave_the_cache() {
        let name = Name::parse("www.example").unwrap();
        let key = Key::new(0, &name, 1, 1, false, false);
        let mut near = Near::new();
        assert!(near.get(1, &key, 7).is_none());
        let held = Arc::new(entry());
        near.keep(1, 7, &held);
        assert!(near.get(1, &key, 7).is_some());
        assert!(near.get(1, &key, 7 + (1 << 32)).is_none(), "another hash");
        assert!(near.get(2, &key, 7).is_none(), "another cache");
        let other = Key::new(1, &name, 1, 1, false, false);
        assert!(near.get(1, &other, 7).is_none(), "another key with the same hash");
        held.leave();
        assert!(near.get(1, &key, 7).is_none());
        // Its place is the first to be taken.
        near.keep(1, 7, &Arc::new(entry()));
        assert_eq!(near.sets[7].entries.iter().flatten().count(), 1);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_full_set_gives_one_up() {
        let name = Name::parse("www.example").unwrap();
        let mut near = Near::new();
        for route in 0..5 {
            let key = Key::new(route, &name, 1, 1, false, false);
            let mut held = entry();
            held.route = route;
            near.keep(1, 7, &Arc::new(held));
            assert!(near.get(1, &key, 7).is_some());
        }
        assert_eq!(near.sets[7].entries.iter().flatten().count(), WAYS);
    }
}

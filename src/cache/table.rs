//! `Table`: the entries of one shard, by linear probing, and which of them to give up.

use super::{Entry, Key, Tick};
use std::sync::Arc;

/// Slots to begin with.
const SLOTS_MIN: usize = 16;

/// How many entries that were asked for lately, or are kept, are spared before one is given up all the same.
const SPARED_MAX: usize = 64;

/// Tenths of the room that entries asked for a second time may fill before they are given up like the others. Names asked for
/// once, however many, pass through the rest (as through the small queue of S3-FIFO, Yang et al., SOSP 2023).
const KEPT_TENTHS: usize = 9;

/// Eight octets and half a hash for each slot; the entries hold their keys.
pub(super) struct Table {
    /// The upper half of each entry's hash, which tells its home, so that no other entry is looked at; 0 where the slot is free.
    marks: Vec<u32>,
    entries: Vec<Option<Arc<Entry>>>,
    len: usize,
    weight: usize,
    weight_max: usize,
    /// Weight of the entries that are kept.
    kept: usize,
    /// Where the next look for something to give up begins.
    hand: usize,
}

impl Table {
    /// An empty table whose entries weigh `weight_max` octets at most.
    pub(super) fn new(weight_max: usize) -> Self {
        Self {
            marks: vec![0; SLOTS_MIN],
            entries: vec![None; SLOTS_MIN],
            len: 0,
            weight: 0,
            weight_max,
            kept: 0,
            hand: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &Key<'_>, hash: u64) -> Option<&Arc<Entry>> {
        self.entries[self.find(key, hash).ok()?].as_ref()
    }

    /// Remembers an entry, whose key has this hash, in place of the one under the same key; others give way where there is no room.
    /// One that is larger than all the room there is is not remembered.
    pub(super) fn insert(&mut self, hash: u64, entry: Arc<Entry>) {
        let weight = entry.weight();
        if let Ok(at) = self.find(&Key::of(&entry), hash) {
            if self.entries[at].as_ref().is_some_and(|it| it.was_liked() || it.is_kept()) {
                entry.keep();
            }
            self.remove(at);
        }
        if weight > self.weight_max {
            return;
        }
        while self.weight + weight > self.weight_max {
            self.give_up_one(entry.stored());
        }
        // At three quarters full, an entry is found by its third mark, and what is not there by its ninth.
        if (self.len + 1) * 4 > self.marks.len() * 3 {
            self.grow();
        }
        self.weight += weight;
        self.len += 1;
        if entry.is_kept() {
            self.kept += weight;
        }
        self.put(mark(hash), entry);
    }

    /// Where the entry is, or the free slot where it would be.
    fn find(&self, key: &Key<'_>, hash: u64) -> Result<usize, usize> {
        let mark = mark(hash);
        let mut at = self.home(mark);
        loop {
            match self.marks[at] {
                0 => return Err(at),
                it if it == mark && self.entries[at].as_ref().is_some_and(|it| key.matches(it)) => {
                    return Ok(at);
                }
                _ => at = self.after(at),
            }
        }
    }

    fn put(&mut self, mark: u32, entry: Arc<Entry>) {
        let mut at = self.home(mark);
        while self.marks[at] != 0 {
            at = self.after(at);
        }
        self.marks[at] = mark;
        self.entries[at] = Some(entry);
    }

    /// Takes an entry out and closes the gap, so that every entry stays reachable from its home.
    fn remove(&mut self, mut gap: usize) {
        let Some(entry) = self.entries[gap].take() else { return };
        entry.leave();
        self.weight -= entry.weight();
        self.len -= 1;
        if entry.is_kept() {
            self.kept -= entry.weight();
        }
        let mut at = gap;
        loop {
            at = self.after(at);
            if self.marks[at] == 0 {
                break;
            }
            let home = self.home(self.marks[at]);
            // It may move back to the gap unless its home lies behind that.
            if self.distance(home, at) >= self.distance(gap, at) {
                self.entries[gap] = self.entries[at].take();
                self.marks[gap] = self.marks[at];
                gap = at;
            }
        }
        self.marks[gap] = 0;
    }

    /// Gives up the next entry that was not asked for since the last time round, and is not kept.
    fn give_up_one(&mut self, now: Tick) {
        let mut spared = 0;
        loop {
            self.hand = self.after(self.hand);
            let Some(entry) = &self.entries[self.hand] else { continue };
            let is_kept = entry.is_kept();
            let is_spared = if entry.was_liked() {
                if !is_kept {
                    entry.keep();
                    self.kept += entry.weight();
                }
                true
            } else {
                is_kept && self.kept <= self.weight_max / 10 * KEPT_TENTHS && entry.is_fresh(now)
            };
            if is_spared && spared < SPARED_MAX {
                spared += 1;
                continue;
            }
            return self.remove(self.hand);
        }
    }

    fn grow(&mut self) {
        let slots = self.marks.len() * 3 / 2;
        let marks = std::mem::replace(&mut self.marks, vec![0; slots]);
        let entries = std::mem::replace(&mut self.entries, vec![None; slots]);
        self.hand = 0;
        for (mark, entry) in marks.into_iter().zip(entries) {
            if let Some(entry) = entry {
                self.put(mark, entry);
            }
        }
    }

    fn home(&self, mark: u32) -> usize {
        ((u64::from(mark) * self.marks.len() as u64) >> 32) as usize
    }

    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.marks.len() { 0 } else { at + 1 }
    }

    /// Steps forward from one slot to another.
    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.marks.len() - from }
    }
}

/// The upper half of a hash, for the lower bits chose the shard; never 0.
const fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cache::Tick,
        dns::{Made, Query, Rcode},
        name::Name,
    };
    use foldhash::fast::FixedState;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, time::Duration};

    const KEYED: FixedState = FixedState::with_seed(7);

    fn entry(name: &str) -> Arc<Entry> {
        entry_at(name, Tick::after(Duration::ZERO))
    }

    fn entry_at(name: &str, now: Tick) -> Arc<Entry> {
        let name = Name::parse(name).unwrap();
        let packet = [b"\0\0\x01\0\0\x01\0\0\0\0\0\0", name.wire(), b"\0\x01\0\x01"].concat();
        let answer = Made::Empty(Rcode::NOERROR).answer(&Query::parse(&packet).unwrap());
        let key = Key::new(0, &name, 1, 1, false, false);
        Arc::new(Entry::new(&key, answer, Arc::default(), now, Duration::from_secs(10)))
    }

    fn put(table: &mut Table, entry: Arc<Entry>) {
        table.insert(Key::of(&entry).hash(&KEYED), entry);
    }

    fn holds(table: &Table, name: &str) -> bool {
        let name = Name::parse(name).unwrap();
        let key = Key::new(0, &name, 1, 1, false, false);
        table.get(&key, key.hash(&KEYED)).is_some()
    }

    fn table(entries: usize) -> Table {
        Table::new(entries * entry("n00").weight())
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut table = table(10);
        for number in 0..10 {
            put(&mut table, entry(&format!("n{number:02}")));
        }
        // A scan of names that nobody asks for a second time.
        for number in 10..99 {
            for liked in ["n03", "n07"] {
                let name = Name::parse(liked).unwrap();
                let key = Key::new(0, &name, 1, 1, false, false);
                table.get(&key, key.hash(&KEYED)).unwrap().like();
            }
            put(&mut table, entry(&format!("n{number:02}")));
            assert_eq!((table.len(), holds(&table, &format!("n{number:02}"))), (10, true));
        }
        assert!(holds(&table, "n03") && holds(&table, "n07") && !holds(&table, "n04"));
    }

    #[test]
    fn a_scan_does_not_wash_out_what_was_asked_for_twice() {
        let mut table = table(10_000);
        let popular = |it: usize| format!("p{it:04}");
        for number in 0..2_000 {
            let new = entry(&popular(number));
            new.like();
            put(&mut table, new);
        }
        // Nobody asks for the popular ones meanwhile.
        for number in 0..200_000 {
            put(&mut table, entry(&format!("n{number:06}")));
        }
        let held = (0..2_000).filter(|it| holds(&table, &popular(*it))).count();
        assert!(held >= 1_990, "{held} of 2,000");
        // What takes the place of one that is kept is kept as well; its weight counts once.
        put(&mut table, entry("p0007"));
        (0..30_000).for_each(|it| put(&mut table, entry(&format!("m{it:06}"))));
        assert!(holds(&table, "p0007") && table.kept <= 2_000 * entry("p0007").weight());
    }

    #[test]
    fn kept_entries_that_ran_out_give_way() {
        let mut table = table(100);
        for number in 0..80 {
            let new = entry(&format!("p{number:02}"));
            new.like();
            put(&mut table, new);
        }
        let late = Tick::after(Duration::from_secs(11));
        for number in 0..300 {
            put(&mut table, entry_at(&format!("n{number:03}"), late));
        }
        let held = (0..80).filter(|it| holds(&table, &format!("p{it:02}"))).count();
        assert!(held <= 8 && table.kept == held * entry("p00").weight(), "{held} of 80");
    }

    #[test]
    fn a_table_full_of_what_is_liked_still_takes_the_next() {
        let mut table = table(200);
        for number in 0..300 {
            let new = entry(&format!("n{number:03}"));
            new.like();
            put(&mut table, new);
        }
        assert!(table.len() <= 200 && holds(&table, "n299"));
    }

    #[test]
    fn whoever_gives_way_is_told() {
        let mut table = table(10);
        let (first, second) = (entry("n00"), entry("n00"));
        put(&mut table, Arc::clone(&first));
        assert!(!first.is_gone());
        put(&mut table, Arc::clone(&second));
        assert!(first.is_gone() && !second.is_gone());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn what_is_larger_than_the_room_is_not_taken() {
        let mut table = Table::new(entry("n00").weight() - 1);
        put(&mut table, entry("n00"));
        assert_eq!((table.len(), table.weight), (0, 0));
    }

    proptest! {
        #[test]
        fn a_table_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0_u8..60), 0..200)) {
            let mut table = table(1000);
            let mut model = BTreeSet::new();
            for (take, number) in steps {
                let name = format!("n{number:02}");
                if take {
                    put(&mut table, entry(&name));
                    model.insert(number);
                } else {
                    let parsed = Name::parse(&name).unwrap();
                    let key = Key::new(0, &parsed, 1, 1, false, false);
                    if let Ok(at) = table.find(&key, key.hash(&KEYED)) {
                        table.remove(at);
                    }
                    model.remove(&number);
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for number in 0..60 {
                prop_assert_eq!(holds(&table, &format!("n{number:02}")), model.contains(&number));
            }
        }
    }
}

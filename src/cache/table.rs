//! `Table`: the entries of one shard, in segments, and which of them to give up.
//!
//! What is done at a time is small, whatever the size of the table: the lock around it is held for one step.

use super::{Entry, Key, Tick, segment::Segment};
use std::sync::Arc;

/// Octets of entries for which there is a segment: some hundred of the usual size.
const SEGMENT_OCTETS: usize = 24 << 10;

/// Slots looked at in one step for something to give up.
const LOOKS_MAX: usize = 8;

/// How many entries that were asked for lately, or are kept, are spared before one is given up all the same.
const SPARED_MAX: usize = 64;

/// Tenths of the room that entries asked for a second time may fill before they are given up like the others. Names asked for
/// once, however many, pass through the rest (as through the small queue of S3-FIFO, Yang et al., SOSP 2023).
const KEPT_TENTHS: usize = 9;

/// Segments, as many as there is room for, and a clock's hand that goes through them.
pub(super) struct Table {
    segments: Box<[Segment]>,
    len: usize,
    weight: usize,
    weight_max: usize,
    /// Weight of the entries that are kept.
    kept: usize,
    /// The segment that was looked at last for something to give up.
    hand: usize,
    /// Entries spared since one was given up.
    spared: usize,
}

/// How far an insertion has come.
pub(super) enum Step {
    /// To its end; with what was held under the same key.
    Done(Option<Arc<Entry>>),
    /// There is no room yet; with what was given up for it.
    Again(Option<Arc<Entry>>),
}

impl Table {
    /// An empty table whose entries weigh `weight_max` octets at most.
    pub(super) fn new(weight_max: usize) -> Self {
        Self {
            segments: (0..=weight_max / SEGMENT_OCTETS).map(|_| Segment::default()).collect(),
            len: 0,
            weight: 0,
            weight_max,
            kept: 0,
            hand: 0,
            spared: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &Key<'_>, hash: u64) -> Option<&Arc<Entry>> {
        let segment = &self.segments[self.segment(hash)];
        segment.entry(segment.find(key, hash)?)
    }

    /// Goes a step towards remembering an entry, whose key has this hash, in place of the one under the same key; others give way where
    /// there is no room. One that is larger than all the room there is is not remembered.
    ///
    /// What leaves is handed back, for it may be large: it is freed where nobody waits for it.
    pub(super) fn insert(&mut self, hash: u64, entry: &Arc<Entry>) -> Step {
        let weight = entry.weight();
        let at = self.segment(hash);
        let old = self.segments[at].find(&Key::of(entry), hash);
        let held = old.and_then(|slot| self.segments[at].entry(slot));
        if weight > self.weight_max {
            return Step::Done(old.and_then(|slot| self.remove(at, slot)));
        }
        if self.weight - held.map_or(0, |it| it.weight()) + weight > self.weight_max {
            return Step::Again(self.give_up(entry.stored()));
        }
        if held.is_some_and(|it| it.was_liked() || it.is_kept()) {
            entry.keep();
        }
        let left = old.and_then(|slot| self.remove(at, slot));
        self.weight += weight;
        self.len += 1;
        if entry.is_kept() {
            self.kept += weight;
        }
        self.segments[at].put(hash, Arc::clone(entry));
        Step::Done(left)
    }

    /// The lowest bits of a hash choose the shard, the upper half the place in a segment; the rest is for this.
    const fn segment(&self, hash: u64) -> usize {
        (((hash as u32 as u64) * self.segments.len() as u64) >> 32) as usize
    }

    fn remove(&mut self, segment: usize, slot: usize) -> Option<Arc<Entry>> {
        let entry = self.segments[segment].take(slot)?;
        entry.leave();
        self.weight -= entry.weight();
        self.len -= 1;
        if entry.is_kept() {
            self.kept -= entry.weight();
        }
        Some(entry)
    }

    /// Gives up the next entry that was not asked for since the last time round, and is not kept; `None` where it is not among the
    /// next few.
    fn give_up(&mut self, now: Tick) -> Option<Arc<Entry>> {
        for _ in 0..LOOKS_MAX {
            self.hand = (self.hand + 1) % self.segments.len();
            let segment = &mut self.segments[self.hand];
            let slot = segment.next_look();
            let Some(entry) = segment.entry(slot) else { continue };
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
            if is_spared && self.spared < SPARED_MAX {
                self.spared += 1;
                continue;
            }
            self.spared = 0;
            return self.remove(self.hand, slot);
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
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

    pub(in crate::cache) fn entry(name: &str) -> Arc<Entry> {
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
        let hash = Key::of(&entry).hash(&KEYED);
        while let Step::Again(_) = table.insert(hash, &entry) {}
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

    #[test]
    fn a_step_is_small_in_a_large_table() {
        const NAMES: usize = 30_000;
        let mut table = table(NAMES / 2);
        for number in 0..NAMES {
            let entry = entry(&format!("n{number:05}"));
            let hash = Key::of(&entry).hash(&KEYED);
            loop {
                let before: Vec<_> = table.segments.iter().map(Segment::slots).collect();
                let (hand, len) = (table.hand, table.len());
                let step = table.insert(hash, &entry);
                let grown =
                    table.segments.iter().zip(before).filter(|(it, before)| it.slots() != *before);
                assert!(grown.count() <= 1, "the entries of one segment move at most");
                assert!(table.len().abs_diff(len) <= 1, "one comes or one goes");
                let segments = table.segments.len();
                assert!((table.hand + segments - hand) % segments <= LOOKS_MAX);
                if matches!(step, Step::Done(_)) {
                    break;
                }
            }
        }
        let most = table.segments.iter().map(Segment::slots).max();
        assert!(table.len() > NAMES / 3 && most < Some(400), "{most:?} of {}", table.len());
    }

    #[test]
    fn who_needs_more_room_than_one_leaves_takes_more_steps() {
        let mut table = table(100);
        (0..100).for_each(|it| put(&mut table, entry(&format!("n{it:02}"))));
        let large = entry(&["l"; 120].join("."));
        let hash = Key::of(&large).hash(&KEYED);
        let mut left = 0;
        while let Step::Again(one) = table.insert(hash, &large) {
            left += usize::from(one.is_some());
        }
        assert_eq!((left, table.len()), (3, 98));
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
                    let hash = key.hash(&KEYED);
                    let segment = table.segment(hash);
                    if let Some(slot) = table.segments[segment].find(&key, hash) {
                        prop_assert!(table.remove(segment, slot).is_some());
                    }
                    model.remove(&number);
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.weight, model.len() * entry("n00").weight());
            }
            for number in 0..60 {
                prop_assert_eq!(holds(&table, &format!("n{number:02}")), model.contains(&number));
            }
        }
    }
}

//! `Segment`: a small hash table by linear probing, part of a [`super::table::Table`]. It grows by itself, so that an insertion moves
//! the entries of one segment at most.

use super::{Entry, Key};
use std::{mem, sync::Arc};

/// Slots in 64 octets, one line of a processor's cache: five marks, then five pointers.
const BLOCK_SLOTS: usize = 5;

/// Slots that are asked for together.
#[derive(Default)]
struct Block {
    /// The upper half of each entry's hash, which tells its home, so that no other entry is looked at; 0 where the slot is free.
    marks: [u32; BLOCK_SLOTS],
    entries: [Option<Arc<Entry>>; BLOCK_SLOTS],
}

/// Entries, which hold their keys. An entry's home is the first slot of a block.
#[derive(Default)]
pub(super) struct Segment {
    blocks: Vec<Block>,
    len: u32,
    /// How far [`Segment::next_look`] has come.
    hand: u32,
}

impl Segment {
    /// How many slots there are, taken or not.
    pub(super) const fn slots(&self) -> usize {
        self.blocks.len() * BLOCK_SLOTS
    }

    /// The slot to look at next for something to give up: the first of each block, then the second of each, so that no part of the
    /// table is empty while others are crowded.
    pub(super) const fn next_look(&mut self) -> usize {
        let (blocks, hand) = (self.blocks.len(), self.hand as usize);
        if hand + 1 >= self.slots() {
            self.hand = 0;
            return 0;
        }
        self.hand += 1;
        (hand + 1) % blocks * BLOCK_SLOTS + (hand + 1) / blocks
    }

    /// The slot where an entry stands.
    pub(super) fn find(&self, key: &Key<'_>, hash: u64) -> Option<usize> {
        let mark = mark(hash);
        let mut at = self.home(mark) / BLOCK_SLOTS;
        loop {
            let block = self.blocks.get(at)?;
            for (slot, (it, entry)) in block.marks.iter().zip(&block.entries).enumerate() {
                if *it == 0 {
                    return None;
                }
                if *it == mark && entry.as_ref().is_some_and(|it| key.matches(it)) {
                    return Some(at * BLOCK_SLOTS + slot);
                }
            }
            at = if at + 1 == self.blocks.len() { 0 } else { at + 1 };
        }
    }

    /// What stands in a slot.
    pub(super) fn entry(&self, at: usize) -> Option<&Arc<Entry>> {
        self.blocks.get(at / BLOCK_SLOTS)?.entries[at % BLOCK_SLOTS].as_ref()
    }

    /// Takes in an entry, under whose key there is none.
    pub(super) fn put(&mut self, hash: u64, entry: Arc<Entry>) {
        // At three quarters full, nearly every entry stands in its home block or the next.
        if (self.len as usize + 1) * 4 > self.slots() * 3 {
            self.grow();
        }
        self.len += 1;
        self.place(mark(hash), entry);
    }

    /// Takes an entry out and closes the gap, so that every entry stays reachable from its home.
    pub(super) fn take(&mut self, mut gap: usize) -> Option<Arc<Entry>> {
        let entry = self.slot(gap).1.take()?;
        self.len -= 1;
        let mut at = gap;
        loop {
            at = self.after(at);
            let mark = *self.slot(at).0;
            if mark == 0 {
                break;
            }
            // It may move back to the gap unless its home lies behind that.
            if self.distance(self.home(mark), at) >= self.distance(gap, at) {
                let moved = self.slot(at).1.take();
                (*self.slot(gap).0, *self.slot(gap).1) = (mark, moved);
                gap = at;
            }
        }
        *self.slot(gap).0 = 0;
        Some(entry)
    }

    /// By a half and by a third in turn: an allocator's sizes, so that nothing is left over.
    fn grow(&mut self) {
        let blocks = match self.blocks.len() {
            0 => 1,
            len if len.is_power_of_two() => len + len.div_ceil(2),
            len => len / 3 * 4,
        };
        let empty = (0..blocks).map(|_| Block::default()).collect();
        for block in mem::replace(&mut self.blocks, empty) {
            for (mark, entry) in block.marks.into_iter().zip(block.entries) {
                if let Some(entry) = entry {
                    self.place(mark, entry);
                }
            }
        }
    }

    fn place(&mut self, mark: u32, entry: Arc<Entry>) {
        let mut at = self.home(mark);
        while *self.slot(at).0 != 0 {
            at = self.after(at);
        }
        (*self.slot(at).0, *self.slot(at).1) = (mark, Some(entry));
    }

    fn slot(&mut self, at: usize) -> (&mut u32, &mut Option<Arc<Entry>>) {
        let block = &mut self.blocks[at / BLOCK_SLOTS];
        (&mut block.marks[at % BLOCK_SLOTS], &mut block.entries[at % BLOCK_SLOTS])
    }

    const fn home(&self, mark: u32) -> usize {
        ((mark as u64 * self.blocks.len() as u64) >> 32) as usize * BLOCK_SLOTS
    }

    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots() { 0 } else { at + 1 }
    }

    /// Steps forward from one slot to another.
    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots() - from }
    }
}

/// The upper half of a hash, for the lower bits chose shard and segment; never 0.
const fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cache::table::tests::entry, name::Name};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn find(segment: &Segment, number: u8, hash: u64) -> Option<usize> {
        let name = Name::parse(&format!("n{number:02}")).unwrap();
        segment.find(&Key::new(0, &name, 1, 1, false, false), hash)
    }

    #[test]
    fn a_block_is_a_line() {
        assert_eq!(size_of::<Block>(), 64);
    }

    proptest! {
        #[test]
        fn a_segment_is_a_set(
            steps in proptest::collection::vec((any::<bool>(), 0_u8..60), 0..300),
            spread in prop::sample::select(vec![1_u64 << 58, 1 << 40, u64::MAX / 60, 1 << 32]),
        ) {
            // Apart, all at home in one block, or in a few, and at the end of the table, from which they run over.
            let hash = |it: u8| u64::MAX - u64::from(it) * spread;
            let mut segment = Segment::default();
            let mut model = BTreeSet::new();
            for (put, number) in steps {
                match (put, find(&segment, number, hash(number))) {
                    (true, None) => segment.put(hash(number), entry(&format!("n{number:02}"))),
                    (false, Some(at)) => prop_assert!(segment.take(at).is_some()),
                    _ => (),
                }
                if put { model.insert(number) } else { model.remove(&number) };
                prop_assert_eq!(segment.len as usize, model.len());
            }
            for number in 0..60 {
                let found = find(&segment, number, hash(number)).is_some();
                prop_assert_eq!(found, model.contains(&number));
            }
            // One round of looks comes by every slot.
            let looks: BTreeSet<_> = (0..segment.slots()).map(|_| segment.next_look()).collect();
            prop_assert!(looks.into_iter().eq(0..segment.slots()));
            let held = (0..segment.slots()).filter(|it| segment.entry(*it).is_some()).count();
            prop_assert_eq!(held, model.len());
        }
    }
}

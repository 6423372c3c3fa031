//! The table behind the index: 64-bit hashes in linear probing, kept in ascending order, each with the lines that hold it.

mod filling;

pub(super) use filling::{Filling, Full, Inserted};

use std::iter;

use super::pages::Pages;

/// Largest number of a holding line.
pub(super) const HOLDER_MAX: u32 = (1 << 31) - 1;

/// Marks a free slot; no hash is zero (see `build::Hashing`).
const FREE: u64 = 0;

/// Hashes and their holders.
///
/// A hash's home is its share of the blocks, so homes ascend with hashes, and so does everything stored: a look-up stops
/// at the first larger hash. Blocks after the last home take what runs over the end.
pub(super) struct Table {
    blocks: Pages,
    /// Further holders of entries that several lists hold, two a word: those of a block side by side, in the order of its slots,
    /// with [`LAST`] at the last one of each slot.
    further: Pages,
    further_len: usize,
    homes: u64,
    len: usize,
}

/// Slots in one cache line, so that finding a hash and its holder costs one fetch from memory: five hashes, then five
/// holders at two a word, and a note on their further holders.
type Block = [u64; BLOCK_WORDS];

const BLOCK_WORDS: usize = 8;
const BLOCK_SLOTS: usize = 5;

/// The place of the note behind the holders: a bit for each slot that has further holders, one that says whether they may decide
/// where the first one does not, and above these where in `further` those of the block begin.
const NOTE: usize = BLOCK_SLOTS;
const MAY_DECIDE: u32 = 1 << BLOCK_SLOTS;
const NOTE_BITS: usize = BLOCK_SLOTS + 1;

/// Marks the last of an entry's further holders.
const LAST: u32 = 1 << 31;

/// Blocks after the last home. Runs at the density of [`Table::new`] are shorter by far.
const OVERRUN: usize = 64;

impl Table {
    /// Room for about `distinct` hashes.
    fn new(distinct: usize) -> Self {
        // At 91 % full most look-ups read one block, and an entry takes 14 octets.
        let homes = (distinct + distinct * 10 / 100) / BLOCK_SLOTS + 1;
        Self {
            blocks: Pages::new((homes + OVERRUN) * BLOCK_WORDS),
            further: Pages::new(0),
            further_len: 0,
            homes: homes as u64,
            len: 0,
        }
    }

    /// An empty table.
    pub(super) fn empty() -> Self {
        Self::new(0)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.blocks) + self.further_len * size_of::<u32>()
    }

    /// The lines that hold a hash.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<Holders<'_>> {
        let (blocks, _) = self.blocks.as_chunks();
        let mut at = self.home(hash);
        loop {
            let block: &Block = blocks.get(at)?;
            let hashes = &block[..BLOCK_SLOTS];
            // A branch on each hash could not be predicted, and a wrong guess would cost as much as the fetch from memory that
            // the processor begins for the next suffix meanwhile.
            if hashes.iter().fold(false, |met, &it| met | (it == hash)) {
                let slot = hashes.iter().position(|&it| it == hash)?;
                let (first, note) = (holder(block, slot), holder(block, NOTE));
                return Some(Holders { first, note, slot, further: &self.further });
            }
            if !is_below(hashes[BLOCK_SLOTS - 1], hash) {
                return None;
            }
            at += 1;
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * u128::from(self.homes)) >> 64) as usize
    }
}

/// The first line that holds an entry, or with [`NOTE`] in place of a slot what is noted of the block.
#[inline]
fn holder(block: &[u64], slot: usize) -> u32 {
    (block[BLOCK_SLOTS + slot / 2] >> (32 * (slot % 2))) as u32
}

/// Whether a slot is taken by a hash smaller than this one. Free slots, compared as one less, are above all.
#[inline]
const fn is_below(slot: u64, hash: u64) -> bool {
    slot.wrapping_sub(1) < hash - 1
}

/// The lines that hold a hash.
#[derive(Clone, Copy)]
pub(super) struct Holders<'a> {
    /// The line in the first list.
    pub(super) first: u32,
    note: u32,
    slot: usize,
    further: &'a [u64],
}

impl Holders<'_> {
    /// Whether a line of another list may decide where the first does not. Seldom so, and without it nothing but the block is read.
    #[inline]
    pub(super) const fn may_others_decide(self) -> bool {
        self.note & MAY_DECIDE != 0 && self.note >> self.slot & 1 != 0
    }

    /// The lines in other lists, in no order.
    pub(super) fn others(self) -> impl Iterator<Item = u32> {
        let further = self.further;
        let has_any = self.note >> self.slot & 1 != 0;
        let mut before = (self.note & ((1 << self.slot) - 1)).count_ones();
        let mut at = (self.note >> NOTE_BITS) as usize;
        let mut next = has_any.then_some(());
        iter::from_fn(move || {
            loop {
                next?;
                let holder = (further[at / 2] >> (32 * (at % 2))) as u32;
                at += 1;
                let is_last = holder & LAST != 0;
                match before {
                    0 => {
                        next = (!is_last).then_some(());
                        return Some(holder & !LAST);
                    }
                    _ if is_last => before -= 1,
                    _ => (),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// All lines that hold a hash, the one of the first list in front.
    fn holders(table: &Table, hash: u64) -> Vec<u32> {
        let found = table.find(hash).into_iter();
        found.flat_map(|it| iter::once(it.first).chain(it.others())).collect()
    }

    #[test]
    fn holders_are_kept_by_list() {
        let mut table = Filling::new(10, 10);
        assert_eq!(table.insert(7, 1, 1), Ok(Inserted::New));
        assert_eq!(table.insert(7, 2, 1), Ok(Inserted::Repeated));
        assert_eq!(table.insert(7, 5, 4), Ok(Inserted::Shared));
        assert_eq!(table.insert(7, 6, 4), Ok(Inserted::Repeated));
        assert_eq!(table.insert(7, 9, 8), Ok(Inserted::Shared));
        let table = table.settle(|first, other| (first, other) == (1, 9));
        assert_eq!(holders(&table, 7), [1, 9, 5]);
        assert_eq!(holders(&table, 8), [0; 0]);
        assert_eq!((table.len(), table.further_len), (1, 2));
        assert!(table.find(7).unwrap().may_others_decide());
    }

    #[test]
    fn a_full_table_says_so_and_still_ends_its_searches() {
        let mut table = Filling::new(0, 0);
        // All of them are at home in the only block that is one.
        let mut hash = u64::MAX;
        while table.insert(hash, 1, 1) == Ok(Inserted::New) {
            hash -= 1;
        }
        let table = table.settle(|_, _| false);
        assert_eq!(table.len(), (1 + OVERRUN) * BLOCK_SLOTS - 1);
        assert_eq!(holders(&table, hash), [0; 0]);
        assert_eq!(holders(&table, 1), [0; 0]);
        assert_eq!(holders(&table, u64::MAX), [1]);
    }

    proptest! {
        #[test]
        fn a_table_is_a_map_to_the_lines_of_several_lists(
            lists in proptest::collection::vec(proptest::collection::vec(1_u64..40, 0..60), 1..5),
            high in any::<bool>(),
        ) {
            // Few or neighbouring hashes make long runs.
            let spread = |it: u64| if high { u64::MAX - it } else { it << 58 | it };
            let mut table = Filling::new(8, 200);
            let mut model: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
            let mut line = 0;
            for hashes in lists {
                let start = line + 1;
                for hash in hashes {
                    line += 1;
                    let held = model.entry(hash).or_default();
                    let expected = match held.last() {
                        None => Inserted::New,
                        Some(last) if *last >= start => Inserted::Repeated,
                        Some(_) => Inserted::Shared,
                    };
                    prop_assert_eq!(table.insert(spread(hash), line, start), Ok(expected));
                    if expected != Inserted::Repeated {
                        held.push(line);
                    }
                }
            }
            let may_decide = |first: u32, other: u32| first < 40 && other.is_multiple_of(3);
            let table = table.settle(may_decide);
            for hash in 1..40 {
                let mut held = holders(&table, spread(hash));
                let expected = model.get(&hash).cloned().unwrap_or_default();
                prop_assert_eq!(held.first(), expected.first());
                if let [first, others @ ..] = &expected[..]
                    && others.iter().any(|it| may_decide(*first, *it))
                {
                    prop_assert!(table.find(spread(hash)).unwrap().may_others_decide());
                }
                held.sort_unstable();
                prop_assert_eq!(held, expected);
            }
            prop_assert_eq!(table.len(), model.len());
        }
    }
}

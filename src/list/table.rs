//! The table behind the index: 64-bit hashes in linear probing, kept in ascending order, each with the line that holds it.

use std::hint;

use super::pages::Pages;

/// Largest number of a holding line.
pub(super) const HOLDER_MAX: u32 = (1 << 31) - 1;

/// Marks a holder that is a number of a cell.
const CELL: u32 = 1 << 31;

/// Marks a free slot; no hash is zero (see `build::Hashing`).
const FREE: u64 = 0;

/// Hashes and their holders.
///
/// A hash's home is its share of the blocks, so homes ascend with hashes, and so does everything stored: a look-up stops
/// at the first larger hash. Blocks after the last home take what runs over the end.
pub(super) struct Table {
    blocks: Pages,
    /// Further holders of entries that several lists hold: a line in the upper half, in the lower half the holders before
    /// it, in the form of [`holder`].
    cells: Pages,
    cells_len: usize,
    homes: u64,
    len: usize,
}

/// Slots in one cache line, so that finding a hash and its holder costs one fetch from memory: five hashes, then five
/// holders at two a word.
type Block = [u64; BLOCK_WORDS];

const BLOCK_WORDS: usize = 8;
const BLOCK_SLOTS: usize = 5;

/// Blocks after the last home. Runs at the density of [`Table::new`] are shorter by far.
const OVERRUN: usize = 64;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    /// No list held it before.
    New,
    /// Another list holds it, too.
    Shared,
    /// The same list holds it further up.
    Repeated,
}

/// There is no room for an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Table {
    /// Room for about `distinct` hashes and for `shared` further holders.
    pub(super) fn new(distinct: usize, shared: usize) -> Self {
        // At 85 % full nearly every look-up reads one block, and an entry takes 15 octets.
        let homes = (distinct + distinct * 17 / 100) / BLOCK_SLOTS + 1;
        Self {
            blocks: Pages::new((homes + OVERRUN) * BLOCK_WORDS),
            cells: Pages::new(shared),
            cells_len: 0,
            homes: homes as u64,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.blocks) + self.cells_len * size_of::<u64>()
    }

    /// The lines that hold a hash, latest list first.
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
                return Some(Holders { cells: &self.cells, next: Some(holder(block, slot)) });
            }
            if !is_below(hashes[BLOCK_SLOTS - 1], hash) {
                return None;
            }
            at += 1;
        }
    }

    /// Adds lines with the hashes that they hold, and tells what became of each, up to the first for which there is no room.
    ///
    /// Lines come in ascending order; those from `list_start` on are of the same list.
    pub(super) fn insert_all(
        &mut self,
        entries: &[(u64, u32)],
        list_start: u32,
        mut told: impl FnMut(Inserted),
    ) -> Result<(), Full> {
        // Blocks are asked for side by side before they are needed one after the other.
        let sum =
            entries.iter().fold(0, |sum, it| sum ^ self.blocks[self.home(it.0) * BLOCK_WORDS]);
        hint::black_box(sum);
        for &(hash, line) in entries {
            told(self.insert(hash, line, list_start)?);
        }
        Ok(())
    }

    fn insert(&mut self, hash: u64, line: u32, list_start: u32) -> Result<Inserted, Full> {
        debug_assert!(hash != FREE && line <= HOLDER_MAX, "callers keep to both");
        let mut at = self.home(hash) * BLOCK_SLOTS;
        while is_below(self.hash(at), hash) {
            at += 1;
        }
        if self.hash(at) == hash {
            return self.share(at, line, list_start);
        }
        let mut free = at;
        while self.hash(free) != FREE {
            free += 1;
        }
        // The very last slot stays free, so that every search ends.
        if free + 1 == self.blocks.len() / BLOCK_WORDS * BLOCK_SLOTS {
            return Err(Full);
        }
        while free > at {
            self.set(free, self.hash(free - 1), self.holder(free - 1));
            free -= 1;
        }
        self.set(at, hash, line);
        self.len += 1;
        Ok(Inserted::New)
    }

    fn share(&mut self, at: usize, line: u32, list_start: u32) -> Result<Inserted, Full> {
        let rest = self.holder(at);
        let latest = if rest & CELL == 0 { rest } else { cell(&self.cells, rest).0 };
        if latest >= list_start {
            return Ok(Inserted::Repeated);
        }
        let number = u32::try_from(self.cells_len).ok().filter(|&it| it < CELL).ok_or(Full)?;
        *self.cells.get_mut(self.cells_len).ok_or(Full)? = u64::from(line) << 32 | u64::from(rest);
        self.cells_len += 1;
        self.set(at, self.hash(at), CELL | number);
        Ok(Inserted::Shared)
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * u128::from(self.homes)) >> 64) as usize
    }

    #[inline]
    fn hash(&self, at: usize) -> u64 {
        self.blocks[at / BLOCK_SLOTS * BLOCK_WORDS + at % BLOCK_SLOTS]
    }

    #[inline]
    fn holder(&self, at: usize) -> u32 {
        holder(&self.blocks[at / BLOCK_SLOTS * BLOCK_WORDS..], at % BLOCK_SLOTS)
    }

    #[inline]
    fn set(&mut self, at: usize, hash: u64, holder: u32) {
        let (block, slot) = (at / BLOCK_SLOTS * BLOCK_WORDS, at % BLOCK_SLOTS);
        self.blocks[block + slot] = hash;
        let word = &mut self.blocks[block + BLOCK_SLOTS + slot / 2];
        let shift = 32 * (slot % 2);
        *word = *word & !(u64::from(u32::MAX) << shift) | u64::from(holder) << shift;
    }
}

/// The line of an entry that one list holds; else [`CELL`] and the number of a cell.
#[inline]
fn holder(block: &[u64], slot: usize) -> u32 {
    (block[BLOCK_SLOTS + slot / 2] >> (32 * (slot % 2))) as u32
}

/// A line, and the holders before it.
#[inline]
fn cell(cells: &[u64], holder: u32) -> (u32, u32) {
    let cell = cells[(holder & !CELL) as usize];
    ((cell >> 32) as u32, cell as u32)
}

/// Whether a slot is taken by a hash smaller than this one. Free slots, compared as one less, are above all.
#[inline]
fn is_below(slot: u64, hash: u64) -> bool {
    slot.wrapping_sub(1) < hash - 1
}

/// The lines that hold a hash.
pub(super) struct Holders<'a> {
    cells: &'a [u64],
    next: Option<u32>,
}

impl Iterator for Holders<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let holder = self.next?;
        if holder & CELL == 0 {
            self.next = None;
            return Some(holder);
        }
        let (line, rest) = cell(self.cells, holder);
        self.next = Some(rest);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn holders(table: &Table, hash: u64) -> Vec<u32> {
        table.find(hash).into_iter().flatten().collect()
    }

    #[test]
    fn holders_are_chained_by_list() {
        let mut table = Table::new(10, 10);
        assert_eq!(table.insert(7, 1, 1), Ok(Inserted::New));
        assert_eq!(table.insert(7, 2, 1), Ok(Inserted::Repeated));
        assert_eq!(table.insert(7, 5, 4), Ok(Inserted::Shared));
        assert_eq!(table.insert(7, 6, 4), Ok(Inserted::Repeated));
        assert_eq!(table.insert(7, 9, 8), Ok(Inserted::Shared));
        assert_eq!(holders(&table, 7), [9, 5, 1]);
        assert_eq!(holders(&table, 8), [0; 0]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_full_table_says_so_and_still_ends_its_searches() {
        let mut table = Table::new(0, 0);
        // All of them are at home in the only block that is one.
        let mut hash = u64::MAX;
        while table.insert(hash, 1, 1) == Ok(Inserted::New) {
            hash -= 1;
        }
        assert_eq!(table.len(), (1 + OVERRUN) * BLOCK_SLOTS - 1);
        assert_eq!(holders(&table, hash), [0; 0]);
        assert_eq!(holders(&table, 1), [0; 0]);
        assert_eq!(holders(&table, u64::MAX), [1]);
    }

    proptest! {
        #[test]
        fn a_table_is_a_map(hashes in proptest::collection::vec(1_u64..40, 0..60), high in any::<bool>()) {
            // Few or neighbouring hashes make long runs.
            let spread = |it: u64| if high { u64::MAX - it } else { it << 58 | it };
            let mut table = Table::new(8, 0);
            let mut model = BTreeMap::new();
            for (line, &hash) in (1..).zip(&hashes) {
                let expected = if model.contains_key(&hash) { Inserted::Repeated } else { Inserted::New };
                prop_assert_eq!(table.insert(spread(hash), line, 1), Ok(expected));
                model.entry(hash).or_insert(line);
            }
            for hash in 1..40 {
                let expected: Vec<u32> = model.get(&hash).copied().into_iter().collect();
                prop_assert_eq!(holders(&table, spread(hash)), expected);
            }
            prop_assert_eq!(table.len(), model.len());
        }
    }
}

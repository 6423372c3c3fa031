//! The table behind the index: 64-bit hashes in linear probing, kept in ascending order, each with the line that holds it.

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
    blocks: Box<[Block]>,
    /// Further holders of entries that several lists hold.
    cells: Vec<Cell>,
    homes: u64,
    len: usize,
}

/// Slots in one cache line, so that finding a hash and its holder costs one fetch from memory.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block {
    hashes: [u64; BLOCK_SLOTS],
    /// The line of an entry that one list holds; else [`CELL`] and the number of a cell.
    holders: [u32; BLOCK_SLOTS],
}

const BLOCK_SLOTS: usize = 5;
const _: () = assert!(size_of::<Block>() == 64, "a block is a cache line");

/// Blocks after the last home. Runs at the density of [`Table::new`] are shorter by far.
const OVERRUN: usize = 64;

/// One holder of an entry that several lists hold.
#[derive(Clone, Copy)]
struct Cell {
    line: u32,
    /// The holders before it, in the form of [`Block::holders`].
    rest: u32,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    /// No list held it before.
    New,
    /// Another list holds it, too.
    Shared,
    /// The same list holds it further up.
    Repeated,
    /// There is no room; the table is unchanged.
    Full,
}

impl Table {
    /// Room for about `distinct` hashes, of which `shared` have a further holder.
    pub(super) fn new(distinct: usize, shared: usize) -> Self {
        // At 85 % full nearly every look-up reads one block, and an entry takes 15 octets.
        let homes = (distinct + distinct * 17 / 100) / BLOCK_SLOTS + 1;
        let free = Block { hashes: [FREE; BLOCK_SLOTS], holders: [0; BLOCK_SLOTS] };
        Self {
            blocks: vec![free; homes + OVERRUN].into_boxed_slice(),
            cells: Vec::with_capacity(shared),
            homes: homes as u64,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.blocks) + self.cells.capacity() * size_of::<Cell>()
    }

    /// The lines that hold a hash, latest list first.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<Holders<'_>> {
        let mut at = self.home(hash);
        loop {
            let block = self.blocks.get(at)?;
            // A branch on each hash could not be predicted, and a wrong guess would cost as much as the fetch from memory that
            // the processor begins for the next suffix meanwhile.
            if block.hashes.iter().fold(false, |met, &it| met | (it == hash)) {
                let slot = block.hashes.iter().position(|&it| it == hash)?;
                return Some(Holders { cells: &self.cells, next: Some(block.holders[slot]) });
            }
            if !is_below(block.hashes[BLOCK_SLOTS - 1], hash) {
                return None;
            }
            at += 1;
        }
    }

    /// Adds a line that holds a hash. Lines come in ascending order; those from `list_start` on are of the same list.
    pub(super) fn insert(&mut self, hash: u64, line: u32, list_start: u32) -> Inserted {
        debug_assert!(hash != FREE && line <= HOLDER_MAX, "callers keep to both");
        let mut at = self.home(hash) * BLOCK_SLOTS;
        while is_below(self.slot(at).0, hash) {
            at += 1;
        }
        if self.slot(at).0 == hash {
            return self.share(at, line, list_start);
        }
        let mut free = at;
        while self.slot(free).0 != FREE {
            free += 1;
        }
        // The very last slot stays free, so that every search ends.
        if free + 1 == self.blocks.len() * BLOCK_SLOTS {
            return Inserted::Full;
        }
        while free > at {
            let (hash, holder) = self.slot(free - 1);
            self.set(free, hash, holder);
            free -= 1;
        }
        self.set(at, hash, line);
        self.len += 1;
        Inserted::New
    }

    /// Gives back what was set aside for cells and not needed.
    pub(super) fn shrink(&mut self) {
        self.cells.shrink_to_fit();
    }

    fn share(&mut self, at: usize, line: u32, list_start: u32) -> Inserted {
        let (hash, rest) = self.slot(at);
        let latest = if rest & CELL == 0 { rest } else { self.cells[(rest & !CELL) as usize].line };
        if latest >= list_start {
            return Inserted::Repeated;
        }
        match u32::try_from(self.cells.len()) {
            Ok(number) if number < CELL => {
                self.cells.push(Cell { line, rest });
                self.set(at, hash, CELL | number);
                Inserted::Shared
            }
            _ => Inserted::Full,
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * u128::from(self.homes)) >> 64) as usize
    }

    #[inline]
    fn slot(&self, at: usize) -> (u64, u32) {
        let block = &self.blocks[at / BLOCK_SLOTS];
        (block.hashes[at % BLOCK_SLOTS], block.holders[at % BLOCK_SLOTS])
    }

    #[inline]
    fn set(&mut self, at: usize, hash: u64, holder: u32) {
        let block = &mut self.blocks[at / BLOCK_SLOTS];
        block.hashes[at % BLOCK_SLOTS] = hash;
        block.holders[at % BLOCK_SLOTS] = holder;
    }
}

/// Whether a slot is taken by a hash smaller than this one. Free slots, compared as one less, are above all.
#[inline]
fn is_below(slot: u64, hash: u64) -> bool {
    slot.wrapping_sub(1) < hash - 1
}

/// The lines that hold a hash.
pub(super) struct Holders<'a> {
    cells: &'a [Cell],
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
        let cell = self.cells[(holder & !CELL) as usize];
        self.next = Some(cell.rest);
        Some(cell.line)
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
        assert_eq!(table.insert(7, 1, 1), Inserted::New);
        assert_eq!(table.insert(7, 2, 1), Inserted::Repeated);
        assert_eq!(table.insert(7, 5, 4), Inserted::Shared);
        assert_eq!(table.insert(7, 6, 4), Inserted::Repeated);
        assert_eq!(table.insert(7, 9, 8), Inserted::Shared);
        assert_eq!(holders(&table, 7), [9, 5, 1]);
        assert_eq!(holders(&table, 8), [0; 0]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_full_table_says_so_and_still_ends_its_searches() {
        let mut table = Table::new(0, 0);
        // All of them are at home in the only block that is one.
        let mut hash = u64::MAX;
        while table.insert(hash, 1, 1) == Inserted::New {
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
                prop_assert_eq!(table.insert(spread(hash), line, 1), expected);
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

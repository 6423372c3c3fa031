//! The table behind the index: 64-bit hashes in linear probing, kept in ascending order, each with the line that holds it.

/// Largest number of a holding line.
pub(super) const HOLDER_MAX: u32 = (1 << 31) - 1;

/// Marks a holder that is a number of a cell.
const CELL: u32 = 1 << 31;

/// Marks a free slot; no hash is zero (see `build::Hashing`).
const FREE: u64 = 0;

/// Hashes and their holders.
///
/// A hash's home is its share of the table's length, so homes ascend with hashes, and so does everything stored: a
/// look-up stops at the first larger hash. Slots after the last home take what runs over the end.
pub(super) struct Table {
    hashes: Box<[u64]>,
    /// The line of an entry that one list holds; else [`CELL`] and the number of a cell.
    holders: Box<[u32]>,
    /// Further holders of entries that several lists hold.
    cells: Vec<Cell>,
    homes: u64,
    len: usize,
}

/// One holder of an entry that several lists hold.
#[derive(Clone, Copy)]
struct Cell {
    line: u32,
    /// The holders before it, in the form of [`Table::holders`].
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
        // At 82 % full a look-up reads 3 hashes, and an entry takes less than 15 octets.
        let homes = distinct + distinct * 22 / 100 + 1;
        let slots = homes + OVERRUN;
        Self {
            hashes: vec![FREE; slots].into_boxed_slice(),
            holders: vec![0; slots].into_boxed_slice(),
            cells: Vec::with_capacity(shared),
            homes: homes as u64,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.hashes)
            + size_of_val(&*self.holders)
            + self.cells.capacity() * size_of::<Cell>()
    }

    /// The lines that hold a hash, latest list first.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<Holders<'_>> {
        let mut at = self.home(hash);
        loop {
            // Compared as one less, a free slot is the largest of all and stops the search as well.
            let found = self.hashes[at];
            if found == hash {
                return Some(Holders { cells: &self.cells, next: Some(self.holders[at]) });
            }
            if found.wrapping_sub(1) > hash - 1 {
                return None;
            }
            at += 1;
        }
    }

    /// Adds a line that holds a hash. Lines come in ascending order; those from `list_start` on are of the same list.
    pub(super) fn insert(&mut self, hash: u64, line: u32, list_start: u32) -> Inserted {
        debug_assert!(hash != FREE && line <= HOLDER_MAX, "callers keep to both");
        let mut at = self.home(hash);
        while self.hashes[at].wrapping_sub(1) < hash - 1 {
            at += 1;
        }
        if self.hashes[at] == hash {
            return self.share(at, line, list_start);
        }
        let Some(shift) = self.hashes[at..].iter().position(|&it| it == FREE) else {
            return Inserted::Full;
        };
        // The very last slot stays free, so that every search ends.
        if at + shift + 1 == self.hashes.len() {
            return Inserted::Full;
        }
        self.hashes.copy_within(at..at + shift, at + 1);
        self.holders.copy_within(at..at + shift, at + 1);
        self.hashes[at] = hash;
        self.holders[at] = line;
        self.len += 1;
        Inserted::New
    }

    /// Gives back what was set aside for cells and not needed.
    pub(super) fn shrink(&mut self) {
        self.cells.shrink_to_fit();
    }

    fn share(&mut self, at: usize, line: u32, list_start: u32) -> Inserted {
        let rest = self.holders[at];
        let latest = if rest & CELL == 0 { rest } else { self.cells[(rest & !CELL) as usize].line };
        if latest >= list_start {
            return Inserted::Repeated;
        }
        match u32::try_from(self.cells.len()) {
            Ok(number) if number < CELL => {
                self.cells.push(Cell { line, rest });
                self.holders[at] = CELL | number;
                Inserted::Shared
            }
            _ => Inserted::Full,
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * u128::from(self.homes)) >> 64) as usize
    }
}

/// Slots after the last home. Runs at the density of [`Table::new`] are shorter by far.
const OVERRUN: usize = 512;

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
        let mut hash = u64::MAX;
        while table.insert(hash, 1, 1) == Inserted::New {
            hash -= 1;
        }
        assert_eq!(table.len(), OVERRUN);
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

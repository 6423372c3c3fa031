//! `Filling`: a table that entries are put into, list after list, until it is settled.

use super::{
    super::pages::Pages, BLOCK_SLOTS, BLOCK_WORDS, FREE, HOLDER_MAX, LAST, MAY_DECIDE, NOTE,
    NOTE_BITS, Table, holder, is_below,
};
use std::hint;

/// Marks a holder that is a number of a cell.
const CELL: u32 = 1 << 31;

/// A table whose slots hold the line of the only list that has the entry, or the latest cell of a chain.
pub(in crate::list) struct Filling {
    table: Table,
    /// A line in the upper half, in the lower half the holders before it, as they stood in the slot.
    cells: Pages,
    cells_len: usize,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::list) enum Inserted {
    /// No list held it before.
    New,
    /// Another list holds it, too.
    Shared,
    /// The same list holds it further up.
    Repeated,
}

/// There is no room for an entry.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::list) struct Full;

impl Filling {
    /// Room for about `distinct` hashes and for `shared` further holders.
    pub(in crate::list) fn new(distinct: usize, shared: usize) -> Self {
        // A note counts them.
        let cells = Pages::new(shared.min(1 << (u32::BITS as usize - NOTE_BITS)));
        Self { table: Table::new(distinct), cells, cells_len: 0 }
    }

    /// Adds lines with the hashes that they hold, and tells what became of each, up to the first for which there is no room.
    ///
    /// Lines come in ascending order; those from `list_start` on are of the same list.
    pub(in crate::list) fn insert_all(
        &mut self,
        entries: &[(u64, u32)],
        list_start: u32,
        mut told: impl FnMut(Inserted),
    ) -> Result<(), Full> {
        // Blocks are asked for side by side before they are needed one after the other.
        let first = |hash| self.table.blocks[self.table.home(hash) * BLOCK_WORDS];
        let sum = entries.iter().fold(0, |sum, it| sum ^ first(it.0));
        hint::black_box(sum);
        for &(hash, line) in entries {
            told(self.insert(hash, line, list_start)?);
        }
        Ok(())
    }

    /// The table, with the line of the first list in each slot. `may_decide` says of the line in the first list and another whether the
    /// other may decide where the first does not.
    pub(in crate::list) fn settle(self, may_decide: impl Fn(u32, u32) -> bool) -> Table {
        let Self { mut table, cells, cells_len } = self;
        if cells_len == 0 {
            return table;
        }
        table.further = Pages::new(cells_len.div_ceil(2));
        let (blocks, _) = table.blocks.as_chunks_mut::<BLOCK_WORDS>();
        let mut end = 0;
        for block in blocks {
            let (mut note, start) = (0, end);
            for slot in 0..BLOCK_SLOTS {
                // No line, as long as the slot is free.
                let mut rest = holder(block, slot);
                if rest & CELL == 0 {
                    continue;
                }
                let before = end;
                while rest & CELL != 0 {
                    let (line, earlier) = cell(&cells, rest);
                    table.further[end / 2] |= u64::from(line) << (32 * (end % 2));
                    (rest, end) = (earlier, end + 1);
                }
                let last = end - 1;
                table.further[last / 2] |= u64::from(LAST) << (32 * (last % 2));
                set_holder(block, slot, rest);
                note |= 1 << slot;
                let line = |at: usize| (table.further[at / 2] >> (32 * (at % 2))) as u32 & !LAST;
                if (before..end).any(|at| may_decide(rest, line(at))) {
                    note |= MAY_DECIDE;
                }
            }
            if note != 0 {
                let start = u32::try_from(start).expect("there are fewer than a note can count");
                set_holder(block, NOTE, start << NOTE_BITS | note);
            }
        }
        table.further_len = end;
        table
    }

    pub(super) fn insert(
        &mut self,
        hash: u64,
        line: u32,
        list_start: u32,
    ) -> Result<Inserted, Full> {
        debug_assert!(hash != FREE && line <= HOLDER_MAX, "callers keep to both");
        let mut at = self.table.home(hash) * BLOCK_SLOTS;
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
        if free + 1 == self.table.blocks.len() / BLOCK_WORDS * BLOCK_SLOTS {
            return Err(Full);
        }
        while free > at {
            self.set(free, self.hash(free - 1), self.holder(free - 1));
            free -= 1;
        }
        self.set(at, hash, line);
        self.table.len += 1;
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
    fn hash(&self, at: usize) -> u64 {
        self.table.blocks[at / BLOCK_SLOTS * BLOCK_WORDS + at % BLOCK_SLOTS]
    }

    #[inline]
    fn holder(&self, at: usize) -> u32 {
        holder(&self.table.blocks[at / BLOCK_SLOTS * BLOCK_WORDS..], at % BLOCK_SLOTS)
    }

    #[inline]
    fn set(&mut self, at: usize, hash: u64, holder: u32) {
        let (block, slot) = (at / BLOCK_SLOTS * BLOCK_WORDS, at % BLOCK_SLOTS);
        self.table.blocks[block + slot] = hash;
        set_holder(&mut self.table.blocks[block..], slot, holder);
    }
}

#[inline]
fn set_holder(block: &mut [u64], slot: usize, holder: u32) {
    let word = &mut block[BLOCK_SLOTS + slot / 2];
    let shift = 32 * (slot % 2);
    *word = *word & !(u64::from(u32::MAX) << shift) | u64::from(holder) << shift;
}

/// A line, and the holders before it.
#[inline]
fn cell(cells: &[u64], holder: u32) -> (u32, u32) {
    let cell = cells[(holder & !CELL) as usize];
    ((cell >> 32) as u32, cell as u32)
}

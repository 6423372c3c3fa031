//! Hashes of any piece of a name in constant time, and the tables they key.
//!
//! A name is hashed once, prefix by prefix, with a polynomial over 2^64. The hash of a substring, of a token with one
//! letter left out, or of two tokens glued together is then two multiplications, so that every technique asks its tables
//! without building a string. A hash only proposes: whoever finds an entry compares the text, so a crafted collision
//! finds nothing.

/// Longest text that is hashed: a name of 255 octets whose labels may grow when they are read as ASCII.
pub(super) const TEXT_MAX: usize = 512;

const BASE: u64 = 0x9e37_79b9_7f4a_7c55;

/// What a byte adds: spread over 64 bits, so that neighbouring letters do not cancel out.
const CODES: [u64; 256] = {
    let (mut codes, mut at, mut state) = ([0; 256], 0, 0x5143_17d0_1a4b_e6c9_u64);
    while at < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        codes[at] = z ^ (z >> 31);
        at += 1;
    }
    codes
};

static POWERS: [u64; TEXT_MAX + 1] = {
    let (mut powers, mut at) = ([1_u64; TEXT_MAX + 1], 1);
    while at <= TEXT_MAX {
        powers[at] = powers[at - 1].wrapping_mul(BASE);
        at += 1;
    }
    powers
};

/// The hash of a whole text.
pub(super) fn hash(text: &[u8]) -> u64 {
    text.iter().fold(0, |hash, &byte| push(hash, byte))
}

/// The hash of a text one byte longer.
#[inline]
pub(super) fn push(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(CODES[usize::from(byte)])
}

/// The hash of two texts in a row, from their hashes and the length of the second.
#[inline]
pub(super) fn concat(left: u64, right: u64, right_len: usize) -> u64 {
    left.wrapping_mul(POWERS[right_len]).wrapping_add(right)
}

/// Hashes of all prefixes of a text.
pub(super) struct Prefixes {
    hashes: [u64; TEXT_MAX + 1],
    len: usize,
}

impl Prefixes {
    pub(super) const EMPTY: Self = Self { hashes: [0; TEXT_MAX + 1], len: 0 };

    /// Hashes `text` anew; what is past [`TEXT_MAX`] bytes is left out.
    pub(super) fn fill(&mut self, text: &[u8]) {
        self.len = text.len().min(TEXT_MAX);
        let mut hash = 0;
        for (slot, &byte) in self.hashes[1..].iter_mut().zip(text) {
            hash = push(hash, byte);
            *slot = hash;
        }
    }

    /// The hash of `text[start..end]`.
    #[inline]
    pub(super) fn of(&self, start: usize, end: usize) -> u64 {
        debug_assert!(start <= end && end <= self.len, "{start}..{end} of {}", self.len);
        self.hashes[end].wrapping_sub(self.hashes[start].wrapping_mul(POWERS[end - start]))
    }

    /// The hash of `text[start..end]` without the byte at `gap`.
    #[inline]
    pub(super) fn without(&self, start: usize, gap: usize, end: usize) -> u64 {
        concat(self.of(start, gap), self.of(gap + 1, end), end - gap - 1)
    }
}

/// A multi-map from hashes to small numbers, behind a bit filter that turns most absent keys away with one load.
pub(super) struct Table {
    filter: Box<[u64]>,
    filter_shift: u32,
    slots: Box<[Slot]>,
    slot_shift: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    /// One more than the value; 0 marks an empty slot.
    value: u32,
}

impl Table {
    /// Builds the table of `entries`; duplicate keys keep all their values, exact duplicates are dropped.
    pub(super) fn new(mut entries: Vec<(u64, u32)>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        let len = entries.len();
        let slot_bits = (len * 2).next_power_of_two().trailing_zeros().max(1);
        let filter_bits = (len * 16).next_power_of_two().trailing_zeros().clamp(6, 27);
        let mut table = Self {
            filter: vec![0; 1 << (filter_bits - 6)].into(),
            filter_shift: 64 - filter_bits,
            slots: vec![Slot { tag: 0, value: 0 }; 1 << slot_bits].into(),
            slot_shift: 64 - slot_bits,
        };
        for (hash, value) in entries {
            let mixed = mix(hash);
            let bit = mixed >> table.filter_shift;
            table.filter[index(bit >> 6)] |= 1 << (bit & 63);
            let mut at = index(mixed >> table.slot_shift);
            while table.slots[at].value != 0 {
                at = (at + 1) & (table.slots.len() - 1);
            }
            table.slots[at] = Slot { tag: tag(mixed), value: value + 1 };
        }
        table
    }

    /// The values whose key may be `hash`; the caller compares the text.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Values<'_> {
        let mixed = mix(hash);
        let bit = mixed >> self.filter_shift;
        let may = self.filter[index(bit >> 6)] >> (bit & 63) & 1 == 1;
        let slots: &[Slot] = if may { &self.slots } else { &[] };
        Values { slots, at: index(mixed >> self.slot_shift), tag: tag(mixed) }
    }
}

/// The values of one key, see [`Table::find`].
pub(super) struct Values<'a> {
    slots: &'a [Slot],
    at: usize,
    tag: u32,
}

impl Iterator for Values<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        loop {
            let slot = self.slots[self.at];
            if slot.value == 0 {
                return None;
            }
            self.at = (self.at + 1) & (self.slots.len() - 1);
            if slot.tag == self.tag {
                return Some(slot.value - 1);
            }
        }
    }
}

/// Spreads the low bits of a polynomial hash, which know little of the first letters, over the high ones.
#[inline]
fn mix(hash: u64) -> u64 {
    let folded = hash ^ (hash >> 32);
    folded.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ hash.rotate_left(17)
}

#[inline]
const fn tag(mixed: u64) -> u32 {
    mixed as u32
}

#[inline]
const fn index(bits: u64) -> usize {
    bits as usize
}

/// A set of short texts with a number each, kept in one string.
pub(super) struct Texts {
    blob: String,
    ends: Vec<u32>,
    values: Vec<u32>,
    table: Table,
}

impl Texts {
    /// Builds the map; of equal texts the first wins.
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let (mut blob, mut ends, mut values, mut keys) = (String::new(), vec![0], vec![], vec![]);
        for (text, value) in entries {
            blob.push_str(text);
            ends.push(u32::try_from(blob.len()).expect("the data files are far below 4 GiB"));
            keys.push((hash(text.as_bytes()), u32::try_from(values.len()).expect("as above")));
            values.push(value);
        }
        Self { blob, ends, values, table: Table::new(keys) }
    }

    /// The number of `text`.
    pub(super) fn get(&self, text: &str) -> Option<u32> {
        self.get_hashed(hash(text.as_bytes()), text.as_bytes())
    }

    /// The number of `text`, whose hash is known.
    #[inline]
    pub(super) fn get_hashed(&self, hash: u64, text: &[u8]) -> Option<u32> {
        let found = self.table.find(hash).filter(|&it| self.text(it).as_bytes() == text).min()?;
        Some(self.values[index(u64::from(found))])
    }

    fn text(&self, id: u32) -> &str {
        let at = index(u64::from(id));
        &self.blob[index(u64::from(self.ends[at]))..index(u64::from(self.ends[at + 1]))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hash_like_texts_of_their_own() {
        let mut prefixes = Prefixes::EMPTY;
        prefixes.fill(b"paypal.login");
        assert_eq!(prefixes.of(0, 6), hash(b"paypal"));
        assert_eq!(prefixes.of(7, 12), hash(b"login"));
        assert_eq!(prefixes.without(0, 2, 6), hash(b"papal"));
        assert_eq!(concat(hash(b"pay"), hash(b"pal"), 3), hash(b"paypal"));
    }

    #[test]
    fn a_table_keeps_every_value_of_a_key() {
        let table = Table::new(vec![(7, 1), (7, 2), (9, 3), (7, 1)]);
        let mut found: Vec<u32> = table.find(7).collect();
        found.sort_unstable();
        assert_eq!(found, [1, 2]);
        assert_eq!(table.find(8).count(), 0);
    }

    #[test]
    fn texts_are_compared_not_trusted() {
        let texts = Texts::new([("one", 1), ("two", 2), ("one", 3)]);
        assert_eq!(texts.get("one"), Some(1));
        assert_eq!(texts.get("two"), Some(2));
        assert_eq!(texts.get("three"), None);
        assert_eq!(texts.get_hashed(hash(b"one"), b"eno"), None);
    }
}

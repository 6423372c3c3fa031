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

    /// The hashes of `text[start..end]` without the byte at each place in turn.
    ///
    /// What stands before the gap counts one power less than in the whole, so that two multiplications make each.
    #[inline]
    pub(super) fn each_without(&self, start: usize, end: usize) -> impl Iterator<Item = u64> {
        let hashes = &self.hashes[start..=end];
        let (before, whole) = (hashes[0], hashes[end - start]);
        let powers = POWERS[..end - start].iter();
        hashes.windows(2).zip(powers.clone()).zip(powers.rev()).map(
            move |((pair, &head), &tail)| {
                let left = pair[0].wrapping_sub(before.wrapping_mul(head));
                left.wrapping_sub(pair[1]).wrapping_mul(tail).wrapping_add(whole)
            },
        )
    }

    /// What makes up the hashes of `text[start..end]` without two bytes: one part for every place of the first gap and one for every
    /// place of the second, whose sum is the hash.
    #[inline]
    pub(super) fn without_two(&self, start: usize, end: usize) -> GapParts {
        let len = (end - start).min(GAPS_MAX);
        let hashes = &self.hashes[start..=start + len];
        let (before, whole) = (hashes[0], hashes[len]);
        let mut parts = GapParts { first: [0; GAPS_MAX], second: [0; GAPS_MAX] };
        for (at, pair) in hashes.windows(2).enumerate() {
            let left = pair[0].wrapping_sub(before.wrapping_mul(POWERS[at]));
            let tail = POWERS[(len - at).saturating_sub(2)];
            parts.first[at] = left.wrapping_sub(pair[1]).wrapping_mul(tail);
            let gap = pair[0].wrapping_sub(pair[1]);
            parts.second[at] = gap.wrapping_mul(POWERS[len - at - 1]).wrapping_add(whole);
        }
        parts
    }
}

/// Longest text of which two bytes are left out.
pub(super) const GAPS_MAX: usize = 24;

/// See [`Prefixes::without_two`].
pub(super) struct GapParts {
    pub(super) first: [u64; GAPS_MAX],
    pub(super) second: [u64; GAPS_MAX],
}

/// A multi-map from hashes to small numbers, behind a bit filter that turns most absent keys away with one load.
///
/// Both are as long as they have to be and no longer: what fits into the processor's caches is what makes a look-up fast.
pub(super) struct Table {
    filter: Box<[u64]>,
    slots: Box<[Slot]>,
}

/// Bits of the filter for each entry: one absent key in sixteen passes.
const FILTER_BITS: usize = 16;

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
        let mut table = Self {
            filter: vec![0; (len * FILTER_BITS).div_ceil(64).max(1)].into(),
            // A quarter stays empty, so that chains are short.
            slots: vec![Slot { tag: 0, value: 0 }; len + len / 3 + 1].into(),
        };
        for (hash, value) in entries {
            let mixed = mix(hash);
            let (word, bit) = table.bit(mixed);
            table.filter[word] |= bit;
            let mut at = scale(mixed, table.slots.len());
            while table.slots[at].value != 0 {
                at = table.after(at);
            }
            table.slots[at] = Slot { tag: tag(mixed), value: value + 1 };
        }
        table
    }

    /// The values whose key may be `hash`; the caller compares the text.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Values<'_> {
        let mixed = mix(hash);
        let table = self.may_hold(hash).then_some(self);
        Values { table, at: scale(mixed, self.slots.len()), tag: tag(mixed) }
    }

    /// Whether there may be values under `hash`: nearly always not, which loops over many hashes find out without more ado.
    #[inline]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = self.bit(mix(hash));
        self.filter[word] & bit != 0
    }

    /// The word of the filter and the bit in it.
    #[inline]
    fn bit(&self, mixed: u64) -> (usize, u64) {
        (scale(mixed, self.filter.len()), 1 << (mixed >> 8 & 63))
    }

    /// The place behind a place.
    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}

/// A place among `len` ones, by the high bits of a hash.
#[inline]
fn scale(mixed: u64, len: usize) -> usize {
    ((u128::from(mixed) * len as u128) >> 64) as usize
}

/// The values of one key, see [`Table::find`].
pub(super) struct Values<'a> {
    table: Option<&'a Table>,
    at: usize,
    tag: u32,
}

impl Iterator for Values<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let table = self.table?;
        loop {
            let slot = table.slots[self.at];
            if slot.value == 0 {
                return None;
            }
            self.at = table.after(self.at);
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
        self.get_bytes(text.as_bytes())
    }

    /// The number of a text given by its octets.
    pub(super) fn get_bytes(&self, text: &[u8]) -> Option<u32> {
        self.get_hashed(hash(text), text)
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
        let shorter: Vec<u64> = prefixes.each_without(7, 12).collect();
        let expected = ["ogin", "lgin", "loin", "logn", "logi"].map(|it| hash(it.as_bytes()));
        assert_eq!(shorter, expected);
        let parts = prefixes.without_two(7, 12);
        assert_eq!(parts.first[0].wrapping_add(parts.second[1]), hash(b"gin"));
        assert_eq!(parts.first[1].wrapping_add(parts.second[4]), hash(b"lgi"));
        assert_eq!(parts.first[3].wrapping_add(parts.second[4]), hash(b"log"));
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

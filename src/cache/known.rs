//! `Known`: a bit for each name about which something is remembered, so that a look-up for one of the others ends here.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many bits there are: 32 KB, and five for each name that the verdict store has room for.
const BITS: u32 = 1 << 18;

/// How many bits may be set before all are cleared: half of them, so that one in four is met by chance on the average.
const SET_MAX: u32 = BITS / 2;

/// A set of names that may have more than were put in, and now and then forgets them all: what is forgotten is judged again.
pub(super) struct Known {
    bits: Box<[AtomicU64]>,
    set: AtomicU32,
}

impl Known {
    pub(super) fn new() -> Self {
        Self { bits: (0..BITS / 64).map(|_| AtomicU64::new(0)).collect(), set: AtomicU32::new(0) }
    }

    /// Puts in the name of this hash.
    pub(super) fn put(&self, hash: u64) {
        let (word, bit) = self.place(hash);
        if word.fetch_or(bit, Relaxed) & bit == 0 && self.set.fetch_add(1, Relaxed) >= SET_MAX {
            self.set.store(1, Relaxed);
            self.bits.iter().for_each(|it| it.store(0, Relaxed));
            word.fetch_or(bit, Relaxed);
        }
    }

    pub(super) fn has(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        word.load(Relaxed) & bit != 0
    }

    const fn place(&self, hash: u64) -> (&AtomicU64, u64) {
        let at = hash as u32 % BITS;
        (&self.bits[at as usize / 64], 1 << (at % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foldhash::quality::FixedState;
    use std::hash::BuildHasher as _;

    fn name(number: u32) -> u64 {
        FixedState::with_seed(7).hash_one(number)
    }

    #[test]
    fn names_put_in_are_there_and_few_others() {
        let known = Known::new();
        (0..10_000).for_each(|it| known.put(name(it)));
        assert!((0..10_000).all(|it| known.has(name(it))));
        let others = (10_000..20_000).filter(|it| known.has(name(*it))).count();
        assert!(others < 1_000, "{others} of 10,000");
    }

    #[test]
    fn a_full_set_begins_anew_with_the_last() {
        let known = Known::new();
        let last = (0..).find(|&it| {
            known.put(name(it));
            it > 0 && known.set.load(Relaxed) == 1
        });
        let last = last.unwrap();
        assert!(last > SET_MAX && known.has(name(last)));
        let others = (0..10_000).filter(|it| known.has(name(*it))).count();
        assert!(others <= 10, "{others} of 10,000");
    }
}

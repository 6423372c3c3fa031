//! `Lately`: verdicts that one thread met lately, where no other thread reads or writes. The store behind it keeps books of every
//! look-up.

use crate::verdict::Verdict;
use std::sync::Arc;

/// Sets, and verdicts in each: 96 KB, and more names than a network is kept from in an hour. Others are looked up in the store.
const SETS: usize = 1024;
const WAYS: usize = 4;

#[derive(Default)]
struct Held {
    /// Of name and policy, and all that tells them from others: keyed anew in every store, two have the same once in 2⁶⁴.
    hash: u64,
    generation: u32,
    verdict: Option<Arc<Verdict>>,
}

pub(super) struct Lately {
    /// The number of the store whose verdicts these are.
    store: u64,
    sets: Vec<[Held; WAYS]>,
    /// Which way gives way next.
    turn: usize,
}

impl Lately {
    /// A place for verdicts of no store yet; takes memory once there is one.
    pub(super) const fn new() -> Self {
        Self { store: 0, sets: Vec::new(), turn: 0 }
    }

    pub(super) fn get(&self, store: u64, hash: u64, generation: u32) -> Option<&Arc<Verdict>> {
        if self.store != store {
            return None;
        }
        let mut held = self.sets[hash as usize % SETS].iter();
        let found = held.find(|it| it.hash == hash && it.generation == generation)?;
        found.verdict.as_ref()
    }

    pub(super) fn keep(&mut self, store: u64, hash: u64, generation: u32, verdict: &Arc<Verdict>) {
        if self.store != store {
            self.store = store;
            self.sets = (0..SETS).map(|_| <[Held; WAYS]>::default()).collect();
        }
        let set = &mut self.sets[hash as usize % SETS];
        self.turn = (self.turn + 1) % WAYS;
        let is_spent =
            |it: &Held| it.verdict.is_none() || it.hash == hash || it.generation != generation;
        let at = set.iter().position(is_spent).unwrap_or(self.turn);
        set[at] = Held { hash, generation, verdict: Some(Arc::clone(verdict)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_stay_while_their_generation_lasts() {
        let mut lately = Lately::new();
        assert!(lately.get(1, 7, 1).is_none());
        let verdict = Arc::new(Verdict::PASS);
        lately.keep(1, 7, 1, &verdict);
        assert!(lately.get(1, 7, 1).is_some());
        assert!(lately.get(2, 7, 1).is_none(), "another store");
        assert!(lately.get(1, 7 + SETS as u64, 1).is_none(), "another name");
        assert!(lately.get(1, 7, 2).is_none(), "another generation");
        // What takes its place is one of its own name, or one of the old generation.
        lately.keep(1, 7, 1, &verdict);
        lately.keep(1, 7 + SETS as u64, 2, &verdict);
        assert_eq!(Arc::strong_count(&verdict), 2);
    }

    #[test]
    fn a_full_set_gives_one_up() {
        let mut lately = Lately::new();
        let verdict = Arc::new(Verdict::PASS);
        for hash in (7..).step_by(SETS).take(WAYS + 1) {
            lately.keep(1, hash, 1, &verdict);
            assert!(lately.get(1, hash, 1).is_some());
        }
        assert_eq!(Arc::strong_count(&verdict), 1 + WAYS);
    }
}

//! `Lately`: verdicts that one thread met lately, copies of its own that no other thread reads or counts the holders of.

use crate::verdict::Verdict;
use std::sync::Arc;

/// Sets, and verdicts in each: 160 KB and some 500 octets a verdict, and more names than a network is kept from in an hour.
const SETS: usize = 1024;
const WAYS: usize = 4;

/// Which verdict is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The number of the store.
    pub(super) store: u64,
    /// Of the name; where to look.
    pub(super) hash: u64,
    /// The name in wire form.
    pub(super) name: &'a [u8],
    pub(super) policy: u16,
    pub(super) generation: u32,
}

#[derive(Default)]
struct Held {
    hash: u64,
    name: Box<[u8]>,
    policy: u16,
    generation: u32,
    verdict: Option<Arc<Verdict>>,
}

impl Held {
    fn is_of(&self, wanted: &Wanted<'_>) -> bool {
        (self.hash, self.policy) == (wanted.hash, wanted.policy) && *self.name == *wanted.name
    }
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

    pub(super) fn get(&self, wanted: &Wanted<'_>) -> Option<&Arc<Verdict>> {
        if self.store != wanted.store {
            return None;
        }
        let mut held = self.sets[wanted.hash as usize % SETS].iter();
        let is_it = |it: &&Held| it.generation == wanted.generation && it.is_of(wanted);
        held.find(is_it)?.verdict.as_ref()
    }

    /// Keeps a verdict, which should be held by nobody else.
    pub(super) fn keep(&mut self, wanted: &Wanted<'_>, verdict: Arc<Verdict>) {
        let Wanted { store, hash, name, policy, generation } = *wanted;
        if self.store != store {
            self.store = store;
            self.sets = (0..SETS).map(|_| <[Held; WAYS]>::default()).collect();
        }
        let set = &mut self.sets[hash as usize % SETS];
        self.turn = (self.turn + 1) % WAYS;
        let is_spent =
            |it: &Held| it.verdict.is_none() || it.generation != generation || it.is_of(wanted);
        let at = set.iter().position(is_spent).unwrap_or(self.turn);
        set[at] = Held { hash, name: name.into(), policy, generation, verdict: Some(verdict) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> =
        Wanted { store: 1, hash: 7, name: b"\x01a\0", policy: 0, generation: 1 };

    #[test]
    fn verdicts_stay_while_their_generation_lasts() {
        let mut lately = Lately::new();
        assert!(lately.get(&WANTED).is_none());
        let verdict = Arc::new(Verdict::PASS);
        lately.keep(&WANTED, Arc::clone(&verdict));
        assert!(lately.get(&WANTED).is_some());
        for other in [
            Wanted { store: 2, ..WANTED },
            Wanted { hash: 7 + SETS as u64, ..WANTED },
            Wanted { name: b"\x01b\0", ..WANTED },
            Wanted { policy: 1, ..WANTED },
            Wanted { generation: 2, ..WANTED },
        ] {
            assert!(lately.get(&other).is_none(), "{other:?}");
        }
        // What takes its place is one of its own name, or one of the old generation.
        lately.keep(&WANTED, Arc::clone(&verdict));
        lately
            .keep(&Wanted { hash: 7 + SETS as u64, generation: 2, ..WANTED }, Arc::clone(&verdict));
        assert_eq!(Arc::strong_count(&verdict), 2);
    }

    #[test]
    fn a_full_set_gives_one_up() {
        let mut lately = Lately::new();
        let verdict = Arc::new(Verdict::PASS);
        for hash in (7..).step_by(SETS).take(WAYS + 1) {
            let wanted = Wanted { hash, ..WANTED };
            lately.keep(&wanted, Arc::clone(&verdict));
            assert!(lately.get(&wanted).is_some());
        }
        assert_eq!(Arc::strong_count(&verdict), 1 + WAYS);
    }
}

//! `Lately`: verdicts that one thread met lately, copies of its own that it shares with the writer of events alone.

use crate::verdict::Verdict;
use std::sync::Arc;

/// Sets, and verdicts in each: 160 KB and some 500 octets a verdict, and more names than a network is kept from in an hour.
const SETS: usize = 1024;
const WAYS: usize = 4;
/// Where a set is full, one of so many verdicts takes the place of another: what is met often is soon there, and a walk through more
/// names than there is room for does not copy verdict by verdict.
const KEPT_OF: usize = 8;

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
    /// Verdicts for which there was no room since one was kept.
    left: usize,
}

impl Lately {
    /// A place for verdicts of no store yet; takes memory once there is one.
    pub(super) const fn new() -> Self {
        Self { store: 0, sets: Vec::new(), turn: 0, left: 0 }
    }

    pub(super) fn get(&self, wanted: &Wanted<'_>) -> Option<&Arc<Verdict>> {
        if self.store != wanted.store {
            return None;
        }
        let mut held = self.sets[wanted.hash as usize % SETS].iter();
        let is_it = |it: &&Held| it.generation == wanted.generation && it.is_of(wanted);
        held.find(is_it)?.verdict.as_ref()
    }

    /// Keeps a copy of a verdict, if there is room or it is its turn, and gives that copy.
    pub(super) fn keep_some(
        &mut self,
        wanted: &Wanted<'_>,
        verdict: &Verdict,
    ) -> Option<Arc<Verdict>> {
        let Wanted { store, hash, name, policy, generation } = *wanted;
        if self.store != store {
            self.store = store;
            self.sets = (0..SETS).map(|_| <[Held; WAYS]>::default()).collect();
        }
        let set = &mut self.sets[hash as usize % SETS];
        let is_spent =
            |it: &Held| it.verdict.is_none() || it.generation != generation || it.is_of(wanted);
        let at = set.iter().position(is_spent).or_else(|| {
            self.left = (self.left + 1) % KEPT_OF;
            self.turn = (self.turn + 1) % WAYS;
            (self.left == 0).then_some(self.turn)
        })?;
        let verdict = Arc::new(verdict.clone());
        let held = Some(Arc::clone(&verdict));
        set[at] = Held { hash, name: name.into(), policy, generation, verdict: held };
        Some(verdict)
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
        let first = lately.keep_some(&WANTED, &Verdict::PASS).unwrap();
        assert!(Arc::ptr_eq(lately.get(&WANTED).unwrap(), &first));
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
        let second = lately.keep_some(&WANTED, &Verdict::PASS).unwrap();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
        let newer = Wanted { hash: 7 + SETS as u64, generation: 2, ..WANTED };
        assert!(lately.keep_some(&newer, &Verdict::PASS).is_some());
        assert_eq!(Arc::strong_count(&second), 1);
    }

    #[test]
    fn a_full_set_seldom_gives_one_up() {
        let mut lately = Lately::new();
        let hashes: Vec<u64> = (7..).step_by(SETS).take(WAYS + 3 * KEPT_OF).collect();
        let mut keep =
            |hash| lately.keep_some(&Wanted { hash, ..WANTED }, &Verdict::PASS).is_some();
        assert!(hashes[..WAYS].iter().all(|it| keep(*it)));
        assert_eq!(hashes[WAYS..].iter().filter(|it| keep(**it)).count(), 3);
        let held = hashes.iter().filter(|&&hash| lately.get(&Wanted { hash, ..WANTED }).is_some());
        assert_eq!(held.count(), WAYS);
    }
}

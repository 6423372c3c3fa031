//! Thirty daily Bloom filters that share their words: bit `s` of every word belongs to the day in slot `s`.
//!
//! A look-up loads one word per hash and has the answer for all thirty days at once. Words are atomic and never wait for each
//! other, so that any thread may ask and note while a day is being cleared: what is lost by that is one note, made again by
//! the next query.

use foldhash::quality::SeedableRandomState;
use std::{
    array,
    hash::BuildHasher as _,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
};

/// Days that are remembered, today included.
pub const DAYS: usize = 30;

/// Words of the ring: 15 MiB. At 200,000 entries a day, every day, one new name in a hundred is taken for a known one.
pub(super) const WORDS: usize = 3_932_160;

/// Hashes of an entry.
const HASHES: usize = 6;

/// Earlier days that must be remembered before anything is called new.
pub const LEARNING_DAYS: usize = 3;

/// A slot that holds no day.
const NO_DAY: u32 = u32::MAX;

/// The filters of the last [`DAYS`] days.
pub(super) struct Ring {
    words: Box<[AtomicU32]>,
    /// The day in each slot, and how many entries it got.
    days: [AtomicU32; DAYS],
    entries: [AtomicU32; DAYS],
    today: AtomicU32,
    learned: AtomicBool,
    seed: u64,
    state: SeedableRandomState,
}

impl Ring {
    /// An empty ring. `seed` makes the hashes, so that nobody can make names that collide.
    pub(super) fn new(seed: u64, today: u32) -> Self {
        let ring = Self {
            words: (0..WORDS).map(|_| AtomicU32::new(0)).collect(),
            days: array::from_fn(|_| AtomicU32::new(NO_DAY)),
            entries: array::from_fn(|_| AtomicU32::new(0)),
            today: AtomicU32::new(today),
            learned: AtomicBool::new(false),
            seed,
            state: SeedableRandomState::with_seed(seed, foldhash::SharedSeed::global_fixed()),
        };
        ring.days[slot(today)].store(today, Relaxed);
        ring
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// The day that is noted into, counted from 1970-01-01.
    pub(super) fn today(&self) -> u32 {
        self.today.load(Relaxed)
    }

    /// Whether enough earlier days are remembered to call anything new.
    pub(super) fn has_learned(&self) -> bool {
        self.learned.load(Relaxed)
    }

    /// Entries noted on a day; `None` where the ring does not hold it.
    pub(super) fn entries(&self, day: u32) -> Option<u32> {
        let slot = slot(day);
        (self.days[slot].load(Relaxed) == day).then(|| self.entries[slot].load(Relaxed))
    }

    /// Whether an entry was noted on a day of the window; seldom true of one that was not.
    pub(super) fn has(&self, entry: &[u8], window: Window) -> bool {
        let today = 1 << slot(self.today());
        let mask = match window {
            Window::Earlier => !today,
            Window::SinceYesterday => today | 1 << slot(self.today().wrapping_sub(1)),
        };
        let words = self.places(entry).map(|at| self.words[at].load(Relaxed));
        words.into_iter().fold(mask, |all, it| all & it) != 0
    }

    /// Notes an entry for today while there are fewer than `entries_max`; `false` where there is no room.
    pub(super) fn note(&self, entry: &[u8], entries_max: u32) -> bool {
        let slot = slot(self.today());
        let bit = 1 << slot;
        let places = self.places(entry);
        if places.iter().all(|&at| self.words[at].load(Relaxed) & bit != 0) {
            return true;
        }
        if self.entries[slot].load(Relaxed) >= entries_max {
            return false;
        }
        for at in places {
            self.words[at].fetch_or(bit, Relaxed);
        }
        self.entries[slot].fetch_add(1, Relaxed);
        true
    }

    /// Makes another day today and forgets what lies outside the window that ends with it. Takes some milliseconds.
    ///
    /// A clock that is set back forgets the days after it.
    pub(super) fn turn(&self, today: u32) {
        let gone = |slot: &usize| {
            let day = self.days[*slot].load(Relaxed);
            day != NO_DAY && !in_window(day, today)
        };
        let mask = (0..DAYS).filter(gone).fold(0, |mask, slot| mask | 1 << slot);
        if mask != 0 {
            for word in &self.words {
                if word.load(Relaxed) & mask != 0 {
                    word.fetch_and(!mask, Relaxed);
                }
            }
        }
        for slot in (0..DAYS).filter(|it| mask >> it & 1 != 0) {
            self.days[slot].store(NO_DAY, Relaxed);
            self.entries[slot].store(0, Relaxed);
        }
        self.days[slot(today)].store(today, Relaxed);
        self.today.store(today, Relaxed);
        self.count_days();
    }

    /// The filter of a day as octets, eight words an octet, lowest bit first.
    pub(super) fn plane(&self, day: u32) -> Vec<u8> {
        let slot = slot(day);
        let octet = |words: &[AtomicU32]| {
            let bits = words.iter().map(|it| (it.load(Relaxed) >> slot & 1) as u8);
            bits.rev().fold(0, |octet, bit| octet << 1 | bit)
        };
        self.words.chunks_exact(8).map(octet).collect()
    }

    /// Puts the filter of a day into the ring, beside what it holds of that day; `false` outside the window.
    pub(super) fn add_plane(&self, day: u32, entries: u32, plane: &[u8]) -> bool {
        if !in_window(day, self.today()) || plane.len() != WORDS / 8 {
            return false;
        }
        let slot = slot(day);
        for (words, octet) in self.words.chunks_exact(8).zip(plane).filter(|it| *it.1 != 0) {
            for (at, word) in words.iter().enumerate() {
                word.fetch_or(u32::from(octet >> at & 1) << slot, Relaxed);
            }
        }
        self.days[slot].store(day, Relaxed);
        self.entries[slot].fetch_max(entries, Relaxed);
        self.count_days();
        true
    }

    /// A hash of octets under the ring's seed.
    pub(super) fn hash(&self, octets: &[u8]) -> u64 {
        self.state.hash_one(octets)
    }

    fn count_days(&self) {
        let today = self.today();
        let held = (0..DAYS).filter(|&slot| {
            self.days[slot].load(Relaxed) != today && self.entries[slot].load(Relaxed) > 0
        });
        self.learned.store(held.count() >= LEARNING_DAYS, Relaxed);
    }

    /// The words of an entry, by double hashing (Kirsch and Mitzenmacher 2006).
    fn places(&self, entry: &[u8]) -> [usize; HASHES] {
        let first = self.hash(entry);
        let step = first.rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        array::from_fn(|at| {
            let hash = first.wrapping_add(step.wrapping_mul(at as u64));
            ((u128::from(hash) * WORDS as u128) >> 64) as usize
        })
    }
}

/// Which days an entry is looked for on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// Every remembered day before today.
    Earlier,
    /// Today and the day before.
    SinceYesterday,
}

const fn slot(day: u32) -> usize {
    day as usize % DAYS
}

/// Whether a day is among the [`DAYS`] that end with `today`.
fn in_window(day: u32, today: u32) -> bool {
    today.checked_sub(day).is_some_and(|age| (age as usize) < DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u32 = 20_000;

    #[test]
    fn entries_are_known_from_the_next_day_on_and_forgotten_after_thirty() {
        let ring = Ring::new(7, FIRST);
        assert!(ring.note(b"a.example", 10));
        let check = |ring: &Ring, earlier: bool, lately: bool| {
            let got =
                [Window::Earlier, Window::SinceYesterday].map(|it| ring.has(b"a.example", it));
            assert_eq!(got, [earlier, lately], "day {}", ring.today());
        };
        check(&ring, false, true);
        ring.turn(FIRST + 1);
        check(&ring, true, true);
        ring.turn(FIRST + 2);
        check(&ring, true, false);
        ring.turn(FIRST + 29);
        check(&ring, true, false);
        ring.turn(FIRST + 30);
        check(&ring, false, false);
        assert_eq!(ring.entries(FIRST), None);
    }

    #[test]
    fn a_day_takes_so_many_entries() {
        let ring = Ring::new(7, FIRST);
        assert!(ring.note(b"a", 2) && ring.note(b"b", 2));
        assert!(ring.note(b"a", 2), "noted already");
        assert!(!ring.note(b"c", 2));
        assert_eq!(ring.entries(FIRST), Some(2));
    }

    #[test]
    fn three_earlier_days_are_learned_from() {
        let ring = Ring::new(7, FIRST);
        for day in [0, 1, 2, 5] {
            ring.turn(FIRST + day);
            assert_eq!(ring.has_learned(), day == 5, "day {day}");
            ring.note(b"a", 10);
        }
        // Days without a single entry do not count.
        ring.turn(FIRST + 31);
        assert!(!ring.has_learned());
    }

    #[test]
    fn a_clock_set_back_forgets_what_is_to_come() {
        let ring = Ring::new(7, FIRST);
        ring.note(b"a", 10);
        ring.turn(FIRST + 5);
        ring.note(b"b", 10);
        ring.turn(FIRST + 2);
        assert!(ring.has(b"a", Window::Earlier));
        assert!(!ring.has(b"b", Window::Earlier));
        ring.turn(FIRST + 5);
        assert!(!ring.has(b"b", Window::SinceYesterday));
    }

    #[test]
    fn a_plane_carries_a_day_over() {
        let (old, new) = (Ring::new(7, FIRST), Ring::new(7, FIRST + 3));
        for number in 0..1_000_u32 {
            old.note(&number.to_le_bytes(), 10_000);
        }
        assert!(new.add_plane(FIRST, old.entries(FIRST).unwrap(), &old.plane(FIRST)));
        assert!((0..1_000_u32).all(|it| new.has(&it.to_le_bytes(), Window::Earlier)));
        assert!(!new.has(b"other", Window::Earlier));
        assert_eq!(new.plane(FIRST), old.plane(FIRST));
        assert!(!new.add_plane(FIRST + 4, 1, &old.plane(FIRST)), "a day to come");
        assert!(!new.add_plane(FIRST + 1, 1, &[1, 2, 3]), "too short");
    }

    #[test]
    fn a_full_month_mistakes_one_new_name_in_a_hundred() {
        let ring = Ring::new(7, FIRST);
        // One slot filled as a busy day fills it stands for all of them: the filters are independent.
        for number in 0..200_000_u32 {
            ring.note(&number.to_le_bytes(), u32::MAX);
        }
        ring.turn(FIRST + 1);
        let asked = 1_000_000_u32;
        let wrong = (1_000_000..1_000_000 + asked)
            .filter(|it| ring.has(&it.to_le_bytes(), Window::Earlier))
            .count();
        let month = f64::from(u32::try_from(wrong).unwrap()) / f64::from(asked) * 29.0;
        assert!(month < 0.012, "{wrong} of {asked}: {month}");
    }
}

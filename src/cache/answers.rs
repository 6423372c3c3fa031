//! The answer cache: upstream answers in wire form, whatever the policy.
//!
//! Each entry carries a few verdict slots, so that one look-up yields the answer and whether it may be served. An entry
//! without a current slot is judged again from the bytes held, never fetched again.

use crate::{
    dns::{Answer, Facts},
    name::{Name, WIRE_LEN_MAX},
};
use quick_cache::{Weighter, sync::Cache};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Octets of a key before the name: route, type, class, flags.
const HEAD_LEN: usize = 7;

/// Verdict slots an entry carries: clients under more than this many policies at once ask the verdict store.
const SLOTS: usize = 2;

/// Octets that an entry takes beside its answer: key, pointers, slots, facts. Measured, rounded up.
const ENTRY_OVERHEAD: usize = 320;

/// How long past its lifetime an answer may still be served (RFC 8767 section 5 suggests one to three days).
const STALE_MAX: Duration = Duration::from_secs(86_400);

/// Answers that live shorter are not asked for again ahead of time: a tenth of it is no time.
const PREFETCH_LIFETIME_MIN: Duration = Duration::from_secs(10);

/// What an answer is an answer to: route, wire-form name, type, class, DO, CD. Client EDNS options never split it.
#[derive(Clone)]
pub struct Key {
    len: u16,
    octets: [u8; HEAD_LEN + WIRE_LEN_MAX],
}

impl Key {
    /// Puts a key together; `route` is the small number of an upstream set.
    #[inline]
    pub fn new(
        route: u16,
        name: &Name,
        qtype: u16,
        qclass: u16,
        dnssec_ok: bool,
        checking_disabled: bool,
    ) -> Self {
        let mut octets = [0; HEAD_LEN + WIRE_LEN_MAX];
        octets[0..2].copy_from_slice(&route.to_ne_bytes());
        octets[2..4].copy_from_slice(&qtype.to_ne_bytes());
        octets[4..6].copy_from_slice(&qclass.to_ne_bytes());
        octets[6] = u8::from(dnssec_ok) | u8::from(checking_disabled) << 1;
        let wire = name.wire();
        octets[HEAD_LEN..HEAD_LEN + wire.len()].copy_from_slice(wire);
        Self { len: u16::try_from(HEAD_LEN + wire.len()).unwrap_or(u16::MAX), octets }
    }

    /// The key's octets.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

/// A remembered answer.
#[derive(Debug)]
pub struct Entry {
    /// The answer as it came.
    pub answer: Answer,
    /// What events say of it.
    pub facts: Arc<Facts>,
    /// When it came.
    pub stored: Instant,
    /// How long it may be served.
    pub lifetime: Duration,
    /// Generation of knowledge under which nothing was found about the name; 0 for none.
    clean_under: AtomicU32,
    /// Milliseconds after `stored` until which no better answer is looked for; 0 for none.
    resting_ms: AtomicU32,
    /// 0 at first, 1 once served from memory, 2 once found due.
    asked: AtomicU8,
    slots: [AtomicU64; SLOTS],
}

/// What a verdict slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Nothing current: judge again.
    Empty,
    /// Nothing was found: serve.
    Clean,
    /// Something was found: the verdict store has it.
    Found,
}

impl Entry {
    /// A fresh entry without verdicts.
    pub fn new(answer: Answer, facts: Arc<Facts>, stored: Instant, lifetime: Duration) -> Self {
        Self {
            answer,
            facts,
            stored,
            lifetime,
            clean_under: AtomicU32::new(0),
            resting_ms: AtomicU32::new(0),
            asked: AtomicU8::new(0),
            slots: [const { AtomicU64::new(0) }; SLOTS],
        }
    }

    /// Whether its lifetime has not run out.
    #[inline]
    pub fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.stored) < self.lifetime
    }

    /// Whether it is past its lifetime, but not so long that it may not be served in need.
    pub fn may_be_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.stored) < self.lifetime + STALE_MAX
    }

    /// Serves it for a while past its lifetime, because looking for a better answer has just failed.
    pub fn rest_until(&self, until: Instant) {
        let after = until.saturating_duration_since(self.stored).as_millis();
        self.resting_ms.store(u32::try_from(after).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Whether looking for a better answer has just failed.
    #[inline]
    pub fn is_resting(&self, now: Instant) -> bool {
        let until = self.resting_ms.load(Ordering::Relaxed);
        until > 0 && now.saturating_duration_since(self.stored).as_millis() < u128::from(until)
    }

    /// Notes that it is served from memory; true once, when it has been served before and little of its lifetime is left.
    #[inline]
    pub fn is_due(&self, now: Instant) -> bool {
        match self.asked.load(Ordering::Relaxed) {
            0 => {
                self.asked.store(1, Ordering::Relaxed);
                false
            }
            1 => {
                let left = self.lifetime.saturating_sub(now.saturating_duration_since(self.stored));
                self.lifetime >= PREFETCH_LIFETIME_MIN
                    && !left.is_zero()
                    && left <= self.lifetime / 10
                    && self.asked.swap(2, Ordering::Relaxed) == 1
            }
            _ => false,
        }
    }

    /// Whole seconds since it came.
    #[inline]
    pub fn age_secs(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.stored).as_secs()).unwrap_or(u32::MAX)
    }

    /// The verdict slot for a policy id under a generation.
    #[inline]
    pub fn slot(&self, policy: u16, generation: u32) -> Slot {
        for slot in &self.slots {
            let held = slot.load(Ordering::Relaxed);
            if held == pack(policy, generation, Slot::Clean) {
                return Slot::Clean;
            }
            if held == pack(policy, generation, Slot::Found) {
                return Slot::Found;
            }
        }
        Slot::Empty
    }

    /// Remembers a verdict, in the slot of the same policy, else of an older generation, else in the first.
    pub fn set_slot(&self, policy: u16, generation: u32, verdict: Slot) {
        let word = pack(policy, generation, verdict);
        let held = |slot: &AtomicU64| slot.load(Ordering::Relaxed);
        let same = self.slots.iter().find(|it| held(it) >> 48 == word >> 48 && held(it) != 0);
        let old = self.slots.iter().find(|it| generation_of(held(it)) != generation);
        same.or(old).unwrap_or(&self.slots[0]).store(word, Ordering::Relaxed);
    }

    /// Whether nothing was found about the name under this generation of knowledge.
    #[inline]
    pub fn is_clean_under(&self, knowledge: u32) -> bool {
        self.clean_under.load(Ordering::Relaxed) == knowledge
    }

    /// Remembers that nothing was found under a generation of knowledge, counted from 1.
    pub fn set_clean_under(&self, knowledge: u32) {
        self.clean_under.store(knowledge, Ordering::Relaxed);
    }
}

/// Policy, generation (from 1) and verdict in one word, so that a slot is read and written at once. Never 0.
const fn pack(policy: u16, generation: u32, verdict: Slot) -> u64 {
    let kind = match verdict {
        Slot::Empty => 1,
        Slot::Clean => 2,
        Slot::Found => 3,
    };
    (policy as u64) << 48 | (generation as u64) << 8 | kind
}

const fn generation_of(word: u64) -> u32 {
    (word >> 8) as u32
}

#[derive(Clone)]
struct Octets;

impl Weighter<Box<[u8]>, Arc<Entry>> for Octets {
    fn weight(&self, key: &Box<[u8]>, entry: &Arc<Entry>) -> u64 {
        (key.len() + entry.answer.size() + ENTRY_OVERHEAD) as u64
    }
}

/// The cache itself: bounded in octets, and a scan of names asked once does not wash it out (S3-FIFO-like admission).
pub struct Answers {
    cache: Cache<Box<[u8]>, Arc<Entry>, Octets, foldhash::fast::RandomState>,
}

impl Answers {
    /// An empty cache that holds at most `octets_max` octets.
    pub fn new(octets_max: u64) -> Self {
        let items = usize::try_from(octets_max / 512).unwrap_or(usize::MAX).max(16);
        Self {
            cache: Cache::with(
                items,
                octets_max,
                Octets,
                foldhash::fast::RandomState::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
        }
    }

    /// The entry for a key, fresh or stale.
    #[inline]
    pub fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.cache.get(key.as_slice())
    }

    /// Remembers an entry in place of what was held under its key.
    pub fn insert(&self, key: &Key, entry: Arc<Entry>) {
        self.cache.insert(Box::from(key.as_slice()), entry);
    }

    /// How many answers are held.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Query, Rcode};

    fn entry() -> Entry {
        let packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
        let query = Query::parse(packet).unwrap();
        let answer = Answer::empty(&query, Rcode::NOERROR);
        let now = tokio::time::Instant::now().into_std();
        Entry::new(answer, Arc::default(), now, Duration::from_secs(10))
    }

    #[test]
    fn entries_age() {
        let entry = entry();
        let at = |secs| entry.stored + Duration::from_secs(secs);
        assert!(entry.is_fresh(at(9)) && !entry.is_fresh(at(10)));
        assert_eq!((entry.age_secs(at(0)), entry.age_secs(at(9))), (0, 9));
    }

    #[test]
    fn entries_rest_after_a_failure() {
        let entry = entry();
        let at = |secs| entry.stored + Duration::from_secs(secs);
        assert!(!entry.is_resting(at(0)) && !entry.is_resting(at(20)));
        entry.rest_until(at(25));
        assert!(entry.is_resting(at(24)) && !entry.is_resting(at(25)));
        entry.rest_until(at(90_000));
        assert!(entry.is_resting(at(89_999)) && !entry.is_resting(at(90_000)));
    }

    #[test]
    fn entries_are_due_once_when_asked_for_twice_and_nearly_over() {
        let check = |asked_at: &[u64], lifetime: u64, expected: &[bool]| {
            let entry = Entry { lifetime: Duration::from_secs(lifetime), ..entry() };
            let got: Vec<bool> = asked_at
                .iter()
                .map(|secs| entry.is_due(entry.stored + Duration::from_secs(*secs)))
                .collect();
            assert_eq!(got, expected, "{asked_at:?} of {lifetime}");
        };
        check(&[1, 2, 89], 100, &[false, false, false]);
        check(&[1, 90, 91], 100, &[false, true, false]);
        check(&[91, 92], 100, &[false, true]);
        check(&[95], 100, &[false]);
        check(&[1, 100, 150], 100, &[false, false, false]);
        check(&[1, 9, 9], 9, &[false, false, false]);
        check(&[1, 9], 10, &[false, true]);
    }

    #[test]
    fn slots_answer_for_their_policy_and_generation_only() {
        let entry = entry();
        assert_eq!(entry.slot(0, 1), Slot::Empty);
        entry.set_slot(0, 1, Slot::Clean);
        assert_eq!(entry.slot(0, 1), Slot::Clean);
        assert_eq!(entry.slot(0, 2), Slot::Empty);
        assert_eq!(entry.slot(1, 1), Slot::Empty);
        entry.set_slot(1, 1, Slot::Found);
        assert_eq!((entry.slot(0, 1), entry.slot(1, 1)), (Slot::Clean, Slot::Found));
        entry.set_slot(0, 2, Slot::Found);
        assert_eq!((entry.slot(0, 2), entry.slot(1, 1)), (Slot::Found, Slot::Found));
    }

    #[test]
    fn keys_differ_where_answers_may() {
        let name = Name::parse("www.example").unwrap();
        let key = |route, qtype, dnssec_ok, cd| {
            Key::new(route, &name, qtype, 1, dnssec_ok, cd).as_slice().to_vec()
        };
        let all = [
            key(0, 1, false, false),
            key(1, 1, false, false),
            key(0, 28, false, false),
            key(0, 1, true, false),
            key(0, 1, false, true),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one));
        }
    }
}

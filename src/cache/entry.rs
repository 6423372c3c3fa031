//! `Entry`: a remembered answer, and a few verdict slots.

use super::{Key, Tick, tick::NANOS};
use crate::dns::Answer;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Verdict slots an entry carries: clients under more than this many policies at once ask the verdict store.
const SLOTS: usize = 2;

/// Octets that an entry takes beside its answer: itself, its place in the table, what the allocator adds. Measured, rounded up.
const ENTRY_OVERHEAD: usize = 160;

/// How long past its lifetime an answer may still be served (RFC 8767 section 5 suggests one to three days).
const STALE_MAX: u64 = 86_400 * NANOS;

/// Answers that live shorter are not asked for again ahead of time: a tenth of it is no time.
const PREFETCH_LIFETIME_MIN: u64 = 10 * NANOS;

/// A remembered answer. Laid out for size: a million of them are held by a table of eight octets each.
#[derive(Debug)]
pub struct Entry {
    /// The answer as it came; its question is most of the key.
    pub answer: Answer,
    /// The upstream that gave it; empty for answers made here.
    pub upstream: Arc<str>,
    /// When it came.
    stored: Tick,
    /// How long it may be served.
    lifetime_secs: u32,
    /// Generation of knowledge under which nothing was found about the name; 0 for none.
    clean_under: AtomicU32,
    /// Milliseconds after `stored` until which no better answer is looked for; 0 for none.
    resting_ms: AtomicU32,
    pub(super) route: u16,
    pub(super) flags: u8,
    /// [`ASKED`], [`DUE`], [`LIKED`], [`GONE`], [`KEPT`].
    marks: AtomicU8,
    slots: [AtomicU64; SLOTS],
}

/// Served from memory.
const ASKED: u8 = 1;
/// Found due to be asked for again.
const DUE: u8 = 2;
/// Asked for since the last look for something to give up.
const LIKED: u8 = 4;
/// No longer in the cache: another took its place, or it was given up.
const GONE: u8 = 8;
/// Of those that were asked for a second time, and so are not given up for one that was not.
const KEPT: u8 = 16;

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
    /// A fresh entry without verdicts, under the key that its question makes together with `key`'s route and flags. Lifetimes are
    /// whole seconds.
    pub fn new(
        key: &Key<'_>,
        answer: Answer,
        upstream: Arc<str>,
        stored: Tick,
        lifetime: Duration,
    ) -> Self {
        Self {
            answer,
            upstream,
            stored,
            lifetime_secs: u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX),
            route: key.route,
            flags: key.flags,
            clean_under: AtomicU32::new(0),
            resting_ms: AtomicU32::new(0),
            marks: AtomicU8::new(0),
            slots: [const { AtomicU64::new(0) }; SLOTS],
        }
    }

    /// The same of another type of its name, for an answer that says the same of all.
    pub(super) fn for_type(&self, qtype: u16) -> Option<Self> {
        Some(Self {
            answer: self.answer.for_type(qtype)?,
            upstream: Arc::clone(&self.upstream),
            clean_under: AtomicU32::new(self.clean_under.load(Ordering::Relaxed)),
            resting_ms: AtomicU32::new(0),
            marks: AtomicU8::new(0),
            slots: [const { AtomicU64::new(0) }; SLOTS],
            ..*self
        })
    }

    /// Whether its lifetime has not run out.
    #[inline]
    pub fn is_fresh(&self, now: Tick) -> bool {
        now.nanos_since(self.stored) < self.lifetime()
    }

    /// How long it may be served, in nanoseconds.
    #[inline]
    fn lifetime(&self) -> u64 {
        u64::from(self.lifetime_secs) * NANOS
    }

    /// How long another failure that takes the place of this one may be remembered: twice as long and `longest` at most, where this
    /// one is not long past.
    pub fn twice_as_long(&self, now: Tick, longest: Duration) -> Option<Duration> {
        let is_recent = now.nanos_since(self.stored) < self.lifetime() * 4;
        is_recent.then(|| Duration::from_nanos(self.lifetime() * 2).min(longest))
    }

    /// Whether it is past its lifetime, but not so long that it may not be served in need.
    pub fn may_be_stale(&self, now: Tick) -> bool {
        now.nanos_since(self.stored) < self.lifetime() + STALE_MAX
    }

    /// Serves it for `span` past `now`, whatever its lifetime, because looking for a better answer has just failed.
    pub fn rest(&self, now: Tick, span: Duration) {
        let after = Duration::from_nanos(now.nanos_since(self.stored)) + span;
        let after = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
        self.resting_ms.store(after, Ordering::Relaxed);
    }

    /// Whether looking for a better answer has just failed.
    #[inline]
    pub fn is_resting(&self, now: Tick) -> bool {
        let until = self.resting_ms.load(Ordering::Relaxed);
        until > 0 && now.nanos_since(self.stored) / (NANOS / 1000) < u64::from(until)
    }

    /// Notes that it is served from memory; true once, when it has been served before and little of its lifetime is left.
    #[inline]
    pub fn is_due(&self, now: Tick) -> bool {
        let marks = self.marks.load(Ordering::Relaxed);
        if marks & ASKED == 0 {
            self.marks.fetch_or(ASKED, Ordering::Relaxed);
            return false;
        }
        if marks & DUE != 0 {
            return false;
        }
        let lifetime = self.lifetime();
        let left = lifetime.saturating_sub(now.nanos_since(self.stored));
        lifetime >= PREFETCH_LIFETIME_MIN
            && left > 0
            && left <= lifetime / 10
            && self.marks.fetch_or(DUE, Ordering::Relaxed) & DUE == 0
    }

    /// Notes that it was asked for. Writes once between two looks for something to give up, so that workers that share an answer
    /// only read it.
    #[inline]
    pub(super) fn like(&self) {
        if self.marks.load(Ordering::Relaxed) & LIKED == 0 {
            self.marks.fetch_or(LIKED, Ordering::Relaxed);
        }
    }

    /// Whether it was asked for since this was last asked.
    pub(super) fn was_liked(&self) -> bool {
        self.marks.fetch_and(!LIKED, Ordering::Relaxed) & LIKED != 0
    }

    /// Sets it, or what takes its place, apart from those that were asked for once.
    pub(super) fn keep(&self) {
        self.marks.fetch_or(KEPT, Ordering::Relaxed);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & KEPT != 0
    }

    /// When it came.
    pub(super) const fn stored(&self) -> Tick {
        self.stored
    }

    /// Tells all who still hold it that the cache does not.
    pub(super) fn leave(&self) {
        self.marks.fetch_or(GONE, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & GONE != 0
    }

    /// What it takes of memory, in octets.
    pub(super) fn weight(&self) -> usize {
        self.answer.size() + ENTRY_OVERHEAD
    }

    /// Whole seconds since it came.
    #[inline]
    pub fn age_secs(&self, now: Tick) -> u32 {
        u32::try_from(now.nanos_since(self.stored) / NANOS).unwrap_or(u32::MAX)
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dns::{Made, Query, Rcode};

    pub(in crate::cache) fn entry() -> Entry {
        let packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
        let query = Query::parse(packet).unwrap();
        let answer = Made::Empty(Rcode::NOERROR).answer(&query);
        let now = Tick::after(Duration::from_secs(7));
        let key = Key::new(0, &query.name, query.qtype, query.qclass, false, false);
        Entry::new(&key, answer, Arc::default(), now, Duration::from_secs(10))
    }

    /// The moments so many seconds after an entry came.
    fn later(entry: &Entry) -> impl Fn(u64) -> Tick + use<> {
        let stored = entry.stored.nanos_since(Tick::after(Duration::ZERO));
        move |secs| Tick::after(Duration::from_nanos(stored) + Duration::from_secs(secs))
    }

    #[test]
    fn entries_age() {
        let entry = entry();
        let at = later(&entry);
        assert!(entry.is_fresh(at(9)) && !entry.is_fresh(at(10)));
        assert_eq!((entry.age_secs(at(0)), entry.age_secs(at(9))), (0, 9));
    }

    #[test]
    fn failures_that_go_on_are_remembered_longer() {
        let entry = entry();
        let at = later(&entry);
        let longer = |secs, longest| entry.twice_as_long(at(secs), Duration::from_secs(longest));
        assert_eq!(longer(11, 30), Some(Duration::from_secs(20)));
        assert_eq!(longer(39, 16), Some(Duration::from_secs(16)));
        assert_eq!(longer(40, 30), None);
    }

    #[test]
    fn entries_rest_after_a_failure() {
        let entry = entry();
        let at = later(&entry);
        assert!(!entry.is_resting(at(0)) && !entry.is_resting(at(20)));
        entry.rest(at(20), Duration::from_secs(5));
        assert!(entry.is_resting(at(24)) && !entry.is_resting(at(25)));
        entry.rest(at(0), Duration::from_secs(90_000));
        assert!(entry.is_resting(at(89_999)) && !entry.is_resting(at(90_000)));
    }

    #[test]
    fn entries_are_due_once_when_asked_for_twice_and_nearly_over() {
        let check = |asked_at: &[u64], lifetime: u32, expected: &[bool]| {
            let entry = Entry { lifetime_secs: lifetime, ..entry() };
            let at = later(&entry);
            let got: Vec<bool> = asked_at.iter().map(|secs| entry.is_due(at(*secs))).collect();
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
    fn entries_are_small() {
        // With the two counts of an `Arc` this fills the allocator's class of 128 octets.
        assert!(size_of::<Entry>() <= 112, "{}", size_of::<Entry>());
    }

    #[test]
    fn liking_is_remembered_until_looked_at() {
        let entry = entry();
        assert!(!entry.was_liked());
        entry.like();
        entry.like();
        assert!(entry.was_liked() && !entry.was_liked());
        entry.leave();
        assert!(entry.is_gone() && !entry.was_liked());
    }
}

//! How an upstream does, learned from the queries it gets anyway: round trips, silence, EDNS, letter case.

use super::message::{Case, Fit};
use crate::dns::has_opt;
use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// After how many flights without any reply a server counts as silent and others are asked first.
const SILENT_MAX: u32 = 2;

/// The shortest wait before a query is sent once more.
const HEDGE_MIN: Duration = Duration::from_millis(150);

/// The longest first wait before a query is sent once more.
pub(super) const HEDGE_MAX: Duration = Duration::from_millis(800);

/// How often a server that is silent or was never asked gets a copy of a query.
const PROBE_SILENT: Duration = Duration::from_secs(1);

/// How often a server that does well, but is not the fastest, gets a copy of a query.
const PROBE_SLOWER: Duration = Duration::from_secs(10);

/// How often a change in a server's health is logged at most.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// How long a server that answered only without EDNS is asked without.
const EDNS_OFF: Duration = Duration::from_mins(10);

/// How long a server that changes the case is asked in lower case. Then it may have been replaced by one that keeps it.
const CASE_LOST_FOR: Duration = Duration::from_hours(1);

/// All fields are hints that may be a moment old, so nothing here needs more than relaxed order.
#[derive(Debug)]
pub(super) struct Health {
    born: Instant,
    /// Smoothed round trip in microseconds; 0 before the first.
    round_trip_us: AtomicU32,
    silent: AtomicU32,
    /// Milliseconds since `born`, plus 1; 0 for never.
    probed_ms: AtomicU64,
    logged_ms: AtomicU64,
    edns_off_until_ms: AtomicU64,
    /// A reply with OPT was seen: the server understands EDNS, whatever it says to one question.
    edns_seen: AtomicBool,
    /// Until when the server counts as one that changes the case; 0 for one that keeps it.
    case_lost_until_ms: AtomicU64,
}

impl Health {
    pub(super) const fn new(born: Instant) -> Self {
        Self {
            born,
            round_trip_us: AtomicU32::new(0),
            silent: AtomicU32::new(0),
            probed_ms: AtomicU64::new(0),
            logged_ms: AtomicU64::new(0),
            edns_off_until_ms: AtomicU64::new(0),
            edns_seen: AtomicBool::new(false),
            case_lost_until_ms: AtomicU64::new(0),
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    /// A believable reply came, so long after its query was first sent. True when the server was silent before.
    #[inline]
    pub(super) fn answered(&self, after: Duration) -> bool {
        let sample = u32::try_from(after.as_micros()).unwrap_or(u32::MAX).max(1);
        let old = self.round_trip_us.load(Relaxed);
        // Down faster than up: a slow reply is as often a slow name as a slow server.
        let new = match old {
            0 => sample,
            _ if sample < old => old - (old - sample).div_ceil(4),
            _ => old + (sample - old) / 8,
        };
        if new != old {
            self.round_trip_us.store(new, Relaxed);
        }
        self.heard()
    }

    /// Something came that shows that the server is there. True when it was silent before.
    #[inline]
    pub(super) fn heard(&self) -> bool {
        self.silent.load(Relaxed) != 0 && self.silent.swap(0, Relaxed) >= SILENT_MAX
    }

    /// A flight waited in vain for as long as it should. True when the server counts as silent from now on.
    pub(super) fn missed(&self) -> bool {
        let before = self.silent.fetch_update(Relaxed, Relaxed, |it| it.checked_add(1));
        before == Ok(SILENT_MAX - 1)
    }

    /// The server is known not to answer now. True when it did not count as silent before.
    pub(super) fn unreachable(&self) -> bool {
        self.silent.fetch_max(SILENT_MAX, Relaxed) < SILENT_MAX
    }

    /// The smoothed round trip; `None` before the first reply.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip_us.load(Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us.into())),
        }
    }

    /// Whether news about this server may be logged; says yes once in [`LOG_EVERY`].
    pub(super) fn may_log(&self, now: Instant) -> bool {
        let (last, now_ms) = (self.logged_ms.load(Relaxed), self.ms(now) + 1);
        let due = last == 0 || u128::from(now_ms.saturating_sub(last)) >= LOG_EVERY.as_millis();
        due && self.logged_ms.compare_exchange(last, now_ms, Relaxed, Relaxed).is_ok()
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.load(Relaxed) >= SILENT_MAX
    }

    /// Whether the server has answered, and lately.
    pub(super) fn is_sound(&self) -> bool {
        self.round_trip_us.load(Relaxed) != 0 && !self.is_silent()
    }

    /// Orders servers: those that answer before those that do not, then by round trip; unknown ones as if they were average.
    #[inline]
    pub(super) fn rank(&self) -> (bool, u32) {
        let round_trip = self.round_trip_us.load(Relaxed);
        (self.is_silent(), if round_trip == 0 { 50_000 } else { round_trip })
    }

    /// How long to wait for a reply before asking once more.
    pub(super) fn hedge(&self) -> Duration {
        let round_trip = Duration::from_micros(self.round_trip_us.load(Relaxed).into());
        (round_trip * 2).clamp(HEDGE_MIN, HEDGE_MAX)
    }

    /// Whether a server that is not first now gets a copy of a query, so that its health is known. Says yes once per interval.
    #[inline]
    pub(super) fn probe(&self, now: Instant) -> bool {
        let (last, now_ms) = (self.probed_ms.load(Relaxed), self.ms(now) + 1);
        let unknown = self.round_trip_us.load(Relaxed) == 0 || self.is_silent();
        let every = if unknown { PROBE_SILENT } else { PROBE_SLOWER };
        let due = last == 0 || u128::from(now_ms.saturating_sub(last)) >= every.as_millis();
        due && self.probed_ms.compare_exchange(last, now_ms, Relaxed, Relaxed).is_ok()
    }

    pub(super) fn edns(&self, now: Instant) -> bool {
        let until = self.edns_off_until_ms.load(Relaxed);
        until == 0 || self.ms(now) >= until
    }

    /// Learns from a believable reply to a query with EDNS whether the server understands it.
    #[inline]
    pub(super) fn learn_edns(&self, reply: &[u8]) {
        if !self.edns_seen.load(Relaxed) && has_opt(reply) {
            self.edns_seen.store(true, Relaxed);
        }
    }

    /// A query without EDNS was answered where the one with EDNS was not. That says something of the server only where it has
    /// never sent OPT: one that does not understand EDNS must not (RFC 6891 section 7).
    pub(super) fn edns_off(&self, now: Instant) {
        if self.edns_seen.load(Relaxed) {
            return;
        }
        let until = self.ms(now + EDNS_OFF);
        self.edns_off_until_ms.store(until, Relaxed);
    }

    /// The case of the next query's name.
    #[inline]
    pub(super) fn case(&self) -> Case {
        if self.loses_case() { Case::LOWER } else { Case::random() }
    }

    /// Whether a reply is to be believed as far as letter case goes.
    #[inline]
    pub(super) fn case_fits(&self, fit: Fit) -> bool {
        match fit {
            Fit::Whole => true,
            Fit::OtherCase => self.loses_case(),
            Fit::Header | Fit::Failure | Fit::Foreign => false,
        }
    }

    #[inline]
    fn loses_case(&self) -> bool {
        self.case_lost_until_ms.load(Relaxed) != 0
    }

    /// A reply over TCP, which nobody forges from afar, or the want of one, shows that the server changes the case.
    pub(super) fn case_lost(&self, now: Instant) {
        self.case_lost_until_ms.store(self.ms(now + CASE_LOST_FOR), Relaxed);
    }

    /// Tries anew, after a while, whether the server keeps the case.
    pub(super) fn try_case(&self, now: Instant) {
        if self.loses_case() && self.ms(now) >= self.case_lost_until_ms.load(Relaxed) {
            self.case_lost_until_ms.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::clock;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn round_trips_are_smoothed() {
        let health = Health::new(clock::now());
        assert_eq!(health.hedge(), HEDGE_MIN);
        health.answered(ms(200));
        assert_eq!(health.hedge(), ms(400));
        health.answered(ms(1000));
        assert_eq!(health.hedge(), ms(600));
        health.answered(ms(4));
        assert_eq!(health.hedge(), ms(452));
        (0..40).for_each(|_| assert!(!health.answered(ms(1))));
        assert_eq!(health.hedge(), HEDGE_MIN);
        health.answered(ms(100_000));
        assert_eq!(health.hedge(), HEDGE_MAX);
    }

    #[test]
    fn silence_ends_with_the_first_reply() {
        let health = Health::new(clock::now());
        health.answered(ms(1));
        assert!(!health.missed());
        assert!(!health.is_silent());
        assert!(health.missed());
        assert!(!health.missed());
        assert!(health.is_silent());
        assert!(health.rank() > (false, u32::MAX));
        assert!(health.answered(ms(1)));
        assert!(!health.answered(ms(1)));
        assert!(!health.is_silent());
        assert!(health.unreachable());
        assert!(!health.unreachable());
        assert!(health.is_silent());
    }

    #[test]
    fn probes_are_rare() {
        let born = clock::now();
        let health = Health::new(born);
        let check = |at: u64, expected: bool| assert_eq!(health.probe(born + ms(at)), expected);
        check(0, true);
        check(999, false);
        check(1000, true);
        health.answered(ms(1));
        check(3000, false);
        check(11_000, true);
        health.unreachable();
        check(12_000, true);
    }

    #[test]
    fn edns_comes_back() {
        let born = clock::now();
        let health = Health::new(born);
        assert!(health.edns(born));
        health.edns_off(born);
        assert!(!health.edns(born + EDNS_OFF - ms(1)));
        assert!(health.edns(born + EDNS_OFF));
    }

    #[test]
    fn case_is_demanded_until_it_is_lost_and_after_a_while_again() {
        let born = clock::now();
        let health = Health::new(born);
        let check = |believed: bool| {
            assert!(health.case_fits(Fit::Whole) && !health.case_fits(Fit::Foreign));
            assert_eq!(health.case_fits(Fit::OtherCase), believed);
            assert_eq!(health.case() == Case::LOWER, believed);
        };
        check(false);
        health.case_lost(born);
        check(true);
        health.try_case(born + CASE_LOST_FOR - ms(1));
        check(true);
        health.try_case(born + CASE_LOST_FOR);
        check(false);
    }
}

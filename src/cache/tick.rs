//! `Tick`: a moment as one integer, so that entries are compared with it by a subtraction of integers.

use std::time::{Duration, Instant};

/// A moment, as nanoseconds since another one that all ticks of a cache are counted from; before that, it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(u64);

impl Tick {
    /// The moment `now`, counted from `start`.
    #[inline]
    pub fn since(start: Instant, now: Instant) -> Self {
        Self::after(now.saturating_duration_since(start))
    }

    /// The moment so long after the one that is counted from.
    #[inline]
    pub fn after(passed: Duration) -> Self {
        Self(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Whole seconds since the moment that is counted from.
    #[inline]
    pub const fn secs(self) -> u64 {
        self.0 / NANOS
    }

    /// Nanoseconds from `earlier` until this moment; 0 where it is not earlier.
    #[inline]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Nanoseconds in a second.
pub(super) const NANOS: u64 = 1_000_000_000;

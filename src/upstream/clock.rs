//! The clock: the one place of this part that reads it.

use std::time::{Instant, SystemTime};

/// The moment it is.
#[inline]
#[expect(clippy::disallowed_methods, reason = "upstream measures round trips and holds deadlines")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// No clock that is right shows an earlier time: 1 November 2026 in Unix seconds. Moves on with releases.
pub(super) const UNIX_TIME_MIN: u64 = 1_793_491_200;

/// Unix time in seconds; `None` while the clock cannot be right, as on a board without a battery that has not found its NTP
/// server yet.
#[expect(clippy::disallowed_methods, reason = "what upstreams say is dated")]
pub fn unix_time() -> Option<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs()).filter(|it| *it >= UNIX_TIME_MIN)
}

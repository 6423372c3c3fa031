//! The one place where the fronts read the clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The time of day, in Unix seconds; 0 before 1970.
pub(super) fn unix() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the fronts are where time comes in")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// The time now; read once for a batch of datagrams, once for what a connection has sent.
#[inline]
#[cfg(not(test))]
pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the fronts are where time comes in")]
    Instant::now()
}

/// The clock of the runtime, which a test may hold.
#[cfg(test)]
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

//! The one place where the fronts read the clock.

use std::time::Instant;

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

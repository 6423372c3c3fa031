//! The clocks, read here and handed down.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where `app` reads the clock for everyone below"
)]

use std::time::{Instant, SystemTime};

/// Unix time in seconds; 0 before 1970.
pub(super) fn unix() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// The monotonic clock.
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

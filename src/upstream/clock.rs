//! The clock: the one place of this part that reads it.

use std::time::{Instant, SystemTime};

/// The moment it is.
#[inline]
#[expect(clippy::disallowed_methods, reason = "upstream measures round trips and holds deadlines")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// No clock that is right shows an earlier time: when this was built, in Unix seconds (`build.rs`).
pub(super) const UNIX_TIME_MIN: u64 = match u64::from_str_radix(env!("SQUINT_BUILT_UNIX"), 10) {
    Ok(it) => it,
    Err(_) => panic!("SQUINT_BUILT_UNIX is no number of seconds"),
};

/// Unix time in seconds; `None` while the clock cannot be right, as on a board without a battery that has not found its NTP
/// server yet.
#[expect(clippy::disallowed_methods, reason = "what upstreams say is dated")]
pub fn unix_time() -> Option<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs()).filter(|it| *it >= UNIX_TIME_MIN)
}

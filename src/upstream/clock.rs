//! The clock: the one place of this part that reads it.

use std::time::Instant;

/// The moment it is.
#[inline]
#[expect(clippy::disallowed_methods, reason = "upstream measures round trips and holds deadlines")]
pub(super) fn now() -> Instant {
    Instant::now()
}

//! The writer's clock: the one place of this part that asks what time it is.

use std::time::{Duration, Instant, SystemTime};

/// One moment on both clocks, so that an [`Instant`] taken elsewhere can be told as a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// On the steady clock.
    pub instant: Instant,
    /// On the wall clock, since 1970-01-01 UTC.
    pub unix: Duration,
}

impl Now {
    /// Reads both clocks. A wall clock before 1970 reads as 1970.
    #[expect(clippy::disallowed_methods, reason = "the event writer hands the time to all others")]
    pub fn read() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), unix }
    }

    /// The date of `instant`, since 1970-01-01 UTC.
    pub fn unix_of(&self, instant: Instant) -> Duration {
        match self.instant.checked_duration_since(instant) {
            Some(ago) => self.unix.saturating_sub(ago),
            None => self.unix + instant.saturating_duration_since(self.instant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_dates() {
        let now = Now { unix: Duration::from_secs(1_000), ..Now::read() };
        let check = |instant: Instant, expected_secs: u64| {
            assert_eq!(now.unix_of(instant), Duration::from_secs(expected_secs));
        };
        check(now.instant, 1_000);
        check(now.instant + Duration::from_secs(2), 1_002);
        let later = Now { instant: now.instant + Duration::from_secs(5), ..now };
        assert_eq!(later.unix_of(now.instant), Duration::from_secs(995));
    }
}

//! Who asked for a URL shortener a moment ago.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How long after a shortener a name may be what the short link leads to, in seconds.
pub const AFTER_SHORTENER_SECS: u64 = 10;

/// Clients remembered at once; those whose hashes meet share a place, and the later one has it.
const CLIENTS_MAX: usize = 1_024;

/// One word per client: the upper half of a hash of its address, and the lower half of the time.
pub(super) struct Shorteners {
    words: Box<[AtomicU64]>,
}

impl Shorteners {
    pub(super) fn new() -> Self {
        Self { words: (0..CLIENTS_MAX).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Notes that a client, given by its hash, asked for a shortener. `now` is Unix time in seconds.
    pub(super) fn note(&self, client: u64, now: u64) {
        self.word(client).store(client & !LOW | now & LOW, Relaxed);
    }

    /// Until when a name may be where a short link leads; `None` where the client asked for no shortener lately.
    pub(super) fn until(&self, client: u64, now: u64) -> Option<u64> {
        let word = self.word(client).load(Relaxed);
        if word & !LOW != client & !LOW {
            return None;
        }
        let then = now & !LOW | word & LOW;
        let until = then + AFTER_SHORTENER_SECS;
        (then <= now && now < until).then_some(until)
    }

    fn word(&self, client: u64) -> &AtomicU64 {
        &self.words[(client & LOW) as usize % CLIENTS_MAX]
    }
}

/// The half of a word that holds the time.
const LOW: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_of_the_same_client() {
        let shorteners = Shorteners::new();
        let (client, other) = (0x1234_5678_0000_0001, 0x8765_4321_0000_0001);
        let now = 1_800_000_000;
        assert_eq!(shorteners.until(client, now), None);
        shorteners.note(client, now);
        assert_eq!(shorteners.until(client, now), Some(now + 10));
        assert_eq!(shorteners.until(client, now + 9), Some(now + 10));
        assert_eq!(shorteners.until(client, now + 10), None);
        assert_eq!(shorteners.until(client, now - 1), None);
        assert_eq!(shorteners.until(other, now), None, "the same place");
        shorteners.note(other, now);
        assert_eq!(shorteners.until(client, now), None, "pushed out");
    }
}

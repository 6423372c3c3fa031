//! Those who are not served: how often they are told so, and how often the log is.

use super::prefix::Prefix;
use foldhash::fast::RandomState;
use std::{
    hash::BuildHasher as _,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Refusals sent to one prefix in a second. Addresses may be forged, so refusals are no way to hit a third party.
const PREFIX_PER_SEC_MAX: u32 = 5;
/// Refusals sent in a second in all.
const ALL_PER_SEC_MAX: u32 = 500;
/// Lines written to the log in an hour in all.
const LINES_PER_HOUR_MAX: u32 = 100;
/// Into how many cells the prefixes are folded.
const CELLS: usize = 1024;

/// Counts per prefix, in tables of fixed size: prefixes that fall together share a rate, and may write a line more.
#[derive(Debug)]
pub(super) struct Refusals {
    since: Instant,
    keys: RandomState,
    sent: Box<[AtomicU64]>,
    sent_all: AtomicU64,
    news: News,
}

/// Which networks the log has told of lately.
#[derive(Debug)]
pub(super) struct News {
    logged: Box<[AtomicU64]>,
    lines: AtomicU64,
}

impl Refusals {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            keys: RandomState::default(),
            sent: cells(),
            sent_all: AtomicU64::new(0),
            news: News::new(),
        }
    }

    /// Whether `client` may be told so once more; says so in the log once per prefix and hour.
    pub(super) fn note(&self, client: IpAddr, now: Instant) -> bool {
        let prefix = Prefix::around(client);
        let hash = self.keys.hash_one(prefix);
        let secs = now.saturating_duration_since(self.since).as_secs();
        if self.news.is_news(hash, secs) {
            log(client, prefix);
        }
        self.count(hash as usize % CELLS, secs)
    }

    /// Whether `client` may be met once more, without a word in the log.
    pub(super) fn admit(&self, client: IpAddr, now: Instant) -> bool {
        let cell = self.keys.hash_one(Prefix::around(client)) as usize % CELLS;
        self.count(cell, now.saturating_duration_since(self.since).as_secs())
    }

    fn count(&self, cell: usize, secs: u64) -> bool {
        let second = secs as u32;
        count(&self.sent[cell], second, PREFIX_PER_SEC_MAX)
            && count(&self.sent_all, second, ALL_PER_SEC_MAX)
    }
}

impl News {
    pub(super) fn new() -> Self {
        Self { logged: cells(), lines: AtomicU64::new(0) }
    }

    /// Whether the network of this hash has no line in this hour yet and there is room for one. `secs` counts from the start.
    pub(super) fn is_news(&self, hash: u64, secs: u64) -> bool {
        let hour = hour(secs);
        let mark = pack(hour, (hash >> 32) as u32);
        self.logged[hash as usize % CELLS].swap(mark, Ordering::Relaxed) != mark
            && count(&self.lines, hour, LINES_PER_HOUR_MAX)
    }
}

fn cells() -> Box<[AtomicU64]> {
    (0..CELLS).map(|_| AtomicU64::new(0)).collect()
}

/// The hour, from 1, so that an empty cell belongs to none.
fn hour(secs: u64) -> u32 {
    (secs / 3600) as u32 + 1
}

pub(super) fn pack(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Counts one more in `period`, from zero when a new period has begun; `false` past `max`.
fn count(cell: &AtomicU64, period: u32, max: u32) -> bool {
    cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| {
        let seen = if (it >> 32) as u32 == period { it as u32 } else { 0 };
        (seen < max).then(|| pack(period, seen + 1))
    })
    .is_ok()
}

fn log(client: IpAddr, prefix: Prefix) {
    tracing::warn!(
        "refused {client}: not a client of this server\nhint: to serve its network, add to the config: [server] allow = [\"{prefix}\"]"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn start() -> (Refusals, Instant) {
        let now = crate::server::clock::now();
        (Refusals::new(now), now)
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4((0xcb00_7100 + (number << 8)).into())
    }

    #[test]
    fn a_prefix_is_told_a_few_times_a_second() {
        let (refusals, now) = start();
        let told = |at: Instant| (0..100).filter(|_| refusals.note(address(0), at)).count();
        assert_eq!(told(now), 5);
        assert_eq!(told(now + Duration::from_millis(900)), 0);
        assert_eq!(told(now + Duration::from_secs(1)), 5);
    }

    #[test]
    fn all_together_are_told_a_few_hundred_times_a_second() {
        let (refusals, now) = start();
        let told = (0..100_000).filter(|&it| refusals.note(address(it), now)).count();
        assert_eq!(told, ALL_PER_SEC_MAX as usize);
    }

    #[test]
    fn a_prefix_is_news_once_an_hour() {
        let news = News::new();
        let is_news = |cell, tag, secs| news.is_news(pack(tag, cell), secs);
        assert!(is_news(1, 7, 0));
        assert!(!is_news(1, 7, 3599));
        assert!(is_news(1, 8, 3599));
        assert!(is_news(2, 7, 3600));
        assert!(is_news(1, 8, 3600));
    }

    #[test]
    fn the_log_is_never_flooded() {
        let news = News::new();
        let lines = |secs| (0..10_000).filter(|&it| news.is_news(pack(it, it), secs)).count();
        assert_eq!(lines(0), 100);
        assert_eq!(lines(3600), 100);
    }
}

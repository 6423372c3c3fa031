//! Rate limits: how many UDP queries of one network are answered in a second.
//!
//! Only queries are counted whose sender may be forged. Over a connection, and with a DNS cookie, a client has shown that it is
//! where it says; there the caps on connections and waiting queries hold.

use super::{
    prefix::Prefix,
    refusals::{News, pack},
};
use foldhash::fast::RandomState;
use std::{
    hash::BuildHasher as _,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// Into how many counts the networks are folded. Networks that fall together share a rate; the fold is keyed, so that nobody
/// can aim.
const COUNTS: usize = 16_384;

/// How many UDP queries of one network are answered in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Queries a second; 0 for no limit.
    pub per_sec: u32,
    /// Whether it holds for private and local networks and those of this host's interfaces as well.
    pub everywhere: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_sec: 500, everywhere: false }
    }
}

/// What is done with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    /// It is answered.
    Within,
    /// One too many: the client is told to come by another way. A forged one gains no more than it sent.
    Turned,
    /// One too many, and the one before was told so.
    Dropped,
}

/// Counts per network and second, in a table of fixed size.
#[derive(Debug)]
pub(super) struct Rates {
    since: Instant,
    keys: RandomState,
    counts: Box<[AtomicU64]>,
    news: News,
}

impl Rates {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            keys: RandomState::default(),
            counts: (0..COUNTS).map(|_| AtomicU64::new(0)).collect(),
            news: News::new(),
        }
    }

    /// Counts a query of `client`; says so in the log once per network and hour where it is one too many.
    #[inline]
    pub(super) fn count(&self, client: IpAddr, per_sec: u32, now: Instant) -> Rate {
        let network = network(client);
        let hash = self.keys.hash_one(network);
        let secs = now.saturating_duration_since(self.since).as_secs();
        let over = self.over(hash as usize % COUNTS, per_sec, secs as u32);
        if over == 0 {
            return Rate::Within;
        }
        if self.news.is_news(hash, secs) {
            log(network, per_sec);
        }
        if over % 2 == 1 { Rate::Turned } else { Rate::Dropped }
    }

    /// By how many the count of this second is past `max`, this one included.
    fn over(&self, cell: usize, max: u32, second: u32) -> u32 {
        let count = |it: u64| {
            let seen = if (it >> 32) as u32 == second { it as u32 } else { 0 };
            seen.saturating_add(1)
        };
        let before = self.counts[cell]
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(pack(second, count(it))));
        let (Ok(before) | Err(before)) = before;
        count(before).saturating_sub(max)
    }
}

/// What counts as one network: what one subscriber usually has of IPv6, and the smallest that is routed of IPv4.
fn network(client: IpAddr) -> Prefix {
    let client = client.to_canonical();
    Prefix::new(client, if client.is_ipv4() { 24 } else { 56 }).expect("no longer than an address")
}

#[cold]
fn log(network: Prefix, per_sec: u32) {
    tracing::warn!(
        "more than {per_sec} UDP queries a second from {network}: the others are turned to TCP or dropped\nhint: to allow more, raise in the config: [server] rate_limit = {per_sec}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_second_query_past_the_limit_is_turned() {
        use Rate::{Dropped, Turned, Within};
        let now = crate::server::clock::now();
        let rates = Rates::new(now);
        let count = |text: &str, at: Instant| rates.count(client(text), 3, at);
        let expected = [Within, Within, Within, Turned, Dropped, Turned, Dropped];
        assert_eq!([(); 7].map(|()| count("203.0.113.7", now)), expected);
        assert_eq!(count("203.0.113.200", now + Duration::from_millis(900)), Turned);
        assert_eq!(count("::ffff:203.0.113.9", now), Dropped);
        assert_eq!(count("203.0.113.7", now + Duration::from_secs(1)), Within);
    }

    #[test]
    fn a_network_has_one_count() {
        let same = |one: &str, other: &str| network(client(one)) == network(client(other));
        assert!(same("192.0.2.1", "192.0.2.254") && !same("192.0.2.1", "192.0.3.1"));
        assert!(same("2001:db8::1", "2001:db8:0:ff::1"));
        assert!(!same("2001:db8::1", "2001:db8:0:100::1"));
    }
}

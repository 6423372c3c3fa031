//! Counters that every part may bump; read as one snapshot.
//!
//! Each thread bumps its own [`Counters`], on cache lines that no other thread writes; [`Metrics::totals`] sums them. To add a
//! counter, add a line to the table at the end of this file.

mod hits;

pub use hits::{Hits, ListTotals};

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// How many sets of counters there are. More threads than that share sets, which costs speed, never counts.
const SETS: usize = 32;

/// All counters of one running Squint.
#[derive(Debug)]
pub struct Metrics {
    sets: Box<[Counters; SETS]>,
    lists: hits::Lists,
}

impl Metrics {
    /// Every counter at zero.
    pub fn new() -> Self {
        Self {
            sets: Box::new(std::array::from_fn(|_| Counters::default())),
            lists: hits::Lists::default(),
        }
    }

    /// The counters that this thread bumps.
    #[inline]
    pub fn here(&self) -> &Counters {
        &self.sets[own_set()]
    }

    /// The sums over all threads. Counts that move meanwhile may or may not be in.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for set in self.sets.iter() {
            totals.add(set);
        }
        totals
    }

    /// The counts of a list, from its last reading on if it was read before.
    pub fn hits(&self, list: &str) -> Arc<Hits> {
        self.lists.hits(list)
    }

    /// The sums for every list, in the order in which they first appeared.
    pub fn lists(&self) -> Vec<ListTotals> {
        self.lists.totals()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    #[inline]
    pub fn bump(&self) {
        self.add(1);
    }

    /// Adds `count`.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// This thread set's count alone; [`Metrics::totals`] has the sum.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn own_set() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SETS;
    }
    OWN.with(|it| *it)
}

/// Makes [`Counters`] and [`Totals`] out of one table of names and what they count.
macro_rules! counters {
    ($($name:ident: $help:literal,)*) => {
        /// One thread's counters. Two cache lines of alignment, because processors fetch lines in pairs.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            $(#[doc = $help] pub $name: Counter,)*
        }

        /// One reading of all counters.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub struct Totals {
            $(#[doc = $help] pub $name: u64,)*
        }

        impl Totals {
            fn add(&mut self, set: &Counters) {
                $(self.$name += set.$name.get();)*
            }

            /// Name, meaning and value of every counter, in the order of the table.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), $help, self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    queries_udp: "Datagrams received, whatever was in them.",
    queries_tcp: "Messages received over TCP, whatever was in them.",
    queries_dot: "Messages received over TLS.",
    queries_doh: "Queries received over HTTPS.",
    queries_doh3: "Queries received over HTTP/3.",
    queries_doq: "Queries received over QUIC.",
    responses: "Responses sent.",
    send_failed: "Responses that the kernel did not take.",
    cache_hits: "Queries answered from the cache, past its lifetime or not.",
    changed: "Queries of which policy changed the answer, or gave none.",
    malformed: "Packets answered FORMERR, NOTIMP or BADVERS.",
    oversized: "Packets longer than the buffer for a query; answered FORMERR.",
    dropped_silent: "Packets never answered: responses, less than a header, source port 0.",
    dropped_proxy: "Datagrams of proxies without a sound PROXY header.",
    dropped_policy: "Queries left unanswered because the policy says so.",
    dropped_stopped: "UDP queries dropped because the server came to its end.",
    dropped_gone: "Queries whose connection ended before the answer.",
    overflow: "Queries answered SERVFAIL at once because too many were waiting.",
    capped: "Of these, those whose client had its share of places.",
    queue_full: "Of these, those that came when no place was left for anybody.",
    refused: "Packets from clients that are not served.",
    dropped_refused: "Packets of those left unanswered because too many came.",
    rate_turned: "UDP queries beyond the rate limit, answered with TC=1 or BADCOOKIE.",
    rate_dropped: "UDP queries beyond the rate limit, left unanswered.",
    cookies_known: "Queries with a valid DNS cookie.",
    deferred: "Queries handed to the asynchronous side.",
    panics: "Panics caught; each became SERVFAIL.",
    tcp_opened: "TCP connections accepted, encrypted ones as well.",
    tcp_closed: "TCP connections that ended.",
    tcp_evicted: "Connections closed early to make room.",
    tcp_turned_away: "TCP connections closed at once because there was no room.",
    proxies_turned_away: "Connections of proxies without a sound PROXY header, closed; over QUIC all of them.",
    tcp_timed_out: "Connections closed because they idled, stalled or sent too slowly.",
    quic_opened: "QUIC connections whose handshake is done.",
    quic_closed: "QUIC connections that ended.",
    quic_turned_away: "QUIC connections turned away because there was no room, or none for their client.",
    quic_to_prove: "QUIC connections asked to prove their address first, because too many without proof were shaking hands.",
    handshakes_failed: "TLS handshakes that failed or took too long.",
    strangers_turned_away: "Encrypted connections of clients that are not served, closed before the handshake because too many came.",
    http_errors: "HTTP requests that carried no DNS query, answered with an error status.",
    accept_errors: "Failures to accept a connection.",
    merged: "Queries that joined an identical one on its way to an upstream.",
    stale_answers: "Responses with an answer past its lifetime, because no upstream gave a better one.",
    prefetches: "Answers asked for again shortly before they expire.",
    failures_remembered: "Failures to get an answer that were remembered for a moment.",
    dnssec_secure: "Answers validated and found authentic.",
    dnssec_insecure: "Answers validated and found to be from zones without signatures.",
    dnssec_bogus: "Answers validated and refused, because their signatures are missing or wrong.",
    dnssec_unreachable: "Answers that could not be validated, because the keys of a zone could not be asked.",
    dnssec_exchanges: "Questions to upstreams about keys and delegations, for validation.",
    dnssec_waiting: "Answers passed without validation, because the clock is not set.",
    aliases_followed: "Targets of aliases asked for, that an upstream had left unfollowed.",
    dns64_made: "Answers with IPv6 addresses made of IPv4 ones.",
    forwarding_loops: "Queries of ours that came back.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn threads_add_up() {
        let metrics = Metrics::new();
        thread::scope(|scope| {
            for _ in 0..2 * SETS {
                scope.spawn(|| {
                    metrics.here().refused.bump();
                    metrics.here().responses.add(10);
                });
            }
        });
        let totals = metrics.totals();
        assert_eq!(totals.refused, 2 * SETS as u64);
        assert_eq!(totals.responses, 20 * SETS as u64);
        let expected =
            Totals { refused: totals.refused, responses: totals.responses, ..Totals::default() };
        assert_eq!(totals, expected);
    }

    #[test]
    fn every_counter_is_listed_once() {
        let totals = Totals { queries_udp: 7, ..Totals::default() };
        let listed: Vec<_> = totals.iter().collect();
        assert_eq!(listed[0].0, "queries_udp");
        assert_eq!(listed[0].2, 7);
        let mut names: Vec<_> = listed.iter().map(|it| it.0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), listed.len());
    }

    #[test]
    fn sets_share_no_cache_line() {
        assert_eq!(align_of::<Counters>(), 128);
        assert_eq!(size_of::<Counters>() % 128, 0);
    }
}

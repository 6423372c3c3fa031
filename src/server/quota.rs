//! `Quota`: a fixed number of places, shared fairly between clients.

use foldhash::fast::RandomState;
use std::{
    hash::BuildHasher as _,
    net::{IpAddr, Ipv6Addr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::Notify;

/// Into how many counts the clients are folded. Two clients that fall together share; the fold is keyed, so that nobody can aim.
const COUNTS: usize = 4096;

/// Places for waiting queries. A client may hold as many as are left free: one alone gets half of them, and a newcomer
/// finds room whatever one other does.
#[derive(Debug)]
pub(super) struct Quota {
    places: u32,
    taken: AtomicU32,
    counts: Box<[AtomicU32]>,
    keys: RandomState,
    empty: Notify,
}

impl Quota {
    pub(super) fn new(places: u32) -> Arc<Self> {
        Arc::new(Self {
            places,
            taken: AtomicU32::new(0),
            counts: (0..COUNTS).map(|_| AtomicU32::new(0)).collect(),
            keys: RandomState::default(),
            empty: Notify::new(),
        })
    }

    /// Takes a place for `client`, unless it holds its share or `most` already, or none is left.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr, most: u32) -> Result<Permit, NoPlace> {
        let count = self.keys.hash_one(client_key(client)) as usize % COUNTS;
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let own = self.counts[count].fetch_add(1, Ordering::Relaxed);
        let permit = Permit { quota: Arc::clone(self), count };
        let free = self.places.saturating_sub(taken);
        // A refused permit gives its place back by being dropped.
        match own < free.min(most) {
            true => Ok(permit),
            false if free == 0 => Err(NoPlace::Full),
            false => Err(NoPlace::Capped),
        }
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until every place has been given back.
    pub(super) async fn emptied(&self) {
        loop {
            let mut empty = pin!(self.empty.notified());
            // Listening before looking: a place given back in between is not missed.
            empty.as_mut().enable();
            if self.taken() == 0 {
                return;
            }
            empty.await;
        }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// All are taken.
    Full,
    /// The client has its share.
    Capped,
}

/// A place taken; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Permit {
    quota: Arc<Quota>,
    count: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.quota.counts[self.count].fetch_sub(1, Ordering::Relaxed);
        if self.quota.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.quota.empty.notify_waiters();
        }
    }
}

/// What counts as one client: an IPv4 address, or the /64 that an IPv6 host picks its addresses from.
pub(super) fn client_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(it) => IpAddr::V4(it),
        IpAddr::V6(it) => IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn client(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    fn admit(quota: &Arc<Quota>, number: u8) -> Option<Permit> {
        quota.admit(client(number), u32::MAX).ok()
    }

    #[test]
    fn one_client_gets_no_more_than_most() {
        let quota = Quota::new(1000);
        let held: Vec<_> = std::iter::from_fn(|| quota.admit(client(1), 7).ok()).collect();
        assert_eq!((held.len(), quota.taken()), (7, 7));
        assert_eq!(quota.admit(client(1), 7).unwrap_err(), NoPlace::Capped);
    }

    #[test]
    fn one_client_gets_half_and_a_newcomer_finds_room() {
        let quota = Quota::new(1000);
        let first: Vec<_> = std::iter::from_fn(|| admit(&quota, 1)).collect();
        assert_eq!(first.len(), 500);
        let second: Vec<_> = std::iter::from_fn(|| admit(&quota, 2)).collect();
        assert_eq!(second.len(), 250);
        assert_eq!(quota.taken(), 750);
        drop((first, second));
        assert_eq!(quota.taken(), 0);
        assert!(admit(&quota, 1).is_some());
    }

    #[test]
    fn never_more_than_its_places() {
        let quota = Quota::new(100);
        let all: Vec<_> =
            (0..=255).flat_map(|it| [admit(&quota, it), admit(&quota, it)]).flatten().collect();
        assert!(all.len() <= 100 && all.len() > 90, "{}", all.len());
        let mut rest: Vec<_> = (0..=255).flat_map(|it| admit(&quota, it)).collect();
        rest.extend((0..10).map_while(|it| quota.admit(client(it), u32::MAX).ok()));
        let told = quota.admit(client(1), u32::MAX).unwrap_err();
        assert_eq!(told == NoPlace::Full, quota.taken() == 100);
    }

    #[test]
    fn a_network_of_one_ipv6_host_is_one_client() {
        let key = |it: &str| client_key(it.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[tokio::test]
    async fn emptied_waits_for_the_last() {
        let quota = Quota::new(10);
        quota.emptied().await;
        let (one, two) = (admit(&quota, 1), admit(&quota, 2));
        let waiting = tokio::spawn({
            let quota = Arc::clone(&quota);
            async move { quota.emptied().await }
        });
        tokio::task::yield_now().await;
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }
}

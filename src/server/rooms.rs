//! Room for long queries: those that are padded to more than the usual buffer of a stream holds.

use super::{
    quota::{Permit, Quota},
    udp::PACKET_LEN_MAX,
};
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// Octets of the longest query over streams: all that its length can say (RFC 7766 section 8, RFC 9250 section 4.2).
pub(super) const QUERY_LEN_MAX: usize = u16::MAX as usize;
/// Queries longer than [`PACKET_LEN_MAX`] that are read or wait for an answer at once, all streams together: 4 MiB of them. One client
/// has half of those that the others leave.
pub(super) const LONG_QUERIES_MAX: u32 = 64;

/// The rooms that there are, for one client.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    long: Arc<Quota>,
    client: IpAddr,
}

/// Room for one query, until it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    _long: Option<Permit>,
}

impl Rooms {
    pub(super) fn new() -> Self {
        Self { long: Quota::new(LONG_QUERIES_MAX), client: Ipv6Addr::UNSPECIFIED.into() }
    }

    /// The same rooms for this client.
    pub(super) fn of(&self, client: IpAddr) -> Self {
        Self { long: Arc::clone(&self.long), client }
    }

    /// Room for a query of so many octets; `None` for a long one while there are too many of them.
    pub(super) fn take(&self, len: usize) -> Option<Room> {
        if len <= PACKET_LEN_MAX {
            return Some(Room { _long: None });
        }
        let long = self.long.admit(self.client, LONG_QUERIES_MAX).ok()?;
        Some(Room { _long: Some(long) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_queries_are_bounded_and_others_are_not() {
        let rooms = Rooms::new();
        let fill = |last: u8| {
            let own = rooms.of([192, 0, 2, last].into());
            std::iter::from_fn(move || own.take(PACKET_LEN_MAX + 1)).collect::<Vec<Room>>()
        };
        let held: Vec<Vec<Room>> = (1..=20).map(fill).collect();
        let counts: Vec<usize> = held.iter().map(Vec::len).collect();
        assert_eq!(counts[..4], [32, 16, 8, 4], "half of what the others leave");
        assert_eq!(counts.iter().sum::<usize>(), LONG_QUERIES_MAX as usize);
        assert!(rooms.take(PACKET_LEN_MAX + 1).is_none() && rooms.take(QUERY_LEN_MAX).is_none());
        assert!(rooms.take(0).is_some() && rooms.take(PACKET_LEN_MAX).is_some());
        drop(held);
        assert!(rooms.take(QUERY_LEN_MAX).is_some());
    }
}

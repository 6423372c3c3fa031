//! Room for long queries: those that are padded to more than the usual buffer of a stream holds.

use super::udp::PACKET_LEN_MAX;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Octets of the longest query over streams: all that its length can say (RFC 7766 section 8, RFC 9250 section 4.2).
pub(super) const QUERY_LEN_MAX: usize = u16::MAX as usize;
/// Queries longer than [`PACKET_LEN_MAX`] that are read or wait for an answer at once, all streams together: 4 MiB of them.
pub(super) const LONG_QUERIES_MAX: usize = 64;

/// The rooms that there are.
#[derive(Debug, Clone)]
pub(super) struct Rooms(Arc<Semaphore>);

/// Room for one query, until it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    _long: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LONG_QUERIES_MAX)))
    }

    /// Room for a query of so many octets; `None` for a long one while there are too many of them.
    pub(super) fn take(&self, len: usize) -> Option<Room> {
        if len <= PACKET_LEN_MAX {
            return Some(Room { _long: None });
        }
        let long = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Room { _long: Some(long) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_queries_are_bounded_and_others_are_not() {
        let rooms = Rooms::new();
        let take = |len| rooms.take(len);
        let held: Vec<Room> =
            (0..LONG_QUERIES_MAX).filter_map(|_| take(PACKET_LEN_MAX + 1)).collect();
        assert_eq!(held.len(), LONG_QUERIES_MAX);
        assert!(take(PACKET_LEN_MAX + 1).is_none() && take(QUERY_LEN_MAX).is_none());
        assert!(take(0).is_some() && take(PACKET_LEN_MAX).is_some());
        drop(held);
        assert!(take(QUERY_LEN_MAX).is_some());
    }
}

//! Room for handshakes over QUIC, in all and for each client.
//!
//! Over TCP a handshake has its connection's place, and an address that is the client's own. The first packet of QUIC may come from
//! anybody in anybody's name: so whoever has not proved its address takes no place that another needs, and is asked for the proof, by a
//! Retry (RFC 9000 section 8.1.2), where too many do not.

use super::quota::{Permit, Quota};
use std::{net::IpAddr, sync::Arc};

/// Handshakes under way, of clients that are served and have proved their addresses.
pub(super) const PROVEN_MAX: u32 = 256;
/// How many of them one client may have.
pub(super) const PROVEN_PER_CLIENT_MAX: u32 = 64;
/// Handshakes under way without a proof, whoever they are said to come from, and with those who are not served.
pub(super) const UNPROVEN_MAX: u32 = 32;

/// The rooms that there are, all listeners together.
#[derive(Debug)]
pub(super) struct Handshakes {
    proven: Arc<Quota>,
    unproven: Arc<Quota>,
}

/// Who begins a handshake.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginner {
    pub(super) address: IpAddr,
    /// It gets what is sent to that address.
    pub(super) is_proven: bool,
    pub(super) is_served: bool,
}

/// What a handshake that begins comes to.
#[derive(Debug)]
pub(super) enum Entry {
    /// It may go on while this is held.
    Room(Permit),
    /// It may try again, with proof of its address. Nothing is kept of it.
    Prove,
    /// There is no room for it.
    NoRoom,
}

impl Handshakes {
    pub(super) fn new() -> Self {
        Self { proven: Quota::new(PROVEN_MAX), unproven: Quota::new(UNPROVEN_MAX) }
    }

    pub(super) fn enter(&self, who: Beginner) -> Entry {
        let room = match who.is_proven && who.is_served {
            true => self.proven.admit(who.address, PROVEN_PER_CLIENT_MAX),
            false => self.unproven.admit(who.address, UNPROVEN_MAX),
        };
        match room {
            Ok(permit) => Entry::Room(permit),
            Err(_) if who.is_proven => Entry::NoRoom,
            Err(_) => Entry::Prove,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: Beginner = Beginner {
        address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        is_proven: true,
        is_served: true,
    };

    /// How many of one kind find room, and what the next one is told.
    fn fill(handshakes: &Handshakes, who: Beginner, held: &mut Vec<Permit>) -> (u32, &'static str) {
        for count in 0.. {
            match handshakes.enter(who) {
                Entry::Room(permit) => held.push(permit),
                Entry::Prove => return (count, "prove"),
                Entry::NoRoom => return (count, "no room"),
            }
        }
        unreachable!("there is an end to every room")
    }

    fn from(last: u8) -> Beginner {
        Beginner { address: [192, 0, 2, last].into(), ..SERVED }
    }

    #[test]
    fn a_client_has_its_share_and_no_more() {
        let (handshakes, mut held) = (Handshakes::new(), Vec::new());
        assert_eq!(fill(&handshakes, from(1), &mut held), (PROVEN_PER_CLIENT_MAX, "no room"));
        // The first others have as many, and then half of what is left.
        for last in 2..=255 {
            let (count, told) = fill(&handshakes, from(last), &mut held);
            assert!(count <= PROVEN_PER_CLIENT_MAX && told == "no room", "{last}: {count} {told}");
        }
        assert_eq!(held.len(), PROVEN_MAX as usize);
        held.clear();
        assert_eq!(fill(&handshakes, from(5), &mut held), (PROVEN_PER_CLIENT_MAX, "no room"));
    }

    #[test]
    fn nobody_takes_a_share_in_the_name_of_another_and_strangers_none_of_those_who_are_served() {
        for (is_proven, is_served, expected) in [(false, true, "prove"), (true, false, "no room")] {
            let (handshakes, mut held) = (Handshakes::new(), Vec::new());
            for last in 0..=255 {
                let other = Beginner { is_proven, is_served, ..from(last) };
                assert_eq!(fill(&handshakes, other, &mut held).1, expected);
            }
            assert_eq!(held.len(), UNPROVEN_MAX as usize);
            let client = fill(&handshakes, from(1), &mut held);
            assert_eq!(client, (PROVEN_PER_CLIENT_MAX, "no room"));
        }
    }
}

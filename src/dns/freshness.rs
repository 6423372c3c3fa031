//! How long a response may be kept by whoever carries it without reading it, and what is left of one that was: HTTP caches
//! (RFC 8484 section 5.1).

use super::{
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header},
};

/// The lowest TTL of the answer section, in seconds; where the authority section holds a SOA record, no more than its TTL and its
/// MINIMUM (RFC 2308 section 5). 0 where nothing says how long.
pub fn freshness_secs(response: &[u8]) -> u32 {
    lowest(response).unwrap_or(0)
}

fn lowest(response: &[u8]) -> Option<u32> {
    let header = Header::read(response)?;
    let mut at = HEADER_LEN;
    for _ in 0..header.questions {
        at = super::names::skip(response, at)? + 4;
    }
    let mut lowest = None;
    for index in 0..u32::from(header.answers) + u32::from(header.authorities) {
        let entry = Entry::read(response, at)?;
        at = entry.end();
        let lifetime = if index < u32::from(header.answers) {
            entry.ttl
        } else if entry.rtype == rtype::SOA {
            let minimum = response[entry.rdata].last_chunk().map(|it| u32::from_be_bytes(*it))?;
            minimum.min(entry.ttl)
        } else {
            continue;
        };
        lowest = Some(lowest.map_or(lifetime, |it: u32| it.min(lifetime)));
    }
    lowest
}

/// Lowers every TTL of a reply that lay in an HTTP cache for so long (RFC 8484 section 5.1). A SOA record in the authority section
/// begins with no more than its MINIMUM (RFC 2308 section 5). A reply that cannot be read to its end is left to whoever judges it.
pub fn grow_old(reply: &mut [u8], age_secs: u32) {
    if age_secs > 0 {
        _ = lower(reply, age_secs);
    }
}

fn lower(reply: &mut [u8], age_secs: u32) -> Option<()> {
    let header = Header::read(reply)?;
    let mut at = HEADER_LEN;
    for _ in 0..header.questions {
        at = super::names::skip(reply, at)? + 4;
    }
    for index in 0..header.records() {
        let entry = Entry::read(reply, at)?;
        at = entry.end();
        if entry.rtype == rtype::OPT {
            continue;
        }
        // One with its top bit set means 0 (RFC 2181 section 8).
        let mut ttl = if entry.ttl > i32::MAX as u32 { 0 } else { entry.ttl };
        if entry.rtype == rtype::SOA && index >= usize::from(header.answers) {
            let minimum = reply[entry.rdata.clone()].last_chunk().map(|it| u32::from_be_bytes(*it));
            ttl = ttl.min(minimum?);
        }
        let left = ttl.saturating_sub(age_secs).to_be_bytes();
        reply[entry.ttl_at()..][..left.len()].copy_from_slice(&left);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{class, sample::Sample, wire::flag},
        *,
    };
    use proptest::prelude::*;

    fn sample() -> Sample {
        Sample::new(7, flag::QR, b"\x01a\x07example\0", rtype::A, class::IN)
    }

    #[test]
    fn the_lowest_ttl_counts() {
        let soa = |minimum: u32| [&[0; 2 + 16], &minimum.to_be_bytes()[..]].concat();
        let check = |response: Sample, expected: u32| {
            assert_eq!(freshness_secs(&response.octets()), expected);
        };
        let address = |ttl| sample().answer(b"\xc0\x0c", rtype::A, ttl, &[192, 0, 2, 1]);
        check(sample(), 0);
        check(address(300), 300);
        check(address(300).answer(b"\xc0\x0c", rtype::A, 30, &[192, 0, 2, 2]), 30);
        check(address(300).authority(b"\0", rtype::NS, 5, b"\0"), 300);
        check(address(300).additional(b"\0", rtype::OPT, 1, b""), 300);
        check(sample().authority(b"\0", rtype::SOA, 600, &soa(60)), 60);
        check(sample().authority(b"\0", rtype::SOA, 6, &soa(60)), 6);
        check(address(300).authority(b"\0", rtype::SOA, 600, &soa(60)), 60);
    }

    #[test]
    fn ttls_are_lowered_by_the_age() {
        let soa = [&[0; 2 + 16], &60_u32.to_be_bytes()[..]].concat();
        let reply = |a: u32, b: u32, c: u32| {
            let address = &[192, 0, 2, 1];
            let answer = sample().answer(b"\xc0\x0c", rtype::A, a, address);
            let authority = answer.authority(b"\0", rtype::SOA, b, &soa);
            let more = authority.additional(b"\xc0\x0c", rtype::A, c, address);
            more.additional(b"\0", rtype::OPT, 0x8000, b"").octets()
        };
        let check = |age: u32, before: [u32; 3], after: [u32; 3]| {
            let mut octets = reply(before[0], before[1], before[2]);
            grow_old(&mut octets, age);
            assert_eq!(octets, reply(after[0], after[1], after[2]), "{age}");
        };
        check(0, [300, 3600, 20], [300, 3600, 20]);
        check(50, [300, 3600, 20], [250, 10, 0]);
        check(250, [300, 3600, 20], [50, 0, 0]);
        check(1, [u32::MAX, 30, 1 << 31], [0, 29, 0]);
        check(u32::MAX, [300, 3600, 20], [0, 0, 0]);
    }

    proptest! {
        #[test]
        fn any_octets_are_read(mut response in prop::collection::vec(any::<u8>(), 0..80), age: u32) {
            freshness_secs(&response);
            grow_old(&mut response, age);
        }
    }
}

//! How long a response may be kept by whoever carries it without reading it: HTTP caches (RFC 8484 section 5.1).

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

    proptest! {
        #[test]
        fn any_octets_are_read(response in prop::collection::vec(any::<u8>(), 0..80)) {
            freshness_secs(&response);
        }
    }
}

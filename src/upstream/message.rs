//! Queries as they leave, and the first look at what comes back.

use super::Ask;
use rand::RngExt as _;

/// The UDP payload size that queries announce (RFC 9715: what passes without fragments).
const UDP_SIZE: u16 = 1232;

const HEADER_LEN: usize = 12;
const OPT_LEN: usize = 11;
const QUERY_LEN_MAX: usize = HEADER_LEN + crate::name::WIRE_LEN_MAX + 4 + OPT_LEN;

const QR: u8 = 0x80;
const OPCODE: u8 = 0x78;
const RD: u8 = 0x01;
const AD: u8 = 0x20;
const CD: u8 = 0x10;

/// Which letters of the query name are sent in upper case (draft-vixie-dnsext-dns0x20): one bit a letter, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case(u64);

impl Case {
    /// All letters in lower case.
    pub(super) const LOWER: Self = Self(0);

    /// Every letter in a case of its own.
    pub(super) fn random() -> Self {
        Self(rand::rng().random())
    }

    /// The octet as sent: `index` counts octets of the wire-form name.
    #[inline]
    const fn of(self, index: usize, octet: u8) -> u8 {
        // Length octets are at most 63 and so never look like a letter.
        if octet.is_ascii_lowercase() && (self.0 >> (index % 64)) & 1 == 1 {
            octet ^ 0x20
        } else {
            octet
        }
    }
}

/// A query in wire form, without a place on the heap.
pub(super) struct Packet {
    octets: [u8; QUERY_LEN_MAX],
    len: usize,
}

impl Packet {
    /// Builds the query: RD and AD set, CD as asked, and an OPT of our own (RFC 6891) unless the server knows none.
    ///
    /// AD in a query says that AD in the response is understood (RFC 6840 section 5.7).
    #[inline]
    pub(super) fn new(ask: &Ask, id: u16, case: Case, edns: bool) -> Self {
        let mut it = Self { octets: [0; QUERY_LEN_MAX], len: 0 };
        it.push(&id.to_be_bytes());
        it.push(&[RD, AD | if ask.checking_disabled { CD } else { 0 }]);
        it.push(&[0, 1, 0, 0, 0, 0, 0, u8::from(edns)]);
        let at = it.len;
        it.push(ask.name.wire());
        if case != Case::LOWER {
            for (index, octet) in it.octets[at..it.len].iter_mut().enumerate() {
                *octet = case.of(index, *octet);
            }
        }
        it.push(&ask.qtype.to_be_bytes());
        it.push(&ask.qclass.to_be_bytes());
        if edns {
            let [size_high, size_low] = UDP_SIZE.to_be_bytes();
            let flags = if ask.dnssec_ok { 0x80 } else { 0 };
            it.push(&[0, 0, 41, size_high, size_low, 0, 0, flags, 0, 0, 0]);
        }
        it
    }

    #[inline]
    fn push(&mut self, octets: &[u8]) {
        self.octets[self.len..self.len + octets.len()].copy_from_slice(octets);
        self.len += octets.len();
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}

/// What a message is to a query, by header and question alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// A response to this very question, letter for letter.
    Whole,
    /// A response to this question, its letters in another case than sent.
    OtherCase,
    /// A bare header that says FORMERR or NOTIMP: what a server without EDNS may send. Proves little.
    Header,
    /// Something else.
    Foreign,
}

/// The ID of a message; `None` for what is shorter than a header.
#[inline]
pub(super) fn id(message: &[u8]) -> Option<u16> {
    let (id, _) = message.first_chunk::<HEADER_LEN>()?.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*id))
}

/// Compares everything but the ID: QR, opcode, QDCOUNT, and the question with its case (RFC 5452 section 9.1).
#[inline]
pub(super) fn fit(message: &[u8], ask: &Ask, case: Case) -> Fit {
    let Some(&[_, _, high, low, qd_high, qd_low, ..]) = message.first_chunk::<HEADER_LEN>() else {
        return Fit::Foreign;
    };
    if high & QR == 0 || high & OPCODE != 0 {
        return Fit::Foreign;
    }
    let count = u16::from_be_bytes([qd_high, qd_low]);
    if count == 0 && message.len() == HEADER_LEN && matches!(low & 0x0f, 1 | 4) {
        return Fit::Header;
    }
    let wire = ask.name.wire();
    let Some((name, rest)) = message[HEADER_LEN..].split_at_checked(wire.len()) else {
        return Fit::Foreign;
    };
    let [type_high, type_low] = ask.qtype.to_be_bytes();
    let [class_high, class_low] = ask.qclass.to_be_bytes();
    if count != 1 || !rest.starts_with(&[type_high, type_low, class_high, class_low]) {
        return Fit::Foreign;
    }
    let same = if case == Case::LOWER {
        name == wire
    } else {
        name.iter().zip(wire).enumerate().all(|(index, (&got, &it))| got == case.of(index, it))
    };
    if same {
        Fit::Whole
    } else if name.eq_ignore_ascii_case(wire) {
        Fit::OtherCase
    } else {
        Fit::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dns::rtype, name::Name};
    use hickory_proto::op::Message;

    fn ask(name: &str) -> Ask {
        Ask {
            name: Name::parse(name).unwrap(),
            qtype: rtype::TXT,
            qclass: 3,
            dnssec_ok: true,
            checking_disabled: true,
        }
    }

    #[test]
    fn queries_say_what_was_asked() {
        let packet = Packet::new(&ask("www.Example"), 0x1234, Case::LOWER, true);
        let message = Message::from_vec(packet.octets()).unwrap();
        assert_eq!(message.metadata.id, 0x1234);
        assert!(message.metadata.recursion_desired && message.metadata.checking_disabled);
        assert!(message.metadata.authentic_data);
        assert_eq!(message.queries[0].to_string(), "www.example. CH TXT");
        let edns = message.edns.unwrap();
        assert_eq!((edns.max_payload(), edns.version(), edns.flags().dnssec_ok), (1232, 0, true));
    }

    #[test]
    fn without_edns_nothing_follows_the_question() {
        let packet = Packet::new(&ask("a.example"), 1, Case::LOWER, false);
        assert_eq!(packet.octets().len(), 12 + 11 + 4);
        assert_eq!(packet.octets()[8..12], [0; 4]);
    }

    #[test]
    fn the_longest_name_fits() {
        let label = "x".repeat(63);
        let long = format!("{label}.{label}.{label}.{}", "x".repeat(61));
        assert_eq!(Packet::new(&ask(&long), 1, Case::random(), true).octets().len(), QUERY_LEN_MAX);
    }

    #[test]
    fn replies_are_fitted() {
        let ask = ask("www.example");
        let case = Case(0b10);
        let reply = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut reply = Packet::new(&ask, 7, case, false).octets().to_vec();
            reply[2] |= QR;
            change(&mut reply);
            reply
        };
        let check = |expected: Fit, change: &dyn Fn(&mut Vec<u8>)| {
            assert_eq!(fit(&reply(change), &ask, case), expected);
        };
        assert_eq!(reply(&|_| ())[13], b'W');
        check(Fit::Whole, &|_| ());
        check(Fit::Whole, &|it| it.extend(b"more"));
        check(Fit::OtherCase, &|it| it[13] = b'w');
        check(Fit::Foreign, &|it| it[13] = b'v');
        check(Fit::Foreign, &|it| it[2] &= !QR);
        check(Fit::Foreign, &|it| it[2] |= 0x20);
        check(Fit::Foreign, &|it| it[5] = 0);
        check(Fit::Foreign, &|it| it[5] = 2);
        check(Fit::Foreign, &|it| it[26] = 1);
        check(Fit::Foreign, &|it| it[28] = 1);
        check(Fit::Foreign, &|it| it.truncate(20));
        check(Fit::Foreign, &|it| it.truncate(11));
        check(Fit::Header, &|it| {
            it.truncate(12);
            it[3] = 1;
            it[5] = 0;
        });
        check(Fit::Foreign, &|it| {
            it.truncate(12);
            it[3] = 2;
            it[5] = 0;
        });
    }

    #[test]
    fn ids_need_a_whole_header() {
        assert_eq!(id(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some(0x0102));
        assert_eq!(id(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}

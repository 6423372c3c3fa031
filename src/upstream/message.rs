//! Queries as they leave, and the first look at what comes back.

use super::Ask;
use crate::dns::{Outgoing, is_for_subnet};
use rand::RngExt as _;

const HEADER_LEN: usize = 12;
const QR: u8 = 0x80;
const OPCODE: u8 = 0x78;

/// Room for nearly every query, so that its buffer does not grow.
const QUERY_LEN: usize = 128;

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

/// Builds the query in wire form.
pub(super) fn query(ask: &Ask, id: u16, case: Case, edns: bool) -> Vec<u8> {
    let mut packet = Vec::with_capacity(QUERY_LEN);
    write_query(ask, id, case, edns, &mut packet);
    packet
}

/// Builds the query for a way that nobody can read or write on: its length is hidden, and its case has nothing to prove.
pub(super) fn secure_query(ask: &Ask, id: u16, edns: bool) -> Vec<u8> {
    let mut packet = Vec::with_capacity(QUERY_LEN);
    outgoing(ask, id, edns, true).write(&mut packet);
    packet
}

/// Writes the query in wire form into `packet`, over what is there.
pub(super) fn write_query(ask: &Ask, id: u16, case: Case, edns: bool, packet: &mut Vec<u8>) {
    outgoing(ask, id, edns, false).write(packet);
    if case != Case::LOWER {
        let name = packet[HEADER_LEN..][..ask.name.wire().len()].iter_mut();
        name.enumerate().for_each(|(index, octet)| *octet = case.of(index, *octet));
    }
}

fn outgoing(ask: &Ask, id: u16, edns: bool, padded: bool) -> Outgoing<'_> {
    Outgoing {
        id,
        name: &ask.name,
        qtype: ask.qtype,
        qclass: ask.qclass,
        rd: true,
        cd: ask.checking_disabled,
        dnssec_ok: ask.dnssec_ok,
        edns,
        subnet: ask.subnet.as_deref(),
        padded,
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
    /// A bare header that says SERVFAIL or REFUSED. Proves no more, so that it counts over connections only.
    Failure,
    /// Something else.
    Foreign,
}

/// The ID of a message; `None` for what is shorter than a header.
#[inline]
pub(super) fn id(message: &[u8]) -> Option<u16> {
    let (id, _) = message.first_chunk::<HEADER_LEN>()?.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*id))
}

/// Compares everything but the ID: QR, opcode, QDCOUNT, the question with its case (RFC 5452 section 9.1), and the network for which it
/// was asked, where one was named.
#[inline]
pub(super) fn fit(message: &[u8], ask: &Ask, case: Case) -> Fit {
    let Some(&[_, _, high, low, qd_high, qd_low, ..]) = message.first_chunk::<HEADER_LEN>() else {
        return Fit::Foreign;
    };
    if high & QR == 0 || high & OPCODE != 0 {
        return Fit::Foreign;
    }
    let count = u16::from_be_bytes([qd_high, qd_low]);
    if count == 0 && message.len() == HEADER_LEN {
        return match low & 0x0f {
            1 | 4 => Fit::Header,
            2 | 5 => Fit::Failure,
            _ => Fit::Foreign,
        };
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
    if ask.subnet.as_ref().is_some_and(|it| !is_for_subnet(message, it)) {
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
    use crate::{
        dns::{Query, rtype},
        name::Name,
    };
    use proptest::prelude::*;

    fn ask(name: &str) -> Ask {
        Ask {
            name: Name::parse(name).unwrap(),
            qtype: rtype::TXT,
            qclass: 3,
            dnssec_ok: true,
            checking_disabled: true,
            subnet: None,
        }
    }

    #[test]
    fn queries_say_what_was_asked() {
        let ask = ask("www.Example");
        let case = Case(u64::MAX);
        let packet = query(&ask, 0x1234, case, true);
        let query = Query::parse(&packet).unwrap();
        assert_eq!((query.id, query.rd, query.cd), (0x1234, true, true));
        assert_eq!((&query.name, query.qtype, query.qclass), (&ask.name, ask.qtype, ask.qclass));
        assert_eq!(query.sent, b"\x03WWW\x07EXAMPLE\x00");
        assert!(query.dnssec_ok());
        let packet = self::query(&ask, 0x1234, Case::LOWER, false);
        let query = Query::parse(&packet).unwrap();
        assert_eq!((query.sent, query.edns), (ask.name.wire(), None));
    }

    #[test]
    fn replies_are_fitted() {
        let ask = ask("www.example");
        let case = Case(0b10);
        let reply = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut reply = query(&ask, 7, case, false);
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
        let ask = Ask { subnet: Some(Box::from(*b"\0\x01\x18\0\xc0\0\x02")), ..ask.clone() };
        for (last, expected) in [(2, Fit::Whole), (3, Fit::Foreign)] {
            let mut reply = query(&ask, 7, case, true);
            reply[2] |= QR;
            let at = reply.len() - 1;
            assert_eq!(reply[at], 2);
            reply[at] = last;
            assert_eq!(fit(&reply, &ask, case), expected);
        }
        for (rcode, expected) in [
            (0, Fit::Foreign),
            (1, Fit::Header),
            (2, Fit::Failure),
            (3, Fit::Foreign),
            (4, Fit::Header),
            (5, Fit::Failure),
        ] {
            check(expected, &|it| {
                it.truncate(12);
                it[3] = rcode;
                it[5] = 0;
            });
        }
    }

    proptest! {
        #[test]
        fn any_message_is_fitted(message in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(id(&message).is_some(), message.len() >= HEADER_LEN);
            let fit = fit(&message, &ask("www.example"), Case::LOWER);
            prop_assert!(matches!(fit, Fit::Foreign | Fit::Header | Fit::Failure));
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in 16_usize..(12 + 13 + 4) * 8, case: u64) {
            let (ask, case) = (ask("www.example"), Case(case));
            let mut reply = query(&ask, 7, case, false);
            reply[2] |= QR;
            prop_assert_eq!(fit(&reply, &ask, case), Fit::Whole);
            reply[at / 8] ^= 1 << (at % 8);
            // AA, TC, RD; the flags of the second octet; and the counts of what follows the question may be anything.
            let free = matches!(at / 8, 2) && at % 8 < 3 || matches!(at / 8, 3 | 6..12);
            prop_assert_eq!(fit(&reply, &ask, case) == Fit::Whole, free);
        }
    }

    #[test]
    fn ids_need_a_whole_header() {
        assert_eq!(id(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some(0x0102));
        assert_eq!(id(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}

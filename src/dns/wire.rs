//! Numbers of the wire format: types, classes, rcodes, header bits, and the names that IANA gives them.

use std::borrow::Cow;

/// Octets of a message header (RFC 1035 section 4.1.1).
pub(super) const HEADER_LEN: usize = 12;

/// Octets of a question after its name: QTYPE and QCLASS.
pub(super) const QUESTION_FIXED_LEN: usize = 4;

/// Header bits, counted in the second 16-bit word (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6).
pub(super) mod flag {
    /// A response.
    pub(crate) const QR: u16 = 0x8000;
    /// The four bits of the opcode; QUERY is 0.
    pub(crate) const OPCODE: u16 = 0x7800;
    /// Truncated.
    pub(crate) const TC: u16 = 0x0200;
    /// Recursion desired.
    pub(crate) const RD: u16 = 0x0100;
    /// Recursion available.
    pub(crate) const RA: u16 = 0x0080;
    /// Authentic data.
    pub(crate) const AD: u16 = 0x0020;
    /// Checking disabled.
    pub(crate) const CD: u16 = 0x0010;
    /// The lower four bits of the rcode.
    pub(crate) const RCODE: u16 = 0x000f;
}

/// The fixed header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Message id.
    pub(super) id: u16,
    /// The bits of [`flag`].
    pub(super) flags: u16,
    /// QDCOUNT.
    pub(super) questions: u16,
    /// ANCOUNT.
    pub(super) answers: u16,
    /// NSCOUNT.
    pub(super) authorities: u16,
    /// ARCOUNT.
    pub(super) additionals: u16,
}

impl Header {
    /// Reads the header; `None` when the message is shorter.
    #[inline]
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *message.first_chunk::<HEADER_LEN>()?;
        Some(Self {
            id: u16::from_be_bytes([a, b]),
            flags: u16::from_be_bytes([c, d]),
            questions: u16::from_be_bytes([e, f]),
            answers: u16::from_be_bytes([g, h]),
            authorities: u16::from_be_bytes([i, j]),
            additionals: u16::from_be_bytes([k, l]),
        })
    }

    /// The header on the wire.
    #[inline]
    pub(super) fn octets(&self) -> [u8; HEADER_LEN] {
        let [a, b] = self.id.to_be_bytes();
        let [c, d] = self.flags.to_be_bytes();
        let [e, f] = self.questions.to_be_bytes();
        let [g, h] = self.answers.to_be_bytes();
        let [i, j] = self.authorities.to_be_bytes();
        let [k, l] = self.additionals.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// How many records the three sections hold, by their counts.
    pub(super) fn records(&self) -> usize {
        [self.answers, self.authorities, self.additionals].into_iter().map(usize::from).sum()
    }

    /// The rcode's lower four bits.
    pub(super) fn rcode(&self) -> Rcode {
        Rcode(self.flags & flag::RCODE)
    }
}

/// The 16-bit number at `at`, when it is there.
#[inline]
pub(super) fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..)?.first_chunk().map(|it| u16::from_be_bytes(*it))
}

/// Record types that the code names (IANA DNS parameters).
pub mod rtype {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    use std::borrow::Cow;

    pub const RESERVED: u16 = 0;
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const MD: u16 = 3;
    pub const MF: u16 = 4;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const MB: u16 = 7;
    pub const MG: u16 = 8;
    pub const MR: u16 = 9;
    pub const PTR: u16 = 12;
    pub const HINFO: u16 = 13;
    pub const MINFO: u16 = 14;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const RP: u16 = 17;
    pub const AFSDB: u16 = 18;
    pub const RT: u16 = 21;
    pub const NSAP_PTR: u16 = 23;
    pub const SIG: u16 = 24;
    pub const PX: u16 = 26;
    pub const AAAA: u16 = 28;
    pub const NXT: u16 = 30;
    pub const SRV: u16 = 33;
    pub const NAPTR: u16 = 35;
    pub const KX: u16 = 36;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const DNSKEY: u16 = 48;
    pub const NSEC3: u16 = 50;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const NXNAME: u16 = 128;
    pub const TKEY: u16 = 249;
    pub const TSIG: u16 = 250;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const MAILB: u16 = 253;
    pub const MAILA: u16 = 254;
    pub const ANY: u16 = 255;

    /// The mnemonic, or `TYPE` and the number (RFC 3597 section 5).
    pub fn name(rtype: u16) -> Cow<'static, str> {
        match super::NAMES.binary_search_by_key(&rtype, |it| it.0) {
            Ok(at) => Cow::Borrowed(super::NAMES[at].1),
            Err(_) => Cow::Owned(format!("TYPE{rtype}")),
        }
    }

    /// Reads a mnemonic or `TYPE` and a number, in any letter case. `None` where it is neither.
    pub fn parse(text: &str) -> Option<u16> {
        let named = super::NAMES.iter().find(|it| it.1.eq_ignore_ascii_case(text));
        named.map(|it| it.0).or_else(|| super::numbered(text, "TYPE"))
    }

    /// Whether no zone can hold this type, so that asking for it means nothing to a resolver: OPT, and the range of meta types
    /// and QTYPEs (RFC 6895 section 3.1) without ANY and the zone transfers.
    #[inline]
    pub const fn is_meta(rtype: u16) -> bool {
        matches!(rtype, RESERVED | OPT | NXNAME..=TSIG | MAILB | MAILA)
    }
}

/// Classes (RFC 1035 section 3.2.4).
pub mod class {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    use std::borrow::Cow;

    pub const RESERVED: u16 = 0;
    pub const IN: u16 = 1;
    pub const CH: u16 = 3;
    pub const HS: u16 = 4;
    pub const NONE: u16 = 254;
    pub const ANY: u16 = 255;

    /// The mnemonic, or `CLASS` and the number (RFC 3597 section 5).
    pub fn name(class: u16) -> Cow<'static, str> {
        Cow::Borrowed(match class {
            IN => "IN",
            CH => "CH",
            HS => "HS",
            NONE => "NONE",
            ANY => "ANY",
            _ => return Cow::Owned(format!("CLASS{class}")),
        })
    }
}

/// A response code, extended codes of EDNS included (RFC 6891 section 6.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    pub const NOERROR: Self = Self(0);
    pub const FORMERR: Self = Self(1);
    pub const SERVFAIL: Self = Self(2);
    pub const NXDOMAIN: Self = Self(3);
    pub const NOTIMP: Self = Self(4);
    pub const REFUSED: Self = Self(5);
    pub const YXDOMAIN: Self = Self(6);
    pub const BADVERS: Self = Self(16);
    pub const BADCOOKIE: Self = Self(23);

    /// Whether it tells the client something about the name, be it that it does not exist.
    pub const fn is_useful(self) -> bool {
        matches!(self, Self::NOERROR | Self::NXDOMAIN)
    }

    /// The mnemonic (`NXDOMAIN`), or `RCODE` and the number.
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            11 => "DSOTYPENI",
            16 => "BADVERS",
            17 => "BADKEY",
            18 => "BADTIME",
            19 => "BADMODE",
            20 => "BADNAME",
            21 => "BADALG",
            22 => "BADTRUNC",
            23 => "BADCOOKIE",
            other => return Cow::Owned(format!("RCODE{other}")),
        })
    }

    /// What the header's four bits hold.
    #[inline]
    pub(super) const fn low(self) -> u16 {
        self.0 & flag::RCODE
    }

    /// What the upper octet of OPT's TTL field holds.
    #[inline]
    pub(super) const fn high(self) -> u8 {
        (self.0 >> 4) as u8
    }
}

/// `TYPE` or another word, then a number without a sign.
fn numbered(text: &str, word: &str) -> Option<u16> {
    let (head, digits) = text.split_at_checked(word.len())?;
    let plain = head.eq_ignore_ascii_case(word) && digits.bytes().all(|it| it.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

/// Mnemonics by number (IANA, "Resource Record (RR) TYPEs"), sorted. `ANY` is what the registry calls `*`.
const NAMES: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAP-PTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (31, "EID"),
    (32, "NIMLOC"),
    (33, "SRV"),
    (34, "ATMA"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (38, "A6"),
    (39, "DNAME"),
    (40, "SINK"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (56, "NINFO"),
    (57, "RKEY"),
    (58, "TALINK"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (66, "DSYNC"),
    (67, "HHIT"),
    (68, "BRID"),
    (99, "SPF"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
    (128, "NXNAME"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (256, "URI"),
    (257, "CAA"),
    (258, "AVC"),
    (259, "DOA"),
    (260, "AMTRELAY"),
    (261, "RESINFO"),
    (262, "WALLET"),
    (263, "CLA"),
    (264, "IPN"),
    (32768, "TA"),
    (32769, "DLV"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names_both_ways() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0), "`rtype::name` searches by halves");
        for &(number, name) in NAMES {
            assert_eq!(rtype::name(number), name);
            assert_eq!(rtype::parse(name), Some(number));
            assert_eq!(rtype::parse(&name.to_lowercase()), Some(number));
        }
        for number in 0..=u16::MAX {
            assert_eq!(rtype::parse(&rtype::name(number)), Some(number));
        }
    }

    #[test]
    fn types_parse_by_number() {
        let check = |input: &str, expected: Option<u16>| {
            assert_eq!(rtype::parse(input), expected, "{input}")
        };
        check("TYPE1", Some(1));
        check("type65280", Some(65280));
        check("TYPE65536", None);
        check("TYPE", None);
        check("TYPE+1", None);
        check("TYPE-1", None);
        check("CLASS1", None);
        check("", None);
        check("ÄÄ", None);
        check("NOSUCH", None);
    }

    #[test]
    fn meta_types_are_told_from_data() {
        for data in [rtype::A, rtype::HTTPS, rtype::ANY, rtype::AXFR, rtype::IXFR, 127, 256, 65535]
        {
            assert!(!rtype::is_meta(data), "{data}");
        }
        for meta in [rtype::OPT, rtype::NXNAME, 200, rtype::TKEY, rtype::TSIG, rtype::MAILA] {
            assert!(rtype::is_meta(meta), "{meta}");
        }
    }

    #[test]
    fn classes_and_rcodes_have_names() {
        assert_eq!(class::name(class::IN), "IN");
        assert_eq!(class::name(4711), "CLASS4711");
        assert_eq!(Rcode::NXDOMAIN.name(), "NXDOMAIN");
        assert_eq!(Rcode::BADCOOKIE.name(), "BADCOOKIE");
        assert_eq!(Rcode(3841).name(), "RCODE3841");
        assert_eq!((Rcode::BADVERS.low(), Rcode::BADVERS.high()), (0, 1));
        assert_eq!((Rcode(0xfff).low(), Rcode(0xfff).high()), (15, 255));
    }

    #[test]
    fn headers_round_trip() {
        let octets = [0xab, 0xcd, 0x81, 0x83, 0, 1, 0, 2, 0, 3, 0xff, 0xfe];
        let header = Header::read(&octets).unwrap();
        assert_eq!(
            (header.id, header.rcode(), header.additionals),
            (0xabcd, Rcode::NXDOMAIN, 65534)
        );
        assert_eq!(header.octets(), octets);
        assert_eq!(Header::read(&octets[..11]), None);
    }
}

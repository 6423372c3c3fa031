//! Numbers of the wire format: types, classes, rcodes, header bits.

/// Record types that the code names (IANA DNS parameters).
pub mod rtype {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const DNSKEY: u16 = 48;
    pub const NSEC3: u16 = 50;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const ANY: u16 = 255;

    /// The mnemonic, or `TYPE` and the number (RFC 3597 section 5).
    pub fn name(rtype: u16) -> std::borrow::Cow<'static, str> {
        todo!("{rtype}")
    }
}

/// Classes (RFC 1035 section 3.2.4).
pub mod class {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    pub const IN: u16 = 1;
    pub const CH: u16 = 3;
    pub const ANY: u16 = 255;
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
    pub const BADVERS: Self = Self(16);

    /// The mnemonic (`NXDOMAIN`), or `RCODE` and the number.
    pub fn name(self) -> std::borrow::Cow<'static, str> {
        todo!()
    }
}

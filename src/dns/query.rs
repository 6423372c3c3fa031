//! A client's query, parsed in place without allocation.

use super::{Rcode, Reply};
use crate::name::Name;

/// A well-formed query with one question. Borrows the packet; parse the packet again after handing it over.
#[derive(Debug, Clone)]
pub struct Query<'p> {
    /// The whole packet.
    pub packet: &'p [u8],
    /// Message id.
    pub id: u16,
    /// RD: recursion desired.
    pub rd: bool,
    /// AD: the client understands AD (RFC 6840 section 5.7).
    pub ad: bool,
    /// CD: checking disabled.
    pub cd: bool,
    /// QNAME, in lower case.
    pub name: Name,
    /// QNAME as it was sent, case kept.
    pub sent: &'p [u8],
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// EDNS, when the client sent an OPT record.
    pub edns: Option<Edns>,
}

/// What a client's OPT record says (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// Requestor's UDP payload size as sent.
    pub udp_size: u16,
    /// DO: DNSSEC records wanted.
    pub dnssec_ok: bool,
}

/// A packet that is no answerable query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// No whole header, or a response (QR=1): never answered.
    Silence,
    /// Answered with a bare header (question left out, or echoed where `question_len` octets after the header parsed) and this rcode:
    /// FORMERR, NOTIMP, BADVERS.
    Error {
        /// Message id.
        id: u16,
        /// The first two flag octets as sent, for opcode and RD.
        flags: u16,
        /// What is wrong.
        rcode: Rcode,
        /// How many octets after the header hold a well-formed question to echo; 0 where none.
        question_len: u16,
    },
}

impl<'p> Query<'p> {
    /// Parses a packet: header rules of RFC 9619 (QDCOUNT = 1), opcode QUERY only, one OPT with version 0, nothing in the answer section...
    pub fn parse(packet: &'p [u8]) -> Result<Self, Rejected> {
        todo!()
    }

    /// DO bit, false without EDNS.
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|it| it.dnssec_ok)
    }
}

impl Rejected {
    /// Writes the response into `out` (cleared first); nothing for [`Rejected::Silence`].
    pub fn write(&self, packet: &[u8], out: &mut Vec<u8>) {
        todo!()
    }
}

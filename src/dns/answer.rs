//! `Answer`: a response in wire form as the cache keeps it, without ID, without OPT.

use super::{Query, Rcode};
use crate::name::Name;
use std::net::IpAddr;

/// A response kept in wire form: header, lower-case question, the three sections without OPT, and where the TTLs stand.
///
/// Every TTL is as received; [`super::Reply`] counts it down while writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    // to be designed by whoever writes it (message bytes, ttl offsets, rcode, lifetime, upstream's EDE)
}

/// Why an upstream's reply is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// Not the reply to this query: ID, QR, opcode, question. Junk; keep waiting.
    #[error("not a reply to this query")]
    Foreign,
    /// A reply to this query that does not parse.
    #[error("malformed reply")]
    Malformed,
    /// TC is set: ask again over TCP.
    #[error("truncated reply")]
    Truncated,
}

/// One resource record of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Owner name: offset into the message (may be compressed).
    pub owner: usize,
    /// TYPE.
    pub rtype: u16,
    /// TTL as received, in seconds.
    pub ttl: u32,
    /// RDATA as received; names within may be compressed.
    pub rdata: &'a [u8],
}

impl Answer {
    /// Reads an upstream's reply to `question` asked with `id`.
    ///
    /// Strips OPT (keeping extended rcode and EDE), records trailing octets as malformed, and bounds record count and size...
    pub fn from_reply(
        reply: &[u8],
        id: u16,
        name: &Name,
        qtype: u16,
        qclass: u16,
    ) -> Result<Self, BadReply> {
        todo!()
    }

    /// An address record that Squint makes up (sinkhole).
    pub fn address(query: &Query<'_>, address: IpAddr, ttl_secs: u32) -> Self {
        todo!()
    }

    /// A made-up negative answer: NXDOMAIN or NODATA (`Rcode::NOERROR`) with a SOA owned by `owner`, a suffix of the qname;
    /// its TTL and MINIMUM are `ttl_secs` (RFC 2308).
    pub fn negative(query: &Query<'_>, rcode: Rcode, owner: &[u8], ttl_secs: u32) -> Self {
        todo!()
    }

    /// A response with no records: SERVFAIL, REFUSED and the like.
    pub fn empty(query: &Query<'_>, rcode: Rcode) -> Self {
        todo!()
    }

    /// The response code.
    pub fn rcode(&self) -> Rcode {
        todo!()
    }

    /// How long it may be served, in seconds: the lowest TTL of the records, or for negative answers the lower of the SOA's TTL
    /// and MINIMUM (RFC 2308 section 5); `None` when nothing says so (a negative answer without SOA, SERVFAIL).
    pub fn lifetime_secs(&self) -> Option<u32> {
        todo!()
    }

    /// Records of the answer section.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        std::iter::empty()
    }

    /// Addresses of A and AAAA records in the answer section.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::empty()
    }

    /// CNAME and DNAME targets in the answer section.
    pub fn targets(&self) -> impl Iterator<Item = Name> {
        std::iter::empty()
    }

    /// Octets on the heap, for weighing cache entries.
    pub fn size(&self) -> usize {
        todo!()
    }
}

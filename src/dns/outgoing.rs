//! `Outgoing`: a query of our own to an upstream.

use super::{
    Rcode,
    opt::{self, Opt, Subnet},
    wire::{Header, flag},
};
use crate::name::Name;
use std::iter;

/// A query to an upstream, built from scratch: nothing of the client's OPT travels on but DO.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Message id.
    pub id: u16,
    /// QNAME, sent in lower case.
    pub name: &'a Name,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// RD: recursion desired.
    pub rd: bool,
    /// CD: checking disabled.
    pub cd: bool,
    /// DO: DNSSEC records wanted. Travels in OPT only.
    pub dnssec_ok: bool,
    /// Whether the query carries OPT, stating [`super::UDP_SIZE_MAX`] octets.
    pub edns: bool,
    /// The Client Subnet option of a client, where it is to be passed on. Travels in OPT only.
    pub subnet: Option<&'a [u8]>,
    /// Whether OPT hides the length of the query (RFC 8467 section 4.1). For encrypted ways only.
    pub padded: bool,
}

impl<'a> Outgoing<'a> {
    /// A question and nothing besides, recursion desired.
    pub const fn plain(name: &'a Name, qtype: u16, qclass: u16) -> Self {
        Self {
            id: 0,
            name,
            qtype,
            qclass,
            rd: true,
            cd: false,
            dnssec_ok: false,
            edns: false,
            subnet: None,
            padded: false,
        }
    }

    /// Writes the query into `out`, cleared first.
    ///
    /// AD is set, so that an upstream which validates says so without sending signatures (RFC 6840 section 5.7):
    /// one answer then serves clients that read AD and those that do not.
    pub fn write(&self, out: &mut Vec<u8>) {
        let rd = if self.rd { flag::RD } else { 0 };
        let cd = if self.cd { flag::CD } else { 0 };
        let header = Header {
            id: self.id,
            flags: flag::AD | rd | cd,
            questions: 1,
            answers: 0,
            authorities: 0,
            additionals: u16::from(self.edns),
        };
        out.clear();
        out.extend_from_slice(&header.octets());
        out.extend_from_slice(self.name.wire());
        out.extend_from_slice(&self.qtype.to_be_bytes());
        out.extend_from_slice(&self.qclass.to_be_bytes());
        if self.edns {
            let block = if self.padded { opt::BLOCK_QUERY } else { 0 };
            let subnet = self.subnet.map(|sent| Subnet { sent, scope: 0 });
            Opt { block, subnet, ..Opt::new(Rcode::NOERROR, self.dnssec_ok) }
                .write(out, iter::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Edns, Query, UDP_SIZE_MAX, class, rtype};
    use super::*;

    #[test]
    fn queries_parse_back() {
        let name = Name::parse("www.example").unwrap();
        let plain = Outgoing {
            id: 0x1234,
            dnssec_ok: true,
            ..Outgoing::plain(&name, rtype::AAAA, class::IN)
        };
        let check = |outgoing: Outgoing<'_>, edns: Option<Edns>| {
            let mut packet = vec![1, 2, 3];
            outgoing.write(&mut packet);
            let query = Query::parse(&packet).unwrap();
            assert_eq!(
                (query.id, query.rd, query.cd, query.ad),
                (0x1234, outgoing.rd, outgoing.cd, true)
            );
            assert_eq!((&query.name, query.qtype, query.qclass), (&name, rtype::AAAA, class::IN));
            assert_eq!(query.edns, edns);
        };
        check(plain, None);
        check(Outgoing { rd: false, cd: true, ..plain }, None);
        let edns = |dnssec_ok| {
            Some(Edns {
                udp_size: UDP_SIZE_MAX,
                dnssec_ok,
                padding: false,
                keepalive: false,
                cookie: None,
                subnet: None,
            })
        };
        check(Outgoing { edns: true, ..plain }, edns(true));
        check(Outgoing { edns: true, dnssec_ok: false, ..plain }, edns(false));
        let padded = Outgoing { edns: true, padded: true, ..plain };
        check(padded, edns(true).map(|it| Edns { padding: true, ..it }));
        let mut packet = Vec::new();
        let subnet = &[0, 1, 24, 0, 192, 0, 2];
        Outgoing { edns: true, subnet: Some(subnet), ..plain }.write(&mut packet);
        assert_eq!(Query::parse(&packet).unwrap().subnet(), Some(&subnet[..]));
        padded.write(&mut packet);
        assert_eq!(packet.len(), 128);
    }
}

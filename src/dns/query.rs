//! A client's query, parsed in place without allocation.

use super::{
    Ede, Rcode, opt,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header, flag, u16_at},
};
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
    /// FORMERR, NOTIMP, REFUSED, BADVERS.
    Error {
        /// Message id.
        id: u16,
        /// The first two flag octets as sent, for opcode, RD and CD.
        flags: u16,
        /// What is wrong.
        rcode: Rcode,
        /// How many octets after the header hold a well-formed question to echo; 0 where none.
        question_len: u16,
        /// The OPT record, where one was read: the response carries one too (RFC 6891 section 7), without which there is no BADVERS.
        edns: Option<Edns>,
    },
}

impl<'p> Query<'p> {
    /// Parses a packet. A whole header with QR=0 always gets a response, so all that is wrong with it is an rcode:
    ///
    /// - opcodes other than QUERY: NOTIMP.
    /// - TC=1, QDCOUNT other than 1 (RFC 9619 section 4), a question that is cut short or compressed (there is nothing before it
    ///   to point at), records in the answer or authority section (but for IXFR's SOA, RFC 1995 section 3): FORMERR.
    /// - in the additional section, records that run past the packet, a second OPT, one that the root does not own
    ///   (RFC 6891 section 6.1.1), options that are cut short or of a wrong form: FORMERR. Other records (TSIG, SIG(0)) are
    ///   stepped over, wherever they stand: a forwarder does not judge them.
    /// - an EDNS version above 0, in an otherwise sound message: BADVERS; its options may have another form and are not read.
    /// - types that no zone holds (OPT, TSIG, NXNAME, …): FORMERR, as RFC 9824 section 3.5 says of all of them;
    ///   zone transfers: REFUSED, since they are no single response that could be forwarded.
    ///
    /// Octets after the last record are ignored, as Unbound and BIND do; so are AA, RA, Z and the rcode.
    pub fn parse(packet: &'p [u8]) -> Result<Self, Rejected> {
        let header = Header::read(packet).ok_or(Rejected::Silence)?;
        if header.flags & flag::QR != 0 {
            return Err(Rejected::Silence);
        }
        let reject = |rcode, question_len, edns| Rejected::Error {
            id: header.id,
            flags: header.flags,
            rcode,
            question_len,
            edns,
        };
        if header.flags & flag::OPCODE != 0 {
            return Err(reject(Rcode::NOTIMP, 0, None));
        }
        if header.questions != 1 || header.flags & flag::TC != 0 {
            return Err(reject(Rcode::FORMERR, 0, None));
        }
        let body = &packet[HEADER_LEN..];
        let question = Name::read(body).and_then(|(name, len)| {
            Some((name, &body[..len], u16_at(body, len)?, u16_at(body, len + 2)?))
        });
        let Some((name, sent, qtype, qclass)) = question else {
            return Err(reject(Rcode::FORMERR, 0, None));
        };
        let question_len = sent.len() + 4;
        let edns = if header.answers | header.authorities | header.additionals == 0 {
            None
        } else {
            read_records(packet, HEADER_LEN + question_len, &header, qtype)
                .map_err(|(rcode, edns)| reject(rcode, question_len as u16, edns))?
        };
        match qtype {
            rtype::AXFR | rtype::IXFR => {
                return Err(reject(Rcode::REFUSED, question_len as u16, edns));
            }
            _ if rtype::is_meta(qtype) => {
                return Err(reject(Rcode::FORMERR, question_len as u16, edns));
            }
            _ => (),
        }
        Ok(Self {
            packet,
            id: header.id,
            rd: header.flags & flag::RD != 0,
            ad: header.flags & flag::AD != 0,
            cd: header.flags & flag::CD != 0,
            name,
            sent,
            qtype,
            qclass,
            edns,
        })
    }

    /// DO bit, false without EDNS.
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|it| it.dnssec_ok)
    }

    /// The question in lower case as [`super::Answer`] keeps it: name, type, class.
    pub(super) fn write_question(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.wire());
        out.extend_from_slice(&self.qtype.to_be_bytes());
        out.extend_from_slice(&self.qclass.to_be_bytes());
    }
}

/// The largest response in octets that a client takes over UDP: 512 without EDNS, else what it states, within
/// [`super::UDP_SIZE_MIN`] and [`super::UDP_SIZE_MAX`].
pub fn udp_limit(query: &Query<'_>) -> usize {
    let stated = query.edns.map_or(opt::UDP_SIZE_MIN, |it| it.udp_size);
    usize::from(stated.clamp(opt::UDP_SIZE_MIN, opt::UDP_SIZE_MAX))
}

/// Walks over the records after the question and reads OPT. An error comes with the OPT that was read until then.
fn read_records(
    packet: &[u8],
    mut at: usize,
    header: &Header,
    qtype: u16,
) -> Result<Option<Edns>, (Rcode, Option<Edns>)> {
    let authorities_max = u16::from(qtype == rtype::IXFR);
    if header.answers != 0 || header.authorities > authorities_max {
        return Err((Rcode::FORMERR, None));
    }
    let mut edns = None;
    let mut rcode = Rcode::NOERROR;
    for index in 0..u32::from(header.authorities) + u32::from(header.additionals) {
        let entry = Entry::read(packet, at).ok_or((Rcode::FORMERR, edns))?;
        at = entry.end();
        if entry.rtype != rtype::OPT {
            continue;
        }
        let misplaced = index < u32::from(header.authorities) || packet[entry.owner] != 0;
        if misplaced || edns.is_some() {
            return Err((Rcode::FORMERR, edns));
        }
        edns = Some(Edns::read(entry.class, entry.ttl));
        if opt::version(entry.ttl) != 0 {
            rcode = Rcode::BADVERS;
        } else if !opt::is_sound(&packet[entry.rdata]) {
            return Err((Rcode::FORMERR, edns));
        }
    }
    if rcode == Rcode::NOERROR { Ok(edns) } else { Err((rcode, edns)) }
}

impl Rejected {
    /// Writes the response into `out` (cleared first); nothing for [`Rejected::Silence`].
    ///
    /// `packet` is the packet that was parsed.
    pub fn write(&self, packet: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let Self::Error { id, flags, rcode, question_len, edns } = *self else { return };
        let question = packet.get(HEADER_LEN..HEADER_LEN + usize::from(question_len));
        let question = question.unwrap_or_default();
        let header = Header {
            id,
            flags: flag::QR | flag::RA | flags & (flag::OPCODE | flag::RD | flag::CD) | rcode.low(),
            questions: u16::from(!question.is_empty()),
            answers: 0,
            authorities: 0,
            additionals: u16::from(edns.is_some()),
        };
        out.extend_from_slice(&header.octets());
        out.extend_from_slice(question);
        if let Some(edns) = edns {
            let error = self.ede(question);
            let limit = usize::from(opt::UDP_SIZE_MIN);
            opt::write(out, rcode, edns.dnssec_ok, error.into_iter(), limit);
        }
    }

    /// Why a sound question is not answered.
    fn ede(&self, question: &[u8]) -> Option<Ede<'static>> {
        let qtype = u16_at(question, question.len().checked_sub(4)?)?;
        if rtype::is_meta(qtype) {
            let text = "no zone holds records of this type";
            return Some(Ede { code: Ede::INVALID_QUERY_TYPE, text });
        }
        let transfer = matches!(qtype, rtype::AXFR | rtype::IXFR);
        transfer
            .then_some(Ede { code: Ede::NOT_SUPPORTED, text: "zone transfers are not forwarded" })
    }
}

//! A client's query, parsed in place without allocation.

use super::{
    Cookie, Ede, Rcode, Way, class,
    opt::{self, Opt},
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header, flag, u16_at},
};
use crate::name::Name;
use std::num::NonZeroU16;

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
    /// A Padding option came along: the response is padded as well, where that hides anything (RFC 7830).
    pub padding: bool,
    /// The client asks how long its connection may idle (RFC 7828).
    pub keepalive: bool,
    /// The client's cookie (RFC 7873).
    pub cookie: Option<Cookie>,
    /// Where in the packet the data of a Client Subnet option stands (RFC 7871). For [`Query::subnet`].
    pub subnet: Option<NonZeroU16>,
}

/// A packet that is no answerable query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// No whole header, or a response (QR=1): never answered.
    Silence,
    /// Answered with a bare header (question left out, or echoed where `question_len` octets after the header parsed) and this rcode:
    /// FORMERR, NOTIMP, REFUSED, BADVERS, or NOERROR where only a cookie is asked for.
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
    /// - no question but a cookie: NOERROR, since a client asks for a server's cookie by that (RFC 7873 section 5.4).
    /// - TC=1, QDCOUNT other than 1 (RFC 9619 section 4), a question that is cut short or compressed (there is nothing before it
    ///   to point at), records in the answer or authority section (but for IXFR's SOA, RFC 1995 section 3): FORMERR.
    /// - in the additional section, records that run past the packet, a second OPT, one that the root does not own
    ///   (RFC 6891 section 6.1.1), options that are cut short, a cookie or Client Subnet of a wrong form, names that cannot be read: FORMERR. Other records
    ///   (TSIG, SIG(0)) are stepped over, wherever they stand: a forwarder does not judge them.
    /// - an EDNS version above 0, in an otherwise sound message: BADVERS; its options may have another form, and none but padding counts.
    /// - class 0 and NONE, which only updates have (RFC 2136 section 2.4): FORMERR.
    /// - types that no zone holds (0, OPT, TSIG, NXNAME, …): FORMERR, as RFC 9824 section 3.5 says of all of them;
    ///   zone transfers: REFUSED, since they are no single response that could be forwarded.
    ///
    /// Such a response has OPT where the query has one that can be found and read, whatever else is wrong (RFC 6891 section 7).
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
            let question_len = echoed(packet, &header).unwrap_or_default();
            return Err(reject(Rcode::NOTIMP, question_len, opt_of(packet)));
        }
        if let Some(edns) = cookie_alone(packet, &header) {
            return Err(reject(Rcode::NOERROR, 0, Some(edns)));
        }
        if header.questions != 1 || header.flags & flag::TC != 0 {
            return Err(reject(Rcode::FORMERR, 0, opt_of(packet)));
        }
        let body = &packet[HEADER_LEN..];
        let Some((name, len)) = Name::read(body) else {
            return Err(reject(Rcode::FORMERR, 0, opt_of(packet)));
        };
        let (Some(qtype), Some(qclass)) = (u16_at(body, len), u16_at(body, len + 2)) else {
            return Err(reject(Rcode::FORMERR, 0, None));
        };
        let sent = &body[..len];
        let question_len = sent.len() + 4;
        let edns = if header.answers | header.authorities | header.additionals == 0 {
            None
        } else {
            read_records(packet, HEADER_LEN + question_len, &header, qtype)
                .map_err(|rcode| reject(rcode, question_len as u16, opt_of(packet)))?
        };
        if matches!(qclass, class::RESERVED | class::NONE) {
            return Err(reject(Rcode::FORMERR, question_len as u16, edns));
        }
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

    /// The data of the Client Subnet option, of a sound form: for whom the client asks (RFC 7871 section 6).
    pub fn subnet(&self) -> Option<&'p [u8]> {
        let at = usize::from(self.edns?.subnet?.get());
        let len = usize::from(u16_at(self.packet, at - 2)?);
        self.packet.get(at..at + len)
    }

    /// DO bit, false without EDNS.
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|it| it.dnssec_ok)
    }
}

/// The largest response in octets that a client takes over UDP: 512 without EDNS, else what it states, within
/// [`super::UDP_SIZE_MIN`] and [`super::UDP_SIZE_MAX`].
pub fn udp_limit(edns: Option<&Edns>) -> usize {
    let stated = edns.map_or(opt::UDP_SIZE_MIN, |it| it.udp_size);
    usize::from(stated.clamp(opt::UDP_SIZE_MIN, opt::UDP_SIZE_MAX))
}

/// Octets of the one question of a message with another opcode.
#[cold]
fn echoed(packet: &[u8], header: &Header) -> Option<u16> {
    let body = &packet[HEADER_LEN..];
    let (_, len) = Name::read(body).filter(|_| header.questions == 1)?;
    let (_qtype, _qclass) = (u16_at(body, len)?, u16_at(body, len + 2)?);
    Some(len as u16 + 4)
}

/// The OPT of a message that is answered with an error, whatever else is wrong: the response has one as well.
#[cold]
fn opt_of(packet: &[u8]) -> Option<Edns> {
    let entry = opt::find(packet).filter(|it| packet[it.owner] == 0)?;
    Some(read_opt(packet, &entry).0)
}

/// What an OPT record says, and whether its options are of a sound form. Those of another version may have another one: what is hidden
/// stays hidden; nothing else is sure to mean the same.
fn read_opt(packet: &[u8], entry: &Entry) -> (Edns, bool) {
    let bare = Edns::read(entry.class, entry.ttl);
    let mut read = bare;
    let sound = read.read_options(packet, entry.rdata.clone());
    if opt::version(entry.ttl) == 0 {
        return (read, sound);
    }
    (Edns { padding: read.padding, ..bare }, true)
}

/// What comes with a cookie and no question.
fn cookie_alone(packet: &[u8], header: &Header) -> Option<Edns> {
    let asks = header.questions == 0 && header.additionals > 0 && header.flags & flag::TC == 0;
    let edns = asks.then(|| read_records(packet, HEADER_LEN, header, 0).ok()).flatten()?;
    edns.filter(|it| it.cookie.is_some())
}

/// Walks over the records after the question and reads OPT.
fn read_records(
    packet: &[u8],
    mut at: usize,
    header: &Header,
    qtype: u16,
) -> Result<Option<Edns>, Rcode> {
    let authorities_max = u16::from(qtype == rtype::IXFR);
    if header.answers != 0 || header.authorities > authorities_max {
        return Err(Rcode::FORMERR);
    }
    let mut edns = None;
    let mut rcode = Rcode::NOERROR;
    for index in 0..u32::from(header.authorities) + u32::from(header.additionals) {
        let entry = Entry::read(packet, at).ok_or(Rcode::FORMERR)?;
        at = entry.end();
        if entry.rtype != rtype::OPT {
            if !entry.is_sound(packet, &[]) {
                return Err(Rcode::FORMERR);
            }
            continue;
        }
        let misplaced = index < u32::from(header.authorities) || packet[entry.owner] != 0;
        let (read, sound) = read_opt(packet, &entry);
        if misplaced || edns.is_some() || !sound {
            return Err(Rcode::FORMERR);
        }
        edns = Some(read);
        if opt::version(entry.ttl) != 0 {
            rcode = Rcode::BADVERS;
        }
    }
    if rcode == Rcode::NOERROR { Ok(edns) } else { Err(rcode) }
}

impl Rejected {
    /// Writes the response into `out` (cleared first); nothing for [`Rejected::Silence`].
    ///
    /// `packet` is the packet that was parsed, `way` the way back, of 512 octets at least.
    pub fn write(&self, packet: &[u8], way: Way, out: &mut Vec<u8>) {
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
            Opt::answering(rcode, &edns, way).write(out, self.ede(question).into_iter());
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

#[cfg(test)]
mod tests {
    use super::super::{UDP_SIZE_MAX, sample::Sample};
    use super::*;

    const NAME: &[u8] = b"\x03wWw\x07eXample\x00";
    const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\x80\0\0\0";

    fn sample(flags: u16) -> Sample {
        Sample::new(0x1234, flags, NAME, rtype::A, class::IN)
    }

    /// One A query with `tail` after the question and `additionals` claimed.
    fn with(additionals: u16, tail: &[u8]) -> Vec<u8> {
        [&sample(flag::RD).counts(1, 0, 0, additionals).octets(), tail].concat()
    }

    #[test]
    fn queries_are_read() {
        let packet = sample(flag::RD | flag::AD).octets();
        let query = Query::parse(&packet).unwrap();
        assert_eq!((query.id, query.rd, query.ad, query.cd), (0x1234, true, true, false));
        assert_eq!((query.name.text().as_str(), query.sent), ("www.example", NAME));
        assert_eq!((query.qtype, query.qclass, query.edns), (rtype::A, class::IN, None));
        assert_eq!(query.packet, packet);
        assert!(!query.dnssec_ok());

        let packet = sample(flag::CD).additional(b"\0", rtype::OPT, 0x8000, b"").octets();
        let query = Query::parse(&packet).unwrap();
        assert_eq!((query.rd, query.ad, query.cd, query.dnssec_ok()), (false, false, true, true));
    }

    #[test]
    fn udp_sizes_are_bounded() {
        let check = |size: Option<u16>, expected: usize| {
            let packet = match size {
                None => with(0, b""),
                Some(size) => {
                    let [high, low] = size.to_be_bytes();
                    with(1, &[0, 0, 41, high, low, 0, 0, 0, 0, 0, 0])
                }
            };
            let query = Query::parse(&packet).unwrap();
            assert_eq!(query.edns.map(|it| it.udp_size), size);
            assert_eq!(udp_limit(query.edns.as_ref()), expected);
        };
        check(None, 512);
        check(Some(0), 512);
        check(Some(511), 512);
        check(Some(1000), 1000);
        check(Some(UDP_SIZE_MAX), 1232);
        check(Some(4096), 1232);
        check(Some(u16::MAX), 1232);
    }

    #[test]
    fn what_is_allowed_beside_the_question() {
        let check = |packet: &[u8], edns: bool| {
            let query = Query::parse(packet);
            assert_eq!(query.map(|it| it.edns.is_some()).ok(), Some(edns), "{packet:02x?}");
        };
        let tsig = b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\x02xx";
        check(&with(0, b""), false);
        check(&with(1, OPT), true);
        check(&with(1, tsig), false);
        check(&with(2, &[OPT, tsig].concat()), true);
        check(&with(2, &[tsig, OPT].concat()), true);
        check(&with(2, &[b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04abcd", OPT].concat()), true);
        // Octets after the end, an unknown option, an unknown flag.
        check(&with(0, b"junk"), false);
        check(&with(1, &[OPT, b"junk"].concat()), true);
        check(&with(1, b"\0\0\x29\x10\0\0\0\x7f\xff\0\x07\xfd\xe9\0\x03abc"), true);
        // AA, RA, Z and an rcode say nothing in a query.
        check(&sample(0x0400 | flag::RA | 0x0040 | 5).octets(), false);
    }

    /// Checks rcode, echoed octets and OPT of the rejection, and what is written.
    fn check(packet: &[u8], rcode: Rcode, question_len: u16, has_opt: bool) {
        let rejected = Query::parse(packet).expect_err("a rejection");
        let Rejected::Error { id, edns, .. } = rejected else { panic!("silence: {packet:02x?}") };
        let expected = Rejected::Error {
            id: 0x1234,
            flags: u16_at(packet, 2).unwrap(),
            rcode,
            question_len,
            edns,
        };
        assert_eq!((rejected, edns.is_some()), (expected, has_opt), "{packet:02x?}");

        let mut out = b"left over".to_vec();
        rejected.write(packet, Way::plain(512), &mut out);
        let header = Header::read(&out).unwrap();
        assert_eq!((header.id, header.flags & flag::QR), (id, flag::QR));
        assert_eq!(header.flags & flag::OPCODE, u16_at(packet, 2).unwrap() & flag::OPCODE);
        assert_eq!(header.questions, u16::from(question_len > 0));
        assert_eq!((header.answers, header.authorities), (0, 0));
        assert_eq!(header.additionals, u16::from(has_opt));
        let end = HEADER_LEN + usize::from(question_len);
        assert_eq!(out[HEADER_LEN..end], packet[HEADER_LEN..end]);
        let high = if has_opt {
            let entry = Entry::read(&out, end).unwrap();
            assert_eq!((entry.rtype, entry.end()), (rtype::OPT, out.len()));
            assert_eq!(Edns::read(entry.class, entry.ttl).udp_size, UDP_SIZE_MAX);
            assert_eq!(Edns::read(entry.class, entry.ttl).dnssec_ok, edns.unwrap().dnssec_ok);
            opt::rcode_high(entry.ttl)
        } else {
            assert_eq!(out.len(), end);
            0
        };
        assert_eq!(header.rcode().0 | high, rcode.0);
    }

    const QUESTION: u16 = NAME.len() as u16 + 4;

    #[test]
    fn headers_decide_first() {
        let formerr = |packet: Vec<u8>| check(&packet, Rcode::FORMERR, 0, false);
        for opcode in 1..16 {
            check(&sample(opcode << 11).octets(), Rcode::NOTIMP, QUESTION, false);
            let with_opt = sample(opcode << 11).additional(b"\0", rtype::OPT, 0, b"");
            check(&with_opt.octets(), Rcode::NOTIMP, QUESTION, true);
        }
        // An update's records (RFC 2136 section 2), and a DSO message without question (RFC 8490 section 5.4).
        let update = sample(0x2800).authority(b"\xc0\x0c", rtype::A, 60, &[192, 0, 2, 1]);
        check(&update.octets(), Rcode::NOTIMP, QUESTION, false);
        check(&sample(0x3000).counts(0, 0, 0, 0).octets()[..12], Rcode::NOTIMP, 0, false);
        check(&sample(0x2800).octets()[..12], Rcode::NOTIMP, 0, false);
        formerr(sample(0).counts(0, 0, 0, 0).octets());
        formerr(sample(0).counts(2, 0, 0, 0).octets());
        formerr(sample(flag::TC).octets());
        formerr(sample(0).octets()[..12].to_vec());
        for len in 12..sample(0).octets().len() {
            formerr(sample(0).octets()[..len].to_vec());
        }
        formerr(Sample::new(0x1234, 0, b"\xc0\x0c", 1, 1).octets());
        formerr(Sample::new(0x1234, 0, b"\x03www\xc0\x04", 1, 1).octets());
        formerr(Sample::new(0x1234, 0, b"\x41x", 1, 1).octets());
        formerr(Sample::new(0x1234, 0, &[b"\x3f".repeat(256), vec![0]].concat(), 1, 1).octets());
    }

    #[test]
    fn records_decide_next() {
        let formerr = |packet: Vec<u8>, edns: bool| check(&packet, Rcode::FORMERR, QUESTION, edns);
        formerr(sample(0).answer(b"\0", rtype::A, 0, &[0; 4]).octets(), false);
        formerr(sample(0).authority(b"\0", rtype::SOA, 0, &[0; 4]).octets(), false);
        formerr(with(1, b""), false);
        formerr(with(65535, OPT), true);
        for len in 0..OPT.len() {
            formerr(with(1, &OPT[..len]), false);
        }
        formerr(with(2, &[OPT, OPT].concat()), true);
        formerr(with(1, b"\x01x\0\0\x29\x10\0\0\0\0\0\0\0"), false);
        formerr(with(1, b"\xc0\x18\0\x29\x10\0\0\0\0\0\0\0"), false);
        formerr(with(1, b"\0\0\x29\x10\0\0\0\0\0\0\x01"), false);
        formerr(with(1, b"\0\0\x29\x10\0\0\0\0\0\0\x03\0\x03\0"), true);
        formerr(with(1, b"\0\0\x29\x10\0\0\0\0\0\0\x04\0\x03\0\x01"), true);
        formerr(with(2, &[OPT, b"\xff\0\x01"].concat()), true);
        for qclass in [0, 254] {
            formerr(Sample::new(0x1234, 0, NAME, rtype::A, qclass).octets(), false);
        }
        // A name that points at itself; an address of three octets.
        formerr(with(1, b"\xc0\x1d\0\x10\0\x01\0\0\0\0\0\0"), false);
        formerr(with(1, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x03abc"), false);
    }

    #[test]
    fn what_is_wrong_is_told_with_opt_where_one_can_be_read() {
        let opt = |sample: Sample| sample.additional(b"\0", rtype::OPT, 0x8000, b"");
        let bare = |questions: u16| {
            let header = sample(0).counts(questions, 0, 0, 1).octets()[..HEADER_LEN].to_vec();
            let question = &sample(0).octets()[HEADER_LEN..];
            [&header[..], &question.repeat(questions.into()), OPT].concat()
        };
        check(&bare(0), Rcode::FORMERR, 0, true);
        check(&bare(2), Rcode::FORMERR, 0, true);
        check(&bare(9), Rcode::FORMERR, 0, true);
        check(&opt(sample(flag::TC)).octets(), Rcode::FORMERR, 0, true);
        check(&opt(Sample::new(0x1234, 0, b"\xc0\x0c", 1, 1)).octets(), Rcode::FORMERR, 0, true);
        let address = &[192, 0, 2, 1];
        for records in [
            sample(0).answer(b"\xc0\x0c", rtype::A, 60, address),
            sample(0).authority(b"\xc0\x0c", rtype::A, 60, address),
            sample(0).additional(b"\xc0\x0c", rtype::A, 60, &address[1..]),
        ] {
            check(&opt(records).octets(), Rcode::FORMERR, QUESTION, true);
        }
        let update = sample(0x2800).authority(b"\xc0\x0c", rtype::A, 60, address);
        check(&opt(update).octets(), Rcode::NOTIMP, QUESTION, true);
        // Not in another section, and not where the way there cannot be found.
        let misplaced = sample(0).answer(b"\0", rtype::OPT, 0x8000, b"");
        check(&misplaced.octets(), Rcode::FORMERR, QUESTION, false);
        let mut lost = bare(2);
        lost[5] = 3;
        check(&lost, Rcode::FORMERR, 0, false);
    }

    #[test]
    fn unknown_versions_get_badvers() {
        let badvers = |packet: Vec<u8>| check(&packet, Rcode::BADVERS, QUESTION, true);
        badvers(with(1, b"\0\0\x29\x10\0\0\x01\0\0\0\0"));
        badvers(with(1, b"\0\0\x29\x10\0\0\xff\x80\0\0\x03\0\x03\0"));
        // The message must be sound all the same.
        check(&with(1, b"\0\0\x29\x10\0\0\x01\0\0\0\x01"), Rcode::FORMERR, QUESTION, false);
        check(&with(2, b"\0\0\x29\x10\0\0\x01\0\0\0\0"), Rcode::FORMERR, QUESTION, true);
    }

    #[test]
    fn types_that_no_zone_holds_are_refused() {
        let ask = |qtype: u16| Sample::new(0x1234, 0, NAME, qtype, class::IN);
        for qtype in [rtype::OPT, rtype::NXNAME, rtype::TKEY, rtype::TSIG, rtype::MAILB] {
            check(&ask(qtype).octets(), Rcode::FORMERR, QUESTION, false);
        }
        check(&ask(rtype::AXFR).octets(), Rcode::REFUSED, QUESTION, false);
        let soa = |sample: Sample| sample.authority(b"\xc0\x0c", rtype::SOA, 0, &[0; 22]);
        check(&soa(ask(rtype::IXFR)).octets(), Rcode::REFUSED, QUESTION, false);
        check(&soa(soa(ask(rtype::IXFR))).octets(), Rcode::FORMERR, QUESTION, false);
        let opt = ask(rtype::IXFR).authority(b"\0", rtype::OPT, 0, b"");
        check(&opt.octets(), Rcode::FORMERR, QUESTION, false);

        let packet = ask(rtype::NXNAME).additional(b"\0", rtype::OPT, 0, b"").octets();
        check(&packet, Rcode::FORMERR, QUESTION, true);
        let mut out = Vec::new();
        Query::parse(&packet).err().unwrap().write(&packet, Way::plain(512), &mut out);
        let entry = Entry::read(&out, HEADER_LEN + usize::from(QUESTION)).unwrap();
        assert_eq!(
            opt::edes(&out[entry.rdata]).next().map(|it| it.0),
            Some(Ede::INVALID_QUERY_TYPE)
        );
    }

    #[test]
    fn padding_and_keepalive_are_answered_whatever_is_wrong() {
        let options = [&b"\0\x0c\0\x05AAAAA"[..], b"\0\x0b\0\0"].concat();
        let padded = |sample: Sample, version: u32, more: &[u8]| {
            let rdata = [more, &options].concat();
            sample.additional(b"\0", rtype::OPT, version << 16, &rdata).octets()
        };
        let ask = |qtype: u16| Sample::new(0x1234, 0, NAME, qtype, class::IN);
        let dot = Way { padded: true, keepalive: Some(100), ..Way::STREAM };
        let check = |packet: Vec<u8>, rcode: Rcode, keepalive: bool| {
            let rejected = Query::parse(&packet).expect_err("a rejection");
            let Rejected::Error { rcode: said, .. } = rejected else { panic!("silence") };
            assert_eq!(said, rcode);
            let (mut out, mut plain) = (Vec::new(), Vec::new());
            rejected.write(&packet, dot, &mut out);
            assert_eq!(out.len(), opt::BLOCK_RESPONSE, "{rcode:?}");
            let said = out.windows(6).any(|it| it == b"\0\x0b\0\x02\0\x64");
            assert_eq!(said, keepalive, "{rcode:?}");
            rejected.write(&packet, Way::plain(512), &mut plain);
            assert!(plain.len() < 200, "{rcode:?}");
        };
        check(padded(ask(rtype::AXFR), 0, b""), Rcode::REFUSED, true);
        check(padded(ask(rtype::NXNAME), 0, b""), Rcode::FORMERR, true);
        check(padded(sample(0), 0, b"\0\x0a\0\x01A"), Rcode::FORMERR, true);
        check(padded(sample(0x1000), 0, b""), Rcode::NOTIMP, true);
        check(padded(sample(0), 1, b""), Rcode::BADVERS, false);
    }

    #[test]
    fn responses_and_scraps_stay_unanswered() {
        let check = |packet: &[u8]| {
            let rejected = Query::parse(packet).err();
            assert_eq!(rejected, Some(Rejected::Silence), "{packet:02x?}");
            let mut out = b"left over".to_vec();
            Rejected::Silence.write(packet, Way::plain(512), &mut out);
            assert!(out.is_empty());
        };
        for len in 0..12 {
            check(&sample(0).octets()[..len]);
        }
        check(&sample(flag::QR).octets());
        check(&sample(flag::QR | 0x2800).octets()[..12]);
    }
}

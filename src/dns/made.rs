//! `Made`: answers that Squint makes up, with one record at most. One that is sent and not kept is written where it leaves from, and
//! takes no memory of its own.

use super::{
    Answer, Ede, Facts, Query, Rcode, Told, Way, names,
    opt::{self, Opt},
    reply, rtype,
    wire::{HEADER_LEN, Header, flag},
};
use crate::name::Name;
use std::net::IpAddr;

/// What is said in answer to a question. TTLs are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made<'a> {
    /// No records: SERVFAIL, REFUSED and the like.
    Empty(Rcode),
    /// An address and its TTL (sinkhole), of type A or AAAA as the address is.
    Address(IpAddr, u32),
    /// NXDOMAIN or NODATA (`Rcode::NOERROR`) with a SOA owned by a suffix of the qname in wire form; its TTL and MINIMUM (RFC 2308).
    Negative(Rcode, &'a [u8], u32),
    /// The answer to a query for ANY: one HINFO record that says why there is no more (RFC 8482 section 4.2), and its TTL.
    Any(u32),
}

impl Made<'_> {
    /// The response code.
    pub const fn rcode(self) -> Rcode {
        match self {
            Self::Empty(rcode) | Self::Negative(rcode, ..) => rcode,
            Self::Address(..) | Self::Any(_) => Rcode::NOERROR,
        }
    }

    /// The TTL of its record.
    const fn ttl_secs(self) -> Option<u32> {
        match self {
            Self::Empty(_) => None,
            Self::Address(_, ttl) | Self::Negative(.., ttl) | Self::Any(ttl) => Some(ttl),
        }
    }

    /// What an event says of it.
    pub fn facts(self) -> Facts {
        let address = match self {
            Self::Address(address, _) => Some(Told::Address(address)),
            Self::Empty(_) | Self::Negative(..) | Self::Any(_) => None,
        };
        Facts::new(address, self.ttl_secs().unwrap_or(0), "")
    }

    /// The same to be kept, or to be sent like answers that are.
    pub fn answer(self, query: &Query<'_>) -> Answer {
        self.answer_to(&query.name, query.qtype, query.qclass)
    }

    pub(super) fn answer_to(self, name: &Name, qtype: u16, qclass: u16) -> Answer {
        let mut octets = Vec::with_capacity(HEADER_LEN + name.wire().len() + 4 + 80);
        let ttl_at = self.message(name.wire(), (name, qtype, qclass), &mut octets);
        let ttl_at = ttl_at.map(|it| u16::try_from(it).expect("made-up messages are short"));
        let question_end = HEADER_LEN + name.wire().len() + 4;
        Answer::made(octets, question_end, ttl_at.as_slice(), self.rcode(), self.ttl_secs())
            .expect("made-up messages are short")
    }

    /// Writes it as the response to a query into `out`, cleared first: as [`super::Reply::write`] writes an answer that is kept.
    pub fn write(self, query: &Query<'_>, ede: Option<Ede<'_>>, way: Way, out: &mut Vec<u8>) {
        out.clear();
        self.message(query.sent, (&query.name, query.qtype, query.qclass), out);
        let opt_len = query.edns.map_or(0, |it| opt::len(&it));
        let is_cut = out.len() > way.limit.saturating_sub(opt_len);
        if is_cut {
            out.truncate(HEADER_LEN + query.sent.len() + 4);
        }
        let Some(header) = out.first_chunk_mut::<HEADER_LEN>() else { return };
        [header[0], header[1]] = query.id.to_be_bytes();
        let flags = u16::from_be_bytes([header[2], header[3]]);
        [header[2], header[3]] = reply::flags(flags, self.rcode(), query).to_be_bytes();
        if is_cut {
            header[2] |= (flag::TC >> 8) as u8;
            header[6..].fill(0);
        }
        let Some(edns) = query.edns else { return };
        header[11] = 1;
        if !Opt::answering(self.rcode(), &edns, way).write(out, ede.into_iter()) {
            out[2] |= (flag::TC >> 8) as u8;
        }
    }

    /// Appends header, question with the name as it was `sent`, and record, and tells where its TTL stands.
    fn message(
        self,
        sent: &[u8],
        (name, qtype, qclass): (&Name, u16, u16),
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let (answers, authorities) = match self {
            Self::Empty(_) => (0, 0),
            Self::Address(..) | Self::Any(_) => (1, 0),
            Self::Negative(..) => (0, 1),
        };
        let flags = flag::QR | flag::RA | self.rcode().low();
        let header = Header { id: 0, flags, questions: 1, answers, authorities, additionals: 0 };
        out.extend_from_slice(&header.octets());
        out.extend_from_slice(sent);
        let [[t0, t1], [c0, c1]] = [qtype.to_be_bytes(), qclass.to_be_bytes()];
        out.extend_from_slice(&[t0, t1, c0, c1]);
        match self {
            Self::Empty(_) => None,
            Self::Address(address, ttl_secs) => {
                out.extend_from_slice(&names::QUESTION_POINTER);
                match address {
                    IpAddr::V4(it) => record(rtype::A, qclass, ttl_secs, &it.octets(), out),
                    IpAddr::V6(it) => record(rtype::AAAA, qclass, ttl_secs, &it.octets(), out),
                }
            }
            Self::Negative(_, owner, ttl_secs) => {
                write_owner(owner, name.wire(), out);
                let mut soa = [0; SOA_HEAD.len() + 4];
                soa[..SOA_HEAD.len()].copy_from_slice(SOA_HEAD);
                soa[SOA_HEAD.len()..].copy_from_slice(&ttl_secs.to_be_bytes());
                record(rtype::SOA, qclass, ttl_secs, &soa, out)
            }
            Self::Any(ttl_secs) => {
                out.extend_from_slice(&names::QUESTION_POINTER);
                record(rtype::HINFO, qclass, ttl_secs, b"\x07RFC8482\x00", out)
            }
        }
    }
}

/// The rest of a record whose owner has been written; tells where its TTL stands.
fn record(rtype: u16, class: u16, ttl_secs: u32, rdata: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    /// Octets of type and class.
    const BEFORE_TTL: usize = 4;
    let len = u16::try_from(rdata.len()).expect("made-up records are short");
    let mut head = [0; BEFORE_TTL + 4 + 2];
    head[..2].copy_from_slice(&rtype.to_be_bytes());
    head[2..BEFORE_TTL].copy_from_slice(&class.to_be_bytes());
    head[BEFORE_TTL..BEFORE_TTL + 4].copy_from_slice(&ttl_secs.to_be_bytes());
    head[BEFORE_TTL + 4..].copy_from_slice(&len.to_be_bytes());
    let ttl_at = out.len() + BEFORE_TTL;
    out.extend_from_slice(&head);
    out.extend_from_slice(rdata);
    Some(ttl_at)
}

/// MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE: under `invalid`, which nobody can own (RFC 6761 section 6.4).
const SOA_HEAD: &[u8] = b"\x06squint\x07invalid\x00\x06nobody\x07invalid\x00\
    \x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x02\x58\x00\x01\x51\x80";

/// The owner of a record: where it is a suffix of the qname, by a pointer into the question.
fn write_owner(owner: &[u8], qname: &[u8], out: &mut Vec<u8>) {
    // The root is shorter than a pointer to it.
    let before = qname.len().checked_sub(owner.len()).filter(|_| owner.len() > 1);
    match before.filter(|&it| &qname[it..] == owner && is_label_start(qname, it)) {
        Some(before) => {
            let at = 0xc000 | u16::try_from(HEADER_LEN + before).expect("a name is short");
            out.extend_from_slice(&at.to_be_bytes());
        }
        None => out.extend_from_slice(owner),
    }
}

fn is_label_start(wire: &[u8], place: usize) -> bool {
    let mut at = 0;
    while at < place {
        at += 1 + usize::from(wire[at]);
    }
    at == place
}

#[cfg(test)]
mod tests {
    use super::super::{Reply, UDP_SIZE_MAX, class, rdata::Entry, sample::Sample};
    use super::*;

    const NAME: &[u8] = b"\x03wWw\x07eXample\x00";
    const OWNER: &[u8] = b"\x07example\x00";

    fn packet(qtype: u16) -> Vec<u8> {
        Sample::new(7, flag::RD, NAME, qtype, class::IN).octets()
    }

    /// What is sent at once is what would be sent of an answer that is kept; and that is what we would take from an upstream.
    fn check(made: Made<'_>, qtype: u16) -> Answer {
        let answer = made.answer(&Query::parse(&packet(qtype)).unwrap());
        assert_eq!(made.facts(), Facts::of(&answer, ""));
        assert_eq!((made.rcode(), made.ttl_secs()), (answer.rcode(), answer.lifetime_secs()));
        let asked = |ttl, rdata| {
            Sample::new(7, 0, NAME, qtype, class::IN).additional(b"\0", rtype::OPT, ttl, rdata)
        };
        for packet in [packet(qtype), asked(0x8000, b"").octets(), asked(0, &COOKIE).octets()] {
            let query = &Query::parse(&packet).unwrap();
            let text = "x".repeat(600);
            let long = Ede { code: Ede::BLOCKED, text: &text };
            for ede in [None, Some(Ede { text: "why", ..long }), Some(long)] {
                for limit in [12, 40, 80, 512, usize::from(UDP_SIZE_MAX), 65_535] {
                    let way = Way::plain(limit);
                    let (mut kept, mut sent) = (Vec::new(), b"left over".to_vec());
                    let (age_secs, ttl_secs_override) = (0, None);
                    Reply { answer: &answer, query, age_secs, ttl_secs_override, ede, way }
                        .write(&mut kept);
                    made.write(query, ede, way, &mut sent);
                    assert_eq!(sent, kept, "{made:?} {limit}");
                }
            }
        }
        answer
    }

    const COOKIE: [u8; 12] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];

    fn read_back(answer: &Answer, qtype: u16) {
        let name = Name::parse("www.example").unwrap();
        let again = Answer::from_reply(answer.message(), 0, &name, qtype, class::IN).unwrap();
        assert_eq!(again, *answer);
    }

    #[test]
    fn addresses_are_records() {
        for (text, rtype) in [("192.0.2.7", rtype::A), ("2001:db8::7", rtype::AAAA)] {
            let address = text.parse().unwrap();
            let answer = check(Made::Address(address, 10), rtype);
            assert_eq!(answer.addresses().collect::<Vec<_>>(), [address]);
            let record = answer.records().next().unwrap();
            assert_eq!((record.rtype, record.ttl), (rtype, 10));
            assert_eq!(answer.name_at(record.owner).unwrap().text(), "www.example");
            assert!(!answer.authentic());
            read_back(&answer, rtype);
        }
    }

    #[test]
    fn negative_answers_carry_a_soa() {
        let check = |owner: &[u8], rcode: Rcode, owner_len: usize| {
            let answer = check(Made::Negative(rcode, owner, 10), rtype::TXT);
            assert_eq!((answer.rcode(), answer.records().count()), (rcode, 0));
            let soa = Entry::read(answer.message(), answer.head().len()).unwrap();
            assert_eq!((soa.rtype, soa.ttl), (rtype::SOA, 10));
            assert_eq!(soa.soa_minimum(answer.message()), Some(10));
            assert_eq!(answer.name_at(soa.owner).unwrap().wire(), owner);
            assert_eq!(answer.name_at(soa.rdata.start).unwrap().text(), "squint.invalid");
            assert_eq!(soa.rdata.start - soa.owner, owner_len + 10);
            if owner_len < 6 {
                read_back(&answer, rtype::TXT);
            }
        };
        check(b"\x03www\x07example\x00", Rcode::NXDOMAIN, 2);
        check(OWNER, Rcode::NXDOMAIN, 2);
        check(OWNER, Rcode::NOERROR, 2);
        check(b"\x00", Rcode::NXDOMAIN, 1);
        // No suffix of the qname: written out.
        check(b"\x05other\x00", Rcode::NXDOMAIN, 7);
        check(b"\x04mple\x00", Rcode::NXDOMAIN, 6);
    }

    #[test]
    fn a_suffix_starts_at_a_label() {
        // In `\x03a\x01b\x00`, `\x01b\x00` stands inside and at the end of a label.
        let packet = Sample::new(7, 0, b"\x03a\x01b\x00", rtype::A, class::IN).octets();
        let query = Query::parse(&packet).unwrap();
        let answer = Made::Negative(Rcode::NXDOMAIN, b"\x01b\x00", 10).answer(&query);
        let soa = Entry::read(answer.message(), answer.head().len()).unwrap();
        assert_eq!(answer.name_at(soa.owner).unwrap().text(), "b");
    }

    #[test]
    fn empty_answers_say_nothing_but_their_rcode() {
        let answer = check(Made::Empty(Rcode::SERVFAIL), rtype::A);
        assert_eq!((answer.size(), answer.records().count()), (packet(rtype::A).len(), 0));
        assert!(answer.edes().next().is_none());
        read_back(&answer, rtype::A);
        // Without EDNS an extended rcode would be read as another.
        check(Made::Empty(Rcode::BADVERS), rtype::A);
    }

    #[test]
    fn any_gets_one_record() {
        let answer = check(Made::Any(3_600), rtype::ANY);
        let records: Vec<_> = answer.records().map(|it| (it.rtype, it.ttl, it.rdata)).collect();
        assert_eq!(records, [(rtype::HINFO, 3_600, &b"\x07RFC8482\x00"[..])]);
    }
}

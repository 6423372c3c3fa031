//! `Answer`: a response in wire form as the cache keeps it, without ID, without OPT.

use super::{
    Ede, Made, Rcode, chain, class, ede,
    intake::{self, Intake},
    names,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header, flag, u16_at},
};
use crate::name::Name;
use std::{iter, net::IpAddr, ops::RangeInclusive};

/// A response kept in wire form: header, lower-case question, the three sections without OPT, and where the TTLs stand.
///
/// Every TTL is as received; [`super::Reply`] counts it down while writing. Names in the message have been checked once, when
/// it was made, so readers meet no pointer that leads astray.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The message, then the offsets of its TTLs (two octets each, big-endian), then the upstream's Extended DNS Errors ([`ede::append`]):
    /// one allocation a cache entry.
    octets: Box<[u8]>,
    /// Octets of the message.
    message_len: u16,
    /// Octets of header and question.
    question_end: u16,
    /// How many TTLs there are.
    ttls: u16,
    rcode: Rcode,
    /// How many Extended DNS Errors there are.
    edes: u8,
    lifetime_secs: Option<u32>,
    /// SCOPE PREFIX-LENGTH of the upstream's Client Subnet option.
    scope: Option<u8>,
    /// Whether it is not all that the upstream said, or more.
    edited: bool,
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

/// How an answer ends whose aliases lead to nothing that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LooseEnd {
    /// At a name of which it says nothing.
    Alias(Box<Name>),
    /// Where it has been before.
    Circle,
}

/// One resource record of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Owner name: offset into the message (may be compressed), for [`Answer::name_at`].
    pub owner: usize,
    /// TYPE.
    pub rtype: u16,
    /// TTL as received, in seconds.
    pub ttl: u32,
    /// RDATA as received; names within may be compressed.
    pub rdata: &'a [u8],
}

impl Answer {
    /// Reads an upstream's reply to the question `name qtype qclass` asked with `id`.
    ///
    /// What is kept: rcode (extended bits included), AD, every record octet for octet, Extended DNS Errors (four at most). OPT goes, since it
    /// speaks from hop to hop. Only this changes: a TTL with its top bit set becomes 0 (RFC 2181 section 8), the SOA of a
    /// negative answer gets the lower of its TTL and MINIMUM, three hours at most (RFC 2308 section 5), aliases that DNAME records make
    /// are there (RFC 6672 section 3.1) and stand before their targets, and what is no part of the answer goes: octets behind the
    /// last record, and an additional section that cannot be read, OPT among it.
    ///
    /// An error rcode without question and records is taken for a reply to this query, because servers that cannot read a
    /// query (EDNS unknown to them) answer with a bare header; so is a bare header with TC.
    ///
    /// [`BadReply::Malformed`]: more than [`super::RECORDS_MAX`] records; in answer and authority section, records past the end, names
    /// that cannot be read, RDATA that does not fit its type, OPT; the same in the additional section, and OPT twice or not owned
    /// by the root, of a reply that has nothing else.
    pub fn from_reply(
        reply: &[u8],
        id: u16,
        name: &Name,
        qtype: u16,
        qclass: u16,
    ) -> Result<Self, BadReply> {
        let question = intake::Question { name, qtype, qclass };
        let kept = intake::read(reply, id, &question)?;
        let Intake { mut octets, question_end, ttls, rcode, edes, lifetime_secs, .. } = kept;
        let message_len = u16::try_from(octets.len()).map_err(|_| BadReply::Malformed)?;
        octets.reserve_exact(2 * ttls.len() + edes.iter().map(ede::len).sum::<usize>());
        ttls.iter().for_each(|it| octets.extend_from_slice(&it.to_be_bytes()));
        let edes = ede::append(&mut octets, edes.into_iter());
        Ok(Self {
            octets: octets.into_boxed_slice(),
            message_len,
            question_end: u16::try_from(question_end).map_err(|_| BadReply::Malformed)?,
            ttls: u16::try_from(ttls.len()).map_err(|_| BadReply::Malformed)?,
            rcode,
            edes,
            lifetime_secs,
            scope: kept.scope,
            edited: kept.edited,
        })
    }

    /// SERVFAIL to the question `name qtype qclass`, with what went wrong: an error to remember.
    pub fn failure(name: &Name, qtype: u16, qclass: u16, ede: Ede<'_>) -> Self {
        let empty = Made::Empty(Rcode::SERVFAIL).answer_to(name, qtype, qclass);
        empty.with_edes(iter::once(ede))
    }

    /// SERVFAIL to the same question, with the Extended DNS Errors of this answer, or else with `ede`.
    pub fn failed(&self, ede: Ede<'_>) -> Self {
        let mut octets = self.head().to_vec();
        let flags = flag::QR | flag::RA | Rcode::SERVFAIL.low();
        let header =
            Header { id: 0, flags, questions: 1, answers: 0, authorities: 0, additionals: 0 };
        octets[..HEADER_LEN].copy_from_slice(&header.octets());
        let end = octets.len();
        let failed = Self::made(octets, end, &[], Rcode::SERVFAIL, None).expect("a head is short");
        failed.with_edes(self.edes().chain((self.edes == 0).then_some(ede)))
    }

    /// Raises and lowers every TTL, and the lifetime with them, into a range of seconds.
    pub fn clamp_ttls(&mut self, range: RangeInclusive<u32>) {
        let (min, max) = (*range.start(), *range.end());
        let (message, rest) = self.octets.split_at_mut(usize::from(self.message_len));
        let (offsets, _) = rest[..2 * usize::from(self.ttls)].as_chunks::<2>();
        for offset in offsets {
            let at = usize::from(u16::from_be_bytes(*offset));
            if let Some(octets) = message[at..].first_chunk_mut::<4>() {
                *octets = u32::from_be_bytes(*octets).clamp(min, max).to_be_bytes();
            }
        }
        self.lifetime_secs = self.lifetime_secs.map(|it| it.clamp(min, max));
    }

    /// Makes it an answer that is served once and not kept.
    pub fn forget_lifetime(&mut self) {
        self.lifetime_secs = None;
    }

    /// The same to a question about another type. Its names are written anew, for one may have pointed at the type.
    pub fn for_type(&self, qtype: u16) -> Option<Self> {
        let mut answer = self.rewritten(|_| true)?;
        let at = usize::from(answer.question_end) - 4;
        answer.octets[at..at + 2].copy_from_slice(&qtype.to_be_bytes());
        Some(answer)
    }

    /// Says whether the answer is authentic (AD). One that was edited never is: AD is for what an upstream said, and all of it.
    pub fn set_authentic(&mut self, authentic: bool) {
        let low = flag::AD as u8;
        self.octets[3] =
            if authentic && !self.edited { self.octets[3] | low } else { self.octets[3] & !low };
    }

    /// Takes out the records that only who asks with DO may get: RRSIG, NSEC and NSEC3 that were not asked for
    /// (RFC 4035 section 3.2.1).
    pub fn strip_dnssec(&mut self) {
        let qtype = u16_at(&self.octets, usize::from(self.question_end) - 4);
        let is_dnssec = |it: &Entry| {
            matches!(it.rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3) && Some(it.rtype) != qtype
        };
        if self.all_entries().any(|it| is_dnssec(&it)) {
            self.retain(|it| !is_dnssec(it));
        }
    }

    /// Keeps some of its records. What it cannot rewrite stays as it is.
    pub(super) fn retain(&mut self, kept: impl Fn(&Entry) -> bool) {
        if let Some(made) = self.rewritten(kept) {
            *self = made;
        }
    }

    /// The same with some of its records, its names compressed anew.
    fn rewritten(&self, kept: impl Fn(&Entry) -> bool) -> Option<Self> {
        let end = usize::from(self.question_end);
        let (octets, header) =
            chain::with_only(self.message(), &self.header(), end, &[], |_, it| kept(it))?;
        let (mut ttls, mut at) = (Vec::new(), end);
        for _ in 0..header.records() {
            let entry = Entry::read(&octets, at)?;
            at = entry.end();
            ttls.push(u16::try_from(entry.ttl_at()).ok()?);
        }
        let mut made = Self::made(octets, end, &ttls, self.rcode, self.lifetime_secs)?;
        made.edited = self.edited;
        Some(made.with_edes(self.edes()).for_scope(self.scope))
    }

    /// An answer of a message, the end of its question and the places of its TTLs; `None` where it is too long.
    pub(super) fn made(
        mut octets: Vec<u8>,
        question_end: usize,
        ttls: &[u16],
        rcode: Rcode,
        lifetime_secs: Option<u32>,
    ) -> Option<Self> {
        let message_len = u16::try_from(octets.len()).ok()?;
        ttls.iter().for_each(|it| octets.extend_from_slice(&it.to_be_bytes()));
        Some(Self {
            octets: octets.into_boxed_slice(),
            message_len,
            question_end: u16::try_from(question_end).ok()?,
            ttls: u16::try_from(ttls.len()).ok()?,
            rcode,
            edes: 0,
            lifetime_secs,
            scope: None,
            edited: false,
        })
    }

    /// The answer, made of one that is for a network of this size.
    pub(super) const fn for_scope(mut self, scope: Option<u8>) -> Self {
        self.scope = scope;
        self
    }

    /// The answer, which has none yet, with these Extended DNS Errors.
    pub(super) fn with_edes<'e>(mut self, edes: impl Iterator<Item = Ede<'e>>) -> Self {
        let mut octets = std::mem::take(&mut self.octets).into_vec();
        self.edes = ede::append(&mut octets, edes);
        self.octets = octets.into_boxed_slice();
        self
    }

    /// Whether its rcode says something of the name that was asked for, and not of the query or of who asked.
    pub const fn speaks_of_the_name(&self) -> bool {
        matches!(self.rcode, Rcode::NOERROR | Rcode::NXDOMAIN | Rcode::YXDOMAIN)
    }

    /// Where its aliases lead, where it says nothing of that.
    pub fn loose_end(&self) -> Option<LooseEnd> {
        if self.rcode != Rcode::NOERROR || self.lifetime_secs.is_some() {
            return None;
        }
        let mut path = self.path();
        let name = path.pop().filter(|_| !path.is_empty())?;
        Some(if path.contains(&name) { LooseEnd::Circle } else { LooseEnd::Alias(Box::new(name)) })
    }

    /// The first name to which its aliases lead of which that is true. Costs nothing where there are none.
    pub fn alias_to(&self, is_it: impl Fn(&Name) -> bool) -> Option<Name> {
        // Aliases stand before their targets, and DNAME records and signatures may stand before them.
        let first = self.entries().next()?.rtype;
        if !matches!(first, rtype::CNAME | rtype::DNAME | rtype::RRSIG) {
            return None;
        }
        self.path().into_iter().skip(1).find(is_it)
    }

    /// The name asked, and those to which aliases lead from there, each once but for the last, which stands twice in a circle.
    pub(super) fn path(&self) -> Vec<Name> {
        let links: Vec<(Name, Name)> = self
            .entries()
            .filter(|it| it.rtype == rtype::CNAME)
            .filter_map(|it| {
                let target = names::read(self.message(), it.rdata.start)?;
                Some((names::read(self.message(), it.owner)?, target))
            })
            .collect();
        let mut path: Vec<Name> = names::read(self.message(), HEADER_LEN).into_iter().collect();
        while let Some(name) = path.last()
            && let Some((_, target)) = links.iter().find(|it| it.0 == *name)
        {
            let circle = path.contains(target);
            path.push(target.clone());
            if circle {
                break;
            }
        }
        path
    }

    /// The response code.
    pub const fn rcode(&self) -> Rcode {
        self.rcode
    }

    /// How far the message reaches and how many authorities it has when it is cut to `room` octets by what a client can do without:
    /// additional records (RFC 2181 section 9), then the authority section of a positive answer, unless it may hold `proofs`.
    /// `None` where that is not enough.
    #[cold]
    pub(super) fn shortened(&self, room: usize, proofs: bool) -> Option<(usize, u16)> {
        let message = self.message();
        let header = Header::read(message)?;
        let mut at = usize::from(self.question_end);
        for _ in 0..header.answers {
            at = Entry::read(message, at)?.end();
        }
        let (answers_end, mut negative) = (at, header.answers == 0);
        for _ in 0..header.authorities {
            let entry = Entry::read(message, at)?;
            at = entry.end();
            negative |= entry.rtype == rtype::SOA;
        }
        if at <= room {
            return Some((at, header.authorities));
        }
        (!negative && !proofs && answers_end <= room).then_some((answers_end, 0))
    }

    /// For how large a network the answer is, where the query said for whom it was asked: SCOPE PREFIX-LENGTH (RFC 7871
    /// section 6). 0 is for everybody.
    pub const fn scope(&self) -> Option<u8> {
        self.scope
    }

    /// Whether it only says who else could be asked: what comes of a server that does not resolve for others.
    pub fn is_referral(&self) -> bool {
        let silent = self.rcode == Rcode::NOERROR && self.lifetime_secs.is_none();
        silent
            && self.records().next().is_none()
            && Entry::read(self.message(), self.question_end.into())
                .is_some_and(|it| it.rtype == rtype::NS)
    }

    /// AD: the upstream says that it has validated the answer.
    pub fn authentic(&self) -> bool {
        self.header().flags & flag::AD != 0
    }

    /// Whether there are any [`Answer::edes`].
    #[inline]
    pub(super) const fn has_edes(&self) -> bool {
        self.edes != 0
    }

    /// The upstream's Extended DNS Errors (RFC 8914).
    #[inline]
    pub fn edes(&self) -> impl Iterator<Item = Ede<'_>> {
        let start = usize::from(self.message_len) + 2 * usize::from(self.ttls);
        ede::read(&self.octets[start..], self.edes)
    }

    /// How long it may be served, in seconds.
    ///
    /// A positive answer (a record of the asked type in the answer section, or any for ANY) lives as long as the lowest TTL of
    /// all its records, authority and additional section included, so that none is served past its time. A negative one lives
    /// as long as that and its SOA's MINIMUM allow (RFC 2308 section 5). `None` when nothing says so: a negative answer
    /// without SOA, a referral, any other rcode.
    pub const fn lifetime_secs(&self) -> Option<u32> {
        self.lifetime_secs
    }

    /// Records of the answer section.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.entries().map(|it| Record {
            owner: it.owner,
            rtype: it.rtype,
            ttl: it.ttl,
            rdata: &self.message()[it.rdata],
        })
    }

    /// Addresses of A and AAAA records of class IN in the answer section.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.entries().filter(|it| it.class == class::IN).filter_map(|it| {
            let rdata = &self.message()[it.rdata];
            match it.rtype {
                rtype::A => rdata.first_chunk::<4>().map(|it| IpAddr::from(*it)),
                rtype::AAAA => rdata.first_chunk::<16>().map(|it| IpAddr::from(*it)),
                _ => None,
            }
        })
    }

    /// CNAME and DNAME targets in the answer section.
    pub fn targets(&self) -> impl Iterator<Item = Name> {
        self.entries()
            .filter(|it| matches!(it.rtype, rtype::CNAME | rtype::DNAME))
            .filter_map(|it| self.name_at(it.rdata.start))
    }

    /// Targets of PTR records in the answer section.
    pub fn pointers(&self) -> impl Iterator<Item = Name> {
        self.entries()
            .filter(|it| it.rtype == rtype::PTR)
            .filter_map(|it| self.name_at(it.rdata.start))
    }

    /// The name at an offset of the message, such as [`Record::owner`]; `None` where no name stands.
    pub fn name_at(&self, at: usize) -> Option<Name> {
        names::read(self.message(), at)
    }

    /// Octets on the heap, for weighing cache entries.
    pub fn size(&self) -> usize {
        self.octets.len()
    }

    /// The message: ID 0, QR and RA set, question in lower case.
    #[inline]
    pub(super) fn message(&self) -> &[u8] {
        &self.octets[..usize::from(self.message_len)]
    }

    /// The question: name in lower case, type, class.
    #[inline]
    pub fn question(&self) -> &[u8] {
        &self.octets[HEADER_LEN..usize::from(self.question_end)]
    }

    /// Header and question.
    #[inline]
    pub(super) fn head(&self) -> &[u8] {
        &self.octets[..usize::from(self.question_end)]
    }

    /// Where in the message TTLs stand.
    #[inline]
    pub(super) fn ttl_offsets(&self) -> impl Iterator<Item = usize> {
        let start = usize::from(self.message_len);
        let (offsets, _) = self.octets[start..start + 2 * usize::from(self.ttls)].as_chunks::<2>();
        offsets.iter().map(|it| usize::from(u16::from_be_bytes(*it)))
    }

    pub(super) fn header(&self) -> Header {
        Header::read(&self.octets).expect("every answer starts with a header")
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.all_entries().take(usize::from(self.header().answers))
    }

    /// The records of all sections.
    pub(super) fn all_entries(&self) -> impl Iterator<Item = Entry> {
        let mut at = usize::from(self.question_end);
        (0..self.header().records()).map_while(move |_| {
            let entry = Entry::read(self.message(), at)?;
            at = entry.end();
            Some(entry)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Query, sample::Sample};
    use super::*;

    const NAME: &[u8] = b"\x03www\x07example\x00";

    fn packet(qtype: u16) -> Vec<u8> {
        Sample::new(7, flag::RD, NAME, qtype, class::IN).octets()
    }

    /// Reads a reply to `www.example. A`.
    fn answer(reply: Sample) -> Answer {
        let name = Name::parse("www.example").unwrap();
        Answer::from_reply(&reply.octets(), 7, &name, rtype::A, class::IN).unwrap()
    }

    fn sample() -> Sample {
        Sample::new(7, flag::QR | flag::AD, NAME, rtype::A, class::IN)
    }

    fn edes(answer: &Answer) -> Vec<(u16, &str)> {
        answer.edes().map(|it| (it.code, it.text)).collect()
    }

    #[test]
    fn records_addresses_and_targets_are_read() {
        let answer = answer(
            sample()
                .answer(b"\xc0\x0c", rtype::CNAME, 60, b"\x03CDN\xc0\x10")
                .answer(b"\xc0\x29", rtype::A, 30, &[192, 0, 2, 1])
                .answer(b"\xc0\x29", rtype::A, 40, &[192, 0, 2, 2])
                .authority(b"\xc0\x10", rtype::NS, 90, b"\x02ns\xc0\x10")
                .additional(b"\0", rtype::OPT, 0, b"\x00\x0f\x00\x06\x00\x03late"),
        );
        let records: Vec<_> = answer
            .records()
            .map(|it| (answer.name_at(it.owner).unwrap().text(), it.rtype, it.ttl, it.rdata.len()))
            .collect();
        let owner = |text: &str| text.to_owned();
        let expected = [
            (owner("www.example"), rtype::CNAME, 60, 6),
            (owner("cdn.example"), rtype::A, 30, 4),
            (owner("cdn.example"), rtype::A, 40, 4),
        ];
        assert_eq!(records, expected);
        let addresses: Vec<_> = answer.addresses().map(|it| it.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.1", "192.0.2.2"]);
        let targets: Vec<_> = answer.targets().map(|it| it.text()).collect();
        assert_eq!(targets, ["cdn.example"]);
        assert_eq!((answer.rcode(), answer.authentic()), (Rcode::NOERROR, true));
        assert_eq!((edes(&answer), answer.lifetime_secs()), (vec![(3, "late")], Some(30)));
        let offsets: Vec<_> = answer.ttl_offsets().collect();
        assert_eq!(offsets, [35, 53, 69, 85]);
        assert_eq!(answer.size(), answer.message().len() + 4 * 2 + 3 + 4);
    }

    #[test]
    fn referrals_are_known() {
        let soa: &[u8] = &[0; 22];
        let referral = || sample().authority(b"\xc0\x10", rtype::NS, 90, b"\x02ns\xc0\x10");
        assert!(answer(referral()).is_referral());
        assert!(!answer(sample()).is_referral());
        assert!(!answer(sample().authority(b"\xc0\x10", rtype::SOA, 90, soa)).is_referral());
        assert!(!answer(referral().authority(b"\xc0\x10", rtype::SOA, 90, soa)).is_referral());
        let address = sample().answer(b"\xc0\x0c", rtype::A, 30, &[192, 0, 2, 1]);
        assert!(!answer(address.authority(b"\xc0\x10", rtype::NS, 90, b"\0")).is_referral());
    }

    #[test]
    fn what_a_client_can_do_without_is_cut_off() {
        let soa: &[u8] = &[0; 22];
        let check = |sample: Sample, proofs: bool, cuts: &[(usize, Option<(usize, u16)>)]| {
            let answer = answer(sample);
            for (less, expected) in cuts {
                let room = answer.message().len() - less;
                let expected = expected.map(|it| (answer.message().len() - it.0, it.1));
                assert_eq!(answer.shortened(room, proofs), expected, "{less}");
            }
        };
        // Records of 16, 14 and 34, 14 octets.
        let positive = || sample().answer(b"\xc0\x0c", rtype::A, 30, &[192, 0, 2, 1]);
        let ns = |it: Sample| it.authority(b"\xc0\x10", rtype::NS, 90, b"\xc0\x0c");
        let glue = |it: Sample| it.additional(b"\xc0\x0c", rtype::TXT, 90, b"\x01x");
        let all = || glue(ns(positive()));
        check(all(), false, &[(1, Some((14, 1))), (14, Some((14, 1))), (15, Some((28, 0)))]);
        check(all(), false, &[(28, Some((28, 0))), (29, None)]);
        check(all(), true, &[(14, Some((14, 1))), (15, None)]);
        let with_soa = |it: Sample| glue(it.authority(b"\xc0\x10", rtype::SOA, 90, soa));
        check(with_soa(positive()), false, &[(14, Some((14, 1))), (15, None)]);
        check(with_soa(sample()), false, &[(14, Some((14, 1))), (15, None)]);
        check(ns(sample()), false, &[(1, None)]);
    }

    #[test]
    fn addresses_of_other_classes_are_none() {
        let name = Name::parse("www.example").unwrap();
        let mut reply = sample().answer(b"\xc0\x0c", rtype::A, 30, &[192, 0, 2, 1]).octets();
        reply[28] = 3;
        reply[34] = 3;
        let answer = Answer::from_reply(&reply, 7, &name, rtype::A, class::CH).unwrap();
        assert_eq!((answer.records().count(), answer.addresses().count()), (1, 0));
    }

    #[test]
    fn failures_say_why() {
        let name = Name::parse("www.example").unwrap();
        let ede = Ede { code: Ede::NETWORK_ERROR, text: "nobody is there" };
        let answer = Answer::failure(&name, rtype::A, class::IN, ede);
        assert_eq!(edes(&answer), [(23, "nobody is there")]);
        assert_eq!((answer.rcode(), answer.lifetime_secs()), (Rcode::SERVFAIL, None));
        let packet = packet(rtype::A);
        let plain = Made::Empty(Rcode::SERVFAIL).answer(&Query::parse(&packet).unwrap());
        assert_eq!(answer.message(), plain.message());
    }

    #[test]
    fn ttls_are_kept_within_bounds() {
        let check = |range: RangeInclusive<u32>, expected: [u32; 2], lifetime: u32| {
            let mut answer =
                answer(sample().answer(b"\xc0\x0c", rtype::A, 30, &[192, 0, 2, 1]).authority(
                    b"\xc0\x10",
                    rtype::NS,
                    900,
                    b"\x02ns\xc0\x10",
                ));
            answer.clamp_ttls(range);
            let read =
                |at: usize| u32::from_be_bytes(*answer.message()[at..].first_chunk().unwrap());
            let ttls: Vec<_> = answer.ttl_offsets().map(read).collect();
            assert_eq!((ttls, answer.lifetime_secs()), (expected.to_vec(), Some(lifetime)));
        };
        check(0..=86_400, [30, 900], 30);
        check(60..=86_400, [60, 900], 60);
        check(0..=100, [30, 100], 30);
        check(0..=10, [10, 10], 10);
    }
}

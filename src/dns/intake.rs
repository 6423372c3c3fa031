//! Reading an upstream's reply: what is foreign, what is malformed, and what of it is kept.

use super::{
    BadReply, Ede, Rcode,
    chain::{self, Choice},
    compress,
    dname::{self, Aliases},
    names, opt,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header, flag, u16_at},
};
use crate::name::Name;
use std::ops::Range;

/// Most records of one reply. A message of 65,535 octets holds 4,095 addresses under one name.
pub const RECORDS_MAX: usize = 4_096;

/// Longest that a negative answer is kept (RFC 2308 section 5), in seconds.
const NEGATIVE_LIFETIME_SECS_MAX: u32 = 10_800;

/// Most octets kept of the text of an upstream's EDE: as many as one octet counts.
const EDE_TEXT_LEN_MAX: usize = 255;

/// Most Extended DNS Errors kept of one reply.
const EDES_MAX: usize = 4;

/// What was asked.
pub(super) struct Question<'a> {
    pub(super) name: &'a Name,
    pub(super) qtype: u16,
    pub(super) qclass: u16,
}

/// What is kept of a reply.
pub(super) struct Intake<'a> {
    /// The message: ID 0, flags and question set by us, OPT cut out.
    pub(super) octets: Vec<u8>,
    /// Octets of header and question.
    pub(super) question_end: usize,
    /// Where TTLs stand in the message.
    pub(super) ttls: Vec<u16>,
    pub(super) rcode: Rcode,
    /// Extended DNS Errors in their order, each code once.
    pub(super) edes: Vec<Ede<'a>>,
    pub(super) lifetime_secs: Option<u32>,
    /// SCOPE PREFIX-LENGTH of a Client Subnet option.
    pub(super) scope: Option<u8>,
    /// Whether records of answer or authority section were made or left out, for which AD is clear.
    pub(super) edited: bool,
}

/// Reads a reply to `question` asked with `id`.
pub(super) fn read<'a>(
    reply: &'a [u8],
    id: u16,
    question: &Question<'_>,
) -> Result<Intake<'a>, BadReply> {
    let header = Header::read(reply).ok_or(BadReply::Foreign)?;
    let is_reply = header.id == id && header.flags & flag::QR != 0;
    if !is_reply || header.flags & flag::OPCODE != 0 {
        return Err(BadReply::Foreign);
    }
    let question_end = match header.questions {
        0 if is_bare(&header) => HEADER_LEN,
        1 => question.find(reply).ok_or(BadReply::Foreign)?,
        _ => return Err(BadReply::Foreign),
    };
    if header.flags & flag::TC != 0 {
        return Err(BadReply::Truncated);
    }
    keep(reply, header, question_end, question)
        .or_else(|| {
            // The additional section is no part of the answer: where it cannot be read, it goes, whole.
            let is_answer = header.answers | header.authorities > 0 && header.additionals > 0;
            let rest = Header { additionals: 0, ..header };
            (is_answer && header.records() <= RECORDS_MAX)
                .then(|| keep(reply, rest, question_end, question))
                .flatten()
        })
        .ok_or(BadReply::Malformed)
}

/// What is kept of a reply whose header and question have been read; `None` where a record cannot be.
fn keep<'a>(
    reply: &'a [u8],
    mut header: Header,
    question_end: usize,
    question: &Question<'_>,
) -> Option<Intake<'a>> {
    let mut walk = Walk::new(&header, question.qtype)?;
    // The caller appends an offset for each TTL.
    let mut octets = Vec::with_capacity(reply.len() + 2 * header.records());
    octets.extend_from_slice(reply);
    let end = walk.run(&mut octets, question_end)?;
    // What stands behind the last record is nobody's.
    octets.truncate(end);

    let (mut rcode, mut edes, mut scope) = (header.rcode(), Vec::new(), None);
    if let Some(found) = walk.opt.take() {
        rcode.0 |= opt::rcode_high(found.ttl);
        edes = errors(&reply[found.rdata.clone()]);
        scope = opt::scope(&reply[found.rdata.clone()]);
        let last = found.end() == octets.len();
        let gap = found.owner..found.end();
        header.additionals -= 1;
        cut(&mut octets, gap, header.records() + 1, question_end)?;
        if !last {
            // What follows has moved, so places are taken anew; names that crossed OPT are found out here.
            walk = Walk::new(&header, question.qtype)?;
            walk.run(&mut octets, question_end)?;
        }
    }
    if question_end == HEADER_LEN && header.additionals > 0 {
        return None;
    }
    let mut edited = false;
    if walk.renames && rcode.is_useful() {
        match dname::complete(&octets, &header, question_end, question)? {
            Aliases::Whole => (),
            Aliases::Made { octets: made, header: counts, too_long } => {
                (octets, header, edited) = (made, counts, true);
                rcode = if too_long { Rcode::YXDOMAIN } else { rcode };
                walk = Walk::new(&header, question.qtype)?;
                walk.run(&mut octets, question_end)?;
            }
        }
    }
    let choice = chain::choose(&octets, question_end, &header, question);
    if let Some(choice) = choice.or_else(|| walk.spelled.then(Choice::default)) {
        let (answers, authorities) = (header.answers, header.authorities);
        (octets, header) = choice.apply(&octets, &header, question_end)?;
        // Additional records are never authentic, whatever AD says (RFC 4035 section 3.2.3).
        edited |= (header.answers, header.authorities) != (answers, authorities);
        walk = Walk::new(&header, question.qtype)?;
        walk.run(&mut octets, question_end)?;
    }
    let lifetime_secs = walk.lifetime_secs(&mut octets, rcode);
    // What has been edited is nobody's authentic word.
    let authentic = if edited { 0 } else { header.flags & flag::AD };
    let kept = Header {
        id: 0,
        flags: flag::QR | flag::RA | authentic | rcode.low(),
        questions: 1,
        ..header
    };
    octets[..HEADER_LEN].copy_from_slice(&kept.octets());
    let question_end = question.write(&mut octets, question_end)?;
    let ttls = walk.ttls;
    Some(Intake { octets, question_end, ttls, rcode, edes, lifetime_secs, scope, edited })
}

/// The Extended DNS Errors among the options of a reply that are passed on. Two of one code would be said twice.
fn errors(rdata: &[u8]) -> Vec<Ede<'_>> {
    let mut edes: Vec<Ede<'_>> = Vec::new();
    for (code, text) in opt::edes(rdata) {
        if edes.len() < EDES_MAX && edes.iter().all(|it| it.code != code) {
            edes.push(Ede { code, text: &text[..text.floor_char_boundary(EDE_TEXT_LEN_MAX)] });
        }
    }
    edes
}

/// Whether a reply may come without question: an error, or cut short, and nothing in it but perhaps OPT.
fn is_bare(header: &Header) -> bool {
    let errors = [Rcode::FORMERR, Rcode::SERVFAIL, Rcode::NOTIMP, Rcode::REFUSED];
    (errors.contains(&header.rcode()) || header.flags & flag::TC != 0)
        && header.answers | header.authorities == 0
        && header.additionals <= 1
}

impl Question<'_> {
    /// Where the reply's question ends, if it is this one, letter case aside.
    fn find(&self, reply: &[u8]) -> Option<usize> {
        let name = self.name.wire();
        let end = HEADER_LEN + name.len();
        // Length octets are at most 63 and so never look like a letter.
        let same = reply.get(HEADER_LEN..end)?.eq_ignore_ascii_case(name)
            && u16_at(reply, end)? == self.qtype
            && u16_at(reply, end + 2)? == self.qclass;
        same.then_some(end + 4)
    }

    /// Puts the question in lower case where the reply has its own, or has none and nothing else. Returns its end.
    fn write(&self, octets: &mut Vec<u8>, question_end: usize) -> Option<usize> {
        let name = self.name.wire();
        if question_end > HEADER_LEN {
            octets[HEADER_LEN..HEADER_LEN + name.len()].copy_from_slice(name);
            return Some(question_end);
        }
        if octets.len() > HEADER_LEN {
            return None;
        }
        octets.extend_from_slice(name);
        octets.extend_from_slice(&self.qtype.to_be_bytes());
        octets.extend_from_slice(&self.qclass.to_be_bytes());
        Some(octets.len())
    }
}

/// One pass over the records of a reply.
struct Walk {
    sections: [u16; 3],
    qtype: u16,
    ttls: Vec<u16>,
    ttl_min: u32,
    /// A record of the asked type stands in the answer section.
    positive: bool,
    /// The first SOA of the authority section.
    soa: Option<Entry>,
    opt: Option<Entry>,
    /// An owner is the question's name written out, in a letter case of its own perhaps; clients get it in theirs.
    spelled: bool,
    /// A DNAME record stands in the answer section.
    renames: bool,
}

impl Walk {
    fn new(header: &Header, qtype: u16) -> Option<Self> {
        let sections = [header.answers, header.authorities, header.additionals];
        let records = header.records();
        (records <= RECORDS_MAX).then(|| Self {
            sections,
            qtype,
            ttls: Vec::with_capacity(records.min(64)),
            ttl_min: u32::MAX,
            positive: false,
            soa: None,
            opt: None,
            spelled: false,
            renames: false,
        })
    }

    /// Checks every record and notes what is needed. Where the last one ends; `None` where the reply is malformed.
    fn run(&mut self, message: &mut [u8], mut at: usize) -> Option<usize> {
        for section in 0..3 {
            for _ in 0..self.sections[section] {
                let mut entry = Entry::read(message, at)?;
                at = entry.end();
                if entry.rtype == rtype::OPT {
                    let misplaced = section != 2 || message[entry.owner] != 0;
                    if misplaced || self.opt.is_some() {
                        return None;
                    }
                    self.opt = Some(entry);
                    continue;
                }
                self.ttls.push(u16::try_from(entry.ttl_at()).ok()?);
                if !entry.is_sound(message, &self.ttls) {
                    return None;
                }
                if entry.ttl > i32::MAX as u32 {
                    entry.ttl = 0;
                    message[entry.ttl_at()..][..4].fill(0);
                }
                self.ttl_min = self.ttl_min.min(entry.ttl);
                // Nearly every owner is a pointer.
                self.spelled |= message[entry.owner] < 0xc0
                    && compress::spelled(message, entry.owner).is_some();
                match section {
                    0 => {
                        self.positive |= entry.rtype == self.qtype || self.qtype == rtype::ANY;
                        self.renames |= entry.rtype == rtype::DNAME;
                    }
                    1 if entry.rtype == rtype::SOA && self.soa.is_none() => self.soa = Some(entry),
                    _ => (),
                }
            }
        }
        Some(at)
    }

    /// How long the answer may be kept; sets the TTL of a negative answer's SOA.
    fn lifetime_secs(&self, message: &mut [u8], rcode: Rcode) -> Option<u32> {
        match rcode {
            Rcode::NOERROR if self.positive => Some(self.ttl_min),
            Rcode::NOERROR | Rcode::NXDOMAIN => {
                let soa = self.soa.as_ref()?;
                let ttl = soa.soa_minimum(message)?.min(soa.ttl).min(NEGATIVE_LIFETIME_SECS_MAX);
                message[soa.ttl_at()..][..4].copy_from_slice(&ttl.to_be_bytes());
                Some(self.ttl_min.min(ttl))
            }
            _ => None,
        }
    }
}

/// Takes `gap` (the OPT record) out of the message, whose `records` begin at `start`, and moves pointers that lead past it.
///
/// Records may follow OPT (RFC 6891 section 6.1.1), and their names may point at one another.
fn cut(message: &mut Vec<u8>, gap: Range<usize>, records: usize, start: usize) -> Option<()> {
    let mut moves = Vec::new();
    if gap.end < message.len() {
        let mut at = start;
        for _ in 0..records {
            let entry = Entry::read(message, at)?;
            at = entry.end();
            if entry.owner < gap.end {
                continue;
            }
            let mut note = |name: usize| moves.extend(names::pointer(message, name));
            note(entry.owner);
            entry.each_name(message, note)?;
        }
    }
    for (place, target) in moves {
        if gap.contains(&target) {
            return None;
        }
        if target >= gap.end {
            let moved = u16::try_from(target - gap.len()).ok()? | 0xc000;
            message[place..place + 2].copy_from_slice(&moved.to_be_bytes());
        }
    }
    message.drain(gap);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::{class, sample::Sample};
    use super::*;

    const QR: u16 = flag::QR;

    /// A reply to `www.example. A`.
    fn sample(flags: u16) -> Sample {
        Sample::new(0x1234, flags, b"\x03www\x07example\x00", rtype::A, class::IN)
    }

    fn intake(reply: &[u8]) -> Result<Intake<'_>, BadReply> {
        let name = &Name::parse("www.example").unwrap();
        read(reply, 0x1234, &Question { name, qtype: rtype::A, qclass: class::IN })
    }

    const PTR: &[u8] = b"\xc0\x0c";
    const ADDRESS: &[u8] = &[192, 0, 2, 1];
    /// MNAME and RNAME are `www.example`, MINIMUM is 60.
    const SOA: &[u8] = b"\xc0\x0c\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x3c";

    #[test]
    fn what_is_not_the_reply_is_foreign() {
        let check = |reply: Vec<u8>| {
            assert_eq!(intake(&reply).err(), Some(BadReply::Foreign), "{reply:02x?}");
        };
        let good = sample(QR).answer(PTR, rtype::A, 300, ADDRESS).octets();
        assert!(intake(&good).is_ok());
        let with = |at: usize, octet: u8| {
            let mut reply = good.clone();
            reply[at] = octet;
            reply
        };
        check(with(0, 0)); // ID
        check(with(2, 0x01)); // QR=0
        check(with(2, 0x88)); // opcode
        check(with(5, 0)); // QDCOUNT=0 with NOERROR
        check(with(5, 2)); // QDCOUNT=2
        check(with(13, b'v')); // qname
        check(with(12, 2)); // its labels
        check(with(26, 28)); // qtype
        check(with(28, 3)); // qclass
        check(good[..28].to_vec());
        check(good[..11].to_vec());
        check(Vec::new());
        check(Sample::new(0x1234, QR, PTR, rtype::A, class::IN).octets());
    }

    #[test]
    fn letter_case_of_the_question_does_not_matter() {
        let reply = Sample::new(0x1234, QR, b"\x03wWw\x07EXAMPLE\x00", rtype::A, class::IN)
            .answer(PTR, rtype::A, 300, ADDRESS)
            .octets();
        let kept = intake(&reply).unwrap();
        assert_eq!(&kept.octets[12..25], b"\x03www\x07example\x00");
        assert_eq!(&kept.octets[25..], &reply[25..]);
    }

    #[test]
    fn truncation_is_told_before_anything_else_is_read() {
        let check = |reply: Vec<u8>| assert_eq!(intake(&reply).err(), Some(BadReply::Truncated));
        check(sample(QR | flag::TC).octets());
        check(sample(QR | flag::TC).counts(1, 40, 0, 1).octets());
        check([sample(QR | flag::TC).octets(), b"partial record".to_vec()].concat());
        let mut bare = sample(QR | flag::TC).octets();
        bare.truncate(12);
        bare[5] = 0;
        check(bare);
    }

    #[test]
    fn errors_may_come_without_question() {
        let check = |rcode: Rcode, expected: Result<Rcode, BadReply>| {
            let mut reply = sample(QR | rcode.low()).octets();
            reply.truncate(12);
            reply[5] = 0;
            let kept = intake(&reply);
            assert_eq!(kept.as_ref().map(|it| it.rcode).map_err(|it| *it), expected);
            if let Ok(kept) = kept {
                assert_eq!(&kept.octets[12..], b"\x03www\x07example\x00\x00\x01\x00\x01");
                assert_eq!((kept.octets[5], kept.question_end), (1, 29));
            }
        };
        for rcode in [Rcode::FORMERR, Rcode::SERVFAIL, Rcode::NOTIMP, Rcode::REFUSED] {
            check(rcode, Ok(rcode));
        }
        check(Rcode::NOERROR, Err(BadReply::Foreign));
        check(Rcode::NXDOMAIN, Err(BadReply::Foreign));

        // With OPT it is one, with another record it is not.
        let bare = |tail: &[u8]| {
            let mut reply = sample(QR | 1).counts(0, 0, 0, 1).octets();
            reply.truncate(12);
            [&reply, tail].concat()
        };
        assert!(intake(&bare(b"\0\0\x29\x04\xd0\0\0\0\0\0\0")).is_ok());
        let record = bare(b"\0\0\x10\0\x01\0\0\0\0\0\0");
        assert_eq!(intake(&record).err(), Some(BadReply::Malformed));
    }

    #[test]
    fn malformed_replies_are_told() {
        let check = |reply: Vec<u8>| {
            assert_eq!(intake(&reply).err(), Some(BadReply::Malformed), "{reply:02x?}");
        };
        let good = sample(QR).answer(PTR, rtype::A, 300, ADDRESS).octets();
        for len in 29..good.len() {
            check(good[..len].to_vec());
        }
        check(sample(QR).answer(PTR, rtype::A, 300, ADDRESS).counts(1, 2, 0, 0).octets());
        check(
            sample(QR).answer(PTR, rtype::A, 300, ADDRESS).counts(1, 65535, 65535, 65535).octets(),
        );
        check(sample(QR).answer(b"\xc0\x1d", rtype::A, 300, ADDRESS).octets());
        check(sample(QR).answer(b"\xc0\x04", rtype::A, 300, ADDRESS).octets());
        check(sample(QR).answer(PTR, rtype::A, 300, b"\x01").octets());
        check(sample(QR).answer(PTR, rtype::CNAME, 300, b"\xc0\xff").octets());
        check(sample(QR).answer(b"\0", rtype::OPT, 0, b"").octets());
        check(sample(QR).authority(b"\0", rtype::OPT, 0, b"").octets());
        check(sample(QR).additional(PTR, rtype::OPT, 0, b"").octets());
        let twice = sample(QR).additional(b"\0", rtype::OPT, 0, b"");
        check(twice.additional(b"\0", rtype::OPT, 0, b"").octets());
    }

    #[test]
    fn records_are_counted() {
        let with = |records: usize| {
            let one = sample(QR).answer(PTR, rtype::RRSIG, 0, b"").octets();
            let mut reply = one[..29].to_vec();
            reply.extend(one[29..].repeat(records));
            reply[6..8].copy_from_slice(&u16::try_from(records).unwrap().to_be_bytes());
            reply
        };
        assert_eq!(intake(&with(RECORDS_MAX)).unwrap().ttls.len(), RECORDS_MAX);
        assert_eq!(intake(&with(RECORDS_MAX + 1)).err(), Some(BadReply::Malformed));
    }

    #[test]
    fn opt_is_cut_out_wherever_it_stands() {
        let opt = b"\x00\x0f\x00\x06\x00\x16slow";
        let last = sample(QR | flag::AD)
            .answer(PTR, rtype::A, 300, ADDRESS)
            .additional(b"\0", rtype::OPT, 0x0100_0000, opt)
            .octets();
        let kept = intake(&last).unwrap();
        assert_eq!((kept.rcode, kept.edes), (Rcode::BADVERS, vec![Ede { code: 22, text: "slow" }]));
        let expected =
            sample(QR | flag::RA | flag::AD).answer(PTR, rtype::A, 300, ADDRESS).octets();
        assert_eq!(kept.octets[2..], expected[2..]);
        assert_eq!(kept.octets[..2], [0, 0]);

        // In the middle, with names after it that point at each other and over it.
        // The names are those of name servers: what nothing names is not kept.
        let sample = |flags: u16| {
            sample(flags).authority(PTR, rtype::NS, 60, b"\x01a\xc0\x0c").authority(
                PTR,
                rtype::NS,
                60,
                b"\x01b\x01a\xc0\x0c",
            )
        };
        let record = |sample: Sample, to: u16| {
            let name = [b"\x01b".as_slice(), &(0xc000 | to).to_be_bytes()].concat();
            sample.additional(b"\x01a\xc0\x0c", rtype::A, 1, ADDRESS).additional(
                &name,
                rtype::MX,
                2,
                &[b"\0\x01".as_slice(), &name[2..]].concat(),
            )
        };
        let start = 29 + 16 + 18;
        let len = 11 + u16::try_from(opt.len()).unwrap();
        let middle = record(sample(QR).additional(b"\0", rtype::OPT, 0, opt), start + len).octets();
        let kept = intake(&middle).unwrap();
        let expected = record(sample(QR | flag::RA), start).octets();
        assert_eq!(kept.octets[2..], expected[2..]);
        assert_eq!(kept.ttls, [29 + 6, 29 + 16 + 6, start + 8, start + 18 + 8]);
        assert_eq!(
            names::read(&kept.octets, usize::from(start) + 18).unwrap().text(),
            "b.a.www.example"
        );

        // A pointer into OPT has nothing to point at any more.
        let into = record(sample(QR).additional(b"\0", rtype::OPT, 0, opt), start).octets();
        let kept = intake(&into).unwrap();
        assert_eq!(kept.octets[6..12], [0, 0, 0, 2, 0, 0]);
    }

    #[test]
    fn an_additional_section_that_cannot_be_read_goes_alone() {
        let good = || {
            sample(QR | flag::AD).answer(PTR, rtype::A, 300, ADDRESS).authority(
                PTR,
                rtype::NS,
                200,
                PTR,
            )
        };
        let (whole, expected) = (good().octets(), intake(&good().octets()).unwrap().octets);
        let check = |reply: Vec<u8>| {
            let kept = intake(&reply).unwrap();
            assert_eq!(kept.octets, expected, "{reply:02x?}");
            assert_eq!((kept.ttls.len(), kept.lifetime_secs), (2, Some(200)));
            assert_eq!((kept.edes, kept.scope), (vec![], None));
        };
        let more = good()
            .additional(PTR, rtype::A, 7, ADDRESS)
            .additional(b"\0", rtype::OPT, 0, b"\x00\x0f\x00\x06\x00\x16slow")
            .additional(PTR, rtype::AAAA, 9, &[1; 16])
            .octets();
        (whole.len()..more.len()).for_each(|len| check(more[..len].to_vec()));
        check(good().additional(PTR, rtype::A, 7, b"\x01").octets());
        check(good().additional(b"\xc0\xff", rtype::A, 7, ADDRESS).octets());
        check(good().additional(PTR, rtype::OPT, 0, b"").octets());
        let opt = || good().additional(b"\0", rtype::OPT, 0, b"");
        check(opt().additional(b"\0", rtype::OPT, 0, b"").octets());
        check(opt().counts(1, 1, 1, 4_000).octets());
        // Bounded as ever, and nothing is left of what says nothing else.
        let malformed = |reply: Vec<u8>| {
            assert_eq!(intake(&reply).err(), Some(BadReply::Malformed), "{reply:02x?}");
        };
        malformed(opt().counts(1, 1, 1, 5_000).octets());
        malformed(sample(QR).additional(PTR, rtype::A, 7, b"\x01").octets());
        malformed(good().authority(PTR, rtype::A, 7, b"\x01").octets());
    }

    #[test]
    fn lifetimes_follow_rfc_2308() {
        let check = |sample: Sample, expected: Option<u32>| {
            let reply = sample.octets();
            assert_eq!(intake(&reply).unwrap().lifetime_secs, expected, "{reply:02x?}");
        };
        let ok = || sample(QR).answer(PTR, rtype::A, 300, ADDRESS);
        let nx = || sample(QR | 3);
        check(ok(), Some(300));
        check(ok().answer(PTR, rtype::A, 200, ADDRESS), Some(200));
        check(ok().authority(PTR, rtype::NS, 100, PTR), Some(100));
        check(ok().additional(PTR, rtype::TXT, 0, b""), Some(0));
        check(ok().answer(PTR, rtype::A, 0x8000_0001, ADDRESS), Some(0));
        check(ok().authority(PTR, rtype::SOA, 300, SOA), Some(300));
        // NODATA and NXDOMAIN, by TTL or by MINIMUM, after a CNAME too.
        check(sample(QR).authority(PTR, rtype::SOA, 3600, SOA), Some(60));
        check(nx().authority(PTR, rtype::SOA, 3600, SOA), Some(60));
        check(nx().authority(PTR, rtype::SOA, 30, SOA), Some(30));
        check(
            nx().answer(PTR, rtype::CNAME, 20, PTR).authority(PTR, rtype::SOA, 90, SOA),
            Some(20),
        );
        check(
            sample(QR).answer(PTR, rtype::CNAME, 90, PTR).authority(PTR, rtype::SOA, 90, SOA),
            Some(60),
        );
        // Nothing says how long: no SOA, a referral, a chain that ends nowhere, a SOA elsewhere, failures.
        check(nx(), None);
        check(sample(QR), None);
        check(sample(QR).authority(PTR, rtype::NS, 100, PTR), None);
        check(sample(QR).answer(PTR, rtype::CNAME, 90, PTR), None);
        check(nx().additional(PTR, rtype::SOA, 90, SOA), None);
        check(sample(QR | 2).authority(PTR, rtype::SOA, 90, SOA), None);
        check(sample(QR | 5), None);
    }

    #[test]
    fn any_is_answered_by_whatever_there_is() {
        let reply = Sample::new(0x1234, QR, b"\0", rtype::ANY, class::IN)
            .answer(PTR, 13, 3600, b"\x07RFC8482\x00")
            .octets();
        let question = Question { name: &Name::ROOT, qtype: rtype::ANY, qclass: class::IN };
        assert_eq!(read(&reply, 0x1234, &question).unwrap().lifetime_secs, Some(3600));
    }

    #[test]
    fn ttls_are_set_right_where_they_must_be() {
        let ttl = |sample: Sample| {
            let reply = sample.octets();
            let kept = intake(&reply).unwrap();
            let at = usize::from(kept.ttls[0]);
            u32::from_be_bytes(*kept.octets[at..].first_chunk().unwrap())
        };
        assert_eq!(ttl(sample(QR).answer(PTR, rtype::A, 0x7fff_ffff, ADDRESS)), 0x7fff_ffff);
        assert_eq!(ttl(sample(QR).answer(PTR, rtype::A, 0x8000_0000, ADDRESS)), 0);
        assert_eq!(ttl(sample(QR | 3).authority(PTR, rtype::SOA, 3600, SOA)), 60);
        assert_eq!(ttl(sample(QR | 3).authority(PTR, rtype::SOA, 30, SOA)), 30);
        assert_eq!(ttl(sample(QR | 2).authority(PTR, rtype::SOA, 3600, SOA)), 3600);
    }
}

//! Reading an upstream's reply: what is foreign, what is malformed, and what of it is kept.

use super::{
    BadReply, Rcode, names, opt,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header, flag, u16_at},
};
use crate::name::Name;
use std::ops::Range;

/// Most records of one reply. A message of 65,535 octets holds 4,095 addresses under one name.
pub const RECORDS_MAX: usize = 4_096;

/// Most octets kept of an upstream's EDE text.
const EDE_TEXT_LEN_MAX: usize = 255;

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
    pub(super) ede: Option<(u16, &'a str)>,
    pub(super) lifetime_secs: Option<u32>,
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
    let mut octets = Vec::with_capacity(reply.len() + 256);
    octets.extend_from_slice(reply);
    let mut walk = Walk::new(&header, question.qtype).ok_or(BadReply::Malformed)?;
    walk.run(&mut octets, question_end).ok_or(BadReply::Malformed)?;

    let (mut rcode, mut ede, mut additionals) = (header.rcode(), None, header.additionals);
    if let Some(found) = walk.opt.take() {
        rcode.0 |= opt::rcode_high(found.ttl);
        ede = opt::ede(&reply[found.rdata.clone()]);
        additionals -= 1;
        let last = found.end() == octets.len();
        cut(&mut octets, found.owner..found.end(), &header, question_end)
            .ok_or(BadReply::Malformed)?;
        if !last {
            // What follows has moved, so places are taken anew; names that crossed OPT are found out here.
            let moved = Header { additionals, ..header };
            walk = Walk::new(&moved, question.qtype).ok_or(BadReply::Malformed)?;
            walk.run(&mut octets, question_end).ok_or(BadReply::Malformed)?;
        }
    }
    let lifetime_secs = walk.lifetime_secs(&mut octets, rcode);
    let kept = Header {
        id: 0,
        flags: flag::QR | flag::RA | header.flags & flag::AD | rcode.low(),
        questions: 1,
        additionals,
        ..header
    };
    octets[..HEADER_LEN].copy_from_slice(&kept.octets());
    let question_end = question.write(&mut octets, question_end).ok_or(BadReply::Malformed)?;
    let ede = ede.map(|(code, text)| (code, &text[..text.floor_char_boundary(EDE_TEXT_LEN_MAX)]));
    Ok(Intake { octets, question_end, ttls: walk.ttls, rcode, ede, lifetime_secs })
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
        })
    }

    /// Checks every record and notes what is needed; `None` where the reply is malformed.
    fn run(&mut self, message: &mut [u8], mut at: usize) -> Option<()> {
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
                if !entry.is_sound(message) {
                    return None;
                }
                if entry.ttl > i32::MAX as u32 {
                    entry.ttl = 0;
                    message[entry.ttl_at()..][..4].fill(0);
                }
                self.ttls.push(u16::try_from(entry.ttl_at()).ok()?);
                self.ttl_min = self.ttl_min.min(entry.ttl);
                match section {
                    0 => self.positive |= entry.rtype == self.qtype || self.qtype == rtype::ANY,
                    1 if entry.rtype == rtype::SOA && self.soa.is_none() => self.soa = Some(entry),
                    _ => (),
                }
            }
        }
        (at == message.len()).then_some(())
    }

    /// How long the answer may be kept; sets the TTL of a negative answer's SOA.
    fn lifetime_secs(&self, message: &mut [u8], rcode: Rcode) -> Option<u32> {
        match rcode {
            Rcode::NOERROR if self.positive => Some(self.ttl_min),
            Rcode::NOERROR | Rcode::NXDOMAIN => {
                let soa = self.soa.as_ref()?;
                let ttl = soa.soa_minimum(message)?.min(soa.ttl);
                message[soa.ttl_at()..][..4].copy_from_slice(&ttl.to_be_bytes());
                Some(self.ttl_min.min(ttl))
            }
            _ => None,
        }
    }
}

/// Takes `gap` (the OPT record) out of the message, and moves pointers that lead past it.
///
/// Records may follow OPT (RFC 6891 section 6.1.1), and their names may point at one another.
fn cut(message: &mut Vec<u8>, gap: Range<usize>, header: &Header, records: usize) -> Option<()> {
    let mut moves = Vec::new();
    if gap.end < message.len() {
        let total =
            header.answers as usize + header.authorities as usize + header.additionals as usize;
        let mut at = records;
        for _ in 0..header.records() {
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

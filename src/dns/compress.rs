//! Messages written record by record, with names compressed (RFC 1035 section 4.1.4).

use super::{names, rdata::Entry, rtype, wire::HEADER_LEN};
use crate::name::WIRE_LEN_MAX;
use foldhash::HashMap;

/// The last place that a pointer can lead to.
const PLACE_MAX: usize = 0x3fff;

/// A message in the making.
pub(super) struct Writer {
    pub(super) octets: Vec<u8>,
    /// Where each name that has been written stands, its parents included.
    places: HashMap<Box<[u8]>, u16>,
}

impl Writer {
    /// Goes on after `head`, a header and a question.
    pub(super) fn new(head: &[u8]) -> Self {
        let mut writer = Self { octets: head.to_vec(), places: HashMap::default() };
        let mut name = Vec::new();
        if names::expand(head, HEADER_LEN, &mut name).is_some() {
            writer.note(&name, HEADER_LEN, name.len());
        }
        writer
    }

    /// Writes a record's owner. Where the question is the `same` and the owner its name or one above it, in whatever case, it points
    /// there: what reads like the question is the question's, whose letters are the client's.
    pub(super) fn owner(&mut self, message: &[u8], entry: &Entry, same: bool) -> Option<()> {
        if same && message[entry.owner..].starts_with(&names::QUESTION_POINTER) {
            self.octets.extend_from_slice(&names::QUESTION_POINTER);
            return Some(());
        }
        if same && let Some(place) = spelled(message, entry.owner) {
            self.octets.extend_from_slice(&(place as u16 | 0xc000).to_be_bytes());
            return Some(());
        }
        self.name(message, entry.owner)
    }

    /// Writes a record without its owner. Names in RDATA are compressed in the types of RFC 1035 alone (RFC 3597 section 4).
    pub(super) fn rest(&mut self, message: &[u8], entry: &Entry) -> Option<()> {
        // TYPE, CLASS and TTL, then a length to be known later.
        let fixed = self.octets.len();
        self.octets.extend_from_slice(message.get(entry.rdata.start - 10..entry.rdata.start)?);
        let start = self.octets.len();
        let mut places = Vec::new();
        entry.each_name(message, |it| places.push(it))?;
        let mut copied = entry.rdata.start;
        for place in places {
            self.octets.extend_from_slice(message.get(copied..place)?);
            if is_compressible(entry.rtype) {
                self.name(message, place)?;
            } else {
                names::expand(message, place, &mut self.octets)?;
            }
            copied = names::skip(message, place)?;
        }
        self.octets.extend_from_slice(message.get(copied..entry.rdata.end)?);
        let len = u16::try_from(self.octets.len() - start).ok()?;
        self.octets[fixed + 8..start].copy_from_slice(&len.to_be_bytes());
        Some(())
    }

    /// Writes the name at a place of another message: as much as has not been written before, then a pointer.
    fn name(&mut self, message: &[u8], at: usize) -> Option<()> {
        let mut name = Vec::with_capacity(WIRE_LEN_MAX);
        names::expand(message, at, &mut name)?;
        let start = self.octets.len();
        let known = starts(&name).find_map(|it| Some((it, *self.places.get(&name[it..])?)));
        let own = known.map_or(name.len(), |it| it.0);
        self.octets.extend_from_slice(&name[..own]);
        if let Some((_, place)) = known {
            self.octets.extend_from_slice(&(place | 0xc000).to_be_bytes());
        }
        self.note(&name, start, own);
        Some(())
    }

    /// Notes where a name stands that has been written in full as far as `own`.
    fn note(&mut self, name: &[u8], start: usize, own: usize) {
        for at in starts(name).take_while(|it| *it < own && start + *it <= PLACE_MAX) {
            self.places.entry(name[at..].into()).or_insert((start + at) as u16);
        }
    }
}

/// Where the labels of a name in wire form start, the root label left out.
fn starts(name: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let len = usize::from(*name.get(at)?);
        let start = at;
        at += 1 + len;
        (len > 0).then_some(start)
    })
}

/// Where in the question the name stands that is written out at a place: the question's, or one above it, letter case aside.
pub(super) fn spelled(message: &[u8], at: usize) -> Option<usize> {
    let end = names::skip(message, HEADER_LEN)?;
    let name = message.get(HEADER_LEN..end)?;
    let len = names::skip(message, at)?.checked_sub(at)?;
    let start = starts(name).find(|it| name.len() - it == len)?;
    // Length octets are at most 63 and so never look like a letter.
    message.get(at..at + len)?.eq_ignore_ascii_case(&name[start..]).then_some(HEADER_LEN + start)
}

const fn is_compressible(of: u16) -> bool {
    use rtype::*;
    matches!(of, NS | MD | MF | CNAME | SOA | MB | MG | MR | PTR | MINFO | MX)
}

#[cfg(test)]
mod tests {
    use super::super::{class, sample::Sample, wire::flag};
    use super::*;

    #[test]
    fn what_reads_like_the_question_is_the_questions() {
        let check = |owner: &[u8], expected: Option<usize>| {
            let from = Sample::new(7, flag::QR, b"\x03www\x07example\0", rtype::A, class::IN)
                .answer(owner, rtype::A, 60, b"\xc0\0\x02\x01")
                .octets();
            let at = HEADER_LEN + 13 + 4;
            assert_eq!(spelled(&from, at), expected, "{owner:?}");
        };
        check(b"\x03wWw\x07eXample\0", Some(HEADER_LEN));
        check(b"\x07eXample\0", Some(HEADER_LEN + 4));
        check(b"\x03wwx\x07example\0", None);
        check(b"\x01w\x07example\0", None);
        check(b"\x03www\xc0\x10", None);
        check(b"\xc0\x0c", None);
        check(b"\0", None);
    }

    #[test]
    fn names_are_written_once() {
        let name = b"\x03wWw\x07example\0";
        let from = Sample::new(7, flag::QR, name, rtype::MX, class::IN)
            .answer(b"\x03www\x07example\0", rtype::MX, 60, b"\0\x01\x02mx\x04test\0")
            .answer(name, rtype::MX, 60, b"\0\x02\x02m2\x04test\0")
            .answer(name, rtype::SRV, 60, b"\0\0\0\0\0\0\x02mx\x04test\0")
            .octets();
        let end = HEADER_LEN + name.len() + 4;
        let mut writer = Writer::new(&from[..end]);
        let mut at = end;
        while at < from.len() {
            let entry = Entry::read(&from, at).unwrap();
            writer.owner(&from, &entry, true).unwrap();
            writer.rest(&from, &entry).unwrap();
            at = entry.end();
        }
        let (mut at, mut rdata) = (end, Vec::new());
        while at < writer.octets.len() {
            let entry = Entry::read(&writer.octets, at).unwrap();
            assert!(writer.octets[at..].starts_with(&names::QUESTION_POINTER));
            assert!(entry.is_sound(&writer.octets, &[]));
            rdata.push(writer.octets[entry.rdata.clone()].to_vec());
            at = entry.end();
        }
        let test = (end + 12 + 2 + 3) as u8;
        assert_eq!(
            rdata,
            [
                b"\0\x01\x02mx\x04test\0".to_vec(),
                [b"\0\x02\x02m2\xc0".as_slice(), &[test]].concat(),
                b"\0\0\0\0\0\0\x02mx\x04test\0".to_vec(),
            ]
        );
    }
}

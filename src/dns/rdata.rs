//! Records on the wire, and the names within their RDATA that a sender may compress.

use super::{class, names, rtype, wire::u16_at};
use std::ops::Range;

/// Octets of a record between owner and RDATA: TYPE, CLASS, TTL, RDLENGTH.
pub(super) const FIXED_LEN: usize = 10;

/// A record's place in its message.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Where the owner name starts.
    pub(super) owner: usize,
    /// TYPE.
    pub(super) rtype: u16,
    /// CLASS.
    pub(super) class: u16,
    /// TTL.
    pub(super) ttl: u32,
    /// Where the RDATA stands.
    pub(super) rdata: Range<usize>,
}

impl Entry {
    /// Reads the record at `at`; `None` when it runs past the message. Names are stepped over, not followed.
    #[inline]
    pub(super) fn read(message: &[u8], at: usize) -> Option<Self> {
        let fixed = names::skip(message, at)?;
        let [a, b, c, d, e, f, g, h, i, j] = *message.get(fixed..)?.first_chunk::<FIXED_LEN>()?;
        let start = fixed + FIXED_LEN;
        let end = start + usize::from(u16::from_be_bytes([i, j]));
        (end <= message.len()).then(|| Self {
            owner: at,
            rtype: u16::from_be_bytes([a, b]),
            class: u16::from_be_bytes([c, d]),
            ttl: u32::from_be_bytes([e, f, g, h]),
            rdata: start..end,
        })
    }

    /// The type that an RRSIG record covers; `None` for other records, and where its RDATA is too short to say.
    pub(super) fn covered(&self, message: &[u8]) -> Option<u16> {
        let rdata = message.get(self.rdata.clone()).filter(|_| self.rtype == rtype::RRSIG)?;
        u16_at(rdata, 0)
    }

    /// Where the record ends.
    pub(super) const fn end(&self) -> usize {
        self.rdata.end
    }

    /// Where the four octets of the TTL stand.
    pub(super) const fn ttl_at(&self) -> usize {
        self.rdata.start - 6
    }

    /// Whether owner and RDATA hold what a reader will rely on: names that can be read and keep off `ttls` (this record's own and
    /// those before it, see [`names::check`]), addresses of their right length.
    pub(super) fn is_sound(&self, message: &[u8], ttls: &[u16]) -> bool {
        let rdata_is_sound = || match self.rtype {
            rtype::A if self.class == class::IN => self.rdata.len() == 4,
            rtype::AAAA if self.class == class::IN => self.rdata.len() == 16,
            _ => {
                let mut sound = true;
                let walked = self.each_name(message, |at| {
                    sound &= names::check(message, at, ttls).is_some();
                });
                walked.is_some() && sound
            }
        };
        names::check(message, self.owner, ttls).is_some() && rdata_is_sound()
    }

    /// Calls `visit` with the place of each name in the RDATA that may be compressed; `None` where the RDATA does not fit its type.
    ///
    /// Those are the types of RFC 1035 and the ones that RFC 3597 section 4 adds; later types never compress.
    pub(super) fn each_name(&self, message: &[u8], mut visit: impl FnMut(usize)) -> Option<()> {
        let Some(shape) = shape(self.rtype) else { return Some(()) };
        let data = message.get(..self.rdata.end)?;
        let mut at = self.rdata.start + shape.before;
        for _ in 0..shape.strings {
            at += 1 + usize::from(*data.get(at)?);
        }
        for _ in 0..shape.names {
            visit(at);
            at = names::skip(data, at)?;
        }
        let left = data.len().checked_sub(at)?;
        shape.after.is_none_or(|it| it == left).then_some(())
    }

    /// Calls `visit` with the place of each name in the RDATA that a client will look up next.
    pub(super) fn each_target(&self, message: &[u8], mut visit: impl FnMut(usize)) {
        match self.rtype {
            // SvcPriority, then TargetName (RFC 9460 section 2.2); a sound one is not taken for granted.
            rtype::SVCB | rtype::HTTPS if self.rdata.len() > 2 => visit(self.rdata.start + 2),
            rtype::SOA | rtype::RP | rtype::MINFO | rtype::SIG | rtype::NXT => (),
            // Where the RDATA does not fit its type, what has been seen of it was there all the same.
            _ => drop(self.each_name(message, visit)),
        }
    }

    /// MINIMUM of a SOA record (RFC 2308 section 4): its last four octets.
    pub(super) fn soa_minimum(&self, message: &[u8]) -> Option<u32> {
        message.get(self.rdata.clone())?.last_chunk().map(|it| u32::from_be_bytes(*it))
    }
}

/// How RDATA with names is laid out: octets, character strings, names, octets.
struct Shape {
    before: usize,
    strings: usize,
    names: usize,
    /// Octets after the names; `None` where any number may follow.
    after: Option<usize>,
}

const fn shape(rtype: u16) -> Option<Shape> {
    use super::rtype::*;
    let (before, strings, names, after) = match rtype {
        NS | MD | MF | CNAME | MB | MG | MR | PTR | DNAME | NSAP_PTR => (0, 0, 1, Some(0)),
        MINFO | RP => (0, 0, 2, Some(0)),
        SOA => (0, 0, 2, Some(20)),
        MX | AFSDB | RT | KX => (2, 0, 1, Some(0)),
        PX => (2, 0, 2, Some(0)),
        SRV => (6, 0, 1, Some(0)),
        NAPTR => (4, 3, 1, Some(0)),
        SIG => (18, 0, 1, None),
        NXT => (0, 0, 1, None),
        _ => return None,
    };
    Some(Shape { before, strings, names, after })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with the name `example.` at 12 and one record after it.
    fn with(rtype: u16, rdata: &[u8]) -> (Vec<u8>, Entry) {
        let mut message = [[0; 12].as_slice(), b"\x07example\x00", b"\xc0\x0c"].concat();
        message.extend_from_slice(&rtype.to_be_bytes());
        message.extend_from_slice(&[0, 1, 0, 0, 14, 16]);
        message.extend_from_slice(&u16::try_from(rdata.len()).unwrap().to_be_bytes());
        message.extend_from_slice(rdata);
        let entry = Entry::read(&message, 21).unwrap();
        assert_eq!((entry.ttl, entry.end()), (3600, message.len()));
        (message, entry)
    }

    #[test]
    fn rdata_is_checked_against_its_shape() {
        let check = |rtype: u16, rdata: &[u8], expected: bool| {
            let (message, entry) = with(rtype, rdata);
            assert_eq!(
                entry.is_sound(&message, &[]),
                expected,
                "{} {rdata:02x?}",
                rtype::name(rtype)
            );
        };
        check(rtype::A, &[192, 0, 2, 1], true);
        check(rtype::A, &[192, 0, 2], false);
        check(rtype::AAAA, &[0; 16], true);
        check(rtype::AAAA, &[0; 17], false);
        check(rtype::CNAME, b"\x03www\xc0\x0c", true);
        check(rtype::CNAME, b"\x03www\xc0\x0c\x00", false);
        check(rtype::CNAME, b"\x03www\xc0\x40", false);
        check(rtype::CNAME, b"", false);
        check(rtype::MX, b"\x00\x0a\xc0\x0c", true);
        check(rtype::MX, b"\x00", false);
        check(rtype::SRV, b"\x00\x00\x00\x00\x00\x35\x00", true);
        check(rtype::NAPTR, b"\x00\x01\x00\x02\x01s\x07SIP+D2U\x00\xc0\x0c", true);
        check(rtype::NAPTR, b"\x00\x01\x00\x02\xffs\x00\x00\xc0\x0c", false);
        check(rtype::SOA, &[b"\xc0\x0c\xc0\x0c".as_slice(), &[0; 20]].concat(), true);
        check(rtype::SOA, &[b"\xc0\x0c\xc0\x0c".as_slice(), &[0; 19]].concat(), false);
        check(rtype::SIG, &[[0; 18].as_slice(), b"\xc0\x0c", &[7; 64]].concat(), true);
        check(rtype::TXT, b"", true);
        check(65280, b"\xff\xff", true);
    }

    #[test]
    fn what_a_signature_covers_stands_in_its_own_rdata() {
        let check = |rtype: u16, rdata: &[u8], expected: Option<u16>| {
            let (mut message, entry) = with(rtype, rdata);
            message.extend(b"\x00\x32");
            assert_eq!(entry.covered(&message), expected, "{rdata:?}");
        };
        check(rtype::RRSIG, b"\x00\x1c\x05", Some(rtype::AAAA));
        check(rtype::RRSIG, b"\x00", None);
        check(rtype::RRSIG, b"", None);
        check(rtype::A, b"\x00\x1c\x05", None);
    }

    #[test]
    fn names_within_are_found() {
        let check = |rtype: u16, rdata: &[u8], expected: &[usize]| {
            let (message, entry) = with(rtype, rdata);
            let mut found = Vec::new();
            entry.each_name(&message, |at| found.push(at - entry.rdata.start)).unwrap();
            assert_eq!(found, expected, "{}", rtype::name(rtype));
        };
        check(rtype::SOA, &[b"\x01a\xc0\x0c\xc0\x0c".as_slice(), &[0; 20]].concat(), &[0, 4]);
        check(rtype::NAPTR, b"\x00\x01\x00\x02\x01s\x00\x00\xc0\x0c", &[8]);
        check(rtype::PX, b"\x00\x01\x00\x00", &[2, 3]);
        check(rtype::RRSIG, &[0; 30], &[]);
    }

    #[test]
    fn a_record_past_the_end_is_refused() {
        let (message, entry) = with(rtype::A, &[192, 0, 2, 1]);
        for len in entry.owner..message.len() {
            assert!(Entry::read(&message[..len], entry.owner).is_none(), "{len}");
        }
    }

    #[test]
    fn the_minimum_is_the_last_number_of_a_soa() {
        let rdata = [b"\xc0\x0c\xc0\x0c".as_slice(), &[0; 18], &[0x02, 0x58]].concat();
        let (message, entry) = with(rtype::SOA, &rdata);
        assert_eq!(entry.soa_minimum(&message), Some(600));
    }
}

//! Names inside messages, where they may be compressed (RFC 1035 section 4.1.4).

use super::wire::HEADER_LEN;
use crate::name::{Name, WIRE_LEN_MAX};
use std::ops::Range;

/// Most pointers that one name may follow. A name has at most 127 labels, and a pointer that adds no label serves nobody.
const POINTERS_MAX: usize = 127;

/// A pointer to the question's name, right after the header.
pub(super) const QUESTION_POINTER: [u8; 2] = [0xc0, 12];

/// Where the name at `at` ends in place, without following a pointer.
///
/// `None` when it runs past the message or holds a label type that RFC 6891 section 5 leaves unused.
#[inline]
pub(super) fn skip(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            0xc0.. => return (at + 2 <= message.len()).then_some(at + 2),
            _ => return None,
        }
    }
}

/// As [`skip`], and makes sure that the whole name can be read, now and later: pointers lead strictly backwards, to names that
/// end before the pointing one starts and touch none of the four octets at each of `ttls` (sorted), and the name is no longer
/// than 255 octets.
///
/// The rule of ends is stricter than the RFC's "prior occurrence", but every compressor keeps it: it points at names that
/// it has written. It makes loops impossible and keeps a name independent of all that follows it. A name that ran over a TTL
/// would be another one when the TTL has been counted down.
#[inline]
pub(super) fn check(message: &[u8], at: usize, ttls: &[u16]) -> Option<usize> {
    // Nearly every owner is a pointer to the question's name, which the caller has read.
    if at > HEADER_LEN && message.get(at..at + 2) == Some(&QUESTION_POINTER) {
        return Some(at + 2);
    }
    let end = skip(message, at)?;
    let is_fixed = |run: Range<usize>| {
        let next = ttls.partition_point(|it| usize::from(*it) + 4 <= run.start);
        ttls.get(next).is_none_or(|it| usize::from(*it) >= run.end)
    };
    walk(message, at, |_| (), is_fixed)?;
    Some(end)
}

/// Reads the name at `at`, in lower case.
pub(super) fn read(message: &[u8], at: usize) -> Option<Name> {
    let mut octets = [0; WIRE_LEN_MAX];
    let mut len = 0;
    let append = |label: &[u8]| {
        octets[len..len + label.len()].copy_from_slice(label);
        len += label.len();
    };
    walk(message, at, append, |_| true)?;
    Name::read(&octets[..=len]).map(|(name, _)| name)
}

/// Appends the name at `at` as it is, written out in full.
pub(super) fn expand(message: &[u8], at: usize, out: &mut Vec<u8>) -> Option<()> {
    walk(message, at, |label| out.extend_from_slice(label), |_| true)?;
    out.push(0);
    Some(())
}

/// Hands each label with its length octet to `visit`, the root label left out: at most 254 octets in all. Each run of octets that
/// a pointer leads to must please `accept`.
fn walk(
    message: &[u8],
    start: usize,
    mut visit: impl FnMut(&[u8]),
    accept: impl Fn(Range<usize>) -> bool,
) -> Option<()> {
    let (mut start, mut at, mut limit) = (start, start, message.len());
    let (mut octets, mut pointers) = (1, 0);
    loop {
        let window = message.get(at..limit)?;
        match *window.first()? {
            0 => return (pointers == 0 || accept(start..at + 1)).then_some(()),
            len @ 1..=63 => {
                let label = window.get(..=usize::from(len))?;
                octets += label.len();
                if octets > WIRE_LEN_MAX {
                    return None;
                }
                visit(label);
                at += label.len();
            }
            high @ 0xc0.. => {
                let target = usize::from(u16::from_be_bytes([high & 0x3f, *window.get(1)?]));
                if target < HEADER_LEN || target >= start || pointers == POINTERS_MAX {
                    return None;
                }
                if pointers > 0 && !accept(start..at + 2) {
                    return None;
                }
                pointers += 1;
                limit = start;
                (start, at) = (target, target);
            }
            _ => return None,
        }
    }
}

/// The pointer that ends the name at `at`, if one does: where it stands and where it leads.
pub(super) fn pointer(message: &[u8], mut at: usize) -> Option<(usize, usize)> {
    loop {
        match *message.get(at)? {
            len @ 1..=63 => at += 1 + usize::from(len),
            high @ 0xc0.. => {
                let target = u16::from_be_bytes([high & 0x3f, *message.get(at + 1)?]);
                return Some((at, usize::from(target)));
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tail: &[u8]) -> Vec<u8> {
        [[0; HEADER_LEN].as_slice(), tail].concat()
    }

    #[test]
    fn compressed_names_are_read() {
        //          12             20              26
        let bytes = message(b"\x07EXAMPLE\x00\x00\x03www\xc0\x0c\xc0\x16");
        assert_eq!(read(&bytes, 12).unwrap().text(), "example");
        assert_eq!(read(&bytes, 22).unwrap().text(), "www.example");
        assert_eq!(read(&bytes, 28).unwrap().text(), "www.example");
        assert_eq!(check(&bytes, 22, &[]), Some(28));
        assert_eq!(check(&bytes, 28, &[]), Some(30));
        assert_eq!(pointer(&bytes, 22), Some((26, 12)));
        assert_eq!(pointer(&bytes, 28), Some((28, 22)));
        assert_eq!(pointer(&bytes, 12), None);
    }

    #[test]
    fn a_root_after_an_octet_like_a_pointer_is_no_pointer() {
        let bytes = message(b"\x01\xc0\x00");
        assert_eq!(pointer(&bytes, 12), None);
        assert_eq!(read(&bytes, 12).unwrap().text(), "\\192");
    }

    #[test]
    fn bad_names_are_refused() {
        // The question's name is the root, so the rest starts at 13.
        let refused = |tail: &[u8], at: usize| {
            let bytes = message(&[b"\x00", tail].concat());
            assert_eq!(check(&bytes, at, &[]), None, "{tail:02x?}");
            assert!(read(&bytes, at).is_none(), "{tail:02x?}");
        };
        // Itself, forwards, into the header, past the end, half a pointer, nothing at all.
        refused(b"\xc0\x0d", 13);
        refused(b"\xc0\x0f\x01a\x00", 13);
        refused(b"\xc0\x04", 13);
        refused(b"\xff\xff", 13);
        refused(b"\xc0", 13);
        refused(b"", 13);
        // Two that point at each other; names that run into the one that points at them.
        refused(b"\xc0\x0f\xc0\x0d", 15);
        refused(b"\x01a\xc0\x0d", 15);
        refused(b"\x04ab\xc0\x0dcd\x00", 16);
        // Label types that are not in use, labels past the end.
        refused(b"\x40\x00", 13);
        refused(b"\x80\x00", 13);
        refused(b"\x3fabc", 13);
        refused(b"\x01a", 13);
    }

    #[test]
    fn names_keep_off_ttls() {
        //                          13 15      18          22
        let bytes = message(b"\x00\x01a\x02bc\x00\x01d\x00\xc0\x0d\xc0\x0f\xc0\x16\xc0\x13");
        let check = |at: usize, ttl: u16, expected: bool| {
            assert_eq!(check(&bytes, at, &[1, ttl, 99]).is_some(), expected, "{at} {ttl}");
        };
        // `a.bc` stands at 13 to 18.
        check(22, 9, true);
        check(22, 10, false);
        check(22, 18, false);
        check(22, 19, true);
        // `bc` at 15 to 18.
        check(24, 11, true);
        check(24, 12, false);
        // By way of the pointer at 22.
        check(26, 10, false);
        check(26, 20, false);
        check(26, 23, false);
        check(26, 24, true);
        // `d` at 19 to 21; what stands in place is nobody's TTL.
        check(28, 15, true);
        check(28, 21, false);
        check(13, 13, true);
    }

    #[test]
    fn length_and_pointers_are_bounded() {
        let mut bytes = message(&[]);
        let mut last = 0xc000;
        for index in 0..130_u16 {
            let at = u16::try_from(bytes.len()).unwrap();
            if index == 0 {
                bytes.push(0);
            } else {
                bytes.extend_from_slice(&u16::to_be_bytes(last));
            }
            last = 0xc000 | at;
        }
        assert_eq!(check(&bytes, 12, &[]), Some(13));
        let at = 13 + 2 * 126;
        assert_eq!(check(&bytes, at, &[]), Some(at + 2), "127 pointers");
        assert_eq!(check(&bytes, at + 2, &[]), None, "128 pointers");

        let long = |labels: usize| {
            let mut tail = b"\x01a".repeat(labels);
            tail.push(0);
            message(&tail)
        };
        assert_eq!(check(&long(127), 12, &[]), Some(12 + 255));
        assert_eq!(read(&long(127), 12).unwrap().wire().len(), 255);
        assert_eq!(check(&long(128), 12, &[]), None);
    }
}

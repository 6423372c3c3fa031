//! Type bit maps of NSEC and NSEC3 records (RFC 4034 section 4.1.2).

use super::denial::Delegation;
use crate::dns::rtype;

/// The types at a name.
#[derive(Debug)]
pub(super) struct Types(Vec<u8>);

impl Types {
    pub(super) fn read(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    pub(super) fn has(&self, wanted: u16) -> bool {
        let [window, low] = wanted.to_be_bytes();
        let mut rest = &self.0[..];
        while let [number, len, tail @ ..] = rest {
            let Some((bits, tail)) = tail.split_at_checked(usize::from(*len)) else { return false };
            if *number == window {
                let octet = bits.get(usize::from(low / 8));
                return octet.is_some_and(|it| it & (0x80 >> (low % 8)) != 0);
            }
            rest = tail;
        }
        false
    }

    /// Whether the name is a delegation, seen from the parent's side.
    pub(super) fn is_delegation(&self) -> bool {
        self.has(rtype::NS) && !self.has(rtype::SOA)
    }

    /// Whether the name has no records of a type, nor an alias. At a delegation the parent knows of DS alone, and of DS nobody
    /// else does (RFC 6840 section 4.1).
    pub(super) fn denies(&self, qtype: u16) -> bool {
        let knows = if qtype == rtype::DS { !self.has(rtype::SOA) } else { !self.is_delegation() };
        knows && !self.has(qtype) && !self.has(rtype::CNAME)
    }

    /// What is told of a delegation at the name, asked for its DS records and without any.
    pub(super) fn delegation(&self) -> Delegation {
        if self.has(rtype::DS) || self.has(rtype::SOA) {
            Delegation::Unproven
        } else if self.has(rtype::NS) {
            Delegation::Insecure
        } else {
            Delegation::None
        }
    }

    #[cfg(test)]
    pub(super) fn written(types: &[u16]) -> Vec<u8> {
        let mut bits = [0_u8; 32];
        for it in types {
            let [_, low] = it.to_be_bytes();
            bits[usize::from(low / 8)] |= 0x80 >> (low % 8);
        }
        [&[0, 32][..], &bits].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_are_found_in_their_window() {
        // The example of RFC 4034 section 4.3: A MX RRSIG NSEC TYPE1234.
        let octets = [&[0, 6, 0x40, 1, 0, 0, 0, 3, 4, 27][..], &[0; 26], &[0x20]].concat();
        let types = Types::read(&octets);
        for (rtype, expected) in [
            (1, true),
            (15, true),
            (46, true),
            (47, true),
            (1234, true),
            (2, false),
            (1235, false),
            (60_000, false),
        ] {
            assert_eq!(types.has(rtype), expected, "{rtype}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..80), rtype: u16) {
            Types::read(&octets).has(rtype);
        }
    }
}

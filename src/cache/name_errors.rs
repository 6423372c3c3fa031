//! `NameErrors`: under which type of a name it is remembered that the name does not exist, so that this is found for the other types
//! as well (RFC 2308 section 5).

use super::{Entry, Key};
use crate::dns::{Answer, Rcode, rtype};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Octets of the cache for each slot here, which takes eight: less than one in a hundred.
const CACHE_OCTETS_EACH: u64 = 1 << 10;
const SLOTS_MIN: u64 = 1 << 8;
const SLOTS_MAX: u64 = 1 << 16;

/// A place for each name by its hash. One name may drive out another, whose other types are then asked for: nothing wrong is said.
pub(super) struct NameErrors {
    /// The upper half of the hash, and the type. 0 where nothing is noted.
    slots: Box<[AtomicU64]>,
}

impl NameErrors {
    pub(super) fn new(cache_octets_max: u64) -> Self {
        let slots = (cache_octets_max / CACHE_OCTETS_EACH).clamp(SLOTS_MIN, SLOTS_MAX);
        Self { slots: (0..slots).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The type for which it came that the name does not exist; `hash` is that of a key without its type.
    pub(super) fn get(&self, hash: u64) -> Option<u16> {
        let held = self.slot(hash).load(Relaxed);
        (held != 0 && held >> 32 == hash >> 32).then_some(held as u16)
    }

    /// Notes what an answer that has come says of its name as a whole: that it does not exist, or that it does.
    pub(super) fn learn(&self, hash: u64, qtype: u16, answer: &Answer) {
        if is_name_error(qtype, answer) {
            self.slot(hash).store(hash >> 32 << 32 | u64::from(qtype), Relaxed);
        } else if answer.rcode() == Rcode::NOERROR && self.get(hash).is_some() {
            self.slot(hash).store(0, Relaxed);
        }
    }

    fn slot(&self, hash: u64) -> &AtomicU64 {
        &self.slots[hash as usize % self.slots.len()]
    }
}

/// Whether what is remembered for one type of a name holds for the others. DS is asked of the zone above, which may be another's
/// view of the name; signatures and proofs are of records that the name has.
pub(super) const fn is_of_the_name(qtype: u16) -> bool {
    !matches!(qtype, rtype::DS | rtype::SIG | rtype::RRSIG | rtype::NSEC | rtype::NSEC3)
}

/// Whether an entry says that its name does not exist.
pub(super) fn denies_name(entry: &Entry) -> bool {
    is_name_error(Key::of(entry).qtype(), &entry.answer)
}

/// A name that has an alias does exist: what does not is the alias's target (RFC 2308 section 2.1).
fn is_name_error(qtype: u16, answer: &Answer) -> bool {
    answer.rcode() == Rcode::NXDOMAIN && is_of_the_name(qtype) && answer.records().next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Made, Query, class};

    fn answer(rcode: Rcode) -> Answer {
        let packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
        Made::Empty(rcode).answer(&Query::parse(packet).unwrap())
    }

    #[test]
    fn a_name_does_not_exist_until_it_does() {
        let errors = NameErrors::new(1 << 20);
        let check = |hash: u64, expected| assert_eq!(errors.get(hash), expected, "{hash:x}");
        let hash = 0x1234_5678_0000_0007;
        check(hash, None);
        errors.learn(hash, rtype::A, &answer(Rcode::NXDOMAIN));
        check(hash, Some(rtype::A));
        // The same place, another name.
        check(0x1234_5679_0000_0007, None);
        errors.learn(0x1234_5679_0000_0007, rtype::A, &answer(Rcode::NOERROR));
        check(hash, Some(rtype::A));
        errors.learn(hash, rtype::AAAA, &answer(Rcode::SERVFAIL));
        check(hash, Some(rtype::A));
        errors.learn(hash, rtype::AAAA, &answer(Rcode::NOERROR));
        check(hash, None);
    }

    #[test]
    fn some_types_speak_for_themselves() {
        let check = |qtype: u16, expected: bool| {
            let errors = NameErrors::new(0);
            errors.learn(9 << 32, qtype, &answer(Rcode::NXDOMAIN));
            assert_eq!(errors.get(9 << 32).is_some(), expected, "{}", rtype::name(qtype));
        };
        check(rtype::HTTPS, true);
        check(rtype::CNAME, true);
        check(rtype::DS, false);
        check(rtype::RRSIG, false);
        check(rtype::NSEC, false);
    }

    #[test]
    fn an_alias_to_nowhere_is_a_name() {
        let reply = b"\0\x07\x81\x83\0\x01\0\x01\0\0\0\0\x03www\x07example\0\0\x01\0\x01\
            \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01b\xc0\x10";
        let name = crate::name::Name::parse("www.example").unwrap();
        let answer = Answer::from_reply(reply, 7, &name, rtype::A, class::IN).unwrap();
        assert_eq!(answer.rcode(), Rcode::NXDOMAIN);
        assert!(!is_name_error(rtype::A, &answer));
    }
}

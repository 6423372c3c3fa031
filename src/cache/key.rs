//! `Key`: what an answer is an answer to.

use super::Entry;
use crate::name::{Name, WIRE_LEN_MAX};
use std::{
    hash::{BuildHasher, Hasher as _},
    sync::Arc,
};

/// Octets of type and class behind the name.
const TAIL_LEN: usize = 4;

/// Octets of route and flags before the name.
const HEAD_LEN: usize = 3;

/// Route, wire-form name, type, class, DO, CD. Client EDNS options never split it. Borrows the name; an entry holds the same in
/// its answer's question, so that a name is kept once.
#[derive(Debug, Clone, Copy)]
pub struct Key<'n> {
    pub(super) route: u16,
    pub(super) flags: u8,
    name: &'n [u8],
    tail: [u8; TAIL_LEN],
}

impl<'n> Key<'n> {
    /// Puts a key together; `route` is the small number of an upstream set.
    #[inline]
    pub fn new(
        route: u16,
        name: &'n Name,
        qtype: u16,
        qclass: u16,
        dnssec_ok: bool,
        checking_disabled: bool,
    ) -> Self {
        let ([a, b], [c, d]) = (qtype.to_be_bytes(), qclass.to_be_bytes());
        let flags = u8::from(dnssec_ok) | u8::from(checking_disabled) << 1;
        Self { route, flags, name: name.wire(), tail: [a, b, c, d] }
    }

    /// The key under which an entry is remembered.
    pub(super) fn of(entry: &'n Entry) -> Self {
        let question = entry.answer.question();
        let (name, tail) = question.split_last_chunk().unwrap_or((question, &[0; TAIL_LEN]));
        Self { route: entry.route, flags: entry.flags, name, tail: *tail }
    }

    /// TYPE.
    pub(super) const fn qtype(&self) -> u16 {
        u16::from_be_bytes([self.tail[0], self.tail[1]])
    }

    /// The same of another type.
    pub(super) const fn of_type(mut self, qtype: u16) -> Self {
        [self.tail[0], self.tail[1]] = qtype.to_be_bytes();
        self
    }

    #[inline]
    pub(super) fn hash(&self, keyed: &impl BuildHasher) -> u64 {
        let mut hasher = keyed.build_hasher();
        hasher.write(self.name);
        let rest = u64::from(u32::from_ne_bytes(self.tail));
        hasher.write_u64(rest | u64::from(self.route) << 32 | u64::from(self.flags) << 48);
        hasher.finish()
    }

    /// Whether an entry answers this.
    #[inline]
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let question = entry.answer.question();
        (self.route, self.flags) == (entry.route, entry.flags)
            && question.len() == self.name.len() + TAIL_LEN
            && question[..self.name.len()] == *self.name
            && question[self.name.len()..] == self.tail
    }

    /// The same in octets that outlive the name, for tables of what is on its way.
    pub fn octets(&self) -> Arc<[u8]> {
        let mut octets = [0; HEAD_LEN + WIRE_LEN_MAX + TAIL_LEN];
        let [a, b] = self.route.to_ne_bytes();
        octets[..HEAD_LEN].copy_from_slice(&[a, b, self.flags]);
        let end = HEAD_LEN + self.name.len();
        octets[HEAD_LEN..end].copy_from_slice(self.name);
        octets[end..end + TAIL_LEN].copy_from_slice(&self.tail);
        Arc::from(&octets[..end + TAIL_LEN])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_where_answers_may() {
        let name = Name::parse("www.example").unwrap();
        let key = |route, qtype, dnssec_ok, cd| Key::new(route, &name, qtype, 1, dnssec_ok, cd);
        let all = [
            key(0, 1, false, false),
            key(1, 1, false, false),
            key(0, 28, false, false),
            key(0, 1, true, false),
            key(0, 1, false, true),
        ];
        let keyed = foldhash::fast::RandomState::default();
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.hash(&keyed), one.clone().hash(&keyed));
            for other in &all[at + 1..] {
                assert_ne!(one.octets(), other.octets());
                assert_ne!(one.hash(&keyed), other.hash(&keyed));
            }
        }
    }
}

//! `Facts`: what an event says of an answer, copied out of it in binary when the response leaves; written out later, by whoever has time.

use super::Answer;
use crate::name::Name;
use smallvec::SmallVec;
use std::{fmt, net::IpAddr};

/// Addresses and CNAME targets that an event names at most.
pub const ANSWERS_MAX: usize = 16;

/// Octets that need no allocation: an upstream's name and some twenty IPv4 addresses, or an alias and a few IPv6 ones.
const OCTETS_USUAL: usize = 120;

/// What stands before an address of either family; a name in wire form stands for itself, since no label is as long.
const IPV4: u8 = 0xf4;
const IPV6: u8 = 0xf6;

/// What events say of an answer. Stands by itself, and is one piece of memory but for the longest answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Seconds for which the answer may be kept; 0 when nothing says so.
    pub ttl: u32,
    upstream_len: usize,
    /// The upstream, then what the answer says.
    octets: SmallVec<[u8; OCTETS_USUAL]>,
}

/// What a record of an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost each record of an alias an allocation"
)]
pub enum Told {
    /// A CNAME or DNAME target.
    Target(Name),
    /// An address.
    Address(IpAddr),
}

impl Facts {
    /// Takes the facts from an answer.
    pub fn of(answer: &Answer, upstream: &str) -> Self {
        let targets = answer.targets().map(Told::Target);
        let told = targets.chain(answer.addresses().map(Told::Address));
        Self::new(told, answer.lifetime_secs().unwrap_or(0), upstream)
    }

    /// Of `told` the first [`ANSWERS_MAX`]; `upstream` is who gave the answer, empty for those made here.
    pub fn new(told: impl IntoIterator<Item = Told>, ttl: u32, upstream: &str) -> Self {
        let mut octets = SmallVec::from_slice(upstream.as_bytes());
        for it in told.into_iter().take(ANSWERS_MAX) {
            match it {
                Told::Target(name) => octets.extend_from_slice(name.wire()),
                Told::Address(IpAddr::V4(it)) => {
                    octets.push(IPV4);
                    octets.extend_from_slice(&it.octets());
                }
                Told::Address(IpAddr::V6(it)) => {
                    octets.push(IPV6);
                    octets.extend_from_slice(&it.octets());
                }
            }
        }
        Self { ttl, upstream_len: upstream.len(), octets }
    }

    /// The upstream that gave the answer; empty for answers made here.
    pub fn upstream(&self) -> &str {
        std::str::from_utf8(&self.octets[..self.upstream_len]).unwrap_or_default()
    }

    /// Addresses and CNAME targets, at most [`ANSWERS_MAX`].
    pub fn answers(&self) -> impl Iterator<Item = Told> {
        let mut left = &self.octets[self.upstream_len..];
        std::iter::from_fn(move || {
            let (told, len) = match left {
                [IPV4, rest @ ..] => (Told::Address(IpAddr::from(*rest.first_chunk::<4>()?)), 5),
                [IPV6, rest @ ..] => (Told::Address(IpAddr::from(*rest.first_chunk::<16>()?)), 17),
                _ => Name::read(left).map(|(name, len)| (Told::Target(name), len))?,
            };
            left = &left[len..];
            Some(told)
        })
    }

    /// Whether two answers say the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.octets[self.upstream_len..] == other.octets[other.upstream_len..]
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(it) => f.write_str(&it.text()),
            Self::Address(it) => it.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_comes_out() {
        let name = |it: &str| Told::Target(Name::parse(it).unwrap());
        let address = |it: &str| Told::Address(it.parse().unwrap());
        let check = |told: &[Told], upstream: &str| {
            let facts = Facts::new(told.to_vec(), 300, upstream);
            let kept = &told[..told.len().min(ANSWERS_MAX)];
            assert_eq!(facts.answers().collect::<Vec<_>>(), kept);
            assert_eq!((facts.upstream(), facts.ttl), (upstream, 300));
            assert!(facts.says_the_same(&Facts::new(told.to_vec(), 7, "other")));
            assert!(told.is_empty() || !facts.says_the_same(&Facts::default()));
            facts.octets.spilled()
        };
        let usual = [name("edge.example"), address("192.0.2.1"), address("2001:db8::1")];
        assert!(!check(&[], ""));
        assert!(!check(&usual, "udp://192.0.2.53:53"));
        assert!(!check(&[name("."), address("::")], ""));
        assert!(!check(&vec![address("192.0.2.1"); ANSWERS_MAX], "udp://192.0.2.53:53"));
        assert!(check(&vec![address("::1"); ANSWERS_MAX + 4], "udp://192.0.2.53:53"));
        let long = format!("{0}.{0}.{0}", "a".repeat(63));
        assert!(check(&vec![name(&long); ANSWERS_MAX + 1], &"u".repeat(300)));
    }
}

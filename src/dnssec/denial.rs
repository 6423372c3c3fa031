//! What authenticated NSEC and NSEC3 records prove not to exist (RFC 4035 section 5.4, RFC 5155 section 8, RFC 6840 section 4).

use super::{
    hashed::{Hashed, Work},
    types::Types,
};
use crate::{
    dns::{RrSet, rtype},
    name::Name,
};

/// How much a proof is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is proven.
    Secure,
    /// It may be so, but names without signatures may stand there as well (opt-out), or the proof costs too much to check.
    Insecure,
    /// Nothing proves it.
    Missing,
}

/// What the parent says of a name that might be a delegation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delegation {
    /// A delegation to a zone without signatures is there, or above it, or may be.
    Insecure,
    /// There is no delegation: the name, if it exists, is the parent's own.
    None,
    /// Nothing is proven.
    Unproven,
}

/// The authenticated records of one zone.
#[derive(Debug)]
pub(super) struct Denial {
    zone: Name,
    plain: Vec<Nsec>,
    hashed: Hashed,
}

#[derive(Debug)]
struct Nsec {
    owner: Name,
    next: Name,
    types: Types,
}

impl Denial {
    /// Takes sets of types NSEC and NSEC3 that `zone` has signed.
    pub(super) fn new(zone: &Name, sets: &[&RrSet]) -> Self {
        let of = |wanted: u16| sets.iter().filter(move |it| it.rtype == wanted);
        let plain = of(rtype::NSEC).flat_map(|set| {
            set.rdatas.iter().filter_map(|rdata| {
                let (next, len) = Name::read(rdata)?;
                let types = Types::read(&rdata[len..]);
                next.is_within(zone).then(|| Nsec { owner: set.owner.clone(), next, types })
            })
        });
        let plain = plain.collect();
        let hashed =
            of(rtype::NSEC3).flat_map(|it| it.rdatas.iter().map(|rdata| (&it.owner, rdata)));
        Self { zone: zone.clone(), plain, hashed: Hashed::new(zone, hashed) }
    }

    /// Whether the name does not exist, nor a wildcard that would make it.
    pub(super) fn no_name(&self, name: &Name, work: &mut Work) -> Proof {
        if !self.hashed.is_empty() {
            return self.hashed.no_name(name, work);
        }
        let Some(covering) = self.covering(name) else { return Proof::Missing };
        let encloser = covering.encloser(name);
        // What stands below the name makes it exist.
        if covering.next.is_within(name) {
            return Proof::Missing;
        }
        match encloser.wildcard() {
            Some(wildcard) if self.covering(&wildcard).is_some() => Proof::Secure,
            _ => Proof::Missing,
        }
    }

    /// Whether the name, or the wildcard that makes it, has no records of a type, nor an alias.
    pub(super) fn no_data(&self, name: &Name, qtype: u16, work: &mut Work) -> Proof {
        if !self.hashed.is_empty() {
            return self.hashed.no_data(name, qtype, work);
        }
        if let Some(own) = self.at(name) {
            return if own.types.denies(qtype) { Proof::Secure } else { Proof::Missing };
        }
        let Some(covering) = self.covering(name) else { return Proof::Missing };
        if covering.next.is_within(name) {
            return Proof::Secure;
        }
        let wildcard = covering.encloser(name).wildcard();
        match wildcard.and_then(|it| self.at(&it)) {
            Some(it) if it.types.denies(qtype) => Proof::Secure,
            _ => Proof::Missing,
        }
    }

    /// Whether no name stands closer to this one than the wildcard under its ancestor with so many labels.
    pub(super) fn no_closer(&self, name: &Name, labels: usize, work: &mut Work) -> Proof {
        if !self.hashed.is_empty() {
            return self.hashed.no_closer(&name.ancestor(labels + 1), work);
        }
        let closest = |it: &Nsec| it.encloser(name).label_count() == labels;
        match self.covering(name) {
            Some(it) if closest(it) => Proof::Secure,
            _ => Proof::Missing,
        }
    }

    /// What is proven of a delegation at a name that has no DS records.
    pub(super) fn delegation(&self, name: &Name, work: &mut Work) -> Delegation {
        if !self.hashed.is_empty() {
            return self.hashed.delegation(name, work);
        }
        if let Some(own) = self.at(name) {
            return own.types.delegation();
        }
        // A delegation above the name: whatever is said of the name is the child's word.
        let above = |it: &&Nsec| name.is_within(&it.owner) && it.types.is_delegation();
        if let Some(cut) = self.plain.iter().find(above) {
            return cut.types.delegation();
        }
        if self.covering(name).is_some() { Delegation::None } else { Delegation::Unproven }
    }

    fn at(&self, name: &Name) -> Option<&Nsec> {
        self.plain.iter().find(|it| it.owner == *name)
    }

    fn covering(&self, name: &Name) -> Option<&Nsec> {
        self.plain.iter().find(|it| it.covers(name) && name.is_within(&self.zone))
    }
}

impl Nsec {
    fn covers(&self, name: &Name) -> bool {
        // Below a delegation or a DNAME other names hold.
        if name.is_within(&self.owner)
            && (self.types.is_delegation() || self.types.has(rtype::DNAME))
        {
            return false;
        }
        let after = self.owner.canonical_cmp(name).is_lt();
        let before = name.canonical_cmp(&self.next).is_lt();
        let last = self.next.canonical_cmp(&self.owner).is_le();
        after && (before || last)
    }

    /// The closest ancestor that a name covered by this record has.
    fn encloser(&self, name: &Name) -> Name {
        let common = |other: &Name| {
            let most = name.label_count().saturating_sub(1);
            (0..=most).rev().find(|&it| other.is_within(&name.ancestor(it))).unwrap_or(0)
        };
        name.ancestor(common(&self.owner).max(common(&self.next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        if text == "." { Name::ROOT } else { Name::read(&wire(text)).unwrap().0 }
    }

    fn wire(text: &str) -> Vec<u8> {
        let mut wire = Vec::new();
        for label in text.split('.') {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        wire
    }

    fn nsec(owner: &str, next: &str, types: &[u16]) -> RrSet {
        let rdata = [wire(next), Types::written(types)].concat();
        RrSet {
            owner: name(owner),
            rtype: rtype::NSEC,
            ttl: 60,
            rdatas: vec![rdata],
            signatures: Vec::new(),
        }
    }

    /// `example` with `a`, `*.w`, `b.c` (so `c` is empty), the delegations `sub` (unsigned) and `sec`, and the DNAME `old`.
    fn zone() -> Vec<RrSet> {
        use rtype::{A, CNAME, DNAME, DS, NS, SOA};
        vec![
            nsec("example", "a.example", &[SOA, NS]),
            nsec("a.example", "b.c.example", &[A]),
            nsec("b.c.example", "old.example", &[A]),
            nsec("old.example", "sec.example", &[DNAME]),
            nsec("sec.example", "sub.example", &[NS, DS]),
            nsec("sub.example", "*.w.example", &[NS]),
            nsec("*.w.example", "y.example", &[A]),
            nsec("y.example", "example", &[CNAME]),
        ]
    }

    /// A denial made of the records with these owners.
    fn denial(owners: &[&str]) -> Denial {
        let all = zone();
        let picked: Vec<&RrSet> =
            all.iter().filter(|it| owners.iter().any(|own| it.owner == name(own))).collect();
        assert_eq!(picked.len(), owners.len());
        Denial::new(&name("example"), &picked)
    }

    #[test]
    fn names_are_denied_with_their_wildcard() {
        let check = |owners: &[&str], qname: &str, expected: Proof| {
            let got = denial(owners).no_name(&name(qname), &mut Work::default());
            assert_eq!(got, expected, "{qname} {owners:?}");
        };
        check(&["a.example", "example"], "b.example", Proof::Secure);
        check(&["a.example"], "b.example", Proof::Missing);
        check(&["y.example", "example"], "z.example", Proof::Secure);
        check(&["y.example", "example"], "a.z.example", Proof::Secure);
        // It is there; an empty name is there; a wildcard makes it.
        check(&["a.example", "example"], "a.example", Proof::Missing);
        check(&["a.example", "example"], "c.example", Proof::Missing);
        check(&["*.w.example", "sub.example"], "x.w.example", Proof::Missing);
        // Below a delegation or a DNAME this zone says nothing.
        check(&["sub.example", "example"], "x.sub.example", Proof::Missing);
        check(&["old.example", "example"], "x.old.example", Proof::Missing);
        check(&["a.example", "example"], "b.other", Proof::Missing);
    }

    #[test]
    fn types_are_denied() {
        let check = |owners: &[&str], qname: &str, qtype: u16, expected: Proof| {
            let got = denial(owners).no_data(&name(qname), qtype, &mut Work::default());
            assert_eq!(got, expected, "{qname} {qtype} {owners:?}");
        };
        check(&["a.example"], "a.example", rtype::MX, Proof::Secure);
        check(&["a.example"], "a.example", rtype::A, Proof::Missing);
        check(&["y.example"], "y.example", rtype::A, Proof::Missing);
        check(&["a.example"], "c.example", rtype::A, Proof::Secure);
        check(&["a.example"], "b.example", rtype::A, Proof::Missing);
        check(&["*.w.example"], "x.w.example", rtype::MX, Proof::Secure);
        check(&["*.w.example"], "x.w.example", rtype::A, Proof::Missing);
        // The parent's record at a delegation denies DS alone.
        check(&["sub.example"], "sub.example", rtype::DS, Proof::Secure);
        check(&["sub.example"], "sub.example", rtype::A, Proof::Missing);
        check(&["sec.example"], "sec.example", rtype::DS, Proof::Missing);
    }

    #[test]
    fn wildcards_need_that_nothing_is_closer() {
        let check = |owners: &[&str], qname: &str, labels: usize, expected: Proof| {
            let got = denial(owners).no_closer(&name(qname), labels, &mut Work::default());
            assert_eq!(got, expected, "{qname} {owners:?}");
        };
        check(&["*.w.example"], "x.w.example", 2, Proof::Secure);
        check(&["*.w.example"], "v.x.w.example", 2, Proof::Secure);
        check(&["*.w.example"], "x.w.example", 1, Proof::Missing);
        check(&["a.example"], "x.w.example", 2, Proof::Missing);
    }

    #[test]
    fn delegations_are_told_from_names() {
        let check = |owners: &[&str], qname: &str, expected: Delegation| {
            let got = denial(owners).delegation(&name(qname), &mut Work::default());
            assert_eq!(got, expected, "{qname} {owners:?}");
        };
        check(&["sub.example"], "sub.example", Delegation::Insecure);
        check(&["sub.example"], "x.sub.example", Delegation::Insecure);
        check(&["sec.example"], "sec.example", Delegation::Unproven);
        check(&["sec.example"], "x.sec.example", Delegation::Unproven);
        check(&["a.example"], "a.example", Delegation::None);
        check(&["a.example"], "b.example", Delegation::None);
        check(&["a.example"], "c.example", Delegation::None);
        check(&["a.example"], "z.example", Delegation::Unproven);
        check(&["example"], "example", Delegation::Unproven);
    }
}

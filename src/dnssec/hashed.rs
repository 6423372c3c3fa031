//! NSEC3: denial by hashes of names (RFC 5155), within bounds on what hashing may cost (RFC 9276 section 3.2, CVE-2023-50868).

use super::{
    denial::{Delegation, Proof},
    types::Types,
};
use crate::{
    dns::rtype,
    name::{Name, labels},
};
use data_encoding::BASE32HEX_NOPAD;
use ring::digest;

/// Most additional iterations that are checked; a zone with more counts as unsigned.
pub(super) const ITERATIONS_MAX: u16 = 50;

/// Most names that are hashed for one answer.
const HASHES_MAX: u32 = 64;

/// Octets of a SHA-1 hash.
const HASH_LEN: usize = 20;

const SHA1: u8 = 1;
const OPT_OUT: u8 = 1;

/// Names hashed so far for an answer.
#[derive(Debug, Default)]
pub(super) struct Work {
    hashes: u32,
}

/// The NSEC3 records of one zone, all with the same parameters.
#[derive(Debug)]
pub(super) struct Hashed {
    zone: Name,
    records: Vec<Nsec3>,
    iterations: u16,
    salt: Vec<u8>,
}

#[derive(Debug)]
struct Nsec3 {
    hash: Vec<u8>,
    next: Vec<u8>,
    opt_out: bool,
    types: Types,
}

/// A proof of the closest encloser (RFC 5155 section 8.3).
enum Encloser<'h> {
    /// How many labels the closest name that exists has, and the record that covers the next one towards the name asked for.
    Found {
        labels: usize,
        covering: &'h Nsec3,
    },
    /// The closest name is a delegation, or a DNAME: below it others have their say.
    Elsewhere(&'h Nsec3),
    None,
}

impl Hashed {
    pub(super) fn new<'r>(
        zone: &Name,
        sets: impl Iterator<Item = (&'r Name, &'r Vec<u8>)>,
    ) -> Self {
        let mut this =
            Self { zone: zone.clone(), records: Vec::new(), iterations: 0, salt: Vec::new() };
        for (owner, rdata) in sets {
            let Some((record, iterations, salt)) = Nsec3::read(zone, owner, rdata) else {
                continue;
            };
            // Records with other parameters are of another chain (RFC 5155 section 8.2).
            if this.records.is_empty() {
                (this.iterations, this.salt) = (iterations, salt.to_vec());
            }
            if this.iterations == iterations && this.salt == salt {
                this.records.push(record);
            }
        }
        this
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn no_name(&self, name: &Name, work: &mut Work) -> Proof {
        if self.iterations > ITERATIONS_MAX {
            return Proof::Insecure;
        }
        let Encloser::Found { labels, covering } = self.encloser(name, work) else {
            return Proof::Missing;
        };
        let wildcard = name.ancestor(labels).wildcard().and_then(|it| self.covering(&it, work));
        match wildcard {
            None => Proof::Missing,
            Some(_) => covering.proof(),
        }
    }

    pub(super) fn no_data(&self, name: &Name, qtype: u16, work: &mut Work) -> Proof {
        if self.iterations > ITERATIONS_MAX {
            return Proof::Insecure;
        }
        if let Some(own) = self.at(name, work) {
            return if own.types.denies(qtype) { Proof::Secure } else { Proof::Missing };
        }
        let Encloser::Found { labels, covering } = self.encloser(name, work) else {
            return Proof::Missing;
        };
        match name.ancestor(labels).wildcard().and_then(|it| self.at(&it, work)) {
            Some(it) if it.types.denies(qtype) => covering.proof(),
            // A name that only delegations without signatures made: opted out, it has no record of its own.
            None if covering.opt_out => Proof::Insecure,
            _ => Proof::Missing,
        }
    }

    pub(super) fn no_closer(&self, next: &Name, work: &mut Work) -> Proof {
        if self.iterations > ITERATIONS_MAX {
            return Proof::Insecure;
        }
        self.covering(next, work).map_or(Proof::Missing, Nsec3::proof)
    }

    pub(super) fn delegation(&self, name: &Name, work: &mut Work) -> Delegation {
        if self.iterations > ITERATIONS_MAX {
            return Delegation::Insecure;
        }
        if let Some(own) = self.at(name, work) {
            return own.types.delegation();
        }
        match self.encloser(name, work) {
            Encloser::Found { covering, .. } if covering.opt_out => Delegation::Insecure,
            Encloser::Found { .. } => Delegation::None,
            Encloser::Elsewhere(it) => it.types.delegation(),
            Encloser::None => Delegation::Unproven,
        }
    }

    fn encloser(&self, name: &Name, work: &mut Work) -> Encloser<'_> {
        let (most, least) = (name.label_count(), self.zone.label_count());
        for labels in (least..most).rev() {
            let encloser = name.ancestor(labels);
            let Some(it) = self.at(&encloser, work) else { continue };
            if labels > least && (it.types.is_delegation() || it.types.has(rtype::DNAME)) {
                return Encloser::Elsewhere(it);
            }
            let next = name.ancestor(labels + 1);
            return match self.covering(&next, work) {
                Some(covering) => Encloser::Found { labels, covering },
                None => Encloser::None,
            };
        }
        Encloser::None
    }

    fn at(&self, name: &Name, work: &mut Work) -> Option<&Nsec3> {
        let hash = self.hash(name, work)?;
        self.records.iter().find(|it| it.hash == hash)
    }

    fn covering(&self, name: &Name, work: &mut Work) -> Option<&Nsec3> {
        let hash = self.hash(name, work)?;
        self.records.iter().find(|it| {
            let (after, before) = (it.hash < hash, hash < it.next);
            if it.hash < it.next { after && before } else { after || before }
        })
    }

    /// The hash of a name (RFC 5155 section 5); `None` once enough has been hashed.
    fn hash(&self, name: &Name, work: &mut Work) -> Option<Vec<u8>> {
        if work.hashes == HASHES_MAX {
            return None;
        }
        work.hashes += 1;
        let once = |octets: &[u8]| {
            let salted = [octets, &self.salt].concat();
            digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &salted)
        };
        let mut hash = once(name.wire());
        for _ in 0..self.iterations {
            hash = once(hash.as_ref());
        }
        Some(hash.as_ref().to_vec())
    }
}

impl Nsec3 {
    /// Reads a record, with its iterations and salt; `None` for what is of no use (RFC 5155 sections 8.1 and 8.2).
    fn read<'r>(zone: &Name, owner: &Name, rdata: &'r [u8]) -> Option<(Self, u16, &'r [u8])> {
        let ([algorithm, flags, a, b, salt_len], rest) = rdata.split_first_chunk()?;
        let (salt, rest) = rest.split_at_checked(usize::from(*salt_len))?;
        let (hash_len, rest) = rest.split_first()?;
        let (next, types) = rest.split_at_checked(usize::from(*hash_len))?;
        let label = labels(owner.wire()).next()?.to_ascii_uppercase();
        let hash = BASE32HEX_NOPAD.decode(&label).ok()?;
        let fits = owner.without(1) == zone.wire()
            && *algorithm == SHA1
            && *flags & !OPT_OUT == 0
            && hash.len() == HASH_LEN
            && next.len() == HASH_LEN;
        let opt_out = *flags & OPT_OUT != 0;
        let record = Self { hash, next: next.to_vec(), opt_out, types: Types::read(types) };
        fits.then_some((record, u16::from_be_bytes([*a, *b]), salt))
    }

    const fn proof(&self) -> Proof {
        if self.opt_out { Proof::Insecure } else { Proof::Secure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtype::{A, CNAME, DNAME, DS, NS, SOA};

    fn name(text: &str) -> Name {
        let wire: Vec<u8> = text
            .split('.')
            .flat_map(|it| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat())
            .chain([0])
            .collect();
        Name::read(&wire).unwrap().0
    }

    fn hasher(iterations: u16, salt: &[u8]) -> Hashed {
        Hashed { zone: name("example"), records: Vec::new(), iterations, salt: salt.to_vec() }
    }

    #[test]
    fn hashes_are_those_of_rfc_5155() {
        // Appendix A: 12 iterations, salt aabbccdd.
        let hasher = hasher(12, &[0xaa, 0xbb, 0xcc, 0xdd]);
        for (text, expected) in [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
            ("x.y.w.example", "2vptu5timamqttgl4luu9kg21e0aor3s"),
        ] {
            let hash = hasher.hash(&name(text), &mut Work::default()).unwrap();
            assert_eq!(BASE32HEX_NOPAD.encode(&hash).to_lowercase(), expected, "{text}");
        }
    }

    /// The chain of a zone `example` with these names, of which the records at `picked` are shown.
    fn chain(opt_out: bool, iterations: u16, picked: &[&str]) -> Hashed {
        let all: &[(&str, &[u16])] = &[
            ("example", &[SOA, NS]),
            ("a.example", &[A]),
            ("c.example", &[]),
            ("b.c.example", &[CNAME]),
            ("old.example", &[DNAME]),
            ("sec.example", &[NS, DS]),
            ("sub.example", &[NS]),
            ("w.example", &[]),
            ("*.w.example", &[A]),
        ];
        let (zone, salt) = (name("example"), [1, 2]);
        let hasher = hasher(iterations, &salt);
        let hash = |it: &str| hasher.hash(&name(it), &mut Work::default()).unwrap();
        let mut hashes: Vec<(Vec<u8>, &[u16])> = all.iter().map(|it| (hash(it.0), it.1)).collect();
        hashes.sort();
        let shows = |at: usize| {
            let next = &hashes[(at + 1) % hashes.len()].0;
            picked.iter().any(|it| {
                let wanted = hash(it);
                let here = &hashes[at].0;
                let covers = if here < next {
                    *here < wanted && wanted < *next
                } else {
                    *here < wanted || wanted < *next
                };
                *here == wanted || covers
            })
        };
        let records: Vec<(Name, Vec<u8>)> = (0..hashes.len())
            .filter(|&it| shows(it))
            .map(|at| {
                let next = &hashes[(at + 1) % hashes.len()].0;
                let owner = BASE32HEX_NOPAD.encode(&hashes[at].0);
                let head =
                    [1, u8::from(opt_out), (iterations >> 8) as u8, iterations as u8, 2, 1, 2, 20];
                let rdata = [&head[..], next, &Types::written(hashes[at].1)].concat();
                (name(&format!("{owner}.example")), rdata)
            })
            .collect();
        Hashed::new(&zone, records.iter().map(|it| (&it.0, &it.1)))
    }

    #[test]
    fn names_are_denied_by_three_hashes() {
        let check = |picked: &[&str], qname: &str, expected: Proof| {
            let got = chain(false, 5, picked).no_name(&name(qname), &mut Work::default());
            assert_eq!(got, expected, "{qname} {picked:?}");
        };
        check(&["example", "b.example", "*.example"], "b.example", Proof::Secure);
        check(&["example", "z.example", "*.example"], "y.z.example", Proof::Secure);
        check(&["b.example"], "b.example", Proof::Missing);
        check(&["a.example", "example", "*.example"], "a.example", Proof::Missing);
        // A wildcard makes it; below a delegation or a DNAME nothing is known.
        check(&["w.example", "x.w.example", "*.w.example"], "x.w.example", Proof::Missing);
        check(&["sub.example", "x.sub.example", "*.sub.example"], "x.sub.example", Proof::Missing);
        check(&["old.example", "x.old.example", "*.old.example"], "x.old.example", Proof::Missing);
        let picked: &[&str] = &["example", "b.example", "*.example"];
        let mut work = Work::default();
        assert_eq!(chain(true, 5, picked).no_name(&name("b.example"), &mut work), Proof::Insecure);
        let many = chain(false, ITERATIONS_MAX + 1, picked);
        assert_eq!(many.no_name(&name("b.example"), &mut work), Proof::Insecure);
    }

    #[test]
    fn types_are_denied_by_a_hash() {
        let check = |picked: &[&str], qname: &str, qtype: u16, expected: Proof| {
            let got = chain(false, 0, picked).no_data(&name(qname), qtype, &mut Work::default());
            assert_eq!(got, expected, "{qname} {qtype}");
        };
        check(&["a.example"], "a.example", 15, Proof::Secure);
        check(&["a.example"], "a.example", A, Proof::Missing);
        check(&["b.c.example"], "b.c.example", A, Proof::Missing);
        check(&["c.example"], "c.example", A, Proof::Secure);
        check(&["sub.example"], "sub.example", DS, Proof::Secure);
        check(&["sub.example"], "sub.example", A, Proof::Missing);
        let wildcard: &[&str] = &["w.example", "x.w.example", "*.w.example"];
        check(wildcard, "x.w.example", 15, Proof::Secure);
        check(wildcard, "x.w.example", A, Proof::Missing);
    }

    #[test]
    fn delegations_are_told_from_names() {
        let check = |opt_out: bool, picked: &[&str], qname: &str, expected: Delegation| {
            let got = chain(opt_out, 1, picked).delegation(&name(qname), &mut Work::default());
            assert_eq!(got, expected, "{qname} {picked:?}");
        };
        check(false, &["sub.example"], "sub.example", Delegation::Insecure);
        check(false, &["sub.example", "x.sub.example"], "x.sub.example", Delegation::Insecure);
        check(false, &["sec.example"], "sec.example", Delegation::Unproven);
        check(false, &["a.example"], "a.example", Delegation::None);
        check(false, &["example", "b.example"], "b.example", Delegation::None);
        check(true, &["example", "b.example"], "b.example", Delegation::Insecure);
        check(false, &["a.example"], "b.example", Delegation::Unproven);
    }

    #[test]
    fn hashing_has_an_end() {
        let deep = vec!["a"; 120].join(".");
        let mut work = Work::default();
        let got =
            chain(false, 50, &["a.example"]).no_name(&name(&format!("{deep}.example")), &mut work);
        assert_eq!((got, work.hashes), (Proof::Missing, HASHES_MAX));
    }
}

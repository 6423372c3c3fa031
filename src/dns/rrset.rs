//! RRsets of an answer in the form over which DNSSEC signatures are made (RFC 4034 section 6), with those signatures.

use super::{Answer, class, names, rdata::Entry, rtype, wire::u16_at};
use crate::name::Name;
use foldhash::HashMap;

/// Most RRsets that are read of one answer.
pub const RRSETS_MAX: usize = 128;

/// Octets of an RRSIG's RDATA before the signer's name (RFC 4034 section 3.1).
const SIGNATURE_FIXED_LEN: usize = 18;

/// Records of one owner and type.
#[derive(Debug, Clone)]
pub struct RrSet {
    /// The owner.
    pub owner: Name,
    /// TYPE.
    pub rtype: u16,
    /// The lowest TTL, in seconds.
    pub ttl: u32,
    /// RDATA in canonical form and order, each once.
    pub rdatas: Vec<Vec<u8>>,
    /// What signs them.
    pub signatures: Vec<Signature>,
}

/// An RRSIG record (RFC 4034 section 3).
#[derive(Debug, Clone)]
pub struct Signature {
    /// Type Covered.
    pub covered: u16,
    /// Algorithm.
    pub algorithm: u8,
    /// Labels of the owner; fewer than the owner has where a wildcard made the records.
    pub labels: u8,
    /// TTL as signed, in seconds.
    pub original_ttl: u32,
    /// When it ends, in seconds since 1970 modulo 2^32.
    pub expiration: u32,
    /// When it begins, likewise.
    pub inception: u32,
    /// Key Tag.
    pub key_tag: u16,
    /// Signer's Name.
    pub signer: Name,
    /// Its RDATA without the signature proper, in canonical form.
    pub head: Vec<u8>,
    /// The signature proper.
    pub value: Vec<u8>,
}

/// The RRsets of class IN of an answer.
#[derive(Debug, Clone, Default)]
pub struct RrSets {
    /// Those of the answer section.
    pub answer: Vec<RrSet>,
    /// Those of the authority section.
    pub authority: Vec<RrSet>,
}

impl RrSets {
    /// Reads them; `None` where there are more than [`RRSETS_MAX`].
    pub fn read(answer: &Answer) -> Option<Self> {
        let header = answer.header();
        let (message, mut at) = (answer.message(), answer.head().len());
        let mut section = |count: u16| {
            let mut made = Section::default();
            for _ in 0..count {
                let entry = Entry::read(message, at)?;
                at = entry.end();
                made.take(message, &entry)?;
            }
            Some(made.finish())
        };
        let (answer, authority) = (section(header.answers)?, section(header.authorities)?);
        Some(Self { answer, authority })
    }
}

impl RrSet {
    /// What the signature is made over (RFC 4034 section 3.1.8.1); `None` where it cannot be this set's.
    pub fn signed_octets(&self, signature: &Signature) -> Option<Vec<u8>> {
        let wildcard;
        let labels = usize::from(signature.labels);
        let owner = match self.owner.label_count().checked_sub(labels)? {
            0 => self.owner.wire(),
            skipped => {
                wildcard = [b"\x01*", self.owner.without(skipped)].concat();
                &wildcard
            }
        };
        let mut octets = signature.head.clone();
        for rdata in &self.rdatas {
            octets.extend_from_slice(owner);
            octets.extend_from_slice(&self.rtype.to_be_bytes());
            octets.extend_from_slice(&class::IN.to_be_bytes());
            octets.extend_from_slice(&signature.original_ttl.to_be_bytes());
            octets.extend_from_slice(&u16::try_from(rdata.len()).ok()?.to_be_bytes());
            octets.extend_from_slice(rdata);
        }
        Some(octets)
    }
}

impl Signature {
    fn read(rdata: &[u8]) -> Option<Self> {
        let [a, b, algorithm, labels, ttl_octets @ ..] = *rdata.first_chunk::<8>()?;
        let word = |at: usize| rdata.get(at..)?.first_chunk().map(|it| u32::from_be_bytes(*it));
        let (signer, len) = Name::read(rdata.get(SIGNATURE_FIXED_LEN..)?)?;
        Some(Self {
            covered: u16::from_be_bytes([a, b]),
            algorithm,
            labels,
            original_ttl: u32::from_be_bytes(ttl_octets),
            expiration: word(8)?,
            inception: word(12)?,
            key_tag: u16_at(rdata, 16)?,
            head: [&rdata[..SIGNATURE_FIXED_LEN], signer.wire()].concat(),
            value: rdata[SIGNATURE_FIXED_LEN + len..].to_vec(),
            signer,
        })
    }
}

/// A section in the making.
#[derive(Default)]
struct Section {
    sets: Vec<RrSet>,
    places: HashMap<(Name, u16), usize>,
}

impl Section {
    fn take(&mut self, message: &[u8], entry: &Entry) -> Option<()> {
        if entry.class != class::IN {
            return Some(());
        }
        let owner = names::read(message, entry.owner)?;
        let signature = (entry.rtype == rtype::RRSIG)
            .then(|| Signature::read(&message[entry.rdata.clone()]))
            .flatten();
        // A signature that cannot be read signs nothing.
        let rtype = match &signature {
            Some(it) => it.covered,
            None if entry.rtype == rtype::RRSIG => return Some(()),
            None => entry.rtype,
        };
        let next = self.sets.len();
        let at = *self.places.entry((owner.clone(), rtype)).or_insert(next);
        if at == next {
            if next == RRSETS_MAX {
                return None;
            }
            let (rdatas, signatures) = (Vec::new(), Vec::new());
            self.sets.push(RrSet { owner, rtype, ttl: u32::MAX, rdatas, signatures });
        }
        let set = &mut self.sets[at];
        match signature {
            Some(signature) => set.signatures.push(signature),
            None => {
                set.ttl = set.ttl.min(entry.ttl);
                set.rdatas.push(canonical(message, entry)?);
            }
        }
        Some(())
    }

    /// The sets; signatures without records sign nothing.
    fn finish(mut self) -> Vec<RrSet> {
        self.sets.retain(|it| !it.rdatas.is_empty());
        for set in &mut self.sets {
            set.rdatas.sort_unstable();
            set.rdatas.dedup();
        }
        self.sets
    }
}

/// RDATA with its names in full and, in the types of RFC 4034 section 6.2, in lower case.
fn canonical(message: &[u8], entry: &Entry) -> Option<Vec<u8>> {
    let mut places = Vec::new();
    entry.each_name(message, |it| places.push(it))?;
    let mut octets = Vec::with_capacity(entry.rdata.len());
    let mut copied = entry.rdata.start;
    for place in places {
        octets.extend_from_slice(message.get(copied..place)?);
        if entry.rtype == rtype::NSAP_PTR {
            names::expand(message, place, &mut octets)?;
        } else {
            octets.extend_from_slice(names::read(message, place)?.wire());
        }
        copied = names::skip(message, place)?;
    }
    octets.extend_from_slice(message.get(copied..entry.rdata.end)?);
    Some(octets)
}

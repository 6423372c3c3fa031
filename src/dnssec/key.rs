//! Keys of zones, digests of keys, and what a signature is worth (RFC 4034, RFC 8624).

use crate::{
    dns::{RrSet, Signature},
    name::Name,
};
use ring::{digest, signature as algorithms};

/// Bits of a DNSKEY's flags (RFC 4034 section 2.1.1, RFC 5011 section 7).
const ZONE_KEY: u16 = 0x0100;
const REVOKED: u16 = 0x0080;

/// A zone's key (RFC 4034 section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) tag: u16,
    pub(super) algorithm: u8,
    public: Vec<u8>,
}

/// A DS record, or a trust anchor in its form (RFC 4034 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ds {
    pub(super) tag: u16,
    pub(super) algorithm: u8,
    pub(super) digest_type: u8,
    pub(super) digest: Vec<u8>,
}

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// No key of the zone made it.
    NoKey,
    /// It does not fit the records.
    Wrong,
}

impl Key {
    /// Reads a DNSKEY's RDATA; `None` for a key that signs no zone data: not a zone key, revoked, or of an algorithm that is not
    /// known here.
    pub(super) fn read(rdata: &[u8]) -> Option<Self> {
        let ([a, b, protocol, algorithm], public) = rdata.split_first_chunk()?;
        let flags = u16::from_be_bytes([*a, *b]);
        let signs = flags & ZONE_KEY != 0 && flags & REVOKED == 0 && *protocol == 3;
        (signs && is_supported(*algorithm)).then(|| Self {
            tag: tag(rdata),
            algorithm: *algorithm,
            public: public.to_vec(),
        })
    }

    /// Whether this key made the signature over the set. One cryptographic check.
    pub(super) fn signed(&self, set: &RrSet, signature: &Signature) -> bool {
        let Some(message) = set.signed_octets(signature) else { return false };
        let value = &signature.value;
        let plain = |algorithm: &'static dyn algorithms::VerificationAlgorithm, key: &[u8]| {
            algorithms::UnparsedPublicKey::new(algorithm, key).verify(&message, value).is_ok()
        };
        let rsa = |parameters: &'static algorithms::RsaParameters| {
            rsa(&self.public).is_some_and(|key| key.verify(parameters, &message, value).is_ok())
        };
        let point = || [b"\x04", &self.public[..]].concat();
        match self.algorithm {
            5 | 7 => rsa(&algorithms::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
            8 => rsa(&algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
            10 => rsa(&algorithms::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
            13 => plain(&algorithms::ECDSA_P256_SHA256_FIXED, &point()),
            14 => plain(&algorithms::ECDSA_P384_SHA384_FIXED, &point()),
            15 => plain(&algorithms::ED25519, &self.public),
            _ => false,
        }
    }
}

impl Ds {
    /// Reads a DS record's RDATA.
    pub(super) fn read(rdata: &[u8]) -> Option<Self> {
        let ([a, b, algorithm, digest_type], digest) = rdata.split_first_chunk()?;
        Some(Self {
            tag: u16::from_be_bytes([*a, *b]),
            algorithm: *algorithm,
            digest_type: *digest_type,
            digest: digest.to_vec(),
        })
    }

    /// The DS record of a key, given as DNSKEY RDATA.
    pub(super) fn of(zone: &Name, rdata: &[u8]) -> Option<Self> {
        const SHA256: u8 = 2;
        let digest = hash(SHA256, zone, rdata)?;
        let algorithm = *rdata.get(3)?;
        Some(Self { tag: tag(rdata), algorithm, digest_type: SHA256, digest })
    }

    /// Whether keys that this vouches for can be checked here.
    pub(super) fn is_supported(&self) -> bool {
        is_supported(self.algorithm) && matches!(self.digest_type, 1 | 2 | 4)
    }

    /// Whether it stands for this key, given as DNSKEY RDATA.
    pub(super) fn vouches(&self, zone: &Name, rdata: &[u8]) -> bool {
        rdata.get(3) == Some(&self.algorithm)
            && tag(rdata) == self.tag
            && hash(self.digest_type, zone, rdata).is_some_and(|it| it == self.digest)
    }
}

/// Whether signatures of this algorithm can be checked. Zones signed by others alone count as unsigned (RFC 4035 section 5.2).
const fn is_supported(algorithm: u8) -> bool {
    matches!(algorithm, 5 | 7 | 8 | 10 | 13 | 14 | 15)
}

/// What is wrong with a signature's time, by serial number arithmetic (RFC 4034 section 3.1.5).
pub(super) fn untimely(signature: &Signature, now: u32) -> Option<Flaw> {
    let after = |a: u32, b: u32| (a.wrapping_sub(b) as i32) > 0;
    if after(now, signature.expiration) {
        Some(Flaw::Expired)
    } else if after(signature.inception, now) {
        Some(Flaw::NotYetValid)
    } else {
        None
    }
}

fn hash(digest_type: u8, zone: &Name, rdata: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match digest_type {
        1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        2 => &digest::SHA256,
        4 => &digest::SHA384,
        _ => return None,
    };
    let octets = [zone.wire(), rdata].concat();
    Some(digest::digest(algorithm, &octets).as_ref().to_vec())
}

/// Key Tag of a DNSKEY's RDATA (RFC 4034 appendix B).
fn tag(rdata: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for (at, octet) in rdata.iter().enumerate() {
        sum += u32::from(*octet) << if at % 2 == 0 { 8 } else { 0 };
    }
    (sum.wrapping_add(sum >> 16) & 0xffff) as u16
}

/// Exponent and modulus of an RSA key (RFC 3110 section 2).
fn rsa(public: &[u8]) -> Option<algorithms::RsaPublicKeyComponents<&[u8]>> {
    let (len, rest) = match public {
        [0, a, b, rest @ ..] => (u16::from_be_bytes([*a, *b]), rest),
        [len, rest @ ..] => (u16::from(*len), rest),
        [] => return None,
    };
    let (e, n) = rest.split_at_checked(usize::from(len))?;
    // Leading zeros mean nothing, and the verifier takes none.
    let trim = |octets: &[u8]| octets.iter().take_while(|it| **it == 0).count();
    Some(algorithms::RsaPublicKeyComponents { n: &n[trim(n)..], e: &e[trim(e)..] })
}

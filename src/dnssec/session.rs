//! One answer's validation: the chain of trust to the zones that it concerns, within bounds on what may be asked and computed.

use super::{
    Fault, Validator,
    cuts::{Cut, Zone},
    denial::{Delegation, Denial},
    hashed::Work,
    key::{Ds, Flaw, Key, untimely},
};
use crate::{
    dns::{Ede, Rcode, RrSet, RrSets, Signature, rtype},
    name::Name,
    upstream::{Ask, ForwardError, Upstreams},
};
use std::{future::Future, pin::Pin};

/// Most questions to upstreams for one answer.
pub const EXCHANGES_MAX: u32 = 48;

/// Most cryptographic checks for one answer (CVE-2023-50387, "KeyTrap").
pub const CHECKS_MAX: u32 = 96;

/// Signatures of one set that are looked at.
const SIGNATURES_MAX: usize = 8;

/// Keys with one tag and algorithm that are tried.
const SAME_TAG_MAX: usize = 4;

/// Records of one DS set that are looked at, and keys of one zone that are kept.
const KEYS_MAX: usize = 32;

/// Sets of NSEC and NSEC3 records that are checked.
const DENIALS_MAX: usize = 16;

/// Why a chain of trust does not stand.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// Something is wrong with it.
    Bogus(Fault),
    /// What it needs could not be asked.
    Unreachable(ForwardError),
}

/// What a set's signatures say.
pub(super) enum Signed {
    /// One counts, made by `zone`.
    Secure { zone: Zone, labels: usize, ttl_secs: u32 },
    /// None need be there.
    Insecure,
}

type Later<'f, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'f>>;

/// The validation of one answer.
pub(super) struct Session<'a> {
    pub(super) validator: &'a Validator,
    pub(super) upstreams: &'a Upstreams,
    /// Seconds since 1970 modulo 2^32.
    pub(super) now: u32,
    pub(super) work: Work,
    pub(super) exchanges: u32,
    pub(super) checks: u32,
}

impl Session<'_> {
    /// Whether a set is signed as its place in the tree demands. `by_parent` for DS, which the zone above signs.
    pub(super) async fn signed(&mut self, set: &RrSet, by_parent: bool) -> Result<Signed, Trouble> {
        let labels = set.owner.label_count();
        let own = labels - usize::from(set.owner.wire().starts_with(b"\x01*"));
        let place = set.owner.ancestor(labels.saturating_sub(usize::from(by_parent)));
        let Some(anchored) = self.validator.anchors.above(&place) else {
            return Ok(Signed::Insecure);
        };
        let mut flaw = None;
        for signature in set.signatures.iter().take(SIGNATURES_MAX) {
            let depth = signature.signer.label_count();
            // No zone above a trust anchor has a say below it.
            let may_sign = place.is_within(&signature.signer) && depth >= anchored;
            if !may_sign || usize::from(signature.labels) > own {
                flaw.get_or_insert(Flaw::Wrong);
                continue;
            }
            match self.cut(&signature.signer).await? {
                Cut::Insecure => return Ok(Signed::Insecure),
                Cut::None => drop(flaw.get_or_insert(Flaw::NoKey)),
                Cut::Zone(zone) => match self.check(set, signature, &zone.keys)? {
                    None => {
                        let ttl_secs = lifetime(set, signature, self.now);
                        let labels = usize::from(signature.labels);
                        return Ok(Signed::Secure { zone, labels, ttl_secs });
                    }
                    // What is wrong with a signature in its time says more.
                    Some(found) => flaw = Some(flaw.map_or(found, |it| worse(it, found))),
                },
            }
        }
        if self.is_excused(&place).await? {
            return Ok(Signed::Insecure);
        }
        let (owner, what) = (&set.owner, rtype::name(set.rtype));
        Err(Trouble::Bogus(match flaw {
            None => Fault::new(
                Ede::RRSIGS_MISSING,
                format!("`{owner}` has {what} records without signature"),
            ),
            Some(flaw) => Fault::of(flaw, owner, set.rtype),
        }))
    }

    /// Whether something amiss at a name is none of our business, because its zone has no signatures. Where that is not proven, what
    /// is amiss is the better reason.
    pub(super) async fn is_excused(&mut self, name: &Name) -> Result<bool, Trouble> {
        match self.is_insecure(name).await {
            Err(Trouble::Bogus(fault)) if fault.code == Ede::NSEC_MISSING => Ok(false),
            other => other,
        }
    }

    /// Whether a name stands in a zone without signatures, by its parents' word. Walks down from the trust anchor; what is known
    /// costs nothing.
    async fn is_insecure(&mut self, name: &Name) -> Result<bool, Trouble> {
        let Some(anchored) = self.validator.anchors.above(name) else { return Ok(true) };
        for labels in anchored..=name.label_count() {
            if matches!(self.cut(&name.ancestor(labels)).await?, Cut::Insecure) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is at a name: a zone with keys, a zone without, or no zone of its own. Remembered, and found out once for all who
    /// ask at the same time: whoever waits here waits for a name above its own, so that none waits for itself.
    pub(super) fn cut<'s>(&'s mut self, name: &'s Name) -> Later<'s, Cut> {
        Box::pin(async move {
            let validator = self.validator;
            let vacancy = match validator.cuts.find(name).await {
                Ok(found) => return found.map_err(Trouble::Bogus),
                Err(vacancy) => vacancy,
            };
            match self.find_cut(name).await {
                Ok((cut, ttl_secs)) => {
                    vacancy.fill(Ok(cut.clone()), ttl_secs);
                    Ok(cut)
                }
                Err(Trouble::Bogus(fault)) => {
                    vacancy.fill(Err(fault.clone()), 0);
                    Err(Trouble::Bogus(fault))
                }
                Err(trouble @ Trouble::Unreachable(_)) => Err(trouble),
            }
        })
    }

    /// The same, asked of the upstream; with the seconds for which it holds.
    async fn find_cut(&mut self, name: &Name) -> Result<(Cut, u32), Trouble> {
        const DAY_SECS: u32 = 86_400;
        let anchors = self.validator.anchors.at(name);
        if !anchors.is_empty() {
            return self.zone(name, &anchors, DAY_SECS).await;
        }
        if self.validator.anchors.above(name).is_none() {
            return Ok((Cut::Insecure, DAY_SECS));
        }
        let (sets, rcode) = self.ask(name, rtype::DS).await?;
        let at = |rtype: u16| sets.answer.iter().find(|it| it.owner == *name && it.rtype == rtype);
        if let Some(set) = at(rtype::DS) {
            let Signed::Secure { ttl_secs, .. } = self.signed(set, true).await? else {
                return Ok((Cut::Insecure, set.ttl));
            };
            let ds = usable(set);
            if ds.is_empty() {
                return Ok((Cut::Insecure, ttl_secs));
            }
            return self.zone(name, &ds, ttl_secs).await;
        }
        if let Some(alias) = at(rtype::CNAME) {
            // No zone begins at an alias.
            return Ok(match self.signed(alias, true).await? {
                Signed::Secure { ttl_secs, .. } => (Cut::None, ttl_secs),
                Signed::Insecure => (Cut::Insecure, alias.ttl),
            });
        }
        self.without_ds(name, &sets, rcode).await
    }

    /// What a name without DS records is, by what its parent proves.
    async fn without_ds(
        &mut self,
        name: &Name,
        sets: &RrSets,
        rcode: Rcode,
    ) -> Result<(Cut, u32), Trouble> {
        let unproven = || {
            let text = format!("nothing proves that `{name}` has no DS record ({})", rcode.name());
            Trouble::Bogus(Fault::new(Ede::NSEC_MISSING, text))
        };
        let soa = sets.authority.iter().find(|it| it.rtype == rtype::SOA).map_or(0, |it| it.ttl);
        match self.denial(sets, name, true).await? {
            Some((Cut::Insecure, _, _)) => return Ok((Cut::Insecure, soa)),
            Some((Cut::Zone(_), denial, ttl_secs)) => {
                match denial.delegation(name, &mut self.work) {
                    Delegation::Insecure => return Ok((Cut::Insecure, ttl_secs)),
                    Delegation::None => return Ok((Cut::None, ttl_secs)),
                    Delegation::Unproven => (),
                }
            }
            Some((Cut::None, _, _)) | None => (),
        }
        let above = name.ancestor(name.label_count().saturating_sub(1));
        if name.label_count() > 0 && self.is_insecure(&above).await? {
            return Ok((Cut::Insecure, soa));
        }
        Err(unproven())
    }

    /// The records of denial in an answer's authority section, checked: what their signer is, and for how many seconds they hold.
    /// `by_parent` where the zone above `name` has to be the signer. `None` where no signer fits.
    pub(super) async fn denial(
        &mut self,
        sets: &RrSets,
        name: &Name,
        by_parent: bool,
    ) -> Result<Option<(Cut, Denial, u32)>, Trouble> {
        let denies = |it: &&RrSet| matches!(it.rtype, rtype::NSEC | rtype::NSEC3);
        let place = name.ancestor(name.label_count().saturating_sub(usize::from(by_parent)));
        let anchored = self.validator.anchors.above(&place).unwrap_or(usize::MAX);
        let signs = |it: &Name| place.is_within(it) && it.label_count() >= anchored;
        let all: Vec<&RrSet> = sets.authority.iter().filter(denies).take(DENIALS_MAX).collect();
        let signers = all.iter().flat_map(|it| &it.signatures).map(|it| &it.signer);
        let Some(signer) = signers.filter(|it| signs(it)).max_by_key(|it| it.label_count()) else {
            return Ok(None);
        };
        let signer = signer.clone();
        let cut = self.cut(&signer).await?;
        let Cut::Zone(zone) = &cut else {
            return Ok(Some((cut, Denial::new(&signer, &[]), 0)));
        };
        let (mut sound, mut ttl_secs) = (Vec::new(), u32::MAX);
        for set in all {
            let owner = &set.owner;
            let labels = owner.label_count() - usize::from(owner.wire().starts_with(b"\x01*"));
            // One that a wildcard made denies nothing (RFC 4035 section 5.4).
            let fits = |it: &&Signature| it.signer == signer && usize::from(it.labels) == labels;
            for signature in set.signatures.iter().filter(fits).take(SIGNATURES_MAX) {
                if owner.is_within(&signer) && self.check(set, signature, &zone.keys)?.is_none() {
                    ttl_secs = ttl_secs.min(lifetime(set, signature, self.now));
                    sound.push(set);
                    break;
                }
            }
        }
        Ok(Some((cut.clone(), Denial::new(&signer, &sound), ttl_secs)))
    }

    /// A zone's keys, where one of them is vouched for and signs them all.
    async fn zone(&mut self, name: &Name, ds: &[Ds], ttl_secs: u32) -> Result<(Cut, u32), Trouble> {
        let (sets, _) = self.ask(name, rtype::DNSKEY).await?;
        let is_keys = |it: &&RrSet| it.owner == *name && it.rtype == rtype::DNSKEY;
        let missing =
            |why: &str| Trouble::Bogus(Fault::new(Ede::DNSKEY_MISSING, format!("`{name}` {why}")));
        let Some(set) = sets.answer.iter().find(is_keys) else {
            return Err(missing("has no DNSKEY records, though its parent says so"));
        };
        let vouched = |rdata: &&Vec<u8>| ds.iter().take(KEYS_MAX).any(|it| it.vouches(name, rdata));
        let trusted: Vec<Key> = set
            .rdatas
            .iter()
            .take(KEYS_MAX)
            .filter(vouched)
            .filter_map(|it| Key::read(it))
            .collect();
        if trusted.is_empty() {
            return Err(missing("has no key that its parent vouches for"));
        }
        let mut flaw = None;
        for signature in set.signatures.iter().filter(|it| it.signer == *name).take(SIGNATURES_MAX)
        {
            match self.check(set, signature, &trusted)? {
                Some(found) => flaw = Some(flaw.map_or(found, |it| worse(it, found))),
                None => {
                    let keys = set.rdatas.iter().take(KEYS_MAX).filter_map(|it| Key::read(it));
                    let zone = Zone::new(name, keys.collect());
                    return Ok((Cut::Zone(zone), ttl_secs.min(lifetime(set, signature, self.now))));
                }
            }
        }
        Err(Trouble::Bogus(match flaw {
            Some(flaw) => Fault::of(flaw, name, rtype::DNSKEY),
            None => Fault::new(
                Ede::RRSIGS_MISSING,
                format!(
                    "`{name}` has DNSKEY records without signature; perhaps the upstream leaves them out"
                ),
            ),
        }))
    }

    /// What is wrong with a signature over a set; nothing where one of the keys made it, and its time is now.
    fn check(
        &mut self,
        set: &RrSet,
        signature: &Signature,
        keys: &[Key],
    ) -> Result<Option<Flaw>, Trouble> {
        if let Some(flaw) = untimely(signature, self.now) {
            return Ok(Some(flaw));
        }
        let fits = |it: &&Key| (it.tag, it.algorithm) == (signature.key_tag, signature.algorithm);
        let mut tried = false;
        for key in keys.iter().filter(fits).take(SAME_TAG_MAX) {
            if self.checks == CHECKS_MAX {
                return Err(Trouble::Bogus(Fault::too_much()));
            }
            (self.checks, tried) = (self.checks + 1, true);
            if key.signed(set, signature) {
                return Ok(None);
            }
        }
        Ok(Some(if tried { Flaw::Wrong } else { Flaw::NoKey }))
    }

    async fn ask(&mut self, name: &Name, qtype: u16) -> Result<(RrSets, Rcode), Trouble> {
        if self.exchanges == EXCHANGES_MAX {
            return Err(Trouble::Bogus(Fault::too_much()));
        }
        self.exchanges += 1;
        // CD, so that a validating upstream lets us judge for ourselves (RFC 6840 section 5.9).
        let ask = Ask { dnssec_ok: true, checking_disabled: true, ..Ask::new(name.clone(), qtype) };
        let forwarded = self.upstreams.forward(&ask).await.map_err(Trouble::Unreachable)?;
        let rcode = forwarded.answer.rcode();
        if !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
            return Err(Trouble::Unreachable(ForwardError::Malformed));
        }
        match RrSets::read(&forwarded.answer) {
            Some(sets) => Ok((sets, rcode)),
            None => Err(Trouble::Bogus(Fault::too_much())),
        }
    }
}

/// DS records whose keys can be checked here; none with a SHA-1 digest where there are better ones (RFC 4509 section 3).
fn usable(set: &RrSet) -> Vec<Ds> {
    const SHA1: u8 = 1;
    let mut all: Vec<Ds> = set.rdatas.iter().take(KEYS_MAX).filter_map(|it| Ds::read(it)).collect();
    all.retain(Ds::is_supported);
    if all.iter().any(|it| it.digest_type != SHA1) {
        all.retain(|it| it.digest_type != SHA1);
    }
    all
}

/// For how many seconds a set may be kept (RFC 4035 section 5.3.3).
fn lifetime(set: &RrSet, signature: &Signature, now: u32) -> u32 {
    set.ttl.min(signature.original_ttl).min(signature.expiration.wrapping_sub(now))
}

/// Of two flaws the one that says more.
fn worse(one: Flaw, other: Flaw) -> Flaw {
    let weight = |it: Flaw| match it {
        Flaw::NoKey => 0,
        Flaw::Wrong => 1,
        Flaw::NotYetValid => 2,
        Flaw::Expired => 3,
    };
    if weight(other) > weight(one) { other } else { one }
}

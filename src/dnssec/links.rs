//! An answer link by link: aliases, then records or the proof that there are none.

use super::{
    Fault,
    cuts::Cut,
    denial::Proof,
    session::{Session, Signed, Trouble},
};
use crate::{
    dns::{Answer, Ede, LooseEnd, Rcode, RrSet, RrSets, rtype},
    name::Name,
};

/// Most links of one answer.
const LINKS_MAX: usize = 16;

/// How long a link may be kept, in seconds; `None` for one without signatures.
type Link = Option<u32>;

impl Session<'_> {
    /// How long the answer may be kept where all of it is authentic; `None` where some of it has no signatures, rightly.
    pub(super) async fn answer(
        &mut self,
        name: &Name,
        qtype: u16,
        answer: &Answer,
        is_exempt: impl Fn(&Name) -> bool,
    ) -> Result<Link, Trouble> {
        // A failure says nothing about the name, and signatures are not signed.
        if !matches!(answer.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN) || qtype == rtype::RRSIG {
            return Ok(None);
        }
        let Some(sets) = RrSets::read(answer) else { return Err(too_much()) };
        // Whoever asked follows an alias that is left unfollowed, and has what is said of that judged by itself.
        let end = match answer.loose_end() {
            Some(LooseEnd::Alias(end)) => Some(*end),
            Some(LooseEnd::Circle) | None => None,
        };
        let mut name = name.clone();
        let (mut whole, mut seen) = (Some(u32::MAX), vec![false; sets.answer.len()]);
        for _ in 0..LINKS_MAX {
            if is_exempt(&name) {
                return Ok(None);
            }
            let (link, next) = self.link(&name, qtype, answer.rcode(), &sets, &mut seen).await?;
            whole = shorter(whole, link);
            let Some(next) = next.filter(|it| Some(it) != end.as_ref()) else {
                let rest: Vec<&RrSet> = unseen(&sets, &seen).collect();
                for set in rest {
                    whole = shorter(whole, self.records(set, &sets).await?);
                }
                return Ok(whole);
            };
            name = next;
        }
        Err(too_much())
    }

    /// One link, and the name that it leads to.
    async fn link(
        &mut self,
        name: &Name,
        qtype: u16,
        rcode: Rcode,
        sets: &RrSets,
        seen: &mut [bool],
    ) -> Result<(Link, Option<Name>), Trouble> {
        let mut find = |is_wanted: &dyn Fn(&RrSet) -> bool| {
            let at = sets.answer.iter().position(is_wanted)?;
            seen[at] = true;
            Some(&sets.answer[at])
        };
        if let Some(set) = find(&|it| it.owner == *name && it.rtype == qtype) {
            let link = self.records(set, sets).await?;
            // Whoever turns the rcode over leaves the records signed.
            if link.is_some() && rcode != Rcode::NOERROR {
                let text = format!("`{name}` is said not to exist, beside its records");
                return Err(Trouble::Bogus(Fault::new(Ede::DNSSEC_BOGUS, text)));
            }
            return Ok((link, None));
        }
        let renames = |it: &RrSet| it.rtype == rtype::DNAME && it.owner != *name;
        if let Some(set) = find(&|it| renames(it) && name.is_within(&it.owner)) {
            // The alias that it makes is not signed; it is the only one that there may be.
            let target = renamed(name, set).ok_or_else(|| wrong_alias(name))?;
            let made = find(&|it| it.owner == *name && it.rtype == rtype::CNAME);
            if made.is_some_and(|it| it.rdatas != [target.wire()]) {
                return Err(wrong_alias(name));
            }
            return Ok((self.records(set, sets).await?, Some(target)));
        }
        if let Some(set) = find(&|it| it.owner == *name && it.rtype == rtype::CNAME) {
            let target = match &set.rdatas[..] {
                [one] => Name::read(one).map(|it| it.0),
                _ => None,
            };
            let target = target.ok_or_else(|| wrong_alias(name))?;
            return Ok((self.records(set, sets).await?, Some(target)));
        }
        Ok((self.nothing(name, qtype, rcode, sets).await?, None))
    }

    /// Records as they stand in the answer, with the proof that a wildcard may have made them where one has.
    async fn records(&mut self, set: &RrSet, sets: &RrSets) -> Result<Link, Trouble> {
        let Signed::Secure { zone, labels, ttl_secs } =
            self.signed(set, set.rtype == rtype::DS).await?
        else {
            return Ok(None);
        };
        let own = set.owner.label_count() - usize::from(set.owner.wire().starts_with(b"\x01*"));
        if labels == own {
            return Ok(Some(ttl_secs));
        }
        let unproven = || {
            let text = format!("nothing proves that a wildcard may stand for `{}`", set.owner);
            Trouble::Bogus(Fault::new(Ede::NSEC_MISSING, text))
        };
        match self.denial(sets, &set.owner, false).await? {
            Some((Cut::Zone(signer), denial, denial_secs)) if signer.name == zone.name => {
                match denial.no_closer(&set.owner, labels, &mut self.work) {
                    Proof::Secure => Ok(Some(ttl_secs.min(denial_secs))),
                    Proof::Insecure => Ok(None),
                    Proof::Missing => Err(unproven()),
                }
            }
            _ => Err(unproven()),
        }
    }

    /// The proof that a name, or records of a type at it, do not exist.
    async fn nothing(
        &mut self,
        name: &Name,
        qtype: u16,
        rcode: Rcode,
        sets: &RrSets,
    ) -> Result<Link, Trouble> {
        let by_parent = qtype == rtype::DS && name.label_count() > 0;
        if let Some((cut, denial, mut ttl_secs)) = self.denial(sets, name, by_parent).await? {
            match cut {
                Cut::Insecure => return Ok(None),
                Cut::None => (),
                Cut::Zone(zone) => {
                    let proof = if rcode == Rcode::NXDOMAIN {
                        denial.no_name(name, &mut self.work)
                    } else {
                        denial.no_data(name, qtype, &mut self.work)
                    };
                    let is_soa = |it: &&RrSet| it.rtype == rtype::SOA && it.owner == *zone.name;
                    if proof == Proof::Secure
                        && let Some(soa) = sets.authority.iter().find(is_soa)
                    {
                        match self.signed(soa, false).await? {
                            Signed::Secure { ttl_secs: soa_secs, .. } => {
                                ttl_secs = ttl_secs.min(soa_secs);
                            }
                            Signed::Insecure => return Ok(None),
                        }
                    }
                    match proof {
                        Proof::Secure => return Ok(Some(ttl_secs)),
                        Proof::Insecure => return Ok(None),
                        Proof::Missing => (),
                    }
                }
            }
        }
        let depth = name.label_count().saturating_sub(usize::from(by_parent));
        if self.is_excused(&name.ancestor(depth)).await? {
            return Ok(None);
        }
        let what = if rcode == Rcode::NXDOMAIN {
            format!("nothing proves that `{name}` does not exist")
        } else {
            format!("nothing proves that `{name}` has no {} records", rtype::name(qtype))
        };
        Err(Trouble::Bogus(self.why_unproven(sets, what)))
    }

    /// Says that a proof is missing, or, where there is one, what is wrong with its signature's time.
    fn why_unproven(&self, sets: &RrSets, text: String) -> Fault {
        let denies = |it: &&RrSet| matches!(it.rtype, rtype::NSEC | rtype::NSEC3);
        for set in sets.authority.iter().filter(denies) {
            for signature in &set.signatures {
                if let Some(flaw) = super::key::untimely(signature, self.now) {
                    return Fault::of(flaw, &set.owner, set.rtype);
                }
            }
        }
        Fault::new(Ede::NSEC_MISSING, text)
    }
}

/// Both links together: the shorter time, and none without signatures.
fn shorter(one: Link, other: Link) -> Link {
    Some(one?.min(other?))
}

fn unseen<'s>(sets: &'s RrSets, seen: &'s [bool]) -> impl Iterator<Item = &'s RrSet> {
    sets.answer.iter().zip(seen).filter(|it| !it.1).map(|it| it.0)
}

/// What a DNAME record makes of a name below it (RFC 6672 section 2.2).
fn renamed(name: &Name, set: &RrSet) -> Option<Name> {
    let [target] = &set.rdatas[..] else { return None };
    let kept = name.wire().len() - set.owner.wire().len();
    let wire = [&name.wire()[..kept], target].concat();
    Name::read(&wire).map(|it| it.0)
}

fn wrong_alias(name: &Name) -> Trouble {
    let text = format!("the alias of `{name}` is not the one that was signed");
    Trouble::Bogus(Fault::new(Ede::DNSSEC_BOGUS, text))
}

fn too_much() -> Trouble {
    Trouble::Bogus(Fault::too_much())
}

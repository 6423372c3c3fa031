//! Validation of answers (RFC 4035, RFC 5155, RFC 6840): whether what an upstream says is what the zones have signed.
//!
//! [`Validator::validate`] reads an answer as it came, with its signatures, and follows it link by link from the name asked, over
//! aliases, to records or to the proof that there are none (`links`). Each link's signer is followed up to a trust anchor
//! (`anchors`, `session`); what that finds of zones is remembered (`cuts`), so that a name in a known zone costs no exchange.
//! Nothing of the answer is changed here.
//!
//! What one answer may cost is bounded: [`EXCHANGES_MAX`], [`CHECKS_MAX`], and few hashes of few iterations each.

mod anchors;
mod cuts;
mod denial;
mod hashed;
mod key;
mod links;
mod session;
#[cfg(test)]
mod tests;
mod types;

pub use anchors::{Anchors, AnchorsError};
pub use cuts::CUTS_MAX;
pub use session::{CHECKS_MAX, EXCHANGES_MAX};

use crate::{
    dns::{Answer, Ede, rtype},
    name::Name,
    upstream::{self, ForwardError, Upstreams},
};
use cuts::Cuts;
use hashed::Work;
use key::Flaw;
use session::{Session, Trouble};
use std::fmt;

/// Validates answers against trust anchors.
pub struct Validator {
    anchors: Anchors,
    cuts: Cuts,
    /// The time of day; none while the clock is not set.
    clock: fn() -> Option<u64>,
}

/// What an answer is worth (RFC 4035 section 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A chain of signatures leads to it. It may be kept for so many seconds.
    Secure(u32),
    /// Its zone has no signatures, and that is proven.
    Insecure,
    /// Signatures ought to be there, and are not, or are wrong.
    Bogus(Fault),
    /// What would tell could not be asked.
    Unreachable(ForwardError),
    /// Nobody can tell before the clock is set.
    Waiting,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// INFO-CODE of the Extended DNS Error that says so (RFC 8914).
    pub code: u16,
    /// One sentence for a person.
    pub text: String,
}

impl Validator {
    /// One that trusts these, and knows nothing yet.
    pub fn new(anchors: Anchors) -> Self {
        Self { anchors, cuts: Cuts::new(), clock: upstream::unix_time }
    }

    /// Whom it trusts.
    pub const fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// Judges the answer to `name qtype`, class IN, asked with DO and CD. What else it needs to know it asks `upstreams`, which knows
    /// of all names but those that `is_exempt` names: those are taken as they come. Tells how many questions that took as well.
    pub async fn validate(
        &self,
        upstreams: &Upstreams,
        (name, qtype): (&Name, u16),
        answer: &Answer,
        is_exempt: impl Fn(&Name) -> bool + Send,
    ) -> (Judged, u32) {
        let Some(now) = (self.clock)() else { return (Judged::Waiting, 0) };
        let mut session = Session {
            validator: self,
            upstreams,
            // Signatures count in seconds modulo 2^32.
            now: now as u32,
            work: Work::default(),
            exchanges: 0,
            checks: 0,
        };
        let judged = match session.answer(name, qtype, answer, is_exempt).await {
            Ok(Some(ttl_secs)) => Judged::Secure(ttl_secs),
            Ok(None) => Judged::Insecure,
            Err(Trouble::Bogus(fault)) => Judged::Bogus(fault),
            Err(Trouble::Unreachable(error)) => Judged::Unreachable(error),
        };
        (judged, session.exchanges)
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("anchors", &self.anchors).finish_non_exhaustive()
    }
}

impl Fault {
    const fn new(code: u16, text: String) -> Self {
        Self { code, text }
    }

    fn too_much() -> Self {
        let text = "validating this answer would take too much work".to_owned();
        Self::new(Ede::DNSSEC_BOGUS, text)
    }

    fn of(flaw: Flaw, owner: &Name, rtype: u16) -> Self {
        let what = rtype::name(rtype);
        match flaw {
            Flaw::Expired => Self::new(
                Ede::SIGNATURE_EXPIRED,
                format!("the signature of the {what} records of `{owner}` has expired"),
            ),
            Flaw::NotYetValid => Self::new(
                Ede::SIGNATURE_NOT_YET_VALID,
                format!("the signature of the {what} records of `{owner}` is not valid yet"),
            ),
            Flaw::NoKey => Self::new(
                Ede::DNSSEC_BOGUS,
                format!("no key of the zone signs the {what} records of `{owner}`"),
            ),
            Flaw::Wrong => Self::new(
                Ede::DNSSEC_BOGUS,
                format!("the signature of the {what} records of `{owner}` is wrong"),
            ),
        }
    }
}

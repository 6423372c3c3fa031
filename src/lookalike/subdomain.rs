//! `subdomain`: a brand in a subdomain of somebody else's domain. `paypal.account-check.example`.
//!
//! Sites name their partners, customers and programs in subdomains too (`ticketmaster.goguardian.com`), so a brand alone
//! there tells less than one beside a word that lures, and is worth a look at most.

use super::{
    evidence::{Evidence, Feature},
    scan::Place,
};
use crate::verdict::Technique;

/// Highest score of a brand alone in a subdomain.
pub(super) const BARE_MAX: u8 = 75;

/// Whether evidence is a brand's own letters in a subdomain and nothing besides: no word that lures, no risky or official
/// suffix, no domain that looks random.
pub(super) fn is_bare(evidence: &Evidence) -> bool {
    let f = evidence.features;
    evidence.technique == Technique::Subdomain
        && f.has(Feature::SubBare)
        && !f.has(Feature::SubRandom)
}

/// The feature of a brand at a place below the registered label.
pub(super) const fn feature(place: Place) -> Feature {
    match place {
        Place::SubLabel | Place::Whole => Feature::SubLabel,
        Place::SubToken | Place::Token => Feature::SubToken,
        Place::SubInside | Place::Inside => Feature::SubInside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::{
        Config, Engine,
        tests::{finds, quiet, silent},
    };
    use crate::name::Host;

    #[test]
    fn hits_and_near_misses() {
        finds("paypal-login.account-check.top", Technique::Subdomain, "paypal.com");
        quiet("target.garden.example");
        let engine = Engine::new(&Config::default());
        for name in ["ticketmaster.goguardian.com", "tiktok.tps.dv.tech"] {
            let score = engine.judge(&Host::new(name), &mut Vec::new());
            assert!(score <= BARE_MAX, "{name}: {score}");
        }
        silent("www.paypal.com");
    }
}

//! `subdomain`: a brand in a subdomain of somebody else's domain. `paypal.account-check.example`.
//!
//! Sites name their partners, customers and programs in subdomains too (`ticketmaster.goguardian.com`), so a brand alone
//! there tells less than one beside a word that lures, and is worth a look at most.

use super::{
    evidence::{Evidence, Feature},
    scan::{Place, Scan},
    view::Span,
    words::Strength,
};
use crate::verdict::Technique;

/// Highest score of a brand in a subdomain as honest sites have it too.
pub(super) const HONEST_MAX: u8 = 75;

/// Whether evidence is a brand's own letters in a subdomain and nothing besides: no word that lures, no risky or official
/// suffix, no domain that looks random or holds a number. Or beside one word that lures, each a label of its own, as the portals that a
/// company runs for its people are named (`login.paypal.vendor.example`).
pub(super) fn is_honest_too(evidence: &Evidence) -> bool {
    let f = evidence.features;
    let usual = f.has(Feature::SubBare) || f.has(Feature::SubPortal);
    evidence.technique == Technique::Subdomain && usual && !f.has(Feature::SubRandom)
}

/// Whether a brand and one word that lures stand in labels of their own below a registered label that has no such word.
pub(super) fn is_portal(scan: &Scan<'_>, span: Span) -> bool {
    let (view, words) = (scan.view, &scan.know.words);
    let mut lures = 0;
    for token in view.tokens().iter().filter(|it| !it.span.overlaps(span)) {
        let at = usize::from(token.label);
        let whole = token.span.len() == view.labels()[at].len();
        let lured = words.at(view, token.span) == Some(Strength::Strong);
        let glued = || words.segment(view, token.span).is_some_and(|it| it.strong > 0);
        if lured && whole && !view.is_registered(at) {
            lures += 1;
        } else if lured || glued() {
            return false;
        }
    }
    lures == 1
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
            assert!(score <= HONEST_MAX, "{name}: {score}");
        }
        silent("www.paypal.com");
    }

    #[test]
    fn portals_of_honest_companies_are_worth_a_look_at_most() {
        let engine = Engine::new(&Config::default());
        let score = |name| engine.judge(&Host::new(name), &mut Vec::new());
        for portal in ["login.paypal.vendor.com", "www.paypal.support.vendor.co.uk"] {
            assert!((50..=HONEST_MAX).contains(&score(portal)), "{portal}: {}", score(portal));
        }
        for deceptive in [
            "login.paypal.vendor.top",
            "login.paypal.account-check.com",
            "secure.login.paypal.vendor.com",
            "paypal-login.vendor.com",
            "login.microsoftonline.vendor.com",
        ] {
            assert!(score(deceptive) >= 80, "{deceptive}: {}", score(deceptive));
        }
    }

    #[test]
    fn one_label_below_a_suffix_of_bad_name_is_enough() {
        let engine = Engine::new(&Config::default());
        let score = |name| engine.judge(&Host::new(name), &mut Vec::new());
        for name in [
            "coinbase.garden.cc",
            "netflix.garden.life",
            "www.binance.garden.mom",
            "paypal.30517288.net",
            "www.kleinanzeigen.abc4471093.org",
        ] {
            assert!(score(name) >= 80, "{name}: {}", score(name));
        }
        for name in [
            "coinbase.garden.io",
            "netflix.garden.net",
            "netflix.festival2026.net",
            "netflix.hotel12.net",
        ] {
            assert!(score(name) <= HONEST_MAX, "{name}: {}", score(name));
        }
        quiet("target.garden.cc");
        quiet("gitlab.garden.life");
        quiet("ups.garden.example");
        assert!(score("ups.garden.buzz") >= 80);
    }

    #[test]
    fn brands_of_one_country_below_the_suffix_of_another() {
        let engine = Engine::new(&Config::default());
        let score = |name| engine.judge(&Host::new(name), &mut Vec::new());
        for name in ["viewsnet-abc.garden.cn", "www.viewsnet.garden.cn"] {
            assert!(score(name) >= 80, "{name}: {}", score(name));
        }
        for name in ["viewsnet.garden.com.cn", "viewsnet.garden.de", "paypal.garden.cn"] {
            assert!(score(name) <= HONEST_MAX, "{name}: {}", score(name));
        }
    }
}

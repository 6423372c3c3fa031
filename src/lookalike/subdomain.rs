//! `subdomain`: a brand in a subdomain of somebody else's domain. `paypal.account-check.example`.
//!
//! Sites name their partners and their programs in subdomains too, so a brand alone there tells less than one beside a
//! word that lures.

use super::{evidence::Feature, scan::Place};

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
    use crate::lookalike::tests::{finds, quiet, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("paypal-login.account-check.top", Technique::Subdomain, "paypal.com");
        quiet("target.garden.example");
        silent("www.paypal.com");
    }
}

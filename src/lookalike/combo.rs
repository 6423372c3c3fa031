//! `combo`: a brand and another word in one label. `paypal-login.top`, `securepaypal.com`, `mi-netflix-cuenta.info`.
//!
//! With separators the brand is a token; without, the rest of the label should split into words, keywords or digits, and
//! the brand must not be part of a longer word. A brand that is itself a common word needs a keyword beside it.

use super::{
    evidence::Feature,
    scan::{Place, Scan},
    view::Span,
};

/// The feature of a brand at a place of the registered label.
pub(super) const fn feature(place: Place) -> Feature {
    match place {
        Place::Inside | Place::SubInside => Feature::ComboInside,
        Place::Whole | Place::Token | Place::SubLabel | Place::SubToken => Feature::ComboToken,
    }
}

/// Whether a label may count inside a token: not within a longer word, and a common word not at all next to letters that
/// make no words.
pub(super) fn may_stand_inside(scan: &Scan<'_>, label: u32, span: Span) -> bool {
    if scan.view.foreign(span) > 0 {
        return true;
    }
    let around = scan.view.labels()[scan.view.label_of(span)];
    let _ = label;
    !scan.know.words.inside_word(scan.view, around, span)
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, silent, why};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("paypal-login.top", Technique::Combo, "paypal.com");
        finds("securepaypal-account.com", Technique::Combo, "paypal.com");
        finds("netflixaccountupdate.com", Technique::Combo, "netflix.com");
        finds("chase-verify-account.top", Technique::Combo, "chase.com");
        silent("purchases.com");
        silent("applepie.com");
        silent("snapple.com");
        silent("targeted.org");
    }

    #[test]
    fn sentences_name_brand_and_word() {
        assert_eq!(
            why("paypal-login.top"),
            "`paypal-login.top` sets `paypal` beside `login`, and is not one of the domains of `paypal.com`"
        );
    }
}

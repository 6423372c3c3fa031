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

/// Whether a label may count inside a token: not within a longer word; in four letters only at an end of it, with nothing but
/// words and a keyword beside.
pub(super) fn may_stand_inside(scan: &Scan<'_>, label: u32, token: Span, span: Span) -> bool {
    let view = scan.view;
    if view.foreign(span) > 0 {
        return span.len() > 4;
    }
    if span.len() < 5 {
        let rest = if span.start == token.start {
            Span { start: span.end, end: token.end }
        } else if span.end == token.end {
            Span { start: token.start, end: span.start }
        } else {
            return false;
        };
        let lures = || scan.know.words.segment(view, rest).is_some_and(|it| it.strong > 0);
        if scan.know.protected.label(label).common || !lures() {
            return false;
        }
    }
    !scan.know.words.inside_word(view, view.labels()[view.label_of(span)], span)
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

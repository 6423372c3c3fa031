//! `combo`: a brand and another word in one label. `paypal-login.top`, `securepaypal-account.top`, `mi-netflix-cuenta.info`.
//!
//! With separators the brand is a token; without, the rest of the label should split into words, keywords or digits, and
//! the brand must not be part of a longer word. A brand that is itself a common word needs a keyword beside it.

use super::{
    doppelganger,
    evidence::Feature,
    scan::{Place, Scan},
    view::Span,
    words::{Segments, Strength},
};

/// The feature of a brand at a place of the registered label.
pub(super) const fn feature(place: Place) -> Feature {
    match place {
        Place::Inside | Place::SubInside => Feature::ComboInside,
        Place::Whole | Place::Token | Place::SubLabel | Place::SubToken => Feature::ComboToken,
    }
}

/// Whether a label may count inside a token.
///
/// Not within a longer word, and not where its letters arise from two words that meet. Seven letters and more count
/// anywhere, six at an end of the token or among words, five among words with a keyword, four with nothing beside but such
/// words and at an end; any in an address without its dots.
pub(super) fn may_stand_inside(scan: &Scan<'_>, label: u32, token: Span, span: Span) -> bool {
    let view = scan.view;
    if view.foreign(span) > 0 {
        return span.len() > 4;
    }
    let known = scan.know.protected.label(label);
    let (at_start, at_end) = (span.start == token.start, span.end == token.end);
    if known.flags.overlap && !at_start {
        return false;
    }
    let segment = |start, end| scan.know.words.segment(view, Span { start, end });
    let (left, right) = (segment(token.start, span.start), segment(span.end, token.end));
    let among_words = left.is_some() && right.is_some();
    let strong = |it: Option<Segments>| it.is_some_and(|it| it.strong > 0);
    let lures = strong(left) || strong(right);
    let counts = match span.len() {
        ..5 => (at_start || at_end) && among_words && lures && (known.own || !known.flags.common),
        5 => among_words && (lures || other_lure(scan, token)),
        6 => at_start || at_end || among_words,
        _ => true,
    };
    (counts || doppelganger::is_address(scan, label, token, span))
        && !scan.know.words.inside_word(view, view.labels()[view.label_of(span)], span)
}

/// Whether another token is a strong keyword.
fn other_lure(scan: &Scan<'_>, token: Span) -> bool {
    let strong = |it: Span| scan.know.words.at(scan.view, it) == Some(Strength::Strong);
    scan.view.tokens().iter().any(|it| it.span != token && strong(it.span))
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, score, silent, why};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("paypal-login.top", Technique::Combo, "paypal.com");
        finds("securepaypal-account.top", Technique::Combo, "paypal.com");
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

    #[test]
    fn a_long_name_inside_a_longer_one_is_worth_a_look_where_nothing_lures() {
        for (quiet, lured) in [
            ("bankofamericagarden.com", "bankofamericagardenlogin.com"),
            ("bankofamericagarden.com", "bankofamericagarden.top"),
        ] {
            assert!((50..80).contains(&score(quiet)), "{quiet}: {}", score(quiet));
            assert!(score(lured) >= 80, "{lured}: {}", score(lured));
        }
    }

    #[test]
    fn numbers_beside_a_brand_count_where_they_are_no_year() {
        assert!(score("48213-icloud.com") >= score("2024-icloud.com") + 20);
        assert!(score("icloud-12.com") < 80);
    }

    #[test]
    fn a_token_beside_a_word_that_lures_counts_for_more() {
        for (quiet, lured) in [
            ("coinbase-garden.info", "coinbase-garden.live"),
            ("coinbase-garden.net", "coinbase-garden.live"),
        ] {
            assert!(score(quiet) < 80, "{quiet}: {}", score(quiet));
            assert!(score(lured) >= 80, "{lured}: {}", score(lured));
        }
        assert!(score("chase-unlock.com") > score("chase-unlock.de"));
    }
}

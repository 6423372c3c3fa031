//! `doppelganger`: a dot left out. `wwwpaypal.com`, `mailgoogle.com`, `loginmicrosoft.com`.
//!
//! The registered label is a host name that sites use and the brand behind it, under a suffix of the brand's own: what is
//! reached by leaving out one dot of a real address.

use super::{parts::Part, scan::Scan, view::Span};

/// The host name that means nothing but a site's address.
pub(super) const WWW: &[u8] = b"www";

/// Whether what stands before a brand is a host name whose dot was left out. Behind the brand nothing follows, or, as nobody begins a
/// word with `www`, further tokens.
pub(super) fn is_missing_dot(scan: &Scan<'_>, label: Span, brand: Span) -> bool {
    let text = scan.view.text();
    let before = &text[label.start()..brand.start()];
    let ends_label = brand.end() == label.end();
    Part::Host.is(before) && (ends_label || (before == WWW && text[brand.end()] == b'.'))
}

/// Whether the brand is followed by an official suffix without its dots (`paypalcom`, `amazoncojp`), and that by nothing or
/// a keyword: `intelcompras` goes on with a word.
pub(super) fn is_glued_suffix(scan: &Scan<'_>, label: u32, token_end: usize, brand: Span) -> bool {
    let after = Span::new(brand.end(), token_end);
    let Some(len) = scan.know.protected.label(label).glued_suffix(scan.view.bytes(after)) else {
        return false;
    };
    let rest = Span::new(after.start() + len, after.end());
    rest.len() == 0 || scan.know.words.segment(scan.view, rest).is_some_and(|it| it.strong > 0)
}

/// Whether a token is an address of a brand without its dots and nothing else: `wwwusps`, `wwwuspscom`, `uspscom`. A word may end
/// in `com` by chance (`wisecom`), so that one needs `www`.
pub(super) fn is_address(scan: &Scan<'_>, label: u32, token: Span, brand: Span) -> bool {
    let known = scan.know.protected.label(label);
    let glued = known.glued_suffix(scan.view.bytes(Span::new(brand.end(), token.end())));
    let whole = brand.end() + glued.unwrap_or(0) == token.end();
    let www = scan.view.bytes(Span::new(token.start(), brand.start())) == WWW;
    let plain = brand.start() == token.start() && glued.is_some() && !known.flags.common;
    whole && (www || plain)
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, score, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("wwwpaypal.com", Technique::Doppelganger, "paypal.com");
        finds("wwwcoinbase.com", Technique::Doppelganger, "coinbase.com");
        finds("wwwnetflixcom.top", Technique::Embedding, "netflix.com");
        finds("wwwusps.com.evil.top", Technique::Subdomain, "usps.com");
        finds("uspscom-track.top", Technique::Embedding, "usps.com");
        finds("wwwhsbc.com", Technique::Doppelganger, "hsbc.com");
        finds("wwwpaypal-account.com", Technique::Doppelganger, "paypal.com");
        silent("www.paypal.com");
        silent("mailpoet.com");
    }

    #[test]
    fn three_letters_count_in_an_address() {
        finds("dhlcom-track.top", Technique::Embedding, "dhl.com");
        finds("upscom-track.top", Technique::Embedding, "ups.com");
        finds("wwwupscom.top", Technique::Embedding, "ups.com");
        finds("anzcomau-login.top", Technique::Embedding, "anz.com");
        finds("dpdcouk-redelivery.com", Technique::Embedding, "dpd.com");
        finds("wwwups-track.com", Technique::Doppelganger, "ups.com");
        silent("anacom.pt");
        silent("upscomputers.com");
        silent("groupscom.net");
        silent("wwwupstream.com");
        silent("dhlcomfort-shop.com");
    }

    #[test]
    fn a_word_and_a_suffix_glued_are_worth_a_look_where_nothing_lures() {
        for (quiet, lured) in [
            ("spectrumnet.example", "spectrumnet.top"),
            ("mail.spectrumnet.se", "spectrumnet-login.se"),
        ] {
            assert!(score(quiet) < 80, "{quiet}: {}", score(quiet));
            assert!(score(lured) >= 80, "{lured}: {}", score(lured));
        }
        assert!(score("amazoncouk.com") >= 50);
    }
}

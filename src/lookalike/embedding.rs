//! `embedding`: a whole official domain carried inside another name. `usps.com-track.top`, `paypal.com.evil.example`,
//! `www-paypal-com.top`.
//!
//! Consecutive tokens that spell an official domain are the best sign there is. Glued forms (`paypalcom`) are found as a
//! brand followed by the suffix. At the very end of the chosen part a short or common label may be chance (`my-ups-com`).

use crate::{name, verdict::Technique};

use super::{
    evidence::{Detail, Evidence, Feature, Features, List, NO_LABEL},
    parts::Part,
    scan::Scan,
    view::{Span, Token},
};

/// Most tokens of an official domain.
const TOKENS_MAX: usize = 5;

/// Looks for official domains as consecutive tokens.
pub(super) fn find(scan: &Scan<'_>, found: &mut List) {
    let tokens = scan.view.tokens();
    for first in 0..tokens.len() {
        for last in first + 1..tokens.len().min(first + TOKENS_MAX) {
            let span = Span::new(tokens[first].span.start(), tokens[last].span.end());
            let text = scan.view.bytes(span);
            let Some(id) = scan.know.protected.joined(scan.view.hash(span), text) else { continue };
            let domain = &scan.know.protected.domains[id as usize];
            let tail = last + 1 == tokens.len();
            let across = tokens[first].label != tokens[last].label;
            let mut features = Features::default();
            features.set(Feature::EmbedTail, tail);
            features.set(Feature::EmbedMiddle, !tail);
            features.set(Feature::EmbedDashed, !across);
            let technique = Technique::Embedding;
            let detail = Detail::Domain(id);
            found.push(Evidence {
                technique,
                label: domain.label,
                span,
                detail,
                features,
                score: 0,
            });
        }
    }
}

/// Whether a name is a machine's of an Internet provider in a country, behind a second level that the provider holds itself:
/// `1-2-3-4.static.isp.com.cl`.
pub(super) fn is_machine(scan: &Scan<'_>) -> bool {
    let (view, labels) = (scan.view, scan.view.labels());
    let [first, .., last] = labels else { return false };
    let octets = view.bytes(*first).split(|it| *it == b'.');
    let is_octet = |it: &[u8]| matches!(it.len(), 1..=3) && it.iter().all(u8::is_ascii_digit);
    Part::Second.is(view.bytes(*last))
        && octets.clone().count() == 4
        && octets.into_iter().all(is_octet)
}

/// Looks for what reads as a domain of its own under a country's second level, in front of the registered name:
/// `www.konto-check.co.jp.qx7.example`. Whoever writes so wants the eye to stop there, whatever the name. The country's label may go
/// on behind a hyphen (`konto.co.jp-check.example`), and hyphens may stand for dots (`konto-co-jp.qx7.example`).
pub(super) fn find_stranger(scan: &Scan<'_>, found: &mut List) {
    let first = scan.view.tokens().windows(3).find_map(|it| match it {
        [name, second, country] if country.span.len() == 2 => stranger(scan, name, second, country),
        _ => None,
    });
    if let Some((span, features)) = first.or_else(|| state(scan)) {
        found.push(Evidence {
            technique: Technique::Embedding,
            label: NO_LABEL,
            span,
            detail: Detail::Stranger,
            features,
            score: 0,
        });
    }
}

/// What reads as a domain, where three tokens are a name, a second level and a country.
fn stranger(
    scan: &Scan<'_>,
    name: &Token,
    second: &Token,
    country: &Token,
) -> Option<(Span, Features)> {
    let (view, labels) = (scan.view, scan.view.labels());
    let host = view.bytes(name.span);
    // Numbers are machines: `1-2-3-4.net.pr-link.example`.
    let is_name = host != b"www" && host.iter().any(u8::is_ascii_alphabetic);
    if !Part::Second.is(view.bytes(second.span)) || !is_name {
        return None;
    }
    let label = labels[usize::from(country.label)];
    let registered = view.is_registered(country.label.into());
    let is_label = |it: &Token| labels[usize::from(it.label)] == it.span;
    let last = scan.cut.suffix.rsplit('.').next().unwrap_or("");
    let abroad = last.as_bytes() != view.bytes(country.span) && is_favoured(scan);
    let mut features = Features::of(&[Feature::EmbedSuffix]);
    features.set(Feature::EmbedAbroad, abroad);
    if is_label(second) && is_label(country) && !registered {
        // The plain form.
    } else if is_label(second) && country.span.start == label.start && name.label != second.label {
        let (state, word) =
            (Part::State.is(view.bytes(second.span)), Part::Word.is(view.bytes(country.span)));
        // Counties of the United States: `www.parks.co.st-clair.il.us`.
        let chance = last.as_bytes() == view.bytes(country.span)
            || last == "us"
            || (word && !state && !abroad);
        if chance {
            return None;
        }
        features.set(Feature::EmbedBroken, true);
    } else if name.label == country.label && country.span.end == label.end && !registered {
        if last.as_bytes() == view.bytes(country.span) {
            return None;
        }
        features.set(Feature::EmbedDashed, true);
    } else {
        return None;
    }
    let suffix = Span { start: second.span.start, end: country.span.end };
    let is_suffix = std::str::from_utf8(view.bytes(suffix))
        .is_ok_and(|it| name::public_suffix(it).len() == it.len());
    let start = if name.label == second.label {
        name.span.start
    } else {
        labels[usize::from(name.label)].start
    };
    is_suffix.then_some((Span { start, end: country.span.end }, features))
}

/// A state's second level that begins the registered label, with a label in front of it: `tx.gov-pay.example`.
fn state(scan: &Scan<'_>) -> Option<(Span, Features)> {
    let (view, labels) = (scan.view, scan.view.labels());
    let [.., before, label] = labels else { return None };
    let first = view.tokens().iter().find(|it| it.span.start == label.start)?.span;
    if first == *label || !Part::State.is(view.bytes(first)) || view.bytes(*before) == b"www" {
        return None;
    }
    let mut features = Features::of(&[Feature::EmbedSuffix]);
    // Two letters are a state of the United States or a country.
    features.set(Feature::EmbedBroken, before.len() == 2 || is_favoured(scan));
    Some((Span { start: before.start, end: first.end }, features))
}

/// Whether deceivers favour the suffix.
fn is_favoured(scan: &Scan<'_>) -> bool {
    let suffix = scan.cut.suffix;
    let last = suffix.rsplit('.').next().unwrap_or("");
    Part::Abroad.is(suffix) || scan.know.risk(suffix).max(scan.know.risk(last)) > 0
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, score, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("usps.com-track.top", Technique::Embedding, "usps.com");
        finds("paypal.com.evil.example", Technique::Embedding, "paypal.com");
        finds("www-paypal-com.secure.top", Technique::Embedding, "paypal.com");
        finds("amazon.co.jp.account-check.top", Technique::Embedding, "amazon.co.jp");
        finds("www2.mioacd.co.jp.qx7.example", Technique::Embedding, "mioacd.co.jp");
        silent("paypal.com");
        silent("www.co.jp.example");
        silent("a.b.co.example");
        silent("amazon.com.edgekey.net");
        silent("paypal.com.fritz.box");
    }

    #[test]
    fn strangers_under_a_country_that_is_not_theirs() {
        let check = |name: &str, expected: std::ops::RangeInclusive<u8>| {
            let got = score(name);
            assert!(expected.contains(&got), "{name}: {got}");
        };
        for name in [
            "www.konto-qzx.co.jp.qx7.cn",
            "www.konto-qzx.co.jp.qx7.top",
            "login.konto-qzx.co.jp-check.example",
            "toll.itx.gov.ae-qzxy.com",
            "www.konto-co-jp.qx7.cfd",
            "konto-qzx-co-jp.qx7.cn",
            "tx.gov-qzx.help",
            "ca.gov-qzx.example",
            "parks.state.gov-qzx.top",
        ] {
            check(name, 80..=100);
        }
        check("4-3-2-1.static.centurylink.com.cl", 50..=79);
        check("static.centurylink.com.cl", 80..=100);
        // Without a suffix of bad name they are worth a look.
        check("www.konto-qzx.co.jp.qx7.example", 50..=79);
        check("www.konto-co-jp.qx7.com", 50..=79);
        check("members.gov-qzx.com", 50..=79);
        for name in [
            "gis.co.st-clair.il.us",
            "mail.garden.net.in-berlin.example",
            "4.3.2.1.garden.net.br-ipv4.garden.net.br",
            "4-3-2-1.net.pr-link.example",
            "www.gov-auctions.example",
            "gov-auctions.example",
            "www.co.jp-check.example",
            "www.co.jp.qx7.cn",
            "shop.garden-co-at.example",
            "konto-qzx-co-jp.cfd",
            "a-co-jp.garden.jp",
        ] {
            silent(name);
        }
    }
}

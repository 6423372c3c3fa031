//! `embedding`: a whole official domain carried inside another name. `usps.com-track.top`, `paypal.com.evil.example`,
//! `www-paypal-com.top`.
//!
//! Consecutive tokens that spell an official domain are the best sign there is. Glued forms (`paypalcom`) are found as a
//! brand followed by the suffix. At the very end of the chosen part a short or common label may be chance (`my-ups-com`).

use crate::{name, verdict::Technique};

use super::{
    evidence::{Detail, Evidence, Feature, Features, List, NO_LABEL},
    scan::Scan,
    view::Span,
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

/// Second-level labels under which countries register: the `co` of `co.jp`.
const SECOND_LEVEL: &[&[u8]] =
    &[b"ac", b"co", b"com", b"edu", b"go", b"gob", b"gov", b"gouv", b"ne", b"net", b"or", b"org"];

/// Looks for what reads as a domain of its own under a country's second level, in front of the registered name:
/// `www.konto-check.co.jp.qx7.example`. Whoever writes so wants the eye to stop there, whatever the name.
pub(super) fn find_stranger(scan: &Scan<'_>, found: &mut List) {
    let (view, labels) = (scan.view, scan.view.labels());
    for at in 1..labels.len().saturating_sub(2) {
        let (second, country) = (view.bytes(labels[at]), view.bytes(labels[at + 1]));
        if country.len() != 2 || !SECOND_LEVEL.contains(&second) {
            continue;
        }
        let span = Span { start: labels[at - 1].start, end: labels[at + 1].end };
        let host = view.bytes(labels[at - 1]) == b"www";
        let suffix = Span { start: labels[at].start, end: labels[at + 1].end };
        let is_suffix = std::str::from_utf8(view.bytes(suffix))
            .is_ok_and(|it| name::public_suffix(it).len() == it.len());
        if is_suffix && !host {
            let (technique, detail) = (Technique::Embedding, Detail::Stranger);
            scan.push(technique, NO_LABEL, span, detail, &[Feature::EmbedSuffix], found);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, silent};
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
}

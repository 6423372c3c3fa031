//! `embedding`: a whole official domain carried inside another name. `usps.com-track.top`, `paypal.com.evil.example`,
//! `www-paypal-com.top`.
//!
//! Consecutive tokens that spell an official domain are the best sign there is. Glued forms (`paypalcom`) are found as a
//! brand followed by the suffix. At the very end of the chosen part a short or common label may be chance (`my-ups-com`).

use crate::verdict::Technique;

use super::{
    evidence::{Detail, Evidence, Feature, Features, List},
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
            found.push(Evidence { technique, label: domain.label, span, detail, features });
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
        silent("paypal.com");
        silent("amazon.com.edgekey.net");
        silent("paypal.com.fritz.box");
    }
}

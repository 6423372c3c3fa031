//! `hyphen`: a hyphen added or left out. `face-book.com`, `pay-pal-login.top`, `tmobile.top`.
//!
//! Tokens in a row are glued and asked for; a label that has hyphens is also known without them and as a run of tokens.

use crate::verdict::Technique;

use super::{
    evidence::{Detail, Feature, List},
    hash::concat,
    scan::Scan,
    view::Span,
};

/// Most tokens glued together.
const GLUED_MAX: usize = 3;

/// Looks for labels written with hyphens that they do not have, and for labels that have some.
pub(super) fn find(scan: &Scan<'_>, found: &mut List) {
    let tokens = scan.view.tokens();
    for first in 0..tokens.len() {
        let mut glued = scan.view.hash(tokens[first].span);
        let mut text = [0_u8; 64];
        let Some(mut len) = copy(scan, tokens[first].span, &mut text, 0) else { continue };
        for last in first + 1..tokens.len().min(first + GLUED_MAX) {
            let (from, to) = (tokens[first], tokens[last]);
            if from.label != to.label {
                break;
            }
            let Some(longer) = copy(scan, to.span, &mut text, len) else { break };
            glued = concat(glued, scan.view.hash(to.span), to.span.len());
            len = longer;
            let span = Span::new(from.span.start(), to.span.end());
            if let Some(label) =
                scan.know.protected.exact(scan.view.hash(span), scan.view.bytes(span))
            {
                // The label's own hyphens: an ordinary place of a brand.
                scan.exact(label, span, found);
            } else if len >= 6
                && let Some(label) = scan.know.protected.exact(glued, &text[..len])
            {
                scan.push(Technique::Hyphen, label, span, Detail::None, &[Feature::Hyphen], found);
            }
        }
    }
}

/// Appends a token to the glued text; `None` when it does not fit.
fn copy(scan: &Scan<'_>, span: Span, text: &mut [u8; 64], at: usize) -> Option<usize> {
    let end = at + span.len();
    text.get_mut(at..end)?.copy_from_slice(scan.view.bytes(span));
    Some(end)
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("face-book-login.com", Technique::Hyphen, "facebook.com");
        finds("micro-soft.top", Technique::Hyphen, "microsoft.com");
        silent("face-lift.com");
        silent("t-mobile.com");
    }
}

//! `hyphen`: a hyphen added, left out or moved. `face-book-login.com`, `pay-pal-login.top`.
//!
//! For the operator's own `contoso-widgets.com` that is `contosowidgets.com` and `con-tosowidgets.com` too.
//! Tokens in a row are glued and asked for; a label that has hyphens is also known without them and as a run of tokens.
//! For own labels with hyphens a run may hold a look-alike letter or a slip as well, and stand inside a longer text.

use crate::verdict::Technique;

use super::{
    combo,
    evidence::{Detail, Feature, List},
    hash::concat,
    protect::Label,
    scan::Scan,
    view::Span,
};

/// Most tokens glued together, where no own label has more.
const GLUED_MAX: usize = 3;
/// Most letters of tokens glued together.
const GLUED_LEN_MAX: usize = 64;
/// Most tokens of a run in any case.
const RUN_MAX: usize = 8;

/// Looks for labels written with hyphens that they do not have, and for labels that have some.
pub(super) fn find(scan: &Scan<'_>, found: &mut List) {
    let tokens = scan.view.tokens();
    let hyphened = scan.know.protected.hyphen_tokens;
    let run_max = hyphened.clamp(GLUED_MAX, RUN_MAX);
    for first in 0..tokens.len() {
        let mut glued = scan.view.hash(tokens[first].span);
        let mut len = tokens[first].span.len();
        for last in first + 1..tokens.len().min(first + run_max) {
            let (from, to) = (tokens[first], tokens[last]);
            len += to.span.len();
            if from.label != to.label || len > GLUED_LEN_MAX {
                break;
            }
            glued = concat(glued, scan.view.hash(to.span), to.span.len());
            let span = Span::new(from.span.start(), to.span.end());
            if let Some(label) =
                scan.know.protected.exact(scan.view.hash(span), scan.view.bytes(span))
            {
                // The label's own hyphens: an ordinary place of a brand.
                scan.exact(label, span, found);
            } else if len >= 6
                && let Some(label) =
                    scan.know.protected.exact_without_dots(glued, scan.view.bytes(span))
            {
                scan.push(Technique::Hyphen, label, span, Detail::None, &[Feature::Hyphen], found);
            } else if last - first < hyphened {
                let ends = [from.span, to.span].map(|it| scan.view.hash(it));
                let may_slip = ends.into_iter().any(|it| scan.know.protected.is_hyphen_end(it));
                scan.near_run(span, may_slip, found);
            }
        }
    }
    if hyphened > 0 {
        find_inside(scan, found);
    }
}

/// Looks for own labels with hyphens among letters: `wwwcontoso-widgets`, `contoso-widgetslogin`.
fn find_inside(scan: &Scan<'_>, found: &mut List) {
    let (view, protected) = (scan.view, &scan.know.protected);
    for label in view.labels() {
        for start in label.start()..label.end() {
            for len in protected.hyphen_lengths(&view.text()[start..label.end()]) {
                let span = Span::new(start, start + len);
                let token = scan.tokens_of(span);
                // A run of whole tokens was found as such.
                if token == span {
                    continue;
                }
                let Some(id) = protected.exact(view.hash(span), view.bytes(span)) else { continue };
                if combo::may_stand_inside(scan, id, token, span) {
                    scan.exact(id, span, found);
                }
            }
        }
    }
}

/// Whether a run of tokens may be a slip for a label: one that has hyphens itself, and differs by more than words of their
/// own: `blue-mouse` is no slip for `blue-house`.
pub(super) fn is_near(scan: &Scan<'_>, span: Span, label: &Label) -> bool {
    let typed = scan.view.tokens().iter().map(|it| it.span).filter(|it| span.contains(*it));
    let is_word = |(token, meant): (Span, &str)| {
        scan.view.bytes(token) == meant.as_bytes()
            || scan.know.words.segment(scan.view, token).is_some()
    };
    label.text.contains('.') && !typed.zip(label.text.split('.')).all(is_word)
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, score, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("face-book-login.com", Technique::Hyphen, "facebook.com");
        finds("micro-soft.top", Technique::Hyphen, "microsoft.com");
        silent("face-lift.com");
        silent("t-mobile.com");
    }

    #[test]
    fn a_whole_name_with_hyphens_under_a_country_is_worth_a_look() {
        for (quiet, lured) in [
            ("face-book.nl", "face-book-login.nl"),
            ("american-express.nl", "american-express.top"),
            ("micro-soft.se", "micro-soft.com"),
            ("micro-soft.se", "apple-support.us"),
        ] {
            assert!((50..80).contains(&score(quiet)), "{quiet}: {}", score(quiet));
            assert!(score(lured) >= 80, "{lured}: {}", score(lured));
        }
    }
}

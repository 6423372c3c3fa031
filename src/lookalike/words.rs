//! Words: keywords that lure, dictionary words, and whether a text is made of nothing but words and digits.

use super::{
    data,
    hash::{Texts, hash},
    view::{Span, View},
};

/// Longest word that a text is segmented into.
const WORD_MAX: usize = 16;

/// How much a word beside a brand tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// A dictionary word.
    Word,
    /// It belongs to such names, and to honest ones too.
    Weak,
    /// By itself it asks for something: sign in, pay, track, claim.
    Strong,
}

/// Keywords and dictionary words with their strength.
pub(super) struct Words {
    texts: Texts,
}

/// What a text consists of, see [`Words::segment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Segments {
    /// How many words.
    pub(super) words: u8,
    /// How many of them are weak keywords.
    pub(super) weak: u8,
    /// How many of them are strong keywords.
    pub(super) strong: u8,
}

impl Words {
    /// Reads `keywords.tsv` and `words.txt`.
    pub(super) fn builtin() -> Self {
        let keywords = data::rows(data::KEYWORDS).map(|[word, strength, _]| {
            (word, if strength == "strong" { Strength::Strong } else { Strength::Weak } as u32)
        });
        let words = data::lines(data::WORDS).map(|it| (it.trim(), Strength::Word as u32));
        Self { texts: Texts::new(keywords.chain(words).filter(|(it, _)| it.len() > 1)) }
    }

    /// The strength of a word.
    pub(super) fn strength(&self, word: &[u8]) -> Option<Strength> {
        self.strength_hashed(hash(word), word)
    }

    fn strength_hashed(&self, hash: u64, word: &[u8]) -> Option<Strength> {
        Some(match self.texts.get_hashed(hash, word)? {
            0 => Strength::Word,
            1 => Strength::Weak,
            _ => Strength::Strong,
        })
    }

    /// The strength of a span of a view.
    pub(super) fn at(&self, view: &View, span: Span) -> Option<Strength> {
        self.strength_hashed(view.hash(span), view.bytes(span))
    }

    /// Splits a span into words, keywords and digits: as few words as will do. `None` where something is left over.
    pub(super) fn segment(&self, view: &View, span: Span) -> Option<Segments> {
        let text = view.bytes(span);
        let mut best: [Option<Segments>; 64] = [None; 64];
        best[0] = Some(Segments::default());
        if text.len() >= best.len() {
            return None;
        }
        for at in 0..text.len() {
            let Some(so_far) = best[at] else { continue };
            let digits = text[at..].iter().take_while(|it| it.is_ascii_digit()).count();
            if digits > 0 {
                better(&mut best[at + digits], so_far);
                continue;
            }
            for len in 2..=WORD_MAX.min(text.len() - at) {
                let word = Span::new(span.start() + at, span.start() + at + len);
                let Some(strength) = self.at(view, word) else { continue };
                // Two letters make a word only of keywords; else anything would segment.
                if len == 2 && strength == Strength::Word {
                    continue;
                }
                let mut next = so_far;
                next.words += 1;
                next.weak += u8::from(strength == Strength::Weak);
                next.strong += u8::from(strength == Strength::Strong);
                better(&mut best[at + len], next);
            }
        }
        best[text.len()]
    }

    /// Whether a span stands inside a longer word: `target` in `targeted`, `nike` in `heineken`.
    pub(super) fn inside_word(&self, view: &View, label: Span, span: Span) -> bool {
        let first = label.start().max(span.start().saturating_sub(8));
        let last = label.end().min(span.end() + 8);
        (first..=span.start()).any(|start| {
            (span.end()..=last).any(|end| {
                let longer = Span::new(start, end);
                longer.len() > span.len()
                    && longer.len() <= WORD_MAX
                    && self.at(view, longer) == Some(Strength::Word)
            })
        })
    }
}

/// Keeps the segmentation with fewer words.
fn better(slot: &mut Option<Segments>, new: Segments) {
    if slot.is_none_or(|old| new.words < old.words) {
        *slot = Some(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::glyph::Glyphs;

    fn view(own: &str) -> View {
        let mut view = View::new();
        view.fill(own, &Glyphs::parse(data::HOMOGLYPHS));
        view
    }

    #[test]
    fn texts_are_split_into_words() {
        let words = Words::builtin();
        let check = |text: &str, expected: Option<(u8, u8)>| {
            let got = words.segment(&view(text), Span::new(0, text.len()));
            assert_eq!(got.map(|it| (it.words, it.strong)), expected, "{text}");
        };
        check("login", Some((1, 1)));
        check("accountlogin2024", Some((2, 2)));
        check("greenhouse", Some((1, 0)));
        check("xqzt", None);
        check("2024", Some((0, 0)));
    }

    #[test]
    fn a_brand_inside_a_word_is_seen() {
        let words = Words::builtin();
        let check = |text: &str, brand: &str, expected: bool| {
            let start = text.find(brand).unwrap();
            let span = Span::new(start, start + brand.len());
            let got = words.inside_word(&view(text), Span::new(0, text.len()), span);
            assert_eq!(got, expected, "{text}");
        };
        check("purchases", "chase", true);
        check("chaselogin", "chase", false);
    }
}

//! Words: keywords that lure, dictionary words, and whether a text is made of nothing but words and digits.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::{
    data,
    hash::{Table, Texts, concat, hash},
    typo,
    view::{Span, View},
};

/// Longest word that a text is segmented into.
const WORD_MAX: usize = 16;
/// Shortest keyword, and shortest text, that counts as misspelt.
const MISSPELT_MIN: usize = 5;

/// Set in the value of a word of the dictionary.
const DICTIONARY: u32 = 8;

/// How much a word beside a brand tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// A dictionary word.
    Word,
    /// It stands beside a brand where others write about it or machines are named: `forum`, `cdn`.
    Honest,
    /// It belongs to such names, and to honest ones too.
    Weak,
    /// By itself it asks for something: sign in, pay, track, claim.
    Strong,
}

impl Strength {
    const ALL: [Self; 4] = [Self::Word, Self::Honest, Self::Weak, Self::Strong];
}

/// Keywords and dictionary words with their strength.
pub(super) struct Words {
    texts: Texts,
    /// Strong keywords, and the hashes of each with one letter left out.
    strong: Vec<&'static str>,
    slips: Table,
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
    /// How many of them are honest.
    pub(super) honest: u8,
}

impl Words {
    /// Reads `keywords.tsv` and `words.txt`.
    pub(super) fn builtin() -> Self {
        let graded = || {
            data::rows(data::KEYWORDS).map(|[word, strength, _]| {
                let strength = match strength {
                    "strong" => Strength::Strong,
                    "honest" => Strength::Honest,
                    _ => Strength::Weak,
                };
                (word, strength)
            })
        };
        let words = || data::lines(data::WORDS).map(str::trim);
        let dictionary: HashSet<&str, FixedState> = words().collect();
        let all = graded().chain(words().map(|it| (it, Strength::Word)));
        let texts = Texts::new(all.filter(|(it, _)| it.len() > 1).map(|(it, strength)| {
            let is_word = strength == Strength::Honest || dictionary.contains(it);
            (it, strength as u32 | if is_word { DICTIONARY } else { 0 })
        }));
        let strong: Vec<&str> = graded()
            .filter(|(it, strength)| *strength == Strength::Strong && it.len() >= MISSPELT_MIN)
            .map(|(it, _)| it)
            .collect();
        let slips = Table::new((0..).zip(&strong).flat_map(|(id, it)| keys(id, it)).collect());
        Self { texts, strong, slips }
    }

    /// The strong keyword that a span misspells by one letter. `None` for what is a word of its own.
    pub(super) fn misspelt(&self, view: &View, span: Span) -> Option<&'static str> {
        if span.len() < MISSPELT_MIN || span.len() > WORD_MAX || self.at(view, span).is_some() {
            return None;
        }
        let gaps = view.hashes.each_without(span.start(), span.end());
        let ids = std::iter::once(view.hash(span)).chain(gaps).flat_map(|it| self.slips.find(it));
        let text = view.bytes(span);
        ids.map(|id| self.strong[id as usize]).find(|it| typo::slip(text, it.as_bytes()).is_some())
    }

    /// The strength of a word.
    pub(super) fn strength(&self, word: &[u8]) -> Option<Strength> {
        self.strength_hashed(hash(word), word)
    }

    fn strength_hashed(&self, hash: u64, word: &[u8]) -> Option<Strength> {
        let value = self.texts.get_hashed(hash, word)?;
        Strength::ALL.into_iter().find(|it| *it as u32 == value & !DICTIONARY)
    }

    /// Whether a text is a word of the dictionary, which it may be beside being a keyword.
    pub(super) fn is_word(&self, word: &[u8]) -> bool {
        self.texts.get_bytes(word).is_some_and(|it| it & DICTIONARY != 0)
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
                if len == 2 && strength <= Strength::Honest {
                    continue;
                }
                let mut next = so_far;
                next.words += 1;
                next.weak += u8::from(strength == Strength::Weak);
                next.strong += u8::from(strength == Strength::Strong);
                next.honest += u8::from(strength == Strength::Honest);
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
                    && self
                        .texts
                        .get_hashed(view.hash(longer), view.bytes(longer))
                        .is_some_and(|it| it & DICTIONARY != 0)
            })
        })
    }
}

/// The hashes of a keyword, whole and with each letter left out.
fn keys(id: u32, word: &str) -> impl Iterator<Item = (u64, u32)> {
    let text = word.as_bytes();
    let without = (0..text.len()).map(move |gap| {
        let (head, tail) = (&text[..gap], &text[gap + 1..]);
        (concat(hash(head), hash(tail), tail.len()), id)
    });
    std::iter::once((hash(text), id)).chain(without)
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
    fn keywords_may_be_misspelt() {
        let words = Words::builtin();
        let check = |text: &str, expected: Option<&str>| {
            let got = words.misspelt(&view(text), Span::new(0, text.len()));
            assert_eq!(got, expected, "{text}");
        };
        check("wallett", Some("wallet"));
        check("accuont", Some("account"));
        check("verlfy", Some("verify"));
        check("login", None);
        check("garden", None);
        check("xqztw", None);
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

//! `homograph`: characters that read as others. `аррӏе.com` (Cyrillic), `pаypal.com`, `rnicrosoft.com`, `paypa1.top`.
//!
//! Labels are read as ASCII first: Punycode decoded, marks taken off, other scripts' letters, hooked and barred ones read
//! as what they look like (`homoglyphs.tsv`, then Unicode's decompositions and confusables). Then letters that a hasty
//! eye takes for each other are folded together on both sides, in any combination: `rn` m, `vv` w, `cl` d, 0 o, 1 l i.
//! An equal fold is a candidate; aligning the two texts tells which characters deceive.

use std::ops::Range;
use unicode_script::{Script, UnicodeScript as _};

use crate::verdict::Technique;

use super::{
    evidence::{Detail, Evidence, Feature, Features, List, NO_LABEL},
    glyph::{Glyphs, fold_byte, is_mark},
    hash::push,
    mixed_script, punycode,
    scan::{Place, Scan},
    view::Span,
};

/// Most deceiving places told.
const PLACES_MAX: usize = 8;

/// Looks for well-known sites that the registered name reads as, when it holds other letters than ASCII.
pub(super) fn find_known(scan: &Scan<'_>, found: &mut List) {
    let (Some(&span), view) = (scan.view.labels().last(), scan.view) else { return };
    let (Some(start), Some(end)) = (view.folded_at(span.start()), view.folded_at(span.end()))
    else {
        return;
    };
    if view.foreign(span) == 0 || scan.cut.platform.is_some() {
        return;
    }
    let mut hash = push(view.folded_hashes.of(start, end), b'.');
    hash = scan.cut.suffix.bytes().fold(hash, push);
    // A site that is read letter for letter goes before one that merely looks like it.
    let mut best: Option<(bool, u32)> = None;
    for id in scan.know.known.folds(hash) {
        let Some(label) = scan.know.known.name(id).strip_suffix(scan.cut.suffix) else { continue };
        let label = label.trim_end_matches('.').as_bytes();
        let exact = view.bytes(span) == label;
        let reads = label.len() == span.len() && align_site(view.bytes(span), label);
        if reads && best.is_none_or(|(old, _)| exact && !old) {
            best = Some((exact, id));
        }
    }
    let Some((_, id)) = best else { return };
    let mut features = Features::of(&[Feature::IdnKnown]);
    features.set(Feature::IdnMarked, view.alien(span) == 0);
    let (technique, detail) = (Technique::Homograph, Detail::Known(id));
    found.push(Evidence { technique, label: NO_LABEL, span, detail, features, score: 0 });
}

/// Whether a folded label may count at a place: not where it is a word or a word and a number (`live10`, `4food`); inside a
/// token only in six letters and more, at an end of it, with nothing but words beside.
pub(super) fn may_stand(scan: &Scan<'_>, place: Place, span: Span) -> bool {
    let (view, words) = (scan.view, &scan.know.words);
    if view.foreign(span) > 0 {
        return span.len() > 4 || !matches!(place, Place::Inside | Place::SubInside);
    }
    if words.segment(view, span).is_some_and(|it| it.words <= 1) {
        return false;
    }
    if !matches!(place, Place::Inside | Place::SubInside) {
        return true;
    }
    let Some(token) = view.tokens().iter().map(|it| it.span).find(|it| it.contains(span)) else {
        return false;
    };
    let rest = if span.start == token.start {
        Span { start: span.end, end: token.end }
    } else {
        Span { start: token.start, end: span.start }
    };
    let label = view.labels()[view.label_of(span)];
    span.len() >= 6
        && (span.start == token.start || span.end == token.end)
        && words.segment(view, rest).is_some()
        && !words.inside_word(view, label, span)
}

/// Whether a label reads as that of a site, letter for letter.
fn align_site(read: &[u8], site: &[u8]) -> bool {
    let same = |(&a, &b): (&u8, &u8)| fold_byte(a) == fold_byte(b) || (a == b'.' && b == b'-');
    read.iter().zip(site).all(same)
}

/// What stands where something else is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swap {
    /// 0 or 1 for a letter, or the other way round.
    Digit,
    /// Another digit for a letter, or the other way round.
    Leet,
    /// Two letters for one, or the other way round.
    Pair,
    /// A letter for another.
    Letter,
}

/// The deceiving places of a text, as ranges of both sides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swaps {
    places: [(u8, u8, u8, u8); PLACES_MAX],
    len: usize,
    /// 0 or 1 stands for a letter or the other way round.
    pub(super) digit: bool,
    /// Another digit does.
    pub(super) leet: bool,
    /// Two letters stand for one or the other way round.
    pub(super) pair: bool,
    /// A letter stands for another.
    pub(super) letter: bool,
}

impl Swaps {
    fn push(&mut self, place: (u8, u8, u8, u8), swap: Swap) {
        if self.len < PLACES_MAX {
            self.places[self.len] = place;
            self.len += 1;
        }
        match swap {
            Swap::Digit => self.digit = true,
            Swap::Leet => self.leet = true,
            Swap::Pair => self.pair = true,
            Swap::Letter => self.letter = true,
        }
    }

    /// How many places there are.
    pub(super) const fn count(&self) -> usize {
        self.len
    }

    /// Whether letters of like shape are all that is swapped: i for l, q for g.
    pub(super) const fn is_letters_only(&self) -> bool {
        !self.digit && !self.leet && !self.pair
    }

    /// Whether so much is swapped that nobody reads it: numbers, as a rule.
    pub(super) const fn hides(&self, written_len: usize) -> bool {
        2 * self.len > written_len
    }
}

/// Aligns what is written with what is meant, both ASCII. `None` unless they are equal up to look-alike letters.
pub(super) fn align(written: &[u8], meant: &[u8]) -> Option<Swaps> {
    let (mut a, mut b, mut swaps) = (0, 0, Swaps::default());
    while a < written.len() && b < meant.len() {
        let (x, y) = (&written[a..], &meant[b..]);
        let place = |n: usize, m: usize| (a as u8, n as u8, b as u8, m as u8);
        let (n, m) = if x[0] == y[0] && !(pair(x) == Some(y[0]) || pair(y) == Some(x[0])) {
            (1, 1)
        } else if pair(x).is_some_and(|it| it == fold_byte(y[0])) && pair(y).is_none() {
            swaps.push(place(2, 1), Swap::Pair);
            (2, 1)
        } else if pair(y).is_some_and(|it| it == fold_byte(x[0])) && pair(x).is_none() {
            swaps.push(place(1, 2), Swap::Pair);
            (1, 2)
        } else if fold_byte(x[0]) == fold_byte(y[0]) {
            let digit = x[0].is_ascii_digit() != y[0].is_ascii_digit();
            let round = matches!(x[0], b'0' | b'1') || matches!(y[0], b'0' | b'1');
            if x[0] != y[0] {
                let swap = if !digit {
                    Swap::Letter
                } else if round {
                    Swap::Digit
                } else {
                    Swap::Leet
                };
                swaps.push(place(1, 1), swap);
            }
            (1, 1)
        } else {
            return None;
        };
        a += n;
        b += m;
    }
    (a == written.len() && b == meant.len()).then_some(swaps)
}

/// The letter that the two at the head of a text look like.
fn pair(text: &[u8]) -> Option<u8> {
    match text {
        [b'r', b'n', ..] => Some(b'm'),
        [b'v', b'v', ..] => Some(b'w'),
        [b'c', next, ..] if fold_byte(*next) == b'l' => Some(b'd'),
        _ => None,
    }
}

/// The deceiving places in words: "`rn` for m, `0` for o".
pub(super) fn places(written: &[u8], meant: &[u8], swaps: &Swaps) -> Vec<String> {
    let text = |bytes: &[u8], from: u8, len: u8| {
        let from = usize::from(from);
        String::from_utf8_lossy(&bytes[from..from + usize::from(len)]).into_owned()
    };
    let mut said: Vec<String> = Vec::new();
    for &(a, n, b, m) in &swaps.places[..swaps.len] {
        let words = format!("`{}` for {}", text(written, a, n), text(meant, b, m));
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said
}

/// The foreign characters in some tokens of a label, in words: "Cyrillic а for a"; every character once, at most four of them.
pub(super) fn foreign(label: &str, tokens: &Range<usize>, glyphs: &Glyphs) -> Vec<String> {
    let Some(decoded) = punycode::decode(label.as_bytes()) else { return Vec::new() };
    let chars = decoded.chars();
    let (mut said, mut token) = (Vec::<String>::new(), 0);
    for (at, &c) in chars.iter().enumerate() {
        if glyphs.separates(c) {
            token += usize::from(at > 0 && !glyphs.separates(chars[at - 1]));
        }
        if !tokens.contains(&token) {
            continue;
        }
        let marked = chars.get(at + 1).is_some_and(|&it| !it.is_ascii() && is_mark(it));
        if (c.is_ascii() && !marked) || is_mark(c) || said.len() == 4 {
            continue;
        }
        let Some(reading) = glyphs.read(c) else { continue };
        let words = if c.is_ascii() {
            format!("`{c}{}` for {}", chars[at + 1], String::from_utf8_lossy(reading.bytes()))
        } else {
            foreign_char(c, glyphs)
        };
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said
}

/// A foreign character in words, and what it reads as where it reads as anything: "Cyrillic а for a".
pub(super) fn foreign_char(c: char, glyphs: &Glyphs) -> String {
    let shown = match c.script() {
        Script::Latin | Script::Common | Script::Inherited | Script::Unknown => format!("`{c}`"),
        script => format!("{} {c}", mixed_script::script_name(script)),
    };
    match glyphs.read(c) {
        Some(reading) => format!("{shown} for {}", String::from_utf8_lossy(reading.bytes())),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::tests::{finds, score, silent, why};
    use crate::name::Name;
    use crate::verdict::Technique;

    #[test]
    fn texts_align() {
        let check = |written: &str, meant: &str, expected: &[&str]| {
            let (written, meant) = (written.as_bytes(), meant.as_bytes());
            let swaps = align(written, meant).unwrap();
            assert_eq!(places(written, meant, &swaps), expected);
        };
        check("rnicrosoft", "microsoft", &["`rn` for m"]);
        check("paypa1", "paypal", &["`1` for l"]);
        check("g00gle", "google", &["`0` for o"]);
        check("bames", "barnes", &["`m` for rn"]);
        check("vvells", "wells", &["`vv` for w"]);
        check("c1oudf1are", "cloudflare", &["`1` for l"]);
        check("dou", "clou", &["`d` for cl"]);
        assert!(align(b"paypal", b"paypay").is_none());
        assert!(align(b"paypa", b"paypal").is_none());
        assert_eq!(align(b"paypal", b"paypal").unwrap().count(), 0);
    }

    #[test]
    fn hits_and_near_misses() {
        finds("xn--80ak6aa92e.com", Technique::Homograph, "apple.com");
        finds("xn--pypal-4ve.com", Technique::Homograph, "paypal.com");
        finds("rnicrosoft.com", Technique::Homograph, "microsoft.com");
        finds("rnicros0ft-login.top", Technique::Homograph, "microsoft.com");
        finds("xn--gogle-login-rnj.com", Technique::Homograph, "google.com");
        silent("xn--bcher-kva.de");
        silent("xn--fiqs8s");
        silent("xn--80aswg.xn--p1ai");
        silent("apple.com");
    }

    #[test]
    fn sentences_name_the_characters() {
        assert_eq!(why("rnicrosoft.com"), "`rnicrosoft.com` reads as `microsoft.com`: `rn` for m");
        assert_eq!(
            why("xn--pypal-4ve.com"),
            "`xn--pypal-4ve.com` (pаypal.com) reads as `paypal.com`: Cyrillic а for a"
        );
    }

    #[test]
    fn letters_of_honest_words_beside_it_do_not_deceive() {
        for (name, deceiving) in [
            ("pаypal-вход.top", ": Cyrillic а for a"),
            ("вход-pаypal.top", ": Cyrillic а for a"),
            ("--вход--micrоsoft.top", ": Cyrillic о for o"),
        ] {
            let told = why(&Name::parse(name).unwrap().text());
            assert!(told.ends_with(deceiving), "{told}");
        }
    }

    #[test]
    fn a_short_label_is_worth_a_look_where_nothing_lures() {
        for (quiet, lured) in [
            ("arneli.com", "arneli-compte.com"),
            ("stearn.com", "stearn-login.com"),
            ("stearn.com", "stearn.top"),
        ] {
            assert!(score(quiet) < 80, "{quiet}: {}", score(quiet));
            assert!(score(lured) >= 80, "{lured}: {}", score(lured));
        }
    }

    #[test]
    fn marks_inside_a_word_of_a_country_are_worth_a_look() {
        let name = |it: &str| crate::name::to_ascii(it).unwrap();
        let (word, lured) = (name("pagustõrk.ee"), name("pagustõrk-login.ee"));
        assert!(score(&word) < 80, "{}", score(&word));
        assert!(score(&lured) >= 80, "{}", score(&lured));
    }
}

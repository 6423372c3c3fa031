//! What a character reads as: the ASCII letters that a person takes it for, and the folds among ASCII letters themselves.

use std::collections::HashMap;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// The ASCII letters that one character reads as; at most two (`æ`, `rn` for ɱ).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    bytes: [u8; 2],
    len: u8,
    /// The character is itself a plain letter with a mark (`é`), or one taken for a letter (`а`, `ɑ`).
    pub(super) kind: Kind,
}

/// How a character comes to read as an ASCII letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It is that letter.
    Plain,
    /// That letter with marks above, below or through it.
    Marked,
    /// Another character that looks like it.
    Lookalike,
}

impl Reading {
    fn new(text: &str, kind: Kind) -> Option<Self> {
        let bytes = text.as_bytes();
        let allowed = |it: &u8| it.is_ascii_lowercase() || it.is_ascii_digit() || *it == b'-';
        if bytes.is_empty() || bytes.len() > 2 || !bytes.iter().all(allowed) {
            return None;
        }
        let second = bytes.get(1).copied().unwrap_or(0);
        Some(Self { bytes: [bytes[0], second], len: bytes.len() as u8, kind })
    }

    /// The letters.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The characters of `homoglyphs.tsv`, and behind them Unicode's decompositions and confusables.
pub(super) struct Glyphs {
    known: HashMap<char, Reading, foldhash::fast::FixedState>,
    /// Second readings: `œ` as ce, `б` as 6.
    also: HashMap<char, Reading, foldhash::fast::FixedState>,
}

impl Glyphs {
    /// Reads `homoglyphs.tsv`: a character, what it reads as, kind.
    pub(super) fn parse(text: &'static str) -> Self {
        let (mut known, mut also) = (HashMap::default(), HashMap::default());
        for [from, to, kind] in super::data::rows(text) {
            let mut chars = from.chars();
            let (Some(c), None) = (chars.next(), chars.next()) else { continue };
            if c.is_ascii() || kind == "fold" {
                continue;
            }
            let kind = if kind == "diacritic" { Kind::Marked } else { Kind::Lookalike };
            if let Some(reading) = Reading::new(to, kind)
                && *known.entry(c).or_insert(reading) != reading
            {
                also.insert(c, reading);
            }
        }
        Self { known, also }
    }

    /// What `c` reads as; `None` when it looks like no ASCII letter. Combining marks read as nothing, see [`is_mark`].
    pub(super) fn read(&self, c: char) -> Option<Reading> {
        if c.is_ascii() {
            let mut buffer = [0; 4];
            return Reading::new(c.to_ascii_lowercase().encode_utf8(&mut buffer), Kind::Plain);
        }
        self.known.get(&c).copied().or_else(|| self.decomposed(c)).or_else(|| confusable(c))
    }

    /// Whether `c` reads as what stands between tokens.
    pub(super) fn separates(&self, c: char) -> bool {
        self.read(c).is_some_and(|it| it.bytes() == b"-")
    }

    /// What else `c` reads as.
    pub(super) fn read_again(&self, c: char) -> Option<Reading> {
        self.also.get(&c).copied()
    }

    /// A letter with its marks taken off.
    fn decomposed(&self, c: char) -> Option<Reading> {
        let (mut base, mut many) = (None, false);
        decompose_compatible(c, |it| {
            if !is_combining_mark(it) {
                many |= base.is_some();
                base = base.or(Some(it));
            }
        });
        let base = base.filter(|&it| !many && it != c)?.to_ascii_lowercase();
        let reading = self.known.get(&base).copied();
        let ascii = || {
            let mut buffer = [0; 4];
            Reading::new(base.encode_utf8(&mut buffer), Kind::Marked)
        };
        reading.or_else(ascii).or_else(|| confusable(base))
    }
}

/// Marks stand on the letter before them and read as nothing.
pub(super) fn is_mark(c: char) -> bool {
    is_combining_mark(c)
}

/// What Unicode's confusables (UTS #39) say, folded to lower case: they map 0 to O, 1 to l and m to rn.
fn confusable(c: char) -> Option<Reading> {
    let mut source = [0; 4];
    let source: &str = c.encode_utf8(&mut source);
    let (mut bytes, mut len) = ([0_u8; 2], 0);
    for it in unicode_security::confusable_detection::skeleton(source) {
        if is_combining_mark(it) {
            continue;
        }
        if !it.is_ascii() || len == 2 {
            return None;
        }
        bytes[len] = (it as u8).to_ascii_lowercase();
        len += 1;
    }
    let text = if bytes == *b"rn" { "m" } else { std::str::from_utf8(&bytes[..len]).ok()? };
    Reading::new(text, Kind::Lookalike)
}

/// The letter that stands for all those that look like it.
#[inline]
pub(super) const fn fold_byte(byte: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' | b'i' => b'l',
        b'5' => b's',
        b'3' => b'e',
        b'4' => b'a',
        b'8' | b'6' => b'b',
        b'9' | b'q' => b'g',
        b'7' => b't',
        b'2' => b'z',
        other => other,
    }
}

/// [`fold_byte`], looked up: every letter of every name is folded.
static FOLDED: [u8; 256] = {
    let (mut folded, mut at) = ([0; 256], 0);
    while at < 256 {
        folded[at] = fold_byte(at as u8);
        at += 1;
    }
    folded
};

/// The fold at the head of `text`: one byte and how many bytes it stands for.
#[inline]
pub(super) fn fold_head(text: &[u8]) -> (u8, usize) {
    match text {
        [b'r', b'n', ..] => (b'm', 2),
        [b'v', b'v', ..] => (b'w', 2),
        [b'c', next, ..] if fold_byte(*next) == b'l' => (b'd', 2),
        [byte, ..] => (FOLDED[usize::from(*byte)], 1),
        [] => (0, 0),
    }
}

/// A text with every letter folded, for building tables.
pub(super) fn fold(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        let (byte, used) = fold_head(&text[at..]);
        out.push(byte);
        at += used;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_read_as_letters() {
        let glyphs = Glyphs::parse("ɓ\tb\thooked\nа\ta\tconfusable\n");
        let check = |input: char, expected: Option<&str>| {
            let got = glyphs.read(input);
            assert_eq!(got.as_ref().map(Reading::bytes), expected.map(str::as_bytes), "{input}");
        };
        check('a', Some("a"));
        check('é', Some("e"));
        check('ạ', Some("a"));
        check('ɓ', Some("b"));
        check('а', Some("a"));
        check('ӑ', Some("a"));
        check('о', Some("o"));
        check('中', None);
        check('ж', None);
    }

    #[test]
    fn letters_fold_to_one_of_their_class() {
        let check = |input: &str, expected: &str| {
            assert_eq!(String::from_utf8(fold(input.as_bytes())).unwrap(), expected);
        };
        check("rnicrosoft", "mlcrosoft");
        check("microsoft", "mlcrosoft");
        check("paypa1", "paypal");
        check("g00gle", "google");
        check("c1oud", "doud");
        check("cloud", "doud");
    }
}

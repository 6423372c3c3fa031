//! `typo`: a slip of the keyboard. `microsft.com`, `microosoft.com`, `micorosoft.com`, `mircosoft.com`, `facebpok.com`,
//! `facobook.com`, `paypall-login.com`.
//!
//! The label may miss a letter, have one too many or twice, two swapped, or another in its place: the key beside it, or
//! another vowel. Candidates come from an index of all labels with one letter left out (a deletion neighbourhood), never
//! from a walk over the brands. Short labels, dictionary words and differences in trailing digits alone are no slips.
//!
//! A slip with nothing beside it is worth a look where the label has eight letters and more, is no word, and stands under a
//! suffix of an official domain: whose hand slips in a name still types the suffix. Honest names differ from such labels
//! by letters at the end, by other letters in a place, and by the first letter; those are left alone.

use crate::verdict::Technique;

use super::{
    evidence::{Feature, Features},
    plural,
    scan::{Place, Scan},
    view::Span,
};

/// How one text came to differ from another by one slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) kind: SlipKind,
    /// Where in the typed text.
    pub(super) at: u8,
    /// The letter typed; the letter missing for an omission.
    pub(super) typed: u8,
    /// The letter meant.
    pub(super) meant: u8,
}

/// Which slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlipKind {
    Omission,
    Insertion,
    Repetition,
    Transposition,
    Replacement,
    Near,
    Vowel,
    Bit,
    Plural,
}

/// The one slip by which `typed` differs from `meant`; `None` when it takes none or more.
pub(super) fn slip(typed: &[u8], meant: &[u8]) -> Option<Slip> {
    let same = typed.iter().zip(meant).take_while(|(a, b)| a == b).count();
    let at = same as u8;
    let make = |kind, typed, meant| Some(Slip { kind, at, typed, meant });
    if typed.len() == meant.len() {
        let (&a, &b) = (typed.get(same)?, meant.get(same)?);
        if typed[same + 1..] == meant[same + 1..] {
            return make(replacement(a, b), a, b);
        }
        let swapped = typed.get(same + 1) == Some(&b) && meant.get(same + 1) == Some(&a);
        let rest = swapped && typed[same + 2..] == meant[same + 2..];
        return if rest { make(SlipKind::Transposition, a, b) } else { None };
    }
    if typed.len() == meant.len() + 1 && typed[same + 1..] == meant[same..] {
        let extra = typed[same];
        let kind = match extra {
            _ if plural::is_ending(extra, same, meant.len()) => SlipKind::Plural,
            _ if same > 0 && typed[same - 1] == extra => SlipKind::Repetition,
            _ => SlipKind::Insertion,
        };
        return make(kind, extra, 0);
    }
    if typed.len() + 1 == meant.len() && typed[same..] == meant[same + 1..] {
        let missing = meant[same];
        let plural = plural::is_ending(missing, same, typed.len());
        return make(if plural { SlipKind::Plural } else { SlipKind::Omission }, missing, missing);
    }
    None
}

fn replacement(typed: u8, meant: u8) -> SlipKind {
    let vowel = |it: u8| matches!(it, b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    if is_near(typed, meant) {
        SlipKind::Near
    } else if vowel(typed) && vowel(meant) {
        SlipKind::Vowel
    } else if super::bitsquat::is_flip(typed, meant) {
        SlipKind::Bit
    } else {
        SlipKind::Replacement
    }
}

/// Technique and features of a slip at a place; `None` where it is more likely none: a word of its own, a label of few
/// letters, a difference in trailing digits.
pub(super) fn judge(
    scan: &Scan<'_>,
    slip: Slip,
    label: u32,
    span: Span,
) -> Option<(Technique, Features)> {
    let place = scan.place(span);
    if matches!(place, Place::Inside | Place::SubInside) {
        return None;
    }
    let meant = scan.know.protected.label(label);
    // Four letters are too few, unless the official suffix follows: `aeom.co.jp.evil.example`.
    let followed = || span.len() >= 4 && meant.is_followed(&scan.view.text()[span.end()..]);
    if meant.len() < 5 && !meant.typos_asked && !followed() {
        return None;
    }
    // `static` is a word, not `gstatic` without its first letter.
    if scan.know.words.is_word(scan.view.bytes(span)) {
        return None;
    }
    let last = usize::from(slip.at) + 1 >= span.len();
    if slip.typed.is_ascii_digit() && (last || slip.meant.is_ascii_digit()) {
        return None;
    }
    let mut features = Features::default();
    features.set(Feature::TypoWhole, place == Place::Whole);
    features.set(Feature::TypoToken, place != Place::Whole);
    features.set(
        match slip.kind {
            SlipKind::Omission => Feature::SlipOmission,
            SlipKind::Insertion => Feature::SlipInsertion,
            SlipKind::Repetition => Feature::SlipRepetition,
            SlipKind::Transposition => Feature::SlipTransposition,
            SlipKind::Replacement => Feature::SlipReplacement,
            SlipKind::Near => Feature::SlipNear,
            SlipKind::Vowel => Feature::SlipVowel,
            SlipKind::Bit => Feature::SlipBit,
            SlipKind::Plural => Feature::SlipPlural,
        },
        true,
    );
    features.set(Feature::SlipFirst, slip.at == 0);
    features.set(
        match meant.len() {
            ..6 => Feature::SlipLen5,
            6 => Feature::SlipLen6,
            7 => Feature::SlipLen7,
            8 | 9 => Feature::SlipLen8,
            _ => Feature::SlipLen10,
        },
        true,
    );
    let words = scan.know.words.segment(scan.view, span);
    let is_word = words.is_some_and(|it| it.words <= 2);
    features.set(Feature::SlipWord, is_word);
    let technique = match slip.kind {
        SlipKind::Bit => Technique::Bitsquat,
        SlipKind::Plural => Technique::Plural,
        SlipKind::Omission
        | SlipKind::Insertion
        | SlipKind::Repetition
        | SlipKind::Transposition
        | SlipKind::Replacement
        | SlipKind::Near
        | SlipKind::Vowel => Technique::Typo,
    };
    Some((technique, features))
}

/// Shortest label, and shortest for an omission or insertion, that is long enough for a slip with nothing beside it.
const HOME_MIN: usize = 8;
const HOME_LENGTH_MIN: usize = 9;

/// Adds the features of a slip in a distinctive label under a suffix of an official domain.
pub(super) fn at_home(slip: Slip, len: usize, features: &mut Features) {
    let has = |it| features.has(it);
    let inside = usize::from(slip.at) < len;
    let (hand, faint) = match slip.kind {
        SlipKind::Transposition | SlipKind::Repetition => (len >= HOME_MIN, false),
        SlipKind::Near | SlipKind::Vowel | SlipKind::Plural => (len >= HOME_MIN, true),
        SlipKind::Omission | SlipKind::Insertion => (len >= HOME_LENGTH_MIN && inside, true),
        SlipKind::Replacement | SlipKind::Bit => (false, false),
    };
    let other = [Feature::SlipFirst, Feature::SlipWord, Feature::SlipCrowded, Feature::Common];
    // Ten letters and more are enough by themselves.
    let whole = has(Feature::TypoWhole) && has(Feature::SlipLen8) && has(Feature::SuffixHome);
    let counts = hand && whole && !has(Feature::Own) && !other.into_iter().any(has);
    features.set(Feature::SlipHome, counts);
    features.set(Feature::SlipHomeFaint, counts && faint);
}

/// Keys in rows, each row half a key further right, as on QWERTY; QWERTZ and AZERTY move few letters only.
const ROWS: [&[u8]; 4] = [b"1234567890", b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// Whether two keys touch on the keyboard.
pub(super) fn is_near(a: u8, b: u8) -> bool {
    let place = |key: u8| {
        ROWS.iter().enumerate().find_map(|(row, keys)| {
            let column = keys.iter().position(|&it| it == key)?;
            Some((row, 2 * column + row))
        })
    };
    let (Some((row_a, x_a)), Some((row_b, x_b))) = (place(a), place(b)) else { return false };
    a != b
        && row_a.abs_diff(row_b) <= 1
        && x_a.abs_diff(x_b) <= 2
        && (row_a != row_b || x_a.abs_diff(x_b) == 2)
}

impl Slip {
    /// What happened, in words that follow the name.
    pub(super) fn words(&self) -> String {
        // Separators are dots in a view; a character that reads as no letter is no octet of its own.
        let shown = |it: u8| match it {
            b'.' => '-',
            it if it.is_ascii() => char::from(it),
            _ => '…',
        };
        let (typed, meant) = (shown(self.typed), shown(self.meant));
        match self.kind {
            SlipKind::Omission => format!("`{typed}` is missing"),
            SlipKind::Insertion => format!("`{typed}` is one letter too many"),
            SlipKind::Repetition => format!("`{typed}` stands twice"),
            SlipKind::Transposition => format!("`{meant}` and `{typed}` are swapped"),
            SlipKind::Replacement => format!("`{typed}` stands for {meant}"),
            SlipKind::Near => format!("`{typed}` lies beside {meant} on the keyboard"),
            SlipKind::Vowel => format!("`{typed}` stands for the vowel {meant}"),
            SlipKind::Bit => format!("`{typed}` is {meant} with one bit flipped"),
            SlipKind::Plural if self.meant == 0 => "it has a plural `s` added".to_owned(),
            SlipKind::Plural => "its plural `s` is left out".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::tests::{finds, quiet, silent, why};
    use crate::name::Name;
    use crate::verdict::Technique;

    #[test]
    fn a_character_that_reads_as_no_letter_is_no_letter_in_a_sentence() {
        let told = why(&Name::parse("faceb中ok-login.top").unwrap().text());
        assert!(told.ends_with("in `faceb…ok` `…` stands for o"), "{told}");
    }

    #[test]
    fn slips_are_told_apart() {
        let check = |typed: &str, meant: &str, expected: Option<SlipKind>| {
            let got = slip(typed.as_bytes(), meant.as_bytes()).map(|it| it.kind);
            assert_eq!(got, expected, "{typed} for {meant}");
        };
        check("gogle", "google", Some(SlipKind::Omission));
        check("googgle", "google", Some(SlipKind::Repetition));
        check("goolgle", "google", Some(SlipKind::Insertion));
        check("googel", "google", Some(SlipKind::Transposition));
        check("googke", "google", Some(SlipKind::Near));
        check("guogle", "google", Some(SlipKind::Vowel));
        check("gocgle", "google", Some(SlipKind::Replacement));
        check("googles", "google", Some(SlipKind::Plural));
        check("boxer", "boxers", Some(SlipKind::Plural));
        check("google", "google", None);
        check("goggel", "google", None);
        check("", "g", Some(SlipKind::Omission));
    }

    #[test]
    fn keys_touch() {
        for (a, b, expected) in [
            ('a', 's', true),
            ('o', 'p', true),
            ('q', 'a', true),
            ('q', 'p', false),
            ('a', 'a', false),
        ] {
            assert_eq!(is_near(a as u8, b as u8), expected, "{a}{b}");
        }
    }

    #[test]
    fn hits_and_near_misses() {
        finds("instagrma-login.com", Technique::Typo, "instagram.com");
        finds("mircosoftonline.top", Technique::Typo, "microsoftonline.com");
        for name in ["microsfot.com", "microsft.com", "mircosoft.com", "micorosoft.com"] {
            finds(name, Technique::Typo, "microsoft.com");
        }
        quiet("microsoftx.com");
        quiet("nicrosoft.com");
        quiet("telegraf.rs");
        quiet("unicredito.it");
        quiet("satispa.com");
        silent("goggles.com");
        silent("tsa.gov");
        silent("cibc.com");
    }
}

//! Whether a label reads as if nobody had thought it up: how surprising its letters are, three at a time.

use super::data;
use crate::name;
use std::sync::LazyLock;

/// Shortest label that is looked at: fewer letters say too little.
const LETTERS_MIN: usize = 6;

/// Mean bits of surprise a letter beyond which a label looks random: `feuerwehr` has 5.51. Of real sites' domains, 0.01 to
/// 0.17 % lie beyond it under a risky suffix, most of those made by programs; of phishing sites' domains 6 to 10 %
/// (`examples/seen.rs` counts).
const SURPRISE_MIN: f32 = 5.6;

/// Fewest digits in a row that count something instead of telling it.
const NUMBER_MIN: usize = 4;

/// Letters, one sign for all digits, the hyphen, and the ends of a label.
const SIGNS: usize = 29;
const END: usize = 28;

/// Added to every count, so that what was never seen is not impossible.
const SMOOTHING: f32 = 0.25;

/// Bits of surprise for each sign after two others, learned from the labels of well-known sites and dictionary words.
static SURPRISES: LazyLock<Box<[f32]>> = LazyLock::new(learn);

/// Whether a label looks random. A-labels of other scripts do not: their letters mean nothing here.
pub fn looks_random(label: &str) -> bool {
    label.len() >= LETTERS_MIN && !label.starts_with("xn--") && surprise(label) > SURPRISE_MIN
}

/// Whether a label holds four digits in a row and more, which are no year.
pub(super) fn is_numbered(label: &str) -> bool {
    let runs = label.split(|it: char| !it.is_ascii_digit());
    let is_year = |it: &str| it.len() == 4 && (it.starts_with("19") || it.starts_with("20"));
    runs.filter(|it| it.len() >= NUMBER_MIN).any(|it| !is_year(it))
}

/// Mean bits of surprise a sign.
fn surprise(label: &str) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    triples(label, |at| {
        sum += SURPRISES[at];
        count += 1.0;
    });
    sum / count
}

fn learn() -> Box<[f32]> {
    let mut threes = vec![0.0; SIGNS * SIGNS * SIGNS];
    let sites = data::lines(data::KNOWN_GOOD).filter_map(|site| {
        let suffix = name::public_suffix(site);
        site.strip_suffix(suffix).map(|it| it.trim_end_matches('.'))
    });
    for label in sites.chain(data::lines(data::WORDS)) {
        triples(label, |at| threes[at] += 1.0);
    }
    for after in threes.chunks_exact_mut(SIGNS) {
        // Any of the signs may follow, the digits being ten.
        let all = after.iter().sum::<f32>() + SMOOTHING * (SIGNS + 9) as f32;
        for count in after {
            *count = (all / (*count + SMOOTHING)).log2();
        }
    }
    threes.into()
}

/// Walks over each sign of a label, and its end, with the two signs before it.
fn triples(label: &str, mut each: impl FnMut(usize)) {
    let (mut first, mut second) = (END, None);
    for sign in label.bytes().map(sign).chain([END]) {
        if let Some(second) = second.replace(sign) {
            each((first * SIGNS + second) * SIGNS + sign);
            first = second;
        }
    }
}

fn sign(octet: u8) -> usize {
    match octet {
        b'a'..=b'z' => usize::from(octet - b'a'),
        b'0'..=b'9' => 26,
        _ => 27,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_labels_are_told_from_chosen_ones() {
        let check = |label: &str, expected: bool| {
            assert_eq!(looks_random(label), expected, "{label}: {}", surprise(label));
        };
        for label in ["vmuhyu", "eyiyoxz", "t8ui6xzkw", "wbiwckjzg", "b9noqayb1s", "gd34fdldh"] {
            check(label, true);
        }
        for label in [
            "wikipedia",
            "mountain-bikes",
            "greenhouse2024",
            "stadtwerke",
            "krankenversicherung",
            "przychodnia",
            "shinjuku",
            "feuerwehr",
            "hotel7",
            "xn--80ak6aa92e",
            "xkcd",
            "",
        ] {
            check(label, false);
        }
    }

    #[test]
    fn numbered_labels_are_told_from_years_and_short_numbers() {
        let check = |label: &str, expected| assert_eq!(is_numbered(label), expected, "{label}");
        check("58213604", true);
        check("lokal7730214", true);
        check("ab-4417-x", true);
        check("summit2027", false);
        check("1998", false);
        check("hotel123", false);
        check("x1y2z3", false);
    }
}

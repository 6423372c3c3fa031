//! Slips that are two, or one behind look-alike letters: `steancomnunity.com`, `dlscrod.gift`, `rnetamsak.top`.
//!
//! Part of `typo`. Both sides are folded first, so that look-alike letters cost nothing. Labels of seven letters allow one
//! slip then, of nine two. Candidates come from an index of all such labels with up to two letters left out.

use crate::verdict::Technique;

use super::{
    evidence::{Detail, Evidence, Feature, Features},
    hash::{GAPS_MAX, Prefixes},
    scan::{Place, Scan},
    view::Span,
};

/// Shortest label that allows one slip behind look-alike letters, and shortest that allows two slips.
const ONE_MIN: usize = 7;
const TWO_MIN: usize = 9;
/// Letters of a label that no honest word comes within two slips of by chance.
const LONG_MIN: usize = 13;
/// Longest text that is looked at.
const FAR_MAX: usize = GAPS_MAX;

/// The keys of a folded label: its hash with up to two letters left out.
pub(super) fn keys(folded: &[u8], id: u32, out: &mut Vec<(u64, u32)>) {
    if !(ONE_MIN..=FAR_MAX).contains(&folded.len()) {
        return;
    }
    let mut prefixes = Prefixes::EMPTY;
    prefixes.fill(folded);
    each_key(&prefixes, 0, folded.len(), folded.len() >= TWO_MIN, |key| {
        out.push((key, id));
        true
    });
}

/// Calls `use_key` with the hash of a text with none, one and, if `two`, two letters left out, until it says no.
#[inline]
fn each_key(
    hashes: &Prefixes,
    start: usize,
    end: usize,
    two: bool,
    mut use_key: impl FnMut(u64) -> bool,
) {
    if !use_key(hashes.of(start, end)) {
        return;
    }
    // Who imitates keeps the first letter.
    if !hashes.each_without(start, end).skip(1).all(&mut use_key) || !two {
        return;
    }
    let parts = hashes.without_two(start, end);
    for first in 1..end - start {
        let part = parts.first[first];
        let seconds = &parts.second[first + 1..end - start];
        if !seconds.iter().all(|it| use_key(part.wrapping_add(*it))) {
            return;
        }
    }
}

/// A token that is one or two slips away from a protected label once both are folded.
pub(super) fn find(scan: &Scan<'_>, span: Span) -> Option<Evidence> {
    let view = scan.view;
    let (start, end) = (view.folded_at(span.start())?, view.folded_at(span.end())?);
    let text = &view.folded()[start..end];
    let may_meet = (ONE_MIN - 1..=FAR_MAX).contains(&text.len())
        && scan.know.protected.may_be_far(text[0], text.len());
    if !may_meet {
        return None;
    }
    let mut near = Near { best: None, measured: [u32::MAX; 8], count: 0 };
    each_key(&view.folded_hashes, start, end, text.len() + 2 >= TWO_MIN, |key| {
        !scan.know.protected.may_be_far_key(key) || near.measure(scan, key, text)
    });
    let (apart, id) = near.best?;
    weigh(scan, span, text, apart, id)
}

/// The nearest label found so far.
struct Near {
    /// How far it is and which.
    best: Option<(usize, u32)>,
    /// A label that is close meets under many keys; it is measured once.
    measured: [u32; 8],
    count: usize,
}

impl Near {
    /// Measures the labels under a key; false when there is no need to look further.
    #[cold]
    fn measure(&mut self, scan: &Scan<'_>, key: u64, text: &[u8]) -> bool {
        for id in scan.know.protected.far(key) {
            if self.measured.contains(&id) {
                continue;
            }
            self.measured[self.count % self.measured.len()] = id;
            self.count += 1;
            let meant = &scan.know.protected.label(id).folded;
            let apart = distance(text, meant.as_bytes());
            let allowed = if meant.len() >= TWO_MIN { 2 } else { 1 };
            if apart <= allowed && self.best.is_none_or(|(old, _)| apart < old) {
                self.best = Some((apart, id));
            }
        }
        self.best.is_none_or(|(apart, _)| apart > 1)
    }
}

/// The evidence, unless the text is words of its own, begins otherwise, or the label is one that real sites stand close to.
fn weigh(scan: &Scan<'_>, span: Span, text: &[u8], apart: usize, id: u32) -> Option<Evidence> {
    let label = scan.know.protected.label(id);
    let place = scan.place(span);
    let honest = apart == 0
        || label.flags.crowded
        || text.first() != label.folded.as_bytes().first()
        || text.iter().all(u8::is_ascii_digit)
        || scan.know.words.segment(scan.view, span).is_some();
    if honest || matches!(place, Place::Inside | Place::SubInside) {
        return None;
    }
    let mut features = Features::default();
    features.set(Feature::TypoFolded, apart == 1);
    features.set(Feature::TypoTwo, apart == 2);
    features.set(Feature::TypoFarWhole, place == Place::Whole);
    features.set(Feature::TypoFarLong, apart == 2 && label.len() >= LONG_MIN);
    let (technique, detail) = (Technique::Typo, Detail::Far(apart as u8));
    Some(Evidence { technique, label: id, span, detail, features, score: 0 })
}

/// Edits between two texts of at most [`FAR_MAX`] and some letters, swaps of neighbours being one (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    const WIDTH: usize = FAR_MAX + 2;
    if a.len() >= WIDTH || b.len() >= WIDTH || a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut rows = [[0_usize; WIDTH]; 3];
    rows[1] = std::array::from_fn(|it| it);
    for (i, x) in a.iter().enumerate() {
        let [before, above, row] = &mut rows;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let mut best = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::{
        hash::hash,
        tests::{finds, silent},
    };

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expected| {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        };
        check("steamcommunity", "steamcommunity", 0);
        check("staemcommunity", "steamcommunity", 1);
        check("steamcomunnity", "steamcommunity", 2);
        check("", "ab", 2);
        check("ab", "", 2);
        check("abc", "abcdef", usize::MAX);
    }

    #[test]
    fn keys_meet() {
        let mut index = Vec::new();
        keys(b"steamcommunlty", 7, &mut index);
        let mut prefixes = Prefixes::EMPTY;
        let typed = b"steancomnunlty";
        prefixes.fill(typed);
        let mut met = false;
        each_key(&prefixes, 0, typed.len(), true, |key| {
            met |= index.contains(&(key, 7));
            true
        });
        assert!(met);
        assert!(index.contains(&(hash(b"samcommunlty"), 7)));
    }

    #[test]
    fn hits_and_near_misses() {
        finds("steancomnunity-gift.top", Technique::Typo, "steamcommunity.com");
        finds("steamcommulnlty.com", Technique::Typo, "steamcommunity.com");
        silent("communityteam.org");
        silent("micromobility.com");
    }
}

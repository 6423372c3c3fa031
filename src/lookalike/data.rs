//! The data files under `blocklists/`, embedded at compile time: adding knowledge is adding a line there.

/// Protected labels: label, official domains, owner, category, flags.
pub(super) const BRANDS: &str = include_str!("../../blocklists/brands.tsv");
/// Domains that owners of protected domains hold besides: owner, domain.
pub(super) const OWNERS: &str = include_str!("../../blocklists/owners.tsv");
/// Well-known sites, one registrable domain a line.
pub(super) const KNOWN_GOOD: &str = include_str!("../../blocklists/known-good.txt");
/// Words that lure: word, strength, language.
pub(super) const KEYWORDS: &str = include_str!("../../blocklists/keywords.tsv");
/// Dictionary words, one a line.
pub(super) const WORDS: &str = include_str!("../../blocklists/words.txt");
/// Characters and what they read as: character, ASCII, kind.
pub(super) const HOMOGLYPHS: &str = include_str!("../../blocklists/homoglyphs.tsv");
/// Suffixes under which registration is cheap and abuse common, one a line.
pub(super) const RISKY_TLDS: &str = include_str!("../../blocklists/risky-tlds.txt");
/// Suffixes that are nobody's look-alike: suffix, kind.
pub(super) const INFRASTRUCTURE: &str = include_str!("../../blocklists/infrastructure.tsv");
/// Suffixes and labels under which names are carried: pattern, kind.
pub(super) const CARRIED: &str = include_str!("../../blocklists/carried.tsv");
/// Parts of names that techniques know: text, kind.
pub(super) const PARTS: &str = include_str!("../../blocklists/parts.tsv");
/// Points of features: feature, points, meaning.
pub(super) const WEIGHTS: &str = include_str!("../../blocklists/weights.tsv");

/// The lines of a data file without its comments and empty lines.
pub(super) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|it| !it.is_empty() && !it.starts_with('#'))
}

/// The first `N` tab-separated fields of each line; missing ones are empty.
pub(super) fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    lines(text).map(|line| {
        let mut fields = line.split('\t');
        std::array::from_fn(|_| fields.next().unwrap_or("").trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_skip_comments_and_pad() {
        let got: Vec<[&str; 3]> = rows("# head\n\na\tb\nc\td\te\tf\n").collect();
        assert_eq!(got, [["a", "b", ""], ["c", "d", "e"]]);
    }

    #[test]
    fn every_file_says_where_it_comes_from() {
        for text in [
            BRANDS,
            OWNERS,
            KNOWN_GOOD,
            KEYWORDS,
            WORDS,
            HOMOGLYPHS,
            RISKY_TLDS,
            INFRASTRUCTURE,
            CARRIED,
            PARTS,
            WEIGHTS,
        ] {
            assert!(text.starts_with('#'));
            assert!(lines(text).count() > 10);
        }
    }
}

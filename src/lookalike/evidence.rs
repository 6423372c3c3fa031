//! Evidence: one place in a name that imitates one protected label, and the features that its score is the sum of.

use crate::verdict::Technique;

use super::view::Span;

/// What was found at one place of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// How it deceives.
    pub(super) technique: Technique,
    /// The protected label that it imitates; [`NO_LABEL`] where none.
    pub(super) label: u32,
    /// Where, in the view's text.
    pub(super) span: Span,
    /// What a sentence about it needs to know besides.
    pub(super) detail: Detail,
    /// What its score is the sum of.
    pub(super) features: Features,
    /// That sum, once it is known.
    pub(super) score: u8,
}

/// Evidence that needs no target: a mix of scripts.
pub(super) const NO_LABEL: u32 = u32::MAX;

/// What a sentence needs to know besides label and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Nothing more.
    None,
    /// How the keyboard slipped.
    Slip(super::typo::Slip),
    /// How many slips lie between, look-alike letters not counted.
    Far(u8),
    /// The official domain that is carried, by its number.
    Domain(u32),
    /// The well-known site that it reads as, by its number.
    Known(u32),
    /// What reads as a domain is nobody's that is protected.
    Stranger,
}

macro_rules! features {
    ($($name:ident = $word:literal,)+) => {
        /// Something that speaks for or against a look-alike. Its points stand in `blocklists/weights.tsv`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Feature { $($name,)+ }

        impl Feature {
            /// Every feature, in the order of the table.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word used in the table.
            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

features! {
    IdnWhole = "idn-whole",
    IdnToken = "idn-token",
    IdnInside = "idn-inside",
    IdnKnown = "idn-known",
    IdnMarked = "idn-marked",
    IdnWeak = "idn-weak",
    IdnWord = "idn-word",
    FoldWhole = "fold-whole",
    FoldToken = "fold-token",
    FoldInside = "fold-inside",
    FoldDigit = "fold-digit",
    FoldLeet = "fold-leet",
    FoldPair = "fold-pair",
    FoldLetters = "fold-letters",
    FoldShort = "fold-short",
    TypoWhole = "typo-whole",
    TypoToken = "typo-token",
    TypoFolded = "typo-folded",
    TypoTwo = "typo-two",
    TypoFarWhole = "typo-far-whole",
    TypoFarLong = "typo-far-long",
    SlipOmission = "slip-omission",
    SlipInsertion = "slip-insertion",
    SlipRepetition = "slip-repetition",
    SlipTransposition = "slip-transposition",
    SlipReplacement = "slip-replacement",
    SlipNear = "slip-near",
    SlipVowel = "slip-vowel",
    SlipBit = "slip-bit",
    SlipPlural = "slip-plural",
    SlipFirst = "slip-first",
    SlipLen5 = "slip-len-5",
    SlipLen6 = "slip-len-6",
    SlipLen7 = "slip-len-7",
    SlipLen8 = "slip-len-8",
    SlipLen10 = "slip-len-10",
    SlipWord = "slip-word",
    SlipCrowded = "slip-crowded",
    SlipHome = "slip-home",
    SlipHomeFaint = "slip-home-faint",
    SlipHosted = "slip-hosted",
    Hyphen = "hyphen",
    HyphenLess = "hyphen-less",
    HyphenCountry = "hyphen-country",
    ComboToken = "combo-token",
    ComboInside = "combo-inside",
    EmbedMiddle = "embed-middle",
    EmbedTail = "embed-tail",
    EmbedGlued = "embed-glued",
    GluedCommon = "glued-common",
    EmbedDashed = "embed-dashed",
    EmbedSuffix = "embed-suffix",
    EmbedAbroad = "embed-abroad",
    EmbedBroken = "embed-broken",
    EmbedMachine = "embed-machine",
    Doppelganger = "doppelganger",
    TldSwap = "tld-swap",
    SwapCountry = "swap-country",
    SwapOther = "swap-other",
    SwapOwn = "swap-own",
    TenantWhole = "tenant-whole",
    TenantToken = "tenant-token",
    TenantInside = "tenant-inside",
    SubLabel = "sub-label",
    SubToken = "sub-token",
    SubInside = "sub-inside",
    SubHosted = "sub-hosted",
    SubBare = "sub-bare",
    SubPortal = "sub-portal",
    SubRandom = "sub-random",
    Len3 = "len-3",
    Len4 = "len-4",
    Len5 = "len-5",
    Len6 = "len-6",
    Len7 = "len-7",
    Len8 = "len-8",
    Len10 = "len-10",
    Len13 = "len-13",
    Common = "common",
    CommonBare = "common-bare",
    CommonInside = "common-inside",
    Followed = "followed",
    Distinct = "distinct",
    DistinctLured = "distinct-lured",
    InsideWord = "inside-word",
    InsideShort = "inside-short",
    InsideMiddle = "inside-middle",
    InsideOther = "inside-other",
    InsideLong = "inside-long",
    KeywordStrong = "keyword-strong",
    KeywordWeak = "keyword-weak",
    KeywordElsewhere = "keyword-elsewhere",
    KeywordsMany = "keywords-many",
    KeywordMisspelt = "keyword-misspelt",
    RestHonest = "rest-honest",
    RestWords = "rest-words",
    RestOther = "rest-other",
    RestDigits = "rest-digits",
    DigitsMany = "digits-many",
    RestShort = "rest-short",
    AtStart = "at-start",
    AtEnd = "at-end",
    SuffixFollows = "suffix-follows",
    SuffixRisky1 = "suffix-risky-1",
    SuffixRisky2 = "suffix-risky-2",
    SuffixRisky3 = "suffix-risky-3",
    SuffixGeneric = "suffix-generic",
    SuffixCountry = "suffix-country",
    SuffixHome = "suffix-home",
    SuffixOther = "suffix-other",
    SuffixAbroad = "suffix-abroad",
    PlatformPaas = "platform-paas",
    PlatformFree = "platform-free",
    PlatformDynamic = "platform-dynamic",
    PlatformTunnel = "platform-tunnel",
    PlatformOther = "platform-other",
    FanPage = "fan-page",
    RiskyKeyword = "risky-keyword",
    RiskyBare = "risky-bare",
    TokenLured = "token-lured",
    Hyphens = "hyphens",
    Deep = "deep",
    OtherBrand = "other-brand",
    OwnSlip = "own-slip",
    OwnShort = "own-short",
    Own = "own",
    Script = "script",
}

const _: () =
    assert!(Feature::ALL.len() < 128, "features are bits of a u128, and one is left for the start");

/// A set of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Features(u128);

impl Features {
    /// The set of some features.
    pub(super) fn of(features: &[Feature]) -> Self {
        features.iter().fold(Self::default(), |set, &it| set.with(it))
    }

    /// The set with one more.
    pub(super) const fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u8)
    }

    /// Adds a feature when `on`.
    pub(super) const fn set(&mut self, feature: Feature, on: bool) {
        if on {
            self.0 |= 1 << feature as u8;
        }
    }

    /// Whether the set holds a feature.
    pub(super) const fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u8 & 1 == 1
    }

    /// The features as bits, the first one's being the lowest.
    pub(super) const fn bits(self) -> u128 {
        self.0
    }

    /// The features, in the order of the table.
    pub(super) fn iter(self) -> impl Iterator<Item = Feature> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let bit = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            Feature::ALL.get(bit).copied()
        })
    }
}

/// Most pieces of evidence kept for one name.
pub(super) const EVIDENCE_MAX: usize = 8;

/// The evidence of one name.
pub(super) struct List {
    items: [Evidence; EVIDENCE_MAX],
    len: usize,
}

impl List {
    pub(super) const fn new() -> Self {
        let none = Evidence {
            technique: Technique::Combo,
            label: NO_LABEL,
            span: Span { start: 0, end: 0 },
            detail: Detail::None,
            features: Features(0),
            score: 0,
        };
        Self { items: [none; EVIDENCE_MAX], len: 0 }
    }

    /// Adds evidence; past the limit it is dropped, for eight places tell as much as nine.
    pub(super) const fn push(&mut self, evidence: Evidence) {
        if self.len < EVIDENCE_MAX {
            self.items[self.len] = evidence;
            self.len += 1;
        }
    }

    /// Keeps what `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(&Evidence) -> bool) {
        let mut kept = 0;
        for at in 0..self.len {
            if keep(&self.items[at]) {
                self.items[kept] = self.items[at];
                kept += 1;
            }
        }
        self.len = kept;
    }

    pub(super) fn as_slice(&self) -> &[Evidence] {
        &self.items[..self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Evidence] {
        &mut self.items[..self.len]
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_keep_features() {
        let set = Features::of(&[Feature::Common, Feature::IdnWhole]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Feature::IdnWhole, Feature::Common]);
        assert!(set.has(Feature::Common) && !set.has(Feature::Own));
        assert_eq!(Features::default().iter().count(), 0);
    }

    #[test]
    fn words_of_features_differ() {
        let words: std::collections::BTreeSet<_> =
            Feature::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(words.len(), Feature::ALL.len());
    }
}

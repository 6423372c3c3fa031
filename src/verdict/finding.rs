//! Findings: the evidence that a detector returns, before policy turns it into an action.

use super::Shares;

/// One piece of evidence about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How the name deceives, or what it was matched by.
    pub technique: Technique,
    /// The protected domain, platform, list or rule it was matched against.
    pub target: String,
    /// The part of the name that matched.
    pub matched: String,
    /// This finding's share of the score, 0 to 100; 0 for findings that are no question of degree.
    pub score: u8,
    /// What the score is the sum of, see [`Finding::shares`].
    pub shares: Shares,
    /// One sentence for a person.
    pub why: String,
    /// MITRE ATT&CK technique ids.
    pub attack: &'static [&'static str],
}

impl Finding {
    /// Octets it takes, texts included.
    pub fn octets(&self) -> usize {
        size_of::<Self>() + self.target.len() + self.matched.len() + self.why.len()
    }
}

/// How a name deceives, or which kind of knowledge matched it. One word in file names, ids, docs and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Technique {
    /// Characters that read as others: Unicode confusables and ASCII folds (`rn` for m).
    Homograph,
    /// Scripts mixed within a label, invisible or bidirectional characters.
    MixedScript,
    /// A slip of the keyboard: omission, insertion, repetition, transposition, replacement.
    Typo,
    /// One bit flipped.
    Bitsquat,
    /// A hyphen added or left out.
    Hyphen,
    /// A plural `s` added or left out.
    Plural,
    /// A brand and another word in one label.
    Combo,
    /// A whole official domain carried inside another name.
    Embedding,
    /// The brand under another top-level domain.
    TldSwap,
    /// A dot left out: `wwwpaypal.com`.
    Doppelganger,
    /// A brand in the tenant of a platform.
    TenantBrand,
    /// A brand in a subdomain of somebody else's domain.
    Subdomain,
    /// A name carried by a search suffix, a look-up service or a rewriting proxy.
    Carried,
    /// Something that a name alone does not tell: new here, and of a suspicious make.
    New,
    /// A name under a platform.
    Platform,
    /// An entry of a list.
    Entry,
    /// A rule of the operator.
    Rule,
}

impl Technique {
    /// The word used in file names, events and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Homograph => "homograph",
            Self::MixedScript => "mixed-script",
            Self::Typo => "typo",
            Self::Bitsquat => "bitsquat",
            Self::Hyphen => "hyphen",
            Self::Plural => "plural",
            Self::Combo => "combo",
            Self::Embedding => "embedding",
            Self::TldSwap => "tld-swap",
            Self::Doppelganger => "doppelganger",
            Self::TenantBrand => "tenant-brand",
            Self::Subdomain => "subdomain",
            Self::Carried => "carried",
            Self::New => "new",
            Self::Platform => "platform",
            Self::Entry => "entry",
            Self::Rule => "rule",
        }
    }
}

//! Context: what stands around a match, and what it is worth there.

use crate::{name::Class, verdict::Technique};

use super::{
    doppelganger, embedding,
    evidence::{Detail, EVIDENCE_MAX, Evidence, Feature, Features, List, NO_LABEL},
    parts::Part,
    protect::Flags,
    random,
    scan::{Place, Scan},
    subdomain, typo,
    view::Span,
    words::Strength,
};

/// Adds the features of the surroundings to all evidence.
pub(super) fn complete(scan: &Scan<'_>, found: &mut List) {
    if found.is_empty() {
        return;
    }
    let suffix = suffix_feature(scan);
    let count = found.as_slice().len();
    let labels: [u32; EVIDENCE_MAX] =
        std::array::from_fn(|at| found.as_slice().get(at).map_or(NO_LABEL, |it| it.label));
    for evidence in found.as_mut_slice() {
        if evidence.label == NO_LABEL {
            continue;
        }
        if evidence.features.has(Feature::IdnWhole) {
            whole_in_other_letters(scan, evidence);
            continue;
        }
        reclassify(scan, evidence);
        let mut features = evidence.features;
        surroundings(scan, evidence, &mut features);
        label_features(scan, evidence, &mut features);
        features.set(suffix, true);
        features.set(Feature::SuffixAbroad, is_abroad(scan, evidence));
        let other = labels[..count].iter().any(|&it| it != NO_LABEL && it != evidence.label);
        features.set(Feature::OtherBrand, other);
        let token = scan.tokens_of(evidence.span);
        let middle = token.start < evidence.span.start && evidence.span.end < token.end;
        let flags = scan.know.protected.label(evidence.label).flags;
        interactions(scan, evidence.span, flags, middle, &mut features);
        features.set(Feature::SubPortal, portal(scan, evidence.span, features));
        if let Detail::Slip(slip) = evidence.detail {
            typo::at_home(slip, scan.know.protected.label(evidence.label).len(), &mut features);
        }
        evidence.features = features;
    }
}

/// The whole name in other letters needs no surroundings; marks alone on a short or common label may be another language.
fn whole_in_other_letters(scan: &Scan<'_>, evidence: &mut Evidence) {
    let label = scan.know.protected.label(evidence.label);
    let marked = scan.view.alien(evidence.span) == 0;
    evidence.features.set(Feature::IdnMarked, marked);
    evidence.features.set(Feature::IdnWeak, marked && (label.len() <= 4 || label.flags.common));
    evidence.features.set(Feature::Own, label.own);
}

/// A brand inside a label is more when a dot or a suffix was left out there.
fn reclassify(scan: &Scan<'_>, evidence: &mut Evidence) {
    if !matches!(
        evidence.technique,
        Technique::Combo | Technique::TenantBrand | Technique::Subdomain
    ) {
        return;
    }
    let at = scan.view.label_of(evidence.span);
    let label = scan.view.labels()[at];
    let token_end = scan.tokens_of(evidence.span).end();
    if doppelganger::is_glued_suffix(scan, evidence.label, token_end, evidence.span) {
        evidence.technique = Technique::Embedding;
        evidence.features = Features::of(&[Feature::EmbedGlued]);
    } else if scan.view.is_registered(at)
        && scan.cut.platform.is_none()
        && scan.place(evidence.span) == Place::Inside
        && doppelganger::is_missing_dot(scan, label, evidence.span)
    {
        evidence.technique = Technique::Doppelganger;
        evidence.features = Features::of(&[Feature::Doppelganger]);
    }
}

/// Suffix and platform.
fn suffix_feature(scan: &Scan<'_>) -> Feature {
    match scan.cut.platform {
        Some(Class::Paas) => return Feature::PlatformPaas,
        Some(Class::FreeHosting) => return Feature::PlatformFree,
        Some(Class::DynamicDns) => return Feature::PlatformDynamic,
        Some(Class::Tunnel) => return Feature::PlatformTunnel,
        Some(
            Class::IpfsGateway
            | Class::Shortener
            | Class::LinkInBio
            | Class::SaasTenant
            | Class::SimulatedPhishing,
        ) => return Feature::PlatformOther,
        None => (),
    }
    let suffix = scan.cut.suffix;
    let last = suffix.rsplit_once('.').map_or(suffix, |(_, last)| last);
    match scan.know.risk(suffix).max(scan.know.risk(last)) {
        3.. => return Feature::SuffixRisky3,
        2 => return Feature::SuffixRisky2,
        1 => return Feature::SuffixRisky1,
        0 => (),
    }
    if matches!(suffix, "com" | "net" | "org") {
        Feature::SuffixGeneric
    } else if last.len() == 2 {
        Feature::SuffixCountry
    } else {
        Feature::SuffixOther
    }
}

/// What stands beside the match in its label, and elsewhere.
fn surroundings(scan: &Scan<'_>, evidence: &Evidence, features: &mut Features) {
    let (view, span) = (scan.view, evidence.span);
    let at = view.label_of(span);
    let label = view.labels()[at];
    let mut rest = Rest::default();
    for token in view.tokens() {
        let other = token.span;
        if usize::from(token.label) != at && !span.overlaps(other) {
            let strong = scan.know.words.at(view, other) == Some(Strength::Strong);
            features.set(Feature::KeywordElsewhere, strong);
        } else if !span.overlaps(other) {
            rest.add(scan, other);
        } else {
            if other.start < span.start {
                rest.add(scan, Span { start: other.start, end: span.start });
            }
            if other.end > span.end {
                rest.add(scan, Span { start: span.end, end: other.end });
            }
        }
    }
    let strong = if rest.strong > 0 { Feature::KeywordStrong } else { Feature::KeywordWeak };
    features.set(strong, rest.strong + rest.weak > 0);
    features.set(Feature::KeywordsMany, rest.strong + rest.weak > 1);
    features.set(Feature::KeywordMisspelt, rest.misspelt > 0);
    features.set(Feature::RestHonest, rest.honest > 0);
    features.set(Feature::RestWords, rest.parts > rest.digits && rest.other == 0);
    features.set(Feature::RestOther, rest.other > 0);
    features.set(Feature::RestDigits, rest.digits > 0);
    let token = features.has(Feature::ComboToken);
    features.set(Feature::DigitsMany, token && rest.digits > 0 && is_numbered(scan, label));
    features.set(Feature::RestShort, rest.short > 0);
    features.set(Feature::AtStart, span.start == label.start);
    features.set(Feature::AtEnd, span.end == label.end);
    let hyphens = view.bytes(label).iter().filter(|&&it| it == b'.').count();
    features.set(Feature::Hyphens, hyphens >= 3);
    features.set(Feature::Deep, view.labels().len() >= 4);
    let follows = scan.know.protected.label(evidence.label).is_followed(&view.text()[span.end()..]);
    features.set(Feature::SuffixFollows, follows && evidence.technique != Technique::Embedding);
}

/// Whether a label holds a number that is no year. Digits read the same in a view.
fn is_numbered(scan: &Scan<'_>, label: Span) -> bool {
    std::str::from_utf8(scan.view.bytes(label)).is_ok_and(random::is_numbered)
}

/// The rest of a label, counted by kind.
#[derive(Default)]
struct Rest {
    parts: u8,
    strong: u8,
    weak: u8,
    digits: u8,
    other: u8,
    short: u8,
    honest: u8,
    misspelt: u8,
}

impl Rest {
    fn add(&mut self, scan: &Scan<'_>, part: Span) {
        self.parts = self.parts.saturating_add(1);
        let text = scan.view.bytes(part);
        if text.iter().all(u8::is_ascii_digit) {
            self.digits = self.digits.saturating_add(1);
        } else if let Some(segments) = scan.know.words.segment(scan.view, part) {
            self.strong = self.strong.saturating_add(segments.strong);
            self.weak = self.weak.saturating_add(segments.weak);
            self.honest = self.honest.saturating_add(segments.honest);
        } else if scan.know.words.misspelt(scan.view, part).is_some() {
            self.misspelt = self.misspelt.saturating_add(1);
        } else if text.len() <= 3 {
            self.short = self.short.saturating_add(1);
        } else {
            self.other = self.other.saturating_add(1);
        }
    }
}

/// What kind of label is imitated.
fn label_features(scan: &Scan<'_>, evidence: &Evidence, features: &mut Features) {
    let label = scan.know.protected.label(evidence.label);
    let (len, common) = match evidence.detail {
        Detail::Domain(id) => {
            let domain = &scan.know.protected.domains[id as usize];
            let first = domain.text.split('.').next().unwrap_or("");
            (first.len(), first.len() < 6 && scan.know.words.strength(first.as_bytes()).is_some())
        }
        Detail::None | Detail::Far(_) | Detail::Slip(_) | Detail::Known(_) | Detail::Stranger => {
            (label.len(), label.flags.common)
        }
    };
    // The name by itself says no more for being long.
    let len = match evidence.features.has(Feature::TldSwap) {
        true if label.own => len.clamp(5, 7),
        true => len.min(12),
        false if is_whole_hyphen(*features) => len.min(9),
        false => len,
    };
    features.set(
        match len {
            ..=3 => Feature::Len3,
            4 => Feature::Len4,
            5 => Feature::Len5,
            6 => Feature::Len6,
            7 => Feature::Len7,
            8 | 9 => Feature::Len8,
            10..=12 => Feature::Len10,
            _ => Feature::Len13,
        },
        true,
    );
    features.set(Feature::Common, common);
    let foreign = scan.view.foreign(evidence.span) > 0;
    features.set(Feature::IdnMarked, foreign && scan.view.alien(evidence.span) == 0);
    features.set(Feature::Own, label.own);
    let home = scan.cut.platform.is_none() && label.has_suffix(scan.cut.suffix);
    features.set(Feature::SuffixHome, home);
}

/// Whether the suffix is of a country where others pretend, and the brand is of another one and has no domain there.
fn is_abroad(scan: &Scan<'_>, evidence: &Evidence) -> bool {
    let label = scan.know.protected.label(evidence.label);
    let means_one = !(label.own || label.flags.common || label.flags.hosted);
    scan.cut.platform.is_none()
        && Part::Abroad.is(scan.cut.suffix)
        && means_one
        && label.is_of_other_country(scan.cut.suffix)
}

/// Whether nobody thought up the registered label: it looks random, or one of many that differ by a number.
fn is_random(scan: &Scan<'_>) -> bool {
    let label = scan.cut.site.strip_suffix(scan.cut.suffix).unwrap_or("").trim_end_matches('.');
    random::looks_random(label) || random::is_numbered(label)
}

/// Whether a brand in a subdomain stands there as in the portals of honest companies.
fn portal(scan: &Scan<'_>, span: Span, f: Features) -> bool {
    f.has(Feature::SubLabel)
        && f.has(Feature::KeywordElsewhere)
        && (f.has(Feature::SuffixGeneric) || f.has(Feature::SuffixCountry))
        // Nobody names a partner `microsoftonline`; who copies its sign-in page does.
        && !f.has(Feature::Len13)
        && subdomain::is_portal(scan, span)
}

/// Features that say more, or less, together.
fn interactions(scan: &Scan<'_>, span: Span, flags: Flags, middle: bool, features: &mut Features) {
    let f = *features;
    let strong = f.has(Feature::KeywordStrong);
    let risky = f.has(Feature::SuffixRisky2) || f.has(Feature::SuffixRisky3);
    let inside =
        f.has(Feature::ComboInside) || f.has(Feature::SubInside) || f.has(Feature::TenantInside);
    let short = f.has(Feature::Len5) || f.has(Feature::Len6);
    let lured = strong || f.has(Feature::KeywordElsewhere) || risky || scan.cut.platform.is_some();
    let (own, swapped) = (f.has(Feature::Own), f.has(Feature::TldSwap));
    let beside = strong || f.has(Feature::KeywordWeak) || f.has(Feature::KeywordMisspelt);
    let slipped = f.has(Feature::TypoWhole) || f.has(Feature::TypoToken);
    // A word that the operator named counts beside any keyword, alone, and with a slip where he asked for those.
    let meant = own && (beside || swapped || slipped);
    let bare = f.has(Feature::Common) && flags.word && !lured;
    features.set(Feature::CommonBare, bare && !meant);
    features.set(Feature::OwnSlip, own && slipped);
    features.set(Feature::OwnShort, own && f.has(Feature::Len3) && beside);
    features.set(Feature::SlipCrowded, slipped && flags.crowded);
    let below = f.has(Feature::SubLabel) || f.has(Feature::SubToken) || f.has(Feature::SubInside);
    // Sites name partners in subdomains: a brand there needs something that lures. Those sites stand under suffixes of good name, so
    // that one a little worse is enough.
    let ill_named = f.has(Feature::SuffixRisky1) || f.has(Feature::SuffixAbroad);
    let lured_below = lured || (ill_named && !flags.hosted);
    features.set(Feature::SubBare, below && !lured_below && !f.has(Feature::SuffixFollows));
    features.set(Feature::SubRandom, below && scan.cut.platform.is_none() && is_random(scan));
    // A dictionary word names hosts of anybody's, and so do a few other words.
    let host_word = (flags.word || flags.host) && !lured && !f.has(Feature::SuffixFollows);
    // A platform's customers name what they run after the software, and their platform adds a number.
    let tenant = f.has(Feature::TenantToken)
        && f.has(Feature::RestDigits)
        && !f.has(Feature::RestOther)
        && !strong;
    features.set(
        Feature::SubHosted,
        (below && (flags.hosted || host_word)) || (tenant && flags.hosted),
    );
    features.set(Feature::CommonInside, f.has(Feature::Common) && inside && !meant);
    // Brands register their name under the suffixes of countries and trades themselves.
    features.set(Feature::SwapCountry, swapped && !own && f.has(Feature::SuffixCountry));
    features.set(Feature::SwapOwn, swapped && own);
    features.set(Feature::SwapOther, swapped && f.has(Feature::SuffixOther));
    let brief = f.has(Feature::Len3) || f.has(Feature::Len4) || f.has(Feature::Len5);
    let distinct = !brief && !f.has(Feature::Common) && !flags.followed && !swapped;
    features.set(Feature::Followed, flags.followed);
    features.set(Feature::FanPage, flags.followed && f.has(Feature::PlatformFree) && !strong);
    features.set(Feature::Distinct, distinct);
    features.set(Feature::DistinctLured, distinct && beside);
    features.set(Feature::InsideShort, inside && short);
    features.set(Feature::InsideMiddle, inside && middle);
    features.set(Feature::InsideOther, inside && short && f.has(Feature::RestOther));
    features.set(Feature::RiskyKeyword, risky && strong);
    // A distinctive name beside letters that make no words is the deceiver's alone to explain.
    let garbled = f.has(Feature::ComboToken)
        && f.has(Feature::RestOther)
        && !flags.followed
        && !f.has(Feature::Len3);
    features.set(Feature::RiskyBare, risky && !strong && scan.cut.platform.is_none() && !garbled);
    features.set(Feature::TokenLured, is_lured_token(f, flags));
    features.set(Feature::SlipHosted, slipped && f.has(Feature::PlatformFree));
    let nothing_lures = !(own || lured_below || f.has(Feature::KeywordMisspelt));
    if nothing_lures {
        unlured(scan, span, features);
        features
            .set(Feature::EmbedMachine, f.has(Feature::EmbedTail) && embedding::is_machine(scan));
    }
}

/// Whether a brand between separators stands beside a word that lures or under a suffix of bad name. Under a country's suffix local
/// branches and shops are named so.
fn is_lured_token(f: Features, flags: Flags) -> bool {
    let asks = f.has(Feature::KeywordStrong) && !f.has(Feature::SuffixCountry);
    let ill_named = f.has(Feature::SuffixRisky1) && !flags.followed;
    f.has(Feature::ComboToken) && !f.has(Feature::RestHonest) && (asks || ill_named)
}

/// Features that say less where nothing lures, for honest names have them too.
fn unlured(scan: &Scan<'_>, span: Span, features: &mut Features) {
    let f = *features;
    let (country, common) = (f.has(Feature::SuffixCountry), f.has(Feature::Common));
    features.set(Feature::FoldShort, is_short_fold(f));
    // `apple-support.us` is the brand's `support` with a hyphen, and lures by itself.
    let asks = || {
        let mut parts = scan.view.tokens().iter().map(|it| it.span).filter(|it| span.contains(*it));
        parts.any(|it| scan.know.words.at(scan.view, it) == Some(Strength::Strong))
    };
    features.set(Feature::HyphenCountry, country && is_whole_hyphen(f) && !asks());
    let marked = f.has(Feature::IdnInside) && f.has(Feature::IdnMarked);
    features.set(Feature::IdnWord, country && marked);
    // `net` and `com` are words as well, `couk` is none.
    let brief = scan.tokens_of(span).end() <= span.end() + 3;
    features.set(Feature::GluedCommon, common && brief && f.has(Feature::EmbedGlued));
    let long = f.has(Feature::ComboInside) && f.has(Feature::Len13);
    features.set(Feature::InsideLong, long && !f.has(Feature::KeywordWeak));
}

/// Whether a few letters look like those of a short label, none of them a 0 or 1: as many honest names do.
fn is_short_fold(f: Features) -> bool {
    let folds = f.has(Feature::FoldWhole) || f.has(Feature::FoldToken);
    let short = f.has(Feature::Len3) || f.has(Feature::Len4) || f.has(Feature::Len5);
    folds && short && !f.has(Feature::FoldDigit)
}

/// Whether the whole registered label is a protected one with hyphens.
fn is_whole_hyphen(f: Features) -> bool {
    f.has(Feature::Hyphen) && f.has(Feature::AtStart) && f.has(Feature::AtEnd)
}

//! The walk over a name: every token and every place inside a label is asked for protected labels, in one pass each.

use crate::verdict::Technique;

use super::{
    Knowledge, combo, context,
    doppelganger::{self, WWW},
    embedding,
    evidence::{Detail, Evidence, Feature, Features, List},
    far_slip, homograph, hyphen,
    protect::{INSIDE_MIN, Label},
    subdomain, tenant_brand, tld_swap, typo,
    view::{Cut, Span, Token, View},
};

/// Most labels that are weighed inside tokens of one name; a name that holds more is made of nothing else.
const INSIDE_CHECKS_MAX: usize = 8;
/// Shortest token that is looked up among folded labels, and longest that a slip is looked for.
const FOLD_MIN: usize = 4;
const SLIP_MIN: usize = 3;
const SLIP_MAX: usize = 32;

/// One name under the eyes of every technique.
pub(super) struct Scan<'a> {
    pub(super) know: &'a Knowledge,
    pub(super) cut: Cut<'a>,
    pub(super) view: &'a View,
    /// The site is well known: only characters that deceive count.
    pub(super) known_good: bool,
}

/// Where in a name something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the registered label.
    Whole,
    /// A token of the registered label.
    Token,
    /// Inside a token of the registered label.
    Inside,
    /// It is a label below the registered one.
    SubLabel,
    /// A token of such a label.
    SubToken,
    /// Inside a token of such a label.
    SubInside,
}

impl Scan<'_> {
    /// Collects all evidence.
    pub(super) fn run(&self, found: &mut List) {
        embedding::find(self, found);
        let matched = self.tokens(found);
        if self.cut.platform.is_none() {
            embedding::find_stranger(self, found);
        }
        hyphen::find(self, found);
        self.inside(matched, found);
        self.inside_folded(matched, found);
        if self.view.has_idn() {
            homograph::find_known(self, found);
        }
        if self.known_good {
            found.retain(|it| self.view.foreign(it.span) > 0);
        }
        context::complete(self, found);
    }

    /// Asks every token: the label itself, its fold, one slip away. Tells which tokens are spoken for, a bit each.
    fn tokens(&self, found: &mut List) -> u128 {
        let mut matched = 0;
        for (at, token) in self.view.tokens().iter().enumerate().rev() {
            let span = token.span;
            if span.len() < 3 && !self.view.has_idn() && !self.may_be_short_own(token) {
                continue;
            }
            if found.as_slice().iter().any(|it| it.span.contains(span)) {
                // A domain that is carried whole says all that its label could.
                matched |= 1 << at;
                continue;
            }
            let text = self.view.bytes(span);
            let hit = match self.know.protected.exact(self.view.hash(span), text) {
                Some(label) => {
                    self.exact(label, span, found);
                    true
                }
                None => self.folded_token(span, found) || self.slipped_token(span, false, found),
            };
            matched |= u128::from(hit) << at;
        }
        matched
    }

    /// Whether a token of two letters is worth a look: an own label may be as short where it is registered.
    fn may_be_short_own(&self, token: &Token) -> bool {
        self.know.protected.has_short_own && self.view.is_registered(token.label.into())
    }

    /// A run of tokens that is an own label with hyphens but for letters that look alike or a slip.
    pub(super) fn near_run(&self, span: Span, may_slip: bool, found: &mut List) {
        if found.as_slice().iter().all(|it| !it.span.overlaps(span)) {
            let _ = self.folded_token(span, found)
                || (may_slip && self.slipped_token(span, true, found));
        }
    }

    /// A place that holds exactly a protected label.
    pub(super) fn exact(&self, label: u32, span: Span, found: &mut List) {
        let place = self.place(span);
        if self.view.foreign(span) > 0 {
            let feature = match place {
                Place::Whole => Feature::IdnWhole,
                Place::Token | Place::SubLabel | Place::SubToken => Feature::IdnToken,
                Place::Inside | Place::SubInside => Feature::IdnInside,
            };
            self.push(Technique::Homograph, label, span, Detail::None, &[feature], found);
            return;
        }
        let unhyphenated = self.know.protected.label(label).unhyphenated;
        let (technique, feature) = match place {
            Place::Whole if self.cut.platform.is_none() && unhyphenated => {
                (Technique::Hyphen, Feature::HyphenLess)
            }
            Place::Whole if self.cut.platform.is_none() => (Technique::TldSwap, tld_swap::FEATURE),
            Place::Whole | Place::Token | Place::Inside if self.cut.platform.is_some() => {
                (Technique::TenantBrand, tenant_brand::feature(place))
            }
            Place::Whole | Place::Token | Place::Inside => {
                (Technique::Combo, combo::feature(place))
            }
            Place::SubLabel | Place::SubToken | Place::SubInside => {
                (Technique::Subdomain, subdomain::feature(place))
            }
        };
        self.push(technique, label, span, Detail::None, &[feature], found);
    }

    fn folded_token(&self, span: Span, found: &mut List) -> bool {
        let (Some(start), Some(end)) =
            (self.view.folded_at(span.start()), self.view.folded_at(span.end()))
        else {
            return false;
        };
        if span.len() < FOLD_MIN && self.view.foreign(span) == 0 {
            return false;
        }
        let hash = self.view.folded_hashes.of(start, end);
        self.folded(hash, span, found)
    }

    /// A place that folds to a protected label.
    fn folded(&self, hash: u64, span: Span, found: &mut List) -> bool {
        let text = self.view.bytes(span);
        for id in self.know.protected.folds(hash) {
            let label = self.know.protected.label(id);
            let Some(swaps) = homograph::align(text, label.text.as_bytes()) else { continue };
            let place = self.place(span);
            if swaps.count() == 0
                || swaps.hides(text.len())
                || (label.len() < 5 && swaps.is_letters_only() && self.view.foreign(span) == 0)
                || !homograph::may_stand(self, place, span)
            {
                continue;
            }
            let foreign = self.view.foreign(span) > 0;
            let base = match (place, foreign) {
                (Place::Whole, true) => Feature::IdnWhole,
                (Place::Whole, false) => Feature::FoldWhole,
                (Place::Inside | Place::SubInside, true) => Feature::IdnInside,
                (Place::Inside | Place::SubInside, false) => Feature::FoldInside,
                (Place::Token | Place::SubLabel | Place::SubToken, true) => Feature::IdnToken,
                (Place::Token | Place::SubLabel | Place::SubToken, false) => Feature::FoldToken,
            };
            let mut features = Features::of(&[base]);
            features.set(Feature::FoldDigit, swaps.digit);
            features.set(Feature::FoldLeet, swaps.leet && !swaps.digit);
            features.set(Feature::FoldPair, swaps.pair && !swaps.digit && !swaps.leet);
            features.set(Feature::FoldLetters, swaps.is_letters_only());
            let technique = Technique::Homograph;
            found.push(Evidence {
                technique,
                label: id,
                span,
                detail: Detail::None,
                features,
                score: 0,
            });
            return true;
        }
        false
    }

    /// A token one slip away from a protected label, or a run of them from one that has hyphens.
    fn slipped_token(&self, span: Span, is_run: bool, found: &mut List) -> bool {
        if !(SLIP_MIN..=SLIP_MAX).contains(&span.len()) {
            return false;
        }
        if self.know.protected.may_slip(span.len())
            && let Some(evidence) = self.slipped_once(span, is_run)
        {
            found.push(evidence);
            return true;
        }
        let far = far_slip::find(self, span);
        match far.filter(|it| !is_run || hyphen::is_near(self, span, self.label(it))) {
            Some(evidence) => {
                found.push(evidence);
                true
            }
            None => false,
        }
    }

    /// One letter left out, put in, put in place of another, or two of them swapped.
    fn slipped_once(&self, span: Span, is_run: bool) -> Option<Evidence> {
        let protected = &self.know.protected;
        let ask = |hash: u64| {
            if protected.may_be_deletion(hash) { self.slip_by(hash, span, is_run) } else { None }
        };
        let whole = ask(self.view.hash(span));
        whole.or_else(|| self.view.hashes.each_without(span.start(), span.end()).find_map(ask))
    }

    /// The same, of labels that may have this hash when a letter is left out.
    #[cold]
    fn slip_by(&self, hash: u64, span: Span, is_run: bool) -> Option<Evidence> {
        self.know.protected.deletions(hash).find_map(|id| {
            let label = self.know.protected.label(id);
            if is_run && !hyphen::is_near(self, span, label) {
                return None;
            }
            let slip = typo::slip(self.view.bytes(span), label.text.as_bytes())?;
            let (technique, features) = typo::judge(self, slip, id, span)?;
            let detail = Detail::Slip(slip);
            Some(Evidence { technique, label: id, span, detail, features, score: 0 })
        })
    }

    /// Looks for labels inside tokens; of labels that begin at one place the longest counts.
    fn inside(&self, matched: u128, found: &mut List) {
        let (text, mut checks) = (self.view.text(), 0);
        for (at, token) in self.view.tokens().iter().enumerate().rev() {
            if matched >> at & 1 == 1 || token.span.len() <= INSIDE_MIN {
                continue;
            }
            self.short(token.span, found);
            let mut start = token.span.start();
            while start + INSIDE_MIN <= token.span.end() {
                let Some((label, span)) = self.longest_at(start, &text[..token.span.end()]) else {
                    start += 1;
                    continue;
                };
                checks += 1;
                if checks > INSIDE_CHECKS_MAX {
                    return;
                }
                if combo::may_stand_inside(self, label, token.span, span) {
                    self.exact(label, span, found);
                    start = span.end();
                } else {
                    start += 1;
                }
            }
        }
    }

    /// A label of three letters inside a token, where so few are no chance: an own one at an end beside a keyword (`abclogin`),
    /// any in an address without its dots (`dhlcom-track`, `wwwups`).
    fn short(&self, token: Span, found: &mut List) {
        let protected = &self.know.protected;
        let len = INSIDE_MIN - 1;
        let is_www = self.view.bytes(token).starts_with(WWW);
        let behind_www = (is_www && token.len() >= WWW.len() + len).then(|| WWW.len());
        let at_end = protected.has_short_own.then(|| token.len() - len);
        for from in [Some(0), behind_www, at_end.filter(|&it| Some(it) != behind_www)] {
            let Some(start) = from.map(|it| token.start() + it) else { continue };
            let span = Span::new(start, start + len);
            let exact = protected.exact(self.view.hash(span), self.view.bytes(span));
            if let Some(label) = exact
                && (protected.label(label).own
                    || doppelganger::is_address(self, label, token, span))
                && combo::may_stand_inside(self, label, token, span)
            {
                self.exact(label, span, found);
            }
        }
    }

    /// The longest label that begins at a place.
    pub(super) fn longest_at(&self, start: usize, text: &[u8]) -> Option<(u32, Span)> {
        let protected = &self.know.protected;
        let at = |len: usize| {
            let span = Span::new(start, start + len);
            Some((protected.exact(self.view.hash(span), self.view.bytes(span))?, span))
        };
        protected.lengths(&text[start..]).filter_map(at).last()
    }

    /// Looks for folded labels inside tokens: `paypa1login`.
    fn inside_folded(&self, matched: u128, found: &mut List) {
        let (text, mut checks) = (self.view.folded(), 0);
        for (at, token) in self.view.tokens().iter().enumerate().rev() {
            if matched >> at & 1 == 1 || token.span.len() <= INSIDE_MIN {
                continue;
            }
            let (Some(first), Some(last)) =
                (self.view.folded_at(token.span.start()), self.view.folded_at(token.span.end()))
            else {
                continue;
            };
            for start in first..last {
                for len in self.know.protected.fold_lengths(&text[start..last]) {
                    let span = Span::new(self.view.origin(start), self.view.origin(start + len));
                    let hash = self.view.folded_hashes.of(start, start + len);
                    if span == token.span || self.know.protected.folds(hash).next().is_none() {
                        continue;
                    }
                    checks += 1;
                    if checks > INSIDE_CHECKS_MAX {
                        return;
                    }
                    self.folded(hash, span, found);
                }
            }
        }
    }

    fn label(&self, evidence: &Evidence) -> &Label {
        self.know.protected.label(evidence.label)
    }

    /// The token that a span stands in, or the run of them that it covers.
    pub(super) fn tokens_of(&self, span: Span) -> Span {
        let mut tokens = self.view.tokens().iter().map(|it| it.span).filter(|it| it.overlaps(span));
        let Some(first) = tokens.next() else { return span };
        let last = tokens.next_back().unwrap_or(first);
        Span { start: first.start.min(span.start), end: last.end.max(span.end) }
    }

    /// Adds evidence with these features.
    pub(super) fn push(
        &self,
        technique: Technique,
        label: u32,
        span: Span,
        detail: Detail,
        features: &[Feature],
        found: &mut List,
    ) {
        let features = Features::of(features);
        found.push(Evidence { technique, label, span, detail, features, score: 0 });
    }

    /// Where a span stands.
    pub(super) fn place(&self, span: Span) -> Place {
        let at = self.view.label_of(span);
        let label = self.view.labels()[at];
        let is_token = self.is_token(span);
        match (self.view.is_registered(at), span == label, is_token) {
            (true, true, _) => Place::Whole,
            (true, false, true) => Place::Token,
            (true, false, false) => Place::Inside,
            (false, true, _) => Place::SubLabel,
            (false, false, true) => Place::SubToken,
            (false, false, false) => Place::SubInside,
        }
    }

    /// Whether separators or label ends stand on both sides.
    fn is_token(&self, span: Span) -> bool {
        let text = self.view.text();
        let before = span.start().checked_sub(1).is_none_or(|it| text[it] == b'.');
        let after = text.get(span.end()).is_none_or(|&it| it == b'.');
        before && after
    }
}

//! Protected labels and domains, indexed for every technique: built in, and the operator's own.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use crate::name;

use super::{
    data,
    glyph::{Glyphs, fold},
    hash::{Table, Texts, hash},
    parts::Part,
    view::View,
    words::Words,
};

/// Shortest label that is looked for inside other labels.
pub(super) const INSIDE_MIN: usize = 4;
/// Longest label that is looked for inside other labels.
const INSIDE_MAX: usize = 4 + 31;
/// Letters that must match before a label is looked for at a place.
const GRAM: usize = 4;
/// Most own labels for which two slips are looked for: each takes some fifty entries.
const FAR_OWN_MAX: usize = 5_000;

/// Shortest own label without its hyphens for which a slip is looked for as well.
const UNHYPHENATED_SLIP_MIN: usize = 8;

/// A label under protection: what a look-alike imitates.
#[derive(Debug, Clone)]
pub(super) struct Label {
    /// The label as ASCII, every hyphen a dot.
    pub(super) text: Box<str>,
    /// The label with look-alike letters folded.
    pub(super) folded: Box<str>,
    /// The official domain shown to people.
    pub(super) domain: Box<str>,
    /// The suffixes of its official domains, each after a comma: `,com,co.uk`.
    suffixes: Box<str>,
    /// What the brand list says of it.
    pub(super) flags: Flags,
    /// The operator named it.
    pub(super) own: bool,
    /// A slip of the keyboard is looked for.
    pub(super) typos: bool,
    /// It is looked for although the label is short or a word.
    pub(super) typos_asked: bool,
    /// It is an own label without its hyphens.
    pub(super) unhyphenated: bool,
}

impl Label {
    /// Whether one of the official domains has this suffix.
    pub(super) fn has_suffix(&self, suffix: &str) -> bool {
        self.suffixes.split(',').any(|it| it == suffix)
    }

    /// Whether its official domains stand under a country's suffix, and none under that of `country`.
    pub(super) fn is_of_other_country(&self, country: &str) -> bool {
        let mut lasts = self.suffixes.split(',').filter_map(|it| it.rsplit('.').next());
        let is_home = |it: &str| it.len() == 2 && !Part::Worldwide.is(it);
        lasts.clone().any(is_home) && lasts.all(|it| it != country)
    }

    /// Whether `text` begins with a dot, one of those suffixes, and an end or another dot.
    pub(super) fn is_followed(&self, text: &[u8]) -> bool {
        let Some((b'.', text)) = text.split_first() else { return false };
        self.suffixes.split(',').any(|suffix| {
            let rest = text.strip_prefix(suffix.as_bytes());
            !suffix.is_empty() && rest.is_some_and(|it| it.first().is_none_or(|&it| it == b'.'))
        })
    }

    /// The length of the longest of those suffixes written without dots at the head of `text`.
    pub(super) fn glued_suffix(&self, text: &[u8]) -> Option<usize> {
        let glued = |suffix: &str| {
            let letters = suffix.bytes().filter(|&it| it != b'.');
            let len = letters.clone().count();
            (text.len() >= len && letters.zip(text).all(|(a, &b)| a == b)).then_some(len)
        };
        self.suffixes.split(',').filter(|it| it.len() >= 3).filter_map(glued).max()
    }

    /// Whether it is an own label that holds hyphens.
    fn has_own_hyphens(&self) -> bool {
        self.own && self.text.contains('.')
    }

    /// How many letters it has.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }
}

/// What the brand list says of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// It is also a word, a name or another company's name.
    pub(super) common: bool,
    /// It is a word of the dictionary.
    pub(super) word: bool,
    /// Its letters arise where two words meet (`fort|icloud`).
    pub(super) overlap: bool,
    /// Real sites stand one slip away.
    pub(super) crowded: bool,
    /// Customers name hosts of their own after it (`gitlab.company.example`).
    pub(super) hosted: bool,
    /// Machines, regions or teams are called so as well (`ups.company.example`).
    pub(super) host: bool,
    /// Others write about it, build on it, sell it or carry its name rightly.
    pub(super) followed: bool,
}

/// An official domain, for names that carry it.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// The domain, every separator a dot.
    pub(super) text: Box<str>,
    /// The domain as it is written.
    pub(super) shown: Box<str>,
    /// The label that it belongs to.
    pub(super) label: u32,
}

/// Everything under protection.
pub(super) struct Protected {
    pub(super) labels: Vec<Label>,
    pub(super) domains: Vec<Domain>,
    exact: Table,
    folds: Table,
    deletions: Table,
    far: Table,
    /// A bit for each length of a label for which slips are looked for.
    slip_lens: u64,
    /// The same for two slips and by the first letter.
    far_lens: Box<[u64; 256]>,
    joined: Table,
    starts: Starts,
    fold_starts: Starts,
    /// Those of own labels that hold hyphens.
    hyphen_starts: Starts,
    /// The first and last tokens of those.
    hyphen_ends: Table,
    /// Most tokens of a label among those, 0 where there are none.
    pub(super) hyphen_tokens: usize,
    /// There are own labels of fewer letters than are looked for inside others.
    pub(super) has_short_own: bool,
    /// Registrable domains that belong to an owner of protected domains or to the operator.
    owned: Texts,
    owners: Vec<Box<str>>,
    count: usize,
}

/// For the first letters at a place: which lengths of labels begin so.
struct Starts {
    masks: Box<[u32]>,
    shift: u32,
}

impl Starts {
    fn new<'a>(labels: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let count = labels.clone().count();
        let bits = (count * 8).next_power_of_two().trailing_zeros().max(8);
        let mut starts = Self { masks: vec![0; 1 << bits].into(), shift: 64 - bits };
        for label in labels {
            if label.len() >= INSIDE_MIN && label.len() <= INSIDE_MAX {
                let slot = starts.slot(label);
                starts.masks[slot] |= 1 << (label.len() - GRAM);
            }
        }
        starts
    }

    #[inline]
    fn slot(&self, text: &[u8]) -> usize {
        let gram = u64::from(u32::from_le_bytes([text[0], text[1], text[2], text[3]]));
        (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// The lengths of labels that may begin at the head of `text`.
    #[inline]
    fn lengths(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        let mut mask = if text.len() >= GRAM { self.masks[self.slot(text)] } else { 0 };
        if text.len() - GRAM.min(text.len()) < 31 {
            mask &= (2 << (text.len() - GRAM.min(text.len()))) - 1;
        }
        std::iter::from_fn(move || {
            let bit = mask.trailing_zeros();
            mask &= mask.wrapping_sub(1);
            (bit < 32).then_some(GRAM + bit as usize)
        })
    }
}

impl Protected {
    /// A protected label by its number.
    #[inline]
    pub(super) fn label(&self, id: u32) -> &Label {
        &self.labels[id as usize]
    }

    /// The labels that are exactly `text`.
    pub(super) fn exact(&self, hash: u64, text: &[u8]) -> Option<u32> {
        self.exact.find(hash).find(|&it| self.label(it).text.as_bytes() == text)
    }

    /// The same for a text whose dots do not count; `hash` is that of the text without them.
    pub(super) fn exact_without_dots(&self, hash: u64, text: &[u8]) -> Option<u32> {
        let letters = || text.iter().filter(|it| **it != b'.');
        self.exact.find(hash).find(|&it| self.label(it).text.as_bytes().iter().eq(letters()))
    }

    /// The labels that may fold to what hashes so; the caller aligns them.
    pub(super) fn folds(&self, hash: u64) -> impl Iterator<Item = u32> {
        self.folds.find(hash)
    }

    /// The labels that may be one letter longer than what hashes so, or equal to it.
    pub(super) fn deletions(&self, hash: u64) -> impl Iterator<Item = u32> {
        self.deletions.find(hash)
    }

    /// Whether there may be any of those.
    #[inline]
    pub(super) fn may_be_deletion(&self, hash: u64) -> bool {
        self.deletions.may_hold(hash)
    }

    /// Whether there may be labels one or two slips away from a folded text whose hash with letters left out is this.
    #[inline]
    pub(super) fn may_be_far_key(&self, hash: u64) -> bool {
        self.far.may_hold(hash)
    }

    /// The labels that may be one or two slips away from a folded text whose hash with letters left out is this.
    pub(super) fn far(&self, hash: u64) -> impl Iterator<Item = u32> {
        self.far.find(hash)
    }

    /// Whether a text of this length may be one slip away from a label.
    #[inline]
    pub(super) const fn may_slip(&self, len: usize) -> bool {
        self.slip_lens & near_lens(len, 1) != 0
    }

    /// Whether a folded text of this first letter and length may be two slips away from a label that begins alike.
    #[inline]
    pub(super) fn may_be_far(&self, first: u8, len: usize) -> bool {
        self.far_lens[usize::from(first)] & near_lens(len, 2) != 0
    }

    /// The official domain that is exactly `text`, every separator a dot.
    pub(super) fn joined(&self, hash: u64, text: &[u8]) -> Option<u32> {
        self.joined.find(hash).find(|&it| self.domains[it as usize].text.as_bytes() == text)
    }

    /// Lengths of labels that may begin at the head of `text`.
    #[inline]
    pub(super) fn lengths(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        self.starts.lengths(text)
    }

    /// As [`Self::lengths`], for folded text.
    #[inline]
    pub(super) fn fold_lengths(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        self.fold_starts.lengths(text)
    }

    /// As [`Self::lengths`], for own labels that hold hyphens.
    #[inline]
    pub(super) fn hyphen_lengths(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        self.hyphen_starts.lengths(text)
    }

    /// Whether a token may begin or end an own label that holds hyphens; a slip leaves one of the two as it is.
    pub(super) fn is_hyphen_end(&self, hash: u64) -> bool {
        self.hyphen_ends.find(hash).next().is_some()
    }

    /// Whose domain this is, when an owner of protected domains or the operator holds it.
    pub(super) fn owner(&self, registrable: &str) -> Option<&str> {
        self.owned.get(registrable).map(|it| &*self.owners[it as usize])
    }

    /// How many domains are protected.
    pub(super) const fn count(&self) -> usize {
        self.count
    }
}

/// A bit for each length that is at most so far from `len`.
const fn near_lens(len: usize, far: usize) -> u64 {
    let (width, low) = (2 * far + 1, len.saturating_sub(far));
    if low > 63 { 0 } else { ((1 << width) - 1) << low }
}

/// Collects labels and domains, then indexes them.
pub(super) struct Builder<'a> {
    glyphs: &'a Glyphs,
    words: &'a Words,
    labels: Vec<Label>,
    by_text: HashMap<Box<str>, u32, FixedState>,
    domains: Vec<Domain>,
    owned: Vec<(String, u32)>,
    owners: Vec<Box<str>>,
    by_owner: HashMap<Box<str>, u32, FixedState>,
    count: usize,
}

/// What is known of a label when it is added.
struct Entry<'a> {
    domains: &'a [&'a str],
    owner: &'a str,
    flags: Flags,
    own: bool,
    typos_asked: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(glyphs: &'a Glyphs, words: &'a Words) -> Self {
        Self {
            glyphs,
            words,
            labels: Vec::new(),
            by_text: Default::default(),
            domains: Vec::new(),
            owned: Vec::new(),
            owners: Vec::new(),
            by_owner: Default::default(),
            count: 0,
        }
    }

    /// Adds the operator's own domains; `typos` are those of them for whose label slips are looked for though it is short
    /// or a word.
    pub(super) fn add_own(&mut self, domains: &[String], typos: &[String]) {
        let asked: HashSet<String, FixedState> = typos.iter().map(|it| canonical(it)).collect();
        for domain in domains {
            let domain = canonical(domain);
            let registrable = name::registrable(&domain);
            if registrable.is_empty() {
                continue;
            }
            let domains = [&*domain];
            let entry = |text: &str, own| {
                let word = self.words.strength(text.as_bytes()).is_some();
                let flags = Flags { common: word, word, ..Flags::default() };
                let typos_asked = own && asked.contains(&domain);
                Entry { domains: &domains, owner: "you", flags, own, typos_asked }
            };
            let (text, host) = (first_label(registrable), first_label(&domain));
            let (whole, below) = (entry(text, true), entry(host, false));
            self.add(text, &whole);
            if domain != registrable {
                self.add(host, &below);
            }
            self.count += 1;
        }
        self.add_unhyphenated();
    }

    /// Adds own labels without their hyphens, but for those that are a word then.
    fn add_unhyphenated(&mut self) {
        for at in 0..self.labels.len() {
            let label = &self.labels[at];
            let text = label.text.replace('.', "");
            let is_word = || self.words.strength(text.as_bytes()).is_some();
            if !label.has_own_hyphens() || self.by_text.contains_key(&*text) || is_word() {
                continue;
            }
            let folded = String::from_utf8_lossy(&fold(text.as_bytes())).into();
            let label =
                Label { text: (&*text).into(), folded, unhyphenated: true, ..label.clone() };
            self.by_text.insert(text.into(), self.labels.len() as u32);
            self.labels.push(label);
        }
    }

    /// Adds `brands.tsv` and `owners.tsv`.
    pub(super) fn add_builtin(&mut self) {
        for [text, domains, owner, _, flags] in data::rows(data::BRANDS) {
            let domains: Vec<&str> = domains.split(',').filter(|it| !it.is_empty()).collect();
            let word = self.words.is_word(text.as_bytes());
            let has = |flag| flags.split(',').any(|it| it == flag);
            let flags = Flags {
                common: word || has("common"),
                word,
                overlap: has("overlap"),
                crowded: has("crowded"),
                hosted: has("hosted"),
                host: has("host"),
                followed: has("followed"),
            };
            let entry = Entry { domains: &domains, owner, flags, own: false, typos_asked: false };
            self.add(text, &entry);
            self.count += domains.len();
        }
        // What an official domain is called is protected too, unless it is a word or too short to tell.
        for [_, domains, owner] in data::rows(data::BRANDS) {
            for domain in domains.split(',').map(name::registrable) {
                let text = first_label(domain);
                if text.len() >= 6 && self.words.strength(text.as_bytes()).is_none() {
                    let flags = Flags::default();
                    let domains = &[domain];
                    let entry = Entry { domains, owner, flags, own: false, typos_asked: false };
                    self.add(text, &entry);
                }
            }
        }
        for [owner, domain] in data::rows(data::OWNERS) {
            self.own(name::registrable(domain), owner);
        }
    }

    fn add(&mut self, text: &str, entry: &Entry<'_>) {
        let text = self.read(text);
        if text.len() < 3 && !entry.own {
            return;
        }
        let id = match self.by_text.get(&*text) {
            Some(&id) => id,
            None => self.insert(&text, entry),
        };
        let label = &mut self.labels[id as usize];
        label.own |= entry.own;
        label.unhyphenated = false;
        for &domain in entry.domains {
            let suffix = name::public_suffix(domain);
            if !label.has_suffix(suffix) {
                label.suffixes = format!("{},{suffix}", label.suffixes).into();
            }
        }
        for &domain in entry.domains {
            self.own(name::registrable(domain), entry.owner);
            let joined = self.read(domain);
            self.domains.push(Domain { text: joined.into(), shown: domain.into(), label: id });
        }
    }

    fn insert(&mut self, text: &str, entry: &Entry<'_>) -> u32 {
        let id = self.labels.len() as u32;
        let by_first = entry.domains.iter().find(|it| first_label(it) == text);
        let named = |it: &&&str| first_label(name::registrable(it)) == text;
        let domain =
            by_first.or_else(|| entry.domains.iter().find(named)).or(entry.domains.first());
        self.labels.push(Label {
            text: text.into(),
            folded: String::from_utf8_lossy(&fold(text.as_bytes())).into(),
            domain: domain.copied().unwrap_or_default().into(),
            suffixes: "".into(),
            flags: entry.flags,
            own: entry.own,
            typos: text.len() >= 4 && (entry.typos_asked || !(entry.own && entry.flags.common)),
            typos_asked: entry.typos_asked,
            unhyphenated: false,
        });
        self.by_text.insert(text.into(), id);
        id
    }

    /// A label or domain as a view reads it.
    fn read(&self, text: &str) -> String {
        let mut view = View::new();
        view.fill(text, self.glyphs);
        view.shown(super::view::Span::new(0, view.text().len()))
    }

    fn own(&mut self, registrable: &str, owner: &str) {
        if registrable.is_empty() {
            return;
        }
        let next = self.owners.len() as u32;
        let id = *self.by_owner.entry(owner.into()).or_insert(next);
        if id == next {
            self.owners.push(owner.into());
        }
        self.owned.push((registrable.to_owned(), id));
    }

    /// Builds the indexes.
    pub(super) fn build(self) -> Protected {
        let (mut exact, mut folds, mut deletions) = (Vec::new(), Vec::new(), Vec::new());
        let (mut far, mut slip_lens, mut far_lens) = (Vec::new(), 0_u64, Box::new([0_u64; 256]));
        let few = self.labels.iter().filter(|it| it.own).count() <= FAR_OWN_MAX;
        for (id, (label, folded)) in
            (0..).zip(self.labels.iter().map(|it| (it, it.folded.as_bytes())))
        {
            let text = label.text.as_bytes();
            exact.push((hash(text), id));
            if text.len() >= 2 {
                folds.push((hash(folded), id));
            }
            let has_hyphens = label.text.contains('.');
            // A slip beside a hyphen left out is one slip in many letters, and looked for where there are few labels.
            let near = if label.unhyphenated {
                few && text.len() >= UNHYPHENATED_SLIP_MIN
            } else {
                label.own || !has_hyphens
            };
            if label.typos && near {
                if few || !label.own {
                    super::far_slip::keys(folded, id, &mut far);
                    let first = usize::from(folded.first().copied().unwrap_or_default());
                    far_lens[first] |= near_lens(folded.len(), 0);
                }
                slip_lens |= near_lens(text.len(), 0);
                deletions.push((hash(text), id));
                for gap in 0..text.len() {
                    let left = hash(&text[..gap]);
                    let right = &text[gap + 1..];
                    deletions.push((super::hash::concat(left, hash(right), right.len()), id));
                }
            }
        }
        let joined = (0..).zip(&self.domains).map(|(id, it)| (hash(it.text.as_bytes()), id));
        let plain = self.labels.iter().filter(|it| !it.text.contains('.'));
        let hyphened = self.labels.iter().filter(|it| it.has_own_hyphens());
        let ends = hyphened.clone().flat_map(|it| {
            let tokens = [it.text.split('.').next(), it.text.split('.').next_back()];
            tokens.into_iter().flatten().map(|it| (hash(it.as_bytes()), 0))
        });
        let tokens = hyphened.clone().map(|it| it.text.split('.').count());
        Protected {
            exact: Table::new(exact),
            folds: Table::new(folds),
            deletions: Table::new(deletions),
            far: Table::new(far),
            slip_lens,
            far_lens,
            joined: Table::new(joined.collect()),
            starts: Starts::new(plain.clone().map(|it| it.text.as_bytes())),
            fold_starts: Starts::new(plain.map(|it| it.folded.as_bytes())),
            hyphen_ends: Table::new(ends.collect()),
            hyphen_tokens: tokens.max().unwrap_or(0),
            hyphen_starts: Starts::new(hyphened.map(|it| it.text.as_bytes())),
            has_short_own: self.labels.iter().any(|it| it.own && it.len() < INSIDE_MIN),
            owned: Texts::new(self.owned.iter().map(|(it, owner)| (it.as_str(), *owner))),
            labels: self.labels,
            domains: self.domains,
            owners: self.owners,
            count: self.count,
        }
    }
}

fn first_label(domain: &str) -> &str {
    domain.split_once('.').map_or(domain, |(first, _)| first)
}

/// A domain as an operator writes it, in presentation form.
pub(super) fn canonical(domain: &str) -> String {
    let domain = domain.trim().trim_matches('.').to_lowercase();
    if domain.is_ascii() { domain } else { name::to_ascii(&domain).unwrap_or(domain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected(own: &[&str]) -> Protected {
        let (glyphs, words) = (Glyphs::parse(data::HOMOGLYPHS), Words::builtin());
        let mut builder = Builder::new(&glyphs, &words);
        builder.add_own(&own.iter().map(|&it| it.to_owned()).collect::<Vec<_>>(), &[]);
        builder.add_builtin();
        builder.build()
    }

    #[test]
    fn built_in_labels_are_found() {
        let protected = protected(&[]);
        let id = protected.exact(hash(b"paypal"), b"paypal").unwrap();
        assert_eq!(&*protected.label(id).domain, "paypal.com");
        assert!(protected.label(id).has_suffix("com"));
        assert!(!protected.label(id).has_suffix("top"));
        assert!(protected.owner("paypal.com").is_some());
        assert!(protected.joined(hash(b"paypal.com"), b"paypal.com").is_some());
        assert!(protected.count() > 500);
    }

    #[test]
    fn own_domains_are_owned_and_protected() {
        let protected = protected(&["Bücher-Welt.example", "intranet.corp.example"]);
        assert_eq!(protected.owner("xn--bcher-welt-9db.example"), Some("you"));
        let text = b"bucher.welt";
        assert!(protected.label(protected.exact(hash(text), text).unwrap()).own);
        assert!(protected.exact(hash(b"intranet"), b"intranet").is_some());
    }

    #[test]
    fn lengths_at_a_place() {
        let starts =
            Starts::new(["paypal", "paypay", "paypalobjects"].iter().map(|it| it.as_bytes()));
        assert_eq!(starts.lengths(b"paypal.login").collect::<Vec<_>>(), [6]);
        assert_eq!(starts.lengths(b"paypalobjects").collect::<Vec<_>>(), [6, 13]);
        assert_eq!(starts.lengths(b"payp").count(), 0);
        assert_eq!(starts.lengths(b"pa").count(), 0);
    }
}

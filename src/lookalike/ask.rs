//! Questions about hosts that other parts ask the engine's data, beside judging.

use super::{
    Engine, carried, data,
    hash::Prefixes,
    homograph,
    scan::Scan,
    view::{Cut, Span, View, within},
};
use crate::name::Host;

/// Shortest label that means one brand and no other.
const DISTINCTIVE_MIN: usize = 6;

/// The built-in sites in wide use, as registrable domains.
pub fn known_good() -> impl Iterator<Item = &'static str> {
    data::lines(data::KNOWN_GOOD).map(str::trim)
}

/// The official domains of the built-in protected labels.
pub fn official_domains() -> impl Iterator<Item = &'static str> {
    data::rows(data::BRANDS).flat_map(|[_, domains]| domains.split(',').filter(|it| !it.is_empty()))
}

/// The built-in dictionary words.
pub fn words() -> impl Iterator<Item = &'static str> {
    data::lines(data::WORDS).map(str::trim)
}

impl Engine {
    /// Whether a registrable domain is a site in wide use, or belongs to an owner of protected domains or to the operator.
    pub fn is_well_known(&self, registrable: &str) -> bool {
        self.know.is_well_known(registrable)
    }

    /// Whether it is known whose a host is: a well-known domain, infrastructure, a public body, a look-up service, or a name
    /// that a search suffix or a proxy made.
    pub fn is_somebodys(&self, host: &Host<'_>) -> bool {
        let mut short = None;
        let host = within(host, &mut short);
        let mut hashes = Prefixes::EMPTY;
        hashes.fill(host.name.as_bytes());
        self.is_well_known(host.registrable)
            || carried::carried(&self.know, host, &hashes) != carried::Carried::No
            || carried::is_undelegated(host)
    }

    /// The distinctive brand that a host carries in what its owner chose, letter for letter or by look-alike letters: a
    /// protected label of six letters and more that is no word, no other company's name, no software that hosts are named
    /// after, and no chance of two words meeting.
    /// For measuring: whether that deceives is not asked.
    pub fn distinctive_brand(&self, host: &Host<'_>) -> Option<&str> {
        let cut = Cut::of(host)?;
        let mut view = View::new();
        view.fill(cut.own, &self.know.glyphs);
        let scan = Scan { know: &self.know, cut, view: &view, known_good: false };
        let known = |id: u32| {
            let label = self.know.protected.label(id);
            let flags = label.flags;
            let distinctive = !(flags.common || flags.overlap || flags.word || flags.hosted);
            (label.len() >= DISTINCTIVE_MIN && distinctive).then_some(&*label.text)
        };
        let plain = |at| known(scan.longest_at(at, view.text())?.0);
        let folded = |at| {
            let text = &view.folded()[at..];
            self.know.protected.fold_lengths(text).find_map(|len| {
                let span = Span::new(view.origin(at), view.origin(at + len));
                let mut ids = self.know.protected.folds(view.folded_hashes.of(at, at + len));
                ids.find_map(|id| {
                    let brand = known(id)?;
                    let swaps = homograph::align(view.bytes(span), brand.as_bytes())?;
                    (!swaps.hides(span.len())).then_some(brand)
                })
            })
        };
        let brand = (0..view.text().len()).find_map(plain);
        brand.or_else(|| (0..view.folded().len()).find_map(folded))
    }

    /// How often names under a public suffix deceive: 1 to 3, 0 for suffixes that are not known for it.
    pub fn risk(&self, suffix: &str) -> u32 {
        self.know.risk(suffix)
    }
}

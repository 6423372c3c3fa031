//! Well-known sites: never look-alikes by their name alone, and themselves imitated by characters of other scripts.

use crate::name;

use super::{
    data,
    glyph::fold,
    hash::{Table, Texts, hash},
};

/// The sites of `known-good.txt`, and behind them the domains of protected owners, which other letters imitate as well.
pub(super) struct Known {
    names: Vec<&'static str>,
    /// The sites alone.
    sites: Table,
    folds: Table,
    /// The operator's own list.
    own: Texts,
}

impl Known {
    /// Reads the built-in list; `own` are the operator's sites besides.
    pub(super) fn new(own: &[String]) -> Self {
        let mut names: Vec<&'static str> = data::lines(data::KNOWN_GOOD).map(str::trim).collect();
        let listed = names.len() as u32;
        names.extend(data::rows(data::OWNERS).map(|[_, domain]| name::registrable(domain)));
        for [_, domains] in data::rows(data::BRANDS) {
            names.extend(domains.split(',').map(name::registrable));
        }
        let sites = (0..listed).zip(&names).map(|(id, it)| (hash(it.as_bytes()), id)).collect();
        let folds = (0..).zip(&names).map(|(id, it)| (folded_hash(it), id)).collect();
        let own = Texts::new(own.iter().map(|it| (&**it, 0)));
        Self { names, sites: Table::new(sites), folds: Table::new(folds), own }
    }

    /// Whether a registrable domain is one of them.
    pub(super) fn has(&self, registrable: &str) -> bool {
        let mut listed = self.sites.find(hash(registrable.as_bytes()));
        listed.any(|id| self.name(id) == registrable) || self.is_own(registrable)
    }

    /// Whether the operator's own list has it.
    pub(super) fn is_own(&self, registrable: &str) -> bool {
        self.own.get(registrable).is_some()
    }

    /// The sites whose name may fold to what hashes so: folded label, a dot, suffix.
    pub(super) fn folds(&self, hash: u64) -> impl Iterator<Item = u32> {
        self.folds.find(hash)
    }

    /// A site by its number.
    pub(super) fn name(&self, id: u32) -> &'static str {
        self.names[id as usize]
    }
}

/// The hash of a site's folded label and its suffix.
fn folded_hash(site: &str) -> u64 {
    let suffix = name::public_suffix(site);
    let label = site.strip_suffix(suffix).map_or("", |it| it.trim_end_matches('.'));
    let mut key: Vec<u8> = label.bytes().map(|it| if it == b'-' { b'.' } else { it }).collect();
    key = fold(&key);
    key.push(b'.');
    key.extend(suffix.bytes());
    hash(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_found_by_name_and_fold() {
        let known = Known::new(&["my-partner.example".to_owned()]);
        assert!(known.has("my-partner.example") && known.is_own("my-partner.example"));
        assert!(!known.is_own("wikipedia.org"));
        assert!(known.has("wikipedia.org"));
        assert!(!known.has("wikipedia.top"));
        let key = [fold(b"wikipedia").as_slice(), b".org"].concat();
        assert!(known.folds(hash(&key)).any(|it| known.name(it) == "wikipedia.org"));
    }
}

//! Questions about hosts that other parts ask the engine's data, beside judging.

use super::{Engine, carried, data, hash::Prefixes};
use crate::name::Host;

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
        self.know.known.has(registrable) || self.know.protected.owner(registrable).is_some()
    }

    /// Whether it is known whose a host is: a well-known domain, infrastructure, a public body, a look-up service, or a name
    /// that a search suffix or a proxy made.
    pub fn is_somebodys(&self, host: &Host<'_>) -> bool {
        let mut hashes = Prefixes::EMPTY;
        hashes.fill(host.name.as_bytes());
        self.is_well_known(host.registrable)
            || carried::carried(&self.know, host, &hashes) != carried::Carried::No
            || carried::is_undelegated(host)
    }

    /// How often names under a public suffix deceive: 1 to 3, 0 for suffixes that are not known for it.
    pub fn risk(&self, suffix: &str) -> u32 {
        self.know.risk(suffix)
    }
}

//! What protecting domains would flag among sites in wide use, and among names of the operator's network.

use crate::{
    lookalike::{self, Config, Engine},
    name::Host,
    platform::Platforms,
    verdict::{Finding, Technique},
};
use std::collections::BTreeSet;

/// Sites in wide use that a protected domain may flag before that is worth a warning.
pub const FLAGGED_MAX: usize = 20;

/// Domains protected for a trial, without anything that would hide what they flag: no brands, no sites passed over.
pub struct Trial {
    engine: Engine,
    log: u8,
}

/// The sites in wide use that are tried: those built in, and the official domains of the built-in brands.
fn sites() -> BTreeSet<&'static str> {
    lookalike::known_good().chain(lookalike::official_domains()).collect()
}

/// A name that would be flagged, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// The protected domain.
    pub target: String,
    /// How the name resembles it.
    pub technique: Technique,
    /// The score, 0 to 100.
    pub score: u8,
}

/// What `[protect]` says of the operator's own domains.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Those that are protected.
    pub domains: Vec<String>,
    /// Those of them for which typos are looked for although their label is short or a word.
    pub typos: Vec<String>,
    /// Others, which are never flagged.
    pub owned: Vec<String>,
}

impl Trial {
    /// Protects domains; names score at least `log` to be flagged. Behind `search_domains` the name that is carried counts.
    pub fn new(own: Own, search_domains: Vec<String>, log: u8) -> Self {
        let Own { domains, typos, owned } = own;
        let (brands, known_good) = (false, false);
        let config = Config {
            domains,
            typos,
            owned,
            brands,
            known_good,
            search_domains,
            ..Config::default()
        };
        Self { engine: Engine::new(&config), log }
    }

    /// What a name would be flagged for, by its strongest likeness to each of the protected domains.
    pub fn flags(&self, name: &str) -> Vec<Flagged> {
        let host = Host { hosting: Platforms::builtin().find(name, 0), ..Host::new(name) };
        let mut found: Vec<Finding> = Vec::new();
        self.engine.judge(&host, &mut found);
        let mut flagged: Vec<Flagged> = Vec::new();
        for Finding { technique, target, score, .. } in found {
            // What is odd by itself is no protected domain's doing.
            let is_likeness = score >= self.log && !target.is_empty();
            if is_likeness && flagged.iter().all(|it| it.target != target) {
                flagged.push(Flagged { target, technique, score });
            }
        }
        flagged
    }

    /// How many sites in wide use are tried.
    pub fn tried() -> usize {
        sites().len()
    }

    /// The sites in wide use that would be flagged, and what for.
    pub fn well_known(&self) -> Vec<(&'static str, Flagged)> {
        sites()
            .into_iter()
            .flat_map(|site| self.flags(site).into_iter().map(move |it| (site, it)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likenesses_are_flagged() {
        let domains = vec!["squint-dns.net".to_owned()];
        let owned = vec!["squint-dns-shop.com".to_owned()];
        let search = vec!["corp.example".to_owned()];
        let trial = Trial::new(Own { domains, owned, ..Own::default() }, search, 50);
        let check = |name: &str, expected: Option<(&str, Technique)>| {
            let got = trial.flags(name);
            let got = got.first().map(|it| (it.target.as_str(), it.technique));
            assert_eq!(got, expected, "{name}");
        };
        check("squint-dns-login.com", Some(("squint-dns.net", Technique::Combo)));
        check("squint-dns.net.evil.top", Some(("squint-dns.net", Technique::Embedding)));
        check("squint-dns.net", None);
        check("squint-dns.net.corp.example", None);
        check("squint-dns-login.com.corp.example", Some(("squint-dns.net", Technique::Combo)));
        check("squint-dns-shop.com", None);
        check("wikipedia.org", None);
        check("paypal-login.top", None);
    }

    #[test]
    fn sites_in_wide_use_are_tried() {
        let trial = |domain: &str| {
            let domains = vec![domain.to_owned()];
            Trial::new(Own { domains, ..Own::default() }, Vec::new(), 50).well_known()
        };
        let found = trial("wlkipedia.org");
        let (_, flagged) = found.iter().find(|it| it.0 == "wikipedia.org").unwrap();
        assert_eq!((&*flagged.target, flagged.technique), ("wlkipedia.org", Technique::Homograph));
        assert!(flagged.score >= 50);
        assert_eq!(trial("squint-dns.net"), []);
    }
}

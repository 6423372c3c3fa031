//! Which domains are the operator's own, by the hosts that are asked below them.

use crate::{
    lookalike::Engine,
    name::{self, Host},
    platform::Platforms,
};
use foldhash::{HashMap, HashMapExt as _, HashSet, fast::FixedState};
use std::{collections::BTreeSet, hash::BuildHasher as _, sync::LazyLock};

/// Registrable domains that are counted at most; names of further ones are left out.
const DOMAINS_MAX: usize = 200_000;

/// Hosts of one domain that are told apart.
const HOSTS_MAX: usize = 1_000;

/// Fewest hosts of an operator's own domain.
const HOSTS_MIN: usize = 3;

/// Fewest points of one: a host that only its own people ask for, and more.
const POINTS_MIN: usize = 5;

/// Points of a host that hardly anybody outside asks for.
const STRONG: usize = 3;

/// First labels of internal hosts, with their points.
static INTERNAL: LazyLock<HashMap<&str, (&str, usize)>> = LazyLock::new(|| {
    let text = include_str!("../../blocklists/internal-hosts.tsv");
    let rows = text.lines().filter(|it| !it.starts_with('#'));
    rows.filter_map(|it| it.split_once('\t'))
        .map(|(label, grade)| (label, (label, if grade == "strong" { STRONG } else { 1 })))
        .collect()
});

/// Names read so far, by their registrable domain.
#[derive(Default)]
pub struct Survey {
    domains: HashMap<Box<str>, Count>,
    /// Names left out because there were too many domains.
    left_out: u64,
}

#[derive(Default)]
struct Count {
    names: u64,
    hosts: HashSet<u64>,
    internal: BTreeSet<&'static str>,
}

/// A domain that looks like the operator's own, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The registrable domain.
    pub domain: String,
    /// How often it or a host below it was named.
    pub names: u64,
    /// How many different hosts were named below it, at most 1,000.
    pub hosts: usize,
    /// The labels of internal hosts among them, the telling ones first.
    pub internal: Vec<&'static str>,
    /// The weight of the evidence.
    pub points: usize,
}

impl Survey {
    /// Nothing read.
    pub fn new() -> Self {
        Self { domains: HashMap::new(), left_out: 0 }
    }

    /// Counts a name in presentation form.
    pub fn add(&mut self, name: &str) {
        let domain = name::registrable(name);
        if domain.is_empty() {
            return;
        }
        if self.domains.len() >= DOMAINS_MAX && !self.domains.contains_key(domain) {
            self.left_out += 1;
            return;
        }
        let count = self.domains.entry(Box::from(domain)).or_default();
        count.names += 1;
        let Some(below) = name.strip_suffix(domain).and_then(|it| it.strip_suffix('.')) else {
            return;
        };
        if count.hosts.len() < HOSTS_MAX {
            count.hosts.insert(FixedState::default().hash_one(below));
        }
        count.internal.extend(below.split('.').filter_map(internal));
    }

    /// Names left out because they are of more domains than are counted.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The domains that look like the operator's own, likeliest first.
    ///
    /// Those that the engine knows the owner of are none: sites in wide use, infrastructure, public bodies, platforms.
    pub fn proposals(&self, engine: &Engine) -> Vec<Proposal> {
        let mut proposals: Vec<Proposal> =
            self.domains.iter().filter_map(|(domain, count)| proposal(domain, count)).collect();
        proposals.retain(|it| {
            let host = Host::new(&it.domain);
            Platforms::builtin().find(&it.domain, 0).is_none() && !engine.is_somebodys(&host)
        });
        proposals
            .sort_by(|a, b| (b.points, b.names, &a.domain).cmp(&(a.points, a.names, &b.domain)));
        proposals
    }
}

/// A domain as a proposal, where its hosts say so.
fn proposal(domain: &str, count: &Count) -> Option<Proposal> {
    let mut internal: Vec<&'static str> = count.internal.iter().copied().collect();
    let points_of = |label: &str| INTERNAL.get(label).map_or(0, |it| it.1);
    internal.sort_by_key(|it| std::cmp::Reverse(points_of(it)));
    let hosts = count.hosts.len();
    let crowd = [5, 20, 100].into_iter().filter(|it| hosts >= *it).count();
    let points = crowd + internal.iter().map(|it| points_of(it)).sum::<usize>();
    let is_own = hosts >= HOSTS_MIN
        && points >= POINTS_MIN
        && internal.first().is_some_and(|it| points_of(it) == STRONG);
    let domain = domain.to_owned();
    is_own.then_some(Proposal { domain, names: count.names, hosts, internal, points })
}

/// The internal host that a label names: `vpn` for `vpn2` and `vpn-eu`.
fn internal(label: &str) -> Option<&'static str> {
    let head =
        label.split('-').next().unwrap_or(label).trim_end_matches(|it: char| it.is_ascii_digit());
    INTERNAL.get(label).or_else(|| INTERNAL.get(head)).map(|it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::Config;

    fn proposed(names: &[&str], domains: &[&str]) -> Vec<Proposal> {
        let domains = domains.iter().map(|it| (*it).to_owned()).collect();
        let engine = Engine::new(&Config { domains, ..Config::default() });
        let mut survey = Survey::new();
        names.iter().for_each(|it| survey.add(it));
        survey.proposals(&engine)
    }

    #[test]
    fn labels_name_internal_hosts() {
        let check = |label: &str, expected| assert_eq!(internal(label), expected, "{label}");
        check("vpn", Some("vpn"));
        check("vpn2", Some("vpn"));
        check("vpn-eu", Some("vpn"));
        check("vpn01-eu", Some("vpn"));
        check("_ldap", Some("_ldap"));
        check("www", None);
        check("vpns", None);
        check("", None);
    }

    #[test]
    fn the_operators_domain_is_proposed_with_its_evidence() {
        let names = [
            "contoso-widgets.com",
            "www.contoso-widgets.com",
            "vpn1.contoso-widgets.com",
            "vpn2.contoso-widgets.com",
            "mail.contoso-widgets.com",
            "autodiscover.contoso-widgets.com",
            "autodiscover.contoso-widgets.com",
            "_ldap._tcp.dc._msdcs.contoso-widgets.com",
            // What its people visit.
            "www.wikipedia.org",
            "vpn.wikipedia.org",
            "owa.wikipedia.org",
            "mail.wikipedia.org",
            "vpn.tenant.netlify.app",
            "owa.tenant.netlify.app",
            "mail.tenant.netlify.app",
            "vpn.fritz.box",
            "owa.corp.lan",
            "vpn.corp.lan",
            "mail.corp.lan",
            "www.visited-site.net",
            "mail.visited-site.net",
            "portal.visited-site.net",
            "img.visited-site.net",
            "vpn.seen-once.net",
        ];
        let proposals = proposed(&names, &[]);
        let [only] = &proposals[..] else { panic!("{proposals:?}") };
        assert_eq!((only.domain.as_str(), only.names, only.hosts), ("contoso-widgets.com", 8, 6));
        assert_eq!(only.internal, ["_ldap", "_msdcs", "autodiscover", "dc", "vpn", "mail"]);
        assert_eq!(proposed(&names, &["contoso-widgets.com"]), []);
    }

    #[test]
    fn the_likeliest_comes_first() {
        let names = [
            "vpn.small-shop.net",
            "mail.small-shop.net",
            "wiki.small-shop.net",
            "vpn.large-shop.net",
            "owa.large-shop.net",
            "jira.large-shop.net",
        ];
        let domains: Vec<String> = proposed(&names, &[]).into_iter().map(|it| it.domain).collect();
        assert_eq!(domains, ["large-shop.net", "small-shop.net"]);
    }

    #[test]
    fn every_internal_host_has_a_grade() {
        let text = include_str!("../../blocklists/internal-hosts.tsv");
        let rows: Vec<&str> = text.lines().filter(|it| !it.starts_with('#')).collect();
        for row in &rows {
            let (label, grade) = row.split_once('\t').unwrap();
            assert!(["strong", "weak"].contains(&grade) && !label.contains('.'), "{row}");
        }
        assert_eq!(INTERNAL.len(), rows.len(), "a label stands twice");
    }
}

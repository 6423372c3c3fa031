//! Guards: what is nobody's look-alike, or carries another name without deceiving.
//!
//! Suffixes come from `infrastructure.tsv` (content delivery, cloud, government, education), `carried.tsv` (search suffixes
//! of routers, look-up services, rewriting proxies) and the operator's own domains and search domains; all of them stand in
//! one map that is asked for every suffix of a name.

use crate::name;

use super::{
    data,
    hash::{Prefixes, Texts},
};

/// What a suffix or label is known for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Machines that repeat their customers' names, or suffixes that no stranger registers under.
    Exempt,
    /// A zone that is asked about names: DNSBL, URIBL, reputation clouds.
    Lookup,
    /// A site that shows other sites under its own name.
    Proxy,
    /// A suffix that routers, hosts or the operator's search list append.
    Search,
    /// A domain of the operator.
    Owned,
    /// A label that marks what stands before it as an argument: `_dmarc`.
    Underscore,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Exempt, Self::Lookup, Self::Proxy, Self::Search, Self::Owned, Self::Underscore];

    /// The kind that a table keeps as this number.
    fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|it| *it as u32 == number)
    }
}

/// Suffixes and labels with what they are known for.
pub(super) struct Guards {
    suffixes: Texts,
    /// Labels before any country code: the `gov` of `gov.*`.
    before_country: Vec<&'static str>,
    /// Whole suffixes with a `*` for one label in the middle.
    wild: Vec<(&'static str, Kind)>,
    /// Labels that say what stands in front of them: the `ezproxy` of `ezproxy.*` a proxied site, the `dnsbl` of `dnsbl.*`
    /// a name that is looked up.
    marks: Texts,
    /// Such labels with a `*` in them.
    wild_marks: Vec<(&'static str, Kind)>,
}

impl Guards {
    /// Reads `infrastructure.tsv` and `carried.tsv`, and adds the operator's domains and search domains.
    pub(super) fn new(own: &[String], search: &[String]) -> Self {
        let (mut before_country, mut wild, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        let mut plain: Vec<(String, u32)> = Vec::new();
        plain.extend(own.iter().map(|it| (super::protect::canonical(it), Kind::Owned as u32)));
        plain.extend(search.iter().map(|it| (super::protect::canonical(it), Kind::Search as u32)));
        let infrastructure =
            data::rows(data::INFRASTRUCTURE).map(|[pattern, _]| (pattern, Kind::Exempt));
        let carried = data::rows(data::CARRIED).map(|[pattern, kind]| {
            let kind = match kind {
                "lookup" => Kind::Lookup,
                "proxy" => Kind::Proxy,
                "underscore" | "validation" => Kind::Underscore,
                _ => Kind::Search,
            };
            (pattern, kind)
        });
        for (pattern, kind) in infrastructure.chain(carried) {
            let head = pattern.strip_suffix(".*");
            match (head, kind) {
                // Top-level labels that are not delegated are known as such without a list.
                _ if kind == Kind::Search && !pattern.contains('.') => (),
                (Some(head), Kind::Exempt) if !head.contains('*') => before_country.push(head),
                (Some(head), Kind::Proxy | Kind::Lookup) => marks.push((head, kind)),
                _ if pattern.contains('*') => {
                    wild.push((pattern.strip_prefix("*.").unwrap_or(pattern), kind));
                }
                _ => plain.push((pattern.to_owned(), kind as u32)),
            }
        }
        let suffixes = Texts::new(plain.iter().map(|(it, kind)| (it.as_str(), *kind)));
        let (plain_wild, wild): (Vec<_>, Vec<_>) =
            wild.into_iter().partition(|(it, _)| !it.contains('*'));
        let all = plain.iter().map(|(it, kind)| (it.as_str(), *kind));
        let suffixes = if plain_wild.is_empty() {
            suffixes
        } else {
            Texts::new(all.chain(plain_wild.iter().map(|(it, kind)| (*it, *kind as u32))))
        };
        let (wild_marks, marks): (Vec<_>, Vec<_>) =
            marks.into_iter().partition(|it: &(&str, Kind)| it.0.contains('*'));
        let marks = Texts::new(marks.into_iter().map(|(it, kind)| (it, kind as u32)));
        Self { suffixes, before_country, wild, marks, wild_marks }
    }

    /// What the longest known suffix of a name is known for, and that suffix. `hashes` are those of the whole name.
    pub(super) fn suffix<'a>(&self, name: &'a str, hashes: &Prefixes) -> Option<(Kind, &'a str)> {
        for (pattern, kind) in self.wild.iter().filter(|(_, kind)| *kind == Kind::Search) {
            if ends_like(name, pattern) {
                return Some((*kind, last_labels(name, pattern.split('.').count())));
            }
        }
        let mut start = 0;
        loop {
            if let Some(kind) = self.get(name, hashes, start) {
                return Some((kind, &name[start..]));
            }
            start += name.as_bytes()[start..].iter().position(|&it| it == b'.')? + 1;
        }
    }

    fn get(&self, name: &str, hashes: &Prefixes, start: usize) -> Option<Kind> {
        let text = name.as_bytes();
        let kind = self.suffixes.get_hashed(hashes.of(start, text.len()), &text[start..])?;
        Kind::of(kind).filter(|&it| it != Kind::Underscore)
    }

    /// Whether a name stands under a government or education suffix of some country (`gov.uk`, `edu.au`, `k12.ca.us`).
    pub(super) fn is_public_body(&self, name: &str, suffix: &str) -> bool {
        let Some((first, country)) = suffix.split_once('.') else { return false };
        if country.len() == 2 && self.before_country.contains(&first) {
            return true;
        }
        self.wild.iter().any(|(pattern, kind)| *kind == Kind::Exempt && ends_like(name, pattern))
    }

    /// The labels below a registrable domain that say what stands in front of them, with where they begin.
    pub(super) fn marks<'a>(
        &'a self,
        name: &'a str,
        registrable: &str,
    ) -> impl Iterator<Item = (Kind, usize)> {
        let own = name.strip_suffix(registrable).unwrap_or("");
        let mut next = 0;
        own.split('.').filter_map(move |label| {
            let at = next;
            next += label.len() + 1;
            // Without a name in front there is nothing to say anything of.
            if at == 0 { None } else { self.mark(label).map(|kind| (kind, at)) }
        })
    }

    fn mark(&self, label: &str) -> Option<Kind> {
        let kind = self.marks.get(label).and_then(Kind::of);
        kind.or_else(|| self.wild_marks.iter().find(|it| like(label, it.0)).map(|it| it.1))
    }

    /// What is left of a name behind the last label that marks what stands before it as an argument.
    pub(super) fn behind_underscore<'a>(&self, name: &'a str) -> &'a str {
        let (mut rest, mut at) = (name, 0);
        if !name.contains('_') {
            return rest;
        }
        for label in name.split('.') {
            at += label.len() + 1;
            if label.starts_with('_') && at < name.len() && self.is_underscore(label) {
                rest = &name[at..];
            }
        }
        rest
    }

    fn is_underscore(&self, label: &str) -> bool {
        let known = self.suffixes.get(label) == Some(Kind::Underscore as u32);
        known || self.wild.iter().any(|(it, kind)| *kind == Kind::Underscore && like(label, it))
    }
}

/// Whether a top-level label is delegated by the root; documentation names stand for delegated ones (RFC 2606).
pub(super) fn is_delegated(label: &str) -> bool {
    label == "example" || name::is_delegated(label)
}

/// Whether a name ends in labels like the pattern's, `*` standing for one label or a part of it.
fn ends_like(name: &str, pattern: &str) -> bool {
    // The last letter settles it for most.
    if name.as_bytes().last() != pattern.as_bytes().last() && !pattern.ends_with('*') {
        return false;
    }
    let mut labels = name.rsplit('.');
    pattern.rsplit('.').all(|it| labels.next().is_some_and(|label| like(label, it)))
}

/// The last labels of a name.
fn last_labels(name: &str, count: usize) -> &str {
    let dots = name.match_indices('.').map(|(at, _)| at + 1);
    let skipped = name.split('.').count().saturating_sub(count);
    &name[dots.take(skipped).last().unwrap_or(0)..]
}

fn like(label: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => {
            label.len() >= head.len() + tail.len()
                && label.starts_with(head)
                && label.ends_with(tail)
        }
        None => label == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards() -> Guards {
        Guards::new(&["corp.example".to_owned()], &["office.example.net".to_owned()])
    }

    fn kind(name: &str) -> Option<Kind> {
        let mut hashes = Prefixes::EMPTY;
        hashes.fill(name.as_bytes());
        guards().suffix(name, &hashes).map(|(kind, _)| kind)
    }

    #[test]
    fn suffixes_are_known() {
        let check = |name: &str, expected| assert_eq!(kind(name), expected, "{name}");
        check("amazon.com.edgekey.net", Some(Kind::Exempt));
        check("paypal.com.fritz.box", Some(Kind::Search));
        check("paypal.com.lan", None);
        check("paypal.com.hsd1.ca.comcast.net", Some(Kind::Search));
        check("a.corp.example", Some(Kind::Owned));
        check("a.office.example.net", Some(Kind::Search));
        check("paypal.com.evil.example", None);
        check("paypal.com", None);
        check("", None);
    }

    #[test]
    fn public_bodies() {
        let guards = guards();
        let check = |name: &str, suffix: &str, expected| {
            assert_eq!(guards.is_public_body(name, suffix), expected, "{name}");
        };
        check("hmrc.gov.uk", "gov.uk", true);
        check("lincoln.k12.ca.us", "k12.ca.us", true);
        check("evil.co.uk", "co.uk", false);
    }

    #[test]
    fn arguments_are_left_behind() {
        let guards = guards();
        let check = |name: &str, expected| assert_eq!(guards.behind_underscore(name), expected);
        check("paypal.com._report._dmarc.agari.com", "agari.com");
        check("_dmarc.paypal-login.top", "paypal-login.top");
        check("_nosuchthing.evil.example", "_nosuchthing.evil.example");
        check("plain.example", "plain.example");
    }

    #[test]
    fn labels_say_what_stands_in_front_of_them() {
        let guards = guards();
        let check = |name: &str, registrable: &str, expected: &[(Kind, usize)]| {
            assert_eq!(guards.marks(name, registrable).collect::<Vec<_>>(), expected, "{name}");
        };
        check("www-paypal-com.ezproxy.uni.example", "uni.example", &[(Kind::Proxy, 15)]);
        check("ezproxy.uni.example", "uni.example", &[]);
        check("paypal.com.dnsbl.mail.example", "mail.example", &[(Kind::Lookup, 11)]);
        check("paypal.com.rbl.example", "rbl.example", &[]);
    }
}

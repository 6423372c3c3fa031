//! `carried`: a name that stands inside another without deceiving anybody.
//!
//! After every name that does not resolve a host asks again with its search suffix (`paypal.com.fritz.box`), mail servers
//! ask zones about names (`paypal.com.dbl.spamhaus.org`), and proxies show sites under their own name
//! (`www-paypal-com.ezproxy.uni.example`). There the carried name is judged instead of the whole, and the sentence says so.

use crate::name::{self, Host};

use super::{
    Knowledge,
    guard::{Kind, is_delegated},
    hash::Prefixes,
};

/// Highest score of a name carried by a rewriting proxy.
pub(super) const PROXY_MAX: u8 = 75;

/// How a name has to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried<'a> {
    /// As it is.
    No,
    /// Not at all: a look-up, infrastructure, a name of the operator's.
    Silent,
    /// By the part before this suffix.
    By(&'a str, Kind),
    /// As it is, but worth a look at most: it is made like what a proxy or a mail server asks, below a domain that is not
    /// well known.
    Doubtful,
}

/// Tells whether a name is carried; `hashes` are those of the whole name.
pub(super) fn carried<'a>(know: &Knowledge, host: &Host<'a>, hashes: &Prefixes) -> Carried<'a> {
    match know.guards.suffix(host.name, hashes) {
        Some((Kind::Exempt | Kind::Lookup | Kind::Underscore, _)) => Carried::Silent,
        Some((kind @ (Kind::Proxy | Kind::Search | Kind::Owned), suffix)) => {
            Carried::By(suffix, kind)
        }
        None if know.guards.is_public_body(host.name, host.suffix) => Carried::Silent,
        None => match know.guards.proxy(host.name, host.registrable) {
            Some(suffix) if know.known.has(host.registrable) => Carried::By(suffix, Kind::Proxy),
            Some(_) => Carried::Doubtful,
            None if stands_before_underscore(know, host) => Carried::Doubtful,
            None => Carried::No,
        },
    }
}

/// Whether a protected domain stands before a label with an underscore, below somebody else's domain that is not well known:
/// `paypal.com._dmarc.evil.example`. Reports about a domain's mail are asked for like that (RFC 7489 section 7.1).
pub(super) fn stands_before_underscore(know: &Knowledge, host: &Host<'_>) -> bool {
    if !host.name.contains('_') {
        return false;
    }
    let Some((before, rest)) = host.name.split_once("._") else { return false };
    know.guards.behind_underscore(host.name).len() < host.name.len()
        && !rest.starts_with("report._dmarc.")
        && know.protected.owner(name::registrable(before)).is_some()
        && know.protected.owner(host.registrable).is_none()
        && !know.known.has(host.registrable)
}

/// The public name that a name carries before a suffix; `None` where nothing public stands there.
pub(super) fn inner<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let mut inner = name.strip_suffix(suffix)?.strip_suffix('.')?;
    // `paypal.com.branch.corp.example`: labels between carried name and suffix are the operator's.
    loop {
        let (head, last) = inner.rsplit_once('.')?;
        if is_delegated(last) && !name::registrable(inner).is_empty() {
            return Some(inner);
        }
        inner = head;
    }
}

/// The name that a proxy wrote with hyphens for dots, doubled ones for hyphens: `www-paypal--login-top`.
pub(super) fn unhyphenated(name: &str) -> String {
    name.replace("--", "\0").replace('-', ".").replace('\0', "-")
}

/// Whether the name's top-level label is not delegated, so that only a search list can have made it.
pub(super) fn is_undelegated(host: &Host<'_>) -> bool {
    let top = host.name.rsplit_once('.').map_or(host.name, |(_, top)| top);
    !is_delegated(top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::tests::{score, silent, why};

    #[test]
    fn inner_names() {
        let check = |name, suffix, expected| assert_eq!(inner(name, suffix), expected, "{name}");
        check("paypal.com.fritz.box", "fritz.box", Some("paypal.com"));
        check("paypal-login.top.branch.corp.example", "corp.example", Some("paypal-login.top"));
        check("printer.corp.example", "corp.example", None);
        check("corp.example", "corp.example", None);
    }

    #[test]
    fn proxies_write_hyphens() {
        assert_eq!(unhyphenated("www-paypal--login-top"), "www.paypal-login.top");
    }

    #[test]
    fn carried_names_are_no_deception() {
        silent("paypal.com.fritz.box");
        silent("paypal.com.lan");
        silent("paypal.com.corp.home");
        silent("login.microsoftonline.com.attlocal.net");
        silent("kubernetes.default.svc.cluster.local");
        silent("paypal.com.dbl.spamhaus.org");
        silent("paypal.com._report._dmarc.agari.com");
        silent("login.microsoftonline.com.mcas.ms");
        silent("amazon.com.edgekey.net");
        silent("www-paypal-com.translate.goog");
        silent("www-paypal-com.ezproxy.lib.unimelb.edu.au");
    }

    #[test]
    fn what_anybody_may_write_is_worth_a_look() {
        for name in [
            "paypal.com.ezproxy.evil.top",
            "login-paypal-com.ezproxy.secure-verify.com",
            "paypal.com._dmarc.evil.top",
            "login.paypal.com._tcp.evil.example",
        ] {
            assert!((50..=PROXY_MAX).contains(&score(name)), "{name}: {}", score(name));
        }
    }

    #[test]
    fn a_look_alike_carried_is_still_one() {
        assert!(score("paypal-login.top.fritz.box") >= 80);
        assert!(score("paypal-login.top.nosuchtld") >= 80);
        assert!((50..80).contains(&score("paypal--login-top.translate.goog")));
        assert!(score("paypal.com.evil.example") >= 80);
        let told = why("paypal-login.top.fritz.box");
        assert!(told.contains("carried by `fritz.box`"), "{told}");
    }
}

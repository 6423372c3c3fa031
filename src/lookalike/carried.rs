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

/// Shortest key of a customer in what he asks a list: they have 20 letters and digits and more.
const KEY_LEN_MIN: usize = 16;

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
        None => by_labels(know, host),
    }
}

/// What labels in a name say of what stands in front of them, whoever's the domain behind them is.
fn by_labels<'a>(know: &Knowledge, host: &Host<'a>) -> Carried<'a> {
    for (kind, at) in know.guards.marks(host.name, host.registrable) {
        if kind != Kind::Proxy {
            if is_looked_up(know, host, at) {
                return Carried::Doubtful;
            }
        } else if know.known.has(host.registrable) {
            return Carried::By(&host.name[at..], Kind::Proxy);
        } else {
            return Carried::Doubtful;
        }
    }
    if stands_before_underscore(know, host) { Carried::Doubtful } else { Carried::No }
}

/// Whether a well-known name stands directly before the label at a place, or with the key of a customer between them:
/// `paypal.com.dnsbl.mail.example`. Mail servers ask lists, their own among them, for every name in a mail (RFC 5782
/// section 4). Nobody runs a list on a platform.
fn is_looked_up(know: &Knowledge, host: &Host<'_>, at: usize) -> bool {
    let before = &host.name[..at - 1];
    let before = before.rsplit_once('.').filter(|it| is_key(it.1)).map_or(before, |it| it.0);
    host.hosting.is_none() && know.is_well_known(name::registrable(before))
}

/// Whether a label reads like a key: words that lure have no digits among so many letters.
fn is_key(label: &str) -> bool {
    label.len() >= KEY_LEN_MIN
        && label.bytes().all(|it| it.is_ascii_alphanumeric())
        && label.bytes().any(|it| it.is_ascii_digit())
}

/// Whether a protected domain stands before a label with an underscore, below somebody else's domain that is not well known:
/// `paypal.com._dmarc.evil.example`. Reports about a domain's mail are asked for like that (RFC 7489 section 7.1).
pub(super) fn stands_before_underscore(know: &Knowledge, host: &Host<'_>) -> bool {
    if !host.name.contains('_') || know.guards.behind_underscore(host.name) == host.name {
        return false;
    }
    let carries = |(at, _)| {
        let (before, behind): (&str, &str) = (&host.name[..at], &host.name[at..]);
        !behind.starts_with("._report._dmarc.")
            && know.protected.owner(name::registrable(before)).is_some()
    };
    host.name.match_indices("._").any(carries)
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
    use crate::lookalike::tests::{hosted, score, score_hosted, silent, why};
    use crate::name::Class;

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
            "paypal.com.dnsbl.evil.example",
            "www.paypal.com.rhsbl.evil.top",
            "paypal.com.0a1b2c3d4e5f6a7b8c9d.dbl.evil.example",
            "4.3.2.1.in-addr.paypal.com.spf.evil.example",
            "paypal.com._spf.evil.example",
        ] {
            assert!((50..=PROXY_MAX).contains(&score(name)), "{name}: {}", score(name));
        }
    }

    #[test]
    fn what_only_looks_like_a_question_to_a_list_hides_nothing() {
        for name in [
            "paypal.com.evil.example",
            "paypal.com.dnsbl.example",
            "paypal.com.dnsbl-check.evil.example",
            "paypal.com.account-verify.dnsbl.evil.example",
            "paypal.com.accountverification.dnsbl.evil.example",
            "paypal-login.top.dnsbl.evil.example",
            "paypal.com-rhsbl.evil.example",
            "paypal.login.dbl.evil.top",
        ] {
            assert!(score(name) >= 80, "{name}: {}", score(name));
        }
        let on_platform = hosted("paypal.com.dnsbl.netlify.app", "netlify.app", Class::Paas);
        assert!(score_hosted(&on_platform) >= 80);
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

//! Helpers for the tests of every technique, and names that must stay silent or be found whatever changes.

use std::sync::LazyLock;

use crate::{
    name::{Class, Host, Hosting, Scope},
    verdict::{Finding, Technique},
};

use super::{Config, Engine};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Config::default()));

/// A host under a platform, for tests.
pub(super) fn hosted<'a>(name: &'a str, platform: &'a str, class: Class) -> Host<'a> {
    let tenant = if name.len() > platform.len() {
        let own = &name[..name.len() - platform.len() - 1];
        &name[own.rfind('.').map_or(0, |it| it + 1)..]
    } else {
        ""
    };
    let hosting = Some(Hosting { platform, class, scope: Scope::Tenant, tenant });
    Host { hosting, ..Host::new(name) }
}

fn judge(host: &Host<'_>) -> (u8, Vec<Finding>) {
    let mut out = Vec::new();
    let score = ENGINE.judge(host, &mut out);
    (score, out)
}

pub(super) fn score_hosted(host: &Host<'_>) -> u8 {
    judge(host).0
}

pub(super) fn score(name: &str) -> u8 {
    judge(&Host::new(name)).0
}

/// The sentence about the strongest finding.
pub(super) fn why(name: &str) -> String {
    judge(&Host::new(name)).1.first().map(|it| it.why.clone()).unwrap_or_default()
}

/// The strongest finding is this technique against this target, and worth a look.
#[track_caller]
pub(super) fn finds(name: &str, technique: Technique, target: &str) {
    let (score, found) = judge(&Host::new(name));
    let first = found.first().unwrap_or_else(|| panic!("{name}: nothing found"));
    assert_eq!((first.technique, first.target.as_str()), (technique, target), "{name}: {first:?}");
    assert!(score >= 50, "{name}: {score} {:?}", ENGINE.explain(&Host::new(name)));
}

/// Nothing is found that is worth a look.
#[track_caller]
pub(super) fn quiet(name: &str) {
    let (score, found) = judge(&Host::new(name));
    assert!(score < 50, "{name}: {score} {found:?}");
}

/// Nothing is found.
#[track_caller]
pub(super) fn silent(name: &str) {
    let (score, found) = judge(&Host::new(name));
    assert!(score == 0 && found.is_empty(), "{name}: {score} {found:?}");
}

#[test]
fn names_that_other_filters_blocked_by_mistake() {
    for name in ["tsa.gov", "mtb.com", "ual.com", "cibc.com", "tuta.com", "vercel-dns-013.com"] {
        silent(name);
    }
}

#[test]
fn names_that_must_be_found() {
    for name in [
        "xn--80ak6aa92e.com",
        "rnicrosoft.com",
        "paypal-login.top",
        "usps.com-track.top",
        "xn--pypal-4ve.com",
        "paypal.com.evil.example",
    ] {
        assert!(
            score(name) >= 80,
            "{name}: {} {:?}",
            score(name),
            ENGINE.explain(&Host::new(name))
        );
    }
}

#[test]
fn owners_are_told() {
    let owner = |name: &'static str| ENGINE.owner_of(&Host::new(name));
    assert!(owner("www.paypal.com").is_some());
    assert_eq!(owner("evil.example"), None);
}

#[test]
fn bad_input_is_judged_or_passed() {
    let long = "a.".repeat(126) + "a";
    for name in [
        "",
        "com",
        "localhost",
        "4.3.2.1.in-addr.arpa",
        "\\000.\\255.com",
        "a..b",
        "-.-",
        "_._",
        &long,
    ] {
        let (score, _) = judge(&Host::new(name));
        assert_eq!(score, 0, "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn any_name_is_judged(name in "[a-z0-9_.\\\\-]{0,80}|(xn--[a-z0-9-]{1,20}\\.){1,3}com|\\PC{0,40}") {
        let mut out = Vec::new();
        let score = ENGINE.judge(&Host::new(&name), &mut out);
        proptest::prop_assert!(score <= 100);
        proptest::prop_assert!(out.iter().all(|it| it.score <= 100 && !it.why.is_empty()));
    }
}

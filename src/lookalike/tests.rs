//! Helpers for the tests of every technique, and names that must stay silent or be found whatever changes.

use std::sync::LazyLock;

use crate::{
    name::{Class, Host, Hosting, Scope, to_ascii},
    verdict::{Finding, Technique},
};

use super::{Config, Engine};

pub(super) static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Config::default()));

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

/// Judges names where one domain is the operator's own, and tells which are not found as expected: by this technique, or not at
/// all.
#[track_caller]
fn check_own(domain: &str, typos: bool, cases: &[(&str, Option<Technique>)]) {
    let domains = vec![domain.to_owned()];
    let typos = if typos { domains.clone() } else { Vec::new() };
    let engine = Engine::new(&Config { domains, typos, ..Config::default() });
    let mut wrong = Vec::new();
    for &(name, expected) in cases {
        let mut found = Vec::new();
        let score = engine.judge(&Host::new(name), &mut found);
        let first = found.first().filter(|it| score >= 50 && it.target == domain);
        let told = if score >= 50 { found.first().map(|it| it.technique) } else { None };
        if first.map(|it| it.technique) != expected || told != expected {
            let points = engine.explain(&Host::new(name));
            wrong.push(format!("{name}, {expected:?}: {score} {found:?} {points:?}"));
        }
    }
    assert!(wrong.is_empty(), "with {domain}:\n{}", wrong.join("\n"));
}

#[test]
fn an_own_domain_is_protected_by_every_technique() {
    use Technique::*;
    check_own(
        "contoso-widgets.com",
        false,
        &[
            ("contoso-widgest.com", Some(Typo)),
            ("contoso-wigets.com", Some(Typo)),
            ("contoso-widgetts.com", Some(Typo)),
            ("contoso-wudgets.com", Some(Typo)),
            ("cotnoso-widgets.com", Some(Typo)),
            ("contoso-widgest-login.com", Some(Typo)),
            ("contosowidgest.com", Some(Typo)),
            ("contoso-wadgets.com", Some(Typo)),
            ("contoso-widget.com", Some(Plural)),
            ("contoso-wydgets.com", Some(Typo)),
            ("contoso-gidgets.net", Some(Bitsquat)),
            ("contosowidgets.com", Some(Hyphen)),
            ("con-tosowidgets.com", Some(Hyphen)),
            ("con-toso-widgets.com", Some(Hyphen)),
            ("contosowidgets-login.com", Some(Combo)),
            ("contoso-widgets-login.com", Some(Combo)),
            ("login-contoso-widgets.com", Some(Combo)),
            ("contoso-widgetslogin.com", Some(Combo)),
            ("contosowidgetslogin.com", Some(Combo)),
            ("my-contoso-widgets-shop.net", Some(Combo)),
            ("contoso-widgets.net", Some(TldSwap)),
            ("contoso-widgets.co", Some(TldSwap)),
            ("contoso-widgets.de", Some(TldSwap)),
            ("contoso-widgets.co.uk", Some(TldSwap)),
            ("contoso-widgets.top", Some(TldSwap)),
            ("wwwcontoso-widgets.com", Some(Doppelganger)),
            ("mailcontosowidgets.com", Some(Doppelganger)),
            ("contoso-widgets.com.evil.top", Some(Embedding)),
            ("contoso-widgets-com.evil.top", Some(Embedding)),
            ("contoso-widgetscom.top", Some(Embedding)),
            ("c0ntoso-widgets.com", Some(Homograph)),
            ("contoso-vvidgets.com", Some(Homograph)),
            ("xn--contso-widgets-yzl.com", Some(Homograph)),
            ("contoso-widgets.account-check.top", Some(Subdomain)),
        ],
    );
    check_own(
        "acmewidgetry.com",
        false,
        &[
            ("acmewidgetry.co", Some(TldSwap)),
            ("acmewidgetry.de", Some(TldSwap)),
            ("acmewidgetry.co.uk", Some(TldSwap)),
            ("acmewidgetry.io", Some(TldSwap)),
            ("acmewidgetyr.com", Some(Typo)),
            ("acmewidgetry-login.com", Some(Combo)),
            ("acmewidgetrys.com", Some(Plural)),
        ],
    );
}

#[test]
fn a_short_own_label_or_a_word_is_protected_by_some() {
    use Technique::*;
    check_own(
        "nova.com",
        false,
        &[
            ("novalogin.com", Some(Combo)),
            ("nova-login.com", Some(Combo)),
            ("nova-shop.com", Some(Combo)),
            ("secure-nova.net", Some(Combo)),
            ("nova.net", Some(TldSwap)),
            ("nova.de", Some(TldSwap)),
            ("nova.top", Some(TldSwap)),
            ("nova.com.evil.top", Some(Embedding)),
            ("nova.com-track.top", Some(Embedding)),
            ("n0va.com", Some(Homograph)),
            ("xn--nva-sed.com", Some(Homograph)),
            ("nvoa.com", None),
            ("novva.com", None),
            ("novartis.com", None),
            ("supernova.com", None),
            ("casanova.com", None),
            ("nova-scotia.com", None),
            ("bossanova-login.com", None),
            ("nova.garden.example", None),
            ("innovalogin.com", None),
        ],
    );
    check_own(
        "harbor.com",
        false,
        &[
            ("harbor-login.com", Some(Combo)),
            ("harborlogin.com", Some(Combo)),
            ("harbor.net", Some(TldSwap)),
            ("harbor.com.evil.top", Some(Embedding)),
            ("harb0r.com", Some(Homograph)),
            ("harbour.com", None),
            ("harbro.com", None),
            ("pearlharbor.com", None),
        ],
    );
    check_own(
        "qzx.com",
        false,
        &[
            ("qzx-login.com", Some(Combo)),
            ("qzxlogin.com", Some(Combo)),
            ("qzx-shop.com", Some(Combo)),
            ("qzx.net", Some(TldSwap)),
            ("qzx.com.evil.top", Some(Embedding)),
            ("qzxy.com", None),
            ("aqzx.com", None),
        ],
    );
    check_own(
        "q7.com",
        false,
        &[("q7.net", Some(TldSwap)), ("q7-login.com", Some(Combo)), ("q7.garden.example", None)],
    );
}

#[test]
fn typos_of_a_short_own_label_are_found_where_asked_for() {
    check_own(
        "nova.com",
        true,
        &[
            ("nvoa.com", Some(Technique::Typo)),
            ("novva.com", Some(Technique::Typo)),
            ("nva.com", Some(Technique::Typo)),
            ("nava.com", Some(Technique::Typo)),
            ("note.com", None),
        ],
    );
    check_own("harbor.com", true, &[("harbro.com", Some(Technique::Typo)), ("harbour.com", None)]);
}

#[test]
fn neighbours_of_own_domains_stay_silent() {
    check_own(
        "contoso-widgets.com",
        false,
        &[
            ("contoso-gadgets.com", None),
            ("widgets.com", None),
            ("my-widgets.com", None),
            ("contoso.org", None),
        ],
    );
    check_own(
        "blue-house.com",
        false,
        &[
            ("blue-mouse.com", None),
            ("blue-horse.com", None),
            ("bluemouse.com", None),
            ("house-blue.com", None),
        ],
    );
    check_own("note-book.com", false, &[("notebook.com", None)]);
    check_own("acmewidgetry.com", false, &[("acme.com", None)]);
}

/// The names after a technique in the first sentences of its file are found, by that technique.
#[test]
fn examples_in_the_documentation_are_found() {
    let mut wrong = Vec::new();
    for text in [
        include_str!("bitsquat.rs"),
        include_str!("combo.rs"),
        include_str!("doppelganger.rs"),
        include_str!("embedding.rs"),
        include_str!("homograph.rs"),
        include_str!("hyphen.rs"),
        include_str!("plural.rs"),
        include_str!("subdomain.rs"),
        include_str!("tenant_brand.rs"),
        include_str!("tld_swap.rs"),
        include_str!("typo.rs"),
    ] {
        let head: Vec<&str> = text.lines().take_while(|it| it.starts_with("//! ")).collect();
        let head = head.join(" ");
        let mut quoted = head.split('`').skip(1).step_by(2);
        let technique = quoted.next().unwrap();
        let names: Vec<&str> = quoted.filter(|it| it.contains('.')).collect();
        assert!(!names.is_empty(), "{technique} shows no name");
        for shown in names {
            let name = to_ascii(shown).unwrap();
            let platform = ["netlify.app", "webflow.io"].into_iter().find(|it| name.ends_with(it));
            let hosted = |it| hosted(&name, it, Class::Paas);
            let host = platform.map_or_else(|| Host::new(&name), hosted);
            let (score, found) = judge(&host);
            let first = found.first().map_or("nothing", |it| it.technique.as_str());
            if score < 50 || first != technique {
                wrong.push(format!("{technique} {shown}: {score} {first}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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

/// Labels whose Punycode means something that no name holds are odd by themselves, and hide no other label.
#[test]
fn labels_that_decode_to_no_name_are_odd() {
    for label in [
        "xn--paypal-1i92a",
        "xn--zy0c",
        "xn--8c9bk9h",
        "xn--paypal-8v974d",
        "xn--ww902716a99",
        "xn--99999999",
        "xn--\\000-ea",
        "xn--a",
        "xn--paypalcom-bk3h",
        "xn--paypalcom-b854c",
        "xn--paypal-rga",
        "xn--paypal-dr3e",
        "xn--pypal-nqe",
        "xn--bcher-2pa",
        "xn--faceook-pv8c",
        "xn--paypal-df0c",
        "xn--paypal-9l0c",
        "xn--paypal-nk68a",
        "xn--paypal-u078a",
        "xn--BCHER-KVA",
    ] {
        for name in [format!("{label}.com"), format!("www.{label}.example"), label.to_owned()] {
            let (score, found) = judge(&Host::new(&name));
            let odd = found.iter().any(|it| it.technique == Technique::MixedScript);
            assert!(score >= 50 && odd, "{name}: {score} {found:?}");
        }
        let beside = format!("{label}.paypal-login.top");
        assert!(score(&beside) >= 80, "{beside}: {}", score(&beside));
    }
}

#[test]
fn names_full_of_escapes_are_judged_by_their_end() {
    let escapes = "\\001".repeat(60);
    let check = |end: &str, least: u8| {
        let name = format!("{escapes}.{escapes}.{escapes}.{end}");
        assert!(name.len() > 700);
        let host = match end.ends_with("netlify.app") {
            true => hosted(&name, "netlify.app", Class::Paas),
            false => Host::new(&name),
        };
        let (score, _) = judge(&host);
        assert!(score >= least, "{end}: {score}");
        let known = end == escapes || end.ends_with("netlify.app");
        assert_eq!(ENGINE.is_somebodys(&host), known, "{end}");
    };
    check("paypal-login.top", 80);
    check("paypal-login.account.secure.xn--80ak6aa92e.top", 80);
    check("paypal-login.netlify.app", 80);
    check(&format!("{escapes}.kawasaki.jp"), 0);
    check(&escapes, 0);
    let name = format!("{escapes}.{escapes}.{escapes}.com.dbl.spamhaus.org");
    assert_eq!(judge(&Host::new(&name)).0, 0);
}

#[test]
fn sentences_can_be_read_whatever_the_script() {
    for name in
        ["sberbank-вход.ru", "imtoken钱包.club", "paypal-вход.com.ru", "確認amazon.co.jp.evil.top"]
    {
        let name = crate::name::Name::parse(name).unwrap().text();
        let mut found = Vec::new();
        ENGINE.judge(&Host::new(&name), &mut found);
        assert!(!found.is_empty(), "{name}");
        for it in found {
            let texts = [&it.why, &it.matched, &it.target];
            assert!(texts.iter().all(|it| !it.contains('\u{fffd}')), "{texts:?}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_name_is_judged(name in "[a-z0-9_.\\\\-]{0,80}|(xn--[a-z0-9-]{1,20}\\.){1,3}com|(\\\\00[0-9]){0,60}(\\.(\\\\00[0-9]){50,63}){3}\\.[a-z.]{1,12}|\\PC{0,40}") {
        let mut out = Vec::new();
        let score = ENGINE.judge(&Host::new(&name), &mut out);
        proptest::prop_assert!(score <= 100);
        proptest::prop_assert!(out.iter().all(|it| it.score <= 100 && !it.why.is_empty()));
        for it in &out {
            proptest::prop_assert_eq!(it.shares().map(|it| it.points).sum::<i16>(), i16::from(it.score));
        }
    }
}

#[test]
fn what_independent_evidence_adds_is_a_share_of_the_strongest_reason() {
    let (score, found) = judge(&Host::new("xn--80ak6aa92e.coinbase-x.com"));
    let shares: Vec<_> = found[0].shares().collect();
    assert_eq!(found[0].score, score);
    assert_eq!(shares.iter().map(|it| it.points).sum::<i16>(), i16::from(score));
    assert!(shares.iter().any(|it| (it.name, it.points) == ("also", 10)), "{shares:?}");
    assert!(found[1].score < score);
}

#[test]
fn words_beside_a_brand_are_told_as_they_are_written() {
    let why = |unicode: &str| judge(&Host::new(&to_ascii(unicode).unwrap())).1;
    let told = why("samsung-сервис.com");
    assert!(told.iter().any(|it| it.why.contains("beside `сервис`")), "{told:?}");
}

#[test]
fn odd_characters_beside_a_brand_are_a_second_finding() {
    let judged = |unicode: &str| judge(&Host::new(&to_ascii(unicode).unwrap()));
    let ((plain, _), (both, found)) = (judged("coinbase-x.com"), judged("xп.coinbase-x.com"));
    assert_eq!((both, found[0].score), (plain + 10, plain + 10));
    assert!(found[0].shares().any(|it| (it.name, it.points) == ("also", 10)), "{found:?}");
    assert_eq!(found[1].technique, Technique::MixedScript);
    // The letters that write the brand are what is found already.
    let (_, found) = judged("gооgle-x.com");
    assert!(found[0].shares().all(|it| it.name != "also"), "{found:?}");
}

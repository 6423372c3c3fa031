//! Precedence, modes and what the client gets, over findings made by hand.

use super::*;
use crate::{
    list::{Index, Kind, List},
    metrics::Metrics,
    platform::Allow,
    verdict::{Finding, Novelty, Reason, Shares, Source, Technique},
};

const LOOKALIKE: &str = "paypal-login.example";

/// A day within reach of the last-seen dates of simulated phishing.
const NOW: u64 = 1_788_000_000;

fn finding(technique: Technique) -> Finding {
    Finding {
        technique,
        target: "paypal.com".to_owned(),
        matched: "paypal".to_owned(),
        score: 90,
        shares: Shares::NONE,
        why: "because".to_owned(),
        attack: &["T1583.001"],
    }
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    score: u8,
    lookalike: Mode,
    platform: Mode,
    rules: &'static [(&'static str, Action)],
    block: Option<(&'static str, Mode)>,
    allow: Option<&'static str>,
    tenants: &'static [&'static str],
    technique: Technique,
    seen: Seen,
}

const CASE: Case = Case {
    name: LOOKALIKE,
    score: 0,
    lookalike: Mode::Monitor,
    platform: Mode::Monitor,
    rules: &[],
    block: None,
    allow: None,
    tenants: &[],
    technique: Technique::Combo,
    seen: Seen::UNKNOWN,
};

fn policy(case: &Case, rules: Rules) -> Policy {
    let mut classes = [Action::Log; Class::ALL.len()];
    classes[Class::SaasTenant as usize] = Action::Pass;
    classes[Class::SimulatedPhishing as usize] = Action::Pass;
    let engine = Engine::new(&crate::lookalike::Config::default());
    Policy {
        generation: 1,
        knowledge: Arc::new(Knowledge { generation: 1, engine, platforms: Platforms::builtin() }),
        rules: Arc::new(rules),
        groups: vec![Group {
            name: "default".to_owned(),
            lookalike: case.lookalike,
            log: 50,
            block: 80,
            platform: case.platform,
            classes,
        }],
        sinkhole: Sinkhole {
            ipv4: Ipv4Addr::UNSPECIFIED,
            ipv6: Ipv6Addr::UNSPECIFIED,
            ttl_secs: 10,
        },
    }
}

fn verdict(case: &Case) -> Verdict {
    let lists: Vec<(List, &str)> = [
        case.block.map(|(text, mode)| {
            (
                List { name: "bad".to_owned(), kind: Kind::Block, action: Action::Nxdomain, mode },
                text,
            )
        }),
        case.allow.map(|text| {
            let list = List {
                name: "good".to_owned(),
                kind: Kind::Allow,
                action: Action::Pass,
                mode: Mode::Enforce,
            };
            (list, text)
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    let described: Vec<List> = lists.iter().map(|(list, _)| list.clone()).collect();
    let (index, _) = Index::build(&described, |at| Ok(lists[at].1.as_bytes())).unwrap();
    let tenants: Vec<String> = case.tenants.iter().map(|it| (*it).to_owned()).collect();
    let own = case.rules.iter().map(|(name, action)| (Name::parse(name).unwrap(), *action));
    let (own, allow) = (OwnRules::new(own), Allow::parse(&tenants).unwrap());
    let policy = policy(case, Rules::new(index, own, allow, &Metrics::new()));
    let name = Name::parse(case.name).unwrap();
    let text = name.text();
    let host = host(&policy.knowledge, &text, NOW);
    let mut findings = examine(&policy.knowledge, &host, NOW, &Seen::UNKNOWN);
    findings.score = case.score;
    findings.lookalike = if case.score > 0 { vec![finding(case.technique)] } else { Vec::new() };
    newness::add(&policy.knowledge.engine, &host, NOW, &case.seen, &mut findings);
    let verdict = decide(&policy, PolicyId(0), &name, &host, &findings);
    let is_ruled = verdict.applied.changes_answer()
        && matches!(verdict.reasons[0].source, Source::Rule | Source::List);
    let told = |it: &Verdict| {
        (it.action, it.applied, it.mode, it.rule.clone(), it.lists.clone(), it.why().to_owned())
    };
    let early = decided_by_rules(&policy, PolicyId(0), &name, NOW);
    assert_eq!(early.as_ref().map(told), is_ruled.then(|| told(&verdict)), "{}", case.name);
    let is_listed = is_ruled && verdict.reasons[0].source == Source::List;
    assert_eq!(check_listed(&policy, &name, &verdict), is_listed, "{}", case.name);
    verdict
}

/// Whether a list alone decides; it has to do so as the verdict says.
fn check_listed(policy: &Policy, name: &Name, verdict: &Verdict) -> bool {
    let mut text = String::new();
    let blocked = match Listed::find(policy, name, NOW, &mut text) {
        Listed::Blocked(blocked) => blocked,
        Listed::Perhaps => return false,
        Listed::No => {
            let spoke = |it: &Reason| matches!(it.source, Source::Rule | Source::List);
            assert!(!verdict.reasons.iter().any(spoke), "{}", name.text());
            return false;
        }
    };
    blocked.write_why(name, &mut text);
    assert_eq!(
        (blocked.action(), blocked.matched_len(), text.as_str()),
        (verdict.applied, verdict.matched_len, verdict.why())
    );
    let mut lists: Vec<(u16, bool)> = blocked.lists().collect();
    lists.sort_unstable_by_key(|(list, decided)| (!decided, *list));
    let of_verdict = verdict.lists.iter().enumerate().map(|(at, list)| (*list, at == 0));
    assert!(lists.into_iter().eq(of_verdict), "{}", name.text());
    true
}

/// Action, applied, and who says so, with `!` for what was overridden.
fn check(case: &Case, action: Action, applied: Action, reasons: &[&str]) {
    let verdict = verdict(case);
    assert_eq!((verdict.action, verdict.applied), (action, applied), "{}", case.name);
    let said =
        |it: &Reason| format!("{}{}", if it.overridden { "!" } else { "" }, it.source.as_str());
    let said: Vec<String> = verdict.reasons.iter().map(said).collect();
    assert_eq!(said, reasons, "{}", case.name);
}

#[test]
fn nothing_found_passes() {
    assert_eq!(verdict(&CASE), Verdict::PASS);
    check(&Case { score: 49, ..CASE }, Action::Pass, Action::Pass, &[]);
}

#[test]
fn monitor_shows_what_enforcement_would_do() {
    check(&Case { score: 90, ..CASE }, Action::Sinkhole, Action::Log, &["lookalike"]);
    check(&Case { score: 60, ..CASE }, Action::Log, Action::Log, &["lookalike"]);
    check(&Case { score: 90, lookalike: Mode::Off, ..CASE }, Action::Pass, Action::Pass, &[]);
    let enforced = Case { score: 90, lookalike: Mode::Enforce, ..CASE };
    check(&enforced, Action::Sinkhole, Action::Sinkhole, &["lookalike"]);
    let verdict = verdict(&enforced);
    assert_eq!((verdict.score, verdict.mode), (90, Mode::Enforce));
}

#[test]
fn the_first_enforced_source_decides() {
    let listed = Case { score: 90, block: Some(("example\n", Mode::Enforce)), ..CASE };
    check(&listed, Action::Nxdomain, Action::Nxdomain, &["list", "!lookalike"]);
    let allowed = Case { allow: Some("paypal-login.example"), ..listed };
    check(&allowed, Action::Pass, Action::Pass, &["allow", "!list", "!lookalike"]);
    let ruled = Case { rules: &[("example", Action::Drop)], ..allowed };
    check(&ruled, Action::Drop, Action::Drop, &["rule", "!allow", "!list", "!lookalike"]);
}

#[test]
fn a_monitored_list_does_not_stop_an_enforced_look_alike() {
    let case = Case {
        score: 90,
        lookalike: Mode::Enforce,
        block: Some(("paypal-login.example", Mode::Monitor)),
        ..CASE
    };
    check(&case, Action::Sinkhole, Action::Sinkhole, &["lookalike", "list"]);
    let case = Case { lookalike: Mode::Monitor, ..case };
    check(&case, Action::Nxdomain, Action::Log, &["list", "lookalike"]);
}

#[test]
fn the_entry_that_matched_is_named() {
    let verdict = verdict(&Case { block: Some(("# head\n\nexample\n", Mode::Enforce)), ..CASE });
    assert_eq!((verdict.rule.as_str(), verdict.matched_len), ("bad:3", 9));
    assert_eq!(verdict.why(), "list `bad` blocks `example` (line 3)");
}

#[test]
fn platforms_log_and_tenants_may_pass() {
    let name = "ourcompany.netlify.app";
    check(&Case { name, ..CASE }, Action::Log, Action::Log, &["platform"]);
    check(
        &Case { name, score: 90, ..CASE },
        Action::Sinkhole,
        Action::Log,
        &["lookalike", "platform"],
    );
    let allowed = Case { name, score: 90, tenants: &["ourcompany.netlify.app"], ..CASE };
    check(&allowed, Action::Pass, Action::Pass, &[]);
    assert_eq!(verdict(&allowed).tenant, name);
    let listed = Case { block: Some(("netlify.app", Mode::Enforce)), ..allowed };
    check(&listed, Action::Nxdomain, Action::Nxdomain, &["list"]);
    let business = Case { name: "contoso.sharepoint.com", ..CASE };
    check(&business, Action::Pass, Action::Pass, &[]);
    assert_eq!(verdict(&business).platform, "sharepoint.com");
}

#[test]
fn simulated_phishing_reaches_its_people() {
    const RULES: &[(&str, Action)] = &[("www.sharepointin.com", Action::Sinkhole)];
    let name = "www.sharepointin.com";
    let case = Case {
        name,
        score: 95,
        lookalike: Mode::Enforce,
        block: Some((name, Mode::Enforce)),
        ..CASE
    };
    check(&case, Action::Pass, Action::Pass, &["simulated-phishing", "!list", "!lookalike"]);
    assert!(verdict(&case).valid_until < u64::MAX);
    let ruled = Case { rules: RULES, ..case };
    let expected = ["rule", "!simulated-phishing", "!list", "!lookalike"];
    check(&ruled, Action::Sinkhole, Action::Sinkhole, &expected);
}

#[test]
fn every_list_that_holds_a_name_is_told() {
    let lists = [
        ("watch", Kind::Block, Mode::Monitor, "a.example\n"),
        ("ads", Kind::Block, Mode::Enforce, "x.example\n\nexample\na.example\n"),
        ("more", Kind::Block, Mode::Enforce, "a.example\nexample\n"),
        ("good", Kind::Allow, Mode::Enforce, "b.example\n"),
    ];
    let described = lists.map(|(name, kind, mode, _)| List {
        name: name.to_owned(),
        kind,
        action: Action::Nxdomain,
        mode,
    });
    let (index, _) = Index::build(&described, |at| Ok(lists[at].3.as_bytes())).unwrap();
    let metrics = Metrics::new();
    let policy = policy(&CASE, Rules::new(index, OwnRules::default(), Allow::default(), &metrics));
    let check = |name: &str, lists: &[u16], why: &str| {
        let verdict = judge(&policy, PolicyId(0), &Name::parse(name).unwrap(), NOW);
        assert_eq!((&*verdict.lists, verdict.why()), (lists, why), "{name}");
        policy.rules.count(&verdict);
        let is_listed = check_listed(&policy, &Name::parse(name).unwrap(), &verdict);
        assert_eq!(is_listed, verdict.applied.changes_answer(), "{name}");
    };
    check(
        "w.a.example",
        &[1, 0, 2],
        "list `ads` blocks `a.example` (line 4); also in `watch` (line 1), `more` (line 1)",
    );
    check("x.example", &[1, 2], "list `ads` blocks `x.example` (line 1)");
    check("b.example", &[3, 1, 2], "list `good` allows `b.example` (line 1)");
    check("www.test", &[], "");
    let counted = metrics.lists().into_iter().map(|it| (it.list, it.matched, it.decided));
    let expected = [("watch", 1, 0), ("ads", 3, 2), ("more", 3, 0), ("good", 1, 1)];
    assert!(counted.eq(expected.map(|(list, matched, decided)| (
        list.to_owned(),
        matched,
        decided
    ))));
}

#[test]
fn every_reason_can_be_silenced() {
    let text = "a.paypal-login.example";
    let host = Host::new(text);
    let reason = |source| Reason { source, finding: finding(Technique::Combo), overridden: false };
    assert_eq!(
        silence(&reason(Source::Lookalike), &host),
        "[[rule]]\nname = \"a.paypal-login.example\"\naction = \"pass\""
    );
    assert_eq!(
        silence(&reason(Source::List), &host),
        "[[rule]]\nname = \"a.paypal-login.example\"\naction = \"pass\""
    );
    assert_eq!(silence(&reason(Source::Rule), &host), "");
    let spaced = Host::new("a\\032b.paypal-login.example");
    assert_eq!(
        silence(&reason(Source::List), &spaced),
        "[[rule]]\nname = 'a\\032b.paypal-login.example'\naction = \"pass\""
    );
}

/// Everything is new, and the day ends in an hour.
const NEW: Seen = Seen {
    name: Novelty::New,
    registrable: Novelty::New,
    tenant: Novelty::New,
    valid_until: NOW + 3_600,
    ..Seen::UNKNOWN
};

#[test]
fn a_random_domain_is_logged_while_it_is_new() {
    let random = Case { name: "www.qx7zkvbn.top", seen: NEW, lookalike: Mode::Enforce, ..CASE };
    check(&random, Action::Log, Action::Log, &["seen"]);
    let found = verdict(&random);
    assert_eq!((found.score, found.valid_until), (50, NOW + 3_600));
    assert!(found.why().contains("`qx7zkvbn.top` was first asked here today"), "{}", found.why());
    let quiet = |case: Case| check(&case, Action::Pass, Action::Pass, &[]);
    quiet(Case { name: "www.greenhouse.top", ..random });
    quiet(Case { name: "www.qx7zkvbn.com", ..random });
    quiet(Case { lookalike: Mode::Off, ..random });
    for registrable in [Novelty::Known, Novelty::Unknown] {
        let known = Case { seen: Seen { registrable, ..NEW }, ..random };
        quiet(known);
    }
    assert_eq!(verdict(&Case { seen: Seen::UNKNOWN, ..random }), Verdict::PASS);
}

#[test]
fn a_new_tenant_is_logged_right_after_a_shortener() {
    let seen = Seen { after_shortener: true, ..NEW };
    let case = Case { name: "fresh.sharepoint.com", seen, ..CASE };
    check(&case, Action::Log, Action::Log, &["seen"]);
    assert!(verdict(&case).why().contains("URL shortener"), "{}", verdict(&case).why());
    let silent = Case { tenants: &["fresh.sharepoint.com"], ..case };
    check(&silent, Action::Pass, Action::Pass, &[]);
    check(&Case { seen: NEW, ..case }, Action::Pass, Action::Pass, &[]);
    let logged = Case { name: "fresh.netlify.app", ..case };
    check(&logged, Action::Log, Action::Log, &["platform", "seen"]);
}

#[test]
fn a_new_look_alike_says_so() {
    let case = Case { score: 90, seen: NEW, ..CASE };
    assert_eq!(verdict(&case).why(), "because; first asked here today");
    assert_eq!(verdict(&case).valid_until, NOW + 3_600);
    let known = Case { seen: Seen { name: Novelty::Known, ..NEW }, ..case };
    assert_eq!((verdict(&known).why(), verdict(&known).valid_until), ("because", u64::MAX));
}

#[test]
fn what_a_search_suffix_carries_is_logged() {
    let seen = Seen { search_suffix: true, name: Novelty::Known, ..NEW };
    let technique = Technique::Embedding;
    let case = Case {
        name: "paypal.com.corp-suffix.net",
        score: 95,
        lookalike: Mode::Enforce,
        technique,
        seen,
        ..CASE
    };
    check(&case, Action::Log, Action::Log, &["lookalike", "lookalike"]);
    let found = verdict(&case);
    let carried = &found.reasons[1].finding;
    assert_eq!((carried.technique, &*carried.target), (Technique::Carried, "corp-suffix.net"));
    assert_eq!((found.score, found.valid_until), (95, NOW + 60));
    let sinkholed = |case: Case| check(&case, Action::Sinkhole, Action::Sinkhole, &["lookalike"]);
    sinkholed(Case { seen: Seen { search_suffix: false, ..seen }, ..case });
    sinkholed(Case { technique: Technique::Homograph, ..case });
    check(&Case { score: 60, ..case }, Action::Log, Action::Log, &["lookalike"]);
}

//! Validation against a tree of signed zones, and beside unbound, which validates the same tree.

use crate::support::{Data, Dig, Response, Squint, Tree, wait_until};
use std::net::SocketAddr;

const CONFIG: &str =
    "[dnssec]\nvalidate = true\ntrust_anchors = 'anchors'\nnegative_anchors = ['neg.example']\n";

/// A validating Squint in front of the tree.
fn squint(tree: &Tree, more: &str) -> Squint {
    squint_behind(tree, tree.unbound, more)
}

/// One that trusts the tree's root and asks this server.
pub(super) fn squint_behind(tree: &Tree, server: SocketAddr, more: &str) -> Squint {
    let data = Data::new();
    data.write("anchors", &tree.anchors);
    data.write_config(&format!("{CONFIG}{more}"));
    Squint::start_in(data, server)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Authentic.
    Secure,
    /// Answered without a word on that.
    Plain,
    /// SERVFAIL with this INFO-CODE.
    Bogus(u16),
}
use Expected::{Bogus, Plain, Secure};

/// Question, RFC section, status, what it is worth, and whether unbound 1.17 agrees.
pub(super) const CASES: &[(&str, &str, &str, &str, Expected)] = &[
    ("www.example", "A", "4035 5.3", "NOERROR", Secure),
    ("www.example", "AAAA", "4035 5.3", "NOERROR", Secure),
    ("example", "SOA", "4035 5.3", "NOERROR", Secure),
    ("example", "DNSKEY", "4035 5.2", "NOERROR", Secure),
    ("example", "DS", "4035 5.2", "NOERROR", Secure),
    ("nsec3.example", "DS", "4035 5.2", "NOERROR", Secure),
    ("www.nsec3.example", "A", "5155 8", "NOERROR", Secure),
    ("WWW.Example", "A", "4034 6.2", "NOERROR", Secure),
    // Nothing is there, by NSEC and by NSEC3.
    ("www.example", "MX", "4035 5.4", "NOERROR", Secure),
    ("nothing.example", "A", "4035 5.4", "NXDOMAIN", Secure),
    ("a.b.c.example", "A", "4035 5.4", "NXDOMAIN", Secure),
    ("branch.example", "A", "4035 5.4", "NOERROR", Secure),
    ("www.nsec3.example", "MX", "5155 8.5", "NOERROR", Secure),
    ("nothing.nsec3.example", "A", "5155 8.4", "NXDOMAIN", Secure),
    ("a.b.c.nsec3.example", "A", "5155 8.4", "NXDOMAIN", Secure),
    ("branch.nsec3.example", "A", "5155 8.5", "NOERROR", Secure),
    ("insecure.example", "DS", "4035 5.2", "NOERROR", Secure),
    // Wildcards.
    ("x.wild.example", "A", "4035 5.3.4", "NOERROR", Secure),
    ("x.y.wild.example", "A", "4035 5.3.4", "NOERROR", Secure),
    ("x.wild.example", "MX", "4035 5.4", "NOERROR", Secure),
    ("x.wild.nsec3.example", "A", "5155 8.8", "NOERROR", Secure),
    ("x.wild.nsec3.example", "MX", "5155 8.7", "NOERROR", Secure),
    ("*.wild.example", "A", "4034 3.1.3", "NOERROR", Secure),
    // Aliases, within and across zones.
    ("tosigned.example", "A", "4035 5.3", "NOERROR", Secure),
    ("tosigned.example", "MX", "4035 5.4", "NOERROR", Secure),
    ("tonowhere.example", "A", "4035 5.4", "NXDOMAIN", Secure),
    ("x.walias.example", "A", "4035 5.3.4", "NOERROR", Secure),
    ("www.old.example", "A", "6672 5.3.1", "NOERROR", Secure),
    ("old.example", "DNAME", "6672 5.3.1", "NOERROR", Secure),
    ("toplain.example", "A", "4035 4.3", "NOERROR", Plain),
    ("toplain.example", "CNAME", "4035 5.3", "NOERROR", Secure),
    ("alias.nsec3.example", "A", "4035 4.3", "NOERROR", Plain),
    ("toforged.example", "A", "4035 4.3", "SERVFAIL", Bogus(6)),
    // Zones without signatures, rightly.
    ("www.insecure.example", "A", "4035 5.2", "NOERROR", Plain),
    ("back.insecure.example", "A", "4035 5.2", "NOERROR", Plain),
    ("nothing.insecure.example", "A", "4035 5.2", "NXDOMAIN", Plain),
    ("www.deep.insecure.example", "A", "4035 5.2", "NOERROR", Plain),
    ("www.plain.optout.example", "A", "5155 6", "NOERROR", Plain),
    ("www.optout.example", "A", "5155 6", "NOERROR", Secure),
    ("nothing.optout.example", "A", "5155 9.2", "NXDOMAIN", Plain),
    ("www.unknown.example", "A", "4035 5.2", "NOERROR", Plain),
    ("www.iterated.example", "A", "9276 3.2", "NOERROR", Secure),
    ("nothing.iterated.example", "A", "9276 3.2", "NXDOMAIN", Plain),
    // What is broken.
    ("www.expired.example", "A", "4035 5.3.1", "SERVFAIL", Bogus(7)),
    ("nothing.expired.example", "A", "4035 5.3.1", "SERVFAIL", Bogus(7)),
    ("www.future.example", "A", "4035 5.3.1", "SERVFAIL", Bogus(8)),
    ("www.forged.example", "A", "4035 5.3.3", "SERVFAIL", Bogus(6)),
    ("other.forged.example", "A", "4035 5.3.3", "NOERROR", Secure),
    ("www.stripped.example", "A", "4035 5.2", "SERVFAIL", Bogus(10)),
    ("www.nodenial.example", "A", "4035 5.3", "NOERROR", Secure),
    ("nothing.nodenial.example", "A", "4035 5.4", "SERVFAIL", Bogus(12)),
    ("www.nodenial.example", "MX", "4035 5.4", "SERVFAIL", Bogus(12)),
    ("www.nokeys.example", "A", "4035 5.2", "SERVFAIL", Bogus(9)),
    ("nothing.nokeys.example", "A", "4035 5.2", "SERVFAIL", Bogus(9)),
];

fn ask(server: SocketAddr, name: &str, rtype: &str, options: &[&str]) -> Response {
    Dig::new(server, name, rtype).with(options).ask()
}

/// INFO-CODEs of a response's errors.
fn codes(response: &Response) -> Vec<u16> {
    response.ede.iter().map(|it| it.split(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn answers_are_worth_what_their_signatures_are() {
    let tree = Tree::start();
    let squint = squint(&tree, "");
    let mut wrong = Vec::new();
    // Twice: as it comes, and as it is remembered.
    for round in ["first", "again"] {
        for &(name, rtype, rfc, status, expected) in CASES {
            let got = ask(squint.address, name, rtype, &["+dnssec"]);
            let worth = match &codes(&got)[..] {
                [code] if got.status == "SERVFAIL" => Bogus(*code),
                _ if got.has_flag("ad") => Secure,
                _ => Plain,
            };
            if (got.status.as_str(), worth) != (status, expected) {
                wrong.push(format!(
                    "{round} {name} {rtype} (RFC {rfc}): {expected:?}, got {worth:?} {got:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), tree.log());
}

#[test]
fn unbound_says_the_same() {
    let tree = Tree::start();
    let squint = squint(&tree, "");
    // Unbound checks more iterations than RFC 9276 asks for.
    let differs = |name: &str| name == "nothing.iterated.example";
    let mut wrong = Vec::new();
    for &(name, rtype, rfc, _, _) in CASES.iter().filter(|it| !differs(it.0)) {
        for options in
            [&["+dnssec"][..], &["+noedns", "+adflag"], &["+noadflag"], &["+dnssec", "+cdflag"]]
        {
            let shown = |server| {
                let it = ask(server, name, rtype, options);
                let data: Vec<String> = it.data().iter().map(|it| (*it).to_owned()).collect();
                (it.status.clone(), it.has_flag("ad") && !options.contains(&"+cdflag"), data)
            };
            let (ours, theirs) = (shown(squint.address), shown(tree.unbound));
            if ours != theirs {
                wrong.push(format!(
                    "{name} {rtype} {options:?} (RFC {rfc})\n  ours {ours:?}\ntheirs {theirs:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), tree.log());
}

#[test]
fn flags_say_who_wants_what() {
    let tree = Tree::start();
    let squint = squint(&tree, "[cache]\nprefetch = false\n");
    let check = |name: &str, options: &[&str], status: &str, authentic: bool, signed: bool| {
        let got = ask(squint.address, name, "A", options);
        let has_signature = got.answer.iter().any(|it| it.rtype == "RRSIG");
        assert_eq!(
            (got.status.as_str(), got.has_flag("ad"), has_signature),
            (status, authentic, signed),
            "{name} {options:?} {got:?}"
        );
    };
    // RFC 6840 section 5.7 and 5.8, RFC 4035 section 3.2.1.
    for _ in 0..2 {
        check("www.example", &["+noadflag"], "NOERROR", false, false);
        check("www.example", &["+adflag"], "NOERROR", true, false);
        check("www.example", &["+noedns", "+adflag"], "NOERROR", true, false);
        check("www.example", &["+dnssec", "+noadflag"], "NOERROR", true, true);
        check("www.insecure.example", &["+dnssec"], "NOERROR", false, false);
    }
    // RFC 4035 section 3.2.2: whoever checks for himself gets what there is, and nobody else does, whichever comes first.
    check("www.forged.example", &["+cdflag"], "NOERROR", false, false);
    check("www.forged.example", &[], "SERVFAIL", false, false);
    check("www.forged.example", &["+dnssec", "+cdflag"], "NOERROR", false, true);
    check("www.forged.example", &["+dnssec"], "SERVFAIL", false, false);
    check("www.expired.example", &[], "SERVFAIL", false, false);
    check("www.expired.example", &["+cdflag"], "NOERROR", false, false);
    check("www.expired.example", &[], "SERVFAIL", false, false);
    check("www.example", &["+dnssec", "+cdflag"], "NOERROR", false, true);
    // Proofs are for those who ask for them.
    let denial = |options: &[&str]| {
        let got = ask(squint.address, "nothing.example", "A", options);
        let types: Vec<String> = got.authority.into_iter().map(|it| it.rtype).collect();
        (got.status, types.contains(&"NSEC".to_owned()), types.contains(&"SOA".to_owned()))
    };
    assert_eq!(denial(&["+dnssec"]), ("NXDOMAIN".to_owned(), true, true));
    assert_eq!(denial(&[]), ("NXDOMAIN".to_owned(), false, true));
    let asked = ask(squint.address, "example", "NSEC", &[]);
    assert!(asked.answer.iter().any(|it| it.rtype == "NSEC"), "{asked:?}");
}

#[test]
fn some_names_are_not_validated() {
    let tree = Tree::start();
    let route =
        |suffix| format!("[[route]]\nsuffix = '{suffix}'\nservers = ['{}']\n", tree.unbound);
    let route = route("forged.example") + &route("nsec3.example");
    let rule = "[[rule]]\nname = 'other.example'\naction = 'sinkhole'\n[[rule]]\nname = 'www.example'\naction = 'nxdomain'\n";
    let squint = squint(&tree, &format!("{route}{rule}"));
    let check = |name: &str, status: &str, expected: &[&str]| {
        let got = ask(squint.address, name, "A", &["+dnssec"]);
        let data: Vec<&str> =
            got.answer.iter().filter(|it| it.rtype == "A").map(|it| &it.data[..]).collect();
        assert_eq!((got.status.as_str(), &data[..]), (status, expected), "{got:?}");
        assert!(!got.has_flag("ad"), "{got:?}");
        got
    };
    // Under a route, under a negative anchor, by an alias as well.
    check("www.neg.example", "NOERROR", &["192.0.2.43"]);
    check("toneg.example", "NOERROR", &["192.0.2.43"]);
    // A route's upstream judges for itself, and is believed.
    check("www.forged.example", "SERVFAIL", &[]);
    // Its AD is its own word, its signatures are the zone's.
    let got = check("www.nsec3.example", "NOERROR", &["192.0.2.21"]);
    assert!(got.answer.iter().any(|it| it.rtype == "RRSIG"), "{got:?}");
    // What is made here is never signed.
    for (name, status, data) in
        [("other.example", "NOERROR", &["0.0.0.0"][..]), ("www.example", "NXDOMAIN", &[])]
    {
        let got = check(name, status, data);
        let all = got.answer.iter().chain(&got.authority);
        assert!(all.clone().all(|it| it.rtype != "RRSIG" && it.rtype != "NSEC"), "{got:?}");
    }
}

#[test]
fn anchors_and_exceptions_are_read_again() {
    let tree = Tree::start();
    let squint = squint(&tree, "");
    let status = |name: &str| ask(squint.address, name, "A", &["+dnssec"]).status;
    assert_eq!(status("www.stripped.example"), "SERVFAIL");
    let config = CONFIG.replace("neg.example", "stripped.example");
    squint.data.write_config(&config);
    wait_until("the exception holds", || status("www.stripped.example") == "NOERROR");

    // Another root's key, and nothing is authentic any more.
    squint.data.write("anchors.new", &format!(". IN DS 1 13 2 {}\n", "ab".repeat(32)));
    std::fs::rename(squint.data.path().join("anchors.new"), squint.data.path().join("anchors"))
        .unwrap();
    wait_until("the other anchor holds", || status("www.example") == "SERVFAIL");
    squint.data.write_config("");
    wait_until("validation is off", || status("www.example") == "NOERROR");
}

#[test]
fn without_validation_the_upstreams_word_passes() {
    let tree = Tree::start();
    let squint = Squint::start(tree.unbound, "");
    for (name, status, authentic) in [
        ("www.example", "NOERROR", true),
        ("www.insecure.example", "NOERROR", false),
        ("www.forged.example", "SERVFAIL", false),
    ] {
        let got = ask(squint.address, name, "A", &["+dnssec"]);
        assert_eq!((got.status.as_str(), got.has_flag("ad")), (status, authentic), "{got:?}");
    }
    let got = ask(squint.address, "www.forged.example", "A", &[]);
    assert_eq!(codes(&got).len(), 1, "the upstream's error, once: {got:?}");
}

//! What becomes of names that deceive, stand on a platform or on a list.

use crate::support::{Data, Knot, Response, Squint, ask_all};
use serde_json::Value;

const ENFORCE: &str = r#"
[lookalike]
mode = "enforce"
[platform]
mode = "enforce"
allow = ["ourcompany.netlify.app"]
[sinkhole]
ipv4 = "192.0.2.200"
ipv6 = "2001:db8::200"
"#;

/// The TTL and MINIMUM of the SOA in a made-up negative answer.
fn soa(response: &Response) -> (&str, u32, u32) {
    let [soa] = &response.authority[..] else { panic!("one SOA expected: {response:?}") };
    assert_eq!(soa.rtype, "SOA");
    let minimum = soa.data.rsplit(' ').next().unwrap().parse().unwrap();
    (&soa.owner, soa.ttl, minimum)
}

#[test]
fn a_lookalike_meets_the_sinkhole() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, ENFORCE);
    let check = |rtype: &str, expected: &[&str]| {
        for options in [&[][..], &["+tcp"]] {
            let response = squint.dig("rnicrosoft.com", rtype).with(options).ask();
            assert_eq!((response.status.as_str(), response.data()), ("NOERROR", expected.to_vec()));
            assert!(!response.has_flag("ad"), "{response:?}");
            let [ede] = &response.ede[..] else { panic!("{response:?}") };
            assert!(ede.starts_with("4 (Forged Answer)") && ede.contains("microsoft.com"), "{ede}");
            match response.answer.first() {
                Some(record) => assert_eq!(record.ttl, 10),
                None => assert_eq!(soa(&response), ("rnicrosoft.com.", 10, 10)),
            }
        }
    };
    check("A", &["192.0.2.200"]);
    check("AAAA", &["2001:db8::200"]);
    check("HTTPS", &[]);
    check("SVCB", &[]);
    check("TXT", &[]);
    check("MX", &[]);
    let plain = squint.dig("rnicrosoft.com", "A").with(&["+noedns"]).ask();
    assert_eq!((plain.data(), plain.has_edns), (vec!["192.0.2.200"], false));
    let (_, events) = squint.stop();
    let event = events.iter().find(|it| it["record_type"] == "AAAA").unwrap();
    for (field, expected) in [("action", "sinkhole"), ("applied", "sinkhole"), ("mode", "enforce")]
    {
        assert_eq!(event[field], expected, "{event}");
    }
    assert_eq!(event["reasons"][0]["source"], "lookalike");
    assert_eq!(event["reasons"][0]["target"], "microsoft.com");
    assert!(event["score"].as_u64().unwrap() >= 80, "{event}");
}

#[test]
fn a_lookalike_is_only_logged_at_first() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let response = squint.ask("rnicrosoft.com", "A");
    assert_eq!((response.data(), response.ede.len()), (vec!["192.0.2.99"], 0));
    let event = squint.stop_and_find("rnicrosoft.com", "A");
    for (field, expected) in [("action", "sinkhole"), ("applied", "log"), ("mode", "monitor")] {
        assert_eq!(event[field], expected, "{event}");
    }
    assert_eq!(event["answers"], serde_json::json!(["192.0.2.99"]));
}

#[test]
fn tenants_are_logged_and_allowed() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, ENFORCE);
    for name in ["some-shop.netlify.app", "ourcompany.netlify.app", "netlify.app"] {
        assert_eq!(squint.ask(name, "A").data(), ["192.0.2.99"], "{name}");
    }
    let (_, events) = squint.stop();
    let check = |name: &str, applied: &str, platform: &str, tenant: &str, reasons: usize| {
        let event = events.iter().find(|it| it["query"] == name).unwrap();
        assert_eq!(event["applied"], applied, "{event}");
        assert_eq!(
            (&event["platform"], &event["tenant"]),
            (&platform.into(), &tenant.into()),
            "{event}"
        );
        let active = event["reasons"].as_array().unwrap();
        assert_eq!(
            active.iter().filter(|it| it["overridden"] == false).count(),
            reasons,
            "{event}"
        );
    };
    check("some-shop.netlify.app", "log", "netlify.app", "some-shop.netlify.app", 1);
    check("ourcompany.netlify.app", "pass", "netlify.app", "ourcompany.netlify.app", 0);
    check("netlify.app", "pass", "netlify.app", "", 0);
}

fn with_lists(knot: &Knot, more: &str) -> Squint {
    let data = Data::new();
    data.write("hosts.txt", "# a comment\n127.0.0.1 localhost\n0.0.0.0 hosts-listed.example\n");
    data.write("plain.txt", "listed.example\npaypal-login.top\n");
    data.write("nodata.txt", "nodata.example\n");
    data.write("refused.txt", "refused.example\n");
    data.write("drop.txt", "drop.example\n");
    data.write("allow.txt", "rnicrosoft.com\nfine.listed.example\n");
    let mut config = format!("{ENFORCE}\n{more}\n");
    for (name, kind, action) in [
        ("hosts", "block", "nxdomain"),
        ("refused", "block", "refused"),
        ("plain", "block", "nxdomain"),
        ("nodata", "block", "nodata"),
        ("drop", "block", "drop"),
    ] {
        let path = data.path().join(format!("{name}.txt"));
        config += &format!(
            "[[list]]\nname = \"{name}\"\npath = {path:?}\nkind = \"{kind}\"\naction = \"{action}\"\n"
        );
    }
    let path = data.path().join("allow.txt");
    config += &format!("[[list]]\nname = \"allowed\"\npath = {path:?}\nkind = \"allow\"\n");
    data.write_config(&config);
    Squint::start_in(data, knot.address)
}

#[test]
fn lists_are_obeyed() {
    let knot = Knot::start();
    let squint = with_lists(&knot, "");
    let check = |name: &str, status: &str, owner: &str, code: &str| {
        for options in [&[][..], &["+tcp"]] {
            let response = squint.dig(name, "A").with(options).ask();
            assert_eq!((response.status.as_str(), response.answer.len()), (status, 0), "{name}");
            if !owner.is_empty() {
                assert_eq!(soa(&response), (owner, 10, 10), "{name}");
            }
            let [ede] = &response.ede[..] else { panic!("{name}: {response:?}") };
            assert!(ede.starts_with(code), "{name}: {ede}");
            assert!(!response.has_flag("ad"), "{response:?}");
        }
    };
    check("hosts-listed.example", "NXDOMAIN", "hosts-listed.example.", "15 (Blocked)");
    check("listed.example", "NXDOMAIN", "listed.example.", "15 (Blocked)");
    check("a.b.listed.example", "NXDOMAIN", "listed.example.", "15 (Blocked)");
    check("nodata.example", "NOERROR", "nodata.example.", "15 (Blocked)");
    check("x.refused.example", "REFUSED", "", "15 (Blocked)");
    let silent = squint.dig("drop.example", "A").ask_in_vain();
    assert_eq!(silent.code, Some(9), "{silent:?}");
    for name in ["notlisted.example", "rnicrosoft.com"] {
        assert_eq!(squint.ask(name, "A").data(), ["192.0.2.99"], "{name}");
    }
    assert_eq!(squint.ask("paypal-login.top", "A").status, "NXDOMAIN");
    let (_, events) = squint.stop();
    let find = |name: &str| events.iter().find(|it| it["query"] == name).unwrap();
    let event = find("a.b.listed.example");
    assert_eq!(
        (&event["rule"], &event["rcode"]),
        (&"plain:1".into(), &"NXDOMAIN".into()),
        "{event}"
    );
    assert_eq!(event["reasons"][0]["source"], "list");
    // The list decides at once, and what else there is to say of the name stands in its event all the same.
    let event = find("paypal-login.top");
    let told = |at: usize| (&event["reasons"][at]["source"], &event["reasons"][at]["overridden"]);
    assert_eq!(told(0), (&"list".into(), &false.into()), "{event}");
    assert_eq!(told(1), (&"lookalike".into(), &true.into()), "{event}");
    let event = find("rnicrosoft.com");
    assert_eq!(
        (&event["applied"], &event["rule"]),
        (&"pass".into(), &"allowed:1".into()),
        "{event}"
    );
    assert_eq!(find("drop.example")["applied"], "drop");
}

#[test]
fn made_up_answers_have_the_configured_ttl() {
    let knot = Knot::start();
    let data = Data::new();
    data.write("list.txt", "listed.example\n");
    let path = data.path().join("list.txt");
    data.write_config(&format!(
        "[sinkhole]\nttl_secs = 77\n[[list]]\nname = \"own\"\npath = {path:?}\nkind = \"block\"\naction = \"nxdomain\"\n"
    ));
    let squint = Squint::start_in(data, knot.address);
    assert_eq!(soa(&squint.ask("www.listed.example", "A")), ("listed.example.", 77, 77));
}

#[test]
fn ordinary_names_are_left_alone() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, ENFORCE);
    for name in [
        "tsa.gov",
        "mtb.com",
        "ual.com",
        "cibc.com",
        "tuta.com",
        "vercel-dns-013.com",
        "amazon.com.edgekey.net",
        "paypal.com._report._dmarc.agari.com",
        "www.microsoft.com",
        "paypal.com",
    ] {
        let response = squint.ask(name, "A");
        assert_eq!((response.data(), response.ede.len()), (vec!["192.0.2.99"], 0), "{name}");
    }
}

#[test]
fn thousands_of_real_names_are_answered_and_none_is_blocked() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, ENFORCE);
    let names: Vec<&str> = include_str!("../data/popular-names.txt")
        .lines()
        .filter(|it| !it.starts_with('#'))
        .collect();
    assert!(names.len() >= 3_000);
    let responses = ask_all(squint.address, &names);
    for (name, (rcode, answers)) in names.iter().zip(responses) {
        assert_eq!((rcode, answers), (0, 1), "{name}");
    }
    let (_, events) = squint.stop();
    assert_eq!(events.len(), names.len());
    let acted = |it: &&Value| it["applied"] != "pass" && it["applied"] != "log";
    let blocked: Vec<&Value> = events.iter().filter(acted).map(|it| &it["query"]).collect();
    assert!(blocked.is_empty(), "{blocked:?}");
}

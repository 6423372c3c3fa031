//! `squint check`: what it says of names, to people and to programs.

use crate::support::{Process, binary, run, squint};
use serde_json::Value;
use std::{io::Write as _, process::Command};

const FIELDS: [&str; 10] = [
    "query",
    "unicode",
    "registrable",
    "action",
    "applied",
    "mode",
    "score",
    "platform",
    "tenant",
    "reasons",
];
const REASON_FIELDS: [&str; 9] =
    ["source", "technique", "target", "matched", "score", "shares", "why", "overridden", "attack"];

/// The one object that `--json` prints for `name`.
fn verdict(name: &str) -> Value {
    let done = squint(&["check", "--json", name], "");
    assert!(matches!(done.code, Some(0 | 1)), "{name}: {done:?}");
    assert_eq!(done.stdout.lines().count(), 1, "{name}: {done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn lookalikes_are_found() {
    let check = |name: &str, target: &str, technique: &str| {
        let found = verdict(name);
        assert_eq!(found["action"], "sinkhole", "{found:#}");
        let reason = &found["reasons"][0];
        assert_eq!(
            (&reason["target"], &reason["technique"]),
            (&target.into(), &technique.into()),
            "{found:#}"
        );
        let why = reason["why"].as_str().unwrap();
        assert!(why.contains(target), "{why}");
    };
    check("xn--80ak6aa92e.com", "apple.com", "homograph");
    check("rnicrosoft.com", "microsoft.com", "homograph");
    check("paypal-login.top", "paypal.com", "combo");
    check("usps.com-track.top", "usps.com", "embedding");
}

#[test]
fn platforms_are_named() {
    let check = |name: &str, platform: &str, tenant: &str| {
        let found = verdict(name);
        assert_eq!(found["action"], "log", "{found:#}");
        assert_eq!(
            (&found["platform"], &found["tenant"]),
            (&platform.into(), &tenant.into()),
            "{found:#}"
        );
        assert!(!found["reasons"][0]["why"].as_str().unwrap().is_empty());
    };
    check("bit.ly", "bit.ly", "");
    check("ow.ly", "ow.ly", "");
    check("some-shop.netlify.app", "netlify.app", "some-shop.netlify.app");
    check("some-shop.vercel.app", "vercel.app", "some-shop.vercel.app");
    check("some-shop.azurewebsites.net", "azurewebsites.net", "some-shop.azurewebsites.net");
    let found =
        verdict("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dweb.link");
    assert_eq!(
        (&found["action"], &found["reasons"][0]["source"]),
        (&"log".into(), &"platform".into())
    );
}

#[test]
fn honest_names_are_left_alone() {
    for name in [
        "tsa.gov",
        "mtb.com",
        "ual.com",
        "cibc.com",
        "tuta.com",
        "vercel-dns-013.com",
        "amazon.com.edgekey.net",
        "paypal.com.fritz.box",
        "paypal.com._report._dmarc.agari.com",
        "www.paypal.com",
        "example.com",
        "a.b.c",
    ] {
        let found = verdict(name);
        assert_eq!(
            (&found["action"], &found["applied"]),
            (&"pass".into(), &"pass".into()),
            "{found:#}"
        );
        assert_eq!(found["reasons"], serde_json::json!([]), "{found:#}");
    }
}

#[test]
fn a_verdict_has_every_field_in_order() {
    let done = squint(&["check", "--json", "rnicrosoft.com", "example.com"], "");
    for line in done.stdout.lines() {
        let found: Value = serde_json::from_str(line).unwrap();
        let object = found.as_object().unwrap();
        assert_eq!(object.len(), FIELDS.len(), "{line}");
        let mut at = 0;
        for field in FIELDS {
            let place =
                line.find(&format!("\"{field}\":")).unwrap_or_else(|| panic!("no {field}: {line}"));
            assert!(place >= at, "{field} is out of place: {line}");
            at = place;
            assert!(!object[field].is_null(), "{line}");
        }
        for reason in found["reasons"].as_array().unwrap() {
            let reason = reason.as_object().unwrap();
            assert_eq!(reason.len(), REASON_FIELDS.len(), "{line}");
            assert!(REASON_FIELDS.iter().all(|&it| !reason[it].is_null()), "{line}");
            let shares = reason["shares"].as_object().unwrap().values();
            let sum: i64 = shares.map(|it| it.as_i64().unwrap()).sum();
            assert_eq!(reason["score"], sum, "{line}");
        }
    }
}

#[test]
fn names_are_taken_in_every_form() {
    let check = |input: &str, query: &str, unicode: &str| {
        let found = verdict(input);
        assert_eq!(
            (&found["query"], &found["unicode"]),
            (&query.into(), &unicode.into()),
            "{input}"
        );
    };
    check("paypa1[.]com", "paypa1.com", "paypa1.com");
    check("hxxps://paypa1[.]com/login?x=1", "paypa1.com", "paypa1.com");
    check("PayPa1.COM.", "paypa1.com", "paypa1.com");
    check("аррӏе.com", "xn--80ak6aa92e.com", "аррӏе.com");
    check("xn--80ak6aa92e.com", "xn--80ak6aa92e.com", "аррӏе.com");
}

#[test]
fn the_exit_code_tells_what_was_found() {
    let check = |args: &[&str], input: &str, expected: i32| {
        let done = squint(&[&["check"], args].concat(), input);
        assert_eq!(done.code, Some(expected), "{args:?} {input:?}: {done:?}");
    };
    check(&["example.com"], "", 0);
    check(&["bit.ly"], "", 0);
    check(&["--fail-on", "log", "bit.ly"], "", 1);
    check(&["--fail-on", "log", "example.com"], "", 0);
    check(&["example.com", "rnicrosoft.com"], "", 1);
    check(&[], "example.com\n", 0);
    check(&[], "example.com\nrnicrosoft.com\n", 1);
    check(&["--json"], "rnicrosoft.com\na..b\n", 2);
    check(&["a..b"], "", 2);
}

#[test]
fn bad_input_is_named_by_line_and_the_rest_goes_on() {
    let done = squint(&["check", "--json"], "example.com\nno..name\nbad name here\nrnicrosoft.com");
    assert_eq!(done.code, Some(2));
    assert_eq!(done.stdout.lines().count(), 2, "{done:?}");
    for expected in ["2", "no..name", "3"] {
        assert!(done.stderr.contains(expected), "`{expected}` is missing\n{}", done.stderr);
    }
}

#[test]
fn people_read_why_and_how_to_silence_it() {
    let done = squint(&["check", "rnicrosoft.com", "some-shop.netlify.app", "paypa1.com"], "");
    assert!(!done.stdout.contains('\x1b'), "colour without a terminal: {done:?}");
    for expected in [
        "would sinkhole rnicrosoft.com",
        "`rnicrosoft.com` reads as `microsoft.com`: `rn` for m",
        "    100 = fold-whole 69 + start 28 ",
        "to silence: [[rule]]\n                name = \"rnicrosoft.com\"\n                action = \"pass\"\n",
        "to silence: [platform] allow = [\"some-shop.netlify.app\"]",
        "owned by PayPal",
    ] {
        assert!(done.stdout.contains(expected), "`{expected}` is missing\n{}", done.stdout);
    }
}

#[test]
fn names_from_standard_input_are_judged_as_they_come() {
    let (process, mut input) = Process::start_with_input(binary().args(["check", "--json"]));
    for name in ["rnicrosoft.com", "example.com"] {
        writeln!(input, "{name}").unwrap();
        input.flush().unwrap();
        let line = process.wait_for_line(|it| it.contains(name));
        assert!(line.is_some(), "{}", process.stderr());
    }
    drop(input);
    assert_eq!(process.wait().code, Some(1));
}

#[test]
fn a_reader_that_leaves_is_no_fault() {
    let script = "yes rnicrosoft.com | head -n 5000 | \"$0\" check --json | head -n 1";
    let done = run(Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_squint")]), "");
    assert_eq!(done.stdout.lines().count(), 1, "{done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
}

#[test]
fn a_config_is_obeyed() {
    let data = crate::support::Data::new();
    data.write("list.txt", "listed.example\n");
    let path = data.path().join("list.txt");
    data.write_config(&format!(
        "[lookalike]\nmode = \"enforce\"\n[protect]\ndomains = [\"squint-dns.example\"]\nowned = [\"rnicrosoft.com\"]\n\
         [platform]\nallow = [\"some-shop.netlify.app\"]\n\
         [[list]]\nname = \"own\"\npath = {path:?}\nkind = \"block\"\naction = \"nxdomain\"\n"
    ));
    let config = data.config().display().to_string();
    let check = |name: &str, action: &str, applied: &str| {
        let done = squint(&["check", "--config", &config, "--json", name], "");
        let found: Value =
            serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
        assert_eq!(
            (&found["action"], &found["applied"]),
            (&action.into(), &applied.into()),
            "{found:#}"
        );
    };
    check("rnicrosoft.com", "pass", "pass");
    check("paypal-login.top", "sinkhole", "sinkhole");
    check("squint-dns-login.example", "sinkhole", "sinkhole");
    check("some-shop.netlify.app", "pass", "pass");
    check("www.listed.example", "nxdomain", "nxdomain");
}

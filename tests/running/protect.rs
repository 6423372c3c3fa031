//! `squint protect`: proposals ready to paste, and what protecting a domain would flag.

use crate::support::{Data, squint};

#[test]
fn proposals_are_a_configuration() {
    let data = Data::new();
    data.write_config("[protect]\ndomains = [\"held-before.net\"]\n");
    let config = data.config().display().to_string();
    let names = "www.wikipedia.org\nvpn.our-widgets.net\nowa.our-widgets.net\nmail.our-widgets.net\nno..name\n";
    let done = squint(&["protect", "suggest", "--config", &config], names);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("3 hosts in 3 names, among them owa, vpn, mail"), "{done:?}");
    assert!(done.stderr.contains("left out: 1"), "{done:?}");
    data.write_config(&done.stdout);
    let checked = squint(&["config", "check", &config], "");
    let expected = "domains = [\"held-before.net\", \"our-widgets.net\"]";
    assert!(checked.stdout.contains(expected), "{checked:?}");
}

/// Names are judged as a configuration says, one a line; the technique and target of the first reason.
fn judged(data: &Data, names: &[&str]) -> Vec<(String, String)> {
    let config = data.config().display().to_string();
    let args = [&["check", "--json", "--config", &config], names].concat();
    let done = squint(&args, "");
    let text = |it: &serde_json::Value| it.as_str().unwrap_or("").to_owned();
    let line = |it: &str| {
        let found: serde_json::Value = serde_json::from_str(it).unwrap();
        let first = &found["reasons"][0];
        (text(&first["technique"]), text(&first["target"]))
    };
    done.stdout.lines().map(line).collect()
}

#[test]
fn own_domains_are_protected_as_configured() {
    let data = Data::new();
    let check = |config: &str, cases: &[(&str, &str, &str)]| {
        data.write_config(config);
        let names: Vec<&str> = cases.iter().map(|it| it.0).collect();
        let got = judged(&data, &names);
        for ((name, technique, target), got) in cases.iter().zip(got) {
            assert_eq!((&*got.0, &*got.1), (*technique, *target), "{name}");
        }
    };
    let own = "contoso-widgets.com";
    check(
        "[protect]\ndomains = [\"contoso-widgets.com\", \"nova.com\", \"acmewidgetry.com\"]\n",
        &[
            ("contoso-widgest.com", "typo", own),
            ("contosowidgets.com", "hyphen", own),
            ("con-tosowidgets.com", "hyphen", own),
            ("contosowidgets-login.com", "combo", own),
            ("contoso-widgets.co.uk", "tld-swap", own),
            ("wwwcontoso-widgets.com", "doppelganger", own),
            ("novalogin.com", "combo", "nova.com"),
            ("nova-shop.com", "combo", "nova.com"),
            ("nova.net", "tld-swap", "nova.com"),
            ("acmewidgetry.co", "tld-swap", "acmewidgetry.com"),
            ("nvoa.com", "", ""),
            ("novartis.com", "", ""),
            ("supernova.com", "", ""),
            ("www.contoso-widgets.com", "", ""),
        ],
    );
    check(
        "[protect]\ndomains = [\"nova.com\"]\ntypos = [\"nova.com\"]\n",
        &[("nvoa.com", "typo", "nova.com"), ("novartis.com", "", "")],
    );
}

#[test]
fn typos_are_asked_for_of_protected_domains() {
    let data = Data::new();
    data.write_config("[protect]\ntypos = [\"nova.com\"]\n");
    let done = squint(&["config", "check", data.config().to_str().unwrap()], "");
    assert_eq!(done.code, Some(2), "{done:?}");
    for expected in ["config.toml:2:10: protect.typos", "none of your `domains`", "hint: add it"] {
        assert!(done.stderr.contains(expected), "`{expected}` is missing\n{}", done.stderr);
    }
}

#[test]
fn nothing_is_proposed_without_evidence() {
    let done = squint(&["protect", "suggest"], "www.wikipedia.org\nwww.our-widgets.net\n");
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{done:?}");
    assert!(done.stderr.contains("no domain"), "{done:?}");
}

#[test]
fn a_domain_is_tried_before_it_is_protected() {
    let data = Data::new();
    data.write(
        "names.txt",
        "squint-dns-login.top\nsquint-dns.net.evil.top\nwww.example.com\nbad..\n",
    );
    let file = data.path().join("names.txt").display().to_string();
    let done = squint(&["protect", "try", "squint-dns.net", &file], "");
    assert_eq!(done.code, Some(0), "{done:?}");
    for expected in
        ["would flag 0 of", "2 of your 3 names", "combo", "embedding", "squint-dns-login.top"]
    {
        assert!(done.stdout.contains(expected), "`{expected}` is missing\n{}", done.stdout);
    }
    assert!(done.stderr.contains("left out: 1"), "{done:?}");
    let known = squint(&["protect", "try", "wlkipedia.org"], "");
    assert!(known.stdout.contains("wikipedia.org"), "{known:?}");
    let piped = squint(&["protect", "try", "squint-dns.net", "-"], "squint-dns-login.top\n");
    assert!(piped.stdout.contains("1 of your 1 names"), "{piped:?}");
}

#[test]
fn a_domain_that_nobody_owns_cannot_be_tried() {
    for name in ["co.uk", "*.example.com", "a b"] {
        let done = squint(&["protect", "try", name], "");
        assert_eq!(done.code, Some(2), "{name}: {done:?}");
        assert!(done.stderr.contains("error"), "{done:?}");
    }
    let done = squint(&["protect", "try", "squint-dns.net", "/nonexistent/names"], "");
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stderr.contains("/nonexistent/names"), "{done:?}");
}

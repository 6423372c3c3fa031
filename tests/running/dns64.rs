//! DNS64 in front of a tree of signed and unsigned zones (RFC 6147).

use crate::support::{Data, Dig, Response, Squint, Tree, wait_until};

const OWN: &str = "[dns64]\nprefix = '2001:db8:64::/96'\n";

fn addresses(response: &Response) -> Vec<&str> {
    let mut found: Vec<&str> =
        response.answer.iter().filter(|it| it.rtype == "AAAA").map(|it| &it.data[..]).collect();
    found.sort_unstable();
    found
}

fn validating(tree: &Tree, more: &str) -> Squint {
    let data = Data::new();
    data.write("anchors", &tree.anchors);
    data.write_config(&format!("[dnssec]\nvalidate = true\ntrust_anchors = 'anchors'\n{more}"));
    Squint::start_in(data, tree.unbound)
}

#[test]
fn names_without_ipv6_addresses_get_some() {
    let tree = Tree::start();
    let rules = "[[rule]]\nname = 'v4.example'\naction = 'sinkhole'\n";
    for squint in [
        Squint::start(tree.unbound, &format!("{OWN}{rules}")),
        validating(&tree, &format!("{OWN}{rules}")),
    ] {
        let check = |name: &str, options: &[&str], status: &str, expected: &[&str]| {
            let got = squint.dig(name, "AAAA").with(options).ask();
            assert_eq!(
                (&got.status[..], &addresses(&got)[..]),
                (status, expected),
                "{name} {got:?}"
            );
            if expected.iter().any(|it| it.starts_with("2001:db8:64:")) {
                let signed = got.answer.iter().any(|it| it.rtype == "RRSIG");
                assert!(!got.has_flag("ad") && !signed, "{got:?}");
            }
            got
        };
        for _ in 0..2 {
            // RFC 6147 section 5.1.
            check("www.insecure.example", &[], "NOERROR", &["2001:db8:64::c000:229"]);
            check("www.nsec3.example", &["+dnssec"], "NOERROR", &["2001:db8:64::c000:215"]);
            check("x.wild.example", &[], "NOERROR", &["2001:db8:64::c000:20c"]);
            // What is there is there.
            check("www.example", &[], "NOERROR", &["2001:db8::11"]);
            check("bare.example", &[], "NOERROR", &["2001:db8::12"]);
            check("nothing.example", &[], "NXDOMAIN", &[]);
            check("mixed.example", &[], "NOERROR", &[]);
            // Section 5.1.5: behind an alias, in another zone.
            let alias = check("toplain.example", &[], "NOERROR", &["2001:db8:64::c000:229"]);
            assert_eq!(alias.answer[0].rtype, "CNAME");
            // Section 5.1.7: no longer than there is no real address, 60 seconds by the zone's SOA.
            let ttl = alias.answer.iter().map(|it| it.ttl).max();
            assert!(ttl.is_some_and(|it| it <= 60), "{alias:?}");
            // Section 5.5: whoever checks for himself makes his own.
            check("www.insecure.example", &["+dnssec", "+cdflag"], "NOERROR", &[]);
            check("www.insecure.example", &["+cdflag"], "NOERROR", &["2001:db8:64::c000:229"]);
            // What a filter says of an IPv4 address is no address; policy has its own.
            check("zero.example", &[], "NOERROR", &[]);
            check("v4.example", &[], "NOERROR", &["::"]);
            check("www.forged.example", &[], "SERVFAIL", &[]);
        }
        let mail = squint.ask("mixed.example", "MX");
        assert_eq!(mail.data(), ["10 www.example."]);
    }
}

#[test]
fn made_up_addresses_have_names() {
    let tree = Tree::start();
    let squint = Squint::start(tree.unbound, OWN);
    let reverse = |name: &str| {
        let zone = "0.0.0.0.0.0.0.0.0.0.0.0.4.6.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        squint.ask(&format!("{name}{zone}"), "PTR")
    };
    // RFC 6147 section 5.3.1: 198.18.100.7 in the tree, 10.0.0.1 in the zones that never leave.
    let known = reverse("7.0.4.6.2.1.6.c.");
    assert_eq!(known.data(), ["7.100.18.198.in-addr.arpa.", "host.example."], "{known:?}");
    let private = reverse("1.0.0.0.0.0.a.0.");
    assert_eq!((&private.status[..], private.data()), ("NXDOMAIN", vec!["1.0.0.10.in-addr.arpa."]));
    assert_eq!(private.authority[0].rtype, "SOA");
    assert_eq!(reverse("0.").status, "NXDOMAIN");
    assert_eq!(reverse("").status, "NOERROR");
    let other = Dig::new(squint.address, "1.0.0.2.ip6.arpa", "PTR").ask();
    assert_ne!(other.answer.len(), 2);

    // RFC 7050 section 3, RFC 8880 section 7.1.
    assert_eq!(squint.ask("ipv4only.arpa", "A").data(), ["192.0.0.170", "192.0.0.171"]);
    let made = ["2001:db8:64::c000:aa", "2001:db8:64::c000:ab"];
    assert_eq!(squint.ask("ipv4only.arpa", "AAAA").data(), made);
    assert_eq!(squint.ask("ipv4only.arpa", "TXT").status, "NOERROR");
    assert_eq!(squint.ask("x.ipv4only.arpa", "AAAA").status, "NXDOMAIN");
}

#[test]
fn another_prefix_holds_at_once() {
    let tree = Tree::start();
    let squint = Squint::start(tree.unbound, OWN);
    let made = || addresses(&squint.ask("www.insecure.example", "AAAA")).join(" ");
    assert_eq!(made(), "2001:db8:64::c000:229");
    squint.data.write_config("[dns64]\nprefix = '2001:db8:122:344::/64'\n");
    wait_until("the new prefix holds", || made() == "2001:db8:122:344:c0:2:2900:0");
    let known = squint.ask("ipv4only.arpa", "AAAA");
    assert_eq!(known.data(), ["2001:db8:122:344:c0:0:aa00:0", "2001:db8:122:344:c0:0:ab00:0"]);
    squint.data.write_config("[dns64]\nprefix = '64:ff9b::/96'\nexclude = ['2001:db8::/112']\n");
    wait_until("the well-known prefix holds", || made() == "64:ff9b::c000:229");
    assert_eq!(squint.ask("bare.example", "AAAA").data(), [""; 0], "excluded");
    squint.data.write_config("");
    wait_until("it is off", || squint.ask("ipv4only.arpa", "AAAA").data().is_empty());
    assert_eq!(squint.ask("bare.example", "AAAA").data(), ["2001:db8::12"]);
}

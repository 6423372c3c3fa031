//! Which names leave, by which way, and what is answered here.

use crate::support::{
    Data, Knot, Message, Process, Scripted, Squint, binary, free_port, run, squint, wait_until,
};
use std::{net::SocketAddr, process::Command};

/// An upstream that knows an address for every name.
fn upstream() -> Scripted {
    Scripted::start(|_, query| Some(query.reply()))
}

#[test]
fn special_use_names_never_leave() {
    let upstream = upstream();
    let squint = Squint::start(upstream.address, "");
    let check = |name: &str, rtype: &str, status: &str, expected: &[&str]| {
        for options in
            [&[][..], &["+tcp"], &["+dnssec"], &["+cdflag"], &["+norecurse"], &["+noedns"]]
        {
            let response = squint.dig(name, rtype).with(options).ask();
            assert_eq!(response.status, status, "{name} {rtype} {options:?}");
            assert_eq!(response.data(), expected, "{name} {rtype} {options:?}");
            if expected.is_empty() {
                let [soa] = &response.authority[..] else { panic!("{name} {rtype}: {response:?}") };
                // What designates encrypted listeners may change with the certificate.
                let ttl_secs = if name.ends_with("resolver.arpa") { 300 } else { 10_800 };
                assert_eq!(
                    (soa.rtype.as_str(), soa.ttl > ttl_secs - 100),
                    ("SOA", true),
                    "{soa:?}"
                );
            }
        }
    };
    // RFC 6761 section 6.3
    check("localhost", "A", "NOERROR", &["127.0.0.1"]);
    check("a.b.localhost", "AAAA", "NOERROR", &["::1"]);
    check("localhost", "MX", "NOERROR", &[]);
    for (name, _rfc) in [
        ("www.test", "6761 section 6.2"),
        ("www.invalid", "6761 section 6.4"),
        ("printer.local", "6762 section 22.1"),
        ("abcdefghijklmnop.onion", "7686 section 2"),
        ("router.home.arpa", "8375 section 4"),
        ("name.alt", "9476 section 2"),
        ("x.default.service.arpa", "9665 section 10.1"),
        ("use-application-dns.net", ""),
        ("mask.icloud.com", ""),
        ("mask-h2.icloud.com", ""),
    ] {
        for rtype in ["A", "HTTPS", "TXT", "TYPE65280"] {
            check(name, rtype, "NXDOMAIN", &[]);
        }
    }
    // RFC 9462 section 4
    check("_dns.resolver.arpa", "SVCB", "NOERROR", &[]);
    check("resolver.arpa", "A", "NOERROR", &[]);
    // RFC 6303 section 4, RFC 7793
    for name in [
        "1.0.0.10.in-addr.arpa",
        "1.1.16.172.in-addr.arpa",
        "1.255.31.172.in-addr.arpa",
        "1.1.168.192.in-addr.arpa",
        "1.1.254.169.in-addr.arpa",
        "1.1.64.100.in-addr.arpa",
        "1.1.127.100.in-addr.arpa",
        "1.0.0.0.in-addr.arpa",
        "9.0.0.127.in-addr.arpa",
        "1.2.0.192.in-addr.arpa",
        "1.100.51.198.in-addr.arpa",
        "1.113.0.203.in-addr.arpa",
        "1.0.d.f.ip6.arpa",
        "1.0.8.e.f.ip6.arpa",
        "1.b.e.f.ip6.arpa",
        "1.8.b.d.0.1.0.0.2.ip6.arpa",
    ] {
        check(name, "PTR", "NXDOMAIN", &[]);
    }
    check("1.0.0.127.in-addr.arpa", "PTR", "NOERROR", &["localhost."]);
    let loopback = format!("1.{}ip6.arpa", "0.".repeat(31));
    check(&loopback, "PTR", "NOERROR", &["localhost."]);
    check("10.in-addr.arpa", "NS", "NOERROR", &["10.in-addr.arpa."]);
    check("home.arpa", "SOA", "NOERROR", &["home.arpa. nobody.invalid. 1 3600 1200 604800 10800"]);
    assert_eq!(upstream.heard(), [""; 0]);
}

#[test]
fn those_who_may_go_around_are_let_through() {
    let upstream = upstream();
    let squint =
        Squint::start(upstream.address, "[server]\nfirefox_doh = true\nprivate_relay = true\n");
    for name in ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"] {
        assert_eq!(squint.ask(name, "A").data(), ["192.0.2.1"], "{name}");
        assert_eq!(upstream.count(name), 1);
    }
}

#[test]
fn queries_about_the_server_and_without_recursion_are_refused() {
    let upstream = upstream();
    let squint = Squint::start(upstream.address, "");
    squint.ask("www.example", "A");
    for transport in ["+notcp", "+tcp"] {
        for name in ["version.bind", "version.server", "id.server", "hostname.bind", "authors.bind"]
        {
            let response = squint.dig(name, "TXT").with(&["-c", "CH", transport]).ask();
            assert_eq!((response.status.as_str(), response.data().len()), ("REFUSED", 0), "{name}");
        }
        for name in ["www.example", "new.example"] {
            let response = squint.dig(name, "A").with(&["+norecurse", transport]).ask();
            assert_eq!(response.status, "REFUSED", "{name}");
            assert!(response.ede[0].starts_with("20"), "{response:?}");
            assert!(response.has_flag("ra") && !response.has_flag("rd"), "{response:?}");
        }
        for rtype in ["AXFR", "IXFR=1"] {
            let done = run(
                Command::new("dig").args(squint.dig("example", rtype).with(&[transport]).args()),
                "",
            );
            assert!(!done.stdout.contains("192.0.2.1"), "{}", done.stdout);
        }
        let response = squint.dig("any.example", "ANY").with(&[transport]).ask();
        assert_eq!(response.data(), [r#""RFC8482" """#]);
    }
    assert_eq!(upstream.heard(), ["www.example"]);
}

#[test]
fn records_out_of_the_question_are_stripped() {
    let upstream = Scripted::start(|_, query| {
        let mut reply = query.reply();
        reply[7] = 2;
        reply.extend(
            b"\x04bank\x07example\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x42",
        );
        Some(reply)
    });
    let squint = Squint::start(upstream.address, "");
    for _ in 0..2 {
        assert_eq!(squint.ask("www.example", "A").data(), ["192.0.2.1"]);
    }
}

#[test]
fn a_stale_answer_is_given_at_once_after_a_failure() {
    let upstream = Scripted::start({
        let answered = std::sync::atomic::AtomicBool::new(false);
        move |_, query| match answered.swap(true, std::sync::atomic::Ordering::Relaxed) {
            false => {
                let mut reply = query.reply();
                let ttl = reply.len() - 7;
                reply[ttl] = 1;
                Some(reply)
            }
            true => Some(query.reply_with(2)),
        }
    });
    let squint = Squint::start(upstream.address, "");
    let is_stale = || squint.ask("www.example", "A").ede.iter().any(|it| it.starts_with("3 "));
    wait_until("the answer is stale", is_stale);
    let before = upstream.count("www.example");
    for _ in 0..20 {
        let response = squint.ask("www.example", "A");
        assert_eq!((response.data(), response.answer[0].ttl), (vec!["192.0.2.1"], 30));
    }
    assert_eq!(upstream.count("www.example"), before);
}

const DOMAIN: &str = r#"
$ORIGIN corp.local.
$TTL 600
@                        SOA   dc1 hostmaster 42 900 600 86400 3600
@                        NS    dc1
@                        A     10.0.0.1
dc1                      A     10.0.0.1
member                   A     10.0.0.77
_ldap._tcp.dc._msdcs     SRV   0 100 389 dc1
_kerberos._tcp           SRV   0 100 88 dc1
_ldap._tcp.Berlin._sites.dc._msdcs SRV 0 100 389 dc1
"#;

const REVERSE: &str = r#"
$ORIGIN 0.0.10.in-addr.arpa.
$TTL 600
@    SOA   dc1.corp.local. hostmaster.corp.local. 7 900 600 86400 3600
@    NS    dc1.corp.local.
77   PTR   member.corp.local.
"#;

#[test]
fn a_member_of_a_directory_finds_its_domain_through_a_route() {
    let directory = Knot::serving(&[("corp.local", DOMAIN), ("0.0.10.in-addr.arpa", REVERSE)]);
    let upstream = Scripted::start(|_, query| Some(query.reply_with(3)));
    let server = directory.address;
    let squint = Squint::start(
        upstream.address,
        &format!(
            "[upstream]\nprivate_reverse = [\"udp://{server}\"]\n[[route]]\nsuffix = \"corp.local\"\nservers = [\"udp://{server}\"]\n"
        ),
    );
    let check = |name: &str, rtype: &str, expected: &[&str]| {
        for options in [&[][..], &["+tcp"], &["+dnssec"]] {
            let response = squint.dig(name, rtype).with(options).ask();
            assert_eq!(response.status, "NOERROR", "{name} {rtype}");
            assert_eq!(response.data(), expected, "{name} {rtype}");
        }
    };
    check("_ldap._tcp.dc._msdcs.corp.local", "SRV", &["0 100 389 dc1.corp.local."]);
    check("_ldap._tcp.Berlin._sites.dc._msdcs.corp.local", "SRV", &["0 100 389 dc1.corp.local."]);
    check("_kerberos._tcp.CORP.LOCAL", "SRV", &["0 100 88 dc1.corp.local."]);
    check("corp.local", "A", &["10.0.0.1"]);
    check("77.0.0.10.in-addr.arpa", "PTR", &["member.corp.local."]);
    // What a member looks up before it registers itself: the zone's own SOA, from any name in it.
    let soa = "dc1.corp.local. hostmaster.corp.local. 42 900 600 86400 3600";
    check("corp.local", "SOA", &[soa]);
    let response = squint.ask("new-member.corp.local", "SOA");
    assert_eq!(
        (response.status.as_str(), response.authority[0].owner.as_str()),
        ("NXDOMAIN", "corp.local.")
    );
    assert_eq!(response.authority[0].data, soa);
    assert_eq!(upstream.heard(), [""; 0]);
    // A single label is a name like any other, and its neighbours under `local` stay here.
    assert_eq!(squint.ask("dc1", "A").status, "NXDOMAIN");
    assert_eq!(squint.ask("printer.local", "A").status, "NXDOMAIN");
    // The controller refuses to speak of other networks.
    assert_eq!(squint.ask("1.1.168.192.in-addr.arpa", "PTR").status, "SERVFAIL");
    assert_eq!(upstream.heard(), ["dc1"]);
}

#[test]
fn routes_follow_the_file() {
    let (general, own) = (
        upstream(),
        Scripted::start(|_, query| {
            let mut reply = query.reply();
            *reply.last_mut().unwrap() = 2;
            Some(reply)
        }),
    );
    let squint = Squint::start(general.address, "");
    let route =
        format!("[[route]]\nsuffix = \"corp.example\"\nservers = [\"udp://{}\"]\n", own.address);
    let is = |expected: &str| squint.ask("www.corp.example", "A").data() == [expected];
    assert!(is("192.0.2.1"));
    squint.data.write_config(&route);
    wait_until("the route is in effect, whatever is remembered", || is("192.0.2.2"));
    squint.data.write_config("");
    wait_until("the route is gone", || is("192.0.2.1"));
    assert_eq!(squint.ask("www.example", "A").data(), ["192.0.2.1"]);
    assert_eq!((general.count("www.corp.example"), own.count("www.corp.example")), (1, 1));
}

/// Starts it where the host has this `resolv.conf`, in a mount namespace of its own.
fn start_on_host(resolv_conf: &str, config: &str, extra: &[&str]) -> (Process, Data, SocketAddr) {
    let data = Data::new();
    data.write("resolv.conf", resolv_conf);
    data.write_config(config);
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let script = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(data.path().join("resolv.conf"));
    command
        .arg(binary().get_program())
        .args(["serve", "--listen", &address.to_string()])
        .args(extra);
    command.arg("--config").arg(data.config()).arg("--data-dir").arg(data.state());
    let process = Process::start(&mut command);
    let ready = process.wait_for_line(|it| it.starts_with("try: dig"));
    assert!(
        ready.is_some(),
        "this test needs root, to have an /etc/resolv.conf: {}",
        process.stderr()
    );
    (process, data, address)
}

#[test]
fn search_domains_of_the_host_are_routed_and_printed() {
    let (process, _data, _) =
        start_on_host("nameserver 10.0.0.53\nsearch corp.local lab.example\n", "", &[]);
    let told = process.stdout();
    for expected in [
        "upstream.private_reverse = [\"udp://10.0.0.53:53\"]",
        "[[route]]\n              suffix = \"corp.local\"\n              servers = [\"udp://10.0.0.53:53\"]",
        "suffix = \"lab.example\"",
    ] {
        assert!(told.contains(expected), "`{expected}` is missing\n{told}");
    }
    assert!(!process.stderr().contains("has no route"), "{}", process.stderr());
}

#[test]
fn a_search_domain_without_a_route_is_warned_of() {
    let upstream = upstream();
    let url = format!("udp://{}", upstream.address);
    let hosts = "nameserver 10.0.0.53\nsearch corp.local\n";
    let (process, _data, _) = start_on_host(hosts, "", &["--upstream", &url]);
    wait_until("it is told", || process.stderr().contains("`corp.local` has no route"));
    assert!(
        process.stderr().contains("servers = [\"udp://10.0.0.53:53\"]"),
        "{}",
        process.stderr()
    );
    assert!(!process.stdout().contains("[[route]]"), "{}", process.stdout());
}

#[test]
fn names_carried_by_a_route_are_no_deception() {
    let upstream = upstream();
    let url = upstream.address;
    let config = |suffix: &str| {
        format!(
            "[lookalike]\nmode = \"enforce\"\n[[route]]\nsuffix = \"{suffix}\"\nservers = [\"udp://{url}\"]\n"
        )
    };
    let squint = Squint::start(upstream.address, &config("corp-intern.com"));
    assert_eq!(squint.ask("paypal.com.corp-intern.com", "A").data(), ["192.0.2.1"]);
    let other = Squint::start(upstream.address, &config("other.com"));
    assert_eq!(other.ask("paypal.com.corp-intern.com", "A").data(), ["0.0.0.0"]);
}

#[test]
fn names_carried_by_a_configured_search_domain_are_no_deception() {
    let config = "[lookalike]\nmode = \"enforce\"\nsearch_domains = [\"corp-intern.com\"]\n";
    let upstream = upstream();
    let server = Squint::start(upstream.address, config);
    assert_eq!(server.ask("paypal.com.corp-intern.com", "A").data(), ["192.0.2.1"]);
    assert_eq!(server.ask("paypal-login.top.corp-intern.com", "A").data(), ["0.0.0.0"]);
    assert_eq!(server.ask("paypal.com.other-intern.com", "A").data(), ["0.0.0.0"]);

    let data = Data::new();
    data.write_config(config);
    let file = data.config().display().to_string();
    let check = |name: &str, action: &str| {
        let done = squint(&["check", "--json", "--config", &file, name], "");
        let verdict: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(verdict["action"], action, "{verdict:#}");
    };
    check("paypal.com.corp-intern.com", "pass");
    check("paypal-login.top.corp-intern.com", "sinkhole");
    check("paypal.com.other-intern.com", "sinkhole");

    let names = "squint-dns.net.corp-intern.com\nsquint-dns.net.other-intern.com\n";
    let done = squint(&["protect", "try", "--config", &file, "squint-dns.net", "-"], names);
    assert!(done.stdout.contains("1 of your 2 names"), "{done:?}");
    assert!(done.stdout.contains("squint-dns.net.other-intern.com"), "{done:?}");
    let hosts = "vpn.corp-intern.com\nowa.corp-intern.com\nmail.corp-intern.com\n";
    let done = squint(&["protect", "suggest", "--config", &file], hosts);
    assert!(done.stdout.contains("\"corp-intern.com\", # 3 hosts"), "{done:?}");
}

#[test]
fn a_query_reads_the_same_on_every_way() {
    let reply = |query: Message<'_>| Some(query.reply());
    let upstream = Scripted::start(move |_, query| reply(query));
    let squint = Squint::start(upstream.address, "");
    for name in ["WwW.eXample.", "LocalHost.", "x.TEST."] {
        for transport in ["+notcp", "+tcp"] {
            let response = squint.dig(name, "A").with(&[transport]).ask();
            assert_eq!(response.question, name);
        }
    }
}

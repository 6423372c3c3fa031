//! Ordinary answers: what the upstream says reaches the client, over UDP and TCP.

use crate::support::{Dig, Knot, LARGE_STRINGS, Squint, free_port, run, wait_until};
use std::{net::SocketAddr, process::Command};

#[test]
fn answers_are_the_upstreams() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let check = |name: &str, rtype: &str, expected: &[&str]| {
        for options in [&[][..], &["+tcp"], &["+noedns"], &["+dnssec"]] {
            let response = squint.dig(name, rtype).with(options).ask();
            assert_eq!(response.status, "NOERROR", "{name} {rtype} {options:?}");
            assert_eq!(response.data(), expected, "{name} {rtype} {options:?}");
            assert!(response.has_flag("ra") && response.has_flag("rd"), "{response:?}");
            assert!(!response.has_flag("aa") && !response.has_flag("tc"), "{response:?}");
            assert_eq!(response.has_edns, options != ["+noedns"]);
        }
    };
    check("www.example", "A", &["192.0.2.10", "192.0.2.11"]);
    check("www.example", "AAAA", &["2001:db8::10"]);
    check("mail.example", "MX", &["10 mx1.example.", "20 mx2.example."]);
    check("text.example", "TXT", &[r#""one string" "another \"quoted\" one""#]);
    check("one.example", "A", &["192.0.2.30", "three.example.", "two.example."]);
    check("one.example", "CNAME", &["two.example."]);
    check("_sip._tcp.example", "SRV", &["1 2 5060 sip.example."]);
    check("odd.example", "TYPE65280", &[r"\# 4 0A000001"]);
    check("anything.nonexistent-tld", "HTTPS", &["1 . alpn=\"h2\""]);
}

#[test]
fn negative_answers_keep_their_soa() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let check = |name: &str, rtype: &str, expected: &str| {
        for _ in 0..2 {
            let response = squint.ask(name, rtype);
            assert_eq!((response.status.as_str(), response.answer.len()), (expected, 0), "{name}");
            let [soa] = &response.authority[..] else { panic!("{response:?}") };
            assert_eq!((soa.owner.as_str(), soa.rtype.as_str()), (".", "SOA"));
            assert!(soa.ttl <= 60 && soa.ttl >= 55, "{soa:?}");
        }
    };
    check("missing.www.example", "A", "NXDOMAIN");
    check("www.example", "MX", "NOERROR");
}

#[test]
fn large_answers_come_over_tcp() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let check = |options: &[&str], size_max: usize| {
        let cut = squint.dig("large.example", "TXT").with(options).with(&["+ignore"]).ask();
        assert!(cut.has_flag("tc") && cut.size <= size_max, "{options:?}: {cut:?}");
        let whole = squint.dig("large.example", "TXT").with(options).ask();
        assert!(!whole.has_flag("tc") && whole.size > 4_096, "{options:?}: {whole:?}");
        assert_eq!(whole.answer.len(), LARGE_STRINGS);
    };
    check(&["+noedns"], 512);
    check(&["+bufsize=512"], 512);
    check(&["+bufsize=1232"], 1_232);
    check(&["+bufsize=4096"], 4_096);
}

#[test]
fn answers_count_down_and_come_from_memory() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let ttl = || squint.ask("www.example", "A").answer[0].ttl;
    assert_eq!(ttl(), 300);
    wait_until("the TTL counts down", || ttl() < 300);
    let (_, events) = squint.stop();
    assert_eq!((&events[0]["cached"], &events[1]["cached"]), (&false.into(), &true.into()));
}

#[test]
fn the_case_of_the_question_is_kept() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    for name in ["wWw.ExAmPlE.", "WWW.example.", "www.example."] {
        let response = squint.ask(name, "A");
        assert_eq!(response.question, name);
        assert_eq!(response.data(), ["192.0.2.10", "192.0.2.11"]);
    }
}

#[test]
fn kdig_is_served_too() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let server = format!("@{}", squint.address.ip());
    let port = squint.address.port().to_string();
    for transport in ["+notcp", "+tcp"] {
        let args = [&server, "-p", &port, "+short", transport, "one.example", "A"];
        let done = run(Command::new("kdig").args(args), "");
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (Some(0), "two.example.\nthree.example.\n192.0.2.30\n")
        );
    }
}

#[test]
fn several_addresses_are_served() {
    let knot = Knot::start();
    let port = free_port();
    let data = crate::support::Data::new();
    let addresses = ["127.0.0.1", "[::1]"].map(|it| format!("{it}:{port}"));
    let config = format!(
        "[server]\nlisten = {addresses:?}\n[upstream]\nservers = [\"udp://{}\"]",
        knot.address
    );
    data.write_config(&config);
    let mut command = crate::support::binary();
    command.args(["serve", "--config"]).arg(data.config()).arg("--data-dir").arg(data.state());
    let process = crate::support::Process::start(&mut command);
    assert!(
        process.wait_for_line(|it| it.starts_with("try: dig")).is_some(),
        "{}",
        process.stderr()
    );
    for address in addresses {
        let server: SocketAddr = address.parse().unwrap();
        for transport in ["+notcp", "+tcp"] {
            let response = Dig::new(server, "www.example", "A").with(&[transport]).ask();
            assert_eq!(response.answer.len(), 2, "{address} {transport}");
        }
    }
}

#[test]
fn replies_leave_from_the_address_that_was_asked() {
    let knot = Knot::start();
    let data = crate::support::Data::new();
    let port = free_port();
    let mut command = data.serve(SocketAddr::from(([0, 0, 0, 0], port)), knot.address);
    let process = crate::support::Process::start(&mut command);
    assert!(
        process.wait_for_line(|it| it.starts_with("try: dig")).is_some(),
        "{}",
        process.stderr()
    );
    // `dig` takes a response from another address for nobody's, and waits.
    for last in [1, 2, 77] {
        let server = SocketAddr::from(([127, 0, 0, last], port));
        assert_eq!(Dig::new(server, "www.example", "A").ask().answer.len(), 2, "{server}");
    }
}

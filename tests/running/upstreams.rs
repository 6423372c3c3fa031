//! One Squint as the upstream of another, over encrypted connections.

use crate::support::{
    Authority, Broken, Data, Encrypted, Fault, Finished, Knot, LARGE_STRINGS, NAME, Squint,
    ask_all, free_port, squint,
};
use std::{fs, net::SocketAddr};

/// A Squint that forwards to `url`, trusts the authority of `to`, and has names looked up by it.
fn forwarding(to: &Encrypted, url: &str) -> Squint {
    let data = Data::new();
    fs::copy(to.ca(), data.path().join("ca.pem")).unwrap();
    data.write_config(&format!(
        "[upstream]\nservers = [\"{url}\"]\nca = \"ca.pem\"\nbootstrap = [\"{}\"]\n",
        to.squint.address
    ));
    Squint::start_alone(data)
}

/// Asks through a Squint whose upstream is `url`, and checks by which way that was asked.
fn check(url: impl Fn(&Encrypted) -> String, transport: &str) {
    let to = Encrypted::start();
    let from = forwarding(&to, &url(&to));
    assert_eq!(from.ask("www.example", "A").data(), ["192.0.2.10", "192.0.2.11"]);
    assert_eq!(from.ask("large.example", "TXT").answer.len(), LARGE_STRINGS);
    assert_eq!(from.ask("nothing.www.example", "A").status, "NXDOMAIN");
    // Many at once share one connection.
    let names: Vec<String> = (0..200).map(|it| format!("n{it}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(ask_all(from.address, &names).iter().all(|it| *it == (0, 1)));
    let (_, events) = from.stop();
    assert!(events.iter().all(|it| it["upstream"].as_str().unwrap().contains("://")), "{events:?}");
    let (_, heard) = to.squint.stop();
    let ways: Vec<_> = heard.iter().filter(|it| it["query"] != "ns.example").collect();
    assert!(ways.len() >= 203 && ways.iter().all(|it| it["transport"] == transport), "{ways:?}");
}

#[test]
fn over_tls_to_an_address_that_proves_a_name() {
    check(|it| format!("tls://{}#{NAME}", it.tls), "dot");
}

#[test]
fn over_tls_to_an_address_that_proves_itself() {
    check(|it| format!("tls://{}", it.tls), "dot");
}

#[test]
fn over_tls_to_a_name_that_is_looked_up() {
    check(|it| format!("tls://ns.example:{}", it.tls.port()), "dot");
}

#[test]
fn over_https_to_an_address() {
    check(|it| format!("https://{}/dns-query#{NAME}", it.https), "doh");
}

#[test]
fn over_https_to_a_name_that_is_looked_up() {
    check(|it| format!("https://ns.example:{}/dns-query", it.https.port()), "doh");
}

#[test]
fn over_quic_to_an_address() {
    check(|it| format!("quic://{}#{NAME}", it.quic), "doq");
}

#[test]
fn over_quic_to_a_name_that_is_looked_up() {
    check(|it| format!("quic://ns.example:{}", it.quic.port()), "doq");
}

#[test]
fn over_http3_to_an_address() {
    check(|it| format!("h3://{}/dns-query#{NAME}", it.h3), "doh3");
}

#[test]
fn over_http3_to_a_name_that_is_looked_up() {
    check(|it| format!("h3://ns.example:{}/dns-query", it.h3.port()), "doh3");
}

/// Asks through a Squint whose upstream starts anew in between.
fn check_restart(url: impl Fn(&Encrypted) -> String, signal: &str) {
    let to = Encrypted::start();
    let from = forwarding(&to, &url(&to));
    assert_eq!(from.ask("before.example", "A").data(), ["192.0.2.99"]);
    let to = to.restart(signal);
    for name in ["after.example", "later.example"] {
        assert_eq!(from.ask(name, "A").data(), ["192.0.2.99"], "{}", url(&to));
    }
}

#[test]
fn an_upstream_that_starts_anew_is_found_again() {
    for signal in ["TERM", "KILL"] {
        check_restart(|it| format!("tls://{}#{NAME}", it.tls), signal);
        check_restart(|it| format!("https://{}#{NAME}", it.https), signal);
        check_restart(|it| format!("quic://{}#{NAME}", it.quic), signal);
        check_restart(|it| format!("h3://{}#{NAME}", it.h3), signal);
    }
}

#[test]
fn a_query_that_comes_back_is_known() {
    for (scheme, key) in [
        ("tls", "listen_tls"),
        ("https", "listen_https"),
        ("quic", "listen_quic"),
        ("h3", "listen_h3"),
    ] {
        let data = Data::new();
        let authority = Authority::new();
        authority.write(data.path());
        authority.issue(data.path(), &["127.0.0.1"]);
        let own = SocketAddr::from(([127, 0, 0, 1], free_port()));
        data.write_config(&format!(
            "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n[server]\n{key} = [\"{own}\"]\n\
             [upstream]\nservers = [\"{scheme}://{own}\"]\nca = \"ca.pem\"\n"
        ));
        let squint = Squint::start_alone(data);
        assert_eq!(squint.ask("www.example", "A").status, "SERVFAIL");
        let told = squint.process.stderr();
        assert!(told.contains("forwarding loop"), "{scheme}: {told}");
    }
}

/// Asks through a Squint that has no reason to believe its upstream; the reason stands in the log.
fn check_disbelief(url: impl Fn(&Encrypted) -> String, ca: bool, expected: &str) {
    let to = Encrypted::start();
    let data = Data::new();
    let ca = if ca {
        fs::copy(to.ca(), data.path().join("ca.pem")).unwrap();
        "ca = \"ca.pem\"\n"
    } else {
        ""
    };
    data.write_config(&format!(
        "[upstream]\nservers = [\"{}\"]\nbootstrap = [\"{}\"]\n{ca}",
        url(&to),
        to.squint.address
    ));
    let from = Squint::start_alone(data);
    let response = from.ask("www.example", "A");
    assert_eq!(response.status, "SERVFAIL");
    let told = from.process.stderr();
    assert!(told.contains("cannot be reached") && told.contains(expected), "{told}");
    let (_, heard) = to.squint.stop();
    assert!(heard.iter().all(|it| it["query"] != "www.example"), "{heard:?}");
}

#[test]
fn nobody_is_believed_without_an_authority() {
    check_disbelief(|it| format!("tls://{}#{NAME}", it.tls), false, "UnknownIssuer");
    check_disbelief(|it| format!("tls://{}#{NAME}", it.tls), false, "hint: if it is your own");
    check_disbelief(|it| format!("https://{}/dns-query#{NAME}", it.https), false, "UnknownIssuer");
    check_disbelief(|it| format!("quic://{}#{NAME}", it.quic), false, "UnknownIssuer");
    check_disbelief(|it| format!("h3://{}/dns-query#{NAME}", it.h3), false, "UnknownIssuer");
}

#[test]
fn nobody_is_believed_under_another_name() {
    let name = "not valid for name";
    check_disbelief(|it| format!("tls://{}#other.example", it.tls), true, name);
    check_disbelief(|it| format!("quic://{}#other.example", it.quic), true, name);
    // And told what to write, if that is whom one means.
    check_disbelief(
        |it| format!("tls://127.0.0.1:{}#other.example", it.tls.port()),
        true,
        &format!("#{NAME}`"),
    );
    check_disbelief(|it| format!("tls://{}", with_ip(it.tls, [127, 0, 0, 2])), true, "refused");
}

fn with_ip(address: SocketAddr, ip: [u8; 4]) -> SocketAddr {
    SocketAddr::from((ip, address.port()))
}

#[test]
fn a_name_without_address_is_told() {
    check_disbelief(|_| "tls://text.example".to_owned(), true, "cannot look up `text.example`");
}

#[test]
fn names_need_somebody_to_look_them_up() {
    let told = |config: &str| -> Finished {
        let data = Data::new();
        data.write_config(config);
        squint(&["config", "check", data.config().to_str().unwrap()], "")
    };
    let done = told("[upstream]\nbootstrap = [\"tls://dns.example\"]\n");
    assert!(done.stderr.contains("has to be looked up itself"), "{done:?}");
    let done = told("[upstream]\nca = \"missing.pem\"\n");
    assert!(done.stderr.contains("missing.pem"), "{done:?}");
}

/// A Squint whose upstreams are one that is broken and, if given, another one.
fn before_broken(fault: Fault, sound: Option<SocketAddr>) -> (Squint, Broken) {
    let data = Data::new();
    let authority = Authority::new();
    authority.write(data.path());
    let broken = Broken::start(fault, &authority);
    let sound = sound.map_or_else(String::new, |it| format!(", \"udp://{it}\""));
    data.write_config(&format!(
        "[upstream]\nservers = [\"tls://{}\"{sound}]\nca = \"ca.pem\"\n",
        broken.address
    ));
    (Squint::start_alone(data), broken)
}

#[test]
fn whatever_an_upstream_does_the_client_is_answered() {
    // `dig` waits no longer than that for its answer.
    let limit = ["+time=4", "+tries=1"];
    for fault in Fault::ALL {
        let (squint, _broken) = before_broken(fault, None);
        let response = squint.dig("www.example", "A").with(&limit).ask();
        assert_eq!(response.status, "SERVFAIL", "{fault:?}");
        let [ede] = &response.ede[..] else { panic!("{fault:?}: {response:?}") };
        assert!(ede.starts_with("22") || ede.starts_with("23"), "{fault:?}: {ede}");
        assert_eq!(squint.ask("localhost", "A").data(), ["127.0.0.1"]);
    }
}

#[test]
fn a_broken_upstream_beside_a_sound_one_costs_nothing() {
    let knot = Knot::start();
    for fault in Fault::ALL {
        let (squint, broken) = before_broken(fault, Some(knot.address));
        assert_eq!(squint.ask("first.example", "A").data(), ["192.0.2.99"], "{fault:?}");
        let names: Vec<String> = (0..300).map(|it| format!("n{it}.example")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(ask_all(squint.address, &names).iter().all(|it| *it == (0, 1)), "{fault:?}");
        let (_, events) = squint.stop();
        let sound = format!("udp://{}", knot.address);
        assert!(events.iter().all(|it| it["upstream"] == sound.as_str()), "{fault:?}: {events:?}");
        // It is asked now and then whether it is well again, and not for each query.
        let connections = broken.connections();
        assert!((1..100).contains(&connections), "{fault:?}: {connections}");
    }
}

//! Clients written by others, over every encrypted transport: DNS libraries, HTTP/3, load generators, and the ways of browsers and
//! operating systems.

use crate::support::{
    Authority, Data, Encrypted, Kdig, Knot, LARGE_STRINGS, NAME, Squint, ask_by_others, dnsperf,
    free_port,
};
use std::net::SocketAddr;

/// What a client that hears by HTTP says besides.
const HTTP_FACTS: [&str; 2] = [":status 200", "content-type application/dns-message"];

#[test]
fn python_libraries_hear_the_same() {
    let served = Encrypted::start();
    for (way, server) in
        [("doq", served.quic), ("doh", served.https), ("h3-get", served.h3), ("h3-post", served.h3)]
    {
        let told = ask_by_others(&served, way, server, "www.example", "A");
        assert!(told.contains("rcode NOERROR"), "{way}: {told}");
        assert!(told.contains("answer 192.0.2.10") && told.contains("answer 192.0.2.11"), "{told}");
        // Padded queries get padded responses (RFC 8467 section 4.1).
        assert!(told.contains("length 468"), "{way}: {told}");
        if way.starts_with("h3") {
            assert!(HTTP_FACTS.iter().all(|it| told.contains(it)), "{told}");
            assert!(told.contains("cache-control max-age="), "{told}");
        }
        let told = ask_by_others(&served, way, server, "large.example", "TXT");
        assert_eq!(told.matches("answer ").count(), LARGE_STRINGS, "{way}: {told}");
        let told = ask_by_others(&served, way, server, "nothing.www.example", "A");
        assert!(told.contains("rcode NXDOMAIN"), "{way}: {told}");
    }
    let (_, events) = served.squint.stop();
    let heard = |way: &str| events.iter().filter(|it| it["transport"] == way).count();
    assert_eq!((heard("doq"), heard("doh"), heard("doh3")), (3, 3, 6));
}

#[test]
fn load_generators_lose_nothing() {
    let served = Encrypted::start();
    let path = format!("doh-uri=https://{}/dns-query", served.https);
    let (get, post) = ("doh-method=GET", "doh-method=POST");
    for (server, mode, queries, options) in [
        (served.squint.address, "tcp", 2000, &["-c", "4", "-q", "64"][..]),
        (served.tls, "dot", 2000, &["-c", "4", "-q", "64"]),
        (served.https, "doh", 100, &["-c", "1", "-q", "1", "-O", &path, "-O", get]),
        (served.https, "doh", 100, &["-c", "1", "-q", "1", "-O", &path, "-O", post]),
    ] {
        let told = dnsperf(server, mode, queries, options).stdout;
        let whole = format!("{queries} (100.00%)");
        assert!(told.contains(&format!("Queries completed:    {whole}")), "{mode}: {told}");
        assert!(told.contains(&format!("NOERROR {whole}")), "{mode}: {told}");
    }
}

/// systemd-resolved in its opportunistic mode: whatever the certificate says, the name of the server in the handshake, padded
/// queries with DO, one connection for all of them.
#[test]
fn an_operating_system_keeps_its_connection() {
    let knot = Knot::start();
    let tls = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!("[server]\nlisten_tls = [\"{tls}\"]\n[tls]\nself_signed = true\n");
    let squint = Squint::start(knot.address, &config);
    let sni = format!("+tls-sni={NAME}");
    let options = ["+tls", &sni, "+keepopen", "+padding=128", "+dnssec", "+bufsize=512"];
    // Options hold for the name before them.
    let mut asked = Kdig::new(tls, "www.example", "A").with(&options);
    for number in 0..20 {
        asked = asked.with(&[&format!("n{number}.example")]).with(&options);
    }
    let told = asked.ask();
    assert_eq!(told.matches("status: NOERROR").count(), 21, "{told}");
    assert_eq!(told.matches("TLS session").count(), 21, "{told}");
    assert!(told.contains("Received 468 B"), "{told}");
    let (done, _) = squint.stop();
    let words = |it: &str| it.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let opened = |it: &str| words(it).starts_with(&words("tcp_opened 1"));
    assert!(done.stderr.lines().any(opened), "{}", done.stderr);
}

/// Knows of the server's certificate nothing but its name, and finds the encrypted ways by asking.
#[test]
fn encrypted_ways_are_designated() {
    let served = Encrypted::start();
    let check = |name: &str, rtype: &str, expected: &[&str]| {
        let response = served.squint.ask(name, rtype);
        assert_eq!((response.status.as_str(), response.data().len()), ("NOERROR", expected.len()));
        for (found, expected) in response.data().iter().zip(expected) {
            assert_eq!(found, expected);
        }
    };
    let (https, h3) = (served.https.port(), served.h3.port());
    let (tls, quic) = (served.tls.port(), served.quic.port());
    let path = "key7=\"/dns-query{?dns}\"";
    let hint = "ipv4hint=127.0.0.1";
    check(
        "_dns.resolver.arpa",
        "SVCB",
        &[
            &format!("1 {NAME}. alpn=\"h2\" port={https} {hint} {path}"),
            &format!("2 {NAME}. alpn=\"h3\" port={h3} {hint} {path}"),
            &format!("3 {NAME}. alpn=\"dot\" port={tls} {hint}"),
            &format!("4 {NAME}. alpn=\"doq\" port={quic} {hint}"),
        ],
    );
    for (name, rtype) in [
        ("_dns.resolver.arpa", "A"),
        ("resolver.arpa", "SVCB"),
        ("x._dns.resolver.arpa", "SVCB"),
        ("_dns.resolver.arpa", "HTTPS"),
    ] {
        check(name, rtype, &[]);
    }
}

#[test]
fn without_a_name_nothing_is_designated() {
    let knot = Knot::start();
    let plain = Squint::start(knot.address, "");
    assert_eq!(plain.ask("_dns.resolver.arpa", "SVCB").data(), [""; 0]);
    let data = Data::new();
    let authority = Authority::new();
    authority.issue(data.path(), &["127.0.0.1", "*.example"]);
    data.write_config(&format!(
        "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n[server]\nlisten_tls = [\"127.0.0.1:{}\"]\n",
        free_port()
    ));
    let squint = Squint::start_in(data, knot.address);
    let response = squint.ask("_dns.resolver.arpa", "SVCB");
    assert_eq!((response.status.as_str(), response.data()), ("NOERROR", vec![]));
}

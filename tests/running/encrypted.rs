//! Encrypted transports, asked by real clients.

use crate::support::{Authority, Data, Kdig, Knot, Squint, free_port, wait_until};
use std::net::SocketAddr;

const NAME: &str = "dns.example";

/// A Squint that listens for DNS over TLS with a certificate of `authority`.
struct Served {
    squint: Squint,
    tls: SocketAddr,
    authority: Authority,
    _knot: Knot,
}

impl Served {
    fn start() -> Self {
        let knot = Knot::start();
        let authority = Authority::new();
        let data = Data::new();
        authority.write(data.path());
        authority.issue(data.path(), &[NAME]);
        let tls = SocketAddr::from(([127, 0, 0, 1], free_port()));
        data.write_config(&format!(
            "[server]\nlisten_tls = [\"{tls}\"]\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n"
        ));
        let squint = Squint::start_in(data, knot.address);
        Self { squint, tls, authority, _knot: knot }
    }

    /// `kdig` over TLS that trusts this authority alone.
    fn tls(&self, name: &str, rtype: &str) -> Kdig {
        let ca = format!("+tls-ca={}", self.squint.data.path().join("ca.pem").display());
        let host = format!("+tls-hostname={NAME}");
        Kdig::new(self.tls, name, rtype).with(&["+tls", &ca, &host])
    }
}

#[test]
fn dns_over_tls_says_the_same() {
    let served = Served::start();
    let told = served.tls("www.example", "A").ask();
    assert!(told.contains("TLS session (TLS1.3)"), "{told}");
    assert!(told.contains("192.0.2.10") && told.contains("192.0.2.11"), "{told}");
    let told = served.tls("large.example", "TXT").ask();
    assert!(told.contains("ANSWER: 40"), "{told}");
    let (_, events) = served.squint.stop();
    assert!(events.iter().all(|it| it["transport"] == "dot"), "{events:?}");
    assert_eq!(events.len(), 2);
}

#[test]
fn options_for_streams_and_secrecy_are_answered() {
    let served = Served::start();
    let told = served.tls("www.example", "A").with(&["+padding"]).ask();
    assert!(told.contains("Received 468 B"), "{told}");
    let told = served.tls("www.example", "A").with(&["+nopadding"]).ask();
    assert!(!told.contains("PADDING"), "{told}");
    // Eleven is the option; its data is ten seconds in tenths.
    let told = served.tls("www.example", "A").with(&["+nopadding", "+ednsopt=11"]).ask();
    assert!(told.contains("0064"), "{told}");
    // Nothing is hidden in the clear.
    let told =
        Kdig::new(served.squint.address, "www.example", "A").with(&["+tcp", "+padding=64"]).ask();
    assert!(!told.contains("PADDING"), "{told}");
}

#[test]
fn a_certificate_is_taken_up_when_it_changes() {
    let served = Served::start();
    let folder = served.squint.data.path();
    // The new authority is not trusted yet, and what cannot be used is not taken up.
    served.squint.data.write("cert.pem", "not a certificate");
    wait_until("the bad file is told", || {
        served.squint.process.stderr().contains("the old certificate stays")
    });
    served.tls("www.example", "A").ask();
    let other = Authority::new();
    other.issue(folder, &[NAME]);
    wait_until("the new one is told", || {
        served.squint.process.stderr().contains("the certificate is a new one")
    });
    let done = served.tls("www.example", "A").run();
    assert!(!done.stdout.contains("HEADER"), "{done:?}");
    other.write(folder);
    served.tls("www.example", "A").ask();
    drop(served.authority);
}

#[test]
fn one_is_made_for_a_first_try() {
    let knot = Knot::start();
    let tls = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!("[server]\nlisten_tls = [\"{tls}\"]\n[tls]\nself_signed = true\n");
    let squint = Squint::start(knot.address, &config);
    assert!(squint.process.stdout().contains(&format!("{tls} (DoT)")));
    let told = Kdig::new(tls, "www.example", "A").with(&["+tls"]).ask();
    assert!(told.contains("192.0.2.10"), "{told}");
}

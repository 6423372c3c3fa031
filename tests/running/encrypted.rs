//! DNS over TLS, and the certificate, asked by real clients.

use crate::support::{Authority, Encrypted, Kdig, Knot, NAME, Squint, free_port, wait_until};
use std::net::SocketAddr;

#[test]
fn dns_over_tls_says_the_same() {
    let served = Encrypted::start();
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
fn dns_over_quic_says_the_same() {
    let served = Encrypted::start();
    let told = served.quic("www.example", "A").ask();
    assert!(told.contains("QUIC session (QUICv1)"), "{told}");
    assert!(told.contains("192.0.2.10") && told.contains("192.0.2.11"), "{told}");
    let told = served.quic("large.example", "TXT").ask();
    assert!(told.contains("ANSWER: 40"), "{told}");
    let told = served.quic("www.example", "A").with(&["+padding"]).ask();
    assert!(told.contains("Received 468 B"), "{told}");
    let (_, events) = served.squint.stop();
    assert!(events.iter().all(|it| it["transport"] == "doq"), "{events:?}");
    assert_eq!(events.len(), 3);
}

#[test]
fn options_for_streams_and_secrecy_are_answered() {
    let served = Encrypted::start();
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
    let served = Encrypted::start();
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

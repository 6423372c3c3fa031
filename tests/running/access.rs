//! Who is served: the neighbourhood is, the rest of the world is told no. Needs root, for networks of its own.

use crate::support::{Authority, Dig, Kdig, NAME, Network, Process, Response, ask_on, binary, run};
use std::net::SocketAddr;

const SERVER_V4: &str = "10.9.0.1";
const SERVER_V6: &str = "fd00:9::1";

fn serve(network: &Network, config: &str) -> Process {
    std::fs::write(network.path().join("config.toml"), config).unwrap();
    let mut squint = binary();
    squint
        .args(["serve", "--listen", "0.0.0.0:5300", "--listen", "[::]:5300"])
        .args(["--upstream", "udp://10.9.0.1:9", "--config"])
        .arg(network.path().join("config.toml"))
        .arg("--data-dir")
        .arg(network.path().join("state"));
    let process = Process::start(&mut network.on_server(&squint));
    let line = process.wait_for_line(|it| it.starts_with("try: dig"));
    assert!(line.is_some(), "{}{}", process.stdout(), process.stderr());
    process
}

/// Asks from one of the client's addresses for a name that needs no upstream.
fn ask(network: &Network, from: &str, options: &[&str]) -> Response {
    let server = if from.contains(':') { SERVER_V6 } else { SERVER_V4 };
    let server = SocketAddr::new(server.parse().unwrap(), 5300);
    let dig = Dig::new(server, "localhost", "A").with(&["-b", from]).with(options);
    let done = run(&mut network.on_client("dig", &dig.args()), "");
    assert_eq!(done.code, Some(0), "{from}: {done:?}");
    Response::read(&done.stdout)
}

#[test]
fn neighbours_are_served_and_strangers_are_not() {
    let network = Network::new();
    let squint = serve(&network, "");
    let check = |from: &str, is_served: bool| {
        for options in [&["+notcp"], &["+tcp"]] {
            let response = ask(&network, from, options);
            if is_served {
                assert_eq!(
                    (response.status.as_str(), response.data()),
                    ("NOERROR", vec!["127.0.0.1"]),
                    "{from}"
                );
            } else {
                assert_eq!(
                    (response.status.as_str(), response.answer.len()),
                    ("REFUSED", 0),
                    "{from}"
                );
                let [ede] = &response.ede[..] else { panic!("{from}: {response:?}") };
                assert!(ede.starts_with("18 (Prohibited)"), "{from}: {ede}");
            }
        }
    };
    check("10.9.0.2", true);
    check("100.64.0.2", true);
    check("fd00:9::2", true);
    // A global address on the same link as our private one is a neighbour's; any other global one is a stranger's.
    check("2001:db8:9::2", true);
    check("203.0.113.9", false);
    check("2001:db8:77::2", false);
    let told = squint.stderr();
    let lines: Vec<&str> = told.lines().filter(|it| it.contains("refused 203.0.113.9")).collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert!(told.contains("[server] allow = [\"203.0.113.0/24\"]"), "{told}");
}

#[test]
fn encrypted_transports_serve_the_same() {
    let network = Network::new();
    let _squint = serve(
        &network,
        "[server]\nlisten_tls = [\"0.0.0.0:8853\", \"[::]:8853\"]\nlisten_https = [\"0.0.0.0:8443\", \"[::]:8443\"]\nlisten_quic = [\"0.0.0.0:8853\", \"[::]:8853\"]\n[tls]\nself_signed = true\n",
    );
    let check = |from: &str, is_served: bool| {
        let server = if from.contains(':') { SERVER_V6 } else { SERVER_V4 };
        for (port, way) in [(8853, "+tls"), (8443, "+https"), (8853, "+quic")] {
            let server = SocketAddr::new(server.parse().unwrap(), port);
            let kdig = Kdig::new(server, "localhost", "A").with(&["-b", from, way]);
            let done = run(&mut network.on_client("kdig", kdig.args()), "");
            let expected = if is_served { "status: NOERROR" } else { "status: REFUSED" };
            assert!(done.stdout.contains(expected), "{from} {way}: {done:?}");
            assert_eq!(done.stdout.contains("EDE: 18 (Prohibited)"), !is_served, "{done:?}");
        }
    };
    check("10.9.0.2", true);
    check("fd00:9::2", true);
    check("203.0.113.9", false);
    check("2001:db8:77::2", false);
}

#[test]
fn http3_serves_the_same() {
    let network = Network::new();
    let authority = Authority::new();
    authority.write(network.path());
    authority.issue(network.path(), &[NAME]);
    let _squint = serve(
        &network,
        "[server]\nlisten_h3 = [\"0.0.0.0:8443\"]\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n",
    );
    let ca = network.path().join("ca.pem").display().to_string();
    for (from, rcode) in [("10.9.0.2", "NOERROR"), ("203.0.113.9", "REFUSED")] {
        let asked = ["h3-post", SERVER_V4, "8443", &ca, NAME, "localhost", "A", from];
        let told = ask_on(&network, &asked);
        assert!(told.contains(&format!("rcode {rcode}")), "{from}: {told}");
    }
}

#[test]
fn strangers_may_be_allowed() {
    let network = Network::new();
    let _squint = serve(&network, "[server]\nallow = [\"203.0.113.0/24\"]\n");
    assert_eq!(ask(&network, "203.0.113.9", &[]).status, "NOERROR");
    assert_eq!(ask(&network, "2001:db8:77::2", &[]).status, "REFUSED");
}

#[test]
fn a_listener_on_port_53_is_offered_to_dhcp() {
    let network = Network::new();
    let mut squint = binary();
    squint
        .args(["serve", "--listen", "10.9.0.1:53", "--upstream", "udp://10.9.0.1:9", "--data-dir"])
        .arg(network.path().join("state"));
    let process = Process::start(&mut network.on_server(&squint));
    assert!(
        process.wait_for_line(|it| it.starts_with("try: dig")).is_some(),
        "{}",
        process.stderr()
    );
    let told = process.stdout();
    assert!(told.lines().any(|it| it.contains("DHCP") && it.contains(SERVER_V4)), "{told}");
}

//! Servers written by others: behind dnsdist, and in front of Unbound over TLS and HTTPS.

use crate::support::{Authority, Data, Dig, Knot, Process, Squint, free_port, wait_until};
use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

#[test]
fn dnsdist_says_for_whom_it_speaks() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "[server]\nproxy_protocol = [\"127.0.0.1\"]\n");
    let (front, folder) = (loopback(), Data::new());
    folder.write(
        "dnsdist.conf",
        &format!(
            "setLocal(\"{front}\")\nsetACL(\"127.0.0.0/8\")\n\
             newServer({{address=\"{}\", useProxyProtocol=true}}):setUp()\n",
            squint.address
        ),
    );
    let mut dnsdist = Command::new("dnsdist");
    dnsdist.args(["--supervised", "-C"]).arg(folder.path().join("dnsdist.conf"));
    let _dnsdist = Process::start(&mut dnsdist);
    wait_until("dnsdist listens", || TcpStream::connect(front).is_ok());
    for (from, way) in [("127.0.0.77", "+notcp"), ("127.0.0.78", "+tcp")] {
        let asked = Dig::new(front, "www.example", "A").with(&["-b", from, way]);
        assert_eq!(asked.ask().data(), ["192.0.2.10", "192.0.2.11"], "{way}");
    }
    let (_, events) = squint.stop();
    for (from, transport) in [("127.0.0.77", "udp"), ("127.0.0.78", "tcp")] {
        let is_told =
            |it: &&serde_json::Value| it["client"] == from && it["transport"] == transport;
        assert!(events.iter().any(|it| is_told(&it)), "{from}: {events:?}");
    }
}

#[test]
fn unbound_is_asked_over_tls_and_https() {
    let (folder, authority, tls, https) = (Data::new(), Authority::new(), loopback(), loopback());
    authority.write(folder.path());
    authority.issue(folder.path(), &["dns.example"]);
    let at = |it: SocketAddr| format!("{}@{}", it.ip(), it.port());
    let path = folder.path().display();
    folder.write(
        "unbound.conf",
        &format!(
            "server:\n directory: \"{path}\"\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n use-syslog: no\n\
             \x20interface: {}\n interface: {}\n tls-port: {}\n https-port: {}\n\
             \x20tls-service-key: \"key.pem\"\n tls-service-pem: \"cert.pem\"\n\
             \x20local-zone: \"example.\" static\n local-data: \"www.example. 300 A 192.0.2.10\"\n\
             remote-control:\n control-enable: no\n",
            at(tls),
            at(https),
            tls.port(),
            https.port()
        ),
    );
    let mut unbound = Command::new("unbound");
    unbound.args(["-d", "-c"]).arg(folder.path().join("unbound.conf"));
    let unbound = Process::start(&mut unbound);
    wait_until("unbound is ready", || unbound.stderr().contains("start of service"));
    for url in
        [format!("tls://{tls}#dns.example"), format!("https://{https}/dns-query#dns.example")]
    {
        let data = Data::new();
        authority.write(data.path());
        data.write_config(&format!("[upstream]\nservers = [\"{url}\"]\nca = \"ca.pem\"\n"));
        let squint = Squint::start_alone(data);
        assert_eq!(squint.ask("www.example", "A").data(), ["192.0.2.10"], "{url}");
        assert_eq!(squint.ask("nothing.example", "A").status, "NXDOMAIN", "{url}");
    }
}

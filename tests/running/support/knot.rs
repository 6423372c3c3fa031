//! A real authoritative server: knotd with the root zone, so that every name has an answer.

use super::{Process, free_port};
use std::{fmt::Write as _, fs, net::SocketAddr, process::Command};
use tempfile::TempDir;

/// How many strings of 200 octets `large.example.` has, one in each TXT record.
pub(crate) const LARGE_STRINGS: usize = 40;

const ZONE: &str = r#"
$ORIGIN .
$TTL 300
@                SOA   ns.example. hostmaster.example. 1 3600 600 86400 60
@                NS    ns.example.
*.               A     192.0.2.99
*.               AAAA  2001:db8::99
*.               HTTPS 1 . alpn=h2
*.               TXT   "anything"
*.example.       A     192.0.2.99
*.example.       AAAA  2001:db8::99
ns.example.      A     127.0.0.1
www.example.     A     192.0.2.10
www.example.     A     192.0.2.11
www.example.     AAAA  2001:db8::10
mail.example.    MX    10 mx1.example.
mail.example.    MX    20 mx2.example.
text.example.    TXT   "one string" "another \"quoted\" one"
one.example.     CNAME two.example.
two.example.     CNAME three.example.
three.example.   A     192.0.2.30
odd.example.     TYPE65280 \# 4 0a000001
_sip._tcp.example. SRV 1 2 5060 sip.example.
"#;

/// A running knotd.
pub(crate) struct Knot {
    pub(crate) address: SocketAddr,
    _process: Process,
    _dir: TempDir,
}

impl Knot {
    /// One that knows every name.
    pub(crate) fn start() -> Self {
        let mut zone = ZONE.to_owned();
        for number in 0..LARGE_STRINGS {
            writeln!(zone, "large.example. TXT \"{number:0200}\"").unwrap();
        }
        Self::serving(&[(".", &zone)])
    }

    /// One that has these zones, by origin and text.
    pub(crate) fn serving(zones: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut listed = String::new();
        for (at, (origin, text)) in zones.iter().enumerate() {
            let file = dir.path().join(format!("{at}.zone"));
            fs::write(&file, text).unwrap();
            writeln!(
                listed,
                "  - domain: {origin}\n    file: \"{}\"\n    journal-content: none\n    zonefile-sync: -1",
                file.display()
            )
            .unwrap();
        }
        let here = dir.path().display();
        let config = format!(
            r#"
server:
    listen: [ {ip}@{port} ]
    rundir: "{here}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{here}"
log:
  - target: stdout
    any: info
zone:
{listed}"#,
            ip = address.ip(),
            port = address.port(),
        );
        fs::write(dir.path().join("knot.conf"), config).unwrap();
        let process =
            Process::start(Command::new("knotd").arg("-c").arg(dir.path().join("knot.conf")));
        if process.wait_for_line(|it| it.contains("server started")).is_none() {
            panic!("knotd did not start\n{}{}", process.stdout(), process.stderr());
        }
        Self { address, _process: process, _dir: dir }
    }
}

//! A tree of signed zones with a root of its own: knotd has the zones, signed by BIND's tools and some broken on purpose; a
//! validating unbound in front of it is the upstream, and what answers are compared with.

use super::{Finished, Knot, Process, free_port, run};
use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// How a zone is signed.
#[derive(Clone, Copy)]
enum Signing {
    Nsec,
    Nsec3(&'static [&'static str]),
    /// Signed, but these options put the signatures into another time.
    At(&'static [&'static str]),
    /// Not at all.
    None,
}

/// Zone, content, signing, and the zones below it whose keys it vouches for.
const ZONES: &[(&str, &str, Signing)] = &[
    (
        "nsec3.example",
        "www A 192.0.2.21\n*.wild A 192.0.2.22\nalias CNAME www.insecure.example.\nempty.branch A 192.0.2.23\n",
        Signing::Nsec3(&["-3", "abcd", "-H", "2"]),
    ),
    (
        "optout.example",
        "www A 192.0.2.31\nplain NS ns.plain\nns.plain A 127.0.0.1\n",
        Signing::Nsec3(&["-3", "-", "-H", "0", "-A"]),
    ),
    ("iterated.example", "www A 192.0.2.33\n", Signing::Nsec3(&["-3", "ab", "-H", "140"])),
    ("plain.optout.example", "www A 192.0.2.32\n", Signing::None),
    ("insecure.example", "www A 192.0.2.41\nback CNAME www.example.\n", Signing::None),
    ("deep.insecure.example", "www A 192.0.2.42\n", Signing::None),
    ("neg.example", "www A 192.0.2.43\n", Signing::None),
    ("routed.example", "www A 192.0.2.44\n", Signing::None),
    (
        "expired.example",
        "www A 192.0.2.51\n",
        Signing::At(&["-s", "20240101000000", "-e", "20250101000000"]),
    ),
    ("future.example", "www A 192.0.2.52\n", Signing::At(&["-s", "+86400", "-e", "+172800"])),
    ("forged.example", "www A 192.0.2.53\nother A 192.0.2.54\n", Signing::Nsec),
    ("nodenial.example", "www A 192.0.2.58\nz A 192.0.2.59\n", Signing::Nsec),
    ("stripped.example", "www A 192.0.2.55\n", Signing::Nsec),
    ("nokeys.example", "www A 192.0.2.56\n", Signing::Nsec),
    ("unknown.example", "www A 192.0.2.57\n", Signing::None),
    (
        "example",
        "www A 192.0.2.11\nwww AAAA 2001:db8::11\nbare AAAA 2001:db8::12\n*.wild A 192.0.2.12\n*.wild TXT \"any\"\ntoplain CNAME www.insecure.example.\ntosigned CNAME www.nsec3.example.\ntoforged CNAME www.forged.example.\ntonowhere CNAME nothing.nsec3.example.\ntoneg CNAME www.neg.example.\n*.walias CNAME www\nold DNAME nsec3\nempty.branch A 192.0.2.13\nv4 A 198.51.100.7\nzero A 0.0.0.0\nmixed MX 10 www\n",
        Signing::Nsec,
    ),
    (".", "7.100.18.198.in-addr.arpa. PTR host.example.\n", Signing::Nsec),
];

/// The servers, and the root's trust anchor.
pub(crate) struct Tree {
    /// The resolver in front of the tree, which validates as well.
    pub(crate) unbound: SocketAddr,
    /// DS records of the root.
    pub(crate) anchors: String,
    _resolver: Process,
    _knot: Knot,
    dir: TempDir,
}

impl Tree {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let zones: Vec<(String, String)> = ZONES
            .iter()
            .map(|(zone, content, signing)| {
                (absolute(zone), made(dir.path(), zone, content, *signing))
            })
            .collect();
        let served: Vec<(&str, &str)> =
            zones.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
        let knot = Knot::serving(&served);
        let anchors = fs::read_to_string(dir.path().join("dsset-.")).unwrap();
        let mut places = "  local-zone: \"example.\" transparent\n".to_owned();
        for (zone, _, _) in ZONES {
            let (zone, to) = (absolute(zone), knot.address);
            let (ip, port) = (to.ip(), to.port());
            writeln!(places, "stub-zone:\n  name: \"{zone}\"\n  stub-addr: {ip}@{port}").unwrap();
        }
        let (unbound, resolver) = resolver(dir.path(), &places);
        Self { unbound, anchors, _resolver: resolver, _knot: knot, dir }
    }

    /// Another unbound with the same trust anchor, which asks this server for everything.
    pub(crate) fn unbound_behind(&self, server: SocketAddr) -> (SocketAddr, Process) {
        let dir = self.dir.path().join("behind");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("dsset-."), &self.anchors).unwrap();
        let (ip, port) = (server.ip(), server.port());
        let places = format!("forward-zone:\n  name: \".\"\n  forward-addr: {ip}@{port}\n");
        resolver(&dir, &places)
    }

    /// The root's key, as its signer left it.
    pub(crate) fn root_key(&self) -> String {
        let files = fs::read_dir(self.dir.path()).unwrap().map(|it| it.unwrap().path());
        let is_it = |it: &PathBuf| {
            let name = it.file_name().unwrap().to_string_lossy();
            name.starts_with("K.+") && name.ends_with(".key")
        };
        fs::read_to_string(files.into_iter().find(is_it).unwrap()).unwrap()
    }

    /// What unbound logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("unbound.log")).unwrap_or_default()
    }
}

fn absolute(zone: &str) -> String {
    if zone == "." { zone.to_owned() } else { format!("{zone}.") }
}

/// The text of a zone as it is served.
fn made(dir: &Path, zone: &str, content: &str, signing: Signing) -> String {
    let origin = absolute(zone);
    let mut text = format!(
        "$ORIGIN {origin}\n$TTL 300\n@ SOA ns.example. hostmaster.example. 1 3600 600 86400 60\n@ NS ns.example.\n{content}"
    );
    if zone == "example" {
        text.push_str("ns A 127.0.0.1\n");
    }
    for (child, _, child_signing) in ZONES.iter().filter(|it| is_right_below(it.0, zone)) {
        writeln!(text, "{child}. NS ns.example.").unwrap();
        if *child == "unknown.example" {
            let digest = "ab".repeat(32);
            writeln!(text, "{child}. DS 4711 200 2 {digest}").unwrap();
        }
        if !matches!(child_signing, Signing::None) {
            text.push_str(&fs::read_to_string(dir.join(format!("dsset-{child}."))).unwrap());
        }
    }
    if zone == "nokeys.example" {
        // The parent vouches for keys that are not there.
        sign(dir, zone, &text, &[]);
        return text;
    }
    match signing {
        Signing::None => text,
        Signing::Nsec => broken(zone, sign(dir, zone, &text, &[])),
        Signing::Nsec3(options) => sign(dir, zone, &text, options),
        // Signed in two steps, so that the keys' own signatures are good.
        Signing::At(options) => sign(dir, zone, &text, options),
    }
}

fn is_right_below(child: &str, zone: &str) -> bool {
    if zone == "." {
        return child == "example";
    }
    let inner = child.strip_suffix(zone).and_then(|it| it.strip_suffix('.'));
    // `plain.optout.example` is delegated by the content of its parent.
    inner.is_some_and(|it| !it.is_empty() && !it.contains('.')) && child != "plain.optout.example"
}

/// Signs a zone with one key of its own and leaves `dsset-` beside it.
fn sign(dir: &Path, zone: &str, text: &str, options: &[&str]) -> String {
    let origin = absolute(zone);
    let file = format!("zone-{origin}");
    fs::write(dir.join(&file), text).unwrap();
    let made = tool(dir, "dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", &origin]);
    let key = made.stdout.trim().to_owned();
    let signed = format!("{file}.signed");
    let fixed = ["-q", "-P", "-z", "-o", &origin, "-O", "full", "-f", &signed];
    let args: Vec<&str> = fixed.iter().chain(options).copied().chain(["-S", &file]).collect();
    let done = tool(dir, "dnssec-signzone", &args);
    assert!(!key.is_empty(), "{done:?}");
    fs::read_to_string(dir.join(signed)).unwrap()
}

fn tool(dir: &Path, program: &str, args: &[&str]) -> Finished {
    let done = run(Command::new(program).args(args).current_dir(dir), "");
    assert_eq!(done.code, Some(0), "{program} {args:?}: {done:?}");
    done
}

/// The zone as an attacker or a careless operator leaves it.
fn broken(zone: &str, text: String) -> String {
    let without = |gone: &dyn Fn(&str) -> bool| -> String {
        text.lines().filter(|it| !gone(it)).map(|it| format!("{it}\n")).collect()
    };
    match zone {
        "forged.example" => text.replace("192.0.2.53", "203.0.113.53"),
        "stripped.example" => {
            without(&|it| it.starts_with("www.stripped") && it.contains("RRSIG\tA "))
        }
        "nodenial.example" => without(&|it| it.contains("NSEC")),
        _ => text,
    }
}

/// A validating unbound that trusts the anchors in `dir` and finds what there is at these places.
fn resolver(dir: &Path, places: &str) -> (SocketAddr, Process) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!(
        r#"server:
  interface: {ip}@{port}
  do-daemonize: no
  use-syslog: no
  logfile: "{dir}/unbound.log"
  verbosity: 1
  chroot: ""
  username: ""
  directory: "{dir}"
  pidfile: ""
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "{dir}/dsset-."
  qname-minimisation: no
  ede: yes
  val-log-level: 1
  minimal-responses: no
{places}remote-control:
  control-enable: no
"#,
        ip = address.ip(),
        port = address.port(),
        dir = dir.display(),
    );
    fs::write(dir.join("unbound.conf"), config).unwrap();
    let process =
        Process::start(Command::new("unbound").arg("-d").arg("-c").arg(dir.join("unbound.conf")));
    let log = dir.join("unbound.log");
    super::wait_until("unbound runs", || {
        fs::read_to_string(&log).is_ok_and(|it| it.contains("start of service"))
    });
    (address, process)
}

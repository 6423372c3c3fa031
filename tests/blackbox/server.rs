//! Squint and its peers as forwarders to the upstreams of a suite, each a process with a folder of its own.

use crate::{
    authority::Authority,
    client::Places,
    ports::free_port,
    process::{Process, run, wait_until},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

/// How often a server is started on other ports.
const STARTS_MAX: usize = 3;

/// How long a reload may take, and how often is looked.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Squint,
    Unbound,
    Bind,
    Dnsmasq,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Squint, Self::Unbound, Self::Bind, Self::Dnsmasq];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Squint => "Squint",
            Self::Unbound => "unbound",
            Self::Bind => "BIND",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// What a peer says of its version.
    pub(crate) fn version(self) -> String {
        let (program, option) = match self {
            Self::Squint => return env!("CARGO_PKG_VERSION").to_owned(),
            Self::Unbound => ("unbound", "-V"),
            Self::Bind => ("named", "-v"),
            Self::Dnsmasq => ("dnsmasq", "--version"),
        };
        let done = run(Command::new(program).arg(option), "");
        let words =
            done.stdout.split_whitespace().find(|it| it.starts_with(|c: char| c.is_ascii_digit()));
        words.unwrap_or_default().to_owned()
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) places: Places,
    kind: Kind,
    process: Process,
    dir: TempDir,
}

impl Server {
    /// Starts one that forwards to these; `config` is more of Squint's configuration.
    pub(crate) fn start(kind: Kind, upstreams: &[SocketAddr], config: &str) -> Self {
        Self::start_with(kind, upstreams, config, &[])
    }

    /// The same with these files beside the configuration.
    pub(crate) fn start_with(
        kind: Kind,
        upstreams: &[SocketAddr],
        config: &str,
        files: &[(&str, &str)],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        // Other programs take ports as well: whoever finds one taken is started again on others.
        for _ in 0..STARTS_MAX {
            let [plain, dot, doh, doh3, doq] =
                [(); 5].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
            let mut places = Places { plain, dot, doh, doh3, doq, roots: None };
            let mut command = match kind {
                Kind::Squint => squint(dir.path(), &mut places, upstreams, config),
                Kind::Unbound => unbound(dir.path(), plain, upstreams),
                Kind::Bind => bind(dir.path(), plain, upstreams),
                Kind::Dnsmasq => dnsmasq(plain, upstreams),
            };
            let mut process = Process::start(&mut command);
            if is_up(kind, &mut process, plain) {
                return Self { kind, places, process, dir };
            }
            let told = process.stderr();
            assert!(told.contains("listen") || told.contains("in use"), "{command:?}: {told}");
        }
        panic!("no free ports in {STARTS_MAX} tries")
    }

    /// Has it read everything again; `reloads` counts how often it has.
    pub(crate) async fn reload(&self, reloads: usize) {
        self.process.signal("HUP");
        let mut waited = Duration::ZERO;
        while self.process.stderr().matches("SIGHUP: policy").count() < reloads {
            assert!(waited < PATIENCE, "no reload: {}", self.process.stderr());
            tokio::time::sleep(STEP).await;
            waited += STEP;
        }
    }

    /// Octets of memory in use.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Stops it, and tells its log; ours has to end well, without a fault on the way.
    pub(crate) fn stop(self) -> String {
        if self.kind != Kind::Squint {
            return self.process.stderr();
        }
        self.process.signal("TERM");
        let done = self.process.wait();
        assert!(done.code == Some(0) && !done.stderr.contains("panicked"), "{done:?}");
        done.stderr
    }
}

/// Waits until the server answers; `false` where it has ended.
fn is_up(kind: Kind, process: &mut Process, plain: SocketAddr) -> bool {
    if kind == Kind::Squint {
        return process.wait_for_line(|it| it.starts_with("try: dig")).is_some();
    }
    let mut is_running = true;
    wait_until("the server answers", || {
        is_running = process.is_running();
        !is_running || TcpStream::connect(plain).is_ok()
    });
    is_running
}

fn squint(dir: &Path, places: &mut Places, upstreams: &[SocketAddr], config: &str) -> Command {
    let authority = Authority::new();
    authority.write(dir);
    authority.issue(dir, &["127.0.0.1"]);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()).unwrap();
    places.roots = Some(Arc::new(roots));
    let servers: Vec<String> = upstreams.iter().map(|it| format!("udp://{it}")).collect();
    let text = format!(
        "server.listen = [\"{}\"]\nserver.listen_tls = [\"{}\"]\nserver.listen_https = [\"{}\"]\n\
         server.listen_h3 = [\"{}\"]\nserver.listen_quic = [\"{}\"]\ntls.certificate = \"cert.pem\"\ntls.key = \"key.pem\"\n\
         upstream.servers = {servers:?}\nhistory.enabled = false\n{config}",
        places.plain, places.dot, places.doh, places.doh3, places.doq,
    );
    fs::write(dir.join("config.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_squint"));
    command.env_clear().current_dir(dir).args(["serve", "--config", "config.toml"]);
    command.arg("--data-dir").arg(dir.join("state"));
    command
}

fn unbound(dir: &Path, listen: SocketAddr, upstreams: &[SocketAddr]) -> Command {
    let mut text = format!(
        "server:\n interface: {}@{}\n access-control: 127.0.0.0/8 allow\n chroot: \"\"\n username: \"\"\n \
         pidfile: \"\"\n directory: \"{}\"\n use-syslog: no\n do-daemonize: no\n do-not-query-localhost: no\n \
         module-config: \"iterator\"\nforward-zone:\n name: \".\"\n",
        listen.ip(),
        listen.port(),
        dir.display(),
    );
    for it in upstreams {
        writeln!(text, " forward-addr: {}@{}", it.ip(), it.port()).unwrap();
    }
    fs::write(dir.join("unbound.conf"), text).unwrap();
    let mut command = Command::new("unbound");
    command.arg("-d").arg("-c").arg(dir.join("unbound.conf"));
    command
}

fn bind(dir: &Path, listen: SocketAddr, upstreams: &[SocketAddr]) -> Command {
    let forwarders: String =
        upstreams.iter().map(|it| format!("{} port {}; ", it.ip(), it.port())).collect();
    let text = format!(
        "options {{ directory \"{}\"; listen-on port {} {{ {}; }}; listen-on-v6 {{ none; }}; recursion yes; \
         allow-query {{ any; }}; allow-recursion {{ any; }}; forward only; forwarders {{ {forwarders}}}; \
         dnssec-validation no; pid-file none; lock-file none; session-keyfile none; }};\ncontrols {{ }};\n",
        dir.display(),
        listen.port(),
        listen.ip(),
    );
    fs::write(dir.join("named.conf"), text).unwrap();
    let mut command = Command::new("named");
    command.arg("-g").arg("-c").arg(dir.join("named.conf"));
    command
}

fn dnsmasq(listen: SocketAddr, upstreams: &[SocketAddr]) -> Command {
    let mut command = Command::new("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", "--user=root"]);
    command.args(["--no-resolv", "--no-hosts", "--bind-interfaces", "--cache-size=10000"]);
    command
        .arg(format!("--listen-address={}", listen.ip()))
        .arg(format!("--port={}", listen.port()));
    for it in upstreams {
        command.arg(format!("--server={}#{}", it.ip(), it.port()));
    }
    command
}

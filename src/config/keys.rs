//! What a configuration file may say, and what holds where it says nothing.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    problem::Problem,
    value::{self, Domain, Optional},
};
use crate::{
    hunt::Own,
    list::{self, Kind},
    name::Class,
    proxy::{Prefix6, Prefix64},
    server::{CertificateSource, Prefix, RateLimit},
    upstream::{Strategy, Url},
    verdict::{Action, Mode},
};

/// Everything that `config.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where Squint listens and whom it serves.
    pub server: Server,
    /// What its encrypted listeners show.
    pub tls: Tls,
    /// Whom it asks.
    pub upstream: Upstream,
    /// Whether it validates their answers.
    pub dnssec: Dnssec,
    /// Whether it makes IPv6 addresses of IPv4 ones.
    pub dns64: Dns64,
    /// How long it remembers answers.
    pub cache: Cache,
    /// Which domains look-alikes imitate.
    pub protect: Protect,
    /// What is done about look-alikes.
    pub lookalike: Lookalike,
    /// What is done about names on platforms.
    pub platform: Platform,
    /// Lists of blocked and allowed names, in the order of precedence.
    #[serde(rename = "list")]
    pub lists: Vec<List>,
    /// The operator's own rules.
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
    /// What sinkholed queries are answered with.
    pub sinkhole: Sinkhole,
    /// Whether it is remembered which names were asked.
    pub seen: Seen,
    /// What is recorded.
    pub history: History,
    /// Whom to ask about names under a suffix.
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
    /// What is allowed but probably not meant.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Addresses and ports, UDP and TCP alike.
    #[serde(with = "value::texts")]
    pub listen: Vec<SocketAddr>,
    /// Addresses and ports for DNS over TLS.
    #[serde(with = "value::texts")]
    pub listen_tls: Vec<SocketAddr>,
    /// Addresses and ports for DNS over HTTPS.
    #[serde(with = "value::texts")]
    pub listen_https: Vec<SocketAddr>,
    /// Addresses and ports for DNS over QUIC.
    #[serde(with = "value::texts")]
    pub listen_quic: Vec<SocketAddr>,
    /// Addresses and ports for DNS over HTTP/3.
    #[serde(with = "value::texts")]
    pub listen_h3: Vec<SocketAddr>,
    /// Threads that answer over UDP; 0 for one per core.
    #[serde(deserialize_with = "value::whole::<0, 256, _, _>")]
    pub workers: usize,
    /// Clients served besides those of private and local networks.
    #[serde(with = "value::texts")]
    pub allow: Vec<Prefix>,
    /// UDP queries a second that are answered to one network; 0 for no limit.
    #[serde(deserialize_with = "value::whole::<0, 10_000_000, _, _>")]
    pub rate_limit: u32,
    /// Whether that holds for private and local networks as well.
    pub rate_limit_private: bool,
    /// Proxies that say for whom they speak.
    #[serde(with = "value::texts")]
    pub proxy_protocol: Vec<Prefix>,
    /// Whether Firefox may turn to its own DNS over HTTPS.
    pub firefox_doh: bool,
    /// Whether Apple's devices may turn to iCloud Private Relay.
    pub private_relay: bool,
}

impl Default for Server {
    fn default() -> Self {
        const PORT: u16 = 5300;
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, PORT).into(), (Ipv6Addr::LOCALHOST, PORT).into()],
            listen_tls: Vec::new(),
            listen_https: Vec::new(),
            listen_quic: Vec::new(),
            listen_h3: Vec::new(),
            workers: 0,
            allow: Vec::new(),
            rate_limit: RateLimit::default().per_sec,
            rate_limit_private: RateLimit::default().everywhere,
            proxy_protocol: Vec::new(),
            firefox_doh: false,
            private_relay: false,
        }
    }
}

impl Server {
    /// How many UDP queries of one network are answered.
    pub fn rate(&self) -> RateLimit {
        RateLimit { per_sec: self.rate_limit, everywhere: self.rate_limit_private }
    }
}

/// `[tls]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The file with the certificate and those that vouch for it, absolute or seen from the working folder; empty for none.
    pub certificate: PathBuf,
    /// The file with its private key; empty for none.
    pub key: PathBuf,
    /// Whether a certificate is made at each start instead.
    pub self_signed: bool,
}

impl Tls {
    /// Where the certificate comes from, if there is to be one.
    pub fn source(&self) -> Option<CertificateSource> {
        if self.self_signed {
            return Some(CertificateSource::SelfSigned);
        }
        let Self { certificate, key, .. } = self.clone();
        (!certificate.as_os_str().is_empty())
            .then_some(CertificateSource::Files { certificate, key })
    }
}

/// `[upstream]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// Servers to forward to; none for those that the system uses.
    #[serde(with = "value::texts")]
    pub servers: Vec<Url>,
    /// How one of several servers is chosen, of those of a route as well.
    #[serde(with = "value::word")]
    pub strategy: Strategy,
    /// Servers that know the names of private addresses; none for those that the system uses while `servers` has none either.
    #[serde(with = "value::texts")]
    pub private_reverse: Vec<Url>,
    /// Whether servers are told for whom a client asks that says so.
    pub client_subnet: bool,
    /// Servers that look up the names of those; none for the ones that the system uses.
    #[serde(with = "value::texts")]
    pub bootstrap: Vec<Url>,
    /// A file with authorities that vouch for servers besides the public ones, absolute or seen from the working folder; empty for
    /// none.
    pub ca: PathBuf,
}

/// `[[route]]`: a suffix whose names are asked of servers of their own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The suffix, itself included.
    #[serde(with = "value::text")]
    pub suffix: Domain,
    /// The servers.
    #[serde(with = "value::texts")]
    pub servers: Vec<Url>,
}

/// `[dnssec]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dnssec {
    /// Whether answers are validated.
    pub validate: bool,
    /// Domains whose names are not, subdomains included.
    #[serde(with = "value::texts")]
    pub negative_anchors: Vec<Domain>,
    /// A file with trust anchors in place of the root zone's, absolute or seen from the working folder; empty for none.
    pub trust_anchors: PathBuf,
}

/// `[dns64]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns64 {
    /// What made-up addresses begin with; none where no addresses are made.
    #[serde(with = "value::text")]
    pub prefix: Optional<Prefix64>,
    /// Real addresses that count as none.
    #[serde(with = "value::texts")]
    pub exclude: Vec<Prefix6>,
}

impl Default for Dns64 {
    fn default() -> Self {
        let mapped = "::ffff:0:0/96".parse().expect("a prefix written here parses");
        Self { prefix: Optional(None), exclude: vec![mapped] }
    }
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Memory that answers may take, in MiB.
    #[serde(deserialize_with = "value::whole::<1, 65_536, _, _>")]
    pub size_mb: u64,
    /// Lower TTLs are raised to this.
    #[serde(deserialize_with = "value::whole::<0, 3_600, _, _>")]
    pub ttl_min_secs: u32,
    /// Higher TTLs are lowered to this.
    #[serde(deserialize_with = "value::whole::<1, 604_800, _, _>")]
    pub ttl_max_secs: u32,
    /// Whether an answer past its time is served where no upstream gives a better one.
    pub stale: bool,
    /// Whether popular answers are asked for again shortly before they expire.
    pub prefetch: bool,
}

impl Default for Cache {
    fn default() -> Self {
        Self { size_mb: 64, ttl_min_secs: 0, ttl_max_secs: 86_400, stale: true, prefetch: true }
    }
}

/// `[protect]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Protect {
    /// The operator's own domains.
    #[serde(with = "value::texts")]
    pub domains: Vec<Domain>,
    /// Those of them for which typos are looked for although their label is short or a word.
    #[serde(with = "value::texts")]
    pub typos: Vec<Domain>,
    /// Domains that are never look-alikes of them.
    #[serde(with = "value::texts")]
    pub owned: Vec<Domain>,
    /// Whether the built-in brands are protected.
    pub brands: bool,
}

impl Protect {
    /// The domains as text.
    pub fn own(&self) -> Own {
        let texts = |domains: &[Domain]| domains.iter().map(ToString::to_string).collect();
        let Self { domains, typos, owned, .. } = self;
        Own { domains: texts(domains), typos: texts(typos), owned: texts(owned) }
    }
}

impl Default for Protect {
    fn default() -> Self {
        Self { domains: Vec::new(), typos: Vec::new(), owned: Vec::new(), brands: true }
    }
}

/// `[lookalike]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lookalike {
    /// Whether look-alikes are looked for, and whether that acts.
    #[serde(with = "value::word")]
    pub mode: Mode,
    /// The score from which a name is logged, 0 to 100.
    #[serde(deserialize_with = "value::whole::<0, 100, _, _>")]
    pub log: u8,
    /// The score from which a name is sinkholed, 0 to 100.
    #[serde(deserialize_with = "value::whole::<0, 100, _, _>")]
    pub block: u8,
    /// Whether well-known domains are never judged look-alikes.
    pub known_good: bool,
    /// Files with more such domains, absolute or seen from the working folder.
    pub known_good_files: Vec<PathBuf>,
    /// What they hold, once they are read.
    #[serde(skip)]
    pub known_good_sites: Arc<[String]>,
    /// Domains that hosts of this network append to names, besides those that this host appends.
    #[serde(with = "value::texts")]
    pub search_domains: Vec<Domain>,
}

impl Default for Lookalike {
    fn default() -> Self {
        Self {
            mode: Mode::Monitor,
            log: 50,
            block: 80,
            known_good: true,
            known_good_files: Vec::new(),
            known_good_sites: Arc::default(),
            search_domains: Vec::new(),
        }
    }
}

/// `[platform]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Platform {
    /// Whether platforms are looked for, and whether that acts.
    #[serde(with = "value::word")]
    pub mode: Mode,
    /// The operator's own tenants, hosts and contents (`platform::Allow` reads them).
    pub allow: Vec<String>,
    /// The action for content addressed by hash.
    #[serde(with = "value::word")]
    pub ipfs_gateway: Action,
    /// The action for application and site hosting.
    #[serde(with = "value::word")]
    pub paas: Action,
    /// The action for URL shorteners.
    #[serde(with = "value::word")]
    pub shortener: Action,
    /// The action for tunnels.
    #[serde(with = "value::word")]
    pub tunnel: Action,
    /// The action for dynamic DNS.
    #[serde(with = "value::word")]
    pub dynamic_dns: Action,
    /// The action for site builders and free web space.
    #[serde(with = "value::word")]
    pub free_hosting: Action,
    /// The action for link-in-bio pages.
    #[serde(with = "value::word")]
    pub link_in_bio: Action,
    /// The action for business software with a name per customer.
    #[serde(with = "value::word")]
    pub saas_tenant: Action,
    /// The action for security-awareness training.
    #[serde(with = "value::word")]
    pub simulated_phishing: Action,
}

impl Platform {
    /// The action for a class of platforms.
    pub const fn action(&self, class: Class) -> Action {
        match class {
            Class::IpfsGateway => self.ipfs_gateway,
            Class::Paas => self.paas,
            Class::Shortener => self.shortener,
            Class::Tunnel => self.tunnel,
            Class::DynamicDns => self.dynamic_dns,
            Class::FreeHosting => self.free_hosting,
            Class::LinkInBio => self.link_in_bio,
            Class::SaasTenant => self.saas_tenant,
            Class::SimulatedPhishing => self.simulated_phishing,
        }
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            mode: Mode::Monitor,
            allow: Vec::new(),
            ipfs_gateway: Action::Log,
            paas: Action::Log,
            shortener: Action::Log,
            tunnel: Action::Log,
            dynamic_dns: Action::Log,
            free_hosting: Action::Log,
            link_in_bio: Action::Log,
            saas_tenant: Action::Pass,
            simulated_phishing: Action::Pass,
        }
    }
}

/// `[[list]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The word by which sentences and events name it; no two lists share one.
    pub name: String,
    /// Its file, absolute or seen from the working folder.
    pub path: PathBuf,
    /// What it is for.
    #[serde(with = "value::word", default = "List::kind_default")]
    pub kind: Kind,
    /// What is done with its names; of no account for a list of allowed names.
    #[serde(with = "value::word", default = "List::action_default")]
    pub action: Action,
    /// Whether it acts.
    #[serde(with = "value::word", default = "List::mode_default")]
    pub mode: Mode,
}

impl List {
    const fn kind_default() -> Kind {
        Kind::Block
    }

    const fn action_default() -> Action {
        Action::Sinkhole
    }

    const fn mode_default() -> Mode {
        Mode::Enforce
    }

    /// The list as the index takes it.
    pub fn head(&self) -> list::List {
        let Self { name, path: _, kind, action, mode } = self;
        list::List { name: name.clone(), kind: *kind, action: *action, mode: *mode }
    }
}

/// `[[rule]]`: a domain with its subdomains.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The domain.
    #[serde(with = "value::text")]
    pub name: Domain,
    /// What is done with it.
    #[serde(with = "value::word")]
    pub action: Action,
}

/// `[sinkhole]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sinkhole {
    /// The answer to A.
    #[serde(with = "value::text")]
    pub ipv4: Ipv4Addr,
    /// The answer to AAAA.
    #[serde(with = "value::text")]
    pub ipv6: Ipv6Addr,
    /// For how long clients may keep a made-up answer.
    #[serde(deserialize_with = "value::whole::<0, 86_400, _, _>")]
    pub ttl_secs: u32,
}

impl Default for Sinkhole {
    fn default() -> Self {
        Self { ipv4: Ipv4Addr::UNSPECIFIED, ipv6: Ipv6Addr::UNSPECIFIED, ttl_secs: 10 }
    }
}

/// `[seen]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seen {
    /// Whether names asked in the last 30 days are remembered, so that new ones can be told.
    pub enabled: bool,
}

/// `[history]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// Whether queries are recorded at all.
    pub enabled: bool,
    /// A file that would grow past this many octets is set aside.
    #[serde(deserialize_with = "value::whole::<65_536, 1_099_511_627_776, _, _>")]
    pub file_bytes_max: u64,
    /// Files kept beside the current one.
    #[serde(deserialize_with = "value::whole::<0, 10_000, _, _>")]
    pub files_max: u32,
    /// Days after which a file is removed.
    #[serde(deserialize_with = "value::whole::<1, 36_500, _, _>")]
    pub age_days_max: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { enabled: true, file_bytes_max: 16 << 20, files_max: 16, age_days_max: 30 }
    }
}

//! Names of clients, for people: the hosts file first, then PTR records from the local network's own resolvers.

use super::{Ask, Upstreams, clock};
use crate::{dns::rtype, name::Name};
use quick_cache::sync::Cache;
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::AbortHandle, time};

/// How many clients' names are kept.
pub const NAMES_MAX: usize = 4096;

/// How many look-ups wait for their turn; more are forgotten and asked for again later.
pub const LOOKUPS_MAX: usize = 64;

/// How long one look-up may take.
const LOOKUP_MAX: Duration = Duration::from_secs(2);

/// How long a name is kept, whatever its TTL says.
const KEPT_MIN: Duration = Duration::from_mins(1);
const KEPT_MAX: Duration = Duration::from_hours(1);

/// How long it is remembered that a client has no name, or that nobody could be asked.
const NAMELESS: Duration = Duration::from_mins(10);

/// How old what was read from the hosts file may be.
const HOSTS_MAX: Duration = Duration::from_mins(1);

/// The largest hosts file that is read, in octets.
const HOSTS_LEN_MAX: u64 = 1024 * 1024;

/// The names of clients with private addresses. Ends its look-ups when dropped.
#[derive(Debug)]
pub struct Names {
    known: Arc<Cache<IpAddr, Known>>,
    lookups: mpsc::Sender<IpAddr>,
    task: AbortHandle,
}

#[derive(Debug, Clone)]
struct Known {
    name: Option<Arc<str>>,
    until: Instant,
}

impl Names {
    /// Starts the task that looks names up, on the current tokio runtime: in `hosts`, and among the upstreams that `whom` gives
    /// for a name, where all of them have private addresses. Names of private networks are nobody else's business (RFC 6303).
    pub fn start(
        whom: impl Fn(&Name) -> Option<Arc<Upstreams>> + Send + Sync + 'static,
        hosts: PathBuf,
    ) -> Self {
        let known = Arc::new(Cache::new(NAMES_MAX));
        let (lookups, queue) = mpsc::channel(LOOKUPS_MAX);
        let (whom, hosts) = (Box::new(whom), Hosts::new(hosts));
        let task = Lookups { known: Arc::clone(&known), whom, hosts };
        let task = tokio::spawn(task.run(queue)).abort_handle();
        Self { known, lookups, task }
    }

    /// The name of the client at `ip`, lower case and escaped, when it is known already; never waits. An unknown one is looked
    /// up meanwhile, unless its address is a public one.
    pub fn of(&self, ip: IpAddr) -> Option<Arc<str>> {
        let ip = ip.to_canonical();
        if !is_private(ip) {
            return None;
        }
        let now = clock::now();
        let known = self.known.get(&ip);
        if let Some(known) = &known
            && known.until > now
        {
            return known.name.clone();
        }
        let name = known.and_then(|it| it.name);
        if self.lookups.try_send(ip).is_ok() {
            // What was known serves until the look-up is done, which so is not asked for twice.
            self.known.insert(ip, Known { name: name.clone(), until: now + KEPT_MIN });
        }
        name
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whom to ask about a name; nobody where it is nobody's business.
type Whom = dyn Fn(&Name) -> Option<Arc<Upstreams>> + Send + Sync;

struct Lookups {
    known: Arc<Cache<IpAddr, Known>>,
    whom: Box<Whom>,
    hosts: Hosts,
}

impl Lookups {
    async fn run(mut self, mut queue: mpsc::Receiver<IpAddr>) {
        while let Some(ip) = queue.recv().await {
            let (name, kept) = match self.hosts.find(ip, clock::now()) {
                Some(name) => (Some(name), KEPT_MIN),
                None => self.ask(ip).await.unwrap_or((None, NAMELESS)),
            };
            self.known.insert(ip, Known { name, until: clock::now() + kept });
        }
    }

    async fn ask(&self, ip: IpAddr) -> Option<(Option<Arc<str>>, Duration)> {
        let name = reverse(ip);
        let upstreams = (self.whom)(&name)?;
        let urls = upstreams.urls();
        if !urls.iter().all(|it| it.address().is_some_and(|it| is_private(it.ip().to_canonical())))
        {
            return None;
        }
        let ask = Ask::new(name, rtype::PTR);
        let answer = time::timeout(LOOKUP_MAX, upstreams.forward(&ask)).await.ok()?.ok()?.answer;
        let name = answer.pointers().next().map(|it| it.text())?;
        let kept = Duration::from_secs(answer.lifetime_secs().unwrap_or(0).into());
        Some((Some(name.into()), kept.clamp(KEPT_MIN, KEPT_MAX)))
    }
}

/// The name under which an address has its PTR record (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reverse(ip: IpAddr) -> Name {
    let mut text = String::with_capacity(72);
    let written = match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            write!(text, "{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => ip
            .octets()
            .iter()
            .rev()
            .try_for_each(|it| write!(text, "{:x}.{:x}.", it & 0xf, it >> 4))
            .and_then(|()| write!(text, "ip6.arpa")),
    };
    written.expect("a string takes everything");
    Name::parse(&text).expect("digits and dots make a name")
}

/// Loopback, RFC 1918, RFC 6598, link-local and ULA addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// The hosts file, read again when what is known of it has aged.
struct Hosts {
    file: PathBuf,
    names: HashMap<IpAddr, Arc<str>>,
    read: Option<Instant>,
}

impl Hosts {
    fn new(file: PathBuf) -> Self {
        Self { file, names: HashMap::new(), read: None }
    }

    fn find(&mut self, ip: IpAddr, now: Instant) -> Option<Arc<str>> {
        if self.read.is_none_or(|it| now.saturating_duration_since(it) >= HOSTS_MAX) {
            self.read = Some(now);
            let small = fs::metadata(&self.file).is_ok_and(|it| it.len() <= HOSTS_LEN_MAX);
            let text = if small { fs::read(&self.file).unwrap_or_default() } else { Vec::new() };
            self.names = parse(&String::from_utf8_lossy(&text));
        }
        self.names.get(&ip).map(Arc::clone)
    }
}

/// The first name of each address, as hosts(5) describes the file.
fn parse(text: &str) -> HashMap<IpAddr, Arc<str>> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let ip = words.next().and_then(|it| it.parse::<IpAddr>().ok());
        let name = words.next().and_then(|it| Name::parse(it).ok());
        if let (Some(ip), Some(name)) = (ip, name) {
            names.entry(ip.to_canonical()).or_insert_with(|| name.text().into());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Exchange, Strategy,
            fake::{Fake, Said, answer, rcode},
        },
        *,
    };

    #[test]
    fn addresses_are_reversed() {
        let check =
            |ip: &str, expected: &str| assert_eq!(reverse(ip.parse().unwrap()).text(), expected);
        check("192.0.2.1", "1.2.0.192.in-addr.arpa");
        check(
            "fd00::12",
            "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
        );
    }

    #[test]
    fn public_addresses_are_told_from_private_ones() {
        let check = |ip: &str, expected: bool| {
            assert_eq!(is_private(ip.parse().unwrap()), expected, "{ip}")
        };
        check("127.0.0.1", true);
        check("10.1.2.3", true);
        check("172.31.0.1", true);
        check("172.32.0.1", false);
        check("192.168.1.1", true);
        check("100.64.0.1", true);
        check("100.128.0.1", false);
        check("169.254.1.1", true);
        check("192.0.2.1", false);
        check("::1", true);
        check("fd00::1", true);
        check("fe80::1", true);
        check("2001:db8::1", false);
    }

    #[test]
    fn the_hosts_file_is_read() {
        let names = parse(
            "127.0.0.1 localhost\n# 10.0.0.9 no\n10.0.0.1\tNAS.lan nas # here\n10.0.0.1 other\n10.0.0.2\nx y\n::1 ip6-localhost\n",
        );
        let find = |ip: &str| names.get(&ip.parse::<IpAddr>().unwrap()).map(|it| &**it);
        assert_eq!(find("127.0.0.1"), Some("localhost"));
        assert_eq!(find("10.0.0.1"), Some("nas.lan"));
        assert_eq!(find("::1"), Some("ip6-localhost"));
        assert_eq!((find("10.0.0.2"), find("10.0.0.9"), names.len()), (None, None, 3));
    }

    async fn soon(names: &Names, ip: &str) -> Option<Arc<str>> {
        let ip = ip.parse().unwrap();
        let look = async {
            loop {
                if let Some(name) = names.of(ip) {
                    return name;
                }
                time::sleep(Duration::from_millis(5)).await;
            }
        };
        time::timeout(Duration::from_millis(500), look).await.ok()
    }

    #[tokio::test]
    async fn clients_are_named_once_and_bounded() {
        let fake = Fake::start(|it| {
            let known = it.packet[13] == b'7';
            let rdata = b"\x07Printer\x03lan\x00";
            vec![Said::Now(if known { answer(&it.packet, 1, rdata) } else { rcode(&it.packet, 3) })]
        })
        .await;
        let dir = tempfile::tempdir().unwrap();
        let hosts = dir.path().join("hosts");
        fs::write(&hosts, "10.0.0.1 nas.lan\n").unwrap();
        let exchange = Exchange::start().unwrap();
        let upstreams = Upstreams::new(exchange, &[fake.udp()], Strategy::Fastest).unwrap();
        let upstreams = Arc::new(upstreams);
        let names = Names::start(move |_| Some(Arc::clone(&upstreams)), hosts);
        assert_eq!(names.of("10.0.0.1".parse().unwrap()), None);
        assert_eq!(soon(&names, "10.0.0.1").await.as_deref(), Some("nas.lan"));
        assert_eq!(soon(&names, "10.0.0.7").await.as_deref(), Some("printer.lan"));
        assert_eq!(soon(&names, "::ffff:10.0.0.7").await.as_deref(), Some("printer.lan"));
        assert_eq!(soon(&names, "10.0.0.8").await, None);
        assert_eq!(names.of("192.0.2.7".parse().unwrap()), None);
        assert_eq!(fake.heard().len(), 2);
    }

    #[tokio::test]
    async fn public_upstreams_are_not_told_of_private_addresses() {
        let exchange = Exchange::start().unwrap();
        let urls = ["192.0.2.1".parse().unwrap()];
        let upstreams = Arc::new(Upstreams::new(exchange, &urls, Strategy::Fastest).unwrap());
        let asked = Arc::clone(&upstreams);
        let names = Names::start(move |_| Some(Arc::clone(&asked)), PathBuf::from("/nonexistent"));
        assert_eq!(soon(&names, "10.0.0.7").await, None);
        assert_eq!(upstreams.counts().queries_udp, 0);
    }
}

//! The resolvers that the host itself uses, as `resolv.conf` says, and systemd's own file where that names only a stub; on Windows and
//! macOS, where there need be no such file, as the system says.

use super::{PORT_PLAIN, Url, url};
use crate::name::Name;
#[cfg(any(test, windows, target_vendor = "apple"))]
use hickory_resolver::config::ResolverConfig;
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
};

/// How many resolvers are used; the C library stops at three.
const SERVERS_MAX: usize = 8;

/// How many search domains are used; the C library once stopped at six.
const SEARCH_MAX: usize = 32;

/// The largest file that is read, in octets.
const FILE_MAX: u64 = 256 * 1024;

/// Where systemd-resolved listens for the host's own programs.
const STUBS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 53), Ipv4Addr::new(127, 0, 0, 54)];

/// The files that say which resolvers the host uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What the C library reads.
    pub resolv_conf: PathBuf,
    /// The resolvers behind systemd-resolved's stub.
    pub systemd: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            resolv_conf: "/etc/resolv.conf".into(),
            systemd: "/run/systemd/resolve/resolv.conf".into(),
        }
    }
}

/// What the host uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The resolvers, best first, Squint's own addresses left out; at least one.
    pub servers: Vec<Url>,
    /// The search domains in lower case, without trailing dots.
    pub search: Vec<String>,
    /// The file that names the resolvers.
    pub file: PathBuf,
}

/// Why the host's resolvers are not known.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}\nhint: {HINT}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No resolver is named.
    #[error("`{}` names no resolver\nhint: {HINT}", file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
    },
    /// Only Squint's own addresses are named.
    #[error("`{}` names only this server itself\nhint: {HINT}", file.display())]
    OnlyOwn {
        /// Which file.
        file: PathBuf,
    },
}

const HINT: &str = "name an upstream: `--upstream udp://192.0.2.1`, or `[upstream] servers = [\"udp://192.0.2.1\"]` in `config.toml`";

impl System {
    /// Reads the files. `own` are the addresses that Squint listens on; they are left out, and so is each address of this
    /// host where `own` has the wildcard.
    pub fn read(paths: &Paths, own: &[SocketAddr]) -> Result<Self, SystemError> {
        let mut file = &paths.resolv_conf;
        let mut conf = Conf::of_host(file)?;
        let is_stub = |it: &SocketAddr| STUBS.iter().any(|stub| it.ip() == *stub);
        if conf.servers.iter().any(is_stub)
            && let Ok(behind) = Conf::read(&paths.systemd)
            && !behind.servers.is_empty()
        {
            file = &paths.systemd;
            conf.servers = behind.servers;
            if conf.search.is_empty() {
                conf.search = behind.search;
            }
        }
        let file = file.clone();
        if conf.servers.is_empty() {
            return Err(SystemError::Empty { file });
        }
        conf.servers.retain(|it| !is_own(*it, own));
        if conf.servers.is_empty() {
            return Err(SystemError::OnlyOwn { file });
        }
        let servers = conf.servers.into_iter().map(Url::Udp).collect();
        Ok(Self { servers, search: conf.search, file })
    }
}

/// What a `resolv.conf` says, as far as it concerns us.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conf {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
}

impl Conf {
    /// What stands in the file; where there is none, and the system keeps its settings elsewhere, what it has there.
    fn of_host(file: &Path) -> Result<Self, SystemError> {
        let read = Self::read(file);
        #[cfg(any(windows, target_vendor = "apple"))]
        if matches!(&read, Err(SystemError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound)
            && let Ok((config, _)) = hickory_resolver::system_conf::read_system_conf()
        {
            return Ok(Self::of_settings(&config));
        }
        read
    }

    /// The same of settings that hickory has read. An address of one link alone needs to say of which, and these do not.
    #[cfg(any(test, windows, target_vendor = "apple"))]
    fn of_settings(config: &ResolverConfig) -> Self {
        let mut conf = Self::default();
        for it in config.name_servers() {
            let is_of_link = matches!(it.ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
            let server = address(&it.ip.to_string()).filter(|it| !conf.servers.contains(it));
            if conf.servers.len() < SERVERS_MAX && !is_of_link {
                conf.servers.extend(server);
            }
        }
        let search = config.domain().into_iter().chain(config.search());
        let search = search.filter_map(|it| domain(&it.to_ascii()));
        conf.search = search.fold(Vec::new(), |mut all, it| {
            if all.len() < SEARCH_MAX && !all.contains(&it) {
                all.push(it);
            }
            all
        });
        conf
    }

    fn read(file: &Path) -> Result<Self, SystemError> {
        let read = fs::metadata(file).and_then(|it| {
            if it.len() > FILE_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            fs::read(file)
        });
        match read {
            Ok(octets) => Ok(Self::parse(&String::from_utf8_lossy(&octets))),
            Err(source) => Err(SystemError::Read { file: file.to_owned(), source }),
        }
    }

    /// Reads what resolv.conf(5) describes: the last of `domain` and `search` counts; lines that make no sense are passed over,
    /// as the C library does.
    fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let server = words.next().and_then(address);
                    let server = server.filter(|it| !conf.servers.contains(it));
                    if conf.servers.len() < SERVERS_MAX {
                        conf.servers.extend(server);
                    }
                }
                Some("domain") => conf.search = words.take(1).filter_map(domain).collect(),
                Some("search") => {
                    conf.search = words.filter_map(domain).take(SEARCH_MAX).collect();
                }
                _ => (),
            }
        }
        conf
    }
}

/// An address as `nameserver` names it, zone included. The wildcard stands for this host, as the C library takes it.
fn address(text: &str) -> Option<SocketAddr> {
    let found = match text.parse::<Ipv4Addr>() {
        Ok(ip) => SocketAddr::from((ip, PORT_PLAIN)),
        Err(_) => url::with_scope(text, PORT_PLAIN)?,
    };
    let ip = match found.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip if ip.is_multicast() => return None,
        _ => return Some(found),
    };
    Some(SocketAddr::new(ip, PORT_PLAIN))
}

/// A search domain; the root and what is no name are passed over.
fn domain(text: &str) -> Option<String> {
    Name::parse(text).ok().map(|it| it.text()).filter(|it| !it.is_empty())
}

/// Whether a server is one of the listeners in `own`, each address of this host included where `own` has the wildcard.
pub fn is_own(server: SocketAddr, own: &[SocketAddr]) -> bool {
    let ip = server.ip().to_canonical();
    own.iter().filter(|it| it.port() == server.port()).any(|listener| {
        let listens_on = listener.ip().to_canonical();
        let everywhere = match listens_on {
            IpAddr::V4(any) => any.is_unspecified() && ip.is_ipv4(),
            IpAddr::V6(any) => any.is_unspecified(),
        };
        listens_on == ip || (everywhere && is_local(server))
    })
}

/// Whether an address belongs to this host: nobody may bind to another's.
fn is_local(mut address: SocketAddr) -> bool {
    address.set_port(0);
    UdpSocket::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_are_read_as_the_manual_says() {
        let check = |text: &str, servers: &[&str], search: &[&str]| {
            let conf = Conf::parse(text);
            let got: Vec<_> = conf.servers.iter().map(ToString::to_string).collect();
            assert_eq!((got, conf.search), (owned(servers), owned(search)), "{text}");
        };
        check("", &[], &[]);
        check("nameserver 192.0.2.1\n", &["192.0.2.1:53"], &[]);
        check(
            "# a\n; b\nnameserver\t192.0.2.1\r\nnameserver 2001:db8::1 # why\noptions ndots:5 edns0\n",
            &["192.0.2.1:53", "[2001:db8::1]:53"],
            &[],
        );
        check("nameserver 192.0.2.1\nnameserver 192.0.2.1", &["192.0.2.1:53"], &[]);
        check("nameserver fe80::1%7", &["[fe80::1%7]:53"], &[]);
        check("nameserver fe80::1%no-such-interface\nnameserver", &[], &[]);
        check("nameserver dns.example\nnameserver 192.0.2.1:53\nnameservers 192.0.2.1", &[], &[]);
        check("nameserver 0.0.0.0\nnameserver ::", &["127.0.0.1:53", "[::1]:53"], &[]);
        check("nameserver 224.0.0.251", &[], &[]);
        check("search Corp.Example. lab.example", &[], &["corp.example", "lab.example"]);
        check("domain a.example b.example\nsearch b.example", &[], &["b.example"]);
        check("search b.example\ndomain a.example", &[], &["a.example"]);
        check("search . a..b corp.example", &[], &["corp.example"]);
    }

    #[test]
    fn settings_of_a_system_without_a_file_are_read() {
        use hickory_resolver::{config::NameServerConfig, proto::rr::Name};
        let servers = ["192.0.2.1", "fe80::1", "2001:db8::1", "192.0.2.1", "0.0.0.0"];
        let servers = servers.map(|it| NameServerConfig::udp_and_tcp(it.parse().unwrap()));
        let [corp, lab] = ["Corp.Example.", "lab.example."].map(|it| Name::from_ascii(it).unwrap());
        let check = |domain: Option<Name>, search: Vec<Name>, expected: &[&str]| {
            let config = ResolverConfig::from_parts(domain, search, servers.to_vec());
            let conf = Conf::of_settings(&config);
            let got: Vec<_> = conf.servers.iter().map(ToString::to_string).collect();
            assert_eq!(got, ["192.0.2.1:53", "[2001:db8::1]:53", "127.0.0.1:53"]);
            assert_eq!(conf.search, expected);
        };
        check(Some(corp.clone()), vec![lab, corp], &["corp.example", "lab.example"]);
        check(Some(Name::root()), Vec::new(), &[]);
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|it| (*it).to_owned()).collect()
    }

    /// A folder with both files; `None` leaves one out.
    fn files(resolv_conf: Option<&str>, systemd: Option<&str>) -> (tempfile::TempDir, Paths) {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths {
            resolv_conf: dir.path().join("resolv.conf"),
            systemd: dir.path().join("systemd.conf"),
        };
        for (file, text) in [(&paths.resolv_conf, resolv_conf), (&paths.systemd, systemd)] {
            if let Some(text) = text {
                fs::write(file, text).unwrap();
            }
        }
        (dir, paths)
    }

    #[test]
    fn the_resolvers_behind_a_stub_are_used() {
        let check = |resolv_conf: &str, systemd: Option<&str>, expected: &[&str]| {
            let (_dir, paths) = files(Some(resolv_conf), systemd);
            let system = System::read(&paths, &[]).unwrap();
            let got: Vec<_> = system.servers.iter().map(ToString::to_string).collect();
            assert_eq!(got, owned(expected));
            system
        };
        let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n";
        let behind = Some("nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch corp.example\n");
        let system = check(stub, behind, &["udp://192.0.2.1:53", "udp://192.0.2.2:53"]);
        assert_eq!(system.search, ["lan"]);
        assert!(system.file.ends_with("systemd.conf"));
        let system =
            check("nameserver 127.0.0.54\n", behind, &["udp://192.0.2.1:53", "udp://192.0.2.2:53"]);
        assert_eq!(system.search, ["corp.example"]);
        check(stub, None, &["udp://127.0.0.53:53"]);
        check(stub, Some("# nothing yet\n"), &["udp://127.0.0.53:53"]);
        let system = check("nameserver 192.0.2.9\n", behind, &["udp://192.0.2.9:53"]);
        assert!(system.file.ends_with("resolv.conf"));
    }

    #[test]
    fn own_addresses_are_left_out() {
        let check = |server: &str, own: &str, expected: bool| {
            let server: Url = server.parse().unwrap();
            assert_eq!(is_own(server.address().unwrap(), &[own.parse().unwrap()]), expected);
        };
        check("127.0.0.1", "127.0.0.1:53", true);
        check("127.0.0.1", "127.0.0.1:5300", false);
        check("127.0.0.1", "127.0.0.2:53", false);
        check("127.0.0.9", "0.0.0.0:53", true);
        check("127.0.0.9", "[::]:53", true);
        check("::ffff:127.0.0.9", "127.0.0.9:53", true);
        check("192.0.2.1", "0.0.0.0:53", false);
        check("192.0.2.1", "[::]:53", false);
        check("2001:db8::1", "0.0.0.0:53", false);
    }

    #[test]
    fn nothing_left_says_why() {
        let check = |resolv_conf: Option<&str>, expected: &str| {
            let (_dir, paths) = files(resolv_conf, None);
            let own = ["127.0.0.1:53".parse().unwrap()];
            let error = System::read(&paths, &own).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("--upstream"), "{error}");
        };
        check(None, "cannot read");
        check(Some("search corp.example\n"), "names no resolver");
        check(Some("nameserver 127.0.0.1\n"), "only this server itself");
    }

    proptest! {
        #[test]
        fn any_file_is_read(text in "(nameserver|search|domain|#)?[ \\PC\n]{0,60}") {
            let conf = Conf::parse(&text);
            prop_assert!(conf.servers.len() <= SERVERS_MAX && conf.search.len() <= SEARCH_MAX);
        }
    }
}

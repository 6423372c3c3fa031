//! Upstream URLs: where a server is and by which way it is asked.

use crate::name::Name;
use rustls::pki_types::ServerName;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    str,
};

/// The port of plain DNS.
pub const PORT_PLAIN: u16 = 53;

/// The port of DNS over TLS (RFC 7858 section 3.1) and over QUIC (RFC 9250 section 4.1.1).
pub const PORT_TLS: u16 = 853;

/// The port of HTTPS.
pub const PORT_HTTPS: u16 = 443;

/// The path that nearly every DNS server over HTTPS answers at.
const PATH_DEFAULT: &str = "/dns-query";

/// What some write behind the path, as RFC 8484 section 4.1 has it.
const TEMPLATE: &str = "{?dns}";

/// The schemes that [`Url`] reads, as an error lists them.
const SCHEMES: &str = "`udp://`, `tcp://`, `tls://`, `https://`, `h3://`, `quic://`";

/// One upstream as the configuration writes it: `udp://192.0.2.1`, `tcp://[2001:db8::1]:5353`, `tls://dns.example`,
/// `tls://192.0.2.1#dns.example`, `https://dns.example/dns-query`, or a bare address.
///
/// Displayed in full form, so that two texts of one upstream display alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Url {
    /// Plain DNS over UDP, and over TCP where an answer is truncated (RFC 1035 section 4.2, RFC 7766).
    Udp(SocketAddr),
    /// Plain DNS over TCP only.
    Tcp(SocketAddr),
    /// DNS over TLS (RFC 7858).
    Tls(Secure),
    /// DNS over HTTPS (RFC 8484), at this path.
    Https(Secure, Box<str>),
    /// The same over HTTP/3 (RFC 9114).
    Http3(Secure, Box<str>),
    /// DNS over QUIC (RFC 9250).
    Quic(Secure),
}

/// Where a server is that has to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Secure {
    /// At an address.
    At {
        /// Where.
        address: SocketAddr,
        /// What its certificate has to be made for; `None` for the address.
        name: Option<Box<str>>,
    },
    /// At the addresses of its name, for which its certificate has to be made.
    Named {
        /// The name in lower case.
        name: Box<str>,
        /// The port.
        port: u16,
    },
}

impl Secure {
    /// Its address; `None` where its name has to be looked up.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::At { address, .. } => Some(*address),
            Self::Named { .. } => None,
        }
    }

    /// Name or address and port, as HTTP names the server asked.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::At { address, name: Some(name) } => format!("{name}:{}", address.port()),
            // The zone of an address means something here only.
            Self::At { address, name: None } => {
                SocketAddr::new(address.ip(), address.port()).to_string()
            }
            Self::Named { name, port } => format!("{name}:{port}"),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
        match self {
            Self::At { address, name: Some(name) } => write!(f, "{address}{path}#{name}"),
            Self::At { address, name: None } => write!(f, "{address}{path}"),
            Self::Named { name, port } => write!(f, "{name}:{port}{path}"),
        }
    }
}

/// Why a text is no upstream URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing is there.
    #[error("the upstream is empty\nhint: write one as `udp://192.0.2.1:53`")]
    Empty,
    /// A scheme that this version does not speak.
    #[error("unknown scheme `{0}://`\nhint: known are {SCHEMES}, and a bare address for `udp://`")]
    Scheme(String),
    /// What stands for an address is none; host names are looked up only where the server proves its name.
    #[error(
        "`{0}` is not an address\nhint: write `udp://192.0.2.1:53` or `udp://[2001:db8::1]:53`; only `tls://`, `https://`, `h3://` and `quic://` take names"
    )]
    Address(String),
    /// What stands for a name is none.
    #[error(
        "`{0}` is not a host name\nhint: write `tls://dns.example` or `tls://192.0.2.1#dns.example`"
    )]
    Name(String),
    /// A port that is no number from 1 to 65535.
    #[error("`{0}` is not a port from 1 to 65535")]
    Port(String),
    /// An address that no server answers on: the wildcard, a multicast or broadcast address.
    #[error("`{0}` is not the address of one server")]
    NotUnicast(IpAddr),
    /// A path, query or fragment, which this way has no use for.
    #[error("`{0}` follows the address, where nothing may stand")]
    Rest(String),
    /// A path that HTTP cannot carry.
    #[error("`{0}` is not the path of a URL")]
    Path(String),
}

impl Url {
    /// Where the server is; `None` where its name has to be looked up.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Udp(address) | Self::Tcp(address) => Some(*address),
            Self::Tls(server)
            | Self::Https(server, _)
            | Self::Http3(server, _)
            | Self::Quic(server) => server.address(),
        }
    }

    /// The scheme without `://`.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Udp(_) => "udp",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Https(..) => "https",
            Self::Http3(..) => "h3",
            Self::Quic(_) => "quic",
        }
    }

    /// Whether nobody on the way can read what is asked, and the server proves who it is.
    pub const fn is_secure(&self) -> bool {
        !matches!(self, Self::Udp(_) | Self::Tcp(_))
    }
}

impl str::FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Udp(address(text, PORT_PLAIN)?));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "udp" => Ok(Self::Udp(plain(rest)?)),
            "tcp" => Ok(Self::Tcp(plain(rest)?)),
            "tls" => Ok(Self::Tls(without_more(rest)?)),
            "quic" => Ok(Self::Quic(without_more(rest)?)),
            "https" => with_path(rest).map(|(server, path)| Self::Https(server, path)),
            "h3" => with_path(rest).map(|(server, path)| Self::Http3(server, path)),
            _ => Err(UrlError::Scheme(shown(scheme))),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme())?;
        match self {
            Self::Udp(address) | Self::Tcp(address) => write!(f, "{address}"),
            Self::Tls(server) | Self::Quic(server) => server.write(f, ""),
            Self::Https(server, path) | Self::Http3(server, path) => server.write(f, path),
        }
    }
}

/// A server that needs no path.
fn without_more(rest: &str) -> Result<Secure, UrlError> {
    let (rest, name) = split_name(rest)?;
    secure(without_path(rest)?, name, PORT_TLS)
}

/// A server and the path at which it is asked.
fn with_path(rest: &str) -> Result<(Secure, Box<str>), UrlError> {
    let (rest, name) = split_name(rest)?;
    let rest = rest.strip_suffix(TEMPLATE).unwrap_or(rest);
    let (place, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let path = if matches!(path, "" | "/") { PATH_DEFAULT } else { path };
    if !path.bytes().all(|it| it.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&it)) {
        return Err(UrlError::Path(shown(path)));
    }
    Ok((secure(place, name, PORT_HTTPS)?, path.into()))
}

fn plain(rest: &str) -> Result<SocketAddr, UrlError> {
    address(without_path(rest)?, PORT_PLAIN)
}

fn without_path(rest: &str) -> Result<&str, UrlError> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    match rest.find(['/', '?', '#']) {
        Some(at) => Err(UrlError::Rest(shown(&rest[at..]))),
        None => Ok(rest),
    }
}

/// Takes `#dns.example` off the end.
fn split_name(rest: &str) -> Result<(&str, Option<Box<str>>), UrlError> {
    match rest.split_once('#') {
        Some((rest, name)) => Ok((rest, Some(host_name(name)?))),
        None => Ok((rest, None)),
    }
}

fn host_name(text: &str) -> Result<Box<str>, UrlError> {
    let wrong = || UrlError::Name(shown(text));
    let name = Name::parse(text).map_err(|_| wrong())?.text();
    match ServerName::try_from(name.as_str()) {
        Ok(ServerName::DnsName(_)) => Ok(name.into()),
        _ => Err(wrong()),
    }
}

/// An address or a name, with a port or without.
fn secure(place: &str, name: Option<Box<str>>, port: u16) -> Result<Secure, UrlError> {
    let is_address = place.starts_with('[')
        || place.matches(':').count() >= 2
        || place.split(':').next().is_some_and(|it| it.parse::<Ipv4Addr>().is_ok());
    if is_address {
        return Ok(Secure::At { address: address(place, port)?, name });
    }
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, self::port(port)?),
        None => (place, port),
    };
    let host = host_name(host)?;
    // A name that is looked up and another one to be proved: nobody needs that, and it reads like a mistake.
    match name {
        Some(other) if other != host => Err(UrlError::Rest(format!("#{other}"))),
        _ => Ok(Secure::Named { name: host, port }),
    }
}

/// Hostile or mistyped text as an error repeats it: escaped and cut.
fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

/// `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]`, `[fe80::1%2]:53`.
fn address(text: &str, port: u16) -> Result<SocketAddr, UrlError> {
    let found = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err(UrlError::Address(shown(text)));
        };
        let port = match after.strip_prefix(':') {
            Some(port) => self::port(port)?,
            None if after.is_empty() => port,
            None => return Err(UrlError::Rest(shown(after))),
        };
        with_scope(host, port)
    } else if text.matches(':').count() >= 2 {
        with_scope(text, port)
    } else {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, self::port(port)?),
            None => (text, port),
        };
        host.parse::<Ipv4Addr>().ok().map(|it| SocketAddr::from((it, port)))
    };
    let found = found.ok_or_else(|| UrlError::Address(shown(text)))?;
    let ip = found.ip();
    let broadcast = matches!(ip, IpAddr::V4(it) if it.is_broadcast());
    if ip.is_unspecified() || ip.is_multicast() || broadcast {
        return Err(UrlError::NotUnicast(ip));
    }
    Ok(found)
}

fn port(text: &str) -> Result<u16, UrlError> {
    match text.parse() {
        Ok(port) if port != 0 && text.bytes().all(|it| it.is_ascii_digit()) => Ok(port),
        _ => Err(UrlError::Port(shown(text))),
    }
}

/// An IPv6 address with its zone, by number or by interface name (RFC 4007 section 11): `fe80::1%eth0`.
pub(super) fn with_scope(text: &str, port: u16) -> Option<SocketAddr> {
    let (host, zone) = text.split_once('%').map_or((text, None), |(host, zone)| (host, Some(zone)));
    let ip: Ipv6Addr = host.parse().ok()?;
    let scope_id = match zone {
        None => 0,
        Some(zone) => zone.parse().ok().or_else(|| super::kernel::interface_index(zone))?,
    };
    Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope_id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read_and_shown_in_full() {
        let check = |input: &str, expected: &str| {
            let url: Url = input.parse().unwrap();
            assert_eq!(url.to_string(), expected);
            assert_eq!(expected.parse(), Ok(url));
        };
        check("192.0.2.1", "udp://192.0.2.1:53");
        check(" 192.0.2.1:5353 ", "udp://192.0.2.1:5353");
        check("udp://192.0.2.1", "udp://192.0.2.1:53");
        check("UDP://192.0.2.1/", "udp://192.0.2.1:53");
        check("tcp://192.0.2.1:54", "tcp://192.0.2.1:54");
        check("2001:db8::1", "udp://[2001:db8::1]:53");
        check("[2001:db8::1]", "udp://[2001:db8::1]:53");
        check("tcp://[2001:DB8::1]:5353", "tcp://[2001:db8::1]:5353");
        check("udp://[fe80::1%3]:53", "udp://[fe80::1%3]:53");
        check("::ffff:192.0.2.1", "udp://[::ffff:192.0.2.1]:53");
        check("tls://9.9.9.9#dns.quad9.net", "tls://9.9.9.9:853#dns.quad9.net");
        check("tls://192.0.2.1", "tls://192.0.2.1:853");
        check("tls://[2001:db8::1]:8853#DNS.Example.", "tls://[2001:db8::1]:8853#dns.example");
        check("TLS://Dns.Example/", "tls://dns.example:853");
        check("tls://dns.example:8853", "tls://dns.example:8853");
        check("tls://bücher.example", "tls://xn--bcher-kva.example:853");
        check("quic://dns.example", "quic://dns.example:853");
        check("quic://192.0.2.1#dns.example", "quic://192.0.2.1:853#dns.example");
        check("https://dns.example/dns-query", "https://dns.example:443/dns-query");
        check("https://dns.example", "https://dns.example:443/dns-query");
        check("https://dns.example/", "https://dns.example:443/dns-query");
        check("https://dns.example/dns-query{?dns}", "https://dns.example:443/dns-query");
        check("https://dns.example:8443/a/b?c=d", "https://dns.example:8443/a/b?c=d");
        check("https://192.0.2.1/x#dns.example", "https://192.0.2.1:443/x#dns.example");
        check("https://[2001:db8::1]", "https://[2001:db8::1]:443/dns-query");
        check("h3://dns.example", "h3://dns.example:443/dns-query");
        check("H3://192.0.2.1:8443/x{?dns}#dns.example", "h3://192.0.2.1:8443/x#dns.example");
        check("tls://dns.example#dns.example", "tls://dns.example:853");
    }

    #[test]
    fn bad_urls_say_why() {
        let check =
            |input: &str, expected: UrlError| assert_eq!(input.parse::<Url>(), Err(expected));
        check(" ", UrlError::Empty);
        check("sdns://AQ", UrlError::Scheme("sdns".to_owned()));
        check("dns.example", UrlError::Address("dns.example".to_owned()));
        check("udp://dns.example:53", UrlError::Address("dns.example:53".to_owned()));
        check("tls://a b", UrlError::Name("a b".to_owned()));
        check("tls://", UrlError::Name(String::new()));
        check("tls://192.0.2.1#192.0.2.1", UrlError::Name("192.0.2.1".to_owned()));
        check("tls://dns.example#other.example", UrlError::Rest("#other.example".to_owned()));
        check("tls://dns.example/dns-query", UrlError::Rest("/dns-query".to_owned()));
        check("tls://dns.example:0", UrlError::Port("0".to_owned()));
        check("https://dns.example/a b", UrlError::Path("/a b".to_owned()));
        check("https://0.0.0.0", UrlError::NotUnicast(Ipv4Addr::UNSPECIFIED.into()));
        check("192.0.2.1:0", UrlError::Port("0".to_owned()));
        check("192.0.2.1:+53", UrlError::Port("+53".to_owned()));
        check("192.0.2.1:70000", UrlError::Port("70000".to_owned()));
        check("udp://[2001:db8::1", UrlError::Address("[2001:db8::1".to_owned()));
        check("udp://[2001:db8::1]x", UrlError::Rest("x".to_owned()));
        check("[192.0.2.1]", UrlError::Address("[192.0.2.1]".to_owned()));
        check("udp://192.0.2.1/dns-query", UrlError::Rest("/dns-query".to_owned()));
        check("0.0.0.0", UrlError::NotUnicast(Ipv4Addr::UNSPECIFIED.into()));
        check("255.255.255.255", UrlError::NotUnicast(Ipv4Addr::BROADCAST.into()));
        check("ff02::fb", UrlError::NotUnicast("ff02::fb".parse().unwrap()));
        check("fe80::1%no-such-interface", UrlError::Address("fe80::1%no-such-interface".into()));
    }

    #[test]
    fn unknown_schemes_list_the_known_ones() {
        let text = "gopher://192.0.2.1".parse::<Url>().unwrap_err().to_string();
        assert!(
            text.contains("`udp://`, `tcp://`, `tls://`, `https://`, `h3://`, `quic://`"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(scheme in "(udp://|tls://|https://|h3://)?", rest in "\\PC{0,40}") {
            let text = scheme + &rest;
            if let Ok(url) = text.parse::<Url>() {
                prop_assert_eq!(url.to_string().parse::<Url>(), Ok(url));
            }
        }

        #[test]
        fn addresses_read_back(ip: [u8; 4], port in 1_u16..) {
            let address = SocketAddr::from((Ipv4Addr::from(ip), port));
            prop_assume!(!address.ip().is_unspecified() && !address.ip().is_multicast());
            prop_assume!(ip != [255; 4]);
            prop_assert_eq!(address.to_string().parse(), Ok(Url::Udp(address)));
        }
    }
}

//! Upstream URLs: where a server is and by which way it is asked.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    str,
};

/// The port of plain DNS.
pub const PORT_PLAIN: u16 = 53;

/// The schemes that [`Url`] reads, as an error lists them.
const SCHEMES: &str = "`udp://`, `tcp://`";

/// One upstream as the configuration writes it: `udp://192.0.2.1`, `tcp://[2001:db8::1]:5353`, or a bare address.
///
/// Displayed in full form, so that two texts of one upstream display alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Url {
    /// Plain DNS over UDP, and over TCP where an answer is truncated (RFC 1035 section 4.2, RFC 7766).
    Udp(SocketAddr),
    /// Plain DNS over TCP only.
    Tcp(SocketAddr),
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
    /// What stands for an address is none; host names are not looked up.
    #[error(
        "`{0}` is not an address\nhint: write `udp://192.0.2.1:53` or `udp://[2001:db8::1]:53`"
    )]
    Address(String),
    /// A port that is no number from 1 to 65535.
    #[error("`{0}` is not a port from 1 to 65535")]
    Port(String),
    /// An address that no server answers on: the wildcard, a multicast or broadcast address.
    #[error("`{0}` is not the address of one server")]
    NotUnicast(IpAddr),
    /// A path, query or fragment, which plain DNS has no use for.
    #[error("`{0}` follows the address, where nothing may stand")]
    Rest(String),
}

impl Url {
    /// Where the server is.
    pub const fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::Tcp(address) => *address,
        }
    }

    /// The scheme without `://`.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Udp(_) => "udp",
            Self::Tcp(_) => "tcp",
        }
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
            return Ok(Self::Udp(address(text)?));
        };
        let make = match scheme.to_ascii_lowercase().as_str() {
            "udp" => Self::Udp,
            "tcp" => Self::Tcp,
            _ => return Err(UrlError::Scheme(shown(scheme))),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(at) = rest.find(['/', '?', '#']) {
            return Err(UrlError::Rest(shown(&rest[at..])));
        }
        Ok(make(address(rest)?))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.address())
    }
}

/// Hostile or mistyped text as an error repeats it: escaped and cut.
fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

/// `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]`, `[fe80::1%2]:53`.
fn address(text: &str) -> Result<SocketAddr, UrlError> {
    let found = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err(UrlError::Address(shown(text)));
        };
        let port = match after.strip_prefix(':') {
            Some(port) => self::port(port)?,
            None if after.is_empty() => PORT_PLAIN,
            None => return Err(UrlError::Rest(shown(after))),
        };
        with_scope(host, port)
    } else if text.matches(':').count() >= 2 {
        with_scope(text, PORT_PLAIN)
    } else {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, self::port(port)?),
            None => (text, PORT_PLAIN),
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
    }

    #[test]
    fn bad_urls_say_why() {
        let check =
            |input: &str, expected: UrlError| assert_eq!(input.parse::<Url>(), Err(expected));
        check(" ", UrlError::Empty);
        check("sdns://AQ", UrlError::Scheme("sdns".to_owned()));
        check("dns.example", UrlError::Address("dns.example".to_owned()));
        check("udp://dns.example:53", UrlError::Address("dns.example:53".to_owned()));
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
        assert!(text.contains("`udp://`, `tcp://`"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
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

//! DNS64 (RFC 6147): IPv6 addresses for names that have IPv4 ones alone, for networks behind a NAT64.

use super::{
    Proxy,
    fetch::{self, Fetched, is_bogus},
    router::Ways,
    special::{Kind, TTL_SECS},
};
use crate::{
    dns::{Answer, Made, Outgoing, Query, Rcode, class, rtype},
    name::Name,
    upstream::{Ask, ForwardError, Forwarded, Upstreams},
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::pin,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{timeout, timeout_at};

/// How long a made-up address may be kept where no SOA record says how long there is none (RFC 6147 section 5.1.7).
const TTL_SECS_MAX: u32 = 600;

/// How long nothing may be said of IPv6 addresses before IPv4 ones are asked for as well: silence counts as a failure, and a failure
/// as none (RFC 6147 section 5.1.3).
const SILENCE_MAX: Duration = Duration::from_millis(1500);

/// The prefix that every network may use (RFC 6052 section 2.1).
const WELL_KNOWN: Prefix64 =
    Prefix64 { network: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), bits: 96 };

/// The octet that stays zero in every address with an IPv4 one in it (RFC 6052 section 2.2).
const ZERO_OCTET: usize = 8;

/// How IPv6 addresses are made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dns64 {
    /// What they begin with.
    pub prefix: Prefix64,
    /// Real addresses that count as none.
    pub exclude: Vec<Prefix6>,
}

/// An IPv6 prefix that carries IPv4 addresses: of 32, 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix64 {
    network: Ipv6Addr,
    bits: u8,
}

/// An IPv6 prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix6 {
    network: Ipv6Addr,
    bits: u8,
}

/// A text that is no such prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Not an address, a slash and a number of bits.
    #[error("not an IPv6 prefix\nhint: write it as `64:ff9b::/96`")]
    Text,
    /// Bits beyond the length.
    #[error("bits are set after the prefix's end")]
    Bits,
    /// No prefix of this length carries IPv4 addresses.
    #[error(
        "its length is not 32, 40, 48, 56, 64 or 96\nhint: RFC 6052 section 2.2 has these alone"
    )]
    Length,
    /// Bits 64 to 71 are not zero.
    #[error("bits 64 to 71 must be zero\nhint: RFC 6052 section 2.2 reserves them")]
    Reserved,
}

impl FromStr for Prefix6 {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (network, bits) = text.split_once('/').ok_or(PrefixError::Text)?;
        let is_number = !bits.is_empty() && bits.bytes().all(|it| it.is_ascii_digit());
        let bits =
            bits.parse().ok().filter(|it| is_number && *it <= 128).ok_or(PrefixError::Text)?;
        let network: Ipv6Addr = network.parse().map_err(|_| PrefixError::Text)?;
        let prefix = Self { network, bits };
        if prefix.host_bits(network) == 0 { Ok(prefix) } else { Err(PrefixError::Bits) }
    }
}

impl fmt::Display for Prefix6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

impl Prefix6 {
    fn host_bits(self, address: Ipv6Addr) -> u128 {
        let mask = u128::MAX.checked_shr(self.bits.into()).unwrap_or(0);
        address.to_bits() & mask
    }

    fn contains(self, address: Ipv6Addr) -> bool {
        address.to_bits() - self.host_bits(address) == self.network.to_bits()
    }
}

impl FromStr for Prefix64 {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let Prefix6 { network, bits } = text.parse()?;
        if !matches!(bits, 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(PrefixError::Length);
        }
        if network.octets()[ZERO_OCTET] != 0 {
            return Err(PrefixError::Reserved);
        }
        Ok(Self { network, bits })
    }
}

impl fmt::Display for Prefix64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

impl Prefix64 {
    /// The IPv6 address that stands for an IPv4 one.
    fn embed(self, address: Ipv4Addr) -> Ipv6Addr {
        let mut octets = self.network.octets();
        for (place, octet) in self.places().zip(address.octets()) {
            octets[place] = octet;
        }
        octets.into()
    }

    /// The IPv4 address for which an IPv6 one stands; `None` where it begins otherwise.
    fn extract(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let Self { network, bits } = self;
        let octets = address.octets();
        let within = Prefix6 { network, bits }.contains(address) && octets[ZERO_OCTET] == 0;
        let mut found = [0; 4];
        for (octet, place) in found.iter_mut().zip(self.places()) {
            *octet = octets[place];
        }
        within.then(|| found.into())
    }

    /// Where the octets of the IPv4 address stand.
    fn places(self) -> impl Iterator<Item = usize> {
        (usize::from(self.bits / 8)..16).filter(|it| *it != ZERO_OCTET).take(4)
    }

    /// The IPv6 address for an IPv4 one that may be reached through a NAT64; `None` for one that means nothing there: this host, this
    /// link, groups, and behind the well-known prefix all that is not of the Internet (RFC 6052 section 3.1), but for the addresses of
    /// documentation, which the examples of RFC 6147 section 7 translate.
    fn translate(self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        let [a, b, c, _] = address.octets();
        let nowhere = a == 0 || a >= 224 || address.is_loopback() || address.is_link_local();
        let apart = address.is_private()
            || (a == 100 && b & 0xc0 == 64)
            || (a == 198 && b & 0xfe == 18)
            || (a == 192 && b == 0 && c == 0);
        let lost = nowhere || (self == WELL_KNOWN && apart);
        (!lost).then(|| self.embed(address))
    }

    /// The suffix in `ip6.arpa` of names for the addresses with this prefix.
    pub(super) fn reverse_zone(self) -> Name {
        let nibbles = usize::from(self.bits / 4);
        let digits = nibbles_of(self.network);
        let labels: Vec<String> =
            digits[..nibbles].iter().rev().map(|it| format!("{it:x}")).collect();
        Name::parse(&format!("{}.ip6.arpa", labels.join("."))).unwrap_or(Name::ROOT)
    }

    /// The name in `in-addr.arpa` for which one in `ip6.arpa` stands; `None` where that is not of a whole address.
    pub(super) fn reverse_target(self, name: &Name) -> Option<Name> {
        let digit = |label: &[u8]| match label {
            [it] => char::from(*it).to_digit(16),
            _ => None,
        };
        let digits: Vec<u32> = name.labels().take(32).map(digit).collect::<Option<_>>()?;
        let whole = digits.len() == 32 && name.label_count() == 34;
        let bits = digits.iter().rev().fold(0_u128, |bits, it| bits << 4 | u128::from(*it));
        let [a, b, c, d] = self.extract(bits.into()).filter(|_| whole)?.octets();
        Name::parse(&format!("{d}.{c}.{b}.{a}.in-addr.arpa")).ok()
    }
}

fn nibbles_of(address: Ipv6Addr) -> Vec<u8> {
    address.octets().iter().flat_map(|it| [it >> 4, it & 15]).collect()
}

impl Dns64 {
    /// Whether a question is one for which addresses may be made up: not from those who check signatures themselves, who would
    /// take them for forged (RFC 6147 section 5.5).
    pub(super) fn concerns(&self, ask: &Ask) -> bool {
        ask.qtype == rtype::AAAA
            && ask.qclass == class::IN
            && !(ask.dnssec_ok && ask.checking_disabled)
    }

    fn is_excluded(&self, address: Ipv6Addr) -> bool {
        self.exclude.iter().any(|it| it.contains(address))
    }
}

impl Proxy {
    /// The answer to a question; where it has no IPv6 addresses, and the network has use for them, made of IPv4 ones.
    pub(super) async fn forward_or_translate(
        &self,
        (ways, route): (&Ways, u16),
        upstreams: &Upstreams,
        ask: &Ask,
        until: Instant,
    ) -> Result<Forwarded, ForwardError> {
        let first = self.forward((ways, route), upstreams, ask, until);
        let Some(dns64) = ways.dns64.as_ref().filter(|it| it.concerns(ask)) else {
            return first.await;
        };
        let asked = Ask { qtype: rtype::A, ..ask.clone() };
        let mut first = pin!(first);
        let mut first = match timeout(SILENCE_MAX, &mut first).await {
            Ok(it) => it?,
            Err(_) => {
                let made = async {
                    let second =
                        self.forward((ways, route), upstreams, &asked, until).await.ok()?;
                    self.made_of(dns64, &second, TTL_SECS_MAX)
                };
                tokio::select! {
                    it = first => it?,
                    Some(made) = made => return Ok(made),
                }
            }
        };
        first.answer.keep_ipv6(|it| !dns64.is_excluded(it));
        if first.answer.addresses().any(|it| it.is_ipv6()) {
            return Ok(first);
        }
        // NXDOMAIN is true of every type, and bogus is bogus; any other failure may be about AAAA alone (RFC 6147 section 5.1.2).
        if first.answer.rcode() == Rcode::NXDOMAIN || is_bogus(&first.answer) {
            return Ok(first);
        }
        let forwarding = self.forward((ways, route), upstreams, &asked, until);
        let Ok(Ok(second)) = timeout_at(until.into(), forwarding).await else { return Ok(first) };
        if is_bogus(&second.answer)
            && let Some(answer) = second.answer.for_type(ask.qtype)
        {
            return Ok(Forwarded { answer, server: second.server });
        }
        let ttl_secs_max = first.answer.lifetime_secs().unwrap_or(TTL_SECS_MAX);
        Ok(self.made_of(dns64, &second, ttl_secs_max).unwrap_or(first))
    }

    /// The answer that has the IPv4 addresses of another one in it; `None` where that has none.
    fn made_of(&self, dns64: &Dns64, second: &Forwarded, ttl_secs_max: u32) -> Option<Forwarded> {
        let map = |it| dns64.prefix.translate(it);
        let answer = second.answer.translated(map, ttl_secs_max)?;
        self.metrics.here().dns64_made.bump();
        Some(Forwarded { answer, server: Arc::clone(&second.server) })
    }

    /// The answer to a query for a name that is answered here, whose special suffix has `suffix_len` octets in wire form.
    pub(super) async fn special(
        self: &Arc<Self>,
        (ways, received): (&Arc<Ways>, Instant),
        query: &Query<'_>,
        (kind, suffix_len): (Kind, u8),
    ) -> Answer {
        let own = match (kind, &ways.dns64) {
            (Kind::Reverse64, Some(dns64)) if query.qclass == class::IN => {
                self.reverse((ways, received), query, dns64.prefix).await
            }
            (Kind::Ipv4Only, Some(dns64)) if query.qclass == class::IN => {
                ipv4_only(query, suffix_len, dns64.prefix)
            }
            _ => None,
        };
        match own {
            Some(answer) => answer,
            None => self.special.answer(query, kind, suffix_len).await,
        }
    }

    /// What the name of an IPv4 address says, for the name of an address made of it (RFC 6147 section 5.3.1); `None` for names above
    /// and below.
    async fn reverse(
        self: &Arc<Self>,
        (ways, received): (&Arc<Ways>, Instant),
        query: &Query<'_>,
        prefix: Prefix64,
    ) -> Option<Answer> {
        let target = prefix.reverse_target(&query.name)?;
        let mut packet = Vec::with_capacity(64);
        let (name, qtype, qclass) = (&target, query.qtype, query.qclass);
        Outgoing { cd: query.cd, ..Outgoing::plain(name, qtype, qclass) }.write(&mut packet);
        let asked = Query::parse(&packet).ok()?;
        let way = ways.find(&asked);
        let rest = match way.special {
            Some((kind, suffix_len)) => self.special.answer(&asked, kind, suffix_len).await,
            None => match self
                .fetch(fetch::asked(&asked, ways), (ways, way.route, received), None)
                .await
            {
                Fetched::Entry(entry) => entry.answer.clone(),
                Fetched::Slow | Fetched::Failed(_) => Made::Empty(Rcode::SERVFAIL).answer(&asked),
            },
        };
        match rest.rcode() {
            Rcode::NOERROR | Rcode::NXDOMAIN => Answer::renamed(query, &target, &rest),
            failure => Some(Made::Empty(failure).answer(query)),
        }
    }
}

/// The name by which hosts find the prefix: its IPv4 addresses are known, and so are those made of them (RFC 7050 section 3,
/// RFC 8880 section 7.1). `None` for what does not exist.
fn ipv4_only(query: &Query<'_>, suffix_len: u8, prefix: Prefix64) -> Option<Answer> {
    let known = [170, 171].map(|it| Ipv4Addr::new(192, 0, 0, it));
    let addresses: Vec<IpAddr> = match query.qtype {
        rtype::A => known.map(IpAddr::V4).into(),
        rtype::AAAA => known.map(|it| IpAddr::V6(prefix.embed(it))).into(),
        _ => return None,
    };
    let is_it = query.name.wire().len() == usize::from(suffix_len);
    is_it.then(|| Answer::addresses_for(query, &addresses, TTL_SECS))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> Prefix64 {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_embedded_as_rfc_6052_shows() {
        // Section 2.4.
        let address = Ipv4Addr::new(192, 0, 2, 33);
        for (text, expected) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221"),
            ("64:ff9b::/96", "64:ff9b::c000:221"),
        ] {
            let (prefix, expected) = (prefix(text), expected.parse().unwrap());
            assert_eq!(prefix.embed(address), expected, "{text}");
            assert_eq!(prefix.extract(expected), Some(address), "{text}");
            assert_eq!(prefix.extract("2001:db9::".parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn prefixes_parse_or_say_why_not() {
        let check = |text: &str, expected: Result<&str, PrefixError>| {
            let got: Result<Prefix64, _> = text.parse();
            assert_eq!(got.map(|it| it.to_string()), expected.map(str::to_owned), "{text}");
        };
        check("64:ff9b::/96", Ok("64:ff9b::/96"));
        check("2001:DB8::/32", Ok("2001:db8::/32"));
        check("64:ff9b::", Err(PrefixError::Text));
        check("64:ff9b::/+96", Err(PrefixError::Text));
        check("192.0.2.0/24", Err(PrefixError::Text));
        check("64:ff9b::/129", Err(PrefixError::Text));
        check("64:ff9b::1/96", Err(PrefixError::Bits));
        check("2001:db8::/33", Err(PrefixError::Length));
        check("2001:db8::ff00:0:0:0/96", Err(PrefixError::Reserved));
    }

    #[test]
    fn addresses_without_a_way_are_not_translated() {
        let check = |prefix: &str, text: &str, expected: bool| {
            let got = self::prefix(prefix).translate(text.parse().unwrap());
            assert_eq!(got.is_some(), expected, "{prefix} {text}");
        };
        for prefix in ["64:ff9b::/96", "2001:db8:64::/96"] {
            for nowhere in ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255"] {
                check(prefix, nowhere, false);
            }
            check(prefix, "8.8.8.8", true);
            check(prefix, "192.0.2.1", true);
        }
        for apart in ["10.0.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.0.8"] {
            check("64:ff9b::/96", apart, false);
            check("2001:db8:64::/96", apart, true);
        }
    }

    #[test]
    fn reverse_names_lead_to_ipv4_ones() {
        let check = |text: &str, name: &str, expected: Option<&str>| {
            let got = prefix(text).reverse_target(&Name::parse(name).unwrap());
            assert_eq!(got.map(|it| it.text()).as_deref(), expected, "{name}");
        };
        assert_eq!(prefix("2001:db8::/32").reverse_zone().text(), "8.b.d.0.1.0.0.2.ip6.arpa");
        let zone = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa";
        assert_eq!(prefix("64:ff9b::/96").reverse_zone().text(), zone);
        let whole = format!("1.2.2.0.0.0.0.c.{zone}");
        check("64:ff9b::/96", &whole, Some("33.2.0.192.in-addr.arpa"));
        check("64:ff9b::/96", zone, None);
        check("64:ff9b::/96", &format!("x.{whole}"), None);
        check("64:ff9b::/96", &format!("g.2.2.0.0.0.0.c.{zone}"), None);
        check("2001:db8::/32", &whole, None);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(bits in prop::sample::select(vec![32_u8, 40, 48, 56, 64, 96]), address: u32) {
            let prefix = prefix(&format!("2001:db8::/{bits}"));
            let address = Ipv4Addr::from(address);
            prop_assert_eq!(prefix.extract(prefix.embed(address)), Some(address));
        }

        #[test]
        fn any_text_is_read(text in ".{0,40}") {
            let _ = text.parse::<Prefix64>();
        }
    }
}

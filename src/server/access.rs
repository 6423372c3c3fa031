//! Access control: which addresses are served, and which are proxies that speak for others. One check for every transport.

use super::{interfaces, prefix::Prefix, rate::RateLimit};
use arc_swap::{ArcSwap, Guard};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::{BitAnd, Not},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the interfaces are read again.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(30);

/// Loopback, RFC 1918, RFC 6598 and link-local.
const SERVED_IPV4: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
];

/// Loopback, link-local and unique local (RFC 4193).
const SERVED_IPV6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
];

/// Who is served, as it stands now: the ranges served by default, the home prefixes of this host's interfaces, and
/// `[server] allow`. Reading it takes no lock.
#[derive(Debug)]
pub struct Access {
    served: ArcSwap<Served>,
    sources: Mutex<Sources>,
}

/// What [`Served`] is made of besides the defaults.
#[derive(Debug, Default)]
struct Sources {
    allow: Vec<Prefix>,
    home: Vec<Prefix>,
    rate: RateLimit,
    proxies: Vec<Prefix>,
}

impl Access {
    /// Serves the defaults, `allow`, and what the interfaces say right now; knows no proxies.
    pub fn new(allow: &[Prefix]) -> Self {
        let access = Self::fixed(allow);
        access.refresh();
        access
    }

    /// As [`Access::new`], without a look at the interfaces.
    fn fixed(allow: &[Prefix]) -> Self {
        let sources = Sources { allow: allow.to_vec(), ..Sources::default() };
        Self { served: ArcSwap::from_pointee(sources.served()), sources: Mutex::new(sources) }
    }

    /// Replaces what `[server] allow` says.
    pub fn set_allow(&self, allow: &[Prefix]) {
        self.change(|it| it.allow = allow.to_vec());
    }

    /// Replaces what `[server] rate_limit` says.
    pub fn set_rate(&self, rate: RateLimit) {
        self.change(|it| it.rate = rate);
    }

    /// Replaces what `[server] proxy_protocol` says: who speaks for others, and has to say for whom.
    pub fn set_proxies(&self, proxies: &[Prefix]) {
        self.change(|it| it.proxies = proxies.to_vec());
    }

    /// Reads the interfaces again; keeps what was known where that fails.
    pub fn refresh(&self) {
        match interfaces::home_prefixes() {
            Ok(home) => self.change(|it| it.home = home),
            Err(error) => tracing::warn!(%error, "cannot read the network interfaces"),
        }
    }

    /// Whether `address` is served.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.load().contains(address)
    }

    /// The ranges as they stand, for a batch of checks.
    pub(super) fn load(&self) -> Guard<Arc<Served>> {
        self.served.load()
    }

    /// Serves nobody at all.
    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        let nobody = Served {
            near: Ranges::default(),
            all: Ranges::default(),
            proxies: Ranges::default(),
            rate: RateLimit::default(),
        };
        Self { served: ArcSwap::from_pointee(nobody), sources: Mutex::default() }
    }

    fn change(&self, with: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        with(&mut sources);
        let served = sources.served();
        if served != **self.served.load() {
            self.served.store(Arc::new(served));
        }
    }
}

impl Sources {
    fn served(&self) -> Served {
        let near = Ranges::with(&self.home);
        let all = Ranges::with(self.allow.iter().chain(&self.home));
        let proxies = Ranges::default().and(&self.proxies);
        Served { near, all, proxies, rate: self.rate }
    }
}

/// Who is served, and how much; and who speaks for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// Private and local networks and those that this host is part of.
    near: Ranges,
    all: Ranges,
    proxies: Ranges,
    rate: RateLimit,
}

/// How a client stands to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its address is private, local, or of a network that this host is part of.
    Near,
    /// It is served because the configuration allows it.
    Allowed,
    /// It is not served.
    Stranger,
}

impl Served {
    #[inline]
    pub(super) fn standing(&self, address: IpAddr) -> Standing {
        if self.near.contains(address) {
            Standing::Near
        } else if self.all.contains(address) {
            Standing::Allowed
        } else {
            Standing::Stranger
        }
    }

    #[inline]
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.all.contains(address)
    }

    /// How many UDP queries a second are answered to a network of this standing; `None` for no limit.
    #[inline]
    pub(super) fn rate(&self, standing: Standing) -> Option<u32> {
        let holds = self.rate.per_sec > 0 && (standing != Standing::Near || self.rate.everywhere);
        holds.then_some(self.rate.per_sec)
    }

    /// Whether whoever sends from there speaks for others.
    #[inline]
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        !self.proxies.is_empty() && self.proxies.contains(address)
    }
}

/// Ranges of addresses: first and last, in order, disjoint.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ranges {
    ipv4: Vec<(u32, u32)>,
    ipv6: Vec<(u128, u128)>,
}

impl Ranges {
    /// The ranges served by default, and these.
    fn with<'a>(prefixes: impl IntoIterator<Item = &'a Prefix>) -> Self {
        let ipv4 = SERVED_IPV4.map(|(it, bits)| range_ipv4(it, bits)).into();
        let ipv6 = SERVED_IPV6.map(|(it, bits)| range_ipv6(it, bits)).into();
        Self { ipv4, ipv6 }.and(prefixes)
    }

    fn and<'a>(mut self, prefixes: impl IntoIterator<Item = &'a Prefix>) -> Self {
        for prefix in prefixes {
            match prefix.network() {
                IpAddr::V4(it) => self.ipv4.push(range_ipv4(it, prefix.bits())),
                IpAddr::V6(it) => self.ipv6.push(range_ipv6(it, prefix.bits())),
            }
        }
        Self { ipv4: merged(self.ipv4), ipv6: merged(self.ipv6) }
    }

    #[inline]
    const fn is_empty(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty()
    }

    #[inline]
    fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(it) => within(&self.ipv4, it.to_bits()),
            IpAddr::V6(it) => within(&self.ipv6, it.to_bits()),
        }
    }
}

#[inline]
fn within<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let behind = ranges.partition_point(|it| it.0 <= address);
    behind > 0 && address <= ranges[behind - 1].1
}

fn range_ipv4(network: Ipv4Addr, bits: u8) -> (u32, u32) {
    range(network.to_bits(), u32::MAX.checked_shr(bits.into()).unwrap_or(0))
}

fn range_ipv6(network: Ipv6Addr, bits: u8) -> (u128, u128) {
    range(network.to_bits(), u128::MAX.checked_shr(bits.into()).unwrap_or(0))
}

fn range<T>(network: T, host: T) -> (T, T)
where
    T: Copy + Not<Output = T> + BitAnd<Output = T> + std::ops::BitOr<Output = T>,
{
    (network & !host, network | host)
}

/// Sorts ranges and joins those that overlap.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut joined: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[track_caller]
    fn check(allow: &[&str], address: &str, expected: bool) {
        let access = Access::fixed(&prefixes(allow));
        assert_eq!(access.admits(address.parse().unwrap()), expected, "{address} with {allow:?}");
    }

    #[test]
    fn serves_private_clients_by_default() {
        for address in [
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.2",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fdff::1",
            "::ffff:192.168.1.2",
        ] {
            check(&[], address, true);
        }
        for address in [
            "0.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "203.0.113.9",
            "255.255.255.255",
            "::",
            "::2",
            "fe7f::1",
            "fec0::1",
            "fbff::1",
            "fe00::1",
            "2001:db8::1",
            "::ffff:203.0.113.9",
        ] {
            check(&[], address, false);
        }
    }

    #[test]
    fn allow_adds() {
        check(&["203.0.113.0/24"], "203.0.113.0", true);
        check(&["203.0.113.0/24"], "203.0.113.255", true);
        check(&["203.0.113.0/24"], "203.0.114.0", false);
        check(&["203.0.113.9"], "203.0.113.9", true);
        check(&["203.0.113.9"], "203.0.113.8", false);
        check(&["203.0.113.0/24"], "::ffff:203.0.113.1", true);
        check(&["0.0.0.0/0"], "198.51.100.1", true);
        check(&["0.0.0.0/0"], "2001:db8::1", false);
        check(&["::/0"], "2001:db8::1", true);
        check(&["2001:db8::/32", "2001:db8:1::/48"], "2001:db8:ffff::", true);
    }

    #[test]
    fn rates_hold_for_those_who_are_far() {
        let check = |rate: RateLimit, address: &str, expected: (Standing, Option<u32>)| {
            let access = Access::fixed(&prefixes(&["203.0.113.0/24", "10.0.0.0/8"]));
            access.change(|it| it.home = prefixes(&["2001:db8::/64"]));
            access.set_rate(rate);
            let served = access.load();
            let standing = served.standing(address.parse().unwrap());
            assert_eq!((standing, served.rate(standing)), expected, "{address}");
        };
        let rate = RateLimit { per_sec: 7, everywhere: false };
        check(rate, "127.0.0.1", (Standing::Near, None));
        check(rate, "::ffff:10.1.2.3", (Standing::Near, None));
        check(rate, "2001:db8::1", (Standing::Near, None));
        check(rate, "203.0.113.1", (Standing::Allowed, Some(7)));
        check(rate, "203.0.112.1", (Standing::Stranger, Some(7)));
        check(RateLimit { everywhere: true, ..rate }, "127.0.0.1", (Standing::Near, Some(7)));
        check(RateLimit { per_sec: 0, everywhere: true }, "203.0.113.1", (Standing::Allowed, None));
    }

    #[test]
    fn allow_is_replaced_and_home_stays() {
        let access = Access::fixed(&prefixes(&["203.0.113.0/24"]));
        access.change(|it| it.home = prefixes(&["2001:db8::/64"]));
        access.set_allow(&prefixes(&["198.51.100.0/24"]));
        let admits = |it: &str| access.admits(it.parse().unwrap());
        assert!(!admits("203.0.113.1"));
        assert!(admits("198.51.100.1") && admits("2001:db8::1") && admits("127.0.0.1"));
    }

    #[test]
    fn proxies_are_those_that_are_named() {
        let access = Access::fixed(&[]);
        let is_proxy = |it: &str| access.load().is_proxy(it.parse().unwrap());
        assert!(!is_proxy("127.0.0.1"));
        access.set_proxies(&prefixes(&["192.0.2.1", "2001:db8::/32"]));
        assert!(is_proxy("192.0.2.1") && is_proxy("::ffff:192.0.2.1") && is_proxy("2001:db8::9"));
        assert!(!is_proxy("192.0.2.2") && !is_proxy("127.0.0.1"));
        // Speaking for others is no leave to ask for itself.
        assert!(!access.admits("192.0.2.1".parse().unwrap()));
        access.set_proxies(&[]);
        assert!(!is_proxy("192.0.2.1"));
    }

    #[test]
    fn the_interfaces_can_be_read() {
        let access = Access::new(&[]);
        assert!(access.admits(Ipv4Addr::LOCALHOST.into()));
    }

    proptest! {
        #[test]
        fn ranges_agree_with_prefixes(
            networks in proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..20),
            addresses in proptest::collection::vec(any::<u32>(), 20),
        ) {
            let allow: Vec<Prefix> = networks
                .iter()
                .map(|&(it, bits)| Prefix::new(IpAddr::V4(it.into()), bits).unwrap())
                .collect();
            let defaults = Access::fixed(&[]);
            let access = Access::fixed(&allow);
            // The networks' own edges are the interesting addresses.
            let edges = networks.iter().map(|it| it.0);
            for address in addresses.iter().copied().chain(edges) {
                let address = IpAddr::V4(address.into());
                let expected = defaults.admits(address) || allow.iter().any(|it| it.contains(address));
                prop_assert_eq!(access.admits(address), expected);
            }
        }
    }
}

//! The host's own addresses, read from the kernel.

use super::prefix::Prefix;
use std::{
    collections::BTreeSet,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Prefixes shorter than this are no home network; an interface that claims one does not open the door to it.
const ON_LINK_BITS_MIN: u8 = 48;

/// One address of one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) address: IpAddr,
    pub(super) bits: u8,
    pub(super) up: bool,
}

/// Addresses at which other hosts may reach this one, private IPv4 first: what a DHCP server could hand out.
///
/// Loopback, link-local and multicast addresses are left out, and interfaces that are down.
pub fn reachable_addresses() -> Vec<IpAddr> {
    reachable(&read().unwrap_or_default())
}

/// This host's own addresses, and the on-link IPv6 prefixes of the interfaces that also carry a private IPv4 address: home clients
/// ask from global IPv6 addresses.
pub(super) fn home_prefixes() -> io::Result<Vec<Prefix>> {
    // A missing file only means that there is no IPv6, or no Linux.
    let routes = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    Ok(home(&read()?, &on_link_routes(&routes)))
}

/// Whether an IPv4 address is of the private kind: RFC 1918, or RFC 6598 behind a provider's translator.
pub(super) fn is_private(address: Ipv4Addr) -> bool {
    address.is_private()
        || (address.to_bits() >> 22) == (Ipv4Addr::new(100, 64, 0, 0).to_bits() >> 22)
}

fn reachable(interfaces: &[Interface]) -> Vec<IpAddr> {
    let rank = |it: &IpAddr| match it {
        IpAddr::V4(it) if is_private(*it) => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(it) if it.is_unique_local() => 2,
        IpAddr::V6(_) => 3,
    };
    let mut found: Vec<IpAddr> = interfaces
        .iter()
        .filter(|it| it.up)
        .map(|it| it.address)
        .filter(|it| {
            let link_local = match it {
                IpAddr::V4(it) => it.is_link_local(),
                IpAddr::V6(it) => it.is_unicast_link_local(),
            };
            !link_local && !it.is_loopback() && !it.is_multicast() && !it.is_unspecified()
        })
        .collect();
    found.sort_by_key(|it| (rank(it), *it));
    found.dedup();
    found
}

fn home(interfaces: &[Interface], routes: &[(String, Prefix)]) -> Vec<Prefix> {
    let private: BTreeSet<&str> = interfaces
        .iter()
        .filter(|it| matches!(it.address, IpAddr::V4(it) if is_private(it)))
        .map(|it| it.name.as_str())
        .collect();
    // An address by DHCPv6 is a /128; the prefix that the router announced is then in the routing table alone.
    let own = interfaces
        .iter()
        .filter_map(|it| Some((it.name.as_str(), Prefix::new(it.address, it.bits)?)))
        .chain(routes.iter().map(|(name, prefix)| (name.as_str(), *prefix)));
    let shared = own
        .filter(|(name, prefix)| private.contains(name) && is_home(prefix))
        .map(|(_, prefix)| prefix);
    let mut found: Vec<Prefix> =
        interfaces.iter().map(|it| Prefix::single(it.address)).chain(shared).collect();
    found.sort_by_key(|it| (it.network(), it.bits()));
    found.dedup();
    found
}

/// Global unicast (2000::/3); other ranges are served by default or never.
fn is_home(prefix: &Prefix) -> bool {
    match prefix.network() {
        IpAddr::V4(_) => false,
        IpAddr::V6(it) => it.to_bits() >> 125 == 1 && prefix.bits() >= ON_LINK_BITS_MIN,
    }
}

/// Reads `/proc/net/ipv6_route`: destination, length, source, length, next hop, metric, references, use, flags, device.
fn on_link_routes(text: &str) -> Vec<(String, Prefix)> {
    const UP: u32 = 1;
    const GATEWAY: u32 = 2;
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [destination, bits, _, _, next_hop, _, _, _, flags, device] = fields[..] else {
                return None;
            };
            let flags = u32::from_str_radix(flags, 16).ok()?;
            if flags & (UP | GATEWAY) != UP || u128::from_str_radix(next_hop, 16).ok()? != 0 {
                return None;
            }
            let destination = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
            let bits = u8::from_str_radix(bits, 16).ok()?;
            Some((device.to_owned(), Prefix::new(destination.into(), bits)?))
        })
        .collect()
}

/// Every address of every interface.
#[cfg(windows)]
pub(super) fn read() -> io::Result<Vec<Interface>> {
    let told = |it: if_addrs::Interface| Interface {
        address: it.ip(),
        bits: match &it.addr {
            if_addrs::IfAddr::V4(it) => it.prefixlen,
            if_addrs::IfAddr::V6(it) => it.prefixlen,
        },
        up: it.is_oper_up(),
        name: it.name,
    };
    Ok(if_addrs::get_if_addrs()?.into_iter().map(told).collect())
}

#[cfg(unix)]
pub(super) use getifaddrs::read;

#[cfg(unix)]
mod getifaddrs {
    #![expect(unsafe_code, reason = "getifaddrs(3) is a C interface")]

    use super::{Interface, IpAddr, io};
    use std::{ffi::CStr, ptr};

    /// Every address of every interface.
    pub(in crate::server) fn read() -> io::Result<Vec<Interface>> {
        let mut first: *mut libc::ifaddrs = ptr::null_mut();
        // SAFETY: getifaddrs writes one pointer, to a list that stays valid until freeifaddrs.
        if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut found = Vec::new();
        let mut next = first;
        while !next.is_null() {
            // SAFETY: `next` is a node of the list that getifaddrs made.
            let node = unsafe { &*next };
            next = node.ifa_next;
            // SAFETY: both pointers are null or point to socket addresses that live as long as the list.
            let (address, mask) = unsafe { (ip(node.ifa_addr), ip(node.ifa_netmask)) };
            let Some(address) = address else {
                continue;
            };
            let bits = match mask {
                Some(IpAddr::V4(it)) => it.to_bits().leading_ones(),
                Some(IpAddr::V6(it)) => it.to_bits().leading_ones(),
                None => {
                    if address.is_ipv4() {
                        32
                    } else {
                        128
                    }
                }
            };
            // SAFETY: the name is a C string that lives as long as the list.
            let name = unsafe { CStr::from_ptr(node.ifa_name) };
            found.push(Interface {
                name: name.to_string_lossy().into_owned(),
                address,
                bits: u8::try_from(bits).unwrap_or(128),
                up: node.ifa_flags & libc::IFF_UP as libc::c_uint != 0,
            });
        }
        // SAFETY: `first` came from getifaddrs and nothing borrows from the list any more.
        unsafe { libc::freeifaddrs(first) };
        Ok(found)
    }

    /// Reads a socket address of the two families that carry IP.
    ///
    /// # Safety
    /// `from` is null or points to a socket address as long as its family says.
    unsafe fn ip(from: *const libc::sockaddr) -> Option<IpAddr> {
        if from.is_null() {
            return None;
        }
        // SAFETY: the caller vouches for the pointer; the family tells the type.
        unsafe {
            match libc::c_int::from((*from).sa_family) {
                libc::AF_INET => {
                    let from = &*from.cast::<libc::sockaddr_in>();
                    Some(IpAddr::V4(u32::from_be(from.sin_addr.s_addr).into()))
                }
                libc::AF_INET6 => {
                    let from = &*from.cast::<libc::sockaddr_in6>();
                    Some(IpAddr::V6(from.sin6_addr.s6_addr.into()))
                }
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, address: &str, bits: u8) -> Interface {
        Interface { name: name.to_owned(), address: address.parse().unwrap(), bits, up: true }
    }

    fn lan() -> Vec<Interface> {
        vec![
            interface("lo", "127.0.0.1", 8),
            interface("lo", "::1", 128),
            interface("eth0", "2001:db8:1:2::10", 128),
            interface("eth0", "2001:db8:1:3:a::1", 64),
            interface("eth0", "fd00::2", 64),
            interface("eth0", "fe80::1", 64),
            interface("eth0", "192.168.1.2", 24),
            interface("wan0", "198.51.100.7", 24),
            interface("wan0", "2001:db8:ffff::1", 64),
            Interface { up: false, ..interface("eth1", "10.0.0.1", 8) },
        ]
    }

    #[test]
    fn reachable_is_what_dhcp_could_hand_out() {
        let got: Vec<String> = reachable(&lan()).iter().map(IpAddr::to_string).collect();
        let expected = [
            "192.168.1.2",
            "198.51.100.7",
            "fd00::2",
            "2001:db8:1:2::10",
            "2001:db8:1:3:a::1",
            "2001:db8:ffff::1",
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn home_is_global_ipv6_beside_private_ipv4() {
        let routes = on_link_routes(
            "20010db8000100020000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
             20010db8000100020000000000000010 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000001 00000000 80200001     eth0\n\
             20000000000000000000000000000000 03 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n\
             20000000000000000000000000000000 03 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00000001     eth0\n\
             20010db8ffff00000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     wan0\n\
             junk\n",
        );
        assert_eq!(routes.len(), 4);
        let own: Vec<Prefix> = lan().iter().map(|it| Prefix::single(it.address)).collect();
        let mut found = home(&lan(), &routes);
        for it in &own {
            assert!(found.contains(it), "{it}");
        }
        found.retain(|it| !own.contains(it));
        let found: Vec<String> = found.iter().map(Prefix::to_string).collect();
        assert_eq!(found, ["2001:db8:1:2::/64", "2001:db8:1:3::/64"]);
    }

    #[test]
    fn the_kernel_knows_loopback() {
        let found = read().unwrap();
        let loopback = found.iter().find(|it| it.address == Ipv4Addr::LOCALHOST).unwrap();
        assert_eq!((loopback.bits, loopback.up), (8, true));
        assert!(reachable_addresses().iter().all(|it| !it.is_loopback()));
    }
}

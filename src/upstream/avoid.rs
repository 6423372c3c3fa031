//! UDP ports that are never taken for asking, because another program on the host may want to bind them later.

use std::fs;

/// Where Linux keeps the ports that an operator has reserved; explicit binds such as ours have to honour it themselves.
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// Ports above 1023 of services that start when they are needed: VPNs and tunnels, discovery, RADIUS, SIP, flow collectors,
/// and Squint's own default.
const SERVICES: [u16; 27] = [
    1194, 1645, 1646, 1701, 1812, 1813, 1900, 2049, 2055, 3478, 3702, 4500, 4739, 4789, 5060, 5061,
    5300, 5353, 5355, 6081, 6343, 8125, 8472, 9993, 41641, 51820, 51821,
];

/// A set of ports.
#[derive(Debug)]
pub(super) struct Avoided(Vec<(u16, u16)>);

impl Avoided {
    /// The ports of [`SERVICES`], and those that the operator reserved.
    pub(super) fn read() -> Self {
        Self::parse(&fs::read_to_string(RESERVED).unwrap_or_default())
    }

    /// Reads `8080,9148-9150`.
    fn parse(text: &str) -> Self {
        let ranges = text.trim().split(',').filter_map(|it| {
            let (first, last) = it.split_once('-').unwrap_or((it, it));
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        });
        Self(SERVICES.into_iter().map(|it| (it, it)).chain(ranges).collect())
    }

    pub(super) fn has(&self, port: u16) -> bool {
        self.0.iter().any(|&(first, last)| (first..=last).contains(&port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_read() {
        let avoided = Avoided::parse("8080,9148-9150\n");
        let check = |port: u16, expected: bool| assert_eq!(avoided.has(port), expected, "{port}");
        check(8080, true);
        check(8081, false);
        check(9147, false);
        check(9148, true);
        check(9150, true);
        check(9151, false);
        check(51820, true);
        let none = Avoided::parse("\n");
        assert!(none.has(5353) && !none.has(8080));
        assert!(Avoided::read().has(5353));
    }
}

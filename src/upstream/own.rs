//! Which addresses are our own: the ports from which we ask, so that a query of ours that comes back is known.

use super::lock;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// How many local addresses are remembered; a host asks its upstreams from one or two.
const ADDRESSES_MAX: usize = 64;

/// One bit for each port number.
struct PortSet([AtomicU64; 1024]);

impl PortSet {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 1024])
    }

    fn put(&self, port: u16, open: bool) {
        let (word, bit) = (&self.0[usize::from(port) / 64], 1_u64 << (port % 64));
        if open {
            word.fetch_or(bit, Relaxed);
        } else {
            word.fetch_and(!bit, Relaxed);
        }
    }

    fn has(&self, port: u16) -> bool {
        self.0[usize::from(port) / 64].load(Relaxed) >> (port % 64) & 1 == 1
    }
}

/// The ports and addresses from which upstreams are being asked.
pub(super) struct Own {
    udp_v4: Box<PortSet>,
    udp_v6: Box<PortSet>,
    addresses: Mutex<Vec<IpAddr>>,
    tcp: Mutex<Vec<SocketAddr>>,
}

impl Own {
    pub(super) fn new() -> Self {
        Self {
            udp_v4: Box::new(PortSet::new()),
            udp_v6: Box::new(PortSet::new()),
            addresses: Mutex::default(),
            tcp: Mutex::default(),
        }
    }

    fn udp(&self, ip: IpAddr) -> &PortSet {
        if ip.is_ipv4() { &self.udp_v4 } else { &self.udp_v6 }
    }

    pub(super) fn open_udp(&self, local: SocketAddr) {
        let mut addresses = lock(&self.addresses);
        if !addresses.contains(&local.ip()) && addresses.len() < ADDRESSES_MAX {
            addresses.push(local.ip());
        }
        drop(addresses);
        self.udp(local.ip()).put(local.port(), true);
    }

    /// Holds `local` as ours until it is dropped.
    pub(super) fn udp_guard(&self, local: SocketAddr) -> UdpGuard<'_> {
        self.open_udp(local);
        UdpGuard(self, local)
    }

    pub(super) fn close_udp(&self, local: SocketAddr) {
        self.udp(local.ip()).put(local.port(), false);
    }

    pub(super) fn open_tcp(&self, local: SocketAddr) {
        lock(&self.tcp).push(local);
    }

    /// Holds `local` as ours until it is dropped.
    pub(super) fn tcp_guard(&self, local: SocketAddr) -> TcpGuard<'_> {
        self.open_tcp(local);
        TcpGuard(self, local)
    }

    pub(super) fn close_tcp(&self, local: SocketAddr) {
        lock(&self.tcp).retain(|it| *it != local);
    }

    /// Whether a datagram from `source` was sent by one of our sockets: its port is held by us on that very address.
    pub(super) fn has_udp(&self, source: SocketAddr) -> bool {
        let ip = source.ip().to_canonical();
        self.udp(ip).has(source.port()) && lock(&self.addresses).contains(&ip)
    }

    /// Whether a connection from `source` is one of ours.
    pub(super) fn has_tcp(&self, source: SocketAddr) -> bool {
        let (ip, port) = (source.ip().to_canonical(), source.port());
        lock(&self.tcp).iter().any(|it| it.ip() == ip && it.port() == port)
    }
}

/// A UDP socket of ours.
pub(super) struct UdpGuard<'a>(&'a Own, SocketAddr);

impl Drop for UdpGuard<'_> {
    fn drop(&mut self) {
        self.0.close_udp(self.1);
    }
}

/// A connection of ours.
pub(super) struct TcpGuard<'a>(&'a Own, SocketAddr);

impl Drop for TcpGuard<'_> {
    fn drop(&mut self) {
        self.0.close_tcp(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_ports_on_our_addresses_are_ours() {
        let own = Own::new();
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        own.open_udp(address("192.0.2.1:4000"));
        own.open_udp(address("[2001:db8::1]:5000"));
        let check = |text: &str, expected: bool| assert_eq!(own.has_udp(address(text)), expected);
        check("192.0.2.1:4000", true);
        check("[::ffff:192.0.2.1]:4000", true);
        check("192.0.2.1:4001", false);
        check("192.0.2.2:4000", false);
        check("[2001:db8::1]:5000", true);
        check("[2001:db8::1]:4000", false);
        own.close_udp(address("192.0.2.1:4000"));
        check("192.0.2.1:4000", false);
        assert!(!own.has_tcp(address("192.0.2.1:4000")));
        own.open_tcp(address("192.0.2.1:4000"));
        assert!(own.has_tcp(address("192.0.2.1:4000")));
        own.close_tcp(address("192.0.2.1:4000"));
        assert!(!own.has_tcp(address("192.0.2.1:4000")));
    }
}

//! Ports that nobody else has, below the range from which the kernel hands out its own.

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

const FIRST: u16 = 11_000;
const COUNT: u16 = 20_000;

/// A port that is free for UDP and TCP, and that no other test of this run gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs at the same time begin at different places.
    let offset = (process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let number = offset.wrapping_add(NEXT.fetch_add(1, Relaxed).wrapping_mul(7));
        let port = FIRST + number % COUNT;
        let any = (Ipv4Addr::UNSPECIFIED, port);
        if UdpSocket::bind(any).is_ok() && TcpListener::bind(any).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

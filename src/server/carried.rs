//! The PROXY protocol, version 2: for whom a proxy in front speaks. Only [`super::Access`]'s proxies are believed, and they have to say it:
//! at the start of every connection, inside TLS or before it, and of every datagram. Over QUIC nobody speaks it, so that proxies are
//! turned away there.

use super::{
    front::Front,
    tcp::{Seat, Table},
};
use crate::dns::{Client, Transport};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::TcpStream,
    time::timeout,
};

/// What a header begins with. Neither DNS nor TLS nor HTTP does.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Octets before the addresses: the signature, version and command, family and kind, the length of what follows.
const FIXED_LEN: usize = 16;
/// Octets of the addresses and ports of either family.
const ENDS_V4_LEN: usize = 12;
const ENDS_V6_LEN: usize = 36;
/// Octets of the longest header that is read. What follows the addresses is passed over.
const HEADER_LEN_MAX: usize = 1024;
/// How long a header may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(3);

/// What a proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Octets of the header; the message follows.
    pub(super) len: usize,
    /// Who asks, and where it asked; `None` where the proxy speaks for itself, or does not know.
    ends: Option<(SocketAddr, SocketAddr)>,
}

impl Header {
    /// Reads the header that `octets` begin with; `None` where there is no whole and sound one.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let (fixed, rest) = octets.split_first_chunk::<FIXED_LEN>()?;
        let [version_command, family_kind, high, low] = *fixed.strip_prefix(&SIGNATURE)? else {
            return None;
        };
        let rest = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
        let len = FIXED_LEN + rest.len();
        let (family, kind) = (family_kind >> 4, family_kind & 0xf);
        if len > HEADER_LEN_MAX || family > 3 || kind > 2 {
            return None;
        }
        let ends = match (version_command, family) {
            (0x21, 1) => Some(ends_v4(rest.first_chunk()?)),
            (0x21, 2) => Some(ends_v6(rest.first_chunk()?)),
            // Of no family, or a socket of one machine: what is not said is not known.
            (0x20, _) | (0x21, _) => None,
            _ => return None,
        };
        Some(Self { len, ends })
    }

    /// Makes `client` the one for whom the proxy speaks.
    pub(super) fn apply(&self, client: &mut Client) {
        if let Some((source, destination)) = self.ends {
            client.address = source;
            client.local = destination.ip();
        }
    }
}

fn ends_v4(octets: &[u8; ENDS_V4_LEN]) -> (SocketAddr, SocketAddr) {
    let [a, b, c, d, e, f, g, h, ports @ ..] = *octets;
    ends(Ipv4Addr::new(a, b, c, d).into(), Ipv4Addr::new(e, f, g, h).into(), ports)
}

fn ends_v6(octets: &[u8; ENDS_V6_LEN]) -> (SocketAddr, SocketAddr) {
    let (addresses, ports) = octets.split_last_chunk().expect("longer than the ports");
    let (source, destination) = addresses.split_at(16);
    let address = |octets: &[u8]| {
        let octets: [u8; 16] = octets.try_into().expect("half of 32 octets");
        IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
    };
    ends(address(source), address(destination), *ports)
}

fn ends(source: IpAddr, destination: IpAddr, [a, b, c, d]: [u8; 4]) -> (SocketAddr, SocketAddr) {
    let (from, to) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    (SocketAddr::new(source, from), SocketAddr::new(destination, to))
}

/// Whether a connection that is to carry TLS begins with a header instead: some proxies speak it before the handshake, others within.
pub(super) async fn is_outside(stream: &TcpStream) -> bool {
    let mut first = [0];
    let peeked = timeout(HEADER_TIMEOUT, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && first[0] == SIGNATURE[0]
}

/// Reads the header of a connection, and gives up the proxy's seat for one of the client for whom it speaks. `None` where that client
/// is not served or has no room, or the header does not come.
pub(super) async fn take_over(
    stream: &mut (impl AsyncRead + Unpin),
    mut client: Client,
    seat: Seat,
    (front, table): (&Front, &Arc<Table>),
    now: Instant,
) -> Option<(Client, Seat)> {
    let header = tokio::select! {
        read = timeout(HEADER_TIMEOUT, receive(stream)) => read.ok().and_then(Result::ok).flatten(),
        () = seat.closed() => None,
    };
    let counters = front.metrics.here();
    let Some(header) = header else {
        counters.proxies_turned_away.bump();
        return None;
    };
    drop(seat);
    header.apply(&mut client);
    let ip = client.address.ip();
    if client.transport != Transport::Tcp && !front.may_shake_hands(ip, now) {
        return None;
    }
    let Some((seat, evicted)) = table.open(ip, now) else {
        counters.tcp_turned_away.bump();
        return None;
    };
    counters.tcp_evicted.add(evicted.into());
    Some((client, seat))
}

/// Takes a header off a stream, and not an octet more.
async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Header>> {
    let mut octets = [0; HEADER_LEN_MAX];
    stream.read_exact(&mut octets[..FIXED_LEN]).await?;
    let rest = usize::from(u16::from_be_bytes([octets[FIXED_LEN - 2], octets[FIXED_LEN - 1]]));
    if !octets.starts_with(&SIGNATURE) || rest > HEADER_LEN_MAX - FIXED_LEN {
        return Ok(None);
    }
    let len = FIXED_LEN + rest;
    stream.read_exact(&mut octets[FIXED_LEN..len]).await?;
    Ok(Header::read(&octets[..len]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(version_command: u8, family_kind: u8, rest: &[u8]) -> Vec<u8> {
        let len = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[version_command, family_kind], &len, rest].concat()
    }

    const V4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 53];

    fn v6() -> Vec<u8> {
        let address = |it: &str| it.parse::<Ipv6Addr>().unwrap().octets();
        [&address("2001:db8::1")[..], &address("::ffff:192.0.2.9"), &[0x30, 0x39, 0, 53]].concat()
    }

    #[test]
    fn headers_are_read() {
        let check = |octets: &[u8], expected: Option<Option<(&str, &str)>>| {
            let read = |it: &str| it.parse::<SocketAddr>().unwrap();
            let expected = expected.map(|ends| Header {
                len: octets.len(),
                ends: ends.map(|it| (read(it.0), read(it.1))),
            });
            assert_eq!(Header::read(octets), expected, "{octets:02x?}");
            let with_message = [octets, b"message"].concat();
            assert_eq!(Header::read(&with_message), expected, "{octets:02x?}");
        };
        let v4 = Some(Some(("192.0.2.1:12345", "198.51.100.2:53")));
        check(&header(0x21, 0x11, V4), v4);
        check(&header(0x21, 0x12, V4), v4);
        check(&header(0x21, 0x11, &[V4, b"\x04\0\x02ab"].concat()), v4);
        check(&header(0x21, 0x22, &v6()), Some(Some(("[2001:db8::1]:12345", "192.0.2.9:53"))));
        // The proxy itself; of no family; a socket of one machine.
        check(&header(0x20, 0x00, b""), Some(None));
        check(&header(0x20, 0x11, V4), Some(None));
        check(&header(0x21, 0x00, b"ab"), Some(None));
        check(&header(0x21, 0x31, &[0; 216]), Some(None));
        check(&header(0x21, 0x11, &[V4, &[0; 996]].concat()), v4);
    }

    #[test]
    fn what_is_no_header_is_told() {
        let sound = header(0x21, 0x11, V4);
        for octets in [
            header(0x11, 0x11, V4),
            header(0x22, 0x11, V4),
            header(0x21, 0x41, V4),
            header(0x21, 0x13, V4),
            header(0x21, 0x11, &V4[..11]),
            header(0x21, 0x21, &v6()[..35]),
            header(0x21, 0x11, &[V4, &[0; 997]].concat()),
            [b"\0", &sound[..]].concat(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 53\r\n".to_vec(),
        ] {
            assert_eq!(Header::read(&octets), None, "{octets:02x?}");
        }
        for len in 0..sound.len() {
            assert_eq!(Header::read(&sound[..len]), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read(version in 0x1f_u8..0x23, family: u8, rest in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..400) {
            let octets = header(version, family, &rest);
            let octets = &octets[..cut.min(octets.len())];
            if let Some(header) = Header::read(octets) {
                prop_assert_eq!(header.len, octets.len());
                prop_assert!(matches!(version, 0x20 | 0x21));
            }
        }

        #[test]
        fn junk_is_no_header(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assume!(!octets.starts_with(&SIGNATURE));
            prop_assert_eq!(Header::read(&octets), None);
        }

        #[test]
        fn streams_say_the_same(family in prop::sample::select(vec![0x11_u8, 0x21, 0, 0x31]), rest in prop::collection::vec(any::<u8>(), 0..1200)) {
            let octets = header(0x21, family, &rest);
            let mut stream = [&octets[..], b"message"].concat();
            let mut reader = &stream[..];
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(receive(&mut reader)).unwrap();
            prop_assert_eq!(read, Header::read(&octets));
            if read.is_some() {
                prop_assert_eq!(reader, b"message");
            }
            stream.truncate(octets.len().saturating_sub(1));
            prop_assert!(runtime.block_on(receive(&mut &stream[..])).is_err() || read.is_none());
        }
    }
}

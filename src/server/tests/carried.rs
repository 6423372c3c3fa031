//! For whom a proxy speaks: the client that it names is the one that counts, over every transport that carries its header.

use super::{
    tls::{get, response},
    *,
};
use quinn::{ConnectionError, TransportErrorCode};

/// A header of the PROXY protocol for a client at an IPv4 address.
fn header(client: &str) -> Vec<u8> {
    let client: std::net::Ipv4Addr = client.parse().unwrap();
    let fixed = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    [&fixed[..], &client.octets(), &[10, 0, 0, 53, 0x30, 0x39, 0, 53]].concat()
}

/// Who is served, and who is not.
const CLIENTS: [(&str, u8); 2] = [("192.168.1.2", 0), ("203.0.113.9", 5)];

/// Where everybody on this host is a proxy.
fn rig() -> Rig {
    let access = Access::new(&[]);
    access.set_proxies(&["127.0.0.1".parse().unwrap()]);
    Rig::start_for(&["127.0.0.1:0"], 1, access)
}

#[test]
fn over_udp() {
    let rig = rig();
    let socket = rig.udp();
    for (client, rcode) in CLIENTS {
        for name in ["now.example", "later.example"] {
            socket.send(&[header(client), query(7, name)].concat()).unwrap();
            assert_eq!(receive(&socket), (7, rcode), "{client} {name}");
        }
    }
    // The proxy asks for itself.
    let own = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    socket.send(&[&own[..], &query(8, "now.example")].concat()).unwrap();
    assert_eq!(receive(&socket), (8, 0));
    // Without a header, with half of one, and with nothing behind it.
    let whole = header("192.168.1.2");
    for dropped in [&query(9, "now.example")[..], &whole[..20], &whole] {
        socket.send(dropped).unwrap();
    }
    socket.send(&[whole, query(10, "now.example")].concat()).unwrap();
    assert_eq!(receive(&socket), (10, 0));
    let totals = rig.finish();
    assert_eq!((totals.dropped_proxy, totals.dropped_silent), (2, 1));
}

#[test]
fn over_tcp() {
    let rig = rig();
    for (client, rcode) in CLIENTS {
        let mut stream = rig.tcp();
        for octet in header(client) {
            stream.write_all(&[octet]).unwrap();
        }
        ask(&mut stream, 1, "now.example");
        assert_eq!(read(&mut stream), (1, rcode));
        if rcode == 0 {
            // One header for all queries of a connection.
            ask(&mut stream, 2, "later.example");
            assert_eq!(read(&mut stream), (2, 0));
        }
    }
    let mut stream = rig.tcp();
    ask(&mut stream, 1, "now.example");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    let totals = rig.finish();
    assert_eq!((totals.queries_tcp, totals.proxies_turned_away), (3, 1));
}

#[test]
fn over_tls_and_https() {
    let rig = rig();
    for transport in [Transport::Dot, Transport::Doh] {
        let protocol: &[u8] = if transport == Transport::Dot { b"dot" } else { b"http/1.1" };
        for (client, rcode) in CLIENTS {
            for outside in [true, false] {
                let mut stream = rig.bare(transport);
                if outside {
                    stream.write_all(&header(client)).unwrap();
                }
                let mut stream = rig.secure_over(stream, protocol);
                if !outside {
                    stream.write_all(&header(client)).unwrap();
                }
                let got = if transport == Transport::Dot {
                    ask(&mut stream, 1, "now.example");
                    read(&mut stream)
                } else {
                    get(&mut stream, 1, "now.example");
                    id_and_rcode(&response(&mut stream).1)
                };
                assert_eq!(got, (1, rcode), "{transport:?} {client} {outside}");
            }
        }
        let mut stream = rig.secure_over(rig.bare(transport), protocol);
        stream.write_all(&[b'G'; 100]).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
    assert_eq!(rig.finish().proxies_turned_away, 2);
}

#[test]
fn over_quic_there_is_no_header_and_so_no_proxy() {
    let rig = rig();
    for (transport, protocol) in [(Transport::Doq, &b"doq"[..]), (Transport::Doh3, b"h3")] {
        let refused = rig.runtime.block_on(rig.shake_hands(transport, protocol)).map(|_| ());
        let Err(ConnectionError::ConnectionClosed(close)) = refused else { panic!("{refused:?}") };
        assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED, "{transport:?}");
    }
    let totals = rig.finish();
    assert_eq!((totals.proxies_turned_away, totals.quic_opened), (2, 0));
}

#[test]
fn nobody_else_is_believed() {
    let access = Access::new(&[]);
    access.set_proxies(&["192.0.2.1".parse().unwrap()]);
    let rig = Rig::start_for(&["127.0.0.1:0"], 1, access);
    let socket = rig.udp();
    socket.send(&[header("192.168.1.2"), query(7, "now.example")].concat()).unwrap();
    // Read as DNS, it is of no opcode that is known.
    assert_eq!(receive(&socket), (0x0d0a, 4));
    let mut stream = rig.bare(Transport::Dot);
    stream.write_all(&header("192.168.1.2")).unwrap();
    let mut stream = rig.secure_over(stream, b"dot");
    assert!(stream.write_all(b"x").and_then(|()| stream.read(&mut [0])).is_err());
    let totals = rig.finish();
    assert_eq!((totals.dropped_proxy, totals.proxies_turned_away), (0, 0));
}

#[test]
fn the_clients_share_is_its_own() {
    let rig = rig();
    let connect = |client: &str| {
        let mut stream = rig.tcp();
        stream.write_all(&header(client)).unwrap();
        ask(&mut stream, 1, "now.example");
        assert_eq!(read(&mut stream), (1, 0));
        stream
    };
    let mut other = connect("192.168.1.3");
    let mut own: Vec<TcpStream> = (0..260).map(|_| connect("192.168.1.2")).collect();
    for stream in &mut own[..10] {
        expect_end(stream);
    }
    ask(&mut other, 2, "now.example");
    assert_eq!(read(&mut other), (2, 0));
    drop((own, other));
    assert_eq!(rig.finish().tcp_evicted, 10);
}

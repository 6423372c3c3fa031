//! Over UDP: what each packet gets, from which address, and what becomes of too many.

use super::*;

const NOERROR: Option<u8> = Some(0);
const FORMERR: Option<u8> = Some(1);
const SERVFAIL: Option<u8> = Some(2);
const NOTIMP: Option<u8> = Some(4);

fn changed(mut packet: Vec<u8>, at: usize, to: u8) -> Vec<u8> {
    packet[at] = to;
    packet
}

#[test]
fn each_packet_gets_its_due() {
    let long = [query(7, "now.example"), vec![0; 5000]].concat();
    let cases = [
        ("answered at once", query(7, "now.example"), NOERROR),
        ("with EDNS", with_edns(query(7, "now.example")), NOERROR),
        ("answered later", query(7, "later.example"), NOERROR),
        ("a panic", query(7, "panic.example"), SERVFAIL),
        ("a panic later", query(7, "later-panic.example"), SERVFAIL),
        ("two questions", changed(query(7, "now.example"), 5, 2), FORMERR),
        ("no question", changed(query(7, "now.example"), 5, 0), FORMERR),
        ("cut", query(7, "now.example")[..20].to_vec(), FORMERR),
        ("a header alone", query(7, "now.example")[..12].to_vec(), FORMERR),
        ("longer than the buffer", long, FORMERR),
        ("opcode NOTIFY", changed(query(7, "now.example"), 2, 0x20), NOTIMP),
        ("a response", changed(query(7, "now.example"), 2, 0x80), None),
        ("less than a header", query(7, "now.example")[..11].to_vec(), None),
        ("nothing", vec![], None),
        ("the policy says silence", query(7, "silent.example"), None),
        ("the policy says silence later", query(7, "later-silent.example"), None),
    ];
    let silent = cases.iter().filter(|it| it.2.is_none()).count() as u64;
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let client = rig.udp();
    for (what, packet, expected) in &cases {
        client.send(packet).unwrap();
        match expected {
            Some(rcode) => assert_eq!(receive(&client), (7, *rcode), "{what}"),
            None => {
                // One worker answers in order, so the next response is to the next query.
                client.send(&query(8, "now.example")).unwrap();
                assert_eq!(receive(&client), (8, 0), "{what}");
            }
        }
    }
    let totals = rig.finish();
    assert_eq!(totals.queries_udp, cases.len() as u64 + silent);
    assert_eq!((totals.dropped_silent, totals.dropped_policy), (3, 2));
    assert_eq!((totals.panics, totals.oversized, totals.deferred), (2, 1, 3));
}

/// Other systems than Linux cannot tell which address was asked.
#[test]
#[cfg(target_os = "linux")]
fn replies_leave_from_the_address_asked() {
    let rig = Rig::start(&["0.0.0.0:0", "[::]:0"], 2);
    let ports = [rig.server.addresses()[0].port(), rig.server.addresses()[1].port()];
    let own = interfaces::read().unwrap().into_iter().map(|it| it.address);
    let more = ["127.0.0.2", "127.1.2.3"].map(|it| it.parse().unwrap());
    // A connected socket takes no reply from elsewhere. A link-local address would need its interface.
    for address in
        own.chain(more).filter(|it| !matches!(it, IpAddr::V6(it) if it.is_unicast_link_local()))
    {
        let (port, any) = if address.is_ipv4() { (ports[0], "0.0.0.0") } else { (ports[1], "::") };
        let client = udp_from(any, SocketAddr::new(address, port));
        for name in ["now.example", "later.example"] {
            client.send(&query(9, name)).unwrap();
            assert_eq!(receive(&client), (9, 0), "{name} at {address}");
        }
    }
    rig.finish();
}

#[test]
fn many_workers_and_addresses_serve() {
    let rig = Rig::start(&["127.0.0.1:0", "[::1]:0"], 4);
    assert_eq!(rig.server.sockets.len(), 8);
    for address in rig.server.addresses() {
        let own = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
        // The kernel picks the worker by the client's port, so that many clients reach them all.
        for id in 0..64 {
            let client = udp_from(own, *address);
            client.send(&query(id, "now.example")).unwrap();
            assert_eq!(receive(&client), (id, 0));
        }
    }
    assert_eq!(rig.finish().responses, 128);
}

#[test]
fn a_flooding_client_leaves_room_for_others() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let flooding = rig.udp();
    let (places, mut told) = (front::WAITING_MAX as u16, 0);
    for id in 0..places {
        flooding.send(&query(id, "held.example")).unwrap();
        if id % 64 == 63 {
            // In step with the worker, so that no queue of the kernel decides.
            flooding.send(&query(id, "now.example")).unwrap();
            while receive(&flooding) != (id, 0) {
                told += 1;
            }
        }
    }
    // Those for which there was no place, at once.
    assert_eq!(told, places / 2);
    rig.await_held(front::WAITING_MAX / 2);
    let other = udp_from("127.0.0.2", rig.address());
    other.send(&query(1, "later.example")).unwrap();
    assert_eq!(receive(&other), (1, 0));
    rig.script.release.add_permits(places.into());
    let totals = rig.finish();
    assert_eq!(totals.deferred, u64::from(places / 2 + 1));
    assert_eq!(totals.overflow, u64::from(places / 2));
}

/// The one place where a transport matters to access is that none may be left out.
#[test]
fn strangers_are_refused_over_every_transport() {
    let rig = Rig::start_for(&["127.0.0.1:0"], 1, Access::nobody());
    let client = rig.udp();
    client.send(&with_edns(query(5, "now.example"))).unwrap();
    let mut buffer = [0; 2000];
    let len = client.recv(&mut buffer).unwrap();
    let mut stream = rig.tcp();
    stream.write_all(&framed(&with_edns(query(6, "now.example")))).unwrap();
    let over_tcp = read_whole(&mut stream);
    expect_end(&mut stream);
    for (response, id) in [(&buffer[..len], 5), (&over_tcp[..], 6)] {
        assert_eq!(id_and_rcode(response), (id, 5));
        // Option EDE, its length, code 18, text.
        let text = b"this server does not serve your network";
        let ede = [&[0, 15, 0, text.len() as u8 + 2, 0, 18][..], text].concat();
        assert!(response.windows(ede.len()).any(|it| it == ede), "{response:?}");
    }
    for _ in 0..200 {
        client.send(&query(5, "now.example")).unwrap();
    }
    let totals = rig.finish();
    assert_eq!(totals.refused, 202);
    assert!(totals.dropped_refused >= 150, "{totals:?}");
}

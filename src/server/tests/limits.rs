//! Over UDP: rate limits, and the cookies that lift them.

use super::*;

const COOKIE: [u8; 8] = *b"\x01\x02\x03\x04\x05\x06\x07\x08";

/// A query with a COOKIE option.
fn with_cookie(packet: Vec<u8>, cookie: &[u8]) -> Vec<u8> {
    let mut packet = with_edns(packet);
    let at = packet.len() - 2;
    let len = cookie.len() as u8;
    packet[at + 1] = 4 + len;
    packet.extend([0, 10, 0, len]);
    packet.extend(cookie);
    packet
}

/// The response's TC bit, its extended rcode, and the cookie that stands last in it.
fn told(socket: &UdpSocket) -> (bool, u16, Option<Vec<u8>>) {
    let mut buffer = [0; 2000];
    let len = socket.recv(&mut buffer).unwrap();
    let response = &buffer[..len];
    let opt = response.windows(3).position(|it| it == [0, 0, 41]);
    let high = opt.map_or(0, |at| u16::from(response[at + 5]) << 4);
    let cookie = (len > 28 && response[len - 28..][..4] == [0, 10, 0, 24])
        .then(|| response[len - 24..].to_vec());
    (response[2] & 2 != 0, high | u16::from(response[3] & 15), cookie)
}

fn limited(per_sec: u32) -> Rig {
    let access = Access::new(&[]);
    access.set_rate(RateLimit { per_sec, everywhere: true });
    Rig::start_for(&["127.0.0.1:0"], 1, access)
}

#[test]
fn a_cookie_lifts_the_rate_limit() {
    let rig = limited(1);
    let client = rig.udp();
    let send = |packet: Vec<u8>| client.send(&packet).unwrap();
    // As many queries as surely exceed one a second, so that what the second's turn does to the count does not matter.
    for _ in 0..40 {
        send(query(7, "now.example"));
    }
    let turned = (0..18).filter(|_| told(&client) == (true, 0, None)).count();
    assert!(turned >= 16, "{turned} of 18 were turned to TCP");
    // With a client's cookie alone the limit holds, but what comes back lifts it.
    let cookie = loop {
        send(with_cookie(query(8, "now.example"), &COOKIE));
        send(with_cookie(query(8, "now.example"), &COOKIE));
        match told(&client) {
            (false, 23, Some(cookie)) => break cookie,
            other => assert_ne!(other.1, 23, "{other:?}"),
        }
    };
    assert_eq!((cookie.len(), cookie[..8].to_vec()), (24, COOKIE.to_vec()));
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while client.recv(&mut [0; 2000]).is_ok() {}
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..50 {
        send(with_cookie(query(9, "now.example"), &cookie));
        assert_eq!(told(&client), (false, 0, Some(cookie.clone())));
    }
    // So does a connection.
    let mut stream = rig.tcp();
    for id in 0..10 {
        ask(&mut stream, id, "now.example");
        assert_eq!(read(&mut stream), (id, 0));
    }
    let totals = rig.finish();
    assert_eq!(totals.cookies_known, 50);
    assert!(totals.rate_turned >= 17 && totals.rate_dropped >= 16, "{totals:?}");
}

#[test]
fn every_response_to_a_cookie_has_one() {
    let rig = limited(0);
    let client = rig.udp();
    let mut no_question = with_cookie(query(7, "now.example"), &COOKIE);
    no_question.drain(12..29);
    no_question[5] = 0;
    let mut transfer = with_cookie(query(7, "now.example"), &COOKIE);
    transfer[26] = 252;
    let cases = [
        (with_cookie(query(7, "now.example"), &COOKIE), 0, true),
        (with_cookie(query(7, "later.example"), &COOKIE), 0, true),
        (with_cookie(query(7, "now.example"), &[&COOKIE[..], &[9; 16]].concat()), 0, true),
        (with_cookie(query(7, "now.example"), &[&COOKIE[..], &[9; 32]].concat()), 0, true),
        (with_cookie(query(7, "now.example"), &[&COOKIE[..], &[9; 33]].concat()), 1, false),
        (with_cookie(query(7, "now.example"), &[&COOKIE[..], &[9; 7]].concat()), 1, false),
        (with_cookie(query(7, "now.example"), &COOKIE[1..]), 1, false),
        (with_cookie(query(7, "panic.example"), &COOKIE), 2, true),
        (transfer, 5, false),
        // What asks for a cookie alone gets one (RFC 7873 section 5.4).
        (no_question, 0, true),
    ];
    for (packet, rcode, has_cookie) in cases {
        client.send(&packet).unwrap();
        let (truncated, got, cookie) = told(&client);
        assert_eq!((truncated, got, cookie.is_some()), (false, rcode, has_cookie), "{packet:02x?}");
        assert!(cookie.is_none_or(|it| it[..8] == COOKIE && it[8..12] == [1, 0, 0, 0]));
    }
    let totals = rig.finish();
    assert_eq!((totals.cookies_known, totals.malformed), (0, 4));
}

//! How much one network is served, and what lifts it.

use crate::support::{Scripted, Squint, query, run, wait_until};
use std::net::UdpSocket;

#[test]
fn too_much_of_one_network_is_turned_to_tcp_and_told_of() {
    let upstream = Scripted::start(|_, _| None);
    let config = "[server]\nrate_limit = 1\nrate_limit_private = true\n";
    let squint = Squint::start(upstream.address, config);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for id in 0..200 {
        socket.send_to(&query(id, "localhost", 1), squint.address).unwrap();
    }
    wait_until("the log tells of it", || {
        squint.process.stderr().contains("UDP queries a second from 127.0.0.0/24")
    });
    // Real clients find their way: over TCP without a cookie, by the cookie that they get with one.
    for options in [&["+nocookie", "+time=1", "+tries=10"], &["+cookie", "+time=1", "+tries=10"]] {
        for _ in 0..5 {
            let response = squint.dig("localhost", "A").with(options).ask();
            assert_eq!((response.status.as_str(), response.data()), ("NOERROR", vec!["127.0.0.1"]));
        }
    }
    let (finished, _) = squint.stop();
    assert_eq!(finished.stderr.matches("UDP queries a second from").count(), 1);
    assert!(finished.stderr.contains("rate_dropped"), "{}", finished.stderr);
}

#[test]
fn cookies_come_back_as_dig_wants_them() {
    let upstream = Scripted::start(|_, _| None);
    let squint = Squint::start(upstream.address, "");
    for transport in ["+notcp", "+tcp"] {
        let dig = squint.dig("localhost", "A").with(&[transport, "+cookie=0102030405060708"]);
        let done = run(std::process::Command::new("dig").args(dig.args()), "");
        let line = done.stdout.lines().find(|it| it.contains("COOKIE: ")).unwrap_or_default();
        assert!(line.contains("COOKIE: 010203040506070801000000"), "{done:?}");
        assert!(line.ends_with("(good)"), "{line}");
    }
}

//! A stop answers what was asked, writes what was recorded, and says 0.

use crate::support::{Gate, Knot, Load, Message, Squint, query, wait_until};
use std::{net::UdpSocket, time::Duration};

#[test]
fn a_stop_under_load_loses_nothing() {
    let knot = Knot::start();
    for signal in ["TERM", "INT"] {
        let squint = Squint::start(knot.address, "");
        let load = Load::start(squint.address);
        wait_until("the load runs", || load.answered() > 2_000);
        let sent_before = load.sent();
        squint.process.signal(signal);
        let finished = squint.process.wait();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let outcome = load.finish();
        let lost: Vec<_> = outcome.lost.iter().filter(|&&it| it < sent_before).collect();
        assert!(lost.is_empty(), "{lost:?} of {sent_before} before the {signal} signal");
        let answered = outcome.sent - outcome.lost.len();
        assert_eq!(squint.data.events().len(), answered);
    }
}

#[test]
fn a_query_under_way_is_answered_before_the_end() {
    let mut gate = Gate::new();
    let squint = Squint::start(gate.address(), "");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.connect(squint.address).unwrap();
    client.send(&query(77, "slow.example", 1)).unwrap();
    gate.hold("slow.example");
    squint.process.signal("TERM");
    // It has stopped listening when nobody answers there any more; the query under way is still under way then.
    gate.open();
    let mut buffer = [0; 512];
    let len = client.recv(&mut buffer).unwrap();
    let message = Message(&buffer[..len]);
    assert_eq!((message.id(), message.rcode(), message.answers()), (77, 0, 1));
    let finished = squint.process.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(squint.data.events().len(), 1);
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut gate = Gate::new();
    let squint = Squint::start(gate.address(), "");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.connect(squint.address).unwrap();
    client.send(&query(78, "never.example", 1)).unwrap();
    gate.hold("never.example");
    squint.process.signal("TERM");
    let mut buffer = [0; 512];
    let len = client.recv(&mut buffer).unwrap();
    let message = Message(&buffer[..len]);
    assert_eq!((message.id(), message.rcode()), (78, 2));
    assert_eq!(squint.process.wait().code, Some(0));
}

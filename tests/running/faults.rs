//! What must not stop it: junk, responses, an upstream that is gone, a circle of forwarders.

use crate::support::{Dig, Gate, Knot, Message, Process, Squint, free_port, query, wait_until};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

/// A generator whose numbers are the same in every run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn client(squint: &Squint) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(squint.address).unwrap();
    socket
}

#[test]
fn junk_does_not_stop_it() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let socket = client(&squint);
    let mut numbers = Numbers(0x5eed);
    for round in 0..20_000_u16 {
        let mut packet = query(round, "www.example", 1);
        let at = numbers.next() as usize % packet.len();
        match round % 4 {
            0 => packet = (0..numbers.next() % 600).map(|_| numbers.next() as u8).collect(),
            1 => packet[at] = numbers.next() as u8,
            2 => packet.truncate(at),
            _ => packet.extend((0..numbers.next() % 40).map(|_| numbers.next() as u8)),
        }
        socket.send(&packet).unwrap();
        if round % 500 == 0 {
            assert_eq!(squint.ask("www.example", "A").answer.len(), 2, "after {round} packets");
        }
    }
    let mut stream = TcpStream::connect(squint.address).unwrap();
    stream.write_all(&[0xff; 3_000]).unwrap();
    assert_eq!(squint.dig("www.example", "A").with(&["+tcp"]).ask().answer.len(), 2);
    let (finished, _) = squint.stop();
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn broken_queries_get_the_right_answer_or_none() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let socket = client(&squint);
    let good = query(1, "www.example", 1);
    let change = |at: usize, octet: u8| {
        let mut packet = good.clone();
        packet[at] = octet;
        packet
    };
    let mut buffer = [0; 1_500];
    for (what, packet, expected) in [
        ("opcode NOTIFY", change(2, 0x21), Some(4)),
        ("two questions", change(5, 2), Some(1)),
        ("no question", change(5, 0), Some(1)),
        ("a label cut off", good[..good.len() - 8].to_vec(), Some(1)),
        ("a response", change(2, 0x81), None),
        ("half a header", good[..7].to_vec(), None),
    ] {
        socket.send(&packet).unwrap();
        // Responses come in order, so a good query behind it shows whether there was one.
        let mut marker = good.clone();
        marker[1] = 2;
        let len = match expected {
            Some(_) => socket.recv(&mut buffer).unwrap(),
            None => 0,
        };
        if let Some(rcode) = expected {
            let message = Message(&buffer[..len]);
            assert_eq!((message.id(), message.rcode()), (1, rcode), "{what}");
        }
        socket.send(&marker).unwrap();
        let len = socket.recv(&mut buffer).unwrap();
        assert_eq!(Message(&buffer[..len]).id(), 2, "{what}");
    }
}

#[test]
fn tcp_takes_split_and_joined_queries() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let mut stream = TcpStream::connect(squint.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut bytes = Vec::new();
    for id in 0..3 {
        let packet = query(id, "www.example", 1);
        bytes.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
        bytes.extend(packet);
    }
    let (first, rest) = bytes.split_at(1);
    stream.write_all(first).unwrap();
    let (second, third) = rest.split_at(50);
    stream.write_all(second).unwrap();
    stream.write_all(third).unwrap();
    let mut ids: Vec<u16> = (0..3)
        .map(|_| {
            let mut len = [0; 2];
            stream.read_exact(&mut len).unwrap();
            let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut message).unwrap();
            assert_eq!(Message(&message).answers(), 2);
            Message(&message).id()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2]);
}

#[test]
fn a_dead_upstream_is_told_to_the_client() {
    let dead = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let squint = Squint::start(dead, "");
    let response = squint.ask("www.example", "A");
    assert_eq!(response.status, "SERVFAIL");
    let [ede] = &response.ede[..] else { panic!("{response:?}") };
    assert!(ede.starts_with("22") || ede.starts_with("23"), "{ede}");
}

#[test]
fn a_silent_upstream_is_told_to_the_client() {
    let silent = Gate::new();
    let squint = Squint::start(silent.address(), "");
    assert_eq!(squint.ask("www.example", "A").status, "SERVFAIL");
    // What needs no upstream is answered meanwhile.
    assert_eq!(squint.ask("localhost", "A").data(), ["127.0.0.1"]);
}

#[test]
fn a_circle_of_forwarders_ends_without_a_storm() {
    let [a, b] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let (data_a, data_b) = (crate::support::Data::new(), crate::support::Data::new());
    let start = |data: &crate::support::Data, listen, upstream| {
        let process = Process::start(&mut data.serve(listen, upstream));
        let line = process.wait_for_line(|it| it.starts_with("try: dig"));
        assert!(line.is_some(), "{}{}", process.stdout(), process.stderr());
        process
    };
    let (_first, _second) = (start(&data_a, a, b), start(&data_b, b, a));
    // The query comes back to the first one, which is waiting for its own answer already and asks nobody again.
    assert_eq!(Dig::new(a, "circle.example", "A").ask().status, "SERVFAIL");
    let queries = |data: &crate::support::Data| {
        wait_until("the query is recorded", || data.state().join("events.jsonl").exists());
        data.events().len()
    };
    assert!(queries(&data_b) <= 10, "{} queries went round", queries(&data_b));
}

#[test]
fn a_query_that_comes_back_is_told_of_once() {
    let own = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let data = crate::support::Data::new();
    let process = Process::start(&mut data.serve(own, own));
    let line = process.wait_for_line(|it| it.starts_with("try: dig"));
    assert!(line.is_some(), "{}{}", process.stdout(), process.stderr());
    for name in ["one.example", "two.example"] {
        let response = Dig::new(own, name, "A").ask();
        assert_eq!(response.status, "SERVFAIL", "{name}");
    }
    wait_until("the loop is told of", || process.stderr().contains("forwarding loop"));
    assert_eq!(process.stderr().matches("forwarding loop").count(), 1);
}

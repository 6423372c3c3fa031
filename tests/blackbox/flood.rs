//! Random packets through the running server: it stays alive, its memory flat, and the next query is answered.

use crate::{
    client::{Connection, Transport},
    server::{Kind, Server},
    upstream::Upstreams,
    wire::{self, Edns, Message, Question},
};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{env, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket},
};

/// What the tests send without being told otherwise; `FLOOD` asks for another number, ten million by hand.
const PACKETS: usize = 100_000;

/// Packets between two queries that have to be answered, which shows that what came before them was read.
const BURST: usize = 64;

/// How much memory may grow after the first quarter of the packets.
const GROWTH_MAX: u64 = 24 << 20;

/// How long the server is watched at rest: longer than any query waits.
const REST_SECS: u16 = 6;

#[test]
fn random_packets_leave_no_trace() {
    let _turn = crate::turn();
    let count = env::var("FLOOD").map_or(PACKETS, |it| it.parse().unwrap());
    crate::runtime().block_on(async {
        let upstreams = Upstreams::start(1).await;
        let addresses = upstreams.addresses.clone();
        let start = move || Server::start(Kind::Squint, &addresses, "cache.size_mb = 1\n");
        let server = tokio::task::spawn_blocking(start).await.unwrap();
        let early = flood(&server, 1, count / 4).await;
        let late = flood(&server, 2, count - count / 4).await;
        assert!(late <= early + GROWTH_MAX, "{early} octets after a quarter, {late} at the end");
        for over in Transport::ALL {
            let mut connection = Connection::open(&server.places, over).await.unwrap();
            assert!(is_answered(&mut connection).await, "nothing over {}", over.as_str());
        }
        tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    });
}

/// Sends so many packets, most over UDP; how much memory the server has then.
async fn flood(server: &Server, seed: u64, count: usize) -> u64 {
    let mut numbers = StdRng::seed_from_u64(seed);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.places.plain).await.unwrap();
    let mut sent = 0;
    while sent < count {
        for _ in 0..BURST {
            socket.send(&packet(&mut numbers)).await.unwrap();
        }
        sent += BURST;
        marker(&socket, "marker.kit.example.", sent as u16).await;
        if numbers.random_bool(0.02) {
            stream(server, &mut numbers).await;
        }
    }
    at_rest(server, &socket, seed).await
}

/// How much memory is left when no query waits any more: some thousand of them may, and each takes some kilobytes meanwhile.
async fn at_rest(server: &Server, socket: &UdpSocket, seed: u64) -> u64 {
    let mut least = u64::MAX;
    for second in 0..REST_SECS {
        // Asked for the first time, so behind all others that wait.
        marker(socket, &format!("rest{seed}-{second}.kit.example."), second).await;
        least = least.min(server.resident());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    least
}

/// Waits for the response to a query of our own, behind those to whatever was sent before.
async fn marker(socket: &UdpSocket, name: &str, id: u16) {
    let name = wire::name(name, "");
    let question = Some(Question { name, qtype: 1, qclass: 1 });
    let query = Message { id, flags: 0x0100, question, ..Message::default() }.octets();
    let mut buffer = [0; 4_096];
    for _ in 0..10 {
        socket.send(&query).await.unwrap();
        let wait = tokio::time::timeout(Duration::from_secs(3), async {
            loop {
                let len = socket.recv(&mut buffer).await.unwrap();
                let got = &buffer[..len];
                if len > query.len()
                    && got[..2] == query[..2]
                    && got[12..query.len()] == query[12..]
                {
                    return;
                }
            }
        });
        if wait.await.is_ok() {
            return;
        }
    }
    panic!("the server answers no more");
}

/// Octets that are no messages, on a connection of their own.
async fn stream(server: &Server, numbers: &mut StdRng) {
    let mut stream = TcpStream::connect(server.places.plain).await.unwrap();
    let mut octets = vec![0; numbers.random_range(0..2_000)];
    numbers.fill_bytes(&mut octets);
    // The server may have closed it already.
    _ = stream.write_all(&octets).await;
}

async fn is_answered(connection: &mut Connection) -> bool {
    let name = wire::name("after.kit.example.", "");
    let question = Some(Question { name, qtype: 1, qclass: 1 });
    let query = Message { flags: 0x0100, question, ..Message::default() }.octets();
    let response = connection.exchange(&query, Duration::from_secs(5)).await;
    response.is_some_and(|it| Message::read(&it).is_ok_and(|it| it.sections[0].len() == 1))
}

/// Octets without a meaning, or a query with some of them changed, cut off or added.
fn packet(numbers: &mut StdRng) -> Vec<u8> {
    if numbers.random_bool(0.25) {
        let mut octets = vec![0; numbers.random_range(0..600)];
        numbers.fill_bytes(&mut octets);
        return octets;
    }
    let mut options = Vec::new();
    for _ in 0..numbers.random_range(0..4_u8) {
        let mut data = vec![0; numbers.random_range(0..40)];
        numbers.fill_bytes(&mut data);
        options.push((numbers.random_range(0..20), data));
    }
    let name = wire::name(&format!("f{}.example.", numbers.random_range(0..100_000_u32)), "");
    let qtype = if numbers.random_bool(0.5) { 1 } else { numbers.random() };
    let edns =
        Edns { size: numbers.random(), dnssec_ok: numbers.random(), options, ..Edns::default() };
    let edns = numbers.random_bool(0.5).then_some(edns);
    let question = Some(Question { name, qtype, qclass: 1 });
    let mut octets =
        Message { id: numbers.random(), flags: 0x0100, question, edns, ..Message::default() }
            .octets();
    for _ in 0..numbers.random_range(0..4_u8) {
        let at = numbers.random_range(0..octets.len());
        match numbers.random_range(0..6_u8) {
            0 => octets.truncate(at.max(1)),
            1 => octets.extend(numbers.random::<[u8; 7]>()),
            2 => octets[at] ^= 1 << numbers.random_range(0..8_u8),
            _ => octets[at] = numbers.random(),
        }
    }
    octets
}

//! A thousand connections that say nothing, and queries over UDP meanwhile.

use crate::support::{Knot, Squint, query, run};
use socket2::{Domain, Socket, Type};
use std::{
    fs, io,
    net::{SocketAddr, TcpStream, UdpSocket},
    process::{self, Command},
    time::Duration,
};

/// As many as there may be.
const CONNECTIONS: u16 = 1000;
/// Of one client: fewer than it may have.
const OF_ONE: u16 = 100;
const QUERIES: u16 = 700;
/// Comparisons until they take less than twice as long beside idle connections as without.
const TRIES_MAX: usize = 6;

/// A connection of another client for every hundred.
fn connect(number: u16, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from(([127, 0, 7, u8::try_from(number / OF_ONE).unwrap()], 0));
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.peek(&mut [0]), Err(it) if it.kind() == io::ErrorKind::WouldBlock)
}

/// Asks one query after the other; each is answered, and no other way round.
fn ask_all(client: &UdpSocket) {
    let mut response = [0; 512];
    for id in 0..QUERIES {
        client.send(&query(id, &format!("n{}.example", id % 50), 1)).unwrap();
        let len = client.recv(&mut response).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!((&response[..2], response[3] & 0xf), (&id.to_be_bytes()[..], 0), "{len}");
    }
}

/// Nanoseconds of processor time that the threads took that answer over UDP.
fn worker_time(squint: &Squint) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", squint.process.pid())).unwrap();
    let read = |it: &fs::DirEntry, file| fs::read_to_string(it.path().join(file)).unwrap();
    let workers = tasks.flatten().filter(|it| read(it, "comm").starts_with("udp-"));
    workers
        .map(|it| read(&it, "schedstat").split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[test]
fn a_thousand_idle_connections_do_not_slow_udp() {
    let own = process::id().to_string();
    let raised = run(Command::new("prlimit").args(["--pid", &own, "--nofile=4096:"]), "");
    assert_eq!(raised.code, Some(0), "{raised:?}");
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "[history]\nenabled = false\n");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(squint.address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The first round fetches.
    ask_all(&client);
    let round = |_| {
        let before = worker_time(&squint);
        ask_all(&client);
        worker_time(&squint) - before
    };
    let best_of_three = || (0..3).map(round).min().unwrap();
    // Others use this machine as well, for seconds on end: what is compared stands side by side, and one fair comparison is enough.
    let compared = (0..TRIES_MAX).map(|_| {
        let alone = best_of_three();
        let idle: Vec<TcpStream> = (0..CONNECTIONS).map(|it| connect(it, squint.address)).collect();
        let beside = best_of_three();
        let open = idle.iter().filter(|it| is_open(it)).count();
        assert!(open > usize::from(CONNECTIONS) * 9 / 10, "{open} were open");
        (alone, beside)
    });
    let slow: Vec<_> = compared.take_while(|(alone, beside)| *beside >= 2 * alone).collect();
    assert!(slow.len() < TRIES_MAX, "nanoseconds without and with them: {slow:?}");
}

//! A million queries over UDP answered from the cache, one in five for a name that a list blocks, recorded and not, and not one
//! allocation in the thread that answers. One test, alone in its process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should stop there")]

mod counting;
#[path = "../examples/cached/rig.rs"]
mod rig;

use rig::NAMES;
use squint::{
    event::{self, Recorder},
    server::{self, Access},
};
use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const QUERIES: usize = 1_000_000;
/// Queries outstanding: fewer than a socket holds.
const WINDOW: usize = 64;

#[test]
fn a_million_queries_answered_at_once_allocate_nothing() {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    check(&runtime, Recorder::off());
    let dir = tempfile::tempdir().unwrap();
    let history = event::Config::new(dir.path().to_owned());
    let threads = event::Threads { workers: 1, others: 1 };
    let (recorder, writer) = event::start(history, threads, Box::new(|_| None)).unwrap();
    check(&runtime, recorder.clone());
    assert!(writer.stop());
    assert!(recorder.counts().written > 0);
}

fn check(runtime: &Runtime, recorder: Recorder) {
    #[expect(clippy::disallowed_methods, reason = "takes the place of `app`")]
    let proxy = rig::proxy(Instant::now(), recorder).unwrap();
    let config = server::Config {
        listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
        workers: 1,
        access: Arc::new(Access::new(&[])),
        metrics: Arc::clone(proxy.metrics()),
        listen_tls: Vec::new(),
        listen_https: Vec::new(),
        listen_quic: Vec::new(),
        listen_h3: Vec::new(),
        certificate: None,
    };
    let server = server::start(&config, proxy, runtime.handle()).unwrap();
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect(server.addresses()[0]).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let packet =
        |it: usize| if it.is_multiple_of(5) { rig::blocked_packet(it) } else { rig::packet(it) };
    let packets: Vec<Vec<u8>> = (0..NAMES).map(|it| packet(it).unwrap()).collect();
    // The first round fetches, the second fills what the worker keeps near.
    ask(&client, &packets, 2 * NAMES);

    let allocations = counting::allocations_of(worker(), || ask(&client, &packets, QUERIES));
    assert_eq!(allocations, 0);
    runtime.block_on(server.stop(Duration::from_secs(5)));
}

fn ask(client: &UdpSocket, packets: &[Vec<u8>], queries: usize) {
    let mut response = [0; 1500];
    let mut sent = 0;
    for answered in 0..queries {
        while sent < queries.min(answered + WINDOW) {
            client.send(&packets[sent % NAMES]).unwrap();
            sent += 1;
        }
        let len = client.recv(&mut response).expect("every query is answered");
        assert_eq!((response[3] & 15, response[7]), (0, 1), "an address in {len} octets");
    }
}

/// The number of the thread that answers over UDP.
fn worker() -> i32 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|it| it.unwrap());
    let named = |it: &fs::DirEntry| {
        fs::read_to_string(it.path().join("comm")).is_ok_and(|it| it.trim() == "udp-0")
    };
    let found = tasks.into_iter().find(named).expect("there is a worker");
    found.file_name().to_str().unwrap().parse().unwrap()
}

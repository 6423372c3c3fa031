//! A million queries answered from the cache over UDP, and not one allocation in the thread that answers. One test, alone in its
//! process.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "counting allocations takes an allocator, whose trait is unsafe")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should stop there")]

use squint::{
    app, config,
    event::Recorder,
    metrics::Metrics,
    name::Name,
    proxy::{Parts, Plan, Proxy, Router},
    server::{self, Access},
    upstream::{Exchange, Strategy},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const QUERIES: usize = 1_000_000;
const NAMES: usize = 1000;
/// Queries outstanding: fewer than a socket holds.
const WINDOW: usize = 64;

struct Counting;

/// The thread whose allocations are counted; 0 for none.
static WATCHED: AtomicI32 = AtomicI32::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let watched = WATCHED.load(Ordering::Relaxed);
        // SAFETY: a call without arguments that cannot fail.
        if watched != 0 && watched == unsafe { libc::gettid() } {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises about the layout are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer comes from `alloc` above, and so from the system allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_million_cached_queries_allocate_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let proxy = proxy();
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
    let packets: Vec<Vec<u8>> = (0..NAMES).map(packet).collect();
    // The first round fetches, the second fills what the worker keeps near.
    ask(&client, &packets, 2 * NAMES);

    WATCHED.store(worker(), Ordering::Relaxed);
    ask(&client, &packets, QUERIES);
    WATCHED.store(0, Ordering::Relaxed);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), 0);
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

/// A proxy with the default policy, whose upstream is a thread that gives every name an address.
fn proxy() -> Arc<Proxy> {
    let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let servers = vec![format!("udp://{}", upstream.local_addr().unwrap()).parse().unwrap()];
    thread::spawn(move || {
        let mut packet = [0; 600];
        while let Ok((len, from)) = upstream.recv_from(&mut packet) {
            let len = answer(&mut packet, len);
            upstream.send_to(&packet[..len], from).unwrap();
        }
    });
    #[expect(clippy::disallowed_methods, reason = "takes the place of `app`")]
    let now = Instant::now();
    let config = config::parse("", Path::new("config.toml")).unwrap();
    let plan = Plan { servers, ..Plan::default() };
    Proxy::new(Parts {
        policy: Arc::new(app::offline_with(&config, Vec::new()).unwrap().policy),
        router: Router::new(Exchange::start().unwrap(), Strategy::default(), &plan).unwrap(),
        recorder: Recorder::off(),
        metrics: Arc::new(Metrics::new()),
        cache_octets_max: 16 << 20,
        seen: None,
        clock: (now, 1_800_000_000),
    })
}

/// A query for an A record with RD.
fn packet(number: usize) -> Vec<u8> {
    let name = Name::parse(&format!("host-{number}.some-site.example")).unwrap();
    [b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0", name.wire(), b"\0\x01\0\x01"].concat()
}

/// Turns a query that ends with an OPT record into its answer: one address in that record's place.
fn answer(packet: &mut [u8], len: usize) -> usize {
    const OPT_LEN: usize = 11;
    let record = [0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1];
    packet[2] |= 0x80;
    packet[3] = 0x80;
    packet[7] = 1;
    packet[11] = 0;
    packet[len - OPT_LEN..len - OPT_LEN + record.len()].copy_from_slice(&record);
    len - OPT_LEN + record.len()
}

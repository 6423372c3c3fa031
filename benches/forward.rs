//! What asking an upstream costs: CPU time of the asking thread per exchange, against a server on loopback in a thread of its own.
//!
//! Prints one line for each way: `cargo bench --bench forward`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up should stop there")]
#![expect(clippy::print_stdout, reason = "the figures are the point")]
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use squint::{
    name::Name,
    upstream::{Ask, Exchange, Strategy, Upstreams, Url},
};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const EXCHANGES: u32 = 200_000;
const TASKS: u32 = 200;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let exchanges = if std::env::args().any(|it| it == "--bench") { EXCHANGES } else { 2_000 };
    let server = serve();
    for _ in 0..3 {
        bare(server, exchanges);
    }
    for (scheme, tasks) in [("udp", TASKS), ("udp", 10), ("udp", 1), ("tcp", TASKS)] {
        let url: Url = format!("{scheme}://{server}").parse().unwrap();
        for _ in 0..3 {
            run(&url, tasks, exchanges);
        }
    }
}

fn run(url: &Url, tasks: u32, exchanges: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let exchange = Exchange::start().unwrap();
        let upstreams = Arc::new(
            Upstreams::new(exchange, std::slice::from_ref(url), Strategy::Fastest).unwrap(),
        );
        ask(&upstreams, tasks, exchanges / 10).await;
        let (cpu, wall) = (cpu_time(), Instant::now());
        ask(&upstreams, tasks, exchanges).await;
        let (cpu, wall) = (cpu_time() - cpu, wall.elapsed());
        println!(
            "{} tasks {tasks:3}: {:.2} µs CPU an exchange, {:.0} a second, {} sockets",
            url.scheme(),
            cpu.as_secs_f64() * 1e6 / f64::from(exchanges),
            f64::from(exchanges) / wall.as_secs_f64(),
            upstreams.counts().sockets,
        );
    });
}

/// What the system calls alone cost: a send and a receive on one of 256 sockets, in batches, without any check.
fn bare(server: SocketAddr, exchanges: u32) {
    let sockets: Vec<_> = (0..256)
        .map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.connect(server).unwrap();
            socket
        })
        .collect();
    let query = b"\0\0\x01\x20\0\x01\0\0\0\0\0\x01\x05n1234\x04t100\x07example\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    let mut buffer = [0; 1500];
    let start = cpu_time();
    for _ in 0..exchanges / TASKS {
        for socket in &sockets[..TASKS as usize] {
            socket.send(query).unwrap();
        }
        for socket in &sockets[..TASKS as usize] {
            assert!(socket.recv(&mut buffer).unwrap() > query.len());
        }
    }
    let cpu = cpu_time() - start;
    println!(
        "bare system calls:  {:.2} µs CPU an exchange",
        cpu.as_secs_f64() * 1e6 / f64::from(exchanges)
    );
}

async fn ask(upstreams: &Arc<Upstreams>, tasks: u32, exchanges: u32) {
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let upstreams = Arc::clone(upstreams);
            tokio::spawn(async move {
                for n in 0..exchanges / tasks {
                    let name = Name::parse(&format!("n{n}.t{task}.example")).unwrap();
                    let forwarded = upstreams.forward(&Ask::new(name, 1)).await.unwrap();
                    assert_eq!(forwarded.answer.addresses().count(), 1);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// A server that gives every name one address, over UDP and TCP.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            let len = answer(&mut buffer, len);
            socket.send_to(&buffer[..len], from).unwrap();
        }
    });
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true).unwrap();
            let (mut input, mut output, mut chunk) = (Vec::new(), Vec::new(), [0; 16384]);
            while let Ok(read @ 1..) = stream.read(&mut chunk) {
                input.extend_from_slice(&chunk[..read]);
                while let Some((len, rest)) = input.split_first_chunk::<2>()
                    && let Some(query) = rest.get(..usize::from(u16::from_be_bytes(*len)))
                {
                    let mut buffer = [0; 1500];
                    buffer[..query.len()].copy_from_slice(query);
                    let used = query.len();
                    let len = answer(&mut buffer, used);
                    output.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
                    output.extend_from_slice(&buffer[..len]);
                    input.drain(..used + 2);
                }
                stream.write_all(&output).unwrap();
                output.clear();
            }
        }
    });
    address
}

/// Turns the query in `buffer` into its answer; the OPT record at its end is written over.
fn answer(buffer: &mut [u8], len: usize) -> usize {
    const OPT_LEN: usize = 11;
    buffer[2] |= 0x80;
    buffer[3] = 0x80;
    buffer[7] = 1;
    buffer[11] = 0;
    let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
    let end = len - OPT_LEN;
    buffer[end..end + record.len()].copy_from_slice(&record);
    end + record.len()
}

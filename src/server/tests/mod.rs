//! The fronts over real sockets on loopback, with a script in place of the proxy.

mod batch;
mod bind;
mod carried;
mod http3;
mod limits;
mod quic;
mod stop;
mod tcp;
mod tls;
mod udp;

use super::{front::Responder, script::Script, *};
use crate::metrics::Totals;
use std::{
    io::{Read, Write},
    net::{IpAddr, TcpStream, UdpSocket},
};
use tokio::runtime::Runtime;

/// Far beyond what any exchange takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server with its runtime.
struct Rig {
    runtime: Runtime,
    server: Server,
    script: Arc<Script>,
    metrics: Arc<Metrics>,
    /// What its encrypted listeners show.
    certificate: Arc<Certificate>,
}

impl Rig {
    fn start(listen: &[&str], workers: usize) -> Self {
        Self::start_for(listen, workers, Access::new(&[]))
    }

    fn start_for(listen: &[&str], workers: usize, access: Access) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (script, metrics) = (Arc::new(Script::new()), Arc::new(Metrics::new()));
        let certificate = Certificate::load(&CertificateSource::SelfSigned).unwrap();
        let config = Config {
            listen: listen.iter().map(|it| it.parse().unwrap()).collect(),
            listen_tls: vec![([127, 0, 0, 1], 0).into()],
            listen_https: vec![([127, 0, 0, 1], 0).into()],
            listen_quic: vec![([127, 0, 0, 1], 0).into()],
            listen_h3: vec![([127, 0, 0, 1], 0).into()],
            certificate: Some(Arc::clone(&certificate)),
            workers,
            access: Arc::new(access),
            metrics: Arc::clone(&metrics),
        };
        let responder = Responder::Script(Arc::clone(&script));
        let server = start_with(&config, responder, runtime.handle()).unwrap();
        Self { runtime, server, script, metrics, certificate }
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    fn udp(&self) -> UdpSocket {
        udp_from("127.0.0.1", self.address())
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Waits until `count` queries are held.
    fn await_held(&self, count: u32) {
        let held = self.script.held.acquire_many(count);
        let held = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, held).await });
        held.unwrap().unwrap().forget();
    }

    /// Waits until the client of a held query is known to have gone: its query keeps its place until it is let go.
    fn await_gone(&self) {
        let gone = || self.metrics.totals().dropped_gone == 1;
        let until = Instant::now() + PATIENCE;
        while !gone() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(gone() && self.server.waiting() == 1);
        self.script.release.add_permits(1);
    }

    /// Stops, and checks that every packet has ended in one response or one counted drop.
    fn finish(self) -> Totals {
        let stopped = self.runtime.block_on(self.server.stop(PATIENCE));
        assert_eq!(stopped, Stopped { unanswered: 0 });
        let it = self.metrics.totals();
        let dropped = it.dropped_silent
            + it.dropped_policy
            + it.dropped_proxy
            + it.dropped_stopped
            + it.dropped_refused
            + it.rate_dropped
            + it.dropped_gone
            + it.send_failed;
        assert_eq!(
            it.queries_udp
                + it.queries_tcp
                + it.queries_dot
                + it.queries_doh
                + it.queries_doh3
                + it.queries_doq,
            it.responses + dropped,
            "{it:?}"
        );
        it
    }
}

fn udp_from(client: &str, server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((client.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A query for A of `name`.
fn query(id: u16, name: &str) -> Vec<u8> {
    let mut packet = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        packet.push(label.len() as u8);
        packet.extend_from_slice(label.as_bytes());
    }
    packet.extend_from_slice(&[0, 0, 1, 0, 1]);
    packet
}

/// The same with an OPT record.
fn with_edns(mut packet: Vec<u8>) -> Vec<u8> {
    packet[11] = 1;
    packet.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    packet
}

/// Id and rcode of a response.
fn id_and_rcode(response: &[u8]) -> (u16, u8) {
    assert!(response.len() >= 12 && response[2] & 0x80 != 0, "{response:?}");
    (u16::from_be_bytes([response[0], response[1]]), response[3] & 15)
}

fn receive(socket: &UdpSocket) -> (u16, u8) {
    let mut buffer = [0; 2000];
    let len = socket.recv(&mut buffer).unwrap();
    id_and_rcode(&buffer[..len])
}

fn framed(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

fn read_whole(stream: &mut impl Read) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut response = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut response).unwrap();
    response
}

fn read(stream: &mut impl Read) -> (u16, u8) {
    id_and_rcode(&read_whole(stream))
}

fn ask(stream: &mut impl Write, id: u16, name: &str) {
    stream.write_all(&framed(&query(id, name))).unwrap();
}

#[track_caller]
fn expect_end(stream: &mut impl Read) {
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

//! A scriptable upstream for the tests: it says what the test tells it to, over UDP and TCP on one loopback port.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedWriteHalf},
    task::JoinSet,
    time,
};

/// A query as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) packet: Vec<u8>,
    pub(super) from: SocketAddr,
    pub(super) tcp: bool,
    /// How many came before it.
    pub(super) nth: usize,
}

/// What the script answers.
#[derive(Debug)]
pub(super) enum Said {
    Now(Vec<u8>),
    /// After so many milliseconds.
    After(u64, Vec<u8>),
    /// From another port than the one asked.
    Elsewhere(Vec<u8>),
    /// Over TCP: these octets as they are, without a length in front.
    Raw(Vec<u8>),
    /// Over TCP: the connection ends.
    Close,
}

type Script = dyn Fn(&Heard) -> Vec<Said> + Send + Sync;

pub(super) struct Fake {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    _tasks: JoinSet<()>,
}

struct Stage {
    script: Box<Script>,
    heard: Arc<Mutex<Vec<Heard>>>,
    count: AtomicUsize,
}

impl Fake {
    /// Over UDP and TCP.
    pub(super) async fn start(
        script: impl Fn(&Heard) -> Vec<Said> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Ipv4Addr::LOCALHOST.into(), true, script).await
    }

    /// Over UDP; TCP connections are refused.
    pub(super) async fn udp_only(
        script: impl Fn(&Heard) -> Vec<Said> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Ipv4Addr::LOCALHOST.into(), false, script).await
    }

    /// Over UDP and TCP on the IPv6 loopback address.
    pub(super) async fn over_ipv6(
        script: impl Fn(&Heard) -> Vec<Said> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Ipv6Addr::LOCALHOST.into(), true, script).await
    }

    async fn with(
        ip: IpAddr,
        tcp: bool,
        script: impl Fn(&Heard) -> Vec<Said> + Send + Sync + 'static,
    ) -> Self {
        let (socket, listener) = loop {
            let listener = TcpListener::bind((ip, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            if let Ok(socket) = UdpSocket::bind(address).await {
                break (Arc::new(socket), listener);
            }
        };
        let address = socket.local_addr().unwrap();
        let heard = Arc::new(Mutex::default());
        let stage = Arc::new(Stage {
            script: Box::new(script),
            heard: Arc::clone(&heard),
            count: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(socket, Arc::clone(&stage)));
        if tcp {
            tasks.spawn(serve_tcp(listener, stage));
        }
        Self { address, heard, _tasks: tasks }
    }

    pub(super) fn udp(&self) -> super::Url {
        super::Url::Udp(self.address)
    }

    pub(super) fn tcp(&self) -> super::Url {
        super::Url::Tcp(self.address)
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Stage {
    fn play(&self, packet: &[u8], from: SocketAddr, tcp: bool) -> Vec<Said> {
        let nth = self.count.fetch_add(1, Relaxed);
        let heard = Heard { packet: packet.to_vec(), from, tcp, nth };
        let said = (self.script)(&heard);
        self.heard.lock().unwrap().push(heard);
        said
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, stage: Arc<Stage>) {
    let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut later = JoinSet::new();
    let mut buffer = vec![0; 4096];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        for said in stage.play(&buffer[..len], from, false) {
            match said {
                Said::Now(message) | Said::Raw(message) => {
                    socket.send_to(&message, from).await.unwrap();
                }
                Said::Elsewhere(message) => drop(elsewhere.send_to(&message, from).await),
                Said::After(wait_ms, message) => {
                    let socket = Arc::clone(&socket);
                    later.spawn(async move {
                        time::sleep(Duration::from_millis(wait_ms)).await;
                        drop(socket.send_to(&message, from).await);
                    });
                }
                Said::Close => (),
            }
        }
    }
}

async fn serve_tcp(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, from)) = listener.accept().await {
        connections.spawn(serve_connection(stream, from, Arc::clone(&stage)));
    }
}

async fn serve_connection(stream: TcpStream, from: SocketAddr, stage: Arc<Stage>) {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let mut later = JoinSet::new();
    while let Ok(len) = reader.read_u16().await {
        let mut packet = vec![0; usize::from(len)];
        if reader.read_exact(&mut packet).await.is_err() {
            return;
        }
        for said in stage.play(&packet, from, true) {
            match said {
                Said::Now(message) => write(&writer, &message).await,
                Said::After(wait_ms, message) => {
                    let writer = Arc::clone(&writer);
                    later.spawn(async move {
                        time::sleep(Duration::from_millis(wait_ms)).await;
                        write(&writer, &message).await;
                    });
                }
                Said::Raw(octets) => {
                    let mut writer = writer.lock().await;
                    writer.write_all(&octets).await.unwrap();
                    writer.flush().await.unwrap();
                    // Lets the other side see the pieces one by one.
                    tokio::task::yield_now().await;
                }
                Said::Elsewhere(_) => (),
                Said::Close => return,
            }
        }
    }
}

async fn write(writer: &tokio::sync::Mutex<OwnedWriteHalf>, message: &[u8]) {
    let frame = framed(message);
    drop(writer.lock().await.write_all(&frame).await);
}

/// A message as it goes over TCP.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).unwrap();
    [&len.to_be_bytes(), message].concat()
}

/// A response to `packet` that gives `records` records of its type in the answer section, each with `rdata`.
pub(super) fn answer(packet: &[u8], records: u16, rdata: &[u8]) -> Vec<u8> {
    let question_end = question_end(packet);
    let mut message = packet[..question_end].to_vec();
    message[2] |= 0x80;
    message[3] = 0x80;
    message[6..8].copy_from_slice(&records.to_be_bytes());
    message[8..12].fill(0);
    for _ in 0..records {
        message.extend([0xc0, 12]);
        message.extend_from_slice(&packet[question_end - 4..question_end]);
        message.extend(60_u32.to_be_bytes());
        message.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
        message.extend_from_slice(rdata);
    }
    message
}

/// An answer with the address 192.0.2.`last`.
pub(super) fn address(packet: &[u8], last: u8) -> Vec<u8> {
    answer(packet, 1, &[192, 0, 2, last])
}

/// A response without records.
pub(super) fn rcode(packet: &[u8], rcode: u8) -> Vec<u8> {
    changed(answer(packet, 0, &[]), |it| it[3] |= rcode)
}

/// The same with an OPT record at its end.
pub(super) fn with_opt(message: Vec<u8>) -> Vec<u8> {
    changed(message, |it| {
        it[11] += 1;
        it.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    })
}

pub(super) fn changed(mut message: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut message);
    message
}

pub(super) fn question_end(packet: &[u8]) -> usize {
    let name = packet[12..].iter().position(|it| *it == 0).unwrap();
    12 + name + 1 + 4
}

//! Clients of every transport, which send any octets and tell what comes back.

use crate::carrier::Carrier;
use bytes::Buf as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{
    collections::HashMap, error::Error, future::poll_fn, io, net::SocketAddr, sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long a connection may take to be made.
const OPENED_MAX: Duration = Duration::from_secs(15);

/// Octets of the longest stream of HTTP/3 that is read.
const HTTP3_STREAM_LEN_MAX: usize = 1 << 20;

/// How a query travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Dot,
    Doh,
    Doh3,
    Doq,
}

/// Where a server listens; peers are asked over UDP and TCP alone.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) plain: SocketAddr,
    pub(crate) dot: SocketAddr,
    pub(crate) doh: SocketAddr,
    pub(crate) doh3: SocketAddr,
    pub(crate) doq: SocketAddr,
    /// The authority that vouches for the encrypted ones.
    pub(crate) roots: Option<Arc<RootCertStore>>,
}

pub(crate) enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Dot(Box<TlsStream<TcpStream>>),
    Doh(SendRequest<Full<Bytes>>),
    /// The endpoint lives as long as its connection.
    Doh3 {
        sender: Http3Sender,
        _endpoint: quinn::Endpoint,
    },
    /// So does this one.
    Doq {
        connection: quinn::Connection,
        _endpoint: quinn::Endpoint,
    },
}

type Http3Sender =
    h3::client::SendRequest<<Carrier as h3::quic::Connection<Bytes>>::OpenStreams, Bytes>;

impl Transport {
    pub(crate) const ALL: [Self; 6] =
        [Self::Udp, Self::Tcp, Self::Dot, Self::Doh, Self::Doh3, Self::Doq];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Dot => "dot",
            Self::Doh => "doh",
            Self::Doh3 => "doh3",
            Self::Doq => "doq",
        }
    }

    pub(crate) fn of(text: &str) -> Self {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.unwrap_or_else(|| panic!("no transport: {text}"))
    }

    pub(crate) const fn is_plain(self) -> bool {
        matches!(self, Self::Udp | Self::Tcp)
    }
}

impl Connection {
    pub(crate) async fn open(places: &Places, transport: Transport) -> Result<Self, String> {
        let opened = timeout(OPENED_MAX, Self::opened(places, transport)).await;
        let opened = opened.map_err(|_| "no connection in time".to_owned())?;
        opened.map_err(|it| format!("no connection: {it}"))
    }

    async fn opened(
        places: &Places,
        transport: Transport,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((places.plain.ip(), 0)).await?;
                socket.connect(places.plain).await?;
                Self::Udp(socket)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(places.plain).await?;
                stream.set_nodelay(true)?;
                Self::Tcp(stream)
            }
            Transport::Dot => Self::Dot(Box::new(tls(places, places.dot, b"dot").await?)),
            Transport::Doh => {
                let stream = TokioIo::new(tls(places, places.doh, b"h2").await?);
                let shake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
                let (sender, connection) = shake.await?;
                tokio::spawn(connection);
                Self::Doh(sender)
            }
            Transport::Doh3 => {
                let (connection, _endpoint) = quic(places, places.doh3, b"h3").await?;
                let carrier = Carrier::new(connection, HTTP3_STREAM_LEN_MAX);
                let (mut driver, sender) = h3::client::new(carrier).await?;
                tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
                Self::Doh3 { sender, _endpoint }
            }
            Transport::Doq => {
                let (connection, _endpoint) = quic(places, places.doq, b"doq").await?;
                Self::Doq { connection, _endpoint }
            }
        })
    }

    /// Sends a packet and waits for what comes back; `None` for silence, a closed stream, an HTTP error.
    pub(crate) async fn exchange(&mut self, packet: &[u8], patience: Duration) -> Option<Vec<u8>> {
        timeout(patience, self.exchanged(packet)).await.ok()?
    }

    async fn exchanged(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Udp(socket) => {
                socket.send(packet).await.ok()?;
                let mut buffer = vec![0; 65_535];
                let len = socket.recv(&mut buffer).await.ok()?;
                buffer.truncate(len);
                Some(buffer)
            }
            Self::Tcp(stream) => framed(stream, packet).await,
            Self::Dot(stream) => framed(stream, packet).await,
            Self::Doh(sender) => {
                let query = Request::post("https://127.0.0.1/dns-query")
                    .header("content-type", "application/dns-message")
                    .body(Full::new(Bytes::copy_from_slice(packet)))
                    .unwrap();
                sender.ready().await.ok()?;
                let response = sender.send_request(query).await.ok()?;
                if response.status() != 200 {
                    return None;
                }
                Some(response.into_body().collect().await.ok()?.to_bytes().to_vec())
            }
            Self::Doh3 { sender, .. } => {
                let query = Request::post("https://127.0.0.1/dns-query")
                    .header("content-type", "application/dns-message")
                    .body(())
                    .unwrap();
                let mut stream = sender.send_request(query).await.ok()?;
                stream.send_data(Bytes::copy_from_slice(packet)).await.ok()?;
                stream.finish().await.ok()?;
                if stream.recv_response().await.ok()?.status() != 200 {
                    return None;
                }
                let mut all = Vec::new();
                while let Some(mut data) = stream.recv_data().await.ok()? {
                    all.extend_from_slice(&data.copy_to_bytes(data.remaining()));
                }
                Some(all)
            }
            Self::Doq { connection, .. } => {
                let (mut sender, mut receiver) = connection.open_bi().await.ok()?;
                sender.write_all(&frame(packet)).await.ok()?;
                sender.finish().ok()?;
                let all = receiver.read_to_end(70_000).await.ok()?;
                all.get(2..).filter(|it| !it.is_empty()).map(<[u8]>::to_vec)
            }
        }
    }
}

impl Connection {
    /// Sends all of these at once, which differ in their IDs, and waits for as many responses, in whatever order.
    pub(crate) async fn exchange_all(
        &mut self,
        packets: &[Vec<u8>],
        patience: Duration,
    ) -> Result<Vec<Vec<u8>>, String> {
        let got = timeout(patience, self.exchanged_all(packets)).await;
        got.ok().flatten().ok_or_else(|| "responses are missing".to_owned())
    }

    async fn exchanged_all(&mut self, packets: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::Udp(socket) => datagrams(socket, packets).await,
            Self::Tcp(stream) => frames(stream, packets).await,
            Self::Dot(stream) => frames(stream, packets).await,
            Self::Doh(sender) => {
                let mut tasks = JoinSet::new();
                for packet in packets {
                    let (sender, packet) = (sender.clone(), packet.clone());
                    tasks.spawn(async move { Self::Doh(sender).exchanged(&packet).await });
                }
                tasks.join_all().await.into_iter().collect()
            }
            Self::Doh3 { .. } | Self::Doq { .. } => None,
        }
    }
}

/// Sends once more what is not answered: datagrams may be lost, also here.
async fn datagrams(socket: &UdpSocket, packets: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let mut got: HashMap<[u8; 2], Vec<u8>> = HashMap::new();
    let mut buffer = vec![0; 65_535];
    while got.len() < packets.len() {
        for packet in packets.iter().filter(|it| !got.contains_key(&[it[0], it[1]])) {
            socket.send(packet).await.ok()?;
        }
        while got.len() < packets.len() {
            let received = timeout(Duration::from_secs(2), socket.recv(&mut buffer)).await;
            let Ok(len) = received else { break };
            let octets = &buffer[..len.ok()?];
            got.insert(*octets.first_chunk()?, octets.to_vec());
        }
    }
    Some(got.into_values().collect())
}

async fn frames(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    packets: &[Vec<u8>],
) -> Option<Vec<Vec<u8>>> {
    let octets: Vec<u8> = packets.iter().flat_map(|it| frame(it)).collect();
    stream.write_all(&octets).await.ok()?;
    stream.flush().await.ok()?;
    let mut got = Vec::new();
    while got.len() < packets.len() {
        got.push(read_frame(stream).await?);
    }
    Some(got)
}

/// A message with its length before it (RFC 1035 section 4.2.2).
pub(crate) fn frame(packet: &[u8]) -> Vec<u8> {
    [&u16::try_from(packet.len()).unwrap().to_be_bytes(), packet].concat()
}

pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut packet = vec![0; usize::from(stream.read_u16().await.ok()?)];
    stream.read_exact(&mut packet).await.ok()?;
    Some(packet)
}

async fn framed(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    packet: &[u8],
) -> Option<Vec<u8>> {
    stream.write_all(&frame(packet)).await.ok()?;
    stream.flush().await.ok()?;
    read_frame(stream).await
}

fn trusting(places: &Places, protocol: &[u8]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::clone(places.roots.as_ref().expect("encrypted listeners have an authority"));
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// Where connections of an encrypted transport come from: each is a client of its own, so that all that come at once stay within what
/// one client may have.
fn source(protocol: &[u8]) -> SocketAddr {
    let host = match protocol {
        b"dot" => 2,
        b"h2" => 3,
        b"h3" => 4,
        _ => 5,
    };
    SocketAddr::from(([127, 0, 0, host], 0))
}

async fn tls(places: &Places, to: SocketAddr, protocol: &[u8]) -> io::Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(source(protocol))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(trusting(places, protocol)));
    connector.connect(ServerName::IpAddress(to.ip().into()), stream).await
}

async fn quic(
    places: &Places,
    to: SocketAddr,
    protocol: &[u8],
) -> Result<(quinn::Connection, quinn::Endpoint), Box<dyn Error + Send + Sync>> {
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(trusting(places, protocol))?;
    let endpoint = quinn::Endpoint::client(source(protocol))?;
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let connection = endpoint.connect_with(config, to, "127.0.0.1")?.await?;
    Ok((connection, endpoint))
}

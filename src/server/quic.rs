//! Accepting connections of QUIC, for DNS over QUIC and over HTTP/3, and how many there may be.

use super::{
    activity::Activity,
    clock, doq,
    front::Front,
    handshakes::{Beginner, Entry},
    http3,
    tcp::{Seat, Table},
};
use crate::dns::{Client, Transport};
use quinn::{
    Connection, Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TokioRuntime,
    TransportConfig, VarInt, crypto::rustls::QuicServerConfig,
};
use std::{
    io,
    net::{IpAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep_until, timeout},
};

/// Connections that wait to be looked at. Past that, they are not even answered.
const INCOMING_MAX: usize = 256;
/// Octets that are kept for one of them until then, and for all. A first flight is two datagrams or three.
const INCOMING_LEN_MAX: u64 = 8 * 1024;
const INCOMING_LEN_MAX_ALL: u64 = 512 * 1024;
/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Queries of one connection at once: no fewer than RFC 9114 section 6.1 advises.
const STREAMS_MAX: u32 = 100;
/// Streams by which a client steers a connection of HTTP/3 (RFC 9114 section 6.2: three, and some of no meaning).
const STEERING_MAX: u8 = 8;
/// Octets that a client may send ahead, for one query and for all. More than nearly every query.
const STREAM_WINDOW: u32 = 8 * 1024;
const CONNECTION_WINDOW: u32 = 64 * 1024;
/// Octets of answers of one connection that the client has not taken.
const SEND_WINDOW: u64 = 128 * 1024;
/// A connection of which nothing is heard for so long is dead. Longer than one may idle.
const DEAD_AFTER_MS: u32 = 15_000;
/// How long the last packets of all connections may take at the end.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long a connection may go on once it was told to end.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// How connections are set up, and what they carry.
#[derive(Clone)]
pub(super) struct Setup {
    /// DNS over QUIC or over HTTP/3.
    pub(super) transport: Transport,
    quic: ServerConfig,
}

impl Setup {
    /// # Errors
    /// `tls` cannot carry QUIC.
    pub(super) fn new(
        transport: Transport,
        tls: rustls::ServerConfig,
    ) -> Result<Self, rustls::Error> {
        let quic = config(tls, if transport == Transport::Doh3 { STEERING_MAX } else { 0 })?;
        Ok(Self { transport, quic })
    }
}

fn config(tls: rustls::ServerConfig, one_way: u8) -> Result<ServerConfig, rustls::Error> {
    let crypto =
        QuicServerConfig::try_from(tls).map_err(|it| rustls::Error::General(it.to_string()))?;
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(STREAMS_MAX.into())
        .max_concurrent_uni_streams(one_way.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into())
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(DEAD_AFTER_MS))));
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport))
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_LEN_MAX)
        .incoming_buffer_size_total(INCOMING_LEN_MAX_ALL);
    Ok(config)
}

/// Accepts connections until told to stop, then waits for all to end.
pub(super) async fn serve(
    socket: UdpSocket,
    setup: Setup,
    front: Arc<Front>,
    table: Arc<Table>,
    mut stop: watch::Receiver<bool>,
) {
    let bound = socket.local_addr().map(|it| it.ip());
    let endpoint = bound.and_then(|bound| Ok((bound, endpoint(socket, setup.quic)?)));
    let (bound, endpoint) = match endpoint {
        Ok(it) => it,
        Err(error) => return tracing::error!(%error, "cannot accept QUIC connections"),
    };
    let transport = setup.transport;
    let acceptor = Acceptor { bound, transport, front, table, stop: stop.clone() };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok(()) = stop.changed() => break,
            Some(_) = connections.join_next() => (),
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => acceptor.open(&mut connections, incoming),
                None => break,
            },
        }
    }
    endpoint.set_server_config(None);
    acceptor.table.close_all();
    while connections.join_next().await.is_some() {}
    let _ = timeout(FAREWELL, endpoint.wait_idle()).await;
}

fn endpoint(socket: UdpSocket, config: ServerConfig) -> io::Result<Endpoint> {
    Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))
}

struct Acceptor {
    bound: IpAddr,
    transport: Transport,
    front: Arc<Front>,
    table: Arc<Table>,
    stop: watch::Receiver<bool>,
}

impl Acceptor {
    fn open(&self, connections: &mut JoinSet<()>, incoming: Incoming) {
        let counters = self.front.metrics.here();
        let peer = incoming.remote_address();
        // It would have to say for whom it speaks, and over QUIC no proxy can: there is nobody to take its clients for.
        if self.front.access.load().is_proxy(peer.ip()) {
            counters.proxies_turned_away.bump();
            return incoming.refuse();
        }
        // Whoever is turned away here gets no answer: the address may be somebody else's.
        if !self.front.may_shake_hands(peer.ip(), clock::now()) {
            return incoming.ignore();
        }
        let who = Beginner {
            address: peer.ip(),
            is_proven: incoming.remote_address_validated(),
            is_served: self.front.access.admits(peer.ip()),
        };
        let handshake = match self.front.handshakes.enter(who) {
            Entry::Room(permit) => permit,
            Entry::Prove => {
                counters.quic_to_prove.bump();
                // One that did prove it is never told so.
                let _ = incoming.retry();
                return;
            }
            Entry::NoRoom => {
                counters.quic_turned_away.bump();
                return incoming.refuse();
            }
        };
        let (front, table) = (Arc::clone(&self.front), Arc::clone(&self.table));
        let (bound, transport, stop) = (self.bound, self.transport, self.stop.clone());
        connections.spawn(async move {
            let Some(connection) = shake_hands(incoming, &front, stop).await else { return };
            drop(handshake);
            // Only now it is sure that the address is the client's own, and no place is taken in anybody else's name.
            let counters = front.metrics.here();
            match table.open(connection.remote_address().ip(), clock::now()) {
                Some((seat, evicted)) => {
                    counters.quic_opened.bump();
                    counters.tcp_evicted.add(evicted.into());
                    match transport {
                        Transport::Doh3 => http3::drive(&connection, bound, &front, seat).await,
                        _ => drive(&connection, bound, &front, seat).await,
                    }
                    front.metrics.here().quic_closed.bump();
                }
                None => {
                    counters.quic_turned_away.bump();
                    connection.close(doq::EXCESSIVE_LOAD, b"no room");
                }
            }
        });
    }
}

/// Shakes hands; `None` where that failed, took too long, or the server stops: nothing was asked yet.
async fn shake_hands(
    incoming: Incoming,
    front: &Front,
    mut stop: watch::Receiver<bool>,
) -> Option<Connection> {
    if let Ok(connecting) = incoming.accept() {
        let done = tokio::select! {
            done = timeout(HANDSHAKE_TIMEOUT, connecting) => done,
            _ = stop.wait_for(|it| *it) => return None,
        };
        if let Ok(Ok(connection)) = done {
            return Some(connection);
        }
    }
    front.metrics.here().handshakes_failed.bump();
    None
}

/// Who asks a query of a connection. It may move to another address (RFC 9000 section 9), so that each query has its own.
pub(super) fn client(connection: &Connection, bound: IpAddr, transport: Transport) -> Client {
    Client {
        address: connection.remote_address(),
        local: connection.local_ip().unwrap_or(bound),
        transport,
        keepalive: 0,
    }
}

/// Serves a connection until its client ends it, it idles too long, or it is told to end.
async fn drive(connection: &Connection, bound: IpAddr, front: &Arc<Front>, seat: Seat) {
    let activity = Activity::new(seat, clock::now());
    let mut closed = std::pin::pin!(activity.seat.closed());
    let mut streams = JoinSet::new();
    loop {
        let deadline = activity.deadline(clock::now());
        tokio::select! {
            stream = connection.accept_bi() => {
                // An error means that the client has gone.
                let Ok(stream) = stream else { return };
                let client = client(connection, bound, Transport::Doq);
                let (front, activity) = (Arc::clone(front), Arc::clone(&activity));
                let connection = connection.clone();
                streams.spawn(async move {
                    doq::serve(&front, client, stream, &activity, &connection).await;
                });
            }
            Some(_) = streams.join_next() => (),
            () = &mut closed => break,
            () = activity.ended() => break,
            () = sleep_until(deadline.into()) => {
                if activity.deadline(clock::now()) <= clock::now() {
                    front.metrics.here().tcp_timed_out.bump();
                    break;
                }
            }
        }
    }
    let _ = timeout(LAST_ANSWERS, async { while streams.join_next().await.is_some() {} }).await;
    connection.close(doq::NO_ERROR, b"");
}

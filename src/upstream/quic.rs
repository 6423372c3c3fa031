//! Asking an upstream over QUIC (RFC 9250): one connection, kept, with a stream for each query.

use super::{
    Secure, connect,
    line::{End, Job},
    server::Server,
    shared::Shared,
    streams::{self, MESSAGE_LEN_MAX},
};
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, TransportConfig, VarInt,
    crypto::rustls::QuicClientConfig,
};
use std::{
    future::pending,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time};

/// The end without an error (RFC 9250 section 8.4).
const NO_ERROR: VarInt = VarInt::from_u32(0);

/// How much a server may send ahead, for one query and for all. More than the longest message.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A connection of which nothing is heard for so long is dead. Longer than one may idle.
const DEAD_AFTER_MS: u32 = 70_000;

/// A connection is given up when nothing is heard of a server for so long that has a query to acknowledge, and for so many round trips. A
/// server that works acknowledges what comes within 25 ms or so, however long an answer takes it (RFC 9000 section 13.2.1).
const SILENT_MAX: Duration = Duration::from_secs(1);
const SILENT_ROUND_TRIPS: u32 = 3;

/// Octets of the length before each message.
const LENGTH_LEN: usize = 2;

/// A connection, and what it lives by.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) endpoint: Endpoint,
    /// Our own end.
    pub(super) local: SocketAddr,
}

/// How connections are set up on which the server may open so many streams of its own, to steer them.
pub(super) fn config(
    tls: rustls::ClientConfig,
    steering: u8,
) -> Result<ClientConfig, rustls::Error> {
    let crypto =
        QuicClientConfig::try_from(tls).map_err(|it| rustls::Error::General(it.to_string()))?;
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(0_u8.into())
        .max_concurrent_uni_streams(steering.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into())
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(DEAD_AFTER_MS))));
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Connects to a server that proves who it is.
pub(super) async fn connect(shared: &Shared, server: &Server, to: &Secure) -> io::Result<Link> {
    let config = shared.trust.load().doq.clone();
    reach(shared, server, to, config).await
}

/// Shakes hands.
pub(super) async fn reach(
    shared: &Shared,
    server: &Server,
    to: &Secure,
    config: ClientConfig,
) -> io::Result<Link> {
    let (addresses, name) = connect::whereabouts(shared, server, to).await?;
    let name = name.to_str().into_owned();
    connect::reach(server, &addresses, move |address| {
        let (config, name) = (config.clone(), name.clone());
        async move {
            let endpoint = Endpoint::client(source(address)?)?;
            let connecting = endpoint.connect_with(config, address, &name);
            let connection = connecting.map_err(io::Error::other)?.await?;
            let local = endpoint.local_addr()?;
            Ok(Link { connection, endpoint, local })
        }
    })
    .await
}

/// The address that this host sends from to get there, with any port. A socket that is bound to it knows who it is, so that a query of
/// ours that comes back is known.
fn source(to: SocketAddr) -> io::Result<SocketAddr> {
    let any = match to {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Nothing is sent by connecting; the kernel only looks up the way.
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect(to)?;
    let mut source = probe.local_addr()?;
    source.set_port(0);
    Ok(source)
}

/// Works until the connection idles or breaks.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    server: &Arc<Server>,
    link: Link,
    jobs: &mut mpsc::Receiver<Job>,
) -> End {
    let Link { connection, endpoint, local } = link;
    let _own = shared.own.udp_guard(local);
    let exchange = {
        let connection = connection.clone();
        move |query| exchange(connection.clone(), query)
    };
    let closed = async { Some(why(connection.closed().await)) };
    let end = streams::serve((shared, server), jobs, exchange, closed).await;
    connection.close(NO_ERROR, b"");
    drop(endpoint);
    end
}

/// Waits until nothing is heard of the server for as long as that may be, and closes the connection. Who waits has sent something that is
/// not acknowledged yet.
///
/// A server that died without a word, or behind a way that lost its state, is so reached over a new connection while there is time.
/// Without it, nothing would end the old one: whoever took its port cannot reset what it does not know.
pub(super) async fn silence(connection: &Connection) -> io::Error {
    // What was not sealed for this connection does not count.
    let heard = || connection.stats().frame_rx.acks;
    loop {
        let before = heard();
        time::sleep(SILENT_MAX.max(connection.rtt() * SILENT_ROUND_TRIPS)).await;
        if heard() == before {
            connection.close(NO_ERROR, b"");
            return why(ConnectionError::LocallyClosed);
        }
    }
}

/// Why a connection ended, before we had no more use for it.
pub(super) fn why(error: ConnectionError) -> io::Error {
    match error {
        // Nobody closes it here but who heard nothing.
        ConnectionError::LocallyClosed => io::ErrorKind::TimedOut.into(),
        other => other.into(),
    }
}

/// The DNS message that comes back; `None` where that is none.
async fn exchange(connection: Connection, query: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let (mut sending, mut receiving) = connection.open_bi().await?;
    let len = u16::try_from(query.len()).expect("a query is short");
    sending.write_all(&[&len.to_be_bytes()[..], &query].concat()).await?;
    sending.finish().map_err(io::Error::other)?;
    let unheard = async {
        tokio::select! {
            // The server has all of it.
            _ = sending.stopped() => pending().await,
            error = silence(&connection) => error,
        }
    };
    let said = tokio::select! {
        said = receiving.read_to_end(LENGTH_LEN + MESSAGE_LEN_MAX) => said,
        error = unheard => return Err(error),
    };
    // A stream that the server gives up is no fault of the connection.
    let Ok(said) = said else {
        return connection.close_reason().map_or(Ok(None), |it| Err(why(it)));
    };
    let message = said.split_first_chunk::<LENGTH_LEN>();
    let message = message.filter(|it| usize::from(u16::from_be_bytes(*it.0)) == it.1.len());
    Ok(message.map(|it| it.1.to_vec()))
}

//! The server's side of TLS: what each transport offers, and handshakes that end in time.

use super::{Certificate, front::Front, tcp::Seat};
use rustls::{ServerConfig, crypto::ring};
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Octets of answers that a session holds encrypted until the client takes them.
const SESSION_OUTPUT_LEN_MAX: usize = 16 * 1024;

/// What DNS over TLS is called in a handshake. Clients that name no protocol are served as well.
pub(super) const DOT: &[&[u8]] = &[b"dot"];
/// What DNS over HTTPS is called in a handshake, the better one first.
pub(super) const DOH: &[&[u8]] = &[b"h2", b"http/1.1"];
/// What DNS over HTTP/3 is called in a handshake.
pub(super) const DOH3: &[&[u8]] = &[b"h3"];
/// What DNS over QUIC is called in a handshake.
pub(super) const DOQ: &[&[u8]] = &[b"doq"];

/// How sessions are set up that carry one of `protocols`.
///
/// No early data: it could be sent again by somebody else (RFC 8446 section 8). Sessions are resumed by tickets, so that the server
/// need not remember them.
pub(super) fn config(
    certificate: &Arc<Certificate>,
    protocols: &[&[u8]],
) -> Result<ServerConfig, rustls::Error> {
    let resolver: Arc<Certificate> = Arc::clone(certificate);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

/// Shakes hands; `None` when that failed, took too long, or had to make room for another connection.
pub(super) async fn accept(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    front: &Front,
    seat: &Seat,
) -> Option<Box<TlsStream<TcpStream>>> {
    let accepting = TlsAcceptor::from(Arc::clone(config))
        .accept_with(stream, |it| it.set_buffer_limit(Some(SESSION_OUTPUT_LEN_MAX)));
    let done = tokio::select! {
        done = timeout(HANDSHAKE_TIMEOUT, accepting) => done,
        () = seat.closed() => Ok(Err(io::ErrorKind::ConnectionAborted.into())),
    };
    if let Ok(Ok(stream)) = done {
        return Some(Box::new(stream));
    }
    front.metrics.here().handshakes_failed.bump();
    None
}
